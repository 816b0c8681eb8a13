//! Timers, tickers and functions that run later: Go's rules since 1.23.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gleak_runtime::time::{Instant, Ticker, Timer, after, after_func, tick};
use gleak_runtime::{Chan, Mutex, go, select, sleep, yield_now};

use crate::support::{Tally, each, each_task, for_ever};

const FAR: Duration = Duration::from_secs(3600);
const BRIEF: Duration = Duration::from_millis(1);

#[test]
fn a_timer_that_was_stopped_in_time_never_ticks_and_one_that_was_not_has() {
    each_task(|| {
        for round in 0..1000_u64 {
            let timer = Timer::new(Duration::from_micros(round % 60));
            let (ticks, enough) = (timer.ticks(), Chan::<()>::new(0));
            let end = enough.recvs();
            let receiver = go! {
                select! {
                    _ = recv(ticks) => true,
                    _ = recv(end) => false,
                }
            };
            (0..round % 4).for_each(|_| yield_now());
            let prevented = timer.stop();
            assert_eq!(timer.ticks().try_recv(), None, "nothing is left of a stopped one");
            enough.close();
            assert_eq!(receiver.join().unwrap(), !prevented);
        }
    });
}

#[test]
fn each_time_that_is_set_ticks_once_or_says_that_it_was_prevented() {
    const SETS: u32 = 3000;
    each_task(|| {
        let (timer, enough) = (Timer::new(Duration::ZERO), Chan::<()>::new(0));
        let receivers: Vec<_> = (0..5)
            .map(|_| {
                let (ticks, end) = (timer.ticks(), enough.recvs());
                go! {
                    let mut received = 0;
                    loop {
                        select! {
                            _ = recv(ticks) => received += 1,
                            _ = recv(end) => return received,
                        }
                    }
                }
            })
            .collect();
        let mut prevented = 0;
        for number in 1..SETS {
            prevented += u32::from(timer.reset(Duration::from_micros(u64::from(number % 40))));
            (0..number % 5).for_each(|_| yield_now());
        }
        prevented += u32::from(timer.stop());
        enough.close();
        let received: u32 = receivers.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(received + prevented, SETS);
    });
}

#[test]
fn who_waits_for_a_stopped_timer_waits_until_it_is_set_again() {
    for_ever(|| {
        let timer = Timer::new(FAR);
        timer.stop();
        timer.recv();
    });
    each(|world| {
        let timer = Timer::new(FAR);
        let ticks = timer.ticks();
        let task = world.go(move || ticks.recv());
        timer.stop();
        world.asleep(1);
        let asked = Instant::now();
        timer.reset(BRIEF);
        assert!(task.join().unwrap() - asked >= BRIEF);
    });
}

#[test]
fn a_tick_says_when_it_was_due() {
    each_task(|| {
        let asked = Instant::now();
        let (one, other) = (after(BRIEF), after(BRIEF * 2));
        sleep(BRIEF * 3);
        let (second, first) = (other.recv(), one.recv());
        assert!(first - asked >= BRIEF && second - first >= BRIEF);
        assert!(second <= Instant::now());
    });
}

#[test]
fn a_slow_receiver_finds_one_tick_for_all_that_it_has_missed() {
    each_task(|| {
        let ticker = Ticker::new(BRIEF);
        for _ in 0..5 {
            let first = ticker.recv();
            sleep(BRIEF * 4);
            let asked = Instant::now();
            let (late, next) = (ticker.recv(), ticker.recv());
            assert!(late <= asked && next > asked, "the ticks between are dropped");
            for tick in [late, next] {
                assert_eq!((tick - first).as_nanos() % BRIEF.as_nanos(), 0, "the rhythm stays");
            }
        }
    });
}

#[test]
fn every_tick_goes_to_one_receiver_and_they_come_in_order() {
    each(|world| {
        let (ticks, seen) = (tick(Duration::from_micros(30)), Arc::new(Mutex::new(Vec::new())));
        let tasks = world.many(20, |_| {
            let (ticks, seen) = (ticks.clone(), seen.clone());
            move || {
                let mut last = None;
                for _ in 0..50 {
                    let tick = ticks.recv();
                    assert!(last < Some(tick));
                    last = Some(tick);
                    seen.lock().unwrap().push(tick);
                }
            }
        });
        crate::support::joined(tasks);
        let mut seen = std::mem::take(&mut *seen.lock().unwrap());
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 1000, "none was received twice");
    });
}

#[test]
fn a_ticker_that_is_stopped_tells_nobody_and_may_be_set_again() {
    for_ever(|| {
        let ticker = Ticker::new(BRIEF);
        ticker.recv();
        ticker.stop();
        ticker.recv();
    });
    each(|world| {
        let ticker = Ticker::new(FAR);
        let tasks = world.many(100, |_| {
            let ticks = ticker.ticks();
            move || ticks.recv()
        });
        ticker.stop();
        world.asleep(100);
        ticker.reset(Duration::from_micros(20));
        crate::support::joined(tasks);
    });
}

#[test]
fn a_period_of_nothing_is_refused() {
    each(|world| {
        assert!(world.go(|| Ticker::new(Duration::ZERO)).join().is_err());
        assert!(world.go(|| Ticker::new(FAR).reset(Duration::ZERO)).join().is_err());
        assert!(world.go(|| tick(Duration::ZERO)).join().is_err());
    });
}

#[test]
fn a_function_runs_or_is_stopped_and_what_it_holds_goes_either_way() {
    each(|world| {
        let (tally, ran) = (Tally::default(), Arc::new(AtomicU32::new(0)));
        let (values, counted) = (tally.clone(), ran.clone());
        let task = world.go(move || {
            let late: Vec<_> = (0..2000)
                .map(|number| {
                    let (value, ran) = (values.value(number), counted.clone());
                    after_func(Duration::from_micros(number as u64 % 500), move || {
                        drop(value);
                        ran.fetch_add(1, Ordering::Relaxed);
                    })
                })
                .collect();
            sleep(Duration::from_micros(250));
            late.iter().filter(|late| late.stop()).count()
        });
        let stopped = task.join().unwrap();
        world.asleep(0);
        assert_eq!(stopped + ran.load(Ordering::Relaxed) as usize, 2000);
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn a_limit_beyond_the_end_of_time_is_no_limit() {
    each(|world| {
        let (chan, timer) = (Chan::new(0), Timer::new(Duration::MAX));
        let recvs = chan.recvs();
        let task = world.go(move || recvs.recv_timeout(Duration::MAX));
        let ticks = timer.ticks();
        let waits = world.go(move || ticks.recv());
        chan.send(1);
        assert_eq!(task.join().unwrap(), Ok(1));
        assert!(timer.reset(Duration::ZERO));
        waits.join().unwrap();
        // As a thread.
        assert!(Ticker::new(Duration::MAX).ticks().recv_timeout(BRIEF).is_none());
    });
}
