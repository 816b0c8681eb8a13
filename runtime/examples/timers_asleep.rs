//! Everything sleeps in the end, although timers were set: one that nobody waits for, one that was
//! stopped elsewhere, one of a context that was cancelled. Nothing is said before the last function
//! that is to run has run.

use std::time::Duration;

use gleak_runtime::{Chan, Context, Ticker, after_func, go, run};

const LONG: Duration = Duration::from_secs(3600);

#[expect(clippy::print_stdout, reason = "an example says what it does")]
fn main() {
    run(|| {
        let armed = Ticker::new(Duration::from_millis(1));
        let late = after_func(LONG, || println!("stopped: never printed"));
        let (ctx, cancel) = Context::background().with_timeout(LONG);
        let ended = Chan::new(0);
        let sends = ended.sends();
        let _registered = ctx.after_func(move || sends.send("cancelled"));
        let _last = after_func(Duration::from_millis(30), move || {
            println!("ran");
            late.stop();
            cancel.cancel();
        });
        println!("{}", ended.recv().unwrap_or_default());
        let stopped = go! {
            armed.stop();
            armed.recv()
        };
        let _ticks_for_nobody = Ticker::new(Duration::from_millis(1));
        stopped.join().is_ok()
    });
}
