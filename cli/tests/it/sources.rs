//! Source lines in `gleak report`: only those that were compiled into the program of the dump.

use std::fs::File;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gleak_detector::snapshot::{Arm, SnapshotBuilder, WaitOp, WaitReason, write_dump};

use crate::work_dir::WorkDir;

const STARTED_S: u64 = 1_795_000_000;
const LINE: &str = "3 |     let job = jobs.recv();";

/// A process that ran for a minute, with a task that can never go on. Its stack says that the program
/// was compiled in this folder.
fn dump(compiled_in: &str, program: &str) -> Vec<u8> {
    let mut b = SnapshotBuilder::new();
    b.taken_at(60_000_000_000);
    let header = b.header_mut();
    (header.wall_s, header.program) = (STARTED_S + 60, "app".to_owned());
    b.module(program, 0x1000, None);
    let stack = b.stack(&[("app::work", &format!("{compiled_in}/src/pool.rs:3"))]);
    let never = [Arm::never(WaitOp::Receive)];
    let task = b.task("src/main.rs:1", "app::work").backtrace(stack);
    task.waits(WaitReason::Receive, &never, "src/pool.rs:3:24");
    let mut out = Vec::new();
    write_dump(&b.build(), &mut out).unwrap();
    out
}

fn written(dir: &WorkDir, name: &str, seconds: i64) {
    let at = Duration::from_secs(STARTED_S.checked_add_signed(seconds).unwrap());
    let file = File::options().append(true).open(dir.path(name)).unwrap();
    file.set_modified(UNIX_EPOCH + at).unwrap();
    assert!(SystemTime::now() > UNIX_EPOCH + at);
}

fn program(test: &str) -> WorkDir {
    let dir = WorkDir::new(test);
    let text = "fn work(jobs: &Jobs) {\n    loop {\n        let job = jobs.recv();\n    }\n}\n";
    dir.write("src/pool.rs", text).write("bin/app", "");
    let here = dir.path("").to_str().unwrap().trim_end_matches('/').to_owned();
    dir.write("dump", dump(&here, &format!("{here}/bin/app")));
    dir
}

fn shows(dir: &WorkDir) -> bool {
    let said = dir.gleak(&["report", "dump"]).ends(0).quiet().stdout;
    assert!(said.contains("waits    src/pool.rs:3"), "{said}");
    said.contains(LINE)
}

#[test]
fn a_source_is_shown_if_it_is_as_old_as_the_program() {
    let dir = program("sources-age");
    // When source and program were written, from the start of the process on.
    let cases = [
        (-100, -50, true),
        // Changed since it was compiled, before the start and after it.
        (-10, -50, false),
        (30, -50, false),
        (90, -50, false),
        // The program that ran has been replaced: its start is what is known.
        (-10, 90, true),
        (10, 90, false),
    ];
    for (source, program, shown) in cases {
        written(&dir, "src/pool.rs", source);
        written(&dir, "bin/app", program);
        assert_eq!(shows(&dir), shown, "{source} {program}");
    }
}

#[test]
fn a_file_of_the_same_name_elsewhere_is_not_shown() {
    let dir = program("sources-folder");
    written(&dir, "src/pool.rs", -100);
    written(&dir, "bin/app", -50);
    assert!(shows(&dir));
    // It lies in the folder where the report is made, and the program was compiled in another one.
    dir.write("dump", dump("/build/of/others", "/build/of/others/app"));
    assert!(!shows(&dir));
}

#[test]
fn json_has_no_sources() {
    let dir = program("sources-json");
    written(&dir, "src/pool.rs", -100);
    written(&dir, "bin/app", -50);
    let with = dir.gleak(&["report", "dump", "--format", "json"]).ends(0).quiet().stdout;
    written(&dir, "src/pool.rs", 30);
    let without = dir.gleak(&["report", "dump", "--format", "json"]).ends(0).quiet().stdout;
    assert_eq!(with, without);
}
