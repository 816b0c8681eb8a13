//! Dumps and findings files to feed the binary with.

use gleak_detector::findings_file::{self, Source};
use gleak_detector::snapshot::{
    Arm, Site, SnapshotBuilder, TaskId, WaitOp, WaitReason, WaiterKind, write_dump,
};
use gleak_detector::survey::{Row, Standing, Survey};
use gleak_detector::{
    Backtrace, BacktraceFrame, Certainty, Finding, FindingKey, Fingerprint, Group, Keeps, Member,
    Rule,
};

/// A process with work in progress and nothing wrong.
pub(crate) fn healthy() -> Vec<u8> {
    let mut b = process(4711);
    let jobs = b.channel("src/main.rs:5", Some(8));
    b.task("src/main.rs:9", "app::worker::{{closure}}").receives(jobs, "src/worker.rs:20");
    b.task("src/main.rs:12", "app::feeder::{{closure}}").running();
    bytes(b)
}

/// A process in which `tasks` tasks wait on a never-channel: one certain finding.
pub(crate) fn leaky(pid: u32, tasks: usize) -> Vec<u8> {
    let mut b = process(pid);
    b.task("src/main.rs:3", "app::main").running();
    for _ in 0..tasks {
        b.task("src/pool.rs:49", "app::pool::Pool::start::{{closure}}").name("worker").waits(
            WaitReason::Receive,
            &[Arm::never(WaitOp::Receive)],
            "src/pool.rs:73",
        );
    }
    bytes(b)
}

/// A process with one leak, by its places and its function.
pub(crate) fn leak_at(spawn: &str, entry: &str, wait: &str) -> Vec<u8> {
    let mut b = process(4711);
    let never = [Arm::never(WaitOp::Receive)];
    b.task(spawn, &format!("{entry}::{{{{closure}}}}")).waits(WaitReason::Receive, &never, wait);
    bytes(b)
}

/// Two tasks that hold and want each other's lock.
pub(crate) fn deadlocked() -> Vec<u8> {
    let mut b = process(4711);
    let (first, second) = (b.mutex("src/bank.rs:5"), b.mutex("src/bank.rs:6"));
    let a = b.task("src/bank.rs:16", "bank::pay::{{closure}}").name("a->b");
    let a = a.locks(second, "src/bank.rs:31").id();
    let c = b.task("src/bank.rs:17", "bank::refund::{{closure}}").name("b->a");
    let c = c.locks(first, "src/bank.rs:41").id();
    b.owns(first, a, "src/bank.rs:30", 0);
    b.owns(second, c, "src/bank.rs:40", 0);
    bytes(b)
}

/// A process in which one task keeps a worker and another one is ready behind it.
pub(crate) fn held() -> Vec<u8> {
    let mut b = process(4711);
    b.taken_at(300_000_000);
    let worker = b.worker();
    let cruncher = b.task("src/main.rs:3", "app::crunch").name("cruncher").running().id();
    b.held(worker, cruncher, 70_000_000);
    b.task("src/main.rs:9", "app::worker::{{closure}}").started_on(worker);
    bytes(b)
}

/// A process after so many seconds, in which so many tasks wait each on its own channel, one more since
/// each second.
pub(crate) fn growing(at_s: u64, tasks: u64) -> Vec<u8> {
    let mut b = process(4711);
    b.taken_at(at_s * 1_000_000_000);
    b.header_mut().wall_s += at_s;
    for since_s in 0..tasks {
        let reply = b.channel("src/request.rs:5", Some(0));
        let task = b.task("src/request.rs:6", "app::serve::{{closure}}");
        task.receives(reply, "src/request.rs:8").since(since_s * 1_000_000_000);
    }
    bytes(b)
}

/// A process without a task.
pub(crate) fn empty() -> Vec<u8> {
    bytes(process(4711))
}

/// Tasks whose stacks are addresses in a file, which had this build id.
pub(crate) fn unnamed(path: &str, build_id: Option<&str>) -> Vec<u8> {
    let mut b = process(4711);
    let module = b.module(path, 0x5555_0000_0000, build_id);
    let frame = b.frame(Some(module), 0x1234, &[]);
    let stack = b.stack_of(&[frame]);
    b.task("src/main.rs:3", "app::main").running().backtrace(stack).spawn_backtrace(stack);
    bytes(b)
}

