//! What becomes of whole texts: of each state, around each disturbance, and of any bytes at all.

use gleak_detector::snapshot::TaskState;
use gleak_detector::{Certainty, Question, Report, Rule};

use super::{GoDump, read};

const ZOO: &str = include_str!("../../testdata/go/zoo.txt");
const LEAKED: &str = include_str!("../../testdata/go/leaked.txt");
const PROFILE: &str = include_str!("../../testdata/go/profile.txt");
const LEAK_PROFILE: &str = include_str!("../../testdata/go/leak-profile.txt");
const ASLEEP: &str = include_str!("../../testdata/go/asleep.txt");
const ASLEEP_SYSTEM: &str = include_str!("../../testdata/go/asleep-system.txt");
const SAMPLES: [&str; 6] = [ZOO, LEAKED, PROFILE, LEAK_PROFILE, ASLEEP, ASLEEP_SYSTEM];

fn dumps(bytes: impl AsRef<[u8]>) -> Vec<GoDump> {
    let dumps = read(&mut bytes.as_ref(), "dump.txt").unwrap();
    for dump in &dumps {
        assert_eq!(dump.snapshot.validate(), Ok(()));
    }
    dumps
}

#[track_caller]
fn one(bytes: impl AsRef<[u8]>) -> GoDump {
    let mut dumps = dumps(bytes);
    assert_eq!(dumps.len(), 1);
    dumps.remove(0)
}

fn judged(dump: &GoDump) -> Report {
    dump.judge(&Question::default())
}

fn found(dump: &GoDump) -> Vec<(Rule, usize)> {
    judged(dump).findings.iter().map(|it| (it.key.rule, it.tasks())).collect()
}

/// A goroutine of the user's.
fn goroutine(id: u64, state: &str) -> String {
    format!(
        "goroutine {id} [{state}]:\nmain.f(0xc000010050)\n\t/app/main.go:{id} +0x1d\n\
         created by main.main in goroutine 1\n\t/app/main.go:7 +0x2b\n\n"
    )
}

#[test]
fn no_state_is_a_finding_but_those_that_nothing_ends() {
    let endless = ["chan receive (nil chan)", "chan send (nil chan)", "select (no cases)"];
    let others = [
        "running",
        "runnable",
        "syscall",
        "idle",
        "dead",
        "copystack",
        "preempted",
        "waiting",
        "chan receive",
        "chan send",
        "select",
        "semacquire",
        "sleep",
        "IO wait",
        "panicwait",
        "sync.Mutex.Lock",
        "sync.RWMutex.RLock",
        "sync.RWMutex.Lock",
        "sync.WaitGroup.Wait",
        "sync.Cond.Wait",
        "GC assist wait",
        "GC sweep wait",
        "GC worker (idle)",
        "finalizer wait",
        "force gc (idle)",
        "trace reader (blocked)",
        "coroutine",
        "synctest.Run",
        "debug call",
        "chan receive (durable)",
        "a state of tomorrow",
        "chan receive (nil)",
        "select (no case)",
    ];
    for state in others {
        for behind in ["", ", 9000 minutes", ", locked to thread", ", synctest bubble 3"] {
            let dump = one(goroutine(7, &format!("{state}{behind}")));
            assert_eq!(found(&dump), [], "{state}{behind}");
            assert_eq!((dump.snapshot.tasks.len(), dump.unread()), (1, 0), "{state}{behind}");
        }
    }
    for state in endless {
        let dump = one(goroutine(7, state));
        assert_eq!(found(&dump), [(Rule::Structural, 1)], "{state}");
        assert!(judged(&dump).findings[0].because.ends_with("which nothing ends"), "{state}");
    }
}

#[test]
fn main_may_wait_for_ever_while_others_run() {
    let main = "goroutine 1 [select (no cases)]:\nmain.main()\n\t/app/main.go:9 +0x1\n\n";
    assert_eq!(found(&one(main)), []);
    assert_eq!(found(&one(main.replace("main.main", "main.init.0"))), []);
    let all = format!("fatal error: all goroutines are asleep - deadlock!\n\n{main}");
    assert_eq!(found(&one(all)).len(), 1);
}

