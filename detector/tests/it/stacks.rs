//! Stacks: what of them is the user's, and how they are shown.

use gleak_detector::render::{self, TextOptions};
use gleak_detector::snapshot::{FrameId, Snapshot, SnapshotBuilder, Stack, StackId, TaskId};
use gleak_detector::{Backtrace, Report};

use crate::support::{MS, golden, named, process, region, stack, symbol};

/// Below the user's call, as an optimised build has it: inlined names lack their path.
const PARKED: [&str; 5] = [
    "suspend<(), ()> at /cargo/registry/src/index.crates.io-1949cf8c6b5b557f/corosensei-0.3.4/src/coroutine.rs:586 ^",
    "gleak_runtime::machine::fiber::suspend at /build/gleak/runtime/src/machine/fiber.rs:71",
    "park_task at /build/gleak/runtime/src/wait/mod.rs:252 ^",
    "recv<()> at /build/gleak/runtime/src/chan/core.rs:184 ^",
    "gleak_runtime::chan::go::Chan<T>::recv at /build/gleak/runtime/src/chan/go.rs:120",
];

/// From the user's closure to the far end of the stack.
const STARTED: [&str; 8] = [
    "gleak_runtime::task::packet::task_entry at /build/gleak/runtime/src/task/packet.rs:226",
    "<gleak_runtime::task::packet::Packet<F,T,B> as gleak_runtime::task::packet::Body>::run::{{closure}} at /build/gleak/runtime/src/task/packet.rs:260",
    "do_call<core::panic::unwind_safe::AssertUnwindSafe<F>, ()> at /rustc/59807616e1fa/library/std/src/panicking.rs:581",
    "__rust_try",
    "corosensei::coroutine::Coroutine<Input,Yield,Return,Stack>::with_stack_unchecked::coroutine_func::{{closure}} at /cargo/registry/src/index.crates.io-1949cf8c6b5b557f/corosensei-0.3.4/src/coroutine.rs:243",
    "__rust_try",
    "coroutine_func<(), (), ()> at /cargo/registry/src/index.crates.io-1949cf8c6b5b557f/corosensei-0.3.4/src/coroutine.rs:243",
    "0x2b805 in /build/app/target/release/app",
];

/// A whole stack around the user's frames.
fn around<'f>(own: &[&'f str]) -> Vec<&'f str> {
    [&PARKED[..], own, &STARTED[..]].concat()
}

/// A snapshot of one task, and what is shown of its stack: in its group, and the runtime's frames
/// besides.
fn one(frames: &[&str], cut: bool) -> (Report, Vec<String>) {
    let mut b = SnapshotBuilder::new();
    let jobs = b.channel("src/a.rs:1", None);
    let _ = b.task("src/a.rs:2", "app::start::{{closure}}").receives(jobs, "src/a.rs:3").id();
    b.still();
    let mut snapshot = b.build();
    let id = stack(&mut snapshot, frames);
    snapshot.stacks[0].cut = cut;
    snapshot.tasks[0].backtrace = Some(id);
    let report = process(&snapshot);
    let own = own(report.findings[0].groups[0].backtrace.as_ref().expect("its stack"));
    (report, own)
}

fn own(backtrace: &Backtrace) -> Vec<String> {
    let own = backtrace.frames.iter().filter(|frame| !frame.runtime);
    own.map(|frame| frame.function.clone()).collect()
}

#[test]
fn what_is_the_users() {
    let worker = "app::worker at /build/app/src/a.rs:3";
    let start = "app::start::{{closure}} at /build/app/src/a.rs:2";
    let names = ["app::worker", "app::start::{{closure}}"];
    assert_eq!(one(&around(&[worker, start]), false).1, names);
    // What the runtime and std call between the user's functions stays.
    let scoped = [
        worker,
        "core::iter::traits::iterator::Iterator::for_each at /rustc/5980/library/core/src/iter/traits/iterator.rs:9",
        "gleak_runtime::scope::Scope::run at /build/gleak/runtime/src/scope.rs:4",
        start,
    ];
    assert_eq!(one(&around(&scoped), false).1.len(), 4);
    // Shims of a call, in std's files whatever they are called, and the harness are around it.
    let shims = [
        "<app::Job as core::ops::function::FnOnce<()>>::call_once at /rustc/5980/library/core/src/ops/function.rs:250",
        "core::ops::function::FnOnce::call_once{{vtable.shim}}",
        "gleak_test_harness::test_body::run at /build/gleak/test-harness/src/test_body.rs:57",
    ];
    assert_eq!(one(&around(&[&[worker, start][..], &shims].concat()), false).1, names);
    // So is what the attribute writes around a test; what the user calls of the harness is not.
    let attribute = "app::tests::Test::drains::{{closure}} at /build/app/src/tests.rs:4";
    let test = ["app::tests::drains at /build/app/src/tests.rs:6"];
    let stack = around(&[&test[..], &shims, &[attribute]].concat());
    assert_eq!(one(&stack, false).1, ["app::tests::drains"]);
    let finish =
        "gleak_test_harness::guard::Guard::finish at /build/gleak/test-harness/src/guard.rs:9";
    assert_eq!(one(&around(&[finish, worker, start]), false).1.len(), 3);
    // A trait of the user's makes it his, whatever the type.
    let own_trait = "<alloc::boxed::Box<F> as app::Service>::call at /build/app/src/a.rs:3";
    assert_eq!(
        one(&around(&[own_trait]), false).1[0],
        "<alloc::boxed::Box<F> as app::Service>::call"
    );
}

