//! Messages from task to task.

use gleak_runtime::{Chan, go};

use crate::protocol::{Clock, Figures};

/// One value there and one back, through two unbuffered channels.
pub(crate) fn round_trip(n: u64) -> Figures {
    let (there, back) = (Chan::new(0), Chan::new(0));
    let (asked, answers) = (there.recvs(), back.sends());
    let other = go! { asked.iter().for_each(|i: u64| answers.send(i)) };
    let clock = Clock::start();
    for i in 0..n {
        there.send(i);
        back.recv();
    }
    let figures = clock.ns(n);
    there.close();
    other.join().expect("no panic");
    figures
}

/// As many producers as consumers, one channel that holds 128.
pub(crate) fn buffered(pairs: u64, n: u64) -> Figures {
    let chan = Chan::new(128);
    let clock = Clock::start();
    let producers = Vec::from_iter((0..pairs).map(|_| {
        let sends = chan.sends();
        go! { (0..n / pairs).for_each(|i| sends.send(i)) }
    }));
    let consumers = Vec::from_iter((0..pairs).map(|_| {
        let receives = chan.recvs();
        go! { receives.iter().for_each(drop) }
    }));
    producers.into_iter().for_each(|it| it.join().expect("no panic"));
    chan.close();
    consumers.into_iter().for_each(|it| it.join().expect("no panic"));
    clock.ns(n / pairs * pairs)
}
