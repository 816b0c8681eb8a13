//! Main returns while a task does what nobody can end: the process ends at once, with main's
//! status, which is 7. The argument says what the task does.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use gleak_runtime::{Chan, Runtime, blocking, go};

/// Parks for ever when it is dropped.
struct ParksInDrop(Sender<()>);

impl Drop for ParksInDrop {
    fn drop(&mut self) {
        self.0.send(()).expect("main listens");
        Chan::<()>::new(0).recv();
    }
}

/// Says so when the thread that it belongs to ends.
struct Local(AtomicU32);

impl Drop for Local {
    fn drop(&mut self) {
        self.0.store(0, Ordering::SeqCst);
    }
}

thread_local! {
    static LOCAL: Local = const { Local(AtomicU32::new(42)) };
}

/// Lends a thread-local of its worker to a thread, and parks before that thread has ended.
fn lend(there: &Sender<()>, asked: Receiver<()>, answer: Sender<u32>) {
    LOCAL.with(|local| {
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for () in asked {
                    let answered = answer.send(local.0.load(Ordering::SeqCst));
                    answered.expect("main listens");
                }
            });
            there.send(()).expect("main listens");
            Chan::<()>::new(0).recv();
        });
    });
}

fn never_ends(what: &str, there: Sender<()>, asked: Receiver<()>, answer: Sender<u32>) {
    match what {
        "spins" => {
            there.send(()).expect("main listens");
            loop {
                std::hint::spin_loop();
            }
        }
        "blocks" => blocking(|| {
            there.send(()).expect("main listens");
            loop {
                std::thread::park();
            }
        }),
        "parks-in-drop" => drop(ParksInDrop(there)),
        "parks-in-a-panic" => {
            let _parks = ParksInDrop(there);
            panic!("on its way out");
        }
        "lends" => lend(&there, asked, answer),
        other => panic!("nothing is known of {other:?}"),
    }
}

fn main() -> ExitCode {
    let what = std::env::args().nth(1).expect("what the task does");
    let (ask, asked) = channel();
    let (answer, answers) = channel();
    let task = what.clone();
    Runtime::builder().workers(2).run(move || {
        let (there, is_there) = channel();
        drop(go! { never_ends(&task, there, asked, answer) });
        // Blocks this worker, so that the other one takes the task.
        is_there.recv().expect("the task gets there");
    });
    if what == "lends" {
        ask.send(()).expect("the thread is there");
        println!("the thread reads {}", answers.recv().expect("an answer"));
    }
    ExitCode::from(7)
}
