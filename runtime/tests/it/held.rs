//! Workers that one task keeps: what a snapshot says of them, and how a task gives way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gleak_runtime::report::detector::{Question, analyze};
use gleak_runtime::report::snapshot::{Snapshot, Task, TaskState, Worker, WorkerId};
use gleak_runtime::{Builder, Chan, Runtime, check_budget, hold_worker};

use crate::support::{named, parked, unique, until};

fn one_worker() -> Runtime {
    Runtime::builder().workers(1).start().expect("a runtime")
}

/// Whether somebody has said so.
#[derive(Clone, Default)]
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

fn worker_of(snapshot: &Snapshot, id: WorkerId) -> Worker {
    *snapshot.workers.iter().find(|worker| worker.id == id).expect("a task's worker is listed")
}

/// Waits until the task of this name is seen to hold its worker.
fn holding(name: &str) -> (Snapshot, Task, Worker) {
    loop {
        if let Some((snapshot, task)) = named(name)
            && let Some(id) = task.worker
            && let worker = worker_of(&snapshot, id)
            && worker.running == Some(task.id)
            && worker.held_since_ns.is_some()
        {
            return (snapshot, task, worker);
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_task_that_never_switches_holds_its_worker_and_strands_the_others() {
    let runtime = one_worker();
    let (waits, spins) = (unique("stranded"), unique("cruncher"));
    let (jobs, enough) = (Chan::<u32>::new(0), Flag::default());
    let own = jobs.clone();
    let stranded = Builder::new().name(&waits).spawn_in(&runtime, move || own.recv()).unwrap();
    parked(&waits);
    let stop = enough.clone();
    let cruncher = Builder::new().name(&spins).spawn_in(&runtime, move || {
        while !stop.is_set() {
            std::hint::spin_loop();
        }
    });
    let (snapshot, holder, worker) = holding(&spins);
    assert_eq!(snapshot.validate(), Ok(()));
    let since = worker.held_since_ns.expect("held");
    assert!(since + 10_000_000 <= snapshot.header.taken_ns, "{worker:?}");
    assert_eq!(holder.state, TaskState::Running);
    let report = analyze(&snapshot, &Question::default());
    let told = report.held.iter().find(|held| held.worker == worker.id).expect("a line");
    assert_eq!((told.by.task, told.started), (holder.id, 1));

    // What it waits for has come, and it stays where it is all the same.
    jobs.send(3);
    let mut last = since;
    until(|| {
        let (_, behind) = named(&waits).expect("it lives");
        let (_, _, worker) = holding(&spins);
        assert_eq!((behind.worker, worker.held_since_ns), (Some(worker.id), Some(last)));
        last = worker.held_since_ns.expect("held");
        behind.state == TaskState::Runnable
    });
    enough.set();
    cruncher.unwrap().join().unwrap();
    assert_eq!(stranded.join().unwrap(), Some(3));
    let free = |snapshot: &Snapshot| worker_of(snapshot, worker.id).held_since_ns.is_none();
    until(|| free(&gleak_runtime::report::snapshot()));
}

#[test]
fn a_task_that_blocks_its_thread_holds_its_worker() {
    let runtime = one_worker();
    let (name, leave) = (unique("blocks-the-thread"), Chan::<()>::new(0));
    let own = leave.clone();
    let task = Builder::new().name(&name).spawn_in(&runtime, move || hold_worker(|| own.recv()));
    let (_, facts, worker) = holding(&name);
    assert!(matches!(facts.state, TaskState::Waiting(_)), "{facts:?}");
    assert_eq!(worker.running, Some(facts.id));
    leave.close();
    task.unwrap().join().unwrap();
}

#[test]
fn a_loop_that_checks_its_budget_lets_others_run() {
    let runtime = one_worker();
    let (looping, seen) = (Flag::default(), Flag::default());
    let (begun, stop) = (looping.clone(), seen.clone());
    let cruncher = Builder::new().spawn_in(&runtime, move || {
        begun.set();
        while !stop.is_set() {
            check_budget();
        }
    });
    until(|| looping.is_set());
    // It can run on that worker only, which is never idle.
    let other = Builder::new().spawn_in(&runtime, move || seen.set());
    cruncher.unwrap().join().unwrap();
    other.unwrap().join().unwrap();
}

#[test]
fn a_budget_lets_timers_fire_and_woken_tasks_go_on() {
    let runtime = one_worker();
    let (name, woken) = (unique("sleeps"), Flag::default());
    let wakes = woken.clone();
    let leave = Chan::<()>::new(0);
    let own = leave.clone();
    let sleeper = Builder::new().name(&name).spawn_in(&runtime, move || {
        own.recv();
        gleak_runtime::sleep(std::time::Duration::from_millis(1));
        wakes.set();
    });
    parked(&name);
    let cruncher = Builder::new().spawn_in(&runtime, move || {
        leave.close();
        while !woken.is_set() {
            check_budget();
        }
    });
    cruncher.unwrap().join().unwrap();
    sleeper.unwrap().join().unwrap();
}

#[test]
fn a_budget_is_nothing_to_threads_and_to_who_holds_the_worker() {
    check_budget();
    let runtime = one_worker();
    let (name, enough) = (unique("holds-on"), Flag::default());
    let stop = enough.clone();
    let task = Builder::new().name(&name).spawn_in(&runtime, move || {
        hold_worker(|| {
            while !stop.is_set() {
                check_budget();
            }
        });
    });
    holding(&name);
    enough.set();
    task.unwrap().join().unwrap();
}

#[test]
fn tasks_know_their_worker_from_their_start_on() {
    let runtime = one_worker();
    let (first, second) = (unique("keeps"), unique("comes-later"));
    let enough = Flag::default();
    let stop = enough.clone();
    let keeps = Builder::new().name(&first).spawn_in(&runtime, move || {
        while !stop.is_set() {
            std::hint::spin_loop();
        }
    });
    until(|| named(&first).is_some_and(|(_, task)| task.state == TaskState::Running));
    let later = Builder::new().name(&second).spawn_in(&runtime, || ());
    let (_, facts) = named(&second).expect("it lives");
    assert_eq!((facts.state, facts.worker), (TaskState::Fresh, None));
    let (_, facts) = named(&first).expect("it lives");
    assert!(facts.worker.is_some());
    enough.set();
    keeps.unwrap().join().unwrap();
    later.unwrap().join().unwrap();
}