#[test]
fn each_goroutine_of_a_real_dump_is_a_task_in_its_words() {
    let dump = one(ZOO);
    assert_eq!(
        (dump.snapshot.tasks.len(), dump.unread()),
        (ZOO.matches("goroutine ").count() / 2 + 1, 0)
    );
    assert_eq!(found(&dump), [(Rule::Structural, 1), (Rule::Structural, 1)]);
    let report = judged(&dump);
    let waits: Vec<(usize, &str)> =
        report.groups.iter().map(|it| (it.members.len(), it.waits_for.as_str())).collect();
    assert_eq!(waits[0], (3, "in chan send"));
    assert!(waits[1].0 == 3 && waits[1].1.starts_with("in sync.Mutex.Lock on 0x"), "{waits:?}");
    for words in
        ["in sync.Cond.Wait", "in IO wait", "in sleep", "in select", "in select (no cases)"]
    {
        assert!(waits.iter().any(|(_, it)| *it == words), "{words}: {waits:?}");
    }
}

#[test]
fn what_the_runtime_has_marked_as_leaked_is_certain_and_nothing_else() {
    for (text, leaked, all) in [(LEAKED, 15, 18), (LEAK_PROFILE, 15, 15)] {
        let dump = one(text);
        let report = judged(&dump);
        assert_eq!((report.totals.stuck, report.totals.tasks, dump.unread()), (leaked, all, 0));
        let because = |it: &gleak_detector::Finding| it.because.contains("marked it as leaked");
        assert!(report.findings.iter().all(because), "{:#?}", report.findings);
    }
}

#[test]
fn a_profile_counts_and_accuses_nobody() {
    let dump = one(PROFILE);
    assert_eq!((dump.snapshot.tasks.len(), dump.unread()), (18, 0));
    assert_eq!(found(&dump), []);
    let report = judged(&dump);
    let mutex = report.groups.iter().find(|it| it.waits_for == "in sync.Mutex.Lock").unwrap();
    assert_eq!(mutex.members.len(), 3);
}

#[test]
fn all_asleep_is_believed_with_any_traceback() {
    for text in [ASLEEP, ASLEEP_SYSTEM] {
        let dump = one(text);
        assert_eq!(found(&dump), [(Rule::Asleep, 2), (Rule::Asleep, 1)]);
        assert_eq!((dump.snapshot.tasks.len(), dump.unread()), (3, 0));
        let because = &judged(&dump).findings[0].because;
        assert!(because.contains("all goroutines are asleep"), "{because}");
    }
}

#[test]
fn all_asleep_is_said_of_those_that_follow_and_of_nobody_else() {
    let said = "fatal error: all goroutines are asleep - deadlock!";
    let (a, b) = (goroutine(7, "chan send"), goroutine(8, "chan send"));
    let count = |text: String| dumps(text).iter().map(|it| found(it).len()).collect::<Vec<_>>();
    assert_eq!(count(format!("{said}\n\n{a}{b}")), [1]);
    assert_eq!(count(format!("{a}{said}\n\n{b}")), [0, 1]);
    assert_eq!(count(format!("{said}\n\n{a}exit status 2\n\n{b}")), [1, 0]);
    assert_eq!(count(format!("{said}\nthe other one started\n\n{a}")), [0]);
    assert_eq!(count(format!("a log quotes: \"{said}\"\n\n{a}")), [0]);
    assert_eq!(count(format!("a log quotes: {said}\n\n{a}")), [0]);
    assert_eq!(count(format!("{said}\n\n{a}{a}")), [1, 0]);
    // The empty line between has the logger's prefix too.
    let logged =
        format!("{said}\n\n{a}").lines().map(|line| format!("svc_1  | {line}\n")).collect();
    assert_eq!(count(logged), [1]);
    // Whoever runs is not asleep, whatever stands above him.
    assert_eq!(count(format!("{said}\n\n{a}{}", goroutine(9, "running"))), [0]);
}

#[test]
fn goroutines_of_the_runtime_are_nobodys_leak() {
    let dump = one(
        "goroutine 2 [force gc (idle)]:\nruntime.gopark(0x0?)\n\t/go/src/runtime/proc.go:474 +0xca\n\
         runtime.forcegchelper()\n\t/go/src/runtime/proc.go:387 +0xb3\n\
         created by runtime.init.7 in goroutine 1\n\t/go/src/runtime/proc.go:375 +0x1a\n\n\
         goroutine 0 [idle]:\nruntime.futex(0x1)\n\t/go/src/runtime/sys.s:1 +0x1\n\n\
         goroutine 5 [running]:\n\tgoroutine running on other thread; stack unavailable\n\
         created by runtime.gcBgMarkStartWorkers in goroutine 1\n\t/go/src/runtime/mgc.go:1 +0x1\n\n\
         goroutine 6 [chan send]:\nmain.cleanup(0x1)\n\t/app/main.go:3 +0x1\n\
         runtime.runFinalizers()\n\t/go/src/runtime/mfinal.go:1 +0x1\n\
         created by runtime.createfing in goroutine 1\n\t/go/src/runtime/mfinal.go:9 +0x1\n",
    );
    let ids: Vec<u64> = dump.snapshot.tasks.iter().map(|task| task.id.0).collect();
    assert_eq!((ids, dump.unread()), (vec![6], 0));
}

