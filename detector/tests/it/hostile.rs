//! Names that try to break terminals and languages, through every format.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::OnceLock;

use gleak_detector::Report;
use gleak_detector::profile::Chosen;
use gleak_detector::render::{self, ListFormat, Listing, TextOptions};
use gleak_detector::snapshot::{Arm, Snapshot, SnapshotBuilder, TaskId, WaitOp, WaitReason};
use proptest::prelude::*;
use quick_xml::events::Event;
use serde_json::Value;

use crate::formats::{DRAWN, LISTS, TOLD};
use crate::support::process;

pub(crate) const NAMES: [&str; 10] = [
    "\u{1b}[31mred\u{1b}]0;owned\u{7}",
    "a\u{1}b\u{0}c\u{7f}\u{9b}2J\u{fffe}\u{ffff}",
    "[u8; 4];<b>&amp;</failure>]]><script>alert('x')</script>",
    "\"quoted\" 'single' `ticks` ```\\",
    "new\nline\r\n::error::owned\n##[error]owned\n```\n</details>",
    "\u{202e}gnirts\u{61c}\u{2066}\u{200f}\u{feff}",
    "| a | b |\n| - | - |\n[x](javascript:y) <img src=x> @all #1 $x$ ~~z~~",
    "end; subgraph x; n0 --> n1 %% click n0 \"javascript:y\" :::stuck",
    "%0A%25::set-env name=X::y, title=z",
    "",
];

/// Every name in every place where a program puts one, in findings of several rules.
fn snapshot(name: &str) -> Snapshot {
    let mut b = SnapshotBuilder::new();
    b.taken_at(9_000_000);
    b.header_mut().program = name.to_owned();
    let region = b.region(name);
    let place = format!("{name}:9");
    let (first, second) = (b.mutex(&place), b.mutex(&place));
    for lock in [first, second] {
        b.object_mut(lock).name = Some(name.to_owned());
    }
    let here = b.task(&place, name).region(region).name(name).locks(second, &place).id();
    let there = b.task(&place, name).region(region).name(name).locks(first, &place).id();
    b.owns(first, here, &place, 0);
    b.owns(second, there, &place, 0);
    let _ = b.task(&place, name).name(name).locks(first, &place).id();
    let never = [Arm::never(WaitOp::Receive)];
    let parent = b.task(&place, name).running().id();
    let child = b.task(&place, name).parent(parent).name(name);
    let _ = child.waits(WaitReason::Receive, &never, &place).id();
    b.panic(TaskId(99), &place, name, name).name = Some(name.to_owned());
    b.build()
}

pub(crate) fn report(name: &str) -> Report {
    let mut report = process(&snapshot(name));
    for finding in &mut report.findings {
        finding.facts.push(name.to_owned());
        finding.regions.push(name.to_owned());
        finding.because.push_str(name);
        finding.fingerprint.0.push_str(name);
    }
    report
}

fn all(name: &str) -> Vec<Output> {
    let report = report(name);
    assert!(report.findings.len() >= 3, "{:?}", report.findings);
    let list = |(format, end): (ListFormat, _)| {
        (end, render::list(&Listing::of_reports("gleak report", &[&report]), format))
    };
    let drawn = DRAWN.map(|(draw, end)| (end, draw(&report)));
    let (snapshot, chosen) = (snapshot(name), Chosen::of(&report));
    let told = TOLD.map(|(tell, end)| (end, tell(&snapshot, &chosen)));
    let json = [("json", render::json(&report)), ("text", render::text(&report, &text()))];
    LISTS.map(list).into_iter().chain(drawn).chain(told).chain(json).collect()
}

fn text() -> TextOptions {
    TextOptions { group_stacks: true, ..TextOptions::default() }
}

/// A format, and what it made of a name.
type Output = (&'static str, String);

/// Every name with all that is made of it; made once.
fn outputs() -> &'static [(String, Vec<Output>)] {
    static OUTPUTS: OnceLock<Vec<(String, Vec<Output>)>> = OnceLock::new();
    OUTPUTS.get_or_init(|| {
        let long = ["x".repeat(20_000), "a b ".repeat(5_000), "ö<\"".repeat(5_000)];
        let names = NAMES.map(str::to_owned).into_iter().chain(long);
        names.map(|name| (name.clone(), all(&name))).collect()
    })
}

