//! Channels: who waits for whom, in which order values come, length and capacity.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gleak_runtime::{Chan, TryRecvError, TrySendError, go, yield_now};

use crate::support::{each, each_task, for_ever};

#[test]
fn a_send_without_room_waits_for_a_receiver() {
    each(|world| {
        let chan = Chan::new(0);
        let sends = chan.sends();
        let sender = world.go(move || sends.send(1));
        world.asleep(1);
        assert_eq!(chan.len(), 0, "a value that waits with its sender is not in the channel");
        assert_eq!(chan.recv(), Some(1));
        sender.join().unwrap();
    });
}

#[test]
fn a_receive_waits_for_a_sender() {
    each(|world| {
        for capacity in [0, 3] {
            let chan = Chan::new(capacity);
            let recvs = chan.recvs();
            let receiver = world.go(move || recvs.recv());
            world.asleep(1);
            chan.send(7);
            assert_eq!(receiver.join().unwrap(), Some(7));
            assert!(chan.is_empty(), "handed over, not left in the channel");
        }
    });
}

#[test]
fn a_buffered_channel_takes_its_capacity_without_a_receiver() {
    each(|world| {
        let chan = Chan::new(3);
        let sends = chan.sends();
        let sender = world.go(move || (0..4).for_each(|n| sends.send(n)));
        world.asleep(1);
        assert_eq!((chan.len(), chan.capacity()), (3, 3), "the fourth waits");
        assert_eq!(chan.recv(), Some(0));
        sender.join().unwrap();
        assert_eq!(chan.len(), 3, "the fourth has moved up");
        assert_eq!((chan.recv(), chan.recv(), chan.recv()), (Some(1), Some(2), Some(3)));
    });
}

#[test]
fn values_come_in_the_order_in_which_they_were_sent() {
    each_task(|| {
        for capacity in [0, 1, 7] {
            let chan = Chan::new(capacity);
            let sends = chan.sends();
            go! {
                (0..5000).for_each(|n| sends.send(n));
                sends.close();
            };
            assert!(chan.iter().eq(0..5000), "capacity {capacity}");
        }
    });
}

#[test]
fn senders_that_wait_are_served_first_come_first_served() {
    each(|world| {
        for capacity in [0, 2] {
            let chan = Chan::new(capacity);
            (0..capacity).for_each(|n| chan.send(n));
            for n in 0..20 {
                let sends = chan.sends();
                world.go(move || sends.send(capacity + n));
                world.asleep(n as u64 + 1);
            }
            assert!((0..capacity + 20).all(|n| chan.recv() == Some(n)), "capacity {capacity}");
            world.asleep(0);
        }
    });
}

#[test]
fn receivers_that_wait_are_served_first_come_first_served() {
    each(|world| {
        let chan = Chan::new(0);
        let mut receivers = Vec::new();
        for n in 0..20 {
            let recvs = chan.recvs();
            receivers.push(world.go(move || recvs.recv()));
            world.asleep(n + 1);
        }
        (0..20).for_each(|n| chan.send(n));
        for (n, receiver) in receivers.into_iter().enumerate() {
            assert_eq!(receiver.join().unwrap(), Some(n));
        }
    });
}

#[test]
fn nothing_overtakes_a_value_that_waits_for_room() {
    each(|world| {
        let chan = Chan::new(1);
        chan.send(1);
        let sends = chan.sends();
        world.go(move || sends.send(2));
        world.asleep(1);
        assert_eq!(chan.try_send(3), Err(TrySendError::Full(3)));
        assert_eq!(chan.recv(), Some(1));
        assert_eq!(chan.try_send(3), Err(TrySendError::Full(3)), "the second took the room");
        assert_eq!(chan.recv(), Some(2));
        assert_eq!(chan.try_send(3), Ok(()));
        assert_eq!(chan.recv(), Some(3));
    });
}

#[test]
fn length_and_capacity_are_those_of_the_buffer() {
    let chan = Chan::new(2);
    assert_eq!((chan.len(), chan.capacity(), chan.is_empty()), (0, 2, true));
    chan.send('a');
    assert_eq!((chan.len(), chan.capacity(), chan.is_empty()), (1, 2, false));
    chan.close();
    assert_eq!((chan.len(), chan.capacity()), (1, 2), "closing takes nothing out");
    chan.recv();
    assert_eq!(chan.len(), 0);
    let never = Chan::<char>::never();
    assert_eq!((never.len(), never.capacity()), (0, 0));
}

#[test]
fn sending_to_the_never_channel_waits_for_ever() {
    for_ever(|| Chan::never().send(1));
}

#[test]
fn receiving_from_the_never_channel_waits_for_ever() {
    for_ever(|| {
        let _ = Chan::<u32>::never().recv();
    });
}

#[test]
fn what_would_wait_is_refused_by_the_forms_that_do_not() {
    let chan = Chan::new(0);
    assert_eq!(chan.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(chan.try_recv(), Err(TryRecvError::Empty));
    let never = Chan::never();
    assert_eq!(never.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(never.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_channel_is_a_value_that_channels_carry() {
    each_task(|| {
        let requests = Chan::<(u32, Chan<u32>)>::new(0);
        let recvs = requests.recvs();
        go! {
            for (number, answer) in &recvs {
                answer.send(number * number);
            }
        };
        for number in 0..1000 {
            let answer = Chan::new(0);
            requests.send((number, answer.clone()));
            assert_eq!(answer.recv(), Some(number * number));
        }
        requests.close();
    });
}

#[test]
fn capacity_limits_who_is_between_a_send_and_its_receive() {
    // The memory model: a receive happens before the send that takes the same room completes.
    const LIMIT: usize = 5;
    each_task(|| {
        let (places, inside) = (Chan::new(LIMIT), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                let (places, inside) = (places.clone(), inside.clone());
                go! {
                    places.send(());
                    assert!(inside.fetch_add(1, Ordering::Relaxed) < LIMIT);
                    yield_now();
                    inside.fetch_sub(1, Ordering::Relaxed);
                    places.recv();
                }
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        assert!(places.is_empty());
    });
}

#[test]
fn a_chain_of_thousands_passes_a_value_along() {
    each_task(|| {
        let first = Chan::new(0);
        let mut left = first.clone();
        for _ in 0..5000 {
            let (right, to) = (Chan::new(0), left.sends());
            let from = right.recvs();
            go! { to.send(from.recv().unwrap_or(0) + 1) };
            left = right;
        }
        left.send(0);
        assert_eq!(first.recv(), Some(5000));
    });
}
