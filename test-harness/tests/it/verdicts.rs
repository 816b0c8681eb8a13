//! Which test fails, and what its message says.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support::{Said, example, redact, run};

const TWENTY: [&str; 20] = [
    "clean::a", "clean::b", "clean::c", "clean::d", "clean::e", "clean::f", "clean::g", "clean::h",
    "clean::i", "clean::j", "clean::k", "clean::l", "clean::m", "clean::n", "clean::o", "clean::p",
    "clean::q", "clean::r", "clean::s", "clean::t",
];

#[test]
fn the_test_that_leaks_fails_and_twenty_others_pass() {
    for threads in ["8", "1", "2"] {
        let said = run(example("early_return").args(["--test-threads", threads]));
        assert_eq!(said.tests("FAILED"), ["early_return"], "{said:#?}");
        assert_eq!(said.tests("ok"), TWENTY);
        assert_eq!(said.code, Some(101));
        assert_eq!(said.stderr, "", "nothing belongs to no test");
    }
}

/// The message up to its reason.
const EARLY_RETURN: &str = "\
Error: gleak: 1 task outlived this test (1 group)

[1] task leak: 1 task asleep                                            strong  gk1:fa252b8e8e5d2ffd
    1 task waiting to send on channel #1, for TIME
      spawned  test-harness/examples/early_return.rs:9  early_return::ask  t2
      waits    test-harness/examples/early_return.rs:9  early_return::ask::{closure}
               8 | let worker = answers.clone();
               9 | go! { worker.send(42) };
                                ^^^^
    because ";

/// And behind its facts.
const WHAT_TO_DO: &str = "

  intended?   spawn_background(..), or at the test: ignore = \"entry=early_return::ask because ..\"
  again       cargo test -p gleak-test-harness --example early_return -- --exact early_return";

#[test]
fn the_message_names_spawn_and_wait() {
    let said = run(example("early_return").args(["early_return", "--exact"]));
    let message = redact(said.message("early_return"));
    let facts = message.find("    because ").expect("a reason") + "    because ".len();
    assert_eq!(&message[..facts], EARLY_RETURN);
    assert!(message[facts..].contains("nobody has ever"), "{message}");
    assert!(message.ends_with(WHAT_TO_DO), "{message}");
}

#[test]
fn the_message_keeps_to_the_width() {
    for width in [80, 120] {
        let said = run(example("early_return").env("COLUMNS", width.to_string()));
        let message = said.message("early_return");
        assert!(message.lines().all(|line| line.chars().count() <= width), "{message}");
    }
}

fn all_kinds(arguments: &[&str]) -> Said {
    run(example("all_kinds").args(arguments))
}

/// Runs one test alone, which has to fail with these words in its message.
#[track_caller]
fn check_fails(test: &str, words: &[&str]) {
    let said = all_kinds(&[test, "--exact", "--include-ignored"]);
    assert_eq!((said.tests("FAILED"), said.code), (vec![test], Some(101)), "{said:#?}");
    let message = said.message(test);
    for word in words {
        assert!(message.contains(word), "no {word:?} in: {message}");
    }
    assert!(!said.stderr.contains("belongs to no test"), "told twice: {}", said.stderr);
}

const DEADLOCK: &str = "Error: gleak: deadlock, the test can never end";
const OUTLIVED: &str = "Error: gleak: 1 task outlived this test (1 group)";

#[test]
fn every_test_gets_its_own_verdict_beside_all_the_others() {
    for arguments in [&[][..], &["--test-threads=8"], &["--test-threads=1"]] {
        let said = all_kinds(arguments);
        let failed = said.tests("FAILED");
        assert_eq!(failed.len(), 14, "{said:#?}");
        assert!(failed.iter().all(|name| name.starts_with("fails::")), "{failed:?}");
        assert_eq!(said.tests("ok").len(), 10);
        assert!(said.tests("ok").iter().all(|name| name.starts_with("passes::")));
        assert_eq!(said.tests("ignored"), ["fails::ignored"]);
        assert!(!said.stderr.contains("to no test"), "{}", said.stderr);
        for name in failed {
            let others = said.stdout.matches(&format!("in fails::{name}")).count();
            assert_eq!(others, 0, "charged elsewhere too");
        }
    }
}

#[test]
fn leaks_are_found_however_deep_and_whatever_the_count() {
    check_fails("fails::grandchild", &[OUTLIVED, "all_kinds::fails::grandchild", "parents"]);
    check_fails("fails::equal_counts", &[OUTLIVED, "all_kinds::fails::equal_counts"]);
    check_fails("fails::ignored", &[OUTLIVED]);
}

