//! The first response wins: three mirrors are asked, the fastest answer is taken, and the others
//! are cancelled. There is room for every answer, so a mirror that answers too late does not wait.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::time::Duration;

use gleak_runtime::{Chan, Context, JoinHandle, go, run, select};

fn main() {
    run(|| {
        let (ctx, cancel) = Context::background().with_cancel();
        let mirrors = [("fra", 5), ("nyc", 60_000), ("sgp", 90_000)];
        let answers = Chan::new(mirrors.len());
        let asked: Vec<JoinHandle<bool>> = mirrors
            .into_iter()
            .map(|(mirror, ms)| {
                let (ctx, answers) = (ctx.clone(), answers.sends());
                go! {
                    let answer = ask(&ctx, mirror, Duration::from_millis(ms));
                    answer.map(|answer| answers.send(answer)).is_some()
                }
            })
            .collect();
        let first = answers.recv().expect("nobody closes it");
        println!("{first}");
        cancel.cancel();
        let answered = asked.into_iter().filter_map(|task| task.join().ok());
        let gave_up = answered.filter(|answered| !answered).count();
        println!("{gave_up} gave up");
    });
}

/// The answer of a mirror, unless nobody wants it any more.
fn ask(ctx: &Context, mirror: &str, latency: Duration) -> Option<String> {
    select! {
        _ = recv(ctx.done()) => None,
        after(latency) => Some(format!("{mirror} answered first")),
    }
}