/// What a format of ours has besides names: places of a Go dump stand behind a tab.
fn without_layout(text: &str) -> String {
    text.replace("\n\t", "\n")
}

/// What one format made of every name.
fn outputs_of(format: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = outputs().iter().flat_map(|(name, all)| all.iter().map(move |it| (name, it)));
    all.filter(move |(_, (end, _))| *end == format).map(|(name, (_, text))| (&name[..], &text[..]))
}

/// What a terminal would obey, or what turns the direction of writing.
pub(crate) fn steers(letter: char) -> bool {
    let turns = matches!(letter,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    turns || letter.is_control() && letter != '\n'
}

#[test]
fn nothing_steers_a_terminal() {
    for (name, all) in outputs() {
        for (end, text) in all {
            assert_eq!(without_layout(text).find(steers), None, "{end} of {name:.40?}");
        }
    }
}

#[test]
fn json_and_xml_are_read_back() {
    for (name, all) in outputs() {
        for (end, text) in all {
            match *end {
                "sarif" | "gitlab.json" | "speedscope.json" => {
                    serde_json::from_str::<Value>(text).unwrap();
                }
                "json" => {
                    let read: Report = serde_json::from_str(text).unwrap();
                    assert!(read == report(name), "{name:.40?}");
                }
                "xml" => assert_eq!(elements(text), 1 + 1 + 3, "{name:.40?}"),
                _ => {}
            }
        }
    }
}

/// Reads the whole document; the number of suites and cases.
fn elements(text: &str) -> usize {
    let is_character = |letter: char| letter >= ' ' || letter == '\n';
    assert!(text.chars().all(|it| is_character(it) && !matches!(it, '\u{fffe}' | '\u{ffff}')));
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut open = 0_usize;
    let mut found = 0;
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::Start(tag) => {
                open += 1;
                tag.attributes().for_each(|attribute| {
                    let value = attribute.unwrap().value;
                    let value = std::str::from_utf8(&value).unwrap();
                    quick_xml::escape::unescape(value).unwrap();
                    assert!(!value.contains('<'), "{value:.60}");
                });
                let name = tag.name();
                found += usize::from(matches!(name.as_ref(), b"testsuite" | b"testcase"));
            }
            Event::End(_) => open -= 1,
            Event::Text(text) => {
                let text = text.decode().unwrap();
                assert!(!text.contains("]]>"), "{text:.60}");
            }
            Event::GeneralRef(_) | Event::Empty(_) | Event::Decl(_) => {}
            other @ (Event::CData(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_)) => {
                panic!("{other:?}")
            }
        }
    }
    assert_eq!(open, 0);
    found
}

#[test]
fn a_command_of_github_is_one_line_that_only_we_begin() {
    for (name, github) in outputs_of("github") {
        assert!(!github.contains("##["), "{name:.40?}");
        let (commands, others): (Vec<&str>, Vec<&str>) =
            github.lines().partition(|line| line.starts_with("::"));
        assert_eq!((commands.len(), others.len()), (3, 1), "{github:.900}");
        assert!(!others[0].trim_start().starts_with("::"), "{github:.900}");
        for command in commands {
            let (head, _) = command[2..].split_once("::").unwrap();
            let (word, properties) = head.split_once(' ').unwrap();
            assert!(matches!(word, "error" | "warning" | "notice"), "{head:.80}");
            let names: Vec<&str> =
                properties.split(',').map(|it| it.split_once('=').unwrap().0).collect();
            assert_eq!(names, ["file", "line", "col", "title"], "{head:.200}");
            assert!(!properties.contains(':'), "{head:.200}");
        }
    }
}

#[test]
fn folded_stacks_have_as_many_frames_as_they_say() {
    for (_, folded) in outputs_of("folded") {
        for line in folded.lines() {
            let (stack, tasks) = line.rsplit_once(' ').unwrap();
            assert!(tasks.parse::<u64>().unwrap() > 0);
            // Program, task, place and what it waits for; a test or an ancestor before the task.
            assert!((3..=5).contains(&stack.split(';').count()), "{line:.200}");
        }
    }
}

