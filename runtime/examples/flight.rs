//! Works without end, for somebody to kill: `GLEAK_FLIGHT=. cargo run --example flight`, then
//! `kill -9`, then `gleak report gleak-*.flight`.
//!
//! The argument is a number of pairs of tasks that pass a token on as fast as they can. As many others,
//! named `idle`, wait for what never comes, and tasks are made and end all the time. A word behind it is an
//! end, or something else that may come to it: see `Then`.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use gleak_runtime::{Builder, Chan, go};

fn pass_on(from: &Chan<u32>, to: &Chan<u32>) {
    while let Some(token) = from.recv() {
        to.send(token.wrapping_add(1));
    }
}

fn idle(here: &Chan<()>, never: &Chan<u32>) {
    here.send(());
    never.recv();
}

/// What the main task does when the others are there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Makes tasks, for ever.
    Spawn,
    /// The same, after a child was forked that has ended.
    Fork,
    /// Keeps its worker, for ever.
    Hold,
    /// Asks for memory until there is none, or a limit.
    Eat,
    /// Ends by a signal of its own.
    Abort,
    /// Ends the process, and says how.
    Exit,
    /// The same without the hooks of an exit.
    ExitAtOnce,
    /// Comes to its end.
    Return,
}

impl Then {
    fn of(word: Option<&str>) -> Then {
        match word {
            None => Then::Spawn,
            Some("fork") => Then::Fork,
            Some("hold") => Then::Hold,
            Some("eat") => Then::Eat,
            Some("abort") => Then::Abort,
            Some("exit") => Then::Exit,
            Some("_exit") => Then::ExitAtOnce,
            Some("return") => Then::Return,
            Some(other) => panic!("no such end: {other}"),
        }
    }

    fn come(self) {
        match self {
            Then::Spawn | Then::Fork => loop {
                go! { gleak_runtime::yield_now() }.join().expect("it does not panic");
            },
            Then::Hold => loop {
                std::hint::spin_loop();
            },
            Then::Eat => eat(),
            Then::Abort => std::process::abort(),
            Then::Exit => std::process::exit(3),
            Then::ExitAtOnce => signal_hook::low_level::exit(3),
            Then::Return => {}
        }
    }
}

/// Never more than no machine misses.
fn eat() {
    const BLOCK: usize = 1 << 20;
    let mut eaten = Vec::new();
    for _ in 0..512 {
        eaten.push(vec![1_u8; BLOCK]);
    }
    println!("{} MiB, and nobody minds", std::hint::black_box(&eaten).len());
}

/// True in the child; the parent has seen its end.
fn child_has_ended() -> bool {
    match fork::fork().expect("a child") {
        fork::Fork::Child => true,
        fork::Fork::Parent(child) => {
            fork::waitpid(child).expect("it ends");
            false
        }
    }
}

fn main() {
    let pairs = std::env::args().nth(1).map_or(4, |pairs| pairs.parse().expect("a number"));
    let then = Then::of(std::env::args().nth(2).as_deref());
    gleak_runtime::run(move || {
        let (here, never) = (Chan::new(0), Chan::new(0));
        for _ in 0..pairs {
            let (there, back) = (Chan::new(1), Chan::new(1));
            there.send(0);
            let (from, to) = (there.clone(), back.clone());
            drop(go! { pass_on(&from, &to); });
            drop(go! { pass_on(&back, &there); });
            let (here, never) = (here.clone(), never.clone());
            let waits = Builder::new().name("idle").spawn(move || idle(&here, &never));
            drop(waits.expect("room for a task"));
        }
        for _ in 0..pairs {
            here.recv();
        }
        if then == Then::Fork && child_has_ended() {
            return;
        }
        println!("under way");
        then.come();
    });
}
