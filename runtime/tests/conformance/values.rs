//! Values: none is lost, none comes twice, each is dropped once.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use gleak_runtime::{
    Chan, SendTimeoutError, TrySendError, bounded, go, rendezvous, select, unbounded,
};

use crate::support::{Counted, Tally, each, each_task};

/// Every number below `count` once.
fn each_once(mut numbers: Vec<usize>, count: usize) {
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..count), "each value comes once");
}

#[test]
fn thousands_of_senders_and_receivers_lose_and_double_nothing() {
    const TASKS: usize = 1000;
    const EACH: usize = 10;
    each(|world| {
        for capacity in [0, 1, 64] {
            let (chan, tally) = (Chan::<Counted>::new(capacity), Tally::default());
            let receivers: Vec<_> = (0..TASKS)
                .map(|_| {
                    let recvs = chan.recvs();
                    world.go(move || recvs.iter().map(|it| it.number).collect::<Vec<_>>())
                })
                .collect();
            let senders: Vec<_> = (0..TASKS)
                .map(|task| {
                    let (sends, tally) = (chan.sends(), tally.clone());
                    let numbers = task * EACH..(task + 1) * EACH;
                    world.go(move || numbers.for_each(|number| sends.send(tally.value(number))))
                })
                .collect();
            senders.into_iter().for_each(|task| task.join().unwrap());
            chan.close();
            let got = receivers.into_iter().flat_map(|task| task.join().unwrap()).collect();
            each_once(got, TASKS * EACH);
            assert_eq!(tally.alive(), 0);
        }
    });
}

#[test]
fn halves_lose_and_double_nothing_either() {
    const TASKS: usize = 500;
    const EACH: usize = 10;
    each(|world| {
        for (sender, receiver) in [rendezvous(), bounded(16), unbounded()] {
            let tally = Tally::default();
            let receivers: Vec<_> = (0..TASKS)
                .map(|_| {
                    let receiver = receiver.clone();
                    let numbers = move || receiver.iter().map(|it: Counted| it.number).collect();
                    world.go(numbers)
                })
                .collect();
            for task in 0..TASKS {
                let (sender, tally) = (sender.clone(), tally.clone());
                world.go(move || {
                    let numbers = task * EACH..(task + 1) * EACH;
                    numbers.for_each(|number| drop(sender.send(tally.value(number))));
                });
            }
            // The last sender to go ends the receivers; nobody closes anything.
            drop(sender);
            let got = receivers.into_iter().flat_map(|task| -> Vec<usize> { task.join().unwrap() });
            each_once(got.collect(), TASKS * EACH);
            assert_eq!(tally.alive(), 0);
        }
    });
}

#[test]
fn values_that_nobody_received_go_with_the_channel() {
    let tally = Tally::default();
    let chan = Chan::new(10);
    (0..10).for_each(|n| chan.send(tally.value(n)));
    chan.close();
    drop(chan.recv());
    let other = chan.sends();
    drop(chan);
    assert_eq!(tally.alive(), 9, "a view keeps the channel");
    drop(other);
    assert_eq!(tally.alive(), 0);
}

#[test]
fn a_value_whose_sender_panics_is_dropped_once() {
    each(|world| {
        let (chan, tally) = (Chan::new(0), Tally::default());
        let senders: Vec<_> = (0..100)
            .map(|n| {
                let (sends, tally) = (chan.sends(), tally.clone());
                world.go(move || sends.send(tally.value(n)))
            })
            .collect();
        world.asleep(100);
        assert_eq!(tally.alive(), 100);
        chan.close();
        assert!(senders.into_iter().all(|sender| sender.join().is_err()));
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn a_value_that_was_not_sent_comes_back() {
    each_task(|| {
        let tally = Tally::default();
        let chan = Chan::new(0);
        let Err(TrySendError::Full(value)) = chan.try_send(tally.value(1)) else {
            panic!("there is no receiver")
        };
        let brief = Duration::from_millis(1);
        let Err(SendTimeoutError::Timeout(value)) = chan.send_timeout(value, brief) else {
            panic!("there is no receiver")
        };
        assert_eq!((value.number, tally.alive()), (1, 1));
        chan.close();
        assert!(matches!(chan.try_send(value), Err(TrySendError::Disconnected(_))));
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn the_value_of_an_arm_that_does_not_fire_is_dropped_once() {
    each_task(|| {
        let tally = Tally::default();
        let (full, open) = (Chan::new(0), Chan::new(1000));
        for n in 0..1000 {
            select! {
                send(full, tally.value(n)) => panic!("nobody receives"),
                send(open, tally.value(n)) => {}
            }
            assert_eq!(tally.alive(), i64::try_from(n).unwrap() + 1);
        }
        drop(open);
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn values_without_size_are_counted_as_others() {
    static ALIVE: AtomicI64 = AtomicI64::new(0);
    struct Empty;
    impl Empty {
        fn new() -> Empty {
            ALIVE.fetch_add(1, Ordering::Relaxed);
            Empty
        }
    }
    impl Drop for Empty {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }

    each_task(|| {
        for capacity in [0, 1, 1_000_000] {
            let chan = Chan::new(capacity);
            let sends = chan.sends();
            let sender = go! {
                (0..10_000).for_each(|_| sends.send(Empty::new()));
                sends.close();
            };
            assert_eq!(chan.iter().count(), 10_000, "capacity {capacity}");
            sender.join().unwrap();
            assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
        }
        let chan = Chan::new(5);
        (0..5).for_each(|_| chan.send(Empty::new()));
        assert_eq!((chan.len(), ALIVE.load(Ordering::Relaxed)), (5, 5));
        drop(chan);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn large_values_come_whole() {
    each_task(|| {
        for capacity in [0, 2] {
            let chan = Chan::new(capacity);
            let sends = chan.sends();
            go! {
                (0..=255_u8).for_each(|n| sends.send([n; 4096]));
                sends.close();
            };
            let whole =
                chan.iter().zip(0..=255_u8).filter(|(value, n)| value.iter().all(|it| it == n));
            assert_eq!(whole.count(), 256, "capacity {capacity}");
        }
    });
}
