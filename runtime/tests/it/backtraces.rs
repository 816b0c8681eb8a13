//! Stacks of tasks, from outside.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gleak_runtime::report::snapshot::{Frame, Snapshot, Symbol, Task, TaskState};
use gleak_runtime::report::{self, Detail, Taken};
use gleak_runtime::{Builder, Chan, JoinHandle, Mutex, Runtime, hold_worker, select, yield_now};

use crate::support::{parked, program, unique};

const STACKS: Detail = Detail { stacks: true, names: false, stack_use: false };
const NAMED: Detail = Detail { stacks: true, names: true, stack_use: false };

/// Waits at the bottom of so many calls.
#[inline(never)]
fn descend(depth: u32, gate: &Chan<()>) -> u32 {
    if depth == 0 {
        gate.recv();
        return black_box(0);
    }
    // What is done after the call keeps it from being the last one.
    black_box(descend(depth - 1, gate) + 1)
}

fn waiting_at(depth: u32, gate: &Chan<()>) -> (String, JoinHandle<()>) {
    let (name, gate) = (unique("descends"), gate.clone());
    let task = Builder::new()
        .name(&name)
        .spawn(move || {
            descend(depth, &gate);
        })
        .unwrap();
    parked(&name);
    (name, task)
}

fn find<'s>(snapshot: &'s Snapshot, name: &str) -> &'s Task {
    snapshot.tasks.iter().find(|task| task.name.as_deref() == Some(name)).expect("it is alive")
}

fn frames<'s>(snapshot: &'s Snapshot, task: &Task) -> Vec<&'s Frame> {
    let stack = &snapshot.stacks[task.backtrace.expect("it is parked").0 as usize];
    assert!(!stack.cut, "its entry was reached");
    stack.frames.iter().map(|id| &snapshot.frames[id.0 as usize]).collect()
}

/// Every function of a stack, inlined ones first.
fn functions(snapshot: &Snapshot, task: &Task) -> Vec<Symbol> {
    frames(snapshot, task).iter().flat_map(|frame| frame.symbols.clone()).collect()
}

#[test]
fn a_parked_task_shows_every_call_down_to_its_entry() {
    let gate = Chan::new(0);
    let (name, task) = waiting_at(7, &gate);
    let snapshot = report::snapshot_with(NAMED);
    let functions = functions(&snapshot, find(&snapshot, &name));
    // In optimised code what was inlined has no path before its name, so places are known by files.
    let is_here = |it: &&Symbol| it.file.as_ref().is_some_and(|it| it.ends_with("backtraces.rs"));
    let here: Vec<&Symbol> = functions.iter().filter(is_here).collect();
    let (calls, closure) = here.split_at(8);
    assert!(calls.iter().all(|it| it.function.ends_with("descend")), "{functions:#?}");
    assert!(closure.len() == 1 && closure[0].function.contains("closure"), "{functions:#?}");
    assert!(calls[0].line < calls[1].line, "it waits above the place of the calls: {calls:?}");
    let at = |symbol: &Symbol| functions.iter().position(|it| it == symbol).unwrap();
    let ours = |it: &Symbol| it.file.as_ref().is_some_and(|it| it.contains("runtime/src/"));
    assert!(functions[..at(calls[0])].iter().all(ours), "inside of it our own: {functions:#?}");
    assert!(functions[at(closure[0])..].iter().any(ours), "outside the entry: {functions:#?}");
    gate.close();
    task.join().unwrap();
}

#[test]
fn tasks_at_one_place_have_one_stack_and_modules_have_build_ids() {
    let gate = Chan::new(0);
    let tasks: Vec<_> = [3, 3, 4, 3].map(|depth| waiting_at(depth, &gate)).into();
    let snapshot = report::snapshot_with(STACKS);
    let ids: Vec<_> = tasks.iter().map(|(name, _)| find(&snapshot, name).backtrace).collect();
    assert!(ids[0].is_some() && ids[0] == ids[1] && ids[0] == ids[3] && ids[0] != ids[2]);
    let stacks = [0, 2].map(|at| frames(&snapshot, find(&snapshot, &tasks[at].0)));
    assert_eq!(stacks[0].len() + 1, stacks[1].len());
    // Inside of `descend` there is one place to call from.
    assert!(stacks[0].iter().all(|frame| stacks[1].contains(frame)));
    let own = std::env::current_exe().unwrap();
    for frame in &stacks[1] {
        let module = &snapshot.modules[frame.module.expect("all of it is this program").0 as usize];
        assert_eq!(module.path, own.to_str().unwrap());
        assert!(frame.symbols.is_empty() && frame.address < 1 << 32);
    }
    gate.close();
    tasks.into_iter().for_each(|(_, task)| task.join().unwrap());
}

