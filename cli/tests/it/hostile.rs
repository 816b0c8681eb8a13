//! Inputs that were made to break a reader: endless, deep, lying, cut, steering a terminal. Memory is held down
//! by the system, so that who believes a number or keeps a line dies of it.

#![cfg(unix)]

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

use crate::make;
use crate::work_dir::{Run, WorkDir};

/// Runs the binary with so many MiB of addresses.
fn within(dir: &WorkDir, mib: u64, arguments: &[&str]) -> Run {
    let program = dir.command(&[]).get_program().to_owned();
    let limited = format!("ulimit -v {} && exec \"$0\" \"$@\"", mib << 10);
    let mut command = Command::new("sh");
    command.args(["-c", &limited]).arg(program).args(arguments).current_dir(dir.path(""));
    Run::of(&mut command)
}

/// A file of so many MiB that begins so and goes on without a newline; the file system keeps no zeros.
fn long_line(dir: &WorkDir, name: &str, begin: &str, mib: u64) {
    let mut file = File::create(dir.path(name)).unwrap();
    file.write_all(begin.as_bytes()).unwrap();
    file.set_len(mib << 20).unwrap();
}

/// What a terminal would obey, or what turns the direction of writing.
fn steers(letter: char) -> bool {
    let turns = matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}');
    turns || letter.is_control() && letter != '\n'
}

#[test]
fn what_has_no_end_is_given_up() {
    let dir = WorkDir::new("endless");
    for command in ["report", "flame", "diff"] {
        let arguments = [command, "/dev/zero", "/dev/zero"];
        let arguments = if command == "diff" { &arguments[..] } else { &arguments[..2] };
        let run = within(&dir, 256, arguments).ends(3).complains("more than 1024 MiB");
        assert_eq!(run.stdout, "", "{command}");
    }
    dir.write("x.ndjson", make::leaky(4711, 1));
    let run = within(&dir, 512, &["gate", "x.ndjson", "--baseline", "/dev/zero"]).ends(2);
    assert_eq!(run.complains("more than 64 MiB").stdout, "");
    let run = within(&dir, 256, &["report", "x.ndjson", "--suppress", "/dev/zero"]).ends(2);
    assert_eq!(run.complains("more than 16 MiB").stdout, "");
    let run = within(&dir, 256, &["report", "x.ndjson", "--exe", "/dev/zero"]).ends(3);
    assert_eq!(run.complains("no regular file").stdout, "");
}

#[test]
fn a_line_of_hundreds_of_megabytes_is_no_line() {
    let dir = WorkDir::new("long-lines");
    let dump = String::from_utf8(make::leaky(4711, 2)).unwrap();
    long_line(&dir, "junk", "x", 400);
    let run = within(&dir, 256, &["report", "junk"]).ends(3).complains("junk: ");
    assert_eq!(run.stdout, "");
    // Its header is there; what is in the long line is lost, and that is told.
    long_line(&dir, "dump", &dump[..dump.find('\n').unwrap() + 10], 400);
    let run = within(&dir, 256, &["report", "dump"]).ends(0);
    assert!(run.stdout.contains("damaged"), "{run:?}");
    long_line(&dir, "findings", "{\"gleak-findings\":1}\n{", 400);
    let run = within(&dir, 1024, &["report", "findings"]).ends(3).complains("more than 256 MiB");
    assert_eq!(run.stdout, "");
    let go = "goroutine 7 [select]:\nmain.f()\n\t/app/main.go:3 +0x1\n";
    long_line(&dir, "go", go, 400);
    let run = within(&dir, 256, &["report", "go"]).ends(0);
    assert!(run.stdout.contains("in select"), "{run:?}");
}

#[test]
fn counts_that_lie_reserve_nothing() {
    let dir = WorkDir::new("lies");
    let most = u64::MAX;
    let header = format!(
        "{{\"gleak\":1,\"k\":\"header\",\"reason\":\"request\",\"taken_ns\":{most},\"wall_s\":{most},\
         \"lines\":{{\"site\":{most},\"task\":{most},\"object\":{most},\"frame\":{most}}}}}"
    );
    let task =
        "{\"k\":\"task\",\"id\":18446744073709551615,\"kind\":\"task\",\"state\":\"running\"}";
    let end = format!("{{\"k\":\"end\",\"completeness\":{{}},\"lines\":{{\"task\":{most}}}}}");
    dir.write("dump", format!("{header}\n{task}\n{end}\n"));
    let run = within(&dir, 128, &["report", "dump"]).ends(0);
    assert!(run.stdout.contains("missing"), "{run:?}");
    dir.write(
        "findings",
        "{\"gleak-findings\":1}\n{\"k\":\"end\",\"findings\":18446744073709551615}\n",
    );
    within(&dir, 128, &["report", "findings"]).ends(0);
    within(&dir, 128, &["gate", "findings"]).ends(3);
    let profile =
        format!("goroutine profile: total {most}\n{most} @ 0x1\n#\t0x1\tmain.f+0x1\t/a.go:1\n");
    dir.write("profile", profile);
    let run = within(&dir, 1024, &["report", "profile"]).ends(0);
    assert!(run.stdout.contains("missing"), "{run:?}");
    // One more than a number can be.
    dir.write("over", header.replace("18446744073709551615", "18446744073709551616"));
    within(&dir, 128, &["report", "over"]).ends(0);
}

