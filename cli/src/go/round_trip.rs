//! What we write as a Go program would is read back by the reader of Go's dumps; and lies about lengths in
//! binary profiles are found out.

use std::collections::BTreeSet;

use gleak_detector::profile::{Chosen, Profile};
use gleak_detector::render;
use gleak_detector::snapshot::{
    Arm, Snapshot, SnapshotBuilder, Task, TaskId, TaskState, WaitOp, WaitReason,
};
use gleak_detector::{Question, Report, Rule, analyze};
use proptest::prelude::*;

use super::pprof::ProfileFault;
use super::{GoDump, begins_profile, read, read_profile};

const MINUTE: u64 = 60_000_000_000;

fn written(snapshot: &Snapshot) -> String {
    let report = analyze(snapshot, &Question::default());
    render::go(snapshot, &Chosen::of(&report), &|_| None)
}

#[track_caller]
fn one(text: &str) -> GoDump {
    let mut dumps = read(&mut text.as_bytes(), "dump").unwrap();
    assert_eq!(dumps.len(), 1, "{text}");
    assert_eq!((dumps[0].unread(), dumps[0].snapshot.validate()), (0, Ok(())), "{text}");
    dumps.remove(0)
}

/// Why it waits; none when it does not.
fn reason(task: &Task) -> Option<WaitReason> {
    match &task.state {
        TaskState::Waiting(wait) => Some(wait.reason),
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => None,
    }
}

fn minutes(snapshot: &Snapshot, task: &Task) -> u64 {
    match &task.state {
        TaskState::Waiting(wait) => (snapshot.header.taken_ns - wait.since_ns) / MINUTE,
        TaskState::Fresh | TaskState::Runnable | TaskState::Running | TaskState::Moving => 0,
    }
}

/// Who is together with whom.
fn groups(report: &Report) -> BTreeSet<BTreeSet<TaskId>> {
    let ids = |group: &gleak_detector::Group| group.members.iter().map(|it| it.task).collect();
    report.groups.iter().map(ids).collect()
}

/// A task by a few choices: what it runs, where it was spawned, why it waits since when.
type Choice = (u8, u8, u8, u8, bool);

fn built(choices: &[Choice]) -> Snapshot {
    const ENTRIES: [&str; 4] = [
        "app::worker::{{closure}}",
        "<app::Pool<u8> as app::Start>::start",
        "runtime::run",
        "app::\"a b\";x, y('z')",
    ];
    const FILES: [&str; 4] = ["src/a.rs", "src/a b/c.rs", "C:\\x\\y.rs", "odd name"];
    let mut b = SnapshotBuilder::new();
    b.taken_at(500 * MINUTE);
    let stack = b.stack(&[("app::inner", "src/in.rs:4"), ("app::outer<T>", "src/out.rs:5")]);
    let main = b.task("src/main.rs:1", "app::main").main().running().id();
    for &(entry, place, why, since, has_stack) in choices {
        let file = FILES[usize::from(place % 4)];
        let task = b.task(&format!("{file}:{}", 10 + place % 2), ENTRIES[usize::from(entry % 4)]);
        let mut task = task.parent(main).label("job", if has_stack { "a \"b\"]:" } else { "c" });
        if has_stack {
            task = task.backtrace(stack);
        }
        // The last but one drives threads of others.
        let all = &WaitReason::ALL[..18];
        let site = format!("src/wait.rs:{}", 20 + why % 20);
        let _ = match all.get(usize::from(why % 20)) {
            Some(reason) => task
                .waits(*reason, &[], &site)
                .unlisted(1)
                .since(500 * MINUTE - u64::from(since) * MINUTE),
            None => task.running(),
        };
    }
    b.build()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_dump_in_gos_words_is_read_back_as_it_was(
        choices in proptest::collection::vec(any::<Choice>(), 0..30),
    ) {
        let snapshot = built(&choices);
        let text = written(&snapshot);
        let dump = one(&text);
        let told = |snapshot: &Snapshot| -> Vec<_> {
            let mut tasks: Vec<&Task> = snapshot.tasks.iter().collect();
            tasks.sort_by_key(|task| task.id);
            let fact = |task: &Task| {
                (task.id, task.parent, reason(task), minutes(snapshot, task), task.labels.clone())
            };
            tasks.into_iter().map(fact).collect()
        };
        prop_assert_eq!(told(&dump.snapshot), told(&snapshot), "{}", text);
        // Which stack a task has tells groups of Go's apart, where it stands below the wait.
        if choices.iter().all(|it| !it.4) {
            let own = groups(&analyze(&snapshot, &Question::default()));
            prop_assert_eq!(groups(&dump.judge(&Question::default())), own, "{}", text);
        }
    }

    #[test]
    fn a_damaged_profile_is_refused_or_read_and_never_more(
        choices in proptest::collection::vec(any::<Choice>(), 0..6),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = render::pprof(&Profile::new(&built(&choices), &Chosen::default()));
        let at = at.index(bytes.len());
        let _ = read_profile(&bytes[..at], "cut");
        bytes[at] = byte;
        if let Ok(dump) = read_profile(&bytes, "damaged") {
            prop_assert_eq!(dump.snapshot.validate(), Ok(()));
            prop_assert!(dump.snapshot.tasks.len() <= 250_000);
        }
    }
}

