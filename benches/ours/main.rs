//! The works of the table on our runtime; with the feature `no-records` of the runtime the same
//! without recording. What each work is stands in `docs/benchmarks.md`; the Go program of the same
//! name is the model, so that one work means one thing on every side.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "answers in a line of text")]

mod channels;
mod dumps;
#[path = "../peers/echo.rs"]
mod echo;
mod fairness;
mod judgement;
mod locks;
mod memory;
mod net;
#[path = "../peers/protocol.rs"]
mod protocol;
mod reports;
mod select;
mod snapshots;
mod spawn;
mod verdicts;

use std::process::ExitCode;

use gleak_runtime::Runtime;
use protocol::{Figures, Work};

const WORKS: &[(&str, Work)] = &[
    ("round-trip", |workers, n| on(workers, n, channels::round_trip)),
    ("yield-1000", |workers, n| on(workers, n, spawn::yields)),
    ("buffered-1p1c", |workers, n| on(workers, n, |n| channels::buffered(1, n))),
    ("buffered-4p4c", |workers, n| on(workers, n, |n| channels::buffered(4, n))),
    ("spawn-one", |workers, n| on(workers, n, spawn::one)),
    ("spawn-batch", |workers, n| on(workers, n, spawn::batches)),
    ("spawn-unwaited", |workers, n| on(workers, n, spawn::unwaited)),
    ("spawn-million", |workers, n| on(workers, n, spawn::alive)),
    ("select2-ready", |workers, n| on(workers, n, select::ready_2)),
    ("select8-ready", |workers, n| on(workers, n, select::ready_8)),
    ("select2-blocking", |workers, n| on(workers, n, select::blocking_2)),
    ("select8-blocking", |workers, n| on(workers, n, select::blocking_8)),
    ("select2-round-trip", |workers, n| on(workers, n, select::round_trip_2)),
    ("select8-round-trip", |workers, n| on(workers, n, select::round_trip_8)),
    ("mutex-free", |workers, n| on(workers, n, locks::free)),
    ("mutex-8", |workers, n| on(workers, n, |n| locks::contended(8, n))),
    ("mutex-100", |workers, n| on(workers, n, |n| locks::contended(100, n))),
    ("lock-order", |_, n| locks::order(n)),
    ("skynet", |workers, n| on(workers, n, spawn::skynet)),
    ("parked", |workers, n| on(workers, n, memory::parked)),
    ("sleepers", |workers, n| on(workers, n, memory::sleepers)),
    ("fan-out", |workers, n| on(workers, n, fairness::fan_out)),
    ("held", |workers, n| on(workers, n, fairness::held)),
    ("snapshot", |workers, n| on(workers, n, snapshots::whole)),
    ("stacks", |workers, n| on(workers, n, snapshots::stacks)),
    ("watched", |workers, n| on(workers, n, snapshots::watched)),
    ("analyze", |_, n| judgement::analyzed(n)),
    ("graph", |_, n| judgement::graph(n)),
    ("verdict", |_, n| verdicts::alone(n)),
    ("verdict-beside", |_, n| verdicts::beside(n)),
    ("report", |_, n| reports::own(n)),
    ("report-go", |_, n| reports::go(n)),
    ("records", |_, _| records()),
    ("echo-1", |workers, n| on(workers, n, |n| net::echo(1, n))),
    ("echo-64", |workers, n| on(workers, n, |n| net::echo(64, n))),
];

/// A program's main task on that many workers does the work.
fn on(workers: usize, n: u64, work: fn(u64) -> Figures) -> Figures {
    Runtime::builder().workers(workers).run(move || work(n))
}

/// Not a work: how large the records are in this build.
fn records() -> Figures {
    let [task, arm, object] = gleak_runtime::report::record_bytes();
    vec![("task", task as f64), ("arm", arm as f64), ("object", object as f64)]
}

fn main() -> ExitCode {
    protocol::answer(WORKS)
}