/// What of a dump does not depend on how it was sent.
fn essence(dump: &GoDump) -> String {
    let mut report = judged(dump);
    report.program.clear();
    format!("{:?} {:?}", report.groups, report.findings)
}

#[test]
fn the_way_a_dump_was_sent_changes_nothing() {
    let plain = essence(&one(ZOO));
    let each = |change: &dyn Fn(&str) -> String| ZOO.lines().map(change).collect::<String>();
    let numbered = std::cell::Cell::new(0_u64);
    let ways = [
        ZOO.replace('\n', "\r\n"),
        ZOO.replace('\t', ""),
        ZOO.replace('\t', "   "),
        ZOO.replace('\n', "\n\n"),
        each(&|line| format!("        {line}\n")),
        each(&|line| format!("svc_1  | {line}\n")),
        each(&|line| {
            numbered.set(numbered.get() + 1);
            let n = numbered.get();
            format!(" {n} 2021-09-15T07:40:{:02}.14{n}Z {line}\n", n % 60)
        }),
        each(&|line| format!("Sep 27 14:53:27 host kubelet[30117]: {}\n", line.trim())),
        format!(
            "2021/03/04 up\n\nSIGQUIT: quit\nPC=0x46 m=0 sigcode=0\n\n{ZOO}\nrax 0x1\nexit status 2\n"
        ),
        // Empty lines get lost.
        ZOO.replace("\n\n", "\n"),
    ];
    for (at, way) in ways.iter().enumerate() {
        let dump = one(way);
        assert_eq!(dump.unread(), 0, "way {at}");
        assert!(essence(&dump) == plain, "way {at}: {}\n{plain}", essence(&dump));
    }
}

#[test]
fn several_dumps_are_told_apart() {
    let twice = dumps(format!("{ZOO}\n{ZOO}"));
    assert_eq!(twice.len(), 2);
    assert_eq!(essence(&twice[0]), essence(&twice[1]));
    // One block a thread names the same goroutines of the same moment again.
    assert_eq!(dumps(format!("{ZOO}\n\n-----\n\n{ZOO}")).len(), 1);
}

#[test]
fn no_number_is_given_twice() {
    let (profile, two) = ("2 @ 0x1\n#\t0x1\tmain.f+0x1\t/a.go:1\n\n", goroutine(2, "select"));
    let tasks =
        |text: &str| dumps(text).iter().map(|it| it.snapshot.tasks.len()).collect::<Vec<_>>();
    assert_eq!(tasks(&format!("{profile}{two}")), [2, 1]);
    assert_eq!(tasks(&format!("{two}{profile}{two}")), [1, 2, 1]);
    // Beyond as many dumps as are told apart.
    let many = dumps(two.repeat(1_002) + profile + &two);
    assert!(many.iter().all(|dump| dump.snapshot.validate().is_ok()));
    let counts = many.iter().map(|dump| dump.snapshot.tasks.len() as u64 + dump.missing);
    assert_eq!(counts.sum::<u64>(), 1_002 + 2 + 1);
}

#[test]
fn test_events_are_unwrapped_by_package() {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let event = |package: &str, output: &str| {
        let output = quoted(output);
        format!("{{\"Action\":\"output\",\"Package\":\"{package}\",\"Output\":{output}}}\n")
    };
    let mut text =
        String::from("{\"Time\":\"now\",\"Action\":\"run\",\"Package\":\"a\",\"Test\":\"T\"}\n");
    // Both at once, and lines in pieces.
    for line in ZOO.split_inclusive('\n') {
        let (head, tail) = line.split_at(line.len() / 2);
        text += &(event("a", head) + &event("b", line) + &event("a", tail));
    }
    let both = dumps(text);
    assert_eq!(both.len(), 2);
    for dump in &both {
        assert!(essence(dump) == essence(&one(ZOO)) && dump.unread() == 0);
    }
    assert_eq!(both[1].snapshot.header.program, "dump.txt b");
}

