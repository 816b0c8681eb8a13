//! Files that names of functions come from, as far as the command line is concerned. What is found
//! in them is tested beside the code.

use crate::make;
use crate::work_dir::WorkDir;

const ID: &str = "0102030405060708";
const BYTES: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// Every command that reads dumps, with its arguments behind the dump.
const COMMANDS: [&[&str]; 4] = [
    &["report", "x.ndjson"],
    &["flame", "x.ndjson", "--format", "folded"],
    &["gate", "x.ndjson"],
    &["baseline", "write", "--force", "b.json", "x.ndjson"],
];

#[test]
fn a_file_of_another_build_costs_a_line_and_no_answer() {
    let dir = WorkDir::new("names-other");
    dir.write("app", make::stripped_elf([9; 8]));
    let app = dir.path("app").display().to_string();
    dir.write("x.ndjson", make::unnamed(&app, Some(ID)));
    for command in COMMANDS {
        let words = format!(
            "gleak: {app}: is another file by now: build id 0909090909090909, the dump has {ID}; \
             its frames stay addresses"
        );
        let run = dir.gleak(command).ends(0).complains(&words);
        assert!(!run.stdout.is_empty(), "{run:?}");
    }
}

#[test]
fn a_file_that_is_named_for_nothing_is_an_error() {
    let dir = WorkDir::new("names-stranger");
    dir.write("app", make::stripped_elf([9; 8])).write("other", make::stripped_elf([7; 8]));
    dir.write("x.ndjson", make::unnamed("linux-vdso.so.1", Some(ID)));
    for command in COMMANDS {
        let run = dir.gleak(&[command, &["--exe", "app", "--exe", "other"]].concat()).ends(2);
        for (exe, id) in [("app", "0909090909090909"), ("other", "0707070707070707")] {
            let words = format!(
                "gleak: {exe}: build id {id} is not that of any module of the dump; wanted {ID} \
                 (linux-vdso.so.1)\n"
            );
            assert!(run.stderr.contains(&words), "{run:?}");
        }
        assert_eq!(run.stdout, "", "{run:?}");
    }
}

#[test]
fn one_file_for_one_of_several_dumps_is_no_stranger() {
    let dir = WorkDir::new("names-several");
    dir.write("app", make::stripped_elf(BYTES));
    dir.write("x.ndjson", make::unnamed("/gone/app", Some(ID))).write("y", make::healthy());
    let run = dir.gleak(&["report", "x.ndjson", "y", "--exe", "app"]).ends(0);
    run.complains("/gone/app: is stripped of all names; its frames stay addresses");
    // A dump without stacks wants no file, and refuses none.
    dir.gleak(&["report", "y", "--exe", "app"]).ends(0).quiet();
}

#[test]
fn what_is_no_file_of_code_or_no_folder_is_told_before_all_else() {
    let dir = WorkDir::new("names-bad");
    dir.write("text", "hello\n").write("cut", &make::stripped_elf(BYTES)[..100]);
    dir.write("x.ndjson", make::unnamed("/gone/app", None));
    for command in COMMANDS {
        for (exe, words) in [
            ("text", "text: is no program, library or debug file (no ELF)"),
            ("cut", "cut: is cut or damaged: "),
            ("missing", "missing: no such file or directory"),
            (".", ".: is no regular file"),
        ] {
            let run = dir.gleak(&[command, &["--exe", exe]].concat()).ends(3).complains(words);
            assert_eq!(run.stdout, "", "{run:?}");
        }
        let arguments = [command, &["--debug-dir", "text"]].concat();
        dir.gleak(&arguments).ends(2).complains("text: is no folder");
    }
    let run = dir.gleak(&["report", "x.ndjson", "--debug-dir", "."]).ends(0);
    run.complains("/gone/app: has no build id in the dump, so only --exe can say which file it is");
}

#[test]
fn paths_of_a_dump_do_not_steer_the_terminal_or_the_search() {
    let dir = WorkDir::new("names-hostile");
    dir.write("x.ndjson", make::unnamed("/\x1b[31m\n/app", Some("../../x\x1b")));
    dir.gleak(&["report", "x.ndjson"]).ends(0).complains("/\\u{1b}[31m\\n/app: is not there");
    dir.write("x.ndjson", make::unnamed("/dev/zero", Some(ID)));
    dir.gleak(&["report", "x.ndjson"]).ends(0).complains("/dev/zero: is no regular file");
    dir.write("x.ndjson", make::unnamed("x.ndjson", Some(ID)));
    dir.gleak(&["report", "x.ndjson"]).ends(0).complains("x.ndjson: is not there");
}
