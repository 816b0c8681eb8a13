//! Select: which arm may fire, what is evaluated, and what bodies may do.

use std::cell::RefCell;
use std::time::Duration;

use gleak_runtime::select::{Fired, Select, recv, send};
use gleak_runtime::{Chan, go, select};

use crate::support::{each, each_task, for_ever};

#[test]
fn default_fires_only_when_no_arm_is_ready() {
    each_task(|| {
        let (values, room) = (Chan::new(1), Chan::new(1));
        room.send(0);
        let choose = || {
            select! {
                _ = recv(values) => "receive",
                send(room, 1) => "send",
                default => "default",
            }
        };
        assert_eq!(choose(), "default");
        values.send(0);
        assert_eq!(choose(), "receive");
        room.recv();
        assert_eq!(choose(), "send");
        assert_eq!(choose(), "default");
    });
}

#[test]
fn without_default_it_waits_for_the_first_arm_that_is_ready() {
    each(|world| {
        for ready in 0..3 {
            let (a, b, c) = (Chan::new(0), Chan::new(0), Chan::<u32>::new(0));
            let (ra, rb, sc) = (a.recvs(), b.recvs(), c.sends());
            let waits = world.go(move || {
                select! {
                    v = recv(ra) => (0, v),
                    v = recv(rb) => (1, v),
                    send(sc, 7) => (2, None),
                }
            });
            world.asleep(1);
            match ready {
                0 => a.send(5),
                1 => b.send(5),
                _ => assert_eq!(c.recv(), Some(7)),
            }
            let value = (ready < 2).then_some(5);
            assert_eq!(waits.join().unwrap(), (ready, value));
            // The arms that did not fire wait for nothing any more.
            assert!(a.try_send(1).is_err() && b.try_send(1).is_err() && c.try_recv().is_err());
        }
    });
}

#[test]
fn a_select_without_arms_waits_for_ever() {
    for_ever(|| {
        let _ = Select::new().wait();
    });
}

#[test]
fn a_select_over_never_channels_waits_for_ever() {
    for_ever(|| {
        let never = Chan::<u32>::never();
        select! {
            _ = recv(never) => {}
            send(never, 1) => {}
        }
    });
}

#[test]
fn an_arm_on_a_never_channel_is_never_chosen() {
    each_task(|| {
        let (never, ready) = (Chan::<u32>::never(), Chan::new(1));
        for n in 0..1000 {
            ready.send(n);
            let got = select! {
                _ = recv(never) => None,
                send(never, 1) => None,
                v = recv(ready) => v,
            };
            assert_eq!(got, Some(n));
        }
    });
}

#[test]
fn receiving_from_a_closed_channel_is_always_ready() {
    each_task(|| {
        let (closed, idle) = (Chan::<u32>::new(0), Chan::<u32>::new(0));
        closed.close();
        for _ in 0..100 {
            let fired = select! {
                v = recv(closed) => v.is_none(),
                _ = recv(idle) => false,
                default => false,
            };
            assert!(fired);
        }
    });
}

#[test]
fn sending_to_a_closed_channel_panics_when_that_arm_is_chosen() {
    each(|world| {
        let closed = Chan::new(1);
        closed.close();
        let sends = closed.sends();
        let error = world
            .go(move || {
                select! {
                    send(sends, 1) => {}
                    default => {}
                }
            })
            .join()
            .unwrap_err();
        assert!(error.to_string().contains("closed at"), "{error}");
    });
}

#[test]
fn a_select_that_waits_panics_when_its_send_arm_is_closed() {
    each(|world| {
        let (chan, idle) = (Chan::new(0), Chan::<u32>::new(0));
        let (sends, recvs) = (chan.sends(), idle.recvs());
        let waits = world.go(move || {
            select! {
                send(sends, 1) => {}
                _ = recv(recvs) => {}
            }
        });
        world.asleep(1);
        chan.close();
        let error = waits.join().unwrap_err();
        assert!(error.to_string().contains("closed at"), "{error}");
    });
}

#[test]
fn operands_and_values_are_evaluated_once_in_order_also_those_of_arms_that_do_not_fire() {
    each_task(|| {
        let log = RefCell::new(Vec::new());
        let note = |what| log.borrow_mut().push(what);
        let (never, ready) = (Chan::<u32>::never(), Chan::new(1));
        ready.send(1);
        select! {
            _ = recv({ note("a"); &never }) => note("wrong"),
            send({ note("b"); &never }, { note("c"); 1 }) => note("wrong"),
            _ = recv({ note("d"); &ready }) => note("body"),
        }
        assert_eq!(*log.borrow(), ["a", "b", "c", "d", "body"]);
    });
}