/// Both languages of pictures are written a statement a line, each with its texts between quotes.
#[test]
fn pictures_have_no_statement_that_is_not_ours() {
    outputs_of("mmd").flat_map(|(_, text)| text.lines()).for_each(mermaid);
    outputs_of("dot").flat_map(|(_, text)| text.lines()).for_each(dot);
    for (_, md) in outputs_of("md") {
        let picture = md.split("```mermaid\n").nth(1).unwrap();
        picture.split("```\n").next().unwrap().lines().for_each(mermaid);
    }
}

fn mermaid(line: &str) {
    let mut parts = line.split('"');
    let shape: String = parts.by_ref().step_by(2).collect();
    let ours = |letter: char| letter.is_ascii_alphanumeric() || " -.>|[]():,#".contains(letter);
    assert!(shape.chars().all(ours), "{line:.200}");
    assert!(matches!(line.matches('"').count(), 0 | 2), "{line:.200}");
    let text = line.split('"').nth(1).unwrap_or_default().replace("<br/>", " ");
    for (at, part) in text.split('#').enumerate() {
        let number = part.split_once(';').map(|(number, _)| number);
        let entity = number.is_some_and(|it| it.parse::<u32>().is_ok());
        assert!(at == 0 || entity, "{line:.200}");
        let rest = if at == 0 { part } else { part.split_once(';').unwrap().1 };
        let plain = |letter: char| letter.is_alphanumeric() || " .,:/-_()".contains(letter);
        assert!(rest.chars().all(plain), "{line:.200}");
    }
}

fn dot(line: &str) {
    let (mut outside, mut quoted, mut escaped) = (String::new(), false, false);
    for letter in line.chars() {
        match letter {
            '"' if !escaped => quoted = !quoted,
            _ if quoted => escaped = letter == '\\' && !escaped,
            _ => outside.push(letter),
        }
        if letter == '"' {
            escaped = false;
        }
    }
    assert!(!quoted, "{line:.200}");
    let ours = |letter: char| letter.is_ascii_alphanumeric() || " {}[]=,;->_-".contains(letter);
    assert!(outside.chars().all(ours), "{line:.200}");
}

#[test]
fn markdown_shows_names_and_obeys_none() {
    for (name, md) in outputs_of("md") {
        let table: Vec<&str> = md.lines().filter(|line| line.starts_with("| ")).collect();
        assert_eq!(table.len(), 1 + 1 + 3, "{name:.40?}");
        for row in table {
            // Cells end at bars that nothing escapes.
            let row = row.replace("\\\\", "");
            let bars = row.match_indices('|').filter(|(at, _)| !row[..*at].ends_with('\\'));
            assert_eq!(bars.count(), 7, "{row:.300}");
        }
        // A text ends at its fence, which is longer than any run of backticks in it.
        for details in md.split("</summary>\n\n").skip(1) {
            let fence = &details[..details.find("text\n").unwrap()];
            assert!(fence.len() >= 3 && fence.bytes().all(|byte| byte == b'`'), "{details:.80}");
            let text = details.split("\n\n</details>\n").next().unwrap();
            let text = text[fence.len()..].strip_suffix(fence).unwrap();
            assert!(!text.contains(fence), "{details:.300}");
        }
        let outside: Vec<&str> = md.split("```").step_by(2).collect();
        for text in outside {
            let tag = |line: &str| {
                line.match_indices('<').any(|(at, _)| {
                    let ours = ["<details>", "<summary>", "</summary>", "</details>"];
                    !line[..at].ends_with('\\')
                        && !ours.iter().any(|tag| line[at..].starts_with(tag))
                })
            };
            assert_eq!(text.lines().find(|line| tag(line)), None, "{name:.40?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_name_breaks_a_format(letters in proptest::collection::vec(any::<char>(), 0..40)) {
        let name: String = letters.into_iter().collect();
        for (end, text) in all(&name) {
            prop_assert_eq!(without_layout(&text).find(steers), None, "{}", end);
            match end {
                "sarif" | "gitlab.json" | "speedscope.json" | "json" => {
                    prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", end);
                }
                "xml" => prop_assert_eq!(elements(&text), 1 + 1 + 3),
                "mmd" => text.lines().for_each(mermaid),
                "dot" => text.lines().for_each(dot),
                _ => {}
            }
        }
    }
}
