//! The works, in the order of the table.

use crate::catalogue::Deviation::{Cannot, Differs, Fewer, FewerAndDiffers};
use crate::catalogue::{Bar, Deviation, Limit, Metric, Work};
use crate::peers::Peer::{self, Go, May, NoRecords, Threads, Tokio, TokioCurrent};

const ONE_AND_TWO: &[usize] = &[1, 2];
const TWO: &[usize] = &[2];

const HOLDS_ONE: Deviation = Differs("tokio has no unbuffered channel: these hold one value");
const UNBOUNDED: Deviation = Differs("may's channels are unbounded");
const STARTS_ARMS: &str = "may's select starts a coroutine an arm and cancels the others";
const MANY_RECEIVERS: Deviation = Differs("async-channel: tokio's channel has one receiver");
const TOO_MANY: Deviation = Cannot("dies at 32 700 alive");
const NO_UNBUFFERED: Deviation = Cannot("no unbuffered channel");
const NO_SNAPSHOT: Deviation = Cannot("no snapshots");
const NO_FACTS: Deviation = Cannot("nothing to show");
const ASYNC_LOCK: Deviation = Differs("tokio's own lock, which may be held over an await");

/// The same for any number of arms.
const SELECT_BLOCKING: &[(Peer, Deviation)] = &[
    (Tokio, HOLDS_ONE),
    (TokioCurrent, HOLDS_ONE),
    (May, NO_UNBUFFERED),
    (Threads, Fewer(50_000)),
];

/// The same for any number of tasks.
const MUTEX: &[(Peer, Deviation)] = &[(Tokio, ASYNC_LOCK), (TokioCurrent, ASYNC_LOCK)];

/// Only ours are recorded.
const OURS_ALONE: &[(Peer, Deviation)] = &[
    (NoRecords, NO_FACTS),
    (Go, NO_SNAPSHOT),
    (Tokio, NO_SNAPSHOT),
    (TokioCurrent, NO_SNAPSHOT),
    (May, NO_SNAPSHOT),
    (Threads, NO_SNAPSHOT),
];

const fn of(factor: f64, peer: Peer) -> Bar {
    Bar { workers: None, limit: Limit::Of(factor, peer) }
}

const fn of_tokio(factor: f64) -> Bar {
    Bar { workers: None, limit: Limit::OfTokio(factor) }
}

const fn with(workers: usize, limit: Limit) -> Bar {
    Bar { workers: Some(workers), limit }
}

const fn ns(bars: &'static [Bar]) -> Metric {
    Metric { key: "ns", unit: "ns", what: "", bars }
}

const fn ms(bars: &'static [Bar]) -> Metric {
    Metric { key: "ms", unit: "ms", what: "", bars }
}

const BASE: Work = Work {
    name: "",
    program: "",
    title: "",
    n: 0,
    workers: ONE_AND_TWO,
    metrics: &[],
    deviations: &[],
    warm_up: false,
    recording: None,
};

const fn work(name: &'static str, title: &'static str, n: u64) -> Work {
    Work { name, program: name, title, n, ..BASE }
}

