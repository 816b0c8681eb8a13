//! Select with many: fair choice, exactly one arm, no lost wake.

use gleak_runtime::select::{Fired, Select, recv};
use gleak_runtime::{Chan, go, select};

use crate::support::{Counted, Tally, each, each_task};

/// Each of four gets at least 15 % of the turns.
fn is_fair(fired: &[u32]) {
    let turns: u32 = fired.iter().sum();
    assert!(fired.iter().all(|count| count * 100 >= turns * 15), "{fired:?}");
}

#[test]
fn ready_arms_are_chosen_at_random() {
    each_task(|| {
        let [a, b, c] = [(); 3].map(|()| Chan::new(4000));
        let d = Chan::new(4000);
        for chan in [&a, &b, &c] {
            (0..4000).for_each(|_| chan.send(()));
        }
        let mut fired = [0; 4];
        for _ in 0..4000 {
            let arm = select! {
                _ = recv(a) => 0,
                _ = recv(b) => 1,
                _ = recv(c) => 2,
                send(d, ()) => 3,
            };
            fired[arm] += 1;
        }
        is_fair(&fired);
    });
}

/// How often each of the ready arms fires, among many that are not.
fn fired_among(idle: usize, ready: &[usize], turns: u32) -> Vec<u32> {
    let channels: Vec<_> = (0..idle + ready.len()).map(|_| Chan::<u32>::new(0)).collect();
    ready.iter().for_each(|arm| channels[*arm].close());
    let mut fired = vec![0; channels.len()];
    for _ in 0..turns {
        let mut arms: Vec<_> = channels.iter().map(recv).collect();
        let select = arms.iter_mut().fold(Select::new(), |select, arm| select.arm(arm));
        match select.wait() {
            Fired::Arm(arm) => fired[arm] += 1,
            Fired::Default | Fired::After => panic!("an arm was ready"),
        }
    }
    ready.iter().map(|arm| fired[*arm]).collect()
}

#[test]
fn which_arms_are_not_ready_changes_nothing_for_those_that_are() {
    // Go: the choice is uniform among the communications that can proceed, wherever they stand.
    each_task(|| {
        for ready in [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 6, 7], [0, 5, 6, 7]] {
            is_fair(&fired_among(4, &ready, 2000));
        }
        is_fair(&fired_among(60, &[0, 1, 2, 63], 2000));
        let many = fired_among(198, &[0, 199], 2000);
        assert!(many.iter().all(|count| *count > 0), "more than a word has bits: {many:?}");
    });
}

#[test]
fn threads_choose_at_random_as_well() {
    is_fair(&fired_among(4, &[0, 1, 6, 7], 2000));
}

#[test]
fn closed_channels_take_their_turn_as_others() {
    each_task(|| {
        let channels: Vec<_> = (0..4).map(|_| Chan::<u32>::new(0)).collect();
        channels.iter().for_each(Chan::close);
        let mut fired = [0; 4];
        for _ in 0..4000 {
            let mut arms: Vec<_> = channels.iter().map(recv).collect();
            let select = arms.iter_mut().fold(Select::new(), |select, arm| select.arm(arm));
            match select.wait() {
                Fired::Arm(arm) => fired[arm] += 1,
                Fired::Default | Fired::After => panic!("an arm was ready"),
            }
        }
        is_fair(&fired);
    });
}

#[test]
fn a_default_does_not_starve_what_comes_in_between() {
    each_task(|| {
        let chan = Chan::new(0);
        let sends = chan.sends();
        let sender = go! { (0..100).for_each(|n| sends.send(n)) };
        let mut got = Vec::new();
        while got.len() < 100 {
            select! {
                v = recv(chan) => got.extend(v),
                default => gleak_runtime::yield_now(),
            }
        }
        assert!(got.into_iter().eq(0..100));
        sender.join().unwrap();
    });
}

#[test]
fn exactly_one_arm_fires_however_many_are_woken_at_once() {
    // Each waits on four channels, each of which offers a value at the same time: who takes one has
    // taken one only, and what is left is still there.
    const TASKS: usize = 1000;
    each(|world| {
        let tally = Tally::default();
        let channels: [Chan<Counted>; 4] = [(); 4].map(|()| Chan::new(TASKS));
        let selects: Vec<_> = (0..TASKS)
            .map(|_| {
                let [a, b, c, d] = channels.clone();
                world.go(move || {
                    let value = select! {
                        v = recv(a) => v,
                        v = recv(b) => v,
                        v = recv(c) => v,
                        v = recv(d) => v,
                    };
                    value.map(|value| value.number)
                })
            })
            .collect();
        for (arm, chan) in channels.iter().enumerate() {
            let (sends, tally) = (chan.sends(), tally.clone());
            let numbers = arm * TASKS..(arm + 1) * TASKS;
            world.go(move || numbers.for_each(|number| sends.send(tally.value(number))));
        }
        let got = selects.into_iter().filter_map(|task| task.join().unwrap());
        let mut numbers: Vec<_> = got.collect();
        assert_eq!(numbers.len(), TASKS);
        world.asleep(0);
        assert_eq!(tally.alive(), 3 * i64::try_from(TASKS).unwrap(), "the others are not taken");
        channels.iter().for_each(Chan::close);
        let rest = channels.iter().flat_map(|chan| chan.iter().map(|value| value.number));
        numbers.extend(rest);
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..4 * TASKS), "each value comes once");
        assert_eq!(tally.alive(), 0);
    });
}

#[test]
fn selects_on_both_sides_lose_and_double_nothing() {
    const TASKS: usize = 500;
    const EACH: usize = 20;
    each(|world| {
        let tally = Tally::default();
        let (a, b, quit) = (Chan::<Counted>::new(0), Chan::<Counted>::new(1), Chan::<()>::new(0));
        let receivers: Vec<_> = (0..TASKS)
            .map(|_| {
                let (a, b, quit) = (a.recvs(), b.recvs(), quit.recvs());
                world.go(move || {
                    let mut got = Vec::new();
                    loop {
                        select! {
                            v = recv(a) => got.extend(v.map(|it| it.number)),
                            v = recv(b) => got.extend(v.map(|it| it.number)),
                            _ = recv(quit) => return got,
                        }
                    }
                })
            })
            .collect();
        let senders: Vec<_> = (0..TASKS)
            .map(|task| {
                let (a, b, tally) = (a.sends(), b.sends(), tally.clone());
                world.go(move || {
                    for number in task * EACH..(task + 1) * EACH {
                        // One number, on one of two channels.
                        let (one, other) = (tally.value(number), tally.value(number));
                        select! {
                            send(a, one) => {}
                            send(b, other) => {}
                        }
                    }
                })
            })
            .collect();
        senders.into_iter().for_each(|task| task.join().unwrap());
        // The last value may still be in the buffer of `b`: a receiver takes it before all sleep.
        world.asleep(TASKS as u64);
        quit.close();
        let got = receivers.into_iter().flat_map(|task| task.join().unwrap());
        let mut got: Vec<_> = got.collect();
        got.sort_unstable();
        assert!(got.into_iter().eq(0..TASKS * EACH), "each value comes once");
        assert_eq!(tally.alive(), 0);
    });
}
