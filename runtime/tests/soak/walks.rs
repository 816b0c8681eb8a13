//! Stacks of tasks that are woken and park all the time: each that is shown must be right.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gleak_runtime::report::snapshot::{Snapshot, Task, TaskState};
use gleak_runtime::{Builder, Chan, JoinHandle, Runtime};

use crate::support::{Parts, addresses, count, look, parts, play, say};

/// Of the two of each pair.
const DEPTHS: [[u32; 2]; 4] = [[5, 11], [2, 40], [7, 8], [23, 3]];

/// What must be the same each time.
#[derive(Default)]
struct Known {
    outer: BTreeSet<Vec<u64>>,
    /// Of the parked.
    inner: BTreeSet<Vec<u64>>,
}

#[derive(Default)]
struct Tally {
    walks: u64,
    parked: u64,
    wrong: Vec<String>,
    lost: u64,
    snapshots: u64,
    known: BTreeMap<u32, Known>,
}

impl Tally {
    fn add(&mut self, snapshot: &Snapshot) {
        self.snapshots += 1;
        self.lost += snapshot.completeness.lost_stacks;
        for task in &snapshot.tasks {
            let depth = task.name.as_deref().and_then(|name| name.strip_prefix("plays-"));
            let Some(depth) = depth.and_then(|it| it.parse().ok()) else { continue };
            if let Some(parts) = parts(snapshot, task) {
                self.check(snapshot, task, depth, &parts);
            }
        }
    }

    fn check(&mut self, snapshot: &Snapshot, task: &Task, depth: u32, parts: &Parts<'_>) {
        self.walks += 1;
        // One that is about to park waits already, and runs.
        let is_parked = matches!(&task.state, TaskState::Waiting(wait) if wait.registers.is_some());
        self.parked += u64::from(is_parked);
        // A task that runs is also seen on its way in and out.
        let on_its_way = !is_parked && parts.calls < depth;
        let right = parts.whole && parts.calls == depth;
        if !right && !on_its_way {
            let (calls, whole) = (parts.calls, parts.whole);
            self.wrong.push(format!("{calls} calls for {depth}, whole: {whole}: {task:?}"));
        }
        let known = self.known.entry(depth).or_default();
        if is_parked {
            known.inner.insert(addresses(snapshot, parts.inner));
            known.outer.insert(addresses(snapshot, parts.outer));
        }
    }
}

fn pair(runtime: &Runtime, depths: [u32; 2], over: &Arc<AtomicBool>) -> [JoinHandle<()>; 2] {
    let (there, back) = (Chan::new(0), Chan::new(0));
    let (serves, returns, ends) = (there.clone(), back.clone(), over.clone());
    let ping = move || {
        while !ends.load(Ordering::Relaxed) {
            serves.send(());
            returns.recv();
        }
        serves.close();
    };
    let pong = move || {
        while there.recv().is_some() {
            back.send(());
        }
    };
    let named = |depth: u32| Builder::new().name(format!("plays-{depth}"));
    let spawned = [
        named(depths[0]).spawn_in(runtime, move || assert!(play(depths[0], &ping) > 0)),
        named(depths[1]).spawn_in(runtime, move || assert!(play(depths[1], &pong) > 0)),
    ];
    spawned.map(|task| task.expect("room for a task"))
}

#[test]
fn walks_of_tasks_that_play_ping_pong_are_right() {
    let walks = count(1_000_000, 300);
    let runtime = Runtime::builder().workers(2).start().expect("workers");
    let over = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = DEPTHS.into_iter().flat_map(|it| pair(&runtime, it, &over)).collect();
    let mut tally = Tally::default();
    while tally.walks < walks {
        tally.add(&look());
    }
    over.store(true, Ordering::Relaxed);
    tasks.into_iter().for_each(|task| task.join().expect("no panic"));
    let Tally { walks, parked, wrong, lost, snapshots, known } = tally;
    say(&format!(
        "{walks} walks in {snapshots} snapshots, {parked} of parked tasks; {} wrong; \
         {lost} tasks had moved before they were read",
        wrong.len()
    ));
    assert!(wrong.is_empty(), "{} of {walks}: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    for (depth, Known { outer, inner }) in known {
        assert!(outer.len() <= 1, "one way into the task at {depth}: {outer:?}");
        // It sends and it receives.
        assert!(inner.len() <= 2, "the task at {depth} waits in two places: {inner:?}");
    }
}
