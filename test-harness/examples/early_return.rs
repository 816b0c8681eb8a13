//! Twenty clean tests and one that leaks: the sender's value is never received.

use gleak_runtime::{Chan, go};

/// Comes back before the answer of the worker is received.
fn ask(give_up: bool) -> Option<u32> {
    let answers = Chan::new(0);
    let worker = answers.clone();
    go! { worker.send(42) };
    if give_up {
        return None;
    }
    answers.recv()
}

#[gleak_test_harness::test]
fn early_return() {
    assert_eq!(ask(true), None);
}

macro_rules! clean {
    ($($name:ident)*) => {
        mod clean {
            $(
                #[gleak_test_harness::test]
                fn $name() {
                    assert_eq!(super::ask(false), Some(42));
                }
            )*
        }
    };
}

clean!(a b c d e f g h i j k l m n o p q r s t);

gleak_test_harness::verify_no_leaks!();
