//! Waiting for one of two or of eight channels. The arms are written out, as a program would.

use gleak_runtime::{Chan, go, select};

use crate::protocol::{Clock, Figures};

/// Receives from whichever of the channels is ready.
macro_rules! one_of {
    ($chans:ident: $($index:literal)+) => {
        select! { $(value = recv($chans[$index]) => value,)+ }
    };
}

fn chans<const K: usize>(capacity: usize) -> [Chan<u64>; K] {
    std::array::from_fn(|_| Chan::new(capacity))
}

/// One task; one of the channels always holds a value.
fn ready<const K: usize>(n: u64, one_of: fn(&[Chan<u64>; K]) -> Option<u64>) -> Figures {
    let chans = chans::<K>(1);
    let clock = Clock::start();
    for i in 0..n {
        chans[i as usize % K].send(i);
        one_of(&chans);
    }
    clock.ns(n)
}

/// Another task sends over unbuffered channels in turn.
fn blocking<const K: usize>(n: u64, one_of: fn(&[Chan<u64>; K]) -> Option<u64>) -> Figures {
    let chans = chans::<K>(0);
    let sends = chans.each_ref().map(Chan::sends);
    let other = go! { (0..n).for_each(|i| sends[i as usize % K].send(i)) };
    let clock = Clock::start();
    for _ in 0..n {
        one_of(&chans);
    }
    let figures = clock.ns(n);
    other.join().expect("no panic");
    figures
}

/// Another task answers each question on one of the channels: every select has to wait.
fn round_trip<const K: usize>(n: u64, one_of: fn(&[Chan<u64>; K]) -> Option<u64>) -> Figures {
    let (there, back) = (Chan::new(0), chans::<K>(0));
    let (asked, answers) = (there.recvs(), back.each_ref().map(Chan::sends));
    let other = go! { asked.iter().for_each(|i: u64| answers[i as usize % K].send(i)) };
    let clock = Clock::start();
    for i in 0..n {
        there.send(i);
        one_of(&back);
    }
    let figures = clock.ns(n);
    there.close();
    other.join().expect("no panic");
    figures
}

fn one_of_2(chans: &[Chan<u64>; 2]) -> Option<u64> {
    one_of!(chans: 0 1)
}

fn one_of_8(chans: &[Chan<u64>; 8]) -> Option<u64> {
    one_of!(chans: 0 1 2 3 4 5 6 7)
}

pub(crate) fn ready_2(n: u64) -> Figures {
    ready(n, one_of_2)
}

pub(crate) fn ready_8(n: u64) -> Figures {
    ready(n, one_of_8)
}

pub(crate) fn blocking_2(n: u64) -> Figures {
    blocking(n, one_of_2)
}

pub(crate) fn blocking_8(n: u64) -> Figures {
    blocking(n, one_of_8)
}

pub(crate) fn round_trip_2(n: u64) -> Figures {
    round_trip(n, one_of_2)
}

pub(crate) fn round_trip_8(n: u64) -> Figures {
    round_trip(n, one_of_8)
}