pub(super) const WORKS: &[Work] = &[
    Work {
        metrics: &[ns(&[of(0.5, Go), of_tokio(0.4)])],
        deviations: &[
            (Tokio, HOLDS_ONE),
            (TokioCurrent, HOLDS_ONE),
            (May, UNBOUNDED),
            (Threads, Fewer(30_000)),
        ],
        recording: Some(300_000),
        ..work("round-trip", "unbuffered round trip", 500_000)
    },
    Work {
        metrics: &[ns(&[of(0.5, Go)])],
        deviations: &[(Threads, Fewer(50_000))],
        recording: Some(2_000_000),
        ..work("yield-1000", "yield, 1 000 tasks", 2_000_000)
    },
    Work {
        metrics: &[ns(&[of(0.8, Go)])],
        deviations: &[(May, UNBOUNDED)],
        recording: Some(1_000_000),
        ..work("buffered-1p1c", "buffered 128, 1P1C", 3_000_000)
    },
    Work {
        metrics: &[ns(&[of(0.8, Go)])],
        deviations: &[
            (Tokio, MANY_RECEIVERS),
            (TokioCurrent, MANY_RECEIVERS),
            (May, UNBOUNDED),
            (Threads, Fewer(500_000)),
        ],
        recording: Some(1_000_000),
        ..work("buffered-4p4c", "buffered 128, 4P4C", 3_000_000)
    },
    Work {
        metrics: &[ns(&[of(0.5, Go)])],
        deviations: &[(May, Fewer(10_000)), (Threads, Fewer(5_000))],
        recording: Some(300_000),
        ..work("spawn-one", "spawn and join, one at a time", 500_000)
    },
    Work {
        metrics: &[ns(&[of(1.0, Go), of(1.0, Tokio)])],
        deviations: &[(May, Fewer(100_000)), (Threads, Fewer(10_000))],
        recording: Some(300_000),
        ..work("spawn-batch", "spawn and join, batches of 1 000", 1_000_000)
    },
    Work {
        metrics: &[ns(&[of(1.0, Go), of(1.0, Tokio)])],
        deviations: &[(May, TOO_MANY), (Threads, TOO_MANY)],
        warm_up: true,
        ..work("spawn-million", "spawn a million, join them", 1_000_000)
    },
    Work {
        metrics: &[ns(&[of(0.7, Go)])],
        deviations: &[(May, FewerAndDiffers(2_000, STARTS_ARMS))],
        recording: Some(1_000_000),
        ..work("select2-ready", "select of 2, one ready", 2_000_000)
    },
    Work {
        metrics: &[ns(&[of(0.7, Go)])],
        deviations: &[(May, FewerAndDiffers(1_000, STARTS_ARMS))],
        recording: Some(500_000),
        ..work("select8-ready", "select of 8, one ready", 1_000_000)
    },
    Work {
        metrics: &[ns(&[of(1.0, Go)])],
        deviations: &[
            (Tokio, HOLDS_ONE),
            (TokioCurrent, HOLDS_ONE),
            (May, FewerAndDiffers(2_000, STARTS_ARMS)),
            (Threads, Fewer(30_000)),
        ],
        recording: Some(300_000),
        ..work("select2-round-trip", "select of 2, blocking round trip", 500_000)
    },
    Work {
        metrics: &[ns(&[of(1.0, Go)])],
        deviations: &[
            (Tokio, HOLDS_ONE),
            (TokioCurrent, HOLDS_ONE),
            (May, FewerAndDiffers(1_000, STARTS_ARMS)),
            (Threads, Fewer(30_000)),
        ],
        recording: Some(200_000),
        ..work("select8-round-trip", "select of 8, blocking round trip", 300_000)
    },
    Work {
        metrics: &[ns(&[of(1.0, Go)])],
        deviations: SELECT_BLOCKING,
        ..work("select2-blocking", "select of 2, a sender on the other side", 500_000)
    },
    Work {
        metrics: &[ns(&[of(1.0, Go)])],
        deviations: SELECT_BLOCKING,
        ..work("select8-blocking", "select of 8, a sender on the other side", 300_000)
    },
    Work {
        metrics: &[ns(&[of(1.2, Go)])],
        deviations: MUTEX,
        recording: Some(5_000_000),
        ..work("mutex-free", "mutex, free", 5_000_000)
    },
    Work {
        metrics: &[ns(&[of(1.2, Go)])],
        deviations: MUTEX,
        recording: Some(2_000_000),
        ..work("mutex-8", "mutex, 8 tasks", 2_000_000)
    },
    Work {
        metrics: &[ns(&[of(1.2, Go)])],
        deviations: MUTEX,
        ..work("mutex-100", "mutex, 100 tasks", 2_000_000)
    },
    Work {
        workers: &[1],
        metrics: &[
            Metric { key: "off", unit: "ns", what: ": not recorded", bars: &[] },
            Metric {
                key: "cost",
                unit: "ns",
                what: ": more when recorded",
                bars: &[Bar { workers: None, limit: Limit::Units(15.0) }],
            },
            Metric {
                key: "pair-off",
                unit: "ns",
                what: ": one in another, not recorded",
                bars: &[],
            },
            Metric {
                key: "pair-cost",
                unit: "ns",
                what: ": one in another, more when recorded",
                bars: &[],
            },
        ],
        deviations: OURS_ALONE,
        ..work("lock-order", "mutex, free, its order recorded", 15_000_000)
    },
    Work {
        metrics: &[ms(&[with(2, Limit::Of(0.8, Go)), with(2, Limit::OfOneWorker(1.0))])],
        deviations: &[
            (Tokio, HOLDS_ONE),
            (TokioCurrent, HOLDS_ONE),
            (May, TOO_MANY),
            (Threads, TOO_MANY),
        ],
        warm_up: true,
        ..work("skynet", "skynet, a million leaves", 1_000_000)
    },
    Work {
        workers: TWO,
        metrics: &[
            Metric {
                key: "bytes",
                unit: "B",
                what: ": a task's memory",
                bars: &[Bar { workers: None, limit: Limit::Units(5.0 * 1024.0) }],
            },
            Metric { key: "ns", unit: "ns", what: ": spawn and park one", bars: &[] },
        ],
        deviations: &[
            (May, FewerAndDiffers(30_000, "30 000: dies at 32 700")),
            (Threads, FewerAndDiffers(10_000, "10 000, without the kernel's part of a thread")),
        ],
        warm_up: true,
        ..work("parked", "a million parked", 1_000_000)
    },
    Work {
        metrics: &[ms(&[with(2, Limit::OfOneWorker(0.6))])],
        ..work("fan-out", "10 000 fresh tasks of 100 us, one spawner", 10_000)
    },
    Work {
        program: "held",
        workers: TWO,
        metrics: &[ms(&[Bar { workers: None, limit: Limit::Units(20.0) }])],
        ..work("held-1", "a worker held for 1 s: start of the one task behind it", 1)
    },
    Work {
        program: "held",
        workers: TWO,
        metrics: &[ms(&[Bar { workers: None, limit: Limit::Units(20.0) }])],
        ..work("held-1000", "a worker held for 1 s: start of the last of 1 000 behind it", 1_000)
    },
    Work {
        workers: TWO,
        metrics: &[
            Metric { key: "ms", unit: "ms", what: ": until all have woken", bars: &[of(1.0, Go)] },
            Metric {
                key: "held",
                unit: "%",
                what: ": memory held 3 s later, of the most",
                bars: &[Bar { workers: None, limit: Limit::Units(25.0) }],
            },
        ],
        deviations: &[
            (May, FewerAndDiffers(30_000, "30 000: dies at 32 700")),
            (Threads, FewerAndDiffers(10_000, "10 000: dies at 32 700")),
        ],
        ..work("sleepers", "100 000 sleepers of 1 s", 100_000)
    },
    Work {
        metrics: &[ns(&[of(1.0, Go), of_tokio(1.0)])],
        ..work("echo-1", "loopback TCP echo, 1 connection", 30_000)
    },
    Work {
        metrics: &[ns(&[of(1.0, Go), of_tokio(1.0)])],
        ..work("echo-64", "loopback TCP echo, 64 connections", 50_000)
    },
    Work {
        workers: TWO,
        metrics: &[
            Metric {
                key: "raw",
                unit: "ms",
                what: ": the two passes over the records",
                bars: &[Bar { workers: None, limit: Limit::Units(60.0) }],
            },
            Metric {
                key: "ms",
                unit: "ms",
                what: ": the whole value",
                bars: &[Bar { workers: None, limit: Limit::Units(500.0) }],
            },
            Metric { key: "first", unit: "ms", what: ": the first value of a process", bars: &[] },
        ],
        deviations: OURS_ALONE,
        warm_up: true,
        ..work("snapshot", "a snapshot of a million parked", 1_000_000)
    },
    Work {
        workers: TWO,
        metrics: &[ms(&[of(0.1, Go)])],
        deviations: &[
            (NoRecords, NO_FACTS),
            (Go, Differs("pprof's goroutine profile with debug=2, as text")),
            (Tokio, NO_SNAPSHOT),
            (TokioCurrent, NO_SNAPSHOT),
            (May, NO_SNAPSHOT),
            (Threads, NO_SNAPSHOT),
        ],
        warm_up: true,
        ..work("stacks", "a snapshot with 100 000 stacks of ten calls", 100_000)
    },
    Work {
        workers: TWO,
        metrics: &[
            ms(&[Bar { workers: None, limit: Limit::Units(1_000.0) }]),
            Metric {
                key: "mib",
                unit: "MiB",
                what: ": memory above the snapshot",
                bars: &[Bar { workers: None, limit: Limit::Units(400.0) }],
            },
        ],
        deviations: OURS_ALONE,
        ..work("analyze", "the judgement of a million tasks asleep", 1_000_000)
    },
    Work {
        workers: TWO,
        metrics: &[ms(&[Bar { workers: None, limit: Limit::Units(50.0) }])],
        deviations: OURS_ALONE,
        warm_up: true,
        ..work("graph", "the judgement of 100 000 tasks with 300 000 joins", 100_000)
    },
    Work {
        workers: TWO,
        metrics: &[
            ms(&[Bar { workers: None, limit: Limit::Units(3_000.0) }]),
            Metric {
                key: "mib",
                unit: "MiB",
                what: ": its most memory",
                bars: &[Bar { workers: None, limit: Limit::Units(1_024.0) }],
            },
            Metric {
                key: "times",
                unit: "times",
                what: ": reading it, to parsing its lines by serde_json",
                bars: &[Bar { workers: None, limit: Limit::Units(3.0) }],
            },
        ],
        deviations: OURS_ALONE,
        ..work("report", "gleak report on a dump of a million tasks", 1_000_000)
    },
    Work {
        workers: TWO,
        metrics: &[
            ms(&[Bar { workers: None, limit: Limit::Units(500.0) }]),
            Metric {
                key: "mib",
                unit: "MiB",
                what: ": its most memory",
                bars: &[Bar { workers: None, limit: Limit::Units(150.0) }],
            },
        ],
        deviations: OURS_ALONE,
        ..work("report-go", "gleak report on a text of 100 001 goroutines", 100_001)
    },
    Work {
        workers: TWO,
        metrics: &[
            Metric {
                key: "us",
                unit: "us",
                what: ": what a guard adds",
                bars: &[Bar { workers: None, limit: Limit::Units(20.0) }],
            },
            Metric { key: "whole", unit: "us", what: ": as a test of the harness", bars: &[] },
            Metric { key: "bare", unit: "us", what: ": as a task alone", bars: &[] },
        ],
        deviations: OURS_ALONE,
        warm_up: true,
        ..work("verdict", "a clean test of 10 000, one after the other", 10_000)
    },
    Work {
        workers: TWO,
        // A hundredth of what goleak's check takes.
        metrics: &[ms(&[Bar { workers: None, limit: Limit::Units(12.0) }])],
        deviations: OURS_ALONE,
        ..work("verdict-beside", "a clean test beside 100 000 parked tasks of others", 100_000)
    },
    Work {
        metrics: &[Metric {
            key: "lost",
            unit: "%",
            what: ": throughput lost",
            bars: &[Bar { workers: None, limit: Limit::Units(3.0) }],
        }],
        deviations: OURS_ALONE,
        ..work("watched", "ping-pong, a snapshot with stacks every 20 ms", 1)
    },
];