/// A program of which nothing is left but its build id.
pub(crate) fn stripped_elf(build_id: [u8; 8]) -> Vec<u8> {
    let mut out = b"\x7fELF\x02\x01\x01".to_vec();
    out.resize(16, 0);
    let mut put = |width: usize, value: u64| out.extend(&value.to_le_bytes()[..width]);
    // A shared object for x86-64, with one header of a segment behind this one and no sections.
    let header = [(2, 3), (2, 62), (4, 1), (8, 0), (8, 64), (8, 0), (4, 0), (2, 64), (2, 56)];
    header.into_iter().chain([(2, 1), (2, 64), (2, 0), (2, 0)]).for_each(|(w, v)| put(w, v));
    // The segment: notes of 24 bytes at 120.
    [(4, 4), (4, 4), (8, 120), (8, 0), (8, 0), (8, 24), (8, 24), (8, 4)]
        .into_iter()
        .for_each(|(w, v)| put(w, v));
    // The note: lengths of name and value, its type.
    [(4, 4), (4, 8), (4, 3)].into_iter().for_each(|(w, v)| put(w, v));
    out.extend(b"GNU\0");
    out.extend(build_id);
    out
}

/// Names that try to break terminals, folded stacks and XML.
pub(crate) fn hostile() -> Vec<u8> {
    let name = "x\x1b]0;owned\x07\x1b[31m;<svg>&\"'\u{1}\u{202e}\n</text>";
    let mut b = process(4711);
    b.header_mut().program = name.into();
    let jobs = b.channel("src/main.rs:5", Some(8));
    b.object_mut(jobs).name = Some(name.into());
    let place = "src/<a>;\u{1}\x1b[2J&.rs:9";
    for entry in ["app::<[u8; 4]>::<f>\x1b[2J", "</g>;app\u{1}"] {
        b.task(place, entry).name(name).receives(jobs, place);
        b.task(place, entry).name(name).waits(
            WaitReason::Receive,
            &[Arm::never(WaitOp::Receive)],
            place,
        );
    }
    bytes(b)
}

/// Many tasks of several kinds, with ancestors: something to look at.
pub(crate) fn busy() -> Vec<u8> {
    let mut b = process(4711);
    let jobs = b.channel("src/ingest.rs:5", Some(64));
    let out = b.channel("src/relay.rs:8", Some(64));
    let done = b.wait_group("src/ingest.rs:6", 40);
    let main = b.task("src/main.rs:20", "ingestd::main").main().waits_group(done, "src/main.rs:31");
    let main = main.id();
    let accept = "ingestd::ingest::accept::{{closure}}";
    let accept = b.task("src/main.rs:24", accept).parent(main).running().id();
    for n in 0..40 {
        let entry = "ingestd::ingest::worker::{{closure}}";
        let task = b.task("src/ingest.rs:131", entry).parent(accept);
        let _ = if n % 4 == 0 {
            task.sends(out, "src/relay.rs:77")
        } else {
            task.receives(jobs, "src/ingest.rs:30")
        };
    }
    for _ in 0..17 {
        let entry = "ingestd::relay::fan_out::{{closure}}";
        b.task("src/relay.rs:52", entry).parent(accept).sleeps(9_000, "src/relay.rs:90");
    }
    for _ in 0..6 {
        b.task("src/http.rs:20", "ingestd::http::serve::{{closure}}").parent(main).fresh();
    }
    bytes(b)
}

/// An ingest service that has come to a stop: a circle with tasks behind it, senders that nobody serves
/// since, `crowd` workers without work, a panic, and tasks that go on.
pub(crate) fn crashed(crowd: usize) -> Vec<u8> {
    let mut b = process(4711);
    b.header_mut().program = "ingestd".into();
    let main = b.task("src/main.rs:20", "ingestd::main").main();
    let main = main.sleeps(200_000_000_000, "src/main.rs:31").id();
    let router = b.task("src/main.rs:24", "ingestd::route::run").parent(main).running().id();
    let (index, journal) = (b.mutex("src/store.rs:12"), b.mutex("src/store.rs:13"));
    for (lock, name) in [(index, "index"), (journal, "journal")] {
        b.object_mut(lock).name = Some(name.into());
    }
    let stack = b.stack(&[
        ("gleak_runtime::lock::Mutex<T>::lock", "/build/runtime/src/lock/mutex.rs:88"),
        ("ingestd::store::Store::compact", "/build/src/store.rs:61"),
        ("ingestd::store::run", "/build/src/store.rs:40"),
    ]);
    let compact = b.task("src/store.rs:30", "ingestd::store::compact::{{closure}}").parent(main);
    let compact = compact.name("compact").locks(journal, "src/store.rs:61").backtrace(stack);
    let compact = compact.since(6_000_000_000).id();
    let flush = b.task("src/store.rs:34", "ingestd::store::flush::{{closure}}").parent(main);
    let flush = flush.name("flush").locks(index, "src/store.rs:83").since(6_200_000_000).id();
    b.owns(index, compact, "src/store.rs:58", 5_900_000_000);
    b.owns(journal, flush, "src/store.rs:80", 6_100_000_000);
    for n in 0..14 {
        let writer = b.task("src/http.rs:52", "ingestd::http::put::{{closure}}").parent(router);
        writer.locks(index, "src/http.rs:77").since(7_000_000_000 + n * 9_000_000_000);
    }
    b.task("src/audit.rs:9", "ingestd::audit::tail").joins(flush, "src/audit.rs:15");
    let never = [Arm::never(WaitOp::Receive)];
    for _ in 0..3 {
        let mirror = b.task("src/mirror.rs:4", "ingestd::mirror::{{closure}}").parent(main);
        mirror.waits(WaitReason::Receive, &never, "src/mirror.rs:8").since(90_000_000_000);
    }
    let jobs = b.channel("src/pool.rs:5", Some(64));
    b.object_mut(jobs).name = Some("jobs".into());
    for n in 0..crowd as u64 {
        let worker = b.task("src/pool.rs:41", "ingestd::pool::worker::{{closure}}").parent(router);
        worker.receives(jobs, "src/pool.rs:58").since(n % 170 * 1_000_000_000);
    }
    b.panic(TaskId(900_000), "src/decode.rs:5", "ingestd::decode", "length 10, index 12");
    let (worker, cruncher) = (b.worker(), b.task("src/stats.rs:3", "ingestd::stats::crunch"));
    let cruncher = cruncher.name("cruncher").running().id();
    b.held(worker, cruncher, 179_930_000_000);
    bytes(b)
}