#[test]
fn goleak_lists_are_read() {
    let old = "found unexpected goroutines:\n[Goroutine 20 in state select, with a/b.(*W).start on top \
               of the stack:\n\n Goroutine 40 in state chan send, with a/b.run on top of the stack:\n\n]\n";
    let new = "    leak_test.go:9: found unexpected goroutines:\n        [Goroutine 20 in state select, \
               with a/b.(*W).start on top of the stack:\n        a/b.(*W).start(0xc000216c20)\n        \t\
               /a/b/w.go:88 +0x1eb\n        created by a/b.New in goroutine 22\n        \t\
               /a/b/w.go:30 +0x11\n         Goroutine 40 in state chan send, with a/b.run on top of the \
               stack:\n        a/b.run(...)\n        \t/a/b/w.go:9\n        created by a/b.New in \
               goroutine 22\n        \t/a/b/w.go:31 +0x11\n        ]\n--- FAIL: TestX (0.44s)\n";
    let first = "[Goroutine 20 in state select, with a/b.(*W).start on top of the stack:\n";
    let both = format!(
        "{first}goroutine 20 [select]:\na/b.(*W).start(0x1)\n\t/a/b/w.go:88 +0x1\n\n \
         Goroutine 40 in state chan send, with a/b.run on top of the stack:\ngoroutine 40 [chan send]:\n\
         a/b.run()\n\t/a/b/w.go:9 +0x1\n]\n"
    );
    for text in [old, new, &both] {
        let dump = one(text);
        let ids: Vec<u64> = dump.snapshot.tasks.iter().map(|task| task.id.0).collect();
        assert_eq!((ids, dump.unread()), (vec![20, 40], 0));
        assert_eq!(found(&dump), []);
        assert_eq!(judged(&dump).groups.len(), 2);
    }
}

#[test]
fn ages_and_labels_are_kept() {
    let text = goroutine(7, "select, 30 minutes") + &goroutine(9, "chan send, 2 minutes");
    let text = text.replacen("]:", "] {job: mail}:", 1);
    let dump = one(text);
    assert_eq!(dump.snapshot.tasks[0].labels, [("job".to_owned(), "mail".to_owned())]);
    let report = judged(&dump);
    let mut ages: Vec<Option<u64>> = report
        .groups
        .iter()
        .map(|it| it.members[0].waited_ns.map(|ns| ns / 60_000_000_000))
        .collect();
    ages.sort_unstable();
    assert_eq!(ages, [Some(2), Some(30)]);
}

#[test]
fn what_is_not_understood_is_counted_line_by_line() {
    let whole = goroutine(7, "select");
    for (text, unread) in [
        (whole.replace("main.f(0xc000010050)", "main.f(0xc0000"), 2),
        (whole.replace("created by main", "2021/03/04 a log line\ncreated by main"), 1),
        (format!("{whole}\tmain.g()\n\t/app/main.go:3 +0x1\n"), 2),
        (format!("goroutine 8 [sele\nmain.f()\n\n{whole}"), 2),
        (format!("{whole}a log line\n"), 0),
    ] {
        assert_eq!(one(&text).unread(), unread, "{text}");
    }
    let dump = one(whole.split("/app/main.go").next().unwrap());
    assert!(judged(&dump).completeness.cut, "the last call has no place");
}

#[test]
fn races_and_foreign_profiles_are_no_goroutines() {
    let race = "==================\nWARNING: DATA RACE\nRead at 0x00c4 by goroutine 34:\n  main.f()\n      \
                /app/main.go:3 +0xa4\n\nGoroutine 34 (running) created at:\n  main.main()\n      \
                /app/main.go:9 +0x1\n==================\n";
    assert_eq!(dumps(race)[0].only().map(|it| it.contains("race detector")), Some(true));
    let dump = one(format!("{race}{}", goroutine(7, "select")));
    assert_eq!((dump.snapshot.tasks.len(), dump.unread()), (1, 0));
    assert_eq!(
        dumps("threadcreate profile: total 7\n7 @ 0x1\n#\t0x1\tmain.f+0x1\t/a.go:1\n").len(),
        0
    );
}