#[test]
fn one_channel_may_stand_in_several_arms() {
    each_task(|| {
        let chan = Chan::new(1);
        let mut fired = [0; 2];
        for n in 0..1000 {
            chan.send(n);
            let (arm, got) = select! {
                v = recv(chan) => (0, v),
                v = recv(chan) => (1, v),
            };
            assert_eq!(got, Some(n), "it comes once");
            fired[arm] += 1;
        }
        assert!(chan.is_empty() && fired.iter().all(|count| *count > 0), "{fired:?}");
    });
}

#[test]
fn a_select_may_send_and_receive_on_one_channel_and_does_not_meet_itself() {
    each_task(|| {
        let chan = Chan::new(0);
        let alone = select! {
            send(chan, 1) => "send",
            _ = recv(chan) => "receive",
            default => "default",
        };
        assert_eq!(alone, "default");

        // Go's example: a buffer of one is filled and emptied in turn.
        let chan = Chan::new(1);
        let mut got = Vec::new();
        for n in 0..10 {
            select! {
                send(chan, n) => {}
                v = recv(chan) => got.extend(v),
            }
        }
        assert_eq!(got, [0, 2, 4, 6, 8]);
    });
}

#[test]
fn two_of_them_on_one_channel_meet_each_other() {
    each_task(|| {
        let chan = Chan::new(0);
        let meet = |chan: Chan<u32>| {
            let (mut sent, mut received) = (0, 0);
            for _ in 0..2000 {
                select! {
                    send(chan, 1) => sent += 1,
                    v = recv(chan) => received += v.unwrap_or(0),
                }
            }
            (sent, received)
        };
        let (one, other) = (chan.clone(), chan.clone());
        let (one, other) = (go! { meet(one) }, go! { meet(other) });
        let ((sent, received), (other_sent, other_received)) =
            (one.join().unwrap(), other.join().unwrap());
        assert_eq!((sent, received), (other_received, other_sent));
        assert_eq!(sent + received, 2000);
    });
}

#[test]
fn a_body_may_select_again() {
    each_task(|| {
        let (outer, inner) = (Chan::new(1), Chan::new(1));
        outer.send(1);
        inner.send(2);
        let sum = select! {
            a = recv(outer) => select! {
                b = recv(inner) => a.zip(b).map(|(a, b)| a + b),
                default => None,
            },
            default => None,
        };
        assert_eq!(sum, Some(3));
    });
}

#[test]
fn bodies_may_leave_the_loop_around_them() {
    each_task(|| {
        let (values, quit) = (Chan::new(0), Chan::<()>::new(0));
        let (sends, closes) = (values.sends(), quit.sends());
        go! {
            (0..100).for_each(|n| sends.send(n));
            closes.close();
        };
        let mut sum = 0;
        'all: loop {
            select! {
                v = recv(values) => {
                    let Some(v) = v else { break };
                    if v % 2 == 0 {
                        continue 'all;
                    }
                    sum += v;
                }
                _ = recv(quit) => break 'all,
            }
        }
        assert_eq!(sum, 2500);
    });
}

#[test]
fn after_is_for_when_nothing_else_is_ready_in_time() {
    each_task(|| {
        let (idle, ready) = (Chan::<u32>::new(0), Chan::new(1));
        let fired = select! {
            _ = recv(idle) => "receive",
            after(Duration::from_millis(2)) => "after",
        };
        assert_eq!(fired, "after");
        ready.send(1);
        let fired = select! {
            _ = recv(ready) => "receive",
            after(Duration::ZERO) => "after",
        };
        assert_eq!(fired, "receive", "what is ready goes first");
    });
}

#[test]
fn arms_put_together_at_run_time_follow_the_same_rules() {
    // As reflect.Select.
    each_task(|| {
        let (a, b) = (Chan::<u32>::new(1), Chan::new(1));
        b.send(9);
        let (mut first, mut second, mut third) = (recv(&a), send(&b, 1), recv(&b));
        let select = Select::new().arm(&mut first).arm(&mut second).arm(&mut third);
        assert_eq!(select.or_default().wait(), Fired::Arm(2));
        assert_eq!(third.output(), Some(9));
        let mut none = recv(&a);
        assert_eq!(Select::new().arm(&mut none).or_default().wait(), Fired::Default);
    });
}