#[test]
fn depth_overflows_no_stack() {
    let dir = WorkDir::new("deep");
    let deep = "[".repeat(1 << 20);
    let object = "{\"a\":".repeat(1 << 18);
    for nested in [&deep, &object] {
        let header = "{\"gleak\":1,\"k\":\"header\",\"reason\":\"request\",\"taken_ns\":1}";
        dir.write("dump", format!("{header}\n{{\"k\":\"task\",\"id\":{nested}\n"));
        let run = dir.gleak(&["report", "dump"]).ends(0);
        assert!(run.stdout.contains("damaged"), "{run:?}");
        dir.write("header", format!("{{\"gleak\":{nested}\n"));
        dir.write("findings", format!("{{\"gleak-findings\":1}}\n{{\"k\":{nested}\n"));
        dir.write("events", format!("{{\"Action\":{nested}\n"));
        for input in ["header", "findings", "events"] {
            let run = dir.gleak(&["report", input]).ends(3).complains(input);
            assert_eq!(run.stdout, "", "{input}");
        }
        dir.write("baseline", format!("{{\"schema\":1,\"entries\":{nested}"));
        dir.gleak(&["gate", "dump", "--baseline", "baseline"]).ends(2).complains("baseline: ");
    }
    let filter = format!("{}name=x", "not ".repeat(20_000));
    let run = dir.gleak(&["report", "dump", "--where", &filter]).ends(2);
    assert!(run.stderr.contains("nested deeper"), "{run:?}");
}

#[test]
fn parents_and_joins_in_circles_are_walked_once() {
    let dir = WorkDir::new("circles");
    let mut dump = String::from(
        "{\"gleak\":1,\"k\":\"header\",\"reason\":\"request\",\"taken_ns\":9}\n\
         {\"k\":\"site\",\"id\":0,\"file\":\"a.rs\",\"line\":1}\n\
         {\"k\":\"spawn\",\"id\":0,\"site\":0,\"entry\":\"a::b\"}\n",
    );
    // Each is the next one's parent, waits for it, and stands there twice; the last one has no spawn.
    for (id, next) in [(1, 2), (2, 3), (3, 1), (4, 4), (4, 1), (5, 99)] {
        dump.push_str(&format!(
            "{{\"k\":\"task\",\"id\":{id},\"kind\":\"task\",\"parent\":{next},\"spawn\":0,\
             \"ancestry\":[0,0,7],\"state\":{{\"waiting\":{{\"reason\":\"join\",\"site\":0,\
             \"since_ns\":18446744073709551615,\"arms\":[{{\"op\":\"join\",\"on\":{{\"task\":{next}}}}}]}}}}}}\n"
        ));
    }
    dir.write("dump", &dump);
    for arguments in [
        &["report", "dump"][..],
        &["report", "dump", "--format", "mermaid"],
        &["report", "dump", "--format", "folded"],
        &["flame", "dump"],
        &["show", "dump", "t1"],
        &["show", "dump", "t4"],
        &["diff", "dump", "dump"],
    ] {
        let run = within(&dir, 256, arguments).ends(0);
        assert!(!run.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn nothing_of_a_dump_reaches_the_terminal_raw() {
    let dir = WorkDir::new("raw");
    dir.write("hostile", make::hostile());
    let mut runs = Vec::new();
    for format in ["text", "json", "md", "junit", "sarif", "gitlab", "github", "mermaid", "dot"] {
        runs.push(dir.gleak(&["report", "hostile", "--format", format]).ends(0));
        runs.push(dir.gleak(&["diff", "hostile", "hostile"]).ends(0));
    }
    for format in ["folded", "speedscope"] {
        runs.push(dir.gleak(&["report", "hostile", "--format", format]).ends(0));
    }
    for id in ["t1", "#1", "finding 1", "1"] {
        runs.push(dir.gleak(&["show", "hostile", id]));
    }
    for format in ["text", "json", "md", "junit", "sarif", "gitlab", "github"] {
        runs.push(dir.gleak(&["gate", "hostile", "--format", format]).ends(1));
    }
    let name = "\x1b[31m\u{202e}\u{9b}2J\nx";
    dir.write("suppress", format!("name={name} because x\n{name}\n"));
    for arguments in [
        &["report", name][..],
        &["report", "hostile", "--where", name],
        &["report", "hostile", "--where", &format!("name={name}")],
        &["report", "hostile", "--group-by", name],
        &["report", "hostile", "--suppress", "suppress"],
        &["show", "hostile", name],
        &["explain", name],
    ] {
        runs.push(dir.gleak(arguments));
    }
    for run in runs {
        for text in [&run.stdout, &run.stderr] {
            assert_eq!(text.find(steers), None, "{run:#?}");
        }
    }
}

#[test]
fn line_ends_and_marks_of_other_systems_change_nothing() {
    let dir = WorkDir::new("line-ends");
    let text = String::from_utf8(make::deadlocked()).unwrap();
    let answer = |bytes: &str| {
        dir.write("x", bytes);
        dir.gleak(&["report", "x"]).ends(0).quiet().stdout
    };
    let wanted = answer(&text);
    assert_eq!(answer(&text.replace('\n', "\r\n")), wanted);
    assert_eq!(answer(&text.replace('\n', "\n\n  \n")), wanted);
}

#[test]
fn a_pipe_with_a_name_is_read_as_a_file() {
    let dir = WorkDir::new("named-pipe");
    let made = Command::new("mkfifo").arg(dir.path("pipe")).status().unwrap();
    assert!(made.success());
    let pipe = dir.path("pipe");
    let writer = std::thread::spawn(move || fs::write(pipe, make::leaky(4711, 3)));
    let run = dir.gleak(&["report", "pipe"]).ends(0).quiet();
    assert!(run.stdout.contains("3 tasks"), "{run:?}");
    writer.join().unwrap().unwrap();
}