#[test]
fn what_nothing_ends_is_told_in_gos_words() {
    let mut b = SnapshotBuilder::new();
    let _ = b.task("src/main.rs:1", "app::main").main().running().id();
    for (op, reason) in [(WaitOp::Receive, WaitReason::Receive), (WaitOp::Send, WaitReason::Send)] {
        let _ = b.task("src/a.rs:1", "app::a").waits(reason, &[Arm::never(op)], "src/a.rs:2").id();
    }
    let _ = b.task("src/a.rs:3", "app::b").waits(WaitReason::Select, &[], "src/a.rs:4").id();
    let snapshot = b.build();
    let text = written(&snapshot);
    for state in ["chan receive (nil chan)", "chan send (nil chan)", "select (no cases)"] {
        assert!(text.contains(&format!("[{state}]:\n")), "{text}");
    }
    let report = one(&text).judge(&Question::default());
    assert_eq!(report.totals.stuck, analyze(&snapshot, &Question::default()).totals.stuck);
    assert_eq!(report.totals.stuck, 3);
}

#[test]
fn a_process_that_sleeps_is_told_as_go_tells_it() {
    let mut b = SnapshotBuilder::new();
    b.still();
    let jobs = b.channel("src/a.rs:1", None);
    let _ = b.task("src/main.rs:1", "app::main").main().receives(jobs, "src/main.rs:2").id();
    let snapshot = b.build();
    let rules = |report: Report| report.findings.iter().map(|it| it.key.rule).collect::<Vec<_>>();
    assert_eq!(rules(analyze(&snapshot, &Question::default())), [Rule::Asleep]);
    let text = written(&snapshot);
    assert!(text.starts_with("fatal error: all goroutines are asleep - deadlock!\n\n"), "{text}");
    assert_eq!(rules(one(&text).judge(&Question::default())), [Rule::Asleep]);
}

#[test]
fn our_own_profile_is_read_as_one_of_tasks() {
    let snapshot = built(&[(0, 0, 0, 1, false), (0, 0, 0, 1, false), (1, 1, 1, 1, true)]);
    let bytes = render::pprof(&Profile::new(&snapshot, &Chosen::default()));
    assert!(begins_profile(&bytes[..60]));
    let dump = read_profile(&bytes, "p").unwrap();
    assert_eq!((dump.snapshot.tasks.len(), dump.is_numbered()), (4, false));
    let label = |key: &str| {
        let all = dump.snapshot.tasks.iter().flat_map(|task| &task.labels);
        all.filter(|(own, value)| own == key && value == "waiting").count()
    };
    assert_eq!(label("state"), 3);
}