#[test]
fn a_deadlock_fails_the_test_instead_of_hanging() {
    check_fails("fails::waits_for_itself", &[DEADLOCK, "strong", "waiting to receive"]);
    check_fails("fails::locks_twice", &[DEADLOCK, "certain", "a lock that it holds itself"]);
    check_fails("fails::cycle_beside_a_ticker", &[DEADLOCK, "certain", "cycle of 2 tasks"]);
}

#[test]
fn a_finding_is_the_same_alone_and_beside_others() {
    let prints = |said: &Said| {
        let message = said.message("fails::waits_for_itself");
        let print = message.split_once("gk1:").map(|(_, rest)| rest[..16].to_owned());
        print.expect("a fingerprint")
    };
    let alone = prints(&all_kinds(&["fails::waits_for_itself", "--exact"]));
    assert_eq!(alone, prints(&all_kinds(&["--test-threads=8"])));
}

#[test]
fn a_deadlock_says_only_what_it_is() {
    let said = all_kinds(&["fails::cycle_beside_a_ticker", "--exact"]);
    let message = said.message("fails::cycle_beside_a_ticker");
    // That the ticker is alive while the test is, is no finding.
    assert!(!message.contains("[2]") && !message.contains("outlived"), "{message}");
}

#[test]
fn tests_that_rest_on_shared_objects_are_judged_when_nobody_is_left() {
    let waiting = ["waits_likewise", "waits_on_a_shared_channel"];
    for threads in ["1", "2", "8"] {
        let said = run(example("rest").args(["--test-threads", threads]));
        assert_eq!(said.tests("FAILED"), waiting, "{said:#?}");
        assert_eq!(said.tests("ok"), ["innocent"]);
        for test in waiting {
            assert!(said.message(test).starts_with(DEADLOCK), "{said:#?}");
        }
    }
}

#[test]
fn who_is_always_ahead_of_the_look_may_still_act() {
    for threads in ["1", "2"] {
        let said = run(example("relay").args(["--test-threads", threads]));
        let all = ["by_tasks_of_no_test", "by_tasks_of_the_test", "ends_after_the_body"];
        assert_eq!(said.tests("ok"), all, "{said:#?}");
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
    }
}

#[test]
fn a_task_that_goes_on_has_outlived_its_test() {
    check_fails("fails::spins_on", &[OUTLIVED, "weak", "1 task running"]);
    check_fails("fails::ticks_on", &[OUTLIVED, "weak", "waiting for a timer"]);
}

#[test]
fn a_panic_that_nobody_joins_fails_the_test() {
    let words = ["Error: gleak: 1 task panicked and nobody joined", "nobody will know"];
    check_fails("fails::unjoined_panic", &words);
}

#[test]
fn an_error_of_a_group_that_nobody_waits_for_fails_the_test() {
    let words = ["Error: gleak: 1 task failed and nobody waited", "failed first in the group made"];
    check_fails("fails::unseen_error", &words);
}

#[test]
fn a_body_that_fails_is_told_first_and_its_leaks_besides() {
    let test = "fails::panics_and_leaks";
    check_fails(
        test,
        &["panicked: ", "sums\n", "  in all_kinds::fails::panics_and_leaks", OUTLIVED],
    );
    let said = all_kinds(&[test, "--exact"]);
    let message = said.message(test);
    assert!(message.find("sums") < message.find("Besides:"), "{message}");
    assert!(message.find("Besides:") < message.find(OUTLIVED), "{message}");
    assert!(!message.contains("gleak_test_harness"), "{message}");
    check_fails("fails::error", &["Error: ParseIntError { kind: InvalidDigit }"]);
}

#[test]
fn should_panic_holds_both_ways_and_excuses_no_leak() {
    let place = "test did not panic as expected, at test-harness/examples/all_kinds.rs:";
    check_fails("fails::does_not_panic", &[place]);
    check_fails("fails::panics_otherwise", &["panic message: \"that\"", "substring: \"this\""]);
    check_fails("fails::panics_as_expected_and_leaks", &[OUTLIVED]);
    let said = all_kinds(&["fails::panics_as_expected_and_leaks"]);
    assert!(!said.stdout.contains("Besides:"), "the panic is no failure");
}

#[test]
fn what_can_still_happen_is_waited_for() {
    let said = all_kinds(&["passes::", "--test-threads=4"]);
    assert_eq!((said.tests("ok").len(), said.code), (10, Some(0)), "{said:#?}");
}

