//! Which source lines are shown beside a report, and which never.

use std::cell::RefCell;

use gleak_detector::render::{self, TextOptions};
use gleak_detector::snapshot::{Arm, SnapshotBuilder, WaitOp, WaitReason};
use gleak_detector::{Report, SourceLines};

use crate::support::{process, stack};

const TEXT: &str = "fn work(jobs: &Jobs) {\n    loop {\n        let job = jobs.recv();\n    }\n}\n";
/// Of `recv` in it.
const PLACE: &str = "src/pool.rs:3:24";

/// One task that can never go on, at this place.
fn stuck(place: &str) -> Report {
    stuck_on(place, &[])
}

/// As [`stuck`], with a stack.
fn stuck_on(place: &str, frames: &[&str]) -> Report {
    let mut b = SnapshotBuilder::new();
    let never = [Arm::never(WaitOp::Receive)];
    let _ = b.task("src/main.rs:1", "app::work").waits(WaitReason::Receive, &never, place).id();
    let mut snapshot = b.build();
    if !frames.is_empty() {
        let id = stack(&mut snapshot, frames);
        snapshot.tasks[0].backtrace = Some(id);
    }
    let report = process(&snapshot);
    assert_eq!(report.findings.len(), 1);
    report
}

fn folders(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// What is told with these lines that is not told without: without the indent.
fn shown(report: &Report, sources: SourceLines) -> Vec<String> {
    let bare = render::text(report, &TextOptions::default());
    let text = render::text(report, &TextOptions { sources, ..TextOptions::default() });
    let more: Vec<&str> = text.lines().filter(|line| !bare.lines().any(|it| it == *line)).collect();
    let margin = |line: &str| line.len() - line.trim_start().len();
    let cut = more.iter().map(|line| margin(line)).min().unwrap_or(0);
    more.iter().map(|line| line[cut..].to_owned()).collect()
}

/// What is shown of a text at a place.
fn of(text: &[u8], place: &str) -> Vec<String> {
    let report = stuck(place);
    let sources = SourceLines::of(&report, &folders(&["/ws"]), |path| {
        (path == "/ws/src/pool.rs").then(|| text.to_vec())
    });
    shown(&report, sources)
}

#[test]
fn a_line_the_one_before_it_and_a_mark() {
    let expected = ["2 | loop {", "3 |     let job = jobs.recv();", "                       ^^^^"];
    assert_eq!(of(TEXT.as_bytes(), PLACE), expected);
    assert_eq!(of(TEXT.replace('\n', "\r\n").as_bytes(), PLACE), expected);
    assert_eq!(of(TEXT.replace("    ", "\t").as_bytes(), "src/pool.rs:3:18"), expected);
    // Nothing is before the first line, and a blank one says nothing.
    assert_eq!(of(b"recv();", "src/pool.rs:1:1"), ["1 | recv();", "    ^^^^"]);
    assert_eq!(of(b"\n\n  recv();", "src/pool.rs:3:3"), ["3 | recv();", "    ^^^^"]);
    // Without a column the whole line is meant.
    assert_eq!(of(b"\n  a(b)", "src/pool.rs:2:0"), ["2 | a(b)", "    ^^^^"]);
    // What is no name has a mark as well.
    assert_eq!(of(b"(a)()", "src/pool.rs:1:1"), ["1 | (a)()", "    ^"]);
}

#[test]
fn columns_count_letters() {
    assert_eq!(
        of("größe.µ.recv()".as_bytes(), "src/pool.rs:1:9"),
        ["1 | größe.µ.recv()", "            ^^^^"]
    );
}

#[test]
fn a_place_that_is_not_in_the_text_is_not_shown() {
    for place in ["src/pool.rs:3:9000", "src/pool.rs:3:5", "src/pool.rs:900:1", "src/pool.rs:0:0"] {
        assert_eq!(of(TEXT.as_bytes(), place), [""; 0], "{place}");
    }
    assert_eq!(of(b"", PLACE), [""; 0]);
    // A blank line: another text.
    assert_eq!(of(b"a\n\nb", "src/pool.rs:2:0"), [""; 0]);
}

#[test]
fn nothing_of_a_text_acts_on_a_terminal() {
    let hostile =
        b"\x1b[2J\x07a\x9b1m\xe2\x80\xae\n\x1b]0;t\x07 b(\x1b[31m\xff\x00\xe2\x80\xa8);\r\x0b";
    let report = stuck("src/pool.rs:2:0");
    let sources = SourceLines::of(&report, &folders(&["/ws"]), |_| Some(hostile.to_vec()));
    for width in [40, 41, 60, 100, 300] {
        let options = TextOptions { width, sources: sources.clone(), ..TextOptions::default() };
        let text = render::text(&report, &options);
        assert!(text.contains("2 | "), "{text}");
        let acts = |letter: char| {
            letter.is_control() && letter != '\n' || "\u{202e}\u{2028}".contains(letter)
        };
        assert!(!text.contains(acts), "{text:?}");
        let source = text.lines().filter(|line| line.contains(" | ") || line.contains('^'));
        assert!(
            source.clone().count() == 3 && source.into_iter().all(|it| it.chars().count() <= width)
        );
    }
}

#[test]
fn any_text_and_any_column_keep_to_the_width() {
    let pieces =
        ["a", "_b9", " ", "\t", "ß", "\u{3000}", "\u{202e}", "\u{1b}", "(", "é\u{301}", "\u{7f}"];
    let mut state = 1_u32;
    let mut next = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let mut shown = 0;
    for _ in 0..2_000 {
        let mut line = || (0..next(60)).map(|_| pieces[next(pieces.len())]).collect::<String>();
        let text = format!("{}\n{}", line(), line());
        let report = stuck(&format!("src/pool.rs:2:{}", next(70)));
        let sources = SourceLines::of(&report, &folders(&["/ws"]), |_| Some(text.clone().into()));
        shown += usize::from(sources != SourceLines::default());
        let width = 40 + next(60);
        let said = render::text(&report, &TextOptions { width, sources, ..TextOptions::default() });
        let source = |line: &&str| line.contains(" | ") || line.contains('^');
        let narrow = |line: &str| line.chars().count() <= width;
        assert!(said.lines().filter(source).all(narrow), "{width}: {text:?}\n{said}");
    }
    assert!(shown > 500, "{shown}");
}

#[test]
fn lines_that_nobody_wrote_are_not_shown() {
    let long = format!("{}recv();", "a ".repeat(5_000));
    assert_eq!(of(long.as_bytes(), "src/pool.rs:1:10001"), [""; 0]);
}

#[test]
fn only_the_programs_own_files_are_asked_for() {
    let asked = RefCell::new(Vec::new());
    for place in [
        "/cargo/registry/src/index.crates.io-1949cf8c6b5b557f/dep-1.0.0/src/lib.rs:3:24",
        "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/iter.rs:3:24",
        "/etc/passwd:1:1",
        "../../etc/shadow.rs:1:1",
        "src/../../secret.rs:1:1",
        "src//pool.rs:1:1",
        "secret.txt:1:1",
    ] {
        let report = stuck(place);
        let sources = SourceLines::of(&report, &folders(&["/ws"]), |path| {
            asked.borrow_mut().push(path.to_owned());
            None
        });
        assert_eq!(sources, SourceLines::default());
    }
    assert_eq!(*asked.borrow(), [""; 0]);
    let report = stuck("./src/pool.rs:3:24");
    let _ = SourceLines::of(&report, &folders(&["/ws/a", "/ws", "/"]), |path| {
        asked.borrow_mut().push(path.to_owned());
        None
    });
    assert_eq!(*asked.borrow(), ["/ws/a/src/pool.rs", "/ws/src/pool.rs", "/src/pool.rs"]);
}

#[test]
fn of_two_files_neither_is_shown() {
    let report = stuck(PLACE);
    let shown_in = |having: &[&str]| {
        let text = |path: &str| having.contains(&path).then(|| TEXT.into());
        let sources = SourceLines::of(&report, &folders(&["/ws/app", "/ws", "/"]), text);
        shown(&report, sources).len()
    };
    assert_eq!(shown_in(&["/ws/src/pool.rs"]), 3);
    assert_eq!(shown_in(&["/ws/app/src/pool.rs", "/ws/src/pool.rs"]), 0);
}

#[test]
fn the_folder_that_stacks_name_is_the_only_one() {
    let shown_by = |frames: &[&str], having: &str| {
        let report = stuck_on(PLACE, frames);
        let text = |path: &str| (path == having).then(|| TEXT.into());
        let sources = SourceLines::of(&report, &folders(&["/here"]), text);
        shown(&report, sources).len()
    };
    let own = "app::work at /build/app/src/pool.rs:3";
    assert_eq!(shown_by(&[own], "/build/app/src/pool.rs"), 3);
    assert_eq!(shown_by(&[own], "/here/src/pool.rs"), 0);
    assert_eq!(shown_by(&["app::work"], "/here/src/pool.rs"), 3);
    // Another line, or a library that has such a file, names no folder.
    let other = "app::work at /build/app/src/pool.rs:4";
    assert_eq!(shown_by(&[other], "/here/src/pool.rs"), 3);
    let library = "dep::work at /cargo/registry/src/index-1/dep-1.0.0/src/pool.rs:3";
    assert_eq!(shown_by(&[library], "/here/src/pool.rs"), 3);
    // Two folders: one of them is wrong, and nobody knows which.
    let second = "app::work at /build/lib/src/pool.rs:3";
    for having in ["/here/src/pool.rs", "/build/app/src/pool.rs", "/build/lib/src/pool.rs"] {
        assert_eq!(shown_by(&[own, second], having), 0);
    }
}

#[test]
fn few_files_are_read_whatever_a_report_says() {
    let mut b = SnapshotBuilder::new();
    let never = [Arm::never(WaitOp::Receive)];
    for number in 0..400 {
        let place = format!("src/m{number}.rs:3:24");
        let task = b.task(&format!("src/m{number}.rs:1"), "app::work");
        let _ = task.waits(WaitReason::Receive, &never, &place).id();
    }
    let report = process(&b.build());
    assert_eq!(report.findings.len(), 400);
    let read = RefCell::new(0);
    let sources = SourceLines::of(&report, &folders(&["/ws"]), |_| {
        *read.borrow_mut() += 1;
        Some(TEXT.into())
    });
    assert_eq!(*read.borrow(), 16);
    let text = render::text(&report, &TextOptions { sources, ..TextOptions::default() });
    assert_eq!(text.matches("3 |     let job = jobs.recv();").count(), 16);
}

#[test]
fn a_place_is_shown_once() {
    let mut b = SnapshotBuilder::new();
    let never = [Arm::never(WaitOp::Receive)];
    for spawn in ["src/a.rs:1", "src/b.rs:1"] {
        let _ = b.task(spawn, "app::work").waits(WaitReason::Receive, &never, PLACE).id();
    }
    let report = process(&b.build());
    assert_eq!(report.findings.len(), 2);
    let sources = SourceLines::of(&report, &folders(&["/ws"]), |_| Some(TEXT.into()));
    let text = render::text(&report, &TextOptions { sources, ..TextOptions::default() });
    assert_eq!(text.matches("let job = jobs.recv();").count(), 1);
}