#[test]
fn what_is_not_known_is_not_cut() {
    let frames = ["0x12f317 in /build/app/target/app", "0x7f0011223344", "app::start"];
    let shown = ["app+0x12f317", "0x7f0011223344", "app::start"];
    assert_eq!(one(&around(&frames), false).1, shown);
    // No names at all: no entry either.
    let bare = ["0x10 in /build/app/app", "0x20 in C:\\app\\app.exe", "0x30 in /usr/lib/libc.so.6"];
    assert_eq!(one(&bare, false).1, ["app+0x10", "app.exe+0x20", "libc.so.6+0x30"]);
}

#[test]
fn a_stack_of_the_runtime_alone_is_shown_whole() {
    let all = around(&[]);
    assert_eq!(one(&all, false).1.len(), all.len());
}

#[test]
fn files_decide_only_beside_files_that_are_known() {
    // The user has a folder of that name too.
    let lookalike = "worker<u8> at /build/app/runtime/src/worker.rs:3";
    let start = "app::start::{{closure}} at /build/app/runtime/src/worker.rs:9";
    assert_eq!(one(&around(&[lookalike, start]), false).1[0], "worker<u8>");
    let helper = "helper<u8> at /build/gleak/runtime/src/chan/go.rs:7";
    assert_eq!(one(&around(&[helper, start]), false).1, ["app::start::{{closure}}"]);
}

#[test]
fn what_the_runtime_asks_of_the_system_is_the_runtimes() {
    let held = [
        "syscall",
        "rustix::backend::thread::syscalls::futex_wait at /cargo/registry/src/i/rustix-1.1.2/src/a.rs:5",
        "gleak_runtime::machine::futex::wait at /build/gleak/runtime/src/machine/futex.rs:9",
        "app::worker at /build/app/src/a.rs:3",
    ];
    assert_eq!(one(&[&held[..], &STARTED].concat(), false).1, ["app::worker"]);
    // What the user calls is not.
    let running = ["memcpy", "app::copy at /build/app/src/a.rs:8"];
    assert_eq!(one(&[&running[..], &STARTED].concat(), false).1, ["memcpy", "app::copy"]);
}

#[test]
fn a_cut_stack_says_so_and_keeps_its_far_end() {
    let deep = "core::slice::sort::recurse at /rustc/5980/library/core/src/slice/sort.rs:8";
    let frames = [&PARKED[..], &["app::less at /build/app/src/a.rs:3", deep]].concat();
    let (report, own) = one(&frames, true);
    assert_eq!(own, ["app::less", "core::slice::sort::recurse"]);
    let text = render::text(&report, &TextOptions::default());
    assert!(text.contains("\n               cut here: the rest could not be read\n"), "{text}");
}

#[test]
fn the_block_site_is_not_repeated() {
    let (report, _) = one(&around(&["app::worker at /build/app/src/a.rs:3"]), false);
    let text = render::text(&report, &TextOptions::default());
    assert!(text.contains("\n      waits    src/a.rs:3  app::worker\n    because"), "{text}");
    assert!(!text.contains("from"), "{text}");
}

#[test]
fn as_many_frames_as_asked_for() {
    let own: Vec<String> =
        (3..15).map(|line| format!("app::f{line} at /build/app/src/a.rs:{line}")).collect();
    let (report, _) = one(&around(&own.iter().map(String::as_str).collect::<Vec<_>>()), false);
    let told = |options: TextOptions| {
        let text = render::text(&report, &options);
        (text.matches("app::f").count(), text.contains("more frame"), text.contains("coroutine"))
    };
    let defaults = TextOptions::default;
    assert_eq!(told(defaults()), (8, true, false));
    assert_eq!(told(TextOptions { frames: 11, ..defaults() }), (11, true, false));
    assert_eq!(told(TextOptions { frames: 12, ..defaults() }), (12, false, false));
    assert_eq!(told(TextOptions { frames: 1, ..defaults() }), (1, true, false));
    assert_eq!(told(TextOptions { frames: 0, ..defaults() }), (0, false, false));
    assert_eq!(
        told(TextOptions { frames: usize::MAX, runtime_frames: true, ..defaults() }),
        (12, false, true)
    );
    let none = render::text(&report, &TextOptions { frames: 0, ..defaults() });
    let mut bare = report;
    for group in bare.groups.iter_mut().chain(&mut bare.findings[0].groups) {
        group.backtrace = None;
    }
    assert_eq!(none, render::text(&bare, &defaults()));
}

