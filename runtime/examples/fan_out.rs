//! Fan-out with a wait group: the status of several services, asked for at the same time. Whoever
//! knows that all have answered closes the channel, so that the loop over the answers ends.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::time::Duration;

use gleak_runtime::{Chan, Context, Sends, WaitGroup, go, run, select};

const LATENCY: Duration = Duration::from_millis(10);

fn main() {
    run(|| {
        let services = ["auth", "payments", "inventory"];
        let ctx = Context::background();
        let open = WaitGroup::new();
        // Room for all: nobody waits to hand over an answer.
        let results = Chan::new(services.len()).named("results");
        for service in services {
            open.add(1);
            let (ctx, results, open) = (ctx.clone(), results.sends(), open.clone());
            go! {
                check_service(&ctx, service, &results);
                open.done();
            };
        }
        let closing = {
            let results = results.sends();
            go! {
                open.wait();
                results.close();
            }
        };
        for result in &results {
            println!("{result}");
        }
        closing.join().expect("it only waits and closes");
    });
}

/// Asks one service, unless the context is done first.
fn check_service(ctx: &Context, service: &str, results: &Sends<String>) {
    select! {
        _ = recv(ctx.done()) => {}
        after(LATENCY) => results.send(format!("{service} is up")),
    }
}
