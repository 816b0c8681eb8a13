//! What a great many tasks cost that all wait.

use std::time::Duration;

use gleak_runtime::{Chan, WaitGroup, go, sleep};

use crate::protocol::{self, Clock, Figures};

/// Tasks that all receive from one channel: bytes of each, pages of the kernel for it included.
pub(crate) fn parked(n: u64) -> Figures {
    let before = protocol::memory();
    let gate = Chan::<()>::new(0);
    let receives = gate.recvs();
    let (up, down) = (WaitGroup::new(), WaitGroup::new());
    up.add(n as i64);
    down.add(n as i64);
    let clock = Clock::start();
    for _ in 0..n {
        let (gate, up, down) = (receives.clone(), up.clone(), down.clone());
        go! {
            up.done();
            gate.recv();
            down.done();
        };
    }
    up.wait();
    let mut figures = clock.ns(n);
    sleep(protocol::SETTLE);
    figures.push(("bytes", (protocol::memory() - before) * 1024.0 / n as f64));
    gate.close();
    down.wait();
    figures
}

/// Tasks that all sleep for a second: how long that takes, and what is held afterwards.
pub(crate) fn sleepers(n: u64) -> Figures {
    let before = protocol::memory();
    let all = WaitGroup::new();
    all.add(n as i64);
    let clock = Clock::start();
    for _ in 0..n {
        let all = all.clone();
        go! {
            sleep(Duration::from_secs(1));
            all.done();
        };
    }
    all.wait();
    let mut figures = clock.ms();
    let clock = Clock::start();
    let (mut given_back, mut held) = protocol::held(before);
    while !given_back && clock.elapsed() < protocol::GIVE_BACK {
        sleep(protocol::SETTLE);
        (given_back, held) = protocol::held(before);
    }
    figures.push(("held", held));
    figures
}