#[test]
fn most_tasks_decide_and_frames_of_the_runtime_make_no_difference() {
    let mut b = SnapshotBuilder::new();
    let jobs = b.channel("src/a.rs:1", None);
    for _ in 0..6 {
        let _ = b.task("src/a.rs:2", "app::start").receives(jobs, "src/a.rs:3").id();
    }
    b.still();
    let mut snapshot = b.build();
    let rare = stack(&mut snapshot, &around(&["app::rare"]));
    let frequent = stack(&mut snapshot, &around(&["app::frequent"]));
    let inside = [&["gleak_runtime::wait::park"][..], &around(&["app::frequent"])].concat();
    let alike = stack(&mut snapshot, &inside);
    let stacks = [None, Some(rare), Some(frequent), Some(alike), Some(rare), Some(frequent)];
    for (task, stack) in snapshot.tasks.iter_mut().zip(stacks) {
        task.backtrace = stack;
    }
    let shown = |snapshot: &Snapshot| process(snapshot).findings[0].groups[0].backtrace.clone();
    let backtrace = shown(&snapshot).unwrap();
    assert_eq!((backtrace.tasks, backtrace.different), (3, 2));
    assert_eq!(own(&backtrace), ["app::frequent"]);
    // Of equally many, that of the first task.
    snapshot.tasks[5].backtrace = None;
    assert_eq!(own(&shown(&snapshot).unwrap()), ["app::rare"]);
    snapshot.tasks.reverse();
    assert_eq!(own(&shown(&snapshot).unwrap()), ["app::rare"]);
}

#[test]
fn ids_of_nothing_are_shown_as_such() {
    let mut b = SnapshotBuilder::new();
    let jobs = b.channel("src/a.rs:1", None);
    for _ in 0..3 {
        let _ = b.task("src/a.rs:2", "app::start").receives(jobs, "src/a.rs:3").id();
    }
    b.still();
    let mut snapshot = b.build();
    snapshot.stacks.push(Stack { frames: vec![FrameId(7)], cut: false });
    snapshot.stacks.push(Stack::default());
    for (task, stack) in snapshot.tasks.iter_mut().zip(0..) {
        task.backtrace = Some(StackId(stack));
    }
    let group = &process(&snapshot).findings[0].groups[0];
    let backtrace = group.backtrace.as_ref().unwrap();
    assert_eq!((own(backtrace), backtrace.different), (vec!["?".to_owned()], 1));
}

/// A pool whose workers wait in three ways, a feeder without names, one that could not be read to
/// its end, and a task that panicked.
fn ingest() -> (Snapshot, gleak_detector::snapshot::RegionId) {
    let mut b = SnapshotBuilder::new();
    b.taken_at(90 * MS);
    b.header_mut().program = "ingestd".to_owned();
    b.header_mut().pid = 4711;
    let own = b.region("ingest::drains_on_error");
    let jobs = b.channel("src/pool.rs:38", Some(0));
    let stop = b.channel("src/pool.rs:39", Some(1));
    b.object_mut(jobs).name = Some("jobs".to_owned());
    let start = "ingestd::pool::Pool<ingestd::Job>::start::{{closure}}";
    for _ in 0..43 {
        let _ = b.task("src/pool.rs:41", start).region(own).receives(jobs, "src/pool.rs:58").id();
    }
    let feeder = b.task("src/pool.rs:49", start).region(own).name("feeder");
    let _ = feeder.receives(stop, "src/feed/from_the_network.rs:73").id();
    let serve = b.task("src/http.rs:20", "ingestd::http::serve").region(own).name("http");
    let _ = serve.sends(jobs, "src/http.rs:88").id();
    let site = b.site("src/decode.rs:212");
    let panic = b.panic(TaskId(77), "src/in.rs:5", "ingestd::decode::all", "length 10, index 12");
    (panic.site, panic.region) = (Some(site), Some(own));
    panic.stack = [
        "core::panicking::panic_bounds_check at /rustc/5980/library/core/src/panicking.rs:280",
        "<usize as core::slice::index::SliceIndex<[T]>>::index at /rustc/5980/library/core/src/slice/index.rs:274",
        "ingestd::decode::Header<'_>::length at /build/ingestd/src/decode.rs:212",
        "<ingestd::decode::Header as core::convert::TryFrom<&[u8]>>::try_from at /build/ingestd/src/decode.rs:180",
        "ingestd::decode::all at /build/ingestd/src/decode.rs:44",
    ]
    .map(symbol)
    .to_vec();
    let mut snapshot = b.build();
    stand(&mut snapshot);
    (snapshot, own)
}