/// So many tasks of which no two were spawned at the same place, or wait at the same place.
pub(crate) fn strangers(tasks: usize) -> Vec<u8> {
    let mut b = process(4711);
    let never = [Arm::never(WaitOp::Receive)];
    for n in 0..tasks {
        let entry = format!("app::module_{}::task_{n}::{{{{closure}}}}", n % 1_000);
        let task = b.task(&format!("src/file_{n}.rs:{}", n % 900), &entry);
        task.waits(WaitReason::Receive, &never, &format!("src/wait_{n}.rs:7"));
    }
    bytes(b)
}

/// A finding of `tasks` tasks.
pub(crate) fn finding(fingerprint: &str, entry: &str, tasks: u64) -> Finding {
    let site = |line| Some(Site { file: "src/pool.rs".into(), line, column: 5 });
    let member = |id| Member {
        task: TaskId(id),
        name: None,
        labels: Vec::new(),
        region: None,
        waited_ns: None,
    };
    Finding {
        fingerprint: Fingerprint(fingerprint.into()),
        key: FindingKey {
            rule: Rule::Outlived,
            entry: entry.into(),
            spawn_file: "src/pool.rs".into(),
            wait_class: "receive".into(),
            object: None,
            block_file: "src/pool.rs".into(),
        },
        certainty: Certainty::Weak,
        because: "still alive when its test ended".into(),
        groups: vec![Group {
            kind: WaiterKind::Task,
            entry: entry.into(),
            spawn: site(49),
            ancestry: Vec::new(),
            creators: Vec::new(),
            reason: Some(WaitReason::Receive),
            wait_class: "receive".into(),
            waits_for: "to receive on channel #4".into(),
            block: site(73),
            backtrace: None,
            spawn_backtrace: None,
            keeps: Keeps::default(),
            members: (1..=tasks).map(member).collect(),
        }],
        chain: Vec::new(),
        dependents: Vec::new(),
        regions: vec!["pool::drains_on_error".into(), "pool::stops".into()],
        facts: Vec::new(),
    }
}

/// The finding with a stack of twelve frames, and one of the runtime's.
pub(crate) fn with_stack(mut finding: Finding) -> Finding {
    let frame = |function: String, runtime: bool| BacktraceFrame {
        function,
        file: None,
        line: None,
        runtime,
    };
    let own = (0..12).map(|number| frame(format!("app::frame{number}"), false));
    let below = frame("gleak_runtime::chan::go::Chan<T>::recv".into(), true);
    let frames = std::iter::once(below).chain(own).collect();
    let stack = Backtrace { frames, cut: false, tasks: 2, different: 1, shared: None };
    finding.groups[0].backtrace = Some(stack);
    finding
}

/// The findings file of a process that ran 3 tests and spawned 6 452 tasks.
pub(crate) fn findings(pid: u32, findings: &[Finding]) -> Vec<u8> {
    written(&Source { program: "pool-tests".into(), pid, tests: 3, spawned: 6452 }, findings)
}

/// The findings file of a process in which no task was spawned.
pub(crate) fn idle(pid: u32) -> Vec<u8> {
    written(&Source { program: "pool-tests".into(), pid, tests: 3, spawned: 0 }, &[])
}

