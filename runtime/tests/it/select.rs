//! Select: exactly one arm fires, and the others leave no trace.

use std::time::Duration;

use gleak_runtime::select::{Fired, Select, recv};
use gleak_runtime::{Builder, Chan, Context, bounded, go, run, select, spawn};

use crate::support::{parked, unique};

#[test]
fn the_ready_arm_fires() {
    run(|| {
        let (a, b) = (Chan::new(1), Chan::<u32>::new(1));
        a.send("a");
        let got = select! {
            v = recv(a) => v,
            _ = recv(b) => None,
        };
        assert_eq!(got, Some("a"));
    });
}

#[test]
fn default_fires_when_nothing_is_ready() {
    let (a, b) = (Chan::<u32>::new(0), Chan::<u32>::new(0));
    let fired = select! {
        _ = recv(a) => "recv",
        send(b, 1) => "send",
        default => "default",
    };
    assert_eq!(fired, "default");
}

#[test]
fn after_fires_when_the_time_is_over() {
    let a = Chan::<u32>::new(0);
    let fired = select! {
        _ = recv(&a) => "recv",
        after(Duration::from_millis(1)) => "after",
    };
    assert_eq!(fired, "after");
}

#[test]
fn a_parked_select_is_woken_by_either_side() {
    for sends in [true, false] {
        let (data, room) = (Chan::new(0), Chan::new(0));
        let (d, r) = (data.clone(), room.clone());
        let name = unique("select");
        let task = Builder::new().name(&name).spawn(move || {
            select! {
                v = recv(d) => v,
                send(r, 9) => { None }
            }
        });
        parked(&name);
        if sends {
            data.send(4);
            assert_eq!(task.unwrap().join().unwrap(), Some(4));
            assert!(room.try_recv().is_err(), "the send arm left no trace");
        } else {
            assert_eq!(room.recv(), Some(9));
            assert_eq!(task.unwrap().join().unwrap(), None);
            assert!(data.try_send(1).is_err(), "the receive arm left no trace");
        }
    }
}

#[test]
fn two_selects_meet_exactly_once() {
    // Both sides select over the same two channels, in both directions: every round one value goes
    // over exactly one of them.
    let (a, b) = (Chan::new(0), Chan::new(0));
    let other = {
        let (a, b) = (a.clone(), b.clone());
        spawn(move || {
            let mut sum = 0_u32;
            for _ in 0..2000 {
                sum += select! {
                    v = recv(a) => v,
                    v = recv(b) => v,
                }
                .unwrap_or(0);
            }
            sum
        })
    };
    for n in 0..2000_u32 {
        select! {
            send(a, n) => {}
            send(b, n) => {}
        }
    }
    assert_eq!(other.join().unwrap(), (0..2000).sum::<u32>());
}

#[test]
fn a_select_does_not_meet_itself() {
    let chan = Chan::new(0);
    let fired = select! {
        send(chan, 1) => "send",
        _ = recv(chan) => "recv",
        after(Duration::from_millis(5)) => "after",
    };
    assert_eq!(fired, "after");
}

#[test]
fn ready_arms_share_the_turns() {
    run(|| {
        let (a, b) = (Chan::new(1), Chan::new(1));
        let mut first = 0;
        for _ in 0..1000 {
            a.send(());
            b.send(());
            select! {
                _ = recv(a) => { first += 1; b.recv() }
                _ = recv(b) => { a.recv() }
            };
        }
        assert!((300..700).contains(&first), "{first} of 1000");
    });
}

#[test]
fn a_biased_select_prefers_the_first_arm() {
    run(|| {
        let (a, b) = (Chan::new(1), Chan::new(1));
        for _ in 0..100 {
            a.send(1);
            b.send(2);
            let got = select! {
                biased;
                v = recv(a) => v,
                v = recv(b) => v,
            };
            assert_eq!(got, Some(1));
            b.recv();
        }
    });
}

#[test]
fn bodies_may_leave_the_surrounding_loop() {
    run(|| {
        let chan = Chan::new(0);
        let sends = chan.sends();
        go! {
            (0..10).for_each(|n| sends.send(n));
            sends.close();
        };
        let mut seen = Vec::new();
        loop {
            select! {
                v = recv(chan) => match v {
                    Some(v) if v % 2 == 0 => continue,
                    Some(v) => seen.push(v),
                    None => break,
                },
            }
        }
        assert_eq!(seen, [1, 3, 5, 7, 9]);
    });
}

#[test]
fn join_and_done_are_arms() {
    run(|| {
        let hold = Chan::<()>::new(0);
        let waits = hold.clone();
        let slow = go! { waits.recv(); 5 };
        let (ctx, cancel) = Context::background().with_cancel();
        cancel.cancel();
        let fired = select! {
            _ = join(slow) => "join",
            why = recv(ctx.done()) => { assert!(!why.to_string().is_empty()); "done" }
        };
        assert_eq!(fired, "done");
        hold.close();
        let got = select! { v = join(slow) => v.unwrap() };
        assert_eq!(got, 5);
    });
}

#[test]
fn joining_after_a_select_took_the_result_is_a_clear_error() {
    let error = spawn(|| {
        let task = go! { 1 };
        select! { v = join(task) => assert_eq!(v.unwrap(), 1) }
        task.join().unwrap()
    })
    .join()
    .unwrap_err();
    assert!(error.to_string().contains("a select has joined this task before"), "{error}");
}

#[test]
fn halves_report_disconnection_in_an_arm() {
    let (tx, rx) = bounded::<u32>(0);
    drop(rx);
    let sent = select! { r = send(tx, 3) => r };
    assert_eq!(sent.unwrap_err().into_inner(), 3);
    let (tx, rx) = bounded::<u32>(0);
    drop(tx);
    let got = select! { r = recv(rx) => r };
    assert!(got.is_err());
}

#[test]
fn operands_are_evaluated_once_and_in_order() {
    let log = std::cell::RefCell::new(Vec::new());
    let chan = Chan::<u32>::new(1);
    let note = |what: &'static str| {
        log.borrow_mut().push(what);
        &chan
    };
    select! {
        biased;
        _ = recv(note("first")) => {}
        send(note("second"), { log.borrow_mut().push("value"); 1 }) => {}
    }
    assert_eq!(*log.borrow(), ["first", "second", "value"]);
}

#[test]
fn a_body_may_change_its_own_operand() {
    // Go's idiom: a channel that is over becomes the never-channel.
    run(|| {
        let (mut left, mut right) = (Chan::new(2), Chan::new(2));
        for chan in [&left, &right] {
            chan.send(1);
            chan.close();
        }
        let (mut sum, mut open) = (0, 2);
        while open > 0 {
            select! {
                v = recv(left) => match v { Some(v) => sum += v, None => { left = Chan::never(); open -= 1; } },
                v = recv(right) => match v { Some(v) => sum += v, None => { right = Chan::never(); open -= 1; } },
            }
        }
        assert_eq!(sum, 2);
    });
}

#[test]
fn many_arms_known_only_at_run_time() {
    run(|| {
        let channels: Vec<_> = (0..50).map(|_| Chan::new(0)).collect();
        let last = channels[49].sends();
        go! { last.send(1) };
        let mut arms: Vec<_> = channels.iter().map(recv).collect();
        let select = arms.iter_mut().fold(Select::new(), |select, arm| select.arm(arm));
        assert_eq!(select.wait(), Fired::Arm(49));
        assert_eq!(arms[49].output(), Some(1));
    });
}
