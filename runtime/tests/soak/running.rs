//! Tasks that are interrupted wherever they are: in the allocator, in the formatter, in the kernel.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{Read, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gleak_runtime::report::snapshot::{Snapshot, TaskState};
use gleak_runtime::time::Instant;
use gleak_runtime::{Builder, Runtime, yield_now};

use crate::support::{count, look, parts, play, say};

const DEPTH: u32 = 9;

/// A round of everything that must bear an interruption.
fn busy(round: u64) {
    let mut text = String::new();
    let mut map = HashMap::new();
    for n in 0..200 {
        write!(text, "{n:>7} {:?} {:.3}", (n, round), n as f64 / 7.0).expect("a string");
        map.insert(text.len() as u64 ^ round, vec![n; (n % 17) as usize]);
    }
    let sorted: std::collections::BTreeMap<_, _> = map.into_iter().collect();
    assert_eq!(sorted.len(), 200);
    let (mut out, mut into) = std::io::pipe().expect("a pipe");
    into.write_all(&text.as_bytes()[..1000]).expect("room in it");
    drop(into);
    let mut back = String::new();
    out.read_to_string(&mut back).expect("what was written");
    assert_eq!(back, text[..1000]);
    let program = std::env::current_exe().expect("it has a path");
    let mut head = [0; 4096];
    std::fs::File::open(program).and_then(|mut it| it.read_exact(&mut head)).expect("it is there");
    assert_eq!(black_box(&head[..4]), b"\x7fELF");
}

#[derive(Default)]
struct Tally {
    asked: u64,
    lost: u64,
    whole: u64,
    wrong: Vec<String>,
    took: Vec<Duration>,
}

impl Tally {
    fn add(&mut self, snapshot: &Snapshot, took: Duration) {
        let before = self.asked;
        for task in &snapshot.tasks {
            let is_ours = task.name.as_deref() == Some("busy");
            if !is_ours || task.state != TaskState::Running {
                continue;
            }
            self.asked += 1;
            let Some(parts) = parts(snapshot, task) else {
                self.lost += 1;
                continue;
            };
            self.whole += u64::from(parts.whole);
            if parts.whole && parts.calls != DEPTH || parts.calls > DEPTH {
                self.wrong.push(format!("{} calls, whole: {}", parts.calls, parts.whole));
            }
        }
        if self.asked > before {
            self.took.push(took);
        }
    }
}

#[test]
fn tasks_that_allocate_format_and_do_system_calls_bear_to_be_interrupted() {
    let probes = count(100_000, 100);
    let runtime = Runtime::builder().workers(2).start().expect("workers");
    let over = Arc::new(AtomicBool::new(false));
    let rounds = Arc::new(AtomicU64::new(0));
    let tasks = [(); 2].map(|()| {
        let (over, rounds) = (over.clone(), rounds.clone());
        let body = move || {
            while !over.load(Ordering::Relaxed) {
                busy(rounds.fetch_add(1, Ordering::Relaxed));
            }
        };
        let named = Builder::new().name("busy");
        named.spawn_in(&runtime, move || assert!(play(DEPTH, &body) > 0)).expect("room for a task")
    });
    // Both are at the bottom.
    while rounds.load(Ordering::Relaxed) < 4 {
        yield_now();
    }
    let mut tally = Tally::default();
    while tally.asked < probes {
        let start = Instant::now();
        let snapshot = look();
        tally.add(&snapshot, start.elapsed());
    }
    over.store(true, Ordering::Relaxed);
    tasks.into_iter().for_each(|task| task.join().expect("no panic"));
    let Tally { asked, lost, whole, wrong, mut took } = tally;
    took.sort_unstable();
    let [median, late, most] = [50, 99, 100].map(|part| took[(took.len() - 1) * part / 100]);
    let rounds = rounds.load(Ordering::Relaxed);
    say(&format!(
        "{asked} running tasks asked in {} snapshots over {rounds} rounds; {lost} lost; {whole} whole \
         stacks; {} wrong; a snapshot took {median:?} in the median, {late:?} at 99 %, {most:?} at most",
        took.len(),
        wrong.len()
    ));
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(whole * 2 > asked, "most stacks can be unwound: {whole} of {asked}");
}
