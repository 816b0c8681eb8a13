//! Channels of both faces.

use std::time::Duration;

use gleak_runtime::{
    Chan, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError,
    bounded, go, rendezvous, run, spawn, unbounded,
};

use crate::support::{parked, unique};

#[test]
fn an_unbuffered_channel_hands_over_in_order() {
    run(|| {
        let chan = Chan::new(0);
        let sends = chan.sends();
        let sender = go! {
            for n in 0..100 {
                sends.send(n);
            }
            sends.close();
        };
        assert_eq!(chan.iter().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        assert_eq!(chan.recv(), None, "closed stays closed");
        sender.join().unwrap();
    });
}

#[test]
fn a_buffered_channel_keeps_order_and_capacity() {
    let chan = Chan::new(2);
    assert_eq!(chan.try_send(1), Ok(()));
    assert_eq!(chan.try_send(2), Ok(()));
    assert_eq!(chan.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!((chan.len(), chan.capacity()), (2, 2));
    chan.close();
    assert_eq!(chan.try_send(4), Err(TrySendError::Disconnected(4)));
    assert_eq!(chan.recv(), Some(1));
    assert_eq!(chan.try_recv(), Ok(2));
    assert_eq!(chan.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_waiting_sender_moves_up_when_there_is_room() {
    run(|| {
        let chan = Chan::new(1);
        chan.send(1);
        let name = unique("moves-up");
        let sends = chan.sends();
        let sender = gleak_runtime::Builder::new().name(&name).spawn(move || sends.send(2));
        parked(&name);
        assert_eq!(chan.recv(), Some(1));
        assert_eq!(chan.recv(), Some(2));
        sender.unwrap().join().unwrap();
    });
}

#[test]
fn misuse_of_go_channels_panics_naming_both_places() {
    let closed = Chan::new(1);
    closed.close();
    let (again, send) = (closed.clone(), closed.clone());
    for error in [
        spawn(move || again.close()).join().unwrap_err(),
        spawn(move || send.send(1)).join().unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(text.contains("closed at") && text.contains("channels.rs"), "{text}");
        assert!(error.stack()[0].contains("channels.rs") || !error.stack().is_empty(), "{text}");
    }
}

#[test]
fn a_sender_that_waits_when_the_channel_closes_panics() {
    let chan = Chan::new(0);
    let name = unique("parked-at-close");
    let sends = chan.sends();
    let sender = gleak_runtime::Builder::new().name(&name).spawn(move || sends.send(1));
    parked(&name);
    chan.close();
    let error = sender.unwrap().join().unwrap_err();
    assert!(error.to_string().contains("send on a channel closed at"), "{error}");
}

#[test]
fn dropping_handles_of_a_go_channel_closes_nothing() {
    let chan = Chan::<u32>::new(0);
    drop(chan.clone());
    assert_eq!(chan.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn the_never_channel_is_never_ready() {
    let never = Chan::<u32>::never();
    assert_eq!(never.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(never.try_send(1), Err(TrySendError::Full(1)));
    let brief = Duration::from_millis(1);
    assert_eq!(never.recv_timeout(brief), Err(RecvTimeoutError::Timeout));
    assert_eq!(never.send_timeout(1, brief), Err(SendTimeoutError::Timeout(1)));
}

#[test]
fn halves_disconnect_when_one_side_goes() {
    let (tx, rx) = bounded(1);
    let other = tx.clone();
    tx.send(1).unwrap();
    drop((tx, other));
    assert_eq!(rx.recv(), Ok(1), "what is in it still comes");
    assert_eq!(rx.recv(), Err(RecvError::Disconnected));

    let (tx, rx) = bounded(1);
    drop(rx);
    assert_eq!(tx.send(7), Err(SendError::Disconnected(7)), "the value comes back");
}

#[test]
fn a_waiter_is_told_when_the_other_side_goes() {
    let (tx, rx) = rendezvous::<u32>();
    let name = unique("told");
    let receiver = gleak_runtime::Builder::new().name(&name).spawn(move || rx.recv());
    parked(&name);
    drop(tx);
    assert_eq!(receiver.unwrap().join().unwrap(), Err(RecvError::Disconnected));

    let (tx, rx) = rendezvous();
    let name = unique("told");
    let sender = gleak_runtime::Builder::new().name(&name).spawn(move || tx.send(5));
    parked(&name);
    drop(rx);
    assert_eq!(sender.unwrap().join().unwrap(), Err(SendError::Disconnected(5)));
}

#[test]
fn an_unbounded_channel_never_waits() {
    let (tx, rx) = unbounded();
    (0..10_000).for_each(|n| tx.send(n).unwrap());
    drop(tx);
    assert_eq!(rx.iter().sum::<u32>(), (0..10_000).sum::<u32>());
}

#[test]
fn a_timeout_gives_the_value_back_and_leaves_no_trace() {
    let chan = Chan::new(0);
    let brief = Duration::from_millis(1);
    assert_eq!(chan.send_timeout(1, brief), Err(SendTimeoutError::Timeout(1)));
    assert_eq!(chan.recv_timeout(brief), Err(RecvTimeoutError::Timeout));
    // Were the timed-out sender still queued, this would find it.
    assert_eq!(chan.try_recv(), Err(TryRecvError::Empty));
    let chan = std::sync::Arc::new(chan);
    let other = chan.clone();
    let receiver = spawn(move || other.recv());
    chan.send(2);
    assert_eq!(receiver.join().unwrap(), Some(2));
}

#[test]
fn tasks_and_threads_share_a_channel() {
    let chan = Chan::new(0);
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let chan = chan.clone();
            std::thread::spawn(move || (0..1000).for_each(|k| chan.send(n * 1000 + k)))
        })
        .collect();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let chan = chan.clone();
            spawn(move || (0..1000).filter_map(|_| chan.recv()).sum::<u64>())
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let total: u64 = tasks.into_iter().map(|task| task.join().unwrap()).sum();
    assert_eq!(total, (0..4000_u64).sum::<u64>());
}

#[test]
fn a_value_that_is_not_received_is_dropped_once() {
    let value = std::sync::Arc::new(());
    let (tx, rx) = bounded(4);
    (0..3).for_each(|_| tx.send(value.clone()).unwrap());
    drop(rx);
    assert_eq!(std::sync::Arc::strong_count(&value), 1);
    assert!(tx.send(value.clone()).is_err());
    assert_eq!(std::sync::Arc::strong_count(&value), 1);
}
