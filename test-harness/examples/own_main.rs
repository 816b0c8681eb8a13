//! A main of one's own; tells how many threads the process has in the end.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::process::ExitCode;

#[gleak_test_harness::test]
fn first() {}

mod inner {
    #[gleak_test_harness::test]
    fn second() {
        gleak_runtime::spawn(|| ()).join().unwrap();
    }

    #[gleak_test_harness::test]
    #[ignore]
    fn third() {}
}

#[expect(clippy::print_stderr, reason = "what the example is for")]
fn main() -> ExitCode {
    let options = gleak_test_harness::Options::new().workers(3);
    let none: [gleak_test_harness::Trial; 0] = [];
    let status = gleak_test_harness::run_tests(options, none);
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    eprintln!("threads: {threads}");
    status
}
