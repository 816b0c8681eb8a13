//! The programs that articles on goroutines show, each as a process: what it prints, and that it
//! leaves no task behind.
//!
//! Under one worker a task that is still there when main returns fails the program: whoever wakes
//! main for the last time ends before main goes on. Under four its last steps may come later, so
//! there main waits for it; what waits for ever is a deadlock, and fails as well.

use crate::programs::{example, folder, stderr};

/// Runs a program in both ways and hands its lines to `check`.
fn each_line(name: &str, arguments: &[&str], check: impl Fn(&[&str])) {
    let folder = folder(name);
    for (workers, exit) in [("1", "fail"), ("4", "wait")] {
        let output = example(name, &folder)
            .args(arguments)
            .env("GLEAK_WORKERS", workers)
            .env("GLEAK_EXIT", exit)
            .output()
            .expect("it runs");
        assert_eq!(stderr(&output), "", "{name} under {workers} workers leaves something");
        assert_eq!(output.status.code(), Some(0), "{name} under {workers} workers");
        let text = String::from_utf8(output.stdout).expect("it prints text");
        check(&text.lines().collect::<Vec<_>>());
    }
}

fn prints(name: &str, expected: &[&str]) {
    each_line(name, &[], |lines| assert_eq!(lines, expected, "{name}"));
}

/// For lines that tasks print in no certain order, but for the last one.
fn prints_in_any_order(name: &str, expected: &[&str]) {
    each_line(name, &[], |lines| {
        let mut lines = lines.to_vec();
        let last = lines.pop();
        lines.sort_unstable();
        lines.extend(last);
        assert_eq!(lines, expected, "{name}");
    });
}

#[test]
fn main_goes_on_while_a_task_greets() {
    prints("greet", &["Main continues immediately", "Hello, Alice"]);
}

#[test]
fn a_wait_group_tells_when_all_workers_are_done() {
    let done = ["Worker 0 done", "Worker 1 done", "Worker 2 done", "Worker 3 done"];
    let last = ["Worker 4 done", "All workers completed"];
    prints_in_any_order("wait_group", &[&done[..], &last].concat());
}

#[test]
fn fan_out_asks_every_service() {
    each_line("fan_out", &[], |lines| {
        let mut lines = lines.to_vec();
        lines.sort_unstable();
        assert_eq!(lines, ["auth is up", "inventory is up", "payments is up"]);
    });
}

#[test]
fn a_worker_pool_does_each_job_once() {
    each_line("worker_pool", &[], |lines| {
        assert_eq!(lines.last(), Some(&"all jobs completed: 110"));
        let job = |line: &&str| line.split_once(" processed job ")?.1.parse().ok();
        let mut jobs: Vec<u32> = lines.iter().filter_map(job).collect();
        jobs.sort_unstable();
        assert_eq!(jobs, (1..=10).collect::<Vec<_>>());
    });
}

#[test]
fn a_pool_sends_the_emails() {
    let expected = [
        "email 3 failed: no such address",
        "sent email 1 to ann@example.com",
        "sent email 2 to bob@example.com",
        "sent email 4 to eve@example.com",
        "3 emails sent",
    ];
    prints_in_any_order("emails", &expected);
}

#[test]
fn a_pipeline_ends_stage_by_stage() {
    prints("pipeline", &["the sum of the squares is 338350"]);
}

#[test]
fn the_first_response_wins_and_cancels_the_others() {
    prints("first_response", &["fra answered first", "2 gave up"]);
}

#[test]
fn the_first_error_of_a_group_cancels_its_other_fetches() {
    let expected = [
        r#"["/users", "/products", "/orders"]: Ok(())"#,
        r#"["/users", "/missing", "/slow"]: Err("/missing: status 404")"#,
    ];
    prints("fetch_urls", &expected);
}

#[test]
fn a_buffered_channel_limits_who_works_at_once() {
    at_most_three("limit_by_channel");
}

#[test]
fn a_semaphore_limits_who_works_at_once() {
    at_most_three("limit_by_semaphore");
}

fn at_most_three(name: &str) {
    each_line(name, &[], |lines| {
        let most = lines[0].strip_prefix("12 served, ").and_then(|it| it.strip_suffix(" at once"));
        let most: usize = most.and_then(|it| it.parse().ok()).expect("a number");
        assert!((1..=3).contains(&most), "{lines:?}");
    });
}

#[test]
fn a_rate_limit_lets_a_burst_through_and_the_rest_in_turn() {
    let requests: Vec<_> = (1..=8).map(|it| format!("request {it}")).collect();
    let requests = requests.iter().map(String::as_str);
    prints("rate_limit", &requests.chain(["not faster than allowed: true"]).collect::<Vec<_>>());
}

#[test]
fn a_ticker_ticks_until_it_is_shut_down() {
    prints("ticker", &["tick 1", "tick 2", "tick 3", "shut down"]);
}

#[test]
fn a_closed_channel_signals_to_everybody() {
    let stop = "told to stop";
    prints("done_signal", &["work complete", stop, stop, stop]);
}

#[test]
fn polling_workers_stop_at_the_deadline() {
    each_line("polling_worker", &[], |lines| {
        let (last, lines) = lines.split_last().expect("lines");
        assert_eq!(*last, "all workers stopped: context deadline exceeded");
        for id in [1, 2] {
            let own = |line: &&&str| line.starts_with(&format!("worker {id}: "));
            let own: Vec<_> = lines.iter().filter(own).collect();
            let stopped = own.last().expect("it says so");
            assert!(stopped.ends_with("shutting down"), "{lines:?}");
            let works = |line: &&&str| line.ends_with("working");
            assert!(own[..own.len() - 1].iter().all(works), "{lines:?}");
        }
    });
}

#[test]
fn the_prime_sieve_takes_its_chain_down() {
    let primes = "2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59 61 67 71 73 79 83 89 97";
    prints("prime_sieve", &[primes, "26 tasks ended"]);
}

#[test]
fn a_shared_counter_counts_right() {
    prints("counter", &["mutex: 1000, atomic: 1000"]);
}

#[test]
fn many_tasks_sleep_at_once() {
    each_line("many_tasks", &["5000"], |lines| assert_eq!(lines, ["tasks: 5000", "tasks: 0"]));
}

#[test]
fn a_result_that_nobody_waits_for_leaks_no_task() {
    prints("leak_fixed", &["patient: Ok(42)", "hasty: Err(ByHandle)"]);
}
