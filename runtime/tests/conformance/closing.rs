//! Closing: what receivers get, what senders get, and how misuse is told.

use gleak_runtime::{Chan, JoinError, TryRecvError, go};

use crate::support::{each, each_task};

#[test]
fn a_closed_channel_gives_what_is_left_and_then_none_for_ever() {
    let chan = Chan::new(3);
    (1..=3).for_each(|n| chan.send(n));
    chan.close();
    assert_eq!((chan.recv(), chan.recv(), chan.try_recv()), (Some(1), Some(2), Ok(3)));
    for _ in 0..3 {
        assert_eq!(chan.recv(), None);
        assert_eq!(chan.try_recv(), Err(TryRecvError::Disconnected));
    }
}

#[test]
fn a_zero_that_was_sent_is_no_end() {
    let chan = Chan::new(1);
    chan.send(0);
    chan.close();
    assert_eq!(chan.recv(), Some(0));
    assert_eq!(chan.recv(), None);
}

#[test]
fn a_loop_over_a_channel_ends_when_it_is_closed_and_empty() {
    each_task(|| {
        let chan = Chan::new(4);
        let sends = chan.sends();
        let sender = go! {
            (0..100).for_each(|n| sends.send(n));
            sends.close();
        };
        let mut seen = Vec::new();
        for value in &chan {
            seen.push(value);
        }
        assert!(seen.into_iter().eq(0..100));
        sender.join().unwrap();
    });
}

#[test]
fn closing_wakes_every_receiver() {
    each(|world| {
        let chan = Chan::<u32>::new(0);
        let receivers: Vec<_> = (0..2000)
            .map(|_| {
                let recvs = chan.recvs();
                world.go(move || recvs.recv())
            })
            .collect();
        world.asleep(2000);
        chan.close();
        assert!(receivers.into_iter().all(|receiver| receiver.join().unwrap().is_none()));
    });
}

#[test]
fn closing_by_one_view_is_seen_by_all() {
    let chan = Chan::<u32>::new(0);
    let (sends, recvs) = (chan.sends(), chan.recvs());
    sends.close();
    assert_eq!(recvs.recv(), None);
    assert_eq!(chan.recv(), None);
}

/// The message tells where it was closed; the stack where the misuse is.
fn names_both_places(error: &JoinError, what: &str) {
    let text = error.to_string();
    assert!(error.is_panic() && text.contains(what), "{text}");
    assert!(text.contains("closing.rs:"), "where it was closed: {text}");
    let own = error.stack().into_iter().filter(|frame| frame.contains("closing.rs:"));
    assert!(own.count() > 0, "where it was misused: {:?}", error.stack());
}

#[test]
fn sending_on_a_closed_channel_panics_naming_both_places() {
    each(|world| {
        for capacity in [0, 1] {
            let chan = Chan::new(capacity);
            chan.close();
            let sends = chan.sends();
            let error = world.go(move || sends.send(1)).join().unwrap_err();
            names_both_places(&error, "send on a channel closed at");
            assert_eq!(chan.recv(), None, "nothing was sent");
        }
    });
}

#[test]
fn closing_twice_panics_naming_both_places() {
    each(|world| {
        let chan = Chan::<u32>::new(0);
        chan.close();
        let sends = chan.sends();
        let error = world.go(move || sends.close()).join().unwrap_err();
        names_both_places(&error, "close of a channel closed at");
    });
}

#[test]
fn closing_the_never_channel_panics() {
    each(|world| {
        let error = world.go(|| Chan::<u32>::never().close()).join().unwrap_err();
        assert!(error.to_string().contains("close of the never-channel"), "{error}");
    });
}

#[test]
fn senders_that_wait_when_it_is_closed_panic_each_in_its_own_task() {
    each(|world| {
        let chan = Chan::new(1);
        chan.send(0);
        let senders: Vec<_> = (1..=50)
            .map(|n| {
                let sends = chan.sends();
                world.go(move || sends.send(n))
            })
            .collect();
        world.asleep(50);
        chan.close();
        for sender in senders {
            names_both_places(&sender.join().unwrap_err(), "send on a channel closed at");
        }
        assert_eq!((chan.recv(), chan.recv()), (Some(0), None), "what was in it stays in it");
    });
}

#[test]
fn one_of_many_closers_wins() {
    each(|world| {
        let chan = Chan::<u32>::new(0);
        let closers: Vec<_> = (0..100)
            .map(|_| {
                let sends = chan.sends();
                world.go(move || sends.close())
            })
            .collect();
        let outcomes = closers.into_iter().map(gleak_runtime::JoinHandle::join);
        assert_eq!(outcomes.filter(Result::is_ok).count(), 1);
    });
}