/// A profile by hand: of this kind, with so many of one stack of two calls, one of them inlined.
fn profile(kind: &str, count: u8) -> Vec<u8> {
    let texts = ["", kind, "count", "runtime.gopark", "/go/proc.go", "main.wait", "/app/main.go"];
    let message = |field: u8, bytes: &[u8]| {
        [&[field << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    };
    let mut file = message(1, &[0x08, 1, 0x10, 2]);
    // A sample: locations behind each other, a value alone, a label.
    let label = message(3, &[0x08, 1, 0x10, 2]);
    file.extend(message(2, &[&[0x0a, 2, 1, 2, 0x10, count][..], &label].concat()));
    for (location, functions) in [(1_u8, &[1_u8][..]), (2, &[2, 3])] {
        let lines = functions.iter().flat_map(|it| message(4, &[0x08, *it, 0x10, 40 + *it]));
        file.extend(message(4, &[vec![0x08, location], lines.collect()].concat()));
    }
    for (id, name, place) in [(1_u8, 3_u8, 4_u8), (2, 5, 6), (3, 5, 6)] {
        file.extend(message(5, &[0x08, id, 0x10, name, 0x20, place]));
    }
    texts.iter().for_each(|text| file.extend(message(6, text.as_bytes())));
    file
}

#[test]
fn binary_profiles_are_read_with_inlined_calls_and_marks() {
    for (kind, stuck) in [("goroutine", 0), ("goroutineleak", 7)] {
        let bytes = profile(kind, 7);
        assert!(begins_profile(&bytes));
        let dump = read_profile(&bytes, "p").unwrap();
        let report = dump.judge(&Question::default());
        assert_eq!((report.totals.tasks, report.totals.stuck), (7, stuck), "{kind}");
        let calls = &report.groups[0].backtrace.as_ref().unwrap().frames;
        let calls: Vec<(&str, Option<u32>)> =
            calls.iter().map(|it| (it.function.as_str(), it.line)).collect();
        assert_eq!(calls, [("main.wait", Some(42)), ("main.wait", Some(43))]);
        assert_eq!(report.groups[0].members[0].labels, [(kind.to_owned(), "count".to_owned())]);
    }
}

#[test]
fn what_is_no_profile_of_goroutines_is_refused_by_name() {
    let alien = read_profile(&profile("inuse_space", 1), "p").unwrap_err();
    assert_eq!(alien, ProfileFault::Alien("inuse_space/count".to_owned()));
    let whole = profile("goroutine", 1);
    // The number of a text that is not there.
    let mut lie = whole.clone();
    let last = lie.len() - 20;
    lie.truncate(last);
    assert_eq!(read_profile(&lie, "p").unwrap_err(), ProfileFault::Damaged);
    for text in ["", "\n", "\ngoroutine 7 [select]:\n", "Z\u{4}xxxx", "goroutine 1 [running]:\n"] {
        assert!(!begins_profile(text.as_bytes()), "{text:?}");
    }
}

#[test]
fn labels_that_would_fill_the_memory_are_left_out_and_counted() {
    let big = "x".repeat(50_000);
    let text = format!(
        "goroutine profile: total 200000\n200000 @ 0x1\n# labels: {{\"a\":\"{big}\"}}\n#\t0x1\tmain.f+0x1\t/a.go:1\n\n\
         7 @ 0x2\n# labels: {{\"a\":\"b\"}}\n#\t0x2\tmain.g+0x1\t/a.go:2\n"
    );
    let dump = &read(&mut text.as_bytes(), "dump").unwrap()[0];
    let labelled = dump.snapshot.tasks.iter().filter(|task| !task.labels.is_empty());
    assert_eq!((dump.snapshot.tasks.len(), labelled.count(), dump.unread()), (200_007, 7, 1));
}

#[test]
fn a_small_profile_that_claims_much_costs_little() {
    // As many as fit are taken, and the rest is told as missing.
    let mut bytes = profile("goroutine", 0);
    let sample =
        [0x12, 0x0e, 0x0a, 2, 1, 2, 0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0];
    bytes.extend(&sample[..15]);
    bytes.push(0x28);
    let read = read_profile(&bytes, "p");
    assert!(matches!(read, Err(ProfileFault::Damaged)), "{read:?}");
    bytes.truncate(bytes.len() - 16);
    bytes.extend([0x12, 0x0d, 0x0a, 2, 1, 2, 0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    let dump = read_profile(&bytes, "p").unwrap();
    assert_eq!(dump.snapshot.tasks.len(), 250_000);
    assert_eq!(
        dump.judge(&Question::default()).completeness.missing_tasks,
        (1 << 56) - 1 - 250_000
    );
}
