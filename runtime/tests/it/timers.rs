//! Timers, tickers and functions that run later, by the rules of Go's package `time`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gleak_runtime::report::snapshot::{ObjectDetail, WaitOp, WaitReason};
use gleak_runtime::time::{Instant, Timer};
use gleak_runtime::{
    Builder, Chan, Quiet, Region, RegionKind, Runtime, Ticker, after, after_func, go, hold_worker,
    report, run, select, sleep, spawn, tick,
};

use crate::support::{parked, unique, until};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(2);

#[test]
fn a_timer_ticks_once_with_the_time_at_which_it_was_due() {
    run(|| {
        let before = Instant::now();
        let timer = Timer::new(SHORT);
        let tick = timer.recv();
        assert!(tick - before >= SHORT && tick <= Instant::now());
        assert_eq!(timer.ticks().try_recv(), None, "one tick");
        assert!(!timer.stop(), "it has been received");
        assert!(!timer.reset(SHORT), "and is not there to be reset");
        assert!(timer.recv() > tick);
    });
}

#[test]
fn a_stopped_timer_has_no_tick_left_not_even_one_that_was_due() {
    let timer = Timer::new(Duration::ZERO);
    assert!(timer.stop(), "nobody had received it");
    assert_eq!(timer.ticks().try_recv(), None);
    assert!(!timer.stop());
    assert!(!timer.reset(Duration::ZERO));
    assert!(timer.reset(LONG), "the tick of before has gone");
    assert_eq!(timer.ticks().try_recv(), None);
    assert_eq!(timer.ticks().recv_timeout(SHORT), None);
}

#[test]
fn a_reset_reaches_who_waits_already() {
    let timer = Timer::new(LONG);
    let (ticks, other) = (timer.ticks(), timer.ticks());
    let (plain, selects) = (unique("waits-for-tick"), unique("selects-a-tick"));
    let first = Builder::new().name(&plain).spawn(move || ticks.recv()).unwrap();
    let second =
        Builder::new().name(&selects).spawn(move || select! { at = recv(other) => at }).unwrap();
    let (snapshot, _, wait) = parked(&plain);
    assert_eq!((wait.reason, wait.arms[0].op), (WaitReason::Receive, WaitOp::Receive));
    assert!(wait.until_ns.is_some(), "the timer is the wait's own");
    let gleak_runtime::report::snapshot::Target::Object(id) = wait.arms[0].on else {
        panic!("on the timer, not on {:?}", wait.arms[0].on)
    };
    let object = snapshot.objects.iter().find(|it| it.id == id).unwrap();
    assert!(matches!(object.detail, ObjectDetail::Channel { .. }));
    parked(&selects);
    timer.stop();
    until(|| parked(&plain).2.until_ns.is_none() && parked(&selects).2.until_ns.is_none());
    timer.reset(Duration::ZERO);
    until(|| first.is_finished() || second.is_finished());
    timer.reset(Duration::ZERO);
    first.join().unwrap();
    second.join().unwrap();
}

#[test]
fn a_slow_receiver_misses_ticks_and_the_rhythm_stays() {
    let ticker = Ticker::new(SHORT);
    let first = ticker.recv();
    until(|| first.elapsed() > SHORT * 5);
    let asked = Instant::now();
    let second = ticker.recv();
    assert!(second <= asked, "the first that was missed stands for all");
    let third = ticker.recv();
    assert!(third > asked);
    for tick in [second, third] {
        assert_eq!((tick - first).as_nanos() % SHORT.as_nanos(), 0);
    }
    ticker.stop();
    assert_eq!(ticker.ticks().recv_timeout(SHORT * 2), None);
    ticker.reset(SHORT);
    ticker.recv();
}

#[test]
fn each_tick_goes_to_one_of_thousands() {
    for workers in [1, 4] {
        let runtime = Runtime::builder().workers(workers).start().unwrap();
        let body = move || {
            let ticks = tick(Duration::from_micros(50));
            let receivers: Vec<_> = (0..2000)
                .map(|_| {
                    let ticks = ticks.clone();
                    spawn(move || ticks.recv())
                })
                .collect();
            let mut all: Vec<_> = receivers.into_iter().map(|it| it.join().unwrap()).collect();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), 2000, "no tick was received twice");
        };
        Builder::new().spawn_in(&runtime, body).unwrap().join().unwrap();
        assert_eq!(runtime.live(), 0);
    }
}

#[test]
fn resets_and_stops_lose_no_wake() {
    run(|| {
        let timer = Timer::new(LONG);
        let (go_on, done) = (Chan::<()>::new(0), Chan::new(0));
        let receivers: Vec<_> = (0..8)
            .map(|_| {
                let (ticks, done, go_on) = (timer.ticks(), done.sends(), go_on.recvs());
                go! {
                    loop {
                        select! {
                            _ = recv(ticks) => done.send(()),
                            _ = recv(go_on) => break,
                        }
                    }
                }
            })
            .collect();
        for round in 0..2000 {
            if round % 3 == 0 {
                timer.stop();
            }
            timer.reset(Duration::from_micros(round % 7));
            done.recv();
        }
        go_on.close();
        receivers.into_iter().for_each(|it| it.join().unwrap());
    });
}

