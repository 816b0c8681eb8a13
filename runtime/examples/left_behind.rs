//! Threads, as libtest has one for each test, that leave tasks behind or do not: what `GLEAK` tells at
//! the exit of a program that knows nothing of it. The arguments choose the tests.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::thread;
use std::time::Duration;

use gleak_runtime::time::sleep;
use gleak_runtime::{Builder, Chan, Context, ErrGroup, Runtime, go, run};

fn leaks() {
    let jobs = Chan::<u32>::new(0);
    drop(go! { jobs.recv() });
}

/// Ends a moment after its test.
fn ends_late() {
    drop(go! { sleep(Duration::from_millis(5)) });
}

/// Is told to end, and sees that when it wakes: later than the settle time that the test asks for.
fn polls() {
    let (context, cancel) = Context::background().with_cancel();
    let ready = Chan::new(0);
    let told = ready.clone();
    drop(go! {
        while !context.is_done() {
            told.send(());
            sleep(Duration::from_millis(300));
        }
    });
    ready.recv();
    cancel.cancel();
}

fn panics() {
    drop(go! { panic!("nobody hears it") });
}

fn fails_unseen() {
    let (group, ended) = (ErrGroup::new(), Chan::<()>::new(0));
    let last_words = ended.clone();
    group.go(move || {
        last_words.close();
        Err("no host")
    });
    ended.recv();
}

/// What is meant to stay.
fn stays() {
    let jobs = Chan::<u32>::new(0);
    Builder::new().daemon().spawn(move || jobs.recv()).expect("a task starts");
}

fn is_cut_off() {
    let jobs = Chan::<u32>::new(0);
    run(move || drop(go! { jobs.recv() }));
}

/// Uses the runtime and spawns nothing.
fn spawns_nothing() {
    drop(Runtime::builder().start().expect("workers"));
}

const TESTS: [(&str, fn()); 9] = [
    ("pool::drains", leaks),
    ("pool::closes", leaks),
    ("pool::ends_late", ends_late),
    ("pool::polls", polls),
    ("pool::panics", panics),
    ("pool::fails_unseen", fails_unseen),
    ("pool::stays", stays),
    ("pool::is_cut_off", is_cut_off),
    ("pool::spawns_nothing", spawns_nothing),
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for (name, test) in TESTS {
        if wanted.iter().any(|it| it == name) {
            let thread = thread::Builder::new().name(name.to_owned()).spawn(test);
            thread.expect("a thread starts").join().expect("no panic");
        }
    }
    println!("test result: ok");
}
