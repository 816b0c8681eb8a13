//! What has to hold of an answer, whatever it was made of.

use serde::de::IgnoredAny;

use super::xml;
use crate::args::ReportFormat;
use crate::{go, input};

/// Nothing in it steers a terminal or turns the direction of writing.
pub(super) fn plain(text: &str) {
    let steers = |letter: char| {
        let turns = matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}');
        turns || letter.is_control() && letter != '\n'
    };
    if let Some(at) = text.find(steers) {
        let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
        panic!("a character that steers in {:?}", text[begin..].lines().next());
    }
}

/// One line of complaint.
pub(super) fn complaint(text: &str) {
    plain(text);
    assert!(!text.is_empty() && !text.contains('\n'), "no line: {text:?}");
}

/// A report in a format.
pub(super) fn report(format: ReportFormat, bytes: &[u8]) {
    if format == ReportFormat::Pprof {
        return profile(bytes);
    }
    let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{error}"));
    // A text of a Go program has tabs.
    plain(&if format == ReportFormat::Go { text.replace('\t', " ") } else { text.to_owned() });
    match format {
        ReportFormat::Json
        | ReportFormat::Sarif
        | ReportFormat::Gitlab
        | ReportFormat::Speedscope => json(text),
        ReportFormat::Junit => xml::well_formed(text),
        ReportFormat::Github => {
            let is_ours = |line: &str| line.starts_with("::") || line.starts_with("gleak: ");
            assert!(text.lines().all(is_ours), "somebody else's command: {text}");
        }
        ReportFormat::Folded => folded(text),
        ReportFormat::Svg => picture(bytes),
        ReportFormat::Go => {
            go::read(&mut &bytes[..], "text").expect("memory reads");
        }
        ReportFormat::Text
        | ReportFormat::Md
        | ReportFormat::Dot
        | ReportFormat::Mermaid
        | ReportFormat::Html
        | ReportFormat::Pprof => {}
    }
}

/// A profile that can be unpacked, if not empty of tasks.
fn profile(bytes: &[u8]) {
    let read = input::recognise(&mut &bytes[..], "profile");
    assert!(read.is_ok(), "no profile: {:?}", read.err());
}

/// One whole document.
pub(super) fn json(text: &str) {
    plain(text);
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        panic!("no JSON, {error}: {text}");
    }
}

/// A stack and a number in each line.
pub(super) fn folded(text: &str) {
    plain(text);
    let is_number = |count: &str| count.parse::<u64>().is_ok();
    let fits = |line: &str| line.rsplit_once(' ').is_some_and(|(_, count)| is_number(count));
    assert!(text.lines().all(fits), "no stack with a number: {text}");
}

/// A picture as XML.
pub(super) fn picture(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{error}"));
    xml::well_formed(text);
    assert!(text.contains("<svg"), "no picture: {text}");
}
