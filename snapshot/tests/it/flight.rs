//! Flight files written by hand: read, cut at every place, and with every byte changed.

use gleak_snapshot::flight::{
    self, Beat, Entry, EntryState, EntryWait, FREE, FlightHeader, Identity, Joined, LIVE, LOG,
    RECORD_WORDS, RECORDS, SEGMENT_BYTES,
};
use gleak_snapshot::{
    Arm, Module, ReadError, Reason, Site, SiteId, Snapshot, SpawnId, SpawnPoint, Task, TaskId,
    TaskState, Tenure, WaitReason, WaiterKind, Worker, WorkerId,
};

const NOW: u64 = 90_000_000_000;

/// A multiple of what times are kept to.
const SINCE: u64 = 19_073 << 18;

fn record(task: u64, state: EntryState) -> [u64; RECORD_WORDS] {
    let parent = task.checked_sub(1).filter(|it| *it > 0).map(TaskId);
    let main = task == 1;
    let tenure = if task == 4 { Tenure::Daemon } else { Tenure::Ordinary };
    let thread = task == 3;
    let spawn = (!thread).then_some(0);
    // As if others had had the record before.
    let turn = u32::try_from(task).expect("small") + 40;
    let identity = Identity { task: TaskId(task), turn, parent, spawn, thread, main, tenure };
    Entry { identity, state }.words()
}

fn waits(reason: WaitReason, joins: Option<Joined>) -> EntryState {
    let (site, since_ns) = (Some(1), SINCE);
    EntryState::Waiting(EntryWait { reason, site, since_ns, until_ns: None, joins })
}

