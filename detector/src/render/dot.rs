//! A picture in DOT, for Graphviz.
//!
//! Invariant: every text stands between double quotes, in which only the quote and the backslash mean
//! something; both are escaped.

use std::fmt::Write as _;

use super::picture::{Kind, Means, Picture};
use crate::Report;
use crate::words::count;

const HEAD: &str = "\
digraph gleak {
  graph [fontname=\"sans-serif\", rankdir=LR];
  node [fontname=\"sans-serif\", shape=box];
  edge [fontname=\"sans-serif\", fontsize=10];
";

/// The wait-for picture of a report's findings, for Graphviz.
#[must_use]
pub fn dot(report: &Report) -> String {
    draw(&Picture::of_report(report))
}

fn draw(picture: &Picture) -> String {
    let mut out = HEAD.to_owned();
    // Writing to a string does not fail, here and below.
    for (at, frame) in picture.frames.iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_{at} {{");
        let _ = writeln!(out, "    label={};", quoted(std::slice::from_ref(&frame.title)));
        for node in &frame.nodes {
            let look = match node.kind {
                Kind::Task => "",
                Kind::Stuck => ", color=\"#cc0000\", penwidth=2",
                Kind::Object => ", shape=ellipse",
                Kind::Behind => ", style=dashed",
            };
            let _ = writeln!(out, "    n{} [label={}{look}];", node.id, quoted(&node.lines));
        }
        for arrow in &frame.arrows {
            let look = match arrow.means {
                Means::Wants => ", style=dashed",
                Means::HeldBy => "",
            };
            let text = quoted(std::slice::from_ref(&arrow.text));
            let _ = writeln!(out, "    n{} -> n{} [label={text}{look}];", arrow.from, arrow.to);
        }
        out.push_str("  }\n");
    }
    if picture.is_empty() {
        let caption = quoted(std::slice::from_ref(&picture.caption));
        let _ = writeln!(out, "  nothing [label={caption}, shape=plaintext];");
    }
    if picture.more > 0 {
        let more = count(picture.more, "more finding");
        let _ = writeln!(out, "  more [label=\"and {more}\", shape=plaintext];");
    }
    out.push_str("}\n");
    out
}

/// Lines of one text.
fn quoted(lines: &[String]) -> String {
    let lines: Vec<String> =
        lines.iter().map(|line| line.replace('\\', "\\\\").replace('"', "\\\"")).collect();
    format!("\"{}\"", lines.join("\\n"))
}
