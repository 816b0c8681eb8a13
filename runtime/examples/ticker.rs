//! A ticker with a shutdown: something is done each period, until the quit channel is closed. The
//! next tick is a point in time, so that slow work does not shift the ones after it.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::time::Duration;

use gleak_runtime::time::Instant;
use gleak_runtime::{Chan, Recvs, Sends, go, run, select};

const PERIOD: Duration = Duration::from_millis(5);

fn main() {
    run(|| {
        let (quit, beats) = (Chan::<()>::new(0), Chan::new(0));
        let heart = {
            let (quit, beats) = (quit.recvs(), beats.sends());
            go! { tick(&quit, &beats) }
        };
        for beat in beats.iter().take(3) {
            println!("tick {beat}");
        }
        quit.close();
        heart.join().expect("nobody closes its beats");
        println!("shut down");
    });
}

/// Counts periods until `quit` is closed. Who has stopped listening does not keep it.
fn tick(quit: &Recvs<()>, beats: &Sends<u32>) {
    let start = Instant::now();
    for beat in 1.. {
        select! {
            _ = recv(quit) => return,
            after(start + PERIOD * beat - Instant::now()) => {}
        }
        select! {
            _ = recv(quit) => return,
            send(beats, beat) => {}
        }
    }
}
