//! Whether edges of different moments are ever shown as edges of one: two tasks take turns at two locks
//! so that a careless look sees a deadlock that never is.
//!
//! `nests` takes A and, with it, B. `alternates` takes B alone, then A alone. So `nests` waits for B while
//! `alternates` has it, and `alternates` waits for A while `nests` has it, but never both at one moment.
//! Tasks that only wait stand between the two in the table: the time to read them is the time in which
//! one of the two moments becomes the other.

use std::collections::BTreeMap;

use gleak_snapshot::ObjectDetail;

use super::{Sites, objects, waits};
use crate::records::object::OBJECTS;
use crate::records::state::State;
use crate::records::table::Ref;
use crate::records::waiter::{self, WAITERS, WaiterRecord};
use crate::sync::{AtomicBool, Ordering};
use crate::{Builder, Chan, Mutex, Runtime, yield_now};

/// Tasks between the two.
const BETWEEN: u32 = 32;

/// By which a lock is kept.
const YIELDS: u32 = 16;

/// Who waits for a lock of whom.
type Edges = BTreeMap<u64, u64>;

/// As snapshots have it.
fn read_twice() -> Edges {
    let (waits, objects) = (waits::first_pass(), objects::first_pass());
    let objects = objects::second_pass(objects, &mut Sites::default());
    let waits::Found { waiters, arms } = waits::second_pass(&waits);
    let owners: BTreeMap<u64, u64> = objects
        .list
        .iter()
        .filter_map(|it| {
            let ObjectDetail::Mutex { owner: Some(owner), .. } = it.object.detail else {
                return None;
            };
            Some((it.reference.to_bits(), owner.task.0))
        })
        .collect();
    let waiting = waiters.iter().filter_map(|waiter| Some((waiter.id, waiter.wait.as_ref()?)));
    let edge = |(id, wait): (u64, &waits::SeenWait)| {
        let first = arms.get(wait.first_arm as usize).filter(|_| wait.arms == 1)?;
        Some((id, *owners.get(&first.target)?))
    };
    waiting.filter_map(edge).collect()
}

/// Each record once, and believed.
fn read_once() -> Edges {
    let waiting = WAITERS.live().filter(|(_, it)| it.state.load().state() == State::Waiting);
    let edge = |(_, record): (Ref, &WaiterRecord)| {
        let arm = waiter::arms_from(record.wait.first.get()).next()?;
        let object = OBJECTS.get(Ref::from_bits(arm.target.get())?)?;
        let owner = WAITERS.get(Ref::from_bits(object.owner.load(Ordering::Acquire))?)?;
        Some((record.id(), owner.id()))
    };
    waiting.filter_map(edge).collect()
}

fn has_cycle(edges: &Edges) -> bool {
    edges.keys().any(|start| {
        let next = |at: &u64| edges.get(at).copied();
        let on_the_way = std::iter::successors(next(start), next);
        on_the_way.take(edges.len()).any(|at| at == *start)
    })
}

/// Says how many edges there were, and how many collects had a cycle.
fn collect(collects: u64, read: fn() -> Edges) -> (u64, u64) {
    let (mut edges_seen, mut cycles) = (0, 0);
    for _ in 0..collects {
        let edges = read();
        edges_seen += edges.len() as u64;
        cycles += u64::from(has_cycle(&edges));
    }
    (edges_seen, cycles)
}

#[test]
fn a_cycle_of_edges_from_different_moments_is_never_seen() {
    let at_length = std::env::var_os("SOAK").is_some();
    let collects = if at_length { 10_000_000 } else { 20_000 };
    let locks: &'static [[Mutex<u64>; 2]; 2] = Box::leak(Box::default());
    let over: &AtomicBool = Box::leak(Box::default());
    // On one worker the two wait for each other at every turn.
    let runtime = Runtime::builder().workers(1).start().expect("workers");
    let turn = |lock: &Mutex<u64>, inside: &dyn Fn()| {
        let mut held = lock.lock().expect("no panic");
        *held += 1;
        // Longer than somebody tries before it waits.
        (0..YIELDS).for_each(|_| yield_now());
        inside();
    };
    let nests = |[a, b]: &'static [Mutex<u64>; 2]| {
        move || {
            while !over.load(Ordering::Relaxed) {
                turn(a, &|| turn(b, &|| ()));
            }
        }
    };
    let alternates = |[a, b]: &'static [Mutex<u64>; 2]| {
        move || {
            while !over.load(Ordering::Relaxed) {
                turn(b, &|| ());
                turn(a, &|| ());
            }
        }
    };
    let gate = Chan::<()>::new(0);
    let waits = |_| {
        let gate = gate.clone();
        Builder::new().spawn_in(&runtime, move || assert!(gate.recv().is_none())).expect("room")
    };
    // Two pairs, since the table may be filled from either end.
    let mut tasks = vec![
        Builder::new().spawn_in(&runtime, nests(&locks[0])).expect("room"),
        Builder::new().spawn_in(&runtime, alternates(&locks[1])).expect("room"),
    ];
    tasks.extend((0..BETWEEN).map(waits));
    tasks.push(Builder::new().spawn_in(&runtime, alternates(&locks[0])).expect("room"));
    tasks.push(Builder::new().spawn_in(&runtime, nests(&locks[1])).expect("room"));
    let (edges, cycles) = collect(collects, read_twice);
    // The same program, and a reader who can be fooled: else there was nothing to see.
    let (mut naive, mut naive_cycles) = (0, 0);
    while naive_cycles == 0 || at_length && naive < collects / 10 {
        naive_cycles += collect(1000, read_once).1;
        naive += 1000;
    }
    over.store(true, Ordering::Relaxed);
    gate.close();
    tasks.into_iter().for_each(|task| task.join().expect("no panic"));
    let turns = locks.iter().flatten().map(|it| *it.lock().expect("no panic")).sum::<u64>();
    println!(
        "soak: {collects} collects over {turns} turns saw {edges} edges and {cycles} phantom cycles; \
         {naive} readings of each record once saw {naive_cycles}"
    );
    assert!(edges > 0, "something was seen");
    assert_eq!(cycles, 0);
}