#[test]
fn waits_of_every_shape_have_whole_stacks() {
    const LONG: Duration = Duration::from_secs(3600);
    let gate = Chan::<()>::new(0);
    let locked = Arc::new(Mutex::new(()));
    let guard = locked.lock().unwrap();
    let (selects, times_out, lock) = (gate.clone(), gate.clone(), locked.clone());
    let bodies: [Box<dyn FnOnce() + Send>; 4] = [
        Box::new(move || select! { _ = recv(selects) => {}, after(LONG) => {} }),
        Box::new(move || assert!(times_out.recv_timeout(LONG).is_err())),
        Box::new(move || drop(lock.lock())),
        Box::new(|| drop(Builder::new().spawn(|| gleak_runtime::sleep(LONG)).unwrap().join())),
    ];
    let spawn = |body| {
        let name = unique("waits");
        let task = Builder::new().name(&name).spawn(body).unwrap();
        parked(&name);
        (name, task)
    };
    let tasks: Vec<_> = bodies.into_iter().map(spawn).collect();
    let snapshot = report::snapshot_with(NAMED);
    for (name, _) in &tasks {
        let functions = functions(&snapshot, find(&snapshot, name));
        let mut files = functions.iter().filter_map(|it| it.file.as_deref());
        assert!(files.any(|file| file.ends_with("tests/it/backtraces.rs")), "{functions:#?}");
    }
    drop(guard);
    gate.close();
    tasks.into_iter().take(3).for_each(|(_, task)| task.join().unwrap());
}

/// As deep as asked, and then as `turn` says.
#[inline(never)]
fn play(depth: u32, turn: &dyn Fn()) -> u32 {
    if depth == 0 {
        turn();
        return black_box(0);
    }
    black_box(play(depth - 1, turn) + 1)
}

#[test]
fn stacks_read_while_tasks_run_are_right_or_missing() {
    const DEPTHS: [u32; 2] = [5, 11];
    let over = Arc::new(AtomicBool::new(false));
    let (there, back) = (Chan::new(0), Chan::new(0));
    let names = [unique("pings"), unique("pongs")];
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
    let first = Builder::new().name(&names[0]).spawn(move || play(DEPTHS[0], &ping)).unwrap();
    let second = Builder::new().name(&names[1]).spawn(move || play(DEPTHS[1], &pong)).unwrap();
    let mut seen = 0;
    while seen < 50 {
        let snapshot = report::snapshot_with(STACKS);
        for (name, depth) in names.iter().zip(DEPTHS) {
            let task = find(&snapshot, name);
            if task.backtrace.is_some() {
                seen += 1;
                let frames = frames(&snapshot, task);
                let same = frames.windows(2).filter(|pair| pair[0] == pair[1]).count();
                assert_eq!(same as u32, depth - 1, "{frames:?}");
            }
        }
        yield_now();
    }
    over.store(true, Ordering::Relaxed);
    first.join().unwrap();
    second.join().unwrap();
}

/// Spins at the bottom of so many calls.
#[inline(never)]
fn spin(depth: u32, over: &AtomicBool) -> u32 {
    if depth == 0 {
        while !over.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
        return black_box(0);
    }
    black_box(spin(depth - 1, over) + 1)
}

/// Asks until the task has a stack, since it may not have had a processor at that moment.
fn with_stack(name: &str) -> (Snapshot, Task) {
    loop {
        let snapshot = report::snapshot_with(NAMED);
        let found = snapshot.tasks.iter().find(|task| task.name.as_deref() == Some(name));
        if let Some(task) = found.filter(|task| task.backtrace.is_some()).cloned() {
            return (snapshot, task);
        }
        yield_now();
    }
}

#[test]
fn a_running_task_is_asked_where_it_is() {
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let (name, ends) = (unique("spins"), over.clone());
    let task = Builder::new().name(&name).spawn_in(&runtime, move || {
        spin(6, &ends);
    });
    let (snapshot, seen) = with_stack(&name);
    assert_eq!(seen.state, TaskState::Running);
    let functions = functions(&snapshot, &seen);
    let calls = functions.iter().filter(|it| it.function.ends_with("spin")).count();
    assert_eq!(calls, 7, "{functions:#?}");
    over.store(true, Ordering::Relaxed);
    task.unwrap().join().unwrap();
}