/// Gives them their stacks.
fn stand(snapshot: &mut Snapshot) {
    let worker = "ingestd::pool::Pool<T>::worker at /build/ingestd/src/pool.rs:58";
    let closure =
        "ingestd::pool::Pool<T>::start::{{closure}}::{{closure}} at /build/ingestd/src/pool.rs:44";
    let deep = [
        worker,
        "<alloc::vec::into_iter::IntoIter<ingestd::Job> as core::iter::traits::iterator::Iterator>::try_fold at /rustc/5980/library/alloc/src/vec/into_iter.rs:346 ^",
        "ingestd::pool::Pool<T>::drain at /build/ingestd/src/pool.rs:70",
        "ingestd::retry::Backoff<ingestd::retry::Exponential,F>::call at /build/ingestd/src/retry.rs:31",
        "<tower::limit::Limited<ingestd::Svc> as tower::Service<ingestd::Job>>::call at /cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tower-0.5.2/src/limit/concurrency/limited_service.rs:88",
        "0x12f317 in /usr/lib/x86_64-linux-gnu/libplugin.so.2",
        "ingestd::pool::Pool<T>::once at /build/ingestd/src/pool.rs:66",
        "ingestd::pool::Pool<T>::round at /build/ingestd/src/pool.rs:63",
        "ingestd::pool::Pool<T>::rounds at /build/ingestd/src/pool.rs:61",
        "ingestd::pool::Pool<T>::run at /build/ingestd/src/pool.rs:52",
        closure,
    ];
    let common = stack(snapshot, &around(&deep));
    let direct = stack(snapshot, &around(&[worker, closure]));
    let other = stack(
        snapshot,
        &around(&[
            worker,
            "ingestd::pool::Pool<T>::help at /build/ingestd/src/pool.rs:90",
            closure,
        ]),
    );
    let spawner = [
        "gleak_runtime::task::spawn::spawn at /build/gleak/runtime/src/task/spawn.rs:40",
        "ingestd::pool::Pool<T>::start at /build/ingestd/src/pool.rs:41",
        "ingestd::Ingest::new at /build/ingestd/src/lib.rs:30",
        "ingestd::main at /build/ingestd/src/main.rs:12",
    ];
    let spawned = stack(snapshot, &[&spawner[..], &STARTED].concat());
    let feeder = stack(
        snapshot,
        &[
            "0x12f317 in /build/ingestd/target/release/ingestd",
            "0x12e0aa in /build/ingestd/target/release/ingestd",
        ],
    );
    let served = [&PARKED[..], &[
        "ingestd::http::forward at /build/ingestd/src/http.rs:88",
        "ingestd::http::generated::routes_of_the_second_version::<impl ingestd::http::Routes for ingestd::http::generated::V2<S>>::dispatch at /build/ingestd/target/release/build/ingestd-0f1e2d3c4b5a6978/out/generated/http/routes_of_the_second_version.rs:10412",
    ]].concat();
    let served = stack(snapshot, &served);
    snapshot.stacks[served.0 as usize].cut = true;
    let serving = stack(
        snapshot,
        &[
            "ingestd::http::listen at /build/ingestd/src/http.rs:20",
            "ingestd::main at /build/ingestd/src/main.rs:14",
        ],
    );
    for (number, task) in snapshot.tasks.iter_mut().enumerate() {
        let (stack, spawn) = match number {
            0 | 3 => (direct, Some(spawned)),
            7 => (other, Some(spawned)),
            43 => (feeder, None),
            44 => (served, Some(serving)),
            _ => (common, Some(spawned)),
        };
        (task.backtrace, task.spawn_backtrace) = (Some(stack), spawn);
    }
}

#[test]
fn stacks_of_a_test_that_leaks() {
    let (snapshot, own) = ingest();
    let report = region(&snapshot, own);
    for width in [80, 120] {
        let options = TextOptions { width, ..TextOptions::default() };
        let text = render::failure(&report, &named("ingest::drains_on_error"), &options);
        golden(&format!("testdata/stacks-{width}.txt"), &text);
    }
    let all = TextOptions { frames: usize::MAX, runtime_frames: true, ..TextOptions::default() };
    golden(
        "testdata/stacks-all-100.txt",
        &render::failure(&report, &named("ingest::drains_on_error"), &all),
    );
    let json = render::json(&report);
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}