#[test]
fn after_and_tick_are_operands_of_a_select() {
    run(|| {
        let never = Chan::<()>::never();
        let limit = after(SHORT);
        let ticks = tick(Duration::from_micros(100));
        let mut seen = 0_u32;
        loop {
            select! {
                _ = recv(never) => unreachable!(),
                _ = recv(limit) => break,
                _ = recv(ticks) => seen += 1,
            }
        }
        assert!(seen > 0);
    });
}

#[test]
fn a_function_runs_later_as_a_task_of_its_spawners_region() {
    run(|| {
        let ran = Chan::new(0);
        let sends = ran.sends();
        let late = after_func(SHORT, move || sends.send(Instant::now()));
        let asked = Instant::now();
        assert!(ran.recv().unwrap() > asked);
        assert!(!late.stop(), "it has run");
        assert!(!late.reset(SHORT));
    });
}

#[test]
fn a_stopped_function_never_runs_and_is_dropped_at_once() {
    let held = Arc::new(());
    let in_function = held.clone();
    let late = after_func(LONG, move || drop(in_function));
    assert_eq!(Arc::strong_count(&held), 2);
    assert!(late.stop());
    assert_eq!(Arc::strong_count(&held), 1, "a stopped timer keeps nothing");
    assert!(!late.stop());
    assert!(!late.reset(Duration::ZERO));
}

#[test]
fn a_reset_function_runs_once_at_its_last_time() {
    let count = Arc::new(AtomicU32::new(0));
    let (ran, counted) = (Chan::new(1), count.clone());
    let sends = ran.sends();
    let late = after_func(LONG, move || {
        counted.fetch_add(1, Ordering::SeqCst);
        sends.send(());
    });
    assert!(late.reset(LONG));
    assert!(late.reset(Duration::ZERO));
    ran.recv();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn thousands_of_functions_run_or_are_stopped_and_never_both() {
    for workers in [1, 4] {
        let runtime = Runtime::builder().workers(workers).start().unwrap();
        let body = || {
            let ran = Arc::new(AtomicU32::new(0));
            let late: Vec<_> = (0..5000_u64)
                .map(|n| {
                    let ran = ran.clone();
                    after_func(Duration::from_micros(n % 1000), move || {
                        ran.fetch_add(1, Ordering::SeqCst);
                    })
                })
                .collect();
            sleep(Duration::from_micros(500));
            let stopped = late.iter().filter(|it| it.stop()).count();
            let expected = 5000 - u32::try_from(stopped).unwrap();
            until(|| ran.load(Ordering::SeqCst) == expected);
        };
        Builder::new().spawn_in(&runtime, body).unwrap().join().unwrap();
        until(|| runtime.live() == 0);
    }
}

/// A thread that is not ours sets a timer of a worker that sleeps without one.
#[test]
fn a_function_set_from_outside_runs() {
    for _ in 0..200 {
        let ran = Chan::new(0);
        let sends = ran.sends();
        let _late = after_func(Duration::from_micros(100), move || sends.send(7));
        assert_eq!(ran.recv(), Some(7));
    }
}

/// Its own worker sleeps in a task, so another one runs the function, and nobody else is awake.
#[test]
fn a_function_of_a_worker_that_is_held_runs_elsewhere() {
    let runtime = Runtime::builder().workers(2).start().unwrap();
    for _ in 0..20 {
        let body = || {
            let ran = Chan::new(0);
            let sends = ran.sends();
            let _late = after_func(SHORT, move || sends.send(1));
            hold_worker(|| ran.recv())
        };
        assert_eq!(Builder::new().spawn_in(&runtime, body).unwrap().join().unwrap(), Some(1));
    }
}

#[test]
fn a_runtime_is_quiet_with_an_armed_ticker_and_not_with_an_armed_function() {
    let runtime = Runtime::builder().workers(1).start().unwrap();
    let (never, hold) = (Chan::<()>::new(0), Chan::new(1));
    let (body_never, body_hold) = (never.clone(), hold.sends());
    let name = unique("waits-with-timers");
    let body = move || {
        let ticker = Ticker::new(Duration::from_micros(50));
        let late = after_func(LONG, || ());
        body_hold.send((ticker, late));
        body_never.recv();
    };
    let task = Builder::new().name(&name).spawn_in(&runtime, body).unwrap();
    let (ticker, late) = hold.recv().unwrap();
    parked(&name);
    assert_eq!(runtime.wait_quiet(SHORT, || false), Quiet::Busy, "a function is to run");
    assert!(late.stop());
    let look = || runtime.wait_quiet(Duration::from_secs(60), || false);
    assert_eq!(look(), Quiet::Asleep, "nobody waits for the ticker");
    never.close();
    task.join().unwrap();
    drop(ticker);
}

#[test]
fn a_region_says_that_a_function_is_to_run_in_it() {
    let region = Region::open(RegionKind::Guard, &unique("defers"));
    let id = region.id();
    let deferred = || {
        let snapshot = report::snapshot();
        snapshot.regions.iter().find(|it| it.id.0 == id).map(|it| it.deferred)
    };
    let entered = region.enter();
    let late = after_func(LONG, || ());
    let other = after_func(Duration::ZERO, || ());
    until(|| deferred() == Some(1));
    drop(other);
    assert!(late.stop());
    assert_eq!(deferred(), Some(0));
    drop(entered);
}
