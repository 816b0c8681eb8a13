//! What it costs to judge a snapshot: no runtime runs, only the detector.
//!
//! The snapshots are made by hand, so that each has what judgement is slow with: everything asleep,
//! locks with tasks behind them, knots of joins.

use std::hint::black_box;

use gleak_runtime::report::detector::snapshot::{
    Arm, Snapshot, SnapshotBuilder, TaskId, WaitReason,
};
use gleak_runtime::report::detector::{Question, analyze};

use crate::protocol::{self, Clock, Figures};

/// Tasks that share a channel and a lock.
const TEAM: u64 = 10;
/// A task of the knots joins so many others.
const JOINS: u64 = 3;
/// Spawn sites, and as many places to wait.
const PLACES: u64 = 50;

/// A process of `n` tasks that has fallen asleep: in each team one has the lock and waits for a value,
/// some want the lock, the others a value.
pub(crate) fn asleep(n: u64) -> Snapshot {
    let mut b = SnapshotBuilder::new();
    let mut channel = b.channel("src/team.rs:1", Some(0));
    let mut lock = b.mutex("src/team.rs:2");
    let spawns: Vec<String> = (0..PLACES).map(|at| format!("src/spawn.rs:{at}")).collect();
    let waits: Vec<String> = (0..PLACES).map(|at| format!("src/wait.rs:{at}")).collect();
    for number in 0..n {
        let place = (number / TEAM % PLACES) as usize;
        if number % TEAM == 0 {
            channel = b.channel("src/team.rs:1", Some(0));
            lock = b.mutex("src/team.rs:2");
        }
        let task = b.task(&spawns[place], "team::member::{{closure}}");
        if number % TEAM == 0 {
            let owner = task.receives(channel, &waits[place]).id();
            b.owns(lock, owner, "src/team.rs:3", 0);
        } else if number % TEAM < 4 {
            let _ = task.locks(lock, &waits[place]).id();
        } else {
            let _ = task.receives(channel, &waits[place]).id();
        }
    }
    b.still();
    b.build()
}

/// `n` tasks with three joins each, any of which lets them go on: the lower half can never, in the upper one
/// some run.
fn knots(n: u64) -> Snapshot {
    let mut b = SnapshotBuilder::new();
    let half = n / 2;
    for number in 0..n {
        let task = b.task("src/spawn.rs:1", "knot::member::{{closure}}");
        let (base, place) = (number / half * half, number % half);
        let others = (0..JOINS).map(|arm| base + (place * 7 + arm * arm * 31 + 1) % half);
        let arms: Vec<Arm> = others.map(|other| Arm::task(TaskId(other + 1))).collect();
        let _ = if number > half && number % 100 == 0 {
            task.running().id()
        } else {
            task.waits(WaitReason::Select, &arms, "src/wait.rs:1").id()
        };
    }
    b.build()
}

/// The whole judgement of that many tasks asleep, and the memory it needed above the snapshot.
pub(crate) fn analyzed(n: u64) -> Figures {
    let snapshot = asleep(n);
    let before = protocol::memory();
    forget_peak();
    let clock = Clock::start();
    let report = analyze(&snapshot, &Question::default());
    let mut figures = clock.ms();
    figures.push(("mib", (protocol::peak() - before) / 1024.0));
    assert_eq!(report.totals.stuck, n);
    black_box(report);
    figures
}

/// The whole judgement of a graph of joins, half of which is stuck.
pub(crate) fn graph(n: u64) -> Figures {
    let snapshot = knots(n);
    let clock = Clock::start();
    let report = analyze(&snapshot, &Question::default());
    let figures = clock.ms();
    assert_eq!(report.totals.stuck, n / 2);
    black_box(report);
    figures
}

/// From now on the peak is the most since now.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").expect("a process may reset its own peak");
}
