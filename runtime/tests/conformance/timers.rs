//! Sleeping and waits with a limit. Time is bounded from below only: a machine may be slow.

use std::time::Duration;

use gleak_runtime::time::Instant;
use gleak_runtime::{Chan, RecvTimeoutError, SendTimeoutError, go, select, sleep, sleep_until};

use crate::support::{each, each_task};

const BRIEF: Duration = Duration::from_millis(2);
const FAR: Duration = Duration::from_secs(3600);

#[test]
fn a_sleep_lasts_at_least_as_long_as_it_was_asked_to() {
    each_task(|| {
        let tasks: Vec<_> = (0..2000_u32)
            .map(|n| {
                let length = BRIEF + Duration::from_micros(u64::from(n % 100) * 50);
                go! {
                    let start = Instant::now();
                    sleep(length);
                    start.elapsed() >= length
                }
            })
            .collect();
        assert!(tasks.into_iter().all(|task| task.join().unwrap()));
    });
}

#[test]
fn a_sleep_of_nothing_or_into_the_past_ends_at_once() {
    each_task(|| {
        sleep(Duration::ZERO);
        sleep_until(Instant::now());
    });
}

#[test]
fn a_limit_that_is_not_reached_changes_nothing() {
    each(|world| {
        let chan = Chan::new(0);
        let recvs = chan.clone();
        let receiver = world.go(move || recvs.recv_timeout(FAR));
        chan.send(1);
        assert_eq!(receiver.join().unwrap(), Ok(1));
        let sends = chan.clone();
        let sender = world.go(move || sends.send_timeout(2, FAR));
        assert_eq!(chan.recv(), Some(2));
        assert_eq!(sender.join().unwrap(), Ok(()));
        // No timer is left: the runtime is quiet.
        world.asleep(0);
    });
}

#[test]
fn who_gives_up_leaves_nothing_behind() {
    each_task(|| {
        let chan = Chan::new(0);
        assert_eq!(chan.recv_timeout(BRIEF), Err(RecvTimeoutError::Timeout));
        assert!(chan.try_send(1).is_err(), "nobody receives any more");
        assert_eq!(chan.send_timeout(1, BRIEF), Err(SendTimeoutError::Timeout(1)));
        assert!(chan.try_recv().is_err(), "nobody sends any more");
        chan.close();
        assert_eq!(chan.recv_timeout(FAR), Err(RecvTimeoutError::Disconnected));
    });
}

#[test]
fn giving_up_and_being_served_exclude_each_other() {
    // Senders give up at about the time when somebody comes: each value arrives or comes back.
    each_task(|| {
        let chan = Chan::new(0);
        let senders: Vec<_> = (0..2000_u64)
            .map(|n| {
                let chan = chan.clone();
                go! { chan.send_timeout(n, Duration::from_micros(n % 500)).is_ok() }
            })
            .collect();
        let recvs = chan.recvs();
        let receiver = go! { recvs.iter().count() };
        let sent = senders.into_iter().filter_map(|task| task.join().ok()).filter(|sent| *sent);
        let sent = sent.count();
        chan.close();
        assert_eq!(receiver.join().unwrap(), sent);
    });
}

#[test]
fn a_select_may_give_up_each_time_around() {
    each_task(|| {
        let (values, ticks) = (Chan::new(0), 5);
        let sends = values.sends();
        let sender = go! {
            for n in 0..ticks {
                sleep(BRIEF);
                sends.send(n);
            }
            sends.close();
        };
        let mut got = Vec::new();
        loop {
            select! {
                v = recv(values) => match v {
                    Some(v) => got.push(v),
                    None => break,
                },
                after(Duration::from_micros(100)) => {}
            }
        }
        assert!(got.into_iter().eq(0..ticks));
        sender.join().unwrap();
    });
}