/// The findings file of a process that has counted what is left: so many tasks of this test.
pub(crate) fn survey(pid: u32, test: Option<&str>, tasks: u64) -> Vec<u8> {
    let site = |line| Some(Site { file: "src/pool.rs".into(), line, column: 0 });
    let row = Row {
        test: test.map(str::to_owned),
        entry: "pool::worker".into(),
        spawn: site(14),
        wait: "receive".into(),
        block: site(20),
        standing: Standing::Left,
    };
    let (mut survey, mut out) = (Survey::default(), Vec::new());
    survey.add(row.clone(), tasks);
    survey.add(Row { standing: Standing::CutShort, block: None, wait: "sleep".into(), ..row }, 1);
    let source = Source { program: "pool-tests".into(), pid, tests: 3, spawned: 6452 };
    findings_file::write(&mut out, &source, &[], &survey).unwrap();
    out
}

fn written(source: &Source, findings: &[Finding]) -> Vec<u8> {
    let mut out = Vec::new();
    findings_file::write(&mut out, source, findings, &Survey::default()).unwrap();
    out
}

/// The file without its last line.
pub(crate) fn cut(file: &[u8]) -> &[u8] {
    let body = file.strip_suffix(b"\n").unwrap();
    let end = body.iter().rposition(|byte| *byte == b'\n').unwrap();
    &file[..=end]
}

/// The file with its line `line` (from 0) ending in the middle.
pub(crate) fn torn(file: &[u8], line: usize) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let text = lines[line];
    lines.splice(line..=line, [&text[..text.len() / 2], b"\n"]);
    lines.concat()
}

/// The file with one letter of its line `line` (from 0) changed.
pub(crate) fn damaged(file: &[u8], line: usize) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> =
        file.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let text = &mut lines[line];
    let middle = text.len() / 2;
    text[middle] ^= 1;
    lines.concat()
}

fn process(pid: u32) -> SnapshotBuilder {
    let mut b = SnapshotBuilder::new();
    b.taken_at(180_000_000_000);
    let header = b.header_mut();
    header.pid = pid;
    header.wall_s = 1_795_000_000;
    header.counters.spawned = 100;
    b
}

fn bytes(b: SnapshotBuilder) -> Vec<u8> {
    let mut out = Vec::new();
    write_dump(&b.build(), &mut out).unwrap();
    out
}

/// So many tasks, each spawned at a place of its own.
pub(crate) fn wide(tasks: u32) -> Vec<u8> {
    let mut b = process(4711);
    for number in 0..tasks {
        let jobs = b.channel("src/wide.rs:5", Some(0));
        let file = format!("src/part{number}.rs");
        let entry = format!("app::part{number}::work::{{{{closure}}}}");
        let task = b.task(&format!("{file}:9"), &entry);
        task.receives(jobs, &format!("{file}:20"));
    }
    bytes(b)
}

/// The flight file of a process in which so many tasks receive.
pub(crate) fn flight(tasks: u64) -> Vec<u8> {
    use gleak_detector::snapshot::flight::{
        self, Entry, EntryState, EntryWait, FlightHeader, Identity, LIVE, LOG, RECORDS,
        SEGMENT_BYTES,
    };
    use gleak_detector::snapshot::{SiteId, SpawnPoint, Tenure};

    let header = FlightHeader {
        program: "app".into(),
        pid: 7,
        boot: "b".into(),
        started: 1,
        wall_s: 1_795_000_000,
        made_ns: 0,
    };
    let mut file = flight::header(&header).unwrap();
    let now = tasks * 1_000_000_000;
    let live = [now, !now, 1, !1, tasks, !tasks, 0, !0];
    file.resize(LIVE as usize, 0);
    file.extend(live.iter().flat_map(|word: &u64| word.to_le_bytes()));
    file.resize(LOG as usize, 0);
    file.extend(
        flight::site_line(0, &Site { file: "src/a.rs".into(), line: 3, column: 1 }).unwrap(),
    );
    let spawn = SpawnPoint { site: SiteId(0), entry: "app::pool".into() };
    file.extend(flight::spawn_line(0, &spawn).unwrap());
    file.resize(RECORDS as usize, 0);
    for task in (1..=tasks).map(TaskId) {
        let identity = Identity {
            task,
            turn: 1,
            parent: None,
            spawn: Some(0),
            thread: false,
            main: false,
            tenure: Tenure::Ordinary,
        };
        let wait = EntryWait {
            reason: WaitReason::Receive,
            site: Some(0),
            since_ns: 0,
            until_ns: None,
            joins: None,
        };
        let words = Entry { identity, state: EntryState::Waiting(wait) }.words();
        file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    file.resize(RECORDS as usize + SEGMENT_BYTES, 0);
    file
}
