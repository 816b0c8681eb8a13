//! `gleak top`, without a terminal: one table or some, then the end.

use std::fs::File;
use std::io::{Seek, Write};

use crate::make;
use crate::work_dir::{WorkDir, golden};

/// A file that a process has, as long as the value lives.
fn running(dir: &WorkDir, name: &str, tasks: u64) -> File {
    dir.write(name, make::flight(tasks));
    let file = File::options().write(true).open(dir.path(name)).unwrap();
    file.try_lock().unwrap();
    file
}

#[test]
fn a_table_is_written_once_where_there_is_no_terminal() {
    let dir = WorkDir::new("top-once");
    let _process = running(&dir, "gleak-7-1.flight", 3);
    for width in ["80", "120"] {
        let run = dir.command(&["top", "gleak-7-1.flight"]).env("COLUMNS", width).output().unwrap();
        assert!(run.status.success() && run.stderr.is_empty(), "{run:?}");
        golden(&format!("top-{width}.txt"), &String::from_utf8(run.stdout).unwrap());
    }
}

#[test]
fn tables_come_one_after_another_and_say_what_has_grown_and_that_it_has_ended() {
    let dir = WorkDir::new("top-count");
    let mut process = running(&dir, "a.flight", 3);
    let mut command = dir.command(&["top", "a.flight", "--count", "1000", "--interval", "1ms"]);
    let child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    process.rewind().unwrap();
    process.write_all(&make::flight(5)).unwrap();
    // It ends: nobody has the file any more.
    drop(process);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let tables: Vec<&str> = text.split("\n\napp, pid 7, ").collect();
    assert!(tables.len() < 1000, "it ends with the process");
    let last = tables.last().unwrap();
    assert!(last.contains("has ended") && last.contains("5 tasks: 5 waiting; 5 spawned"), "{text}");
}

#[test]
fn of_a_folder_it_is_the_process_that_runs() {
    let dir = WorkDir::new("top-folder");
    dir.write("gleak-1-1.flight", make::flight(1)).write("gleak-2-1.flight", "nothing");
    dir.write("gleak-3-1.ndjson", make::healthy());
    let none = dir.gleak(&["top", "."]).ends(3).stderr;
    assert_eq!(
        none,
        "gleak: .: holds no flight file of a running process; name a file for one that has ended\n"
    );
    let first = running(&dir, "gleak-4-1.flight", 4);
    let one = dir.gleak(&["top", "."]).ends(0).quiet().stdout;
    assert!(one.contains("running") && one.contains("4 tasks: 4 waiting"), "{one}");
    let second = running(&dir, "gleak-5-1.flight", 5);
    let several = dir.gleak(&["top", "."]).ends(3).stderr;
    let named = "name one: gleak-4-1.flight, gleak-5-1.flight\n";
    assert_eq!(several, format!("gleak: .: holds flight files of 2 running processes, {named}"));
    drop((first, second));
}

#[test]
fn what_is_no_flight_file_is_refused() {
    let dir = WorkDir::new("top-refused");
    dir.write("dump", make::healthy()).write("empty", "");
    for (name, why) in [("dump", "dump: "), ("empty", "empty: "), ("absent", "absent: ")] {
        let said = dir.gleak(&["top", name]).ends(3).stderr;
        assert!(said.starts_with(&format!("gleak: {why}")) && said.lines().count() == 1, "{said}");
    }
    for arguments in [&["top"][..], &["top", "dump", "--count", "0"], &["top", "dump", "empty"]] {
        dir.gleak(arguments).ends(2);
    }
}
