//! Tasks that run over the end of their stacks, and faults that are none of ours: what a process says
//! and by which signal it ends.

use std::os::unix::process::ExitStatusExt;

use crate::support::program;

const SIGSEGV: i32 = 11;
const SIGABRT: i32 = 6;

/// Stderr and signal of `overflow HOW BYTES`.
fn fault(how: &str, bytes: usize, guard: &str) -> (String, Option<i32>) {
    let output = program("overflow")
        .args([how, &bytes.to_string()])
        .env("GLEAK_STACK_GUARD", guard)
        .env("RUST_BACKTRACE", "0")
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .output()
        .expect("it starts");
    (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.signal())
}

#[track_caller]
fn assert_named(how: &str, bytes: usize, guard: &str, size: &str) {
    let (text, signal) = fault(how, bytes, guard);
    assert_eq!(signal, Some(SIGSEGV), "{text}");
    let first = text.lines().find(|line| line.starts_with("gleak: task #")).unwrap_or_default();
    let rest = first.trim_start_matches("gleak: task #").trim_start_matches(char::is_numeric);
    let start = " \"deep\" (spawned at runtime/examples/overflow.rs:";
    assert!(rest.starts_with(start), "{text}");
    assert!(rest.ends_with(&format!(") overflowed its stack of {size}")), "{text}");
    assert!(text.contains("\n  it runs overflow::among_others::{{closure}}"), "{text}");
    assert!(text.contains("/examples/overflow+0x"), "{text}");
    assert!(text.contains("Builder::stack_size(bytes)"), "{text}");
    assert!(!text.contains("has overflowed its stack"), "std has nothing to say: {text}");
    let calls = text.split("\n  its calls, innermost first\n").nth(1).unwrap_or_default();
    let function = if how == "frame" { "large_frame" } else { "recurse" };
    // In optimised code something may be inlined there.
    assert!(calls.lines().take(3).any(|line| line.contains(function)), "{text}");
    assert!(!calls.contains("task_entry"), "what runs the task is none of its calls: {text}");
    let many = calls.lines().any(|line| line.contains(function) && line.ends_with(" times)"));
    assert_eq!(many, how != "frame", "{text}");
}

#[test]
fn a_recursion_without_end_names_its_task_and_ends_by_the_signal() {
    for guard in ["", "mprotect"] {
        assert_named("recursion", 16 << 10, guard, "16 KiB");
        assert_named("recursion", 32 << 10, guard, "32 KiB");
        assert_named("recursion", 64 << 10, guard, "64 KiB");
        assert_named("recursion", 256 << 10, guard, "256 KiB");
        assert_named("recursion", 3 << 20, guard, "4 MiB");
    }
}

#[test]
fn one_large_frame_does_not_step_over_the_guard() {
    for guard in ["", "mprotect"] {
        assert_named("frame", 16 << 10, guard, "16 KiB");
        assert_named("frame", 256 << 10, guard, "256 KiB");
    }
}

#[test]
fn an_overflow_in_a_drop_of_a_panic_is_named() {
    assert_named("panic", 256 << 10, "", "256 KiB");
}

#[test]
fn the_main_task_is_told_that_its_stack_is_fixed() {
    let (text, signal) = fault("main", 0, "");
    assert_eq!(signal, Some(SIGSEGV), "{text}");
    assert!(text.contains("gleak: task #1 \"main\" (spawned at"), "{text}");
    assert!(text.contains("overflowed its stack of 8 MiB\n  it runs overflow::main"), "{text}");
    assert!(text.contains("main's stack is fixed"), "{text}");
}

#[test]
fn other_faults_are_none_of_ours() {
    for how in ["pointer", "stray", "thread-pointer"] {
        let (text, signal) = fault(how, 256 << 10, "");
        assert_eq!((text.as_str(), signal), ("", Some(SIGSEGV)), "{how}");
    }
}

#[test]
fn a_thread_of_others_keeps_the_message_of_std() {
    let (text, signal) = fault("thread-overflow", 0, "");
    assert_eq!(signal, Some(SIGABRT), "{text}");
    assert!(
        text.contains("thread 'outside'") && text.contains("has overflowed its stack"),
        "{text}"
    );
    assert!(!text.contains("gleak"), "{text}");
}
