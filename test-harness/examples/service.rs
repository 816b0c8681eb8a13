//! Services that the first test to ask for them starts, whichever that is: one that nobody has declared,
//! and one that is a daemon.

#![expect(clippy::unwrap_used, reason = "test code")]

use gleak_runtime::{Chan, JoinHandle, LazyLock, OnceLock, scope, spawn, spawn_daemon};

type Question = (u32, Chan<u32>);

fn serve(questions: &Chan<Question>) {
    while let Some((number, answer)) = questions.recv() {
        answer.send(number + 1);
    }
}

fn ask(service: &Chan<Question>, number: u32) -> u32 {
    let answer = Chan::new(1);
    service.send((number, answer.clone()));
    answer.recv().unwrap()
}

static UNDECLARED: LazyLock<Chan<Question>> = LazyLock::new(|| {
    let questions = Chan::new(0);
    let own = questions.clone();
    spawn(move || serve(&own));
    questions
});

mod undeclared {
    use super::{UNDECLARED, ask};

    #[gleak_test_harness::test]
    fn first() {
        assert_eq!(ask(&UNDECLARED, 1), 2);
    }

    #[gleak_test_harness::test]
    fn second() {
        assert_eq!(ask(&UNDECLARED, 2), 3);
    }
}

static DAEMON: OnceLock<Chan<Question>> = OnceLock::new();

#[gleak_test_harness::test]
fn daemon() {
    let service = DAEMON.get_or_init(|| {
        let questions = Chan::new(0);
        let own = questions.clone();
        spawn_daemon(move || serve(&own));
        questions
    });
    assert_eq!(ask(service, 3), 4);
}

/// What it starts it also ends.
#[gleak_test_harness::test]
fn parts() {
    let sum = OnceLock::new();
    let add = |a: u32, b: u32| spawn(move || a + b);
    sum.get_or_init(|| {
        let tasks: Vec<JoinHandle<u32>> = (0..4).map(|number| add(number, 1)).collect();
        let joined: u32 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
        joined + scope(|scope| scope.spawn(|| joined).join().unwrap())
    });
    assert_eq!(sum.get(), Some(&20));
}

/// A cell of this test's own: what it leaves is the test's.
#[gleak_test_harness::test]
fn own_cell() {
    let own = OnceLock::new();
    own.get_or_init(|| {
        let questions = Chan::new(0);
        let theirs = questions.clone();
        spawn(move || serve(&theirs));
        questions
    });
}

gleak_test_harness::verify_no_leaks!();
