//! crossbeam's select over two or eight channels: std has none.

use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, select};

use crate::protocol::{Clock, Figures};

/// Receives from whichever of the channels is ready.
macro_rules! one_of {
    ($chans:ident: $($index:literal)+) => {
        select! { $(recv($chans[$index]) -> value => value.expect("open"),)+ }
    };
}

type OneOf<const K: usize> = fn(&[Receiver<u64>; K]) -> u64;

fn chans<const K: usize>(capacity: usize) -> ([Sender<u64>; K], [Receiver<u64>; K]) {
    let chans = std::array::from_fn::<_, K, _>(|_| bounded(capacity));
    (chans.each_ref().map(|it| it.0.clone()), chans.map(|it| it.1))
}

fn ready<const K: usize>(n: u64, one_of: OneOf<K>) -> Figures {
    let (sends, receives) = chans::<K>(1);
    let clock = Clock::start();
    for i in 0..n {
        sends[i as usize % K].send(i).expect("open");
        one_of(&receives);
    }
    clock.ns(n)
}

fn blocking<const K: usize>(n: u64, one_of: OneOf<K>) -> Figures {
    let (sends, receives) = chans::<K>(0);
    // The senders come back, so that no channel is disconnected while others are selected from.
    let other = thread::spawn(move || {
        (0..n).for_each(|i| sends[i as usize % K].send(i).expect("open"));
        sends
    });
    let clock = Clock::start();
    for _ in 0..n {
        one_of(&receives);
    }
    let figures = clock.ns(n);
    other.join().expect("no panic");
    figures
}

fn round_trip<const K: usize>(n: u64, one_of: OneOf<K>) -> Figures {
    let (there, asked) = bounded::<u64>(0);
    let (sends, receives) = chans::<K>(0);
    let other = thread::spawn(move || {
        asked.iter().for_each(|i| sends[i as usize % K].send(i).expect("open"));
    });
    let clock = Clock::start();
    for i in 0..n {
        there.send(i).expect("open");
        one_of(&receives);
    }
    let figures = clock.ns(n);
    drop(there);
    other.join().expect("no panic");
    figures
}

fn one_of_2(chans: &[Receiver<u64>; 2]) -> u64 {
    one_of!(chans: 0 1)
}

fn one_of_8(chans: &[Receiver<u64>; 8]) -> u64 {
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