/// Only what the text itself says may be certain. How many goroutines are in it comes back.
fn check(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let says = |words: &[&str]| words.iter().any(|it| text.contains(it));
    let mut tasks = 0;
    for dump in dumps(bytes) {
        tasks += dump.snapshot.tasks.len();
        for finding in judged(&dump).findings {
            assert_eq!(finding.certainty, Certainty::Certain);
            let rule = finding.key.rule;
            let proven = rule == Rule::Asleep && says(&["all goroutines are asleep - deadlock!"])
                || rule == Rule::Structural
                    && says(&["nil chan", "no cases", "(leaked)", "goroutineleak"]);
            assert!(proven, "{finding:#?} in {text}");
        }
    }
    tasks
}

#[test]
fn a_text_may_be_cut_anywhere() {
    // All bytes of the short ones; the grammar of the others is the same.
    for sample in SAMPLES {
        let bytes = sample.as_bytes();
        let step = if bytes.len() < 3_000 { 1 } else { 13 };
        let mut most = 0;
        for end in (0..bytes.len()).step_by(step) {
            let tasks = check(&bytes[..end]);
            // Without its calls a goroutine of the runtime counts as another one. A cut line of a
            // profile takes all that it counts.
            let lost = most > tasks + 1 && !sample.contains("profile: total");
            assert!(!lost, "cut at {end}: {tasks} after {most}");
            most = most.max(tasks);
            if end % 11 == 0 {
                check(&bytes[end..]);
            }
        }
    }
}

/// The next number of a fixed row.
fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 33).unwrap_or_default()
}

#[test]
fn any_damage_is_survived() {
    const SEEDS: u64 = 400;
    let pieces: [&[u8]; 8] = [
        b"]",
        b":",
        b"(",
        b"goroutine 7 [",
        b"\n",
        b"\xff\x1b[2J",
        b"99999999999999999999",
        b"{\"Action\"",
    ];
    for seed in 1..=SEEDS {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut bytes = SAMPLES[random(&mut state) % SAMPLES.len()].as_bytes().to_vec();
        for _ in 0..1 + random(&mut state) % 30 {
            let at = random(&mut state) % bytes.len();
            match random(&mut state) % 4 {
                0 => bytes[at] = random(&mut state).to_le_bytes()[0],
                1 => drop(
                    bytes.splice(at..at, pieces[random(&mut state) % pieces.len()].iter().copied()),
                ),
                2 => drop(bytes.drain(at..(at + random(&mut state) % 80).min(bytes.len()))),
                _ => {
                    let end = (at + random(&mut state) % 300).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
            bytes.push(b'\n');
        }
        check(&bytes);
    }
}

#[test]
fn lies_cost_no_memory() {
    let many = "goroutine profile: total 18446744073709551615\n18446744073709551615 @ 0x1\n\
                #\t0x1\tmain.f+0x1\t/app/main.go:1\n\n5 @ 0x2\n#\t0x1\tmain.g+0x1\t/app/main.go:2\n";
    let dump = one(many);
    assert_eq!(dump.snapshot.tasks.len(), 250_000);
    let missing = judged(&dump).completeness.missing_tasks;
    assert_eq!(missing, u64::MAX - 250_000 + 5);
    let again = dumps(many.repeat(50));
    assert_eq!(again.iter().map(|it| it.snapshot.tasks.len()).sum::<usize>(), 250_000);
    let old = one(goroutine(u64::MAX, "select, 18446744073709551615 minutes"));
    let TaskState::Waiting(wait) = &old.snapshot.tasks[0].state else { panic!("it waits") };
    assert_eq!(wait.since_ns, 0);
    let odd = |id| goroutine(id, &format!("state {id}")).replace(&format!("go:{id} "), "go:3 ");
    let report = judged(&one((10..2_000).map(odd).collect::<String>()));
    let waits: Vec<&str> = report.groups.iter().map(|it| it.waits_for.as_str()).collect();
    assert!(waits.len() == 1 && waits[0].ends_with("or other states"), "{waits:?}");
    // Too great a number is no number.
    assert_eq!(
        dumps("goroutine 99999999999999999999 [select]:\nmain.f()\n\t/a.go:1 +0x1\n").len(),
        0
    );
    let mut deep = String::from("goroutine 7 [select]:\n");
    for _ in 0..10_000 {
        deep.push_str("main.f(0x1)\n\t/app/main.go:3 +0x1\n");
    }
    let deep = one(deep);
    assert_eq!((deep.snapshot.stacks[0].frames.len(), deep.unread()), (512, 0));
    let long =
        format!("goroutine 7 [select]:\nmain.{}()\n\t/a.go:1 +0x1\n", "x".repeat(10_000_000));
    assert!(one(long).snapshot.frames.iter().all(|it| it.symbols[0].function.len() <= 64 * 1024));
}
