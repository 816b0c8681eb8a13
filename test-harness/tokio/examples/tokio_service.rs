//! A service that leaks, and the same service without: `cargo run -p gleak-tokio --example tokio_service`.
//!
//! Both ask three mirrors for one answer and take the first. The others' answers find nobody.

use std::time::Duration;

use gleak_tokio::sync::mpsc;
use gleak_tokio::{Builder, JoinSet, time};

const MIRRORS: [&str; 3] = ["north", "south", "west"];

/// What a mirror says, some time later.
async fn ask(mirror: &'static str) -> &'static str {
    time::sleep(Duration::from_millis(mirror.len() as u64)).await;
    mirror
}

/// Two of three wait for ever: the channel is full, and the receiver lives on with the session.
async fn first_answer_leaking(
    answers: &mut mpsc::Receiver<&'static str>,
    to: &mpsc::Sender<&'static str>,
) {
    for mirror in MIRRORS {
        let to = to.clone();
        drop(Builder::new().name(mirror).spawn(async move {
            let answer = ask(mirror).await;
            // Nobody listens any more when the session is over.
            let _ = to.send(answer).await;
        }));
    }
    assert_eq!(answers.recv().await, Some("west"));
}

/// Who is too late is ended with the set.
async fn first_answer() {
    let mut asked = JoinSet::new();
    for mirror in MIRRORS {
        asked.spawn(ask(mirror));
    }
    let first = asked.join_next().await.expect("three were asked").expect("no panic");
    assert_eq!(first, "west");
}

mod leaking {
    use gleak_tokio::sync::mpsc;

    #[gleak_test_harness::test(runtime = "tokio")]
    async fn answers() {
        let (to, mut answers) = mpsc::channel(1);
        super::first_answer_leaking(&mut answers, &to).await;
        // The session outlives the request.
        std::mem::forget((to, answers));
    }
}

mod fixed {
    #[gleak_test_harness::test(runtime = "tokio")]
    async fn answers() {
        super::first_answer().await;
    }
}

gleak_test_harness::verify_no_leaks!();