#[test]
fn a_task_of_no_test_fails_the_run_and_no_test() {
    for threads in ["1", "3"] {
        let said = run(example("strays").args(["--test-threads", threads]));
        assert_eq!(said.tests("ok").len(), 4, "{said:#?}");
        assert_eq!(said.code, Some(101));
        let section = said.stderr.split_once("gleak: ").expect("a section").1;
        assert!(section.starts_with("3 tasks belong to no test"), "{section}");
        assert!(section.contains("strays::asks_a_thread"), "{section}");
        assert!(section.contains("nobody knows of me"), "{section}");
        assert!(section.contains("failed first in the group made"), "{section}");
        let result = said.stdout.trim_end().lines().last().unwrap_or_default();
        assert!(result.starts_with("test result: ok. 4 passed"), "{result}");
    }
}

#[test]
fn background_tasks_and_daemons_fail_neither_test_nor_run() {
    for threads in ["1", "4"] {
        let said = run(example("tenure").args(["--test-threads", threads]));
        assert_eq!((said.tests("ok").len(), said.code), (4, Some(0)), "{said:#?}");
        assert_eq!(said.stderr, "");
    }
}

#[test]
fn who_waits_for_a_socket_could_still_act_on_a_test_that_rests() {
    let said = run(&mut example("answered"));
    assert_eq!((said.tests("ok"), said.code), (vec!["waits_for_an_answer"], Some(0)), "{said:#?}");
}

#[test]
fn what_only_could_have_happened_fails_no_test() {
    let said = run(example("lucky").env("GLEAK_LOCK_ORDER", "1"));
    assert_eq!((said.tests("ok"), said.code), (vec!["takes_turns"], Some(0)), "{said:#?}");
    assert!(!said.stderr.contains("lock order"), "{said:#?}");
}

#[test]
fn daemons_that_wait_for_each_other_fail_the_run() {
    let said = run(&mut example("daemons_deadlock"));
    assert_eq!((said.tests("ok"), said.code), (vec!["starts_them"], Some(101)), "{said:#?}");
    assert!(said.stderr.contains("[1] cycle of 2 tasks"), "{said:#?}");
    assert!(said.stderr.contains("certain"), "{said:#?}");
}

#[test]
fn the_section_keeps_to_the_width() {
    for width in [80, 120] {
        let said = run(example("strays").env("COLUMNS", width.to_string()));
        let section = said.stderr.split_once("gleak: ").expect("a section").1;
        assert!(section.contains("verdict\n\n[1] 1 task panicked "), "{section}");
        let fits = |line: &str| line.contains("strays.rs:") || line.chars().count() <= width;
        assert!(section.lines().all(fits), "{section}");
    }
}

#[test]
fn what_a_leaked_task_makes_later_is_nobodys_and_the_leak_is_told_once() {
    let said = run(example("strays_of_a_leak").arg("--test-threads=1"));
    assert_eq!((said.tests("FAILED"), said.tests("ok")), (vec!["a_leaks"], vec!["b_is_innocent"]));
    let section = said.stderr.split_once("gleak: ").expect("a section").1;
    assert!(section.starts_with("1 task belongs to no test"), "{section}");
    // Its panic is printed by std; it is no finding any more.
    assert!(!section.contains("1 task panicked"), "that task was charged to its test: {section}");
}

#[test]
fn the_environment_says_how_long_to_settle_where_nobody_else_does() {
    let settling = |limit: &str| run(example("settles").env("GLEAK_SETTLE_MS", limit));
    let said = settling("60000");
    assert_eq!((said.tests("ok").len(), said.code), (1, Some(0)), "{said:#?}");
    let said = settling("0");
    assert_eq!((said.tests("FAILED").len(), said.code), (1, Some(101)), "{said:#?}");
    // Twelve tests, and a main that says it.
    let own = |limit: &str| {
        run(example("excepted").arg("passes::").env("GLEAK_SETTLE_MS", limit)).tests("ok").len()
    };
    assert_eq!(own("0"), 12);
}

#[test]
fn a_settle_time_that_is_not_understood_is_told_once() {
    let said = run(example("strays").env("GLEAK_SETTLE_MS", "1s"));
    assert_eq!(said.stderr.matches("GLEAK_SETTLE_MS=\"1s\" is no number").count(), 1, "{said:#?}");
    let listed = run(example("strays").arg("--list").env("GLEAK_SETTLE_MS", "1s"));
    assert_eq!((listed.code, &*listed.stderr), (Some(0), ""), "a listing settles nothing");
}

#[test]
fn a_test_that_keeps_its_worker_does_not_hang_without_a_word() {
    let mut command = example("blocks");
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("an example: `cargo test` builds them");
    let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("text");
    assert!(line.starts_with("gleak: waits_for_input: worker "), "{line}");
    assert!(line.contains(" has been held by t") && line.contains("\"waits_for_input\""), "{line}");
    // The end of its input is what it waits for.
    let output = child.wait_with_output().expect("a child");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
