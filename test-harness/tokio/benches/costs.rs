//! What the wrappers cost over tokio itself: a spawn with its join, an uncontended lock, a message.
//!
//! Each is measured beside its peer, in turns, and the least of many rounds counts: what disturbs a round
//! only ever adds. Fails where a bar is missed. An argument chooses works by a part of their names.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

const ROUNDS: u32 = 60;
const SPAWNS: u32 = 5_000;
const LOCKS: u32 = 50_000;

/// A work, in both kinds, and what the wrapped one may cost besides.
struct Work {
    name: &'static str,
    count: u32,
    most_ns: f64,
    bare: fn(&Runtime),
    wrapped: fn(&Runtime),
}

const WORKS: [Work; 3] = [
    Work {
        name: "spawn and join",
        count: SPAWNS,
        most_ns: 100.0,
        bare: |on| {
            on.block_on(async {
                for n in 0..SPAWNS {
                    let joined = tokio::spawn(async move { n }).await;
                    assert_eq!(joined.ok(), Some(n));
                }
            });
        },
        wrapped: |on| {
            on.block_on(async {
                for n in 0..SPAWNS {
                    let joined = gleak_tokio::spawn(async move { n }).await;
                    assert_eq!(joined.ok(), Some(n));
                }
            });
        },
    },
    Work {
        name: "lock and unlock",
        count: LOCKS,
        most_ns: 15.0,
        bare: |on| {
            in_a_task(on, async {
                let lock = Arc::new(tokio::sync::Mutex::new(0));
                for _ in 0..LOCKS {
                    *lock.lock().await += 1;
                }
            });
        },
        wrapped: |on| {
            in_a_task(on, async {
                let lock = Arc::new(gleak_tokio::sync::Mutex::new(0));
                for _ in 0..LOCKS {
                    *lock.lock().await += 1;
                }
            });
        },
    },
    Work {
        name: "send and receive",
        count: LOCKS,
        most_ns: 60.0,
        bare: |on| {
            in_a_task(on, async {
                let (send, mut receive) = tokio::sync::mpsc::channel(8);
                for n in 0..LOCKS {
                    assert!(send.send(n).await.is_ok());
                    assert_eq!(receive.recv().await, Some(n));
                }
            });
        },
        wrapped: |on| {
            in_a_task(on, async {
                let (send, mut receive) = gleak_tokio::sync::mpsc::channel(8);
                for n in 0..LOCKS {
                    assert!(send.send(n).await.is_ok());
                    assert_eq!(receive.recv().await, Some(n));
                }
            });
        },
    },
];

/// As a task that is known.
fn in_a_task(on: &Runtime, work: impl Future<Output = ()> + Send + 'static) {
    on.block_on(async { gleak_tokio::spawn(work).await }).expect("no panic");
}

fn nanoseconds(count: u32, work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64() * 1e9 / f64::from(count)
}

#[expect(clippy::print_stdout, reason = "what it is for")]
fn main() -> ExitCode {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let mut missed = false;
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let chosen = |work: &Work| wanted.as_ref().is_none_or(|part| work.name.contains(part));
    for Work { name, count, most_ns, bare, wrapped } in WORKS.into_iter().filter(chosen) {
        let [mut theirs, mut ours] = [f64::MAX; 2];
        for _ in 0..ROUNDS {
            theirs = theirs.min(nanoseconds(count, || bare(&runtime)));
            ours = ours.min(nanoseconds(count, || wrapped(&runtime)));
        }
        let more = ours - theirs;
        missed |= more > most_ns;
        println!("{name}: tokio {theirs:.0} ns, wrapped {ours:.0} ns, {more:.0} more of {most_ns}");
    }
    ExitCode::from(u8::from(missed))
}
