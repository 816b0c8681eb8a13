//! A picture in Mermaid, which GitHub and GitLab draw in Markdown.
//!
//! Invariant: every text stands between quotes, and holds letters, digits and little else as they are;
//! all other characters are written by their number, so that none is syntax.

use std::fmt::Write as _;

use super::picture::{Kind, Means, Picture};
use crate::Report;
use crate::words::count;

/// The wait-for picture of a report's findings, for Mermaid.
#[must_use]
pub fn mermaid(report: &Report) -> String {
    draw(&Picture::of_report(report))
}

pub(super) fn draw(picture: &Picture) -> String {
    let mut out = String::from("flowchart LR\n");
    // Writing to a string does not fail, here and below.
    for (at, frame) in picture.frames.iter().enumerate() {
        let _ = writeln!(out, "  subgraph f{at}[\"{}\"]", text(&frame.title));
        for node in &frame.nodes {
            let lines: Vec<String> = node.lines.iter().map(|line| text(line)).collect();
            let (opens, closes, class) = match node.kind {
                Kind::Task => ("[", "]", ""),
                Kind::Stuck => ("[", "]", ":::stuck"),
                Kind::Object => ("([", "])", ""),
                Kind::Behind => ("[", "]", ":::behind"),
            };
            let lines = lines.join("<br/>");
            let _ = writeln!(out, "    n{}{opens}\"{lines}\"{closes}{class}", node.id);
        }
        for arrow in &frame.arrows {
            let line = match arrow.means {
                Means::Wants => "-.->",
                Means::HeldBy => "-->",
            };
            let (from, to) = (arrow.from, arrow.to);
            let _ = writeln!(out, "    n{from} {line}|\"{}\"| n{to}", text(&arrow.text));
        }
        out.push_str("  end\n");
    }
    if picture.is_empty() {
        let _ = writeln!(out, "  nothing[\"{}\"]", text(&picture.caption));
    }
    if picture.more > 0 {
        let _ = writeln!(out, "  more[\"and {}\"]", count(picture.more, "more finding"));
    }
    if picture.frames.iter().flat_map(|frame| &frame.nodes).any(|node| node.kind == Kind::Stuck) {
        out.push_str("  classDef stuck stroke:#c00,stroke-width:3px\n");
    }
    if picture.frames.iter().flat_map(|frame| &frame.nodes).any(|node| node.kind == Kind::Behind) {
        out.push_str("  classDef behind stroke-dasharray:4 4\n");
    }
    out
}

fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            ' ' | '.' | ',' | ':' | '/' | '-' | '_' | '(' | ')' => out.push(letter),
            letter if letter.is_alphanumeric() => out.push(letter),
            letter => {
                let _ = write!(out, "#{};", u32::from(letter));
            }
        }
    }
    out
}