#[test]
fn a_task_that_keeps_its_worker_while_it_waits_is_asked_too() {
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let gate = Chan::<()>::new(0);
    let (name, waits) = (unique("holds"), gate.clone());
    let body = move || assert_eq!(hold_worker(|| waits.recv()), None);
    let task = Builder::new().name(&name).spawn_in(&runtime, body).unwrap();
    parked(&name);
    let (snapshot, seen) = with_stack(&name);
    let functions = functions(&snapshot, &seen);
    let mut files = functions.iter().filter_map(|it| it.file.as_deref());
    assert!(files.any(|file| file.ends_with("tests/it/backtraces.rs")), "{functions:#?}");
    gate.close();
    task.join().unwrap();
}

/// Who judges by stacks and then asks for all that reports show asks twice.
#[test]
fn what_was_added_stays_when_more_is_asked_for() {
    let gates = [Chan::new(0), Chan::new(0)];
    let (first, ends) = waiting_at(2, &gates[0]);
    let (second, stays) = waiting_at(9, &gates[1]);
    let mut taken = Taken::now();
    taken.add(STACKS);
    gates[0].close();
    ends.join().unwrap();
    taken.add(NAMED);
    for (name, depth) in [(&first, 2), (&second, 9)] {
        let functions = functions(&taken.snapshot, find(&taken.snapshot, name));
        let calls = functions.iter().filter(|it| it.function.ends_with("descend")).count();
        assert_eq!(calls, depth + 1, "{functions:#?}");
    }
    gates[1].close();
    stays.join().unwrap();
}

#[test]
fn who_asks_sees_its_own_stack() {
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let name = unique("asks");
    let own = name.clone();
    let task = Builder::new().name(&name).spawn_in(&runtime, move || {
        let snapshot = report::snapshot_with(NAMED);
        let task = find(&snapshot, &own).clone();
        functions(&snapshot, &task)
    });
    let functions = task.unwrap().join().unwrap();
    let files: Vec<_> = functions.iter().filter_map(|it| it.file.as_deref()).collect();
    let here = files.iter().position(|it| it.ends_with("tests/it/backtraces.rs"));
    let asked = files.iter().position(|it| it.ends_with("runtime/src/report/mod.rs"));
    assert!(asked.unwrap() < here.unwrap(), "{files:#?}");
}

/// The functions of a task's spawn stack.
fn spawned_from(snapshot: &Snapshot, name: &str) -> Option<Vec<String>> {
    let stack = find(snapshot, name).spawn_backtrace?;
    let frames = snapshot.stacks[stack.0 as usize].frames.iter();
    let symbols = frames.flat_map(|id| &snapshot.frames[id.0 as usize].symbols);
    Some(symbols.map(|symbol| symbol.function.clone()).collect())
}

#[test]
fn stacks_of_spawns_are_recorded_by_runtimes_that_are_told_to() {
    for record in [true, false] {
        let builder = Runtime::builder().workers(1).spawn_stacks(record);
        let runtime = builder.start().unwrap();
        let gate = Chan::<()>::new(0);
        let names = [unique("parent"), unique("child")];
        let (parent, child, waits) = (names[0].clone(), names[1].clone(), gate.clone());
        let body = move || {
            let waits_too = waits.clone();
            let child = Builder::new().name(&child).spawn(move || waits_too.recv());
            waits.recv();
            child.unwrap().join().unwrap();
        };
        let task = Builder::new().name(&parent).spawn_in(&runtime, body).unwrap();
        names.iter().for_each(|name| drop(parked(name)));
        let snapshot = report::snapshot_with(NAMED);
        for (name, from_task) in names.iter().zip([false, true]) {
            let Some(functions) = spawned_from(&snapshot, name).filter(|_| record) else {
                assert!(!record, "{name}");
                continue;
            };
            let has = |what: &str| functions.iter().any(|function| function.contains(what));
            // A task's stack ends where it was started; a thread's goes on to the thread's start.
            assert_eq!(has("coroutine_func"), from_task, "{functions:#?}");
            assert_eq!(has("thread"), !from_task, "{functions:#?}");
            assert!(!has("backtrace::backtrace"), "what reads it is not in it: {functions:#?}");
        }
        gate.close();
        task.join().unwrap();
    }
}

#[test]
fn stacks_of_spawns_are_recorded_when_the_environment_says_so() {
    for (value, records) in
        [(Some("1"), true), (Some("0"), false), (Some(""), false), (None, false)]
    {
        let mut program = program("spawn_stacks");
        program.env_remove("GLEAK_SPAWN_STACKS");
        if let Some(value) = value {
            program.env("GLEAK_SPAWN_STACKS", value);
        }
        let output = program.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.ends_with("sum 7\n"), "{text}");
        let line = |what: &str| text.lines().position(|line| line.ends_with(what));
        assert_eq!(line("start_worker").is_some(), records, "{value:?} {text}");
        assert!(line("start_worker") <= line("serve_orders"), "{text}");
    }
}
