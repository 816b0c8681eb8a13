//! A ticker with a shutdown: something is done each period, until the quit channel is closed.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::time::Duration;

use gleak_runtime::{Chan, Recvs, Sends, Ticker, go, run, select};

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

/// Counts ticks until `quit` is closed. Who has stopped listening does not keep it.
fn tick(quit: &Recvs<()>, beats: &Sends<u32>) {
    let ticker = Ticker::new(PERIOD);
    for beat in 1.. {
        select! {
            _ = recv(quit) => return,
            _ = recv(ticker) => {}
        }
        select! {
            _ = recv(quit) => return,
            send(beats, beat) => {}
        }
    }
}
