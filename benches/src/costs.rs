//! The figures that articles about goroutines print, beside what was measured in this run.

use crate::layout::{number, table};
use crate::measure::Measured;
use crate::peers::Peer;

/// What is said, and the work, workers and figure that measure it.
struct Cost {
    what: &'static str,
    of_goroutines: &'static str,
    of_threads: &'static str,
    work: &'static str,
    workers: usize,
    key: &'static str,
    unit: &'static str,
}

const COSTS: &[Cost] = &[
    Cost {
        what: "memory of one that waits",
        of_goroutines: "2 KB at the start, 4 to 8 KB in practice",
        of_threads: "1 MB",
        work: "parked",
        workers: 2,
        key: "bytes",
        unit: "B",
    },
    Cost {
        what: "make one and see it end, alone",
        of_goroutines: "300 ns",
        of_threads: "1 to 10 us",
        work: "spawn-one",
        workers: 1,
        key: "ns",
        unit: "ns",
    },
    Cost {
        what: "make one and see it end, of 1 000",
        of_goroutines: "300 ns",
        of_threads: "1 to 10 us",
        work: "spawn-batch",
        workers: 2,
        key: "ns",
        unit: "ns",
    },
    Cost {
        what: "switch to another that can run",
        of_goroutines: "100 to 200 ns",
        of_threads: "1 to 10 us",
        work: "yield-1000",
        workers: 1,
        key: "ns",
        unit: "ns",
    },
    Cost {
        what: "wake another and wait for it, there and back",
        of_goroutines: "two switches",
        of_threads: "two switches",
        work: "round-trip",
        workers: 2,
        key: "ns",
        unit: "ns",
    },
];

pub(crate) fn render(measured: &Measured) -> String {
    let figure = |cost: &Cost, peer| {
        let figure = measured.figure(cost.work, cost.workers, peer, cost.key);
        figure.map_or("not measured".to_owned(), |it| format!("{} {}", number(it), cost.unit))
    };
    let rows: Vec<Vec<String>> = COSTS
        .iter()
        .map(|cost| {
            let mut row = vec![cost.what.to_owned()];
            row.extend([cost.of_goroutines, cost.of_threads].map(str::to_owned));
            row.extend([Peer::Ours, Peer::Go, Peer::Threads].map(|peer| figure(cost, peer)));
            row.push(format!("{} on {}", cost.work, cost.workers));
            row
        })
        .collect();
    let head =
        ["cost", "goroutines, it is said", "threads, it is said", "ours", "go", "threads", "from"];
    let text = "What a thread reserves is address space: 2 MiB in Rust, 8 MiB in C; what it uses is \
                what is measured here, and what the kernel keeps for it comes on top. A task of ours \
                reserves 256 KiB of addresses and uses a page until it needs more; a goroutine's \
                stack starts at 2 KiB and is copied when it grows.";
    format!("## What articles say, and what it is\n\n{}\n\n{text}", table(&head, &rows))
}
