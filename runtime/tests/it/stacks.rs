//! Stacks: many of them, of every size, on kernels old and new; their memory, and what is known of
//! it.

use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;

use gleak_runtime::{Builder, Chan, Runtime, WaitGroup, report};

use crate::support::{parked, program, unique};

#[test]
fn a_hundred_thousand_parked_tasks_all_come_back() {
    const TASKS: i64 = 100_000;
    let runtime = Runtime::builder().workers(2).start().unwrap();
    let (gate, parked, left) = (Chan::<()>::new(0), WaitGroup::new(), WaitGroup::new());
    parked.add(TASKS);
    left.add(TASKS);
    for _ in 0..TASKS {
        let (gate, parked, left) = (gate.clone(), parked.clone(), left.clone());
        let body = move || {
            parked.done();
            gate.recv();
            left.done();
        };
        drop(Builder::new().spawn_in(&runtime, body).unwrap());
    }
    parked.wait();
    assert_eq!(runtime.live(), 100_000);
    gate.close();
    left.wait();
}

/// Stdout of an example with these guards.
fn said(name: &str, argument: &str, guard: &str) -> String {
    let mut command = program(name);
    command.args([argument]).env("GLEAK_STACK_GUARD", guard);
    let output =
        command.env("GLEAK_DUMP_DIR", env!("CARGO_TARGET_TMPDIR")).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn stacks_of_every_size_work_with_either_guard() {
    let sizes: String = (14..=30).map(|power| format!("{}\n", 1_u32 << power)).collect();
    for guard in ["", "mprotect"] {
        assert_eq!(said("stack_sizes", "", guard), sizes, "guards by {guard:?}");
    }
}

#[test]
fn old_guards_end_with_an_error_that_names_the_kernel_setting() {
    let max = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    if max.trim().parse::<u32>().unwrap() > 100_000 {
        eprintln!("skipped: vm.max_map_count is too large to be used up by 40 000 tasks");
        return;
    }
    let text = said("stack_sizes", "many", "mprotect");
    let expected = format!("vm.max_map_count is {}; raise it", max.trim());
    assert!(
        text.contains("no room for another guarded stack") && text.contains(&expected),
        "{text}"
    );
    assert!(text.ends_with("and on it goes\n"), "{text}");
}

#[test]
fn little_address_space_is_enough_for_a_few_stacks() {
    // A slab of the default size is 16 GiB; 4 are allowed.
    let overflow = program("overflow");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "ulimit -v 4194304; exec \"$0\" pointer"]).arg(overflow.get_program());
    let output = shell.current_dir(env!("CARGO_TARGET_TMPDIR")).output().unwrap();
    // The task got its stack, and as far as the fault that it is there for.
    assert_eq!(output.status.signal(), Some(11), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn memory_of_ended_tasks_goes_back_to_the_kernel() {
    for (when, guard) in [("busy", ""), ("busy", "mprotect"), ("idle", "")] {
        let text = said("stack_memory", when, guard);
        assert_eq!(text, "memory went back\nand stacks are as good as new\n", "{when} {guard}");
    }
}

#[test]
fn a_snapshot_tells_on_request_how_much_of_a_stack_was_touched() {
    let gate = Chan::<()>::new(0);
    let waits = gate.clone();
    let name = unique("touches");
    let body = move || {
        let frame = black_box([1_u8; 40 << 10]);
        waits.recv();
        black_box(&frame);
    };
    let task = Builder::new().name(&name).stack_size(512 << 10).spawn(body).unwrap();
    let (_, plain, _) = parked(&name);
    assert_eq!(plain.stack, None);
    let snapshot = report::snapshot_with(report::Detail { stack_use: true, ..Default::default() });
    let known = snapshot.tasks.iter().find(|task| task.name.as_deref() == Some(&name)).unwrap();
    let stack = known.stack.expect("it is parked");
    assert_eq!(stack.bytes, 512 << 10);
    assert!((40 << 10..512 << 10).contains(&stack.touched), "{stack:?}");
    assert_eq!(snapshot.validate(), Ok(()));
    gate.close();
    task.join().unwrap();
}

#[test]
fn closures_of_any_size_run_on_stacks_of_any_size() {
    fn runs<const SIZE: usize>(bytes: usize) {
        let large = [7_u8; SIZE];
        let task = Builder::new().stack_size(bytes).spawn(move || large.iter().all(|it| *it == 7));
        assert!(task.unwrap().join().unwrap());
    }
    // Moved to the stack, kept in a box, in a box on a stack made larger for it.
    runs::<380>(16 << 10);
    runs::<2_700>(16 << 10);
    runs::<10_000>(16 << 10);
    runs::<170_000>(16 << 10);
    runs::<7_600>(256 << 10);
    runs::<30_000>(256 << 10);
    runs::<43_000>(256 << 10);
}
