//! The works of the table on tokio. No workers means its current-thread runtime. The work itself is
//! a task too: `block_on` would keep it on a thread of its own.

#![forbid(unsafe_code)]

#[path = "../../protocol.rs"]
mod protocol;
mod select;
mod work;

use std::process::ExitCode;

use protocol::{Figures, Work};
use tokio::runtime::Builder;

const WORKS: &[(&str, Work)] = &[
    ("round-trip", |workers, n| on(workers, work::round_trip(n))),
    ("yield-1000", |workers, n| on(workers, work::yields(n))),
    ("buffered-1p1c", |workers, n| on(workers, work::buffered_1(n))),
    ("buffered-4p4c", |workers, n| on(workers, work::buffered_4(n))),
    ("spawn-one", |workers, n| on(workers, work::spawn_one(n))),
    ("spawn-batch", |workers, n| on(workers, work::spawn_batches(n))),
    ("spawn-million", |workers, n| on(workers, work::spawn_alive(n))),
    ("select2-ready", |workers, n| on(workers, select::ready_2(n))),
    ("select8-ready", |workers, n| on(workers, select::ready_8(n))),
    ("select2-blocking", |workers, n| on(workers, select::blocking_2(n))),
    ("select8-blocking", |workers, n| on(workers, select::blocking_8(n))),
    ("select2-round-trip", |workers, n| on(workers, select::round_trip_2(n))),
    ("select8-round-trip", |workers, n| on(workers, select::round_trip_8(n))),
    ("mutex-free", |workers, n| on(workers, work::mutex_free(n))),
    ("mutex-8", |workers, n| on(workers, work::mutex_contended(8, n))),
    ("mutex-100", |workers, n| on(workers, work::mutex_contended(100, n))),
    ("skynet", |workers, n| on(workers, work::skynet(n))),
    ("parked", |workers, n| on(workers, work::parked(n))),
    ("sleepers", |workers, n| on(workers, work::sleepers(n))),
    ("fan-out", |workers, n| on(workers, work::fan_out(n))),
    ("held", |workers, n| on(workers, work::held(n))),
    ("echo-1", |workers, n| on(workers, work::echo(1, n))),
    ("echo-64", |workers, n| on(workers, work::echo(64, n))),
];

fn on(workers: usize, work: impl Future<Output = Figures> + Send + 'static) -> Figures {
    let mut builder = match workers {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if workers > 0 {
        builder.worker_threads(workers);
    }
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::spawn(work).await.expect("no panic") })
}

fn main() -> ExitCode {
    protocol::answer(WORKS)
}