/// Four tasks: the main one joins the second, which runs; the third is an outside thread that receives;
/// the fourth has not run yet. The place between them is free. The first worker has been in the task that runs
/// for a second, the second one has none.
fn file() -> Vec<u8> {
    let header = FlightHeader {
        program: "app".into(),
        pid: 7,
        boot: "b".into(),
        started: 1,
        wall_s: 1_000,
        made_ns: 0,
    };
    let mut file = flight::header(&header).expect("it fits");
    let site = |line| Site { file: "src/a.rs".into(), line, column: 3 };
    let spawn = SpawnPoint { site: SiteId(0), entry: "app::work".into() };
    file.resize(LOG as usize, 0);
    let beat = |running, turns| Beat { moved_ns: NOW - 1_000_000_000, running, turns }.words();
    let live = [NOW, !NOW, 1, !1, 70, !70, 66, !66];
    let live = live.into_iter().chain(beat(Some(TaskId(2)), 9)).chain(beat(None, 0));
    for (at, value) in (LIVE as usize..).step_by(8).zip(live) {
        file[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    let module = Module { path: "/bin/app".into(), base: 0x1000, build_id: Some("ab".into()) };
    let lines = [
        flight::module_line(0, &module),
        flight::site_line(0, &site(9)),
        flight::site_line(1, &site(12)),
        flight::spawn_line(0, &spawn),
        flight::name_line(TaskId(2), "worker"),
    ];
    for line in lines {
        file.extend(line.expect("it can be written"));
        // A line that found no room leaves zeros behind.
        file.extend([0; 3]);
    }
    file.resize(RECORDS as usize, 0);
    let records = [
        record(1, waits(WaitReason::Join, Some(Joined { record: 1, turn: 42 }))),
        record(2, EntryState::Running),
        [FREE; RECORD_WORDS],
        record(3, waits(WaitReason::Receive, None)),
        record(4, EntryState::Fresh),
    ];
    file.extend(records.iter().flatten().flat_map(|word| word.to_le_bytes()));
    file.resize(RECORDS as usize + SEGMENT_BYTES, 0);
    file
}

fn read(file: &[u8]) -> Result<Snapshot, ReadError> {
    flight::read_flight(&mut &file[..])
}

/// Where there is something in the file that counts.
fn written() -> Vec<usize> {
    let (file, records) = (file(), RECORDS as usize);
    let log = (0..LOG as usize + 700).filter(|&at| file[at] != 0);
    let counts: [&[usize]; 5] =
        [&[0, 1, 3, 4, 5, 6, 7], &[0, 4, 5, 6, 7], &[0], &[0, 1, 4, 5, 6, 7], &[0, 4, 5, 6, 7]];
    let words = (0..)
        .zip(counts)
        .flat_map(|(at, words)| words.iter().map(move |it| at * RECORD_WORDS + it));
    let records = words.flat_map(|word| records + word * 8..records + word * 8 + 8);
    log.chain(records).collect()
}

#[test]
fn what_was_written_is_read() {
    let snapshot = read(&file()).expect("a flight file");
    assert_eq!(snapshot.validate(), Ok(()));
    let header = &snapshot.header;
    assert_eq!((header.program.as_str(), header.pid, header.reason), ("app", 7, Reason::Flight));
    assert_eq!((header.taken_ns, header.wall_s), (NOW, 1_090));
    assert_eq!(snapshot.sites.iter().map(|site| site.line).collect::<Vec<_>>(), [9, 12]);
    let tasks = &snapshot.tasks;
    let TaskState::Waiting(join) = &tasks[0].state else { panic!("it waits: {:?}", tasks[0]) };
    assert_eq!((join.reason, join.site, join.since_ns), (WaitReason::Join, SiteId(1), SINCE));
    assert_eq!(join.arms, [Arm::task(TaskId(2))]);
    let spawn = Some(SpawnId(0));
    assert_eq!([0, 1, 2, 3].map(|at| tasks[at].spawn), [spawn, spawn, None, spawn]);
    let states = tasks.iter().map(|task| match &task.state {
        // Nothing that follows from a wait here is ever certain.
        TaskState::Waiting(wait) => i32::try_from(wait.unlisted_arms).expect("few"),
        TaskState::Running => -1,
        TaskState::Fresh => -2,
        TaskState::Runnable | TaskState::Moving => -3,
    });
    assert_eq!(states.collect::<Vec<_>>(), [1, -1, 1, -2]);
    let facts = tasks.iter().map(|task| (task.id.0, task.kind, task.main, task.tenure));
    let (task, thread) = (WaiterKind::Task, WaiterKind::Thread);
    let ordinary = Tenure::Ordinary;
    let daemon = (4, task, false, Tenure::Daemon);
    let all = [(1, task, true, ordinary), (2, task, false, ordinary), (3, thread, false, ordinary)];
    assert_eq!(facts.collect::<Vec<_>>(), [all[0], all[1], all[2], daemon]);
    assert_eq!(tasks[1].name.as_deref(), Some("worker"));
    assert_eq!((header.counters.spawned, header.counters.finished), (70, 66));
    assert_eq!(snapshot.modules.iter().map(|it| it.base).collect::<Vec<_>>(), [0x1000]);
    let held = Worker {
        id: WorkerId(0),
        running: Some(TaskId(2)),
        held_since_ns: Some(NOW - 1_000_000_000),
        sleeps: None,
    };
    let idle = Worker { id: WorkerId(1), running: None, held_since_ns: None, sleeps: None };
    assert_eq!(snapshot.workers, [held, idle]);
    assert_eq!(tasks[1].worker, Some(WorkerId(0)));
    let seen = snapshot.completeness;
    assert!(!seen.cut && seen.damaged_lines == 0 && seen.missing_tasks == 0, "{seen:?}");
}

/// Whoever is shown is as they were, but for names and places that are lost.
fn is_told_right(task: &Task, whole: &Snapshot) {
    let known = whole.tasks.iter().find(|it| it.id == task.id).expect("a task that was written");
    assert_eq!((task.kind, task.parent, task.main), (known.kind, known.parent, known.main));
    match (&task.state, &known.state) {
        (TaskState::Waiting(seen), TaskState::Waiting(was)) => {
            assert_eq!((seen.reason, seen.since_ns), (was.reason, was.since_ns));
        }
        (seen, was) => assert_eq!(seen, was),
    }
}

#[test]
fn who_joins_a_task_that_has_gone_joins_nobody_else() {
    let mut file = file();
    let joins = Some(Joined { record: 1, turn: 41 });
    let words = record(1, waits(WaitReason::Join, joins)).into_iter().flat_map(u64::to_le_bytes);
    let at = RECORDS as usize;
    file.splice(at..at + RECORD_WORDS * 8, words);
    let snapshot = read(&file).expect("a flight file");
    assert_eq!(snapshot.validate(), Ok(()));
    let TaskState::Waiting(join) = &snapshot.tasks[0].state else { panic!("it waits") };
    assert_eq!((join.reason, &join.arms[..]), (WaitReason::Join, &[][..]));
}

#[test]
fn a_file_that_is_cut_says_so() {
    let (whole, file) = (read(&file()).expect("whole"), file());
    let ends = written().into_iter().chain((0..file.len()).step_by(4099));
    for end in ends {
        match read(&file[..end]) {
            Ok(snapshot) => {
                assert!(snapshot.completeness.cut, "cut at {end}");
                assert_eq!(snapshot.validate(), Ok(()), "cut at {end}");
                snapshot.tasks.iter().for_each(|task| is_told_right(task, &whole));
            }
            Err(ReadError::Empty) => assert_eq!(end, 0),
            Err(ReadError::HeaderCut) => assert!(end < 300, "cut at {end}"),
            Err(error) => panic!("cut at {end}: {error}"),
        }
    }
}

#[test]
fn no_changed_byte_makes_a_task_that_was_not() {
    let whole = read(&file()).expect("whole");
    let mut file = file();
    for at in written() {
        for change in [1, 0x20, 0x80, 0xff] {
            file[at] ^= change;
            // A damaged header is refused; whatever else is damaged is left out.
            if let Ok(snapshot) = read(&file) {
                assert_eq!(snapshot.validate(), Ok(()), "byte {at}");
                snapshot.tasks.iter().for_each(|task| is_told_right(task, &whole));
                let seen = snapshot.completeness;
                let told = seen.damaged_lines + seen.missing_tasks + seen.unknown_lines;
                let is_live = (LIVE..LOG).contains(&(at as u64));
                let lost = snapshot.tasks.len() < whole.tasks.len();
                assert!(!lost || told > 0 || seen.cut, "byte {at} took a task silently");
                assert!(is_live || told > 0 || seen.cut, "byte {at} was changed unseen");
            } else {
                assert!((at as u64) < LIVE, "byte {at}");
            }
            file[at] ^= change;
        }
    }
}

#[test]
fn other_files_and_other_versions_are_refused() {
    assert!(matches!(read(b""), Err(ReadError::Empty)));
    assert!(matches!(read(b"{\"gleak\":1}\n"), Err(ReadError::NotADump { .. })));
    let mut newer = b"{\"gleak_flight\":3,\"pid\":1".to_vec();
    gleak_snapshot::checksum::seal(&mut newer, 0);
    newer.resize(file().len(), 0);
    assert!(matches!(read(&newer), Err(ReadError::Version { .. })));
    assert!(matches!(read(b"{\"gleak_flight\":2}\n"), Err(ReadError::FlightHeader)));
}
