//! A flame graph as a part of a page: the boxes of the picture alone.
//!
//! Invariants:
//! 1. It has no script, no style, no id and no prefix: a page's policy, looks and links are the page's own.
//! 2. Bounded: where there are many different stacks, the rare ones are put together.
//! 3. Every box names its frame and its number as a tooltip; labels are cut to their boxes beforehand.

use std::collections::BTreeMap;
use std::io;

use gleak_detector::profile::Part;

use crate::picture::{Line, Picture, WIDTH};
use crate::plain::counted;

/// Different stacks that are drawn; fewer where these are deep.
const STACKS: usize = 400;
/// Bytes of the picture.
const LARGEST: usize = 500_000;
/// Letters of a frame.
const FRAME: usize = 160;
/// The margin that the picture has at its sides.
const MARGIN: usize = 10;

/// The picture of these stacks as an `svg` element, the root on top.
pub(crate) fn inlined(stacks: &[Line], parts: &BTreeMap<String, Part>) -> io::Result<String> {
    let short: Vec<String> = stacks.iter().map(shortened).collect();
    let cut = |frame: &String| frame.chars().take(FRAME).collect();
    let parts = parts.iter().map(|(frame, part)| (cut(frame), *part)).collect();
    let mut most = STACKS;
    loop {
        let drawn = boxes(&fewest(&short, most), &parts)?;
        if drawn.len() <= LARGEST || most <= 1 {
            return Ok(drawn);
        }
        most /= 2;
    }
}

fn shortened(line: &Line) -> String {
    let Line { stack, count, .. } = line;
    let frames: Vec<String> =
        stack.split(';').map(|frame| frame.chars().take(FRAME).collect()).collect();
    format!("{} {count}", frames.join(";"))
}

/// The stacks with the most tasks; the others as one that says how many they are.
fn fewest(stacks: &[String], most: usize) -> Vec<String> {
    let mut merged: BTreeMap<&str, u64> = BTreeMap::new();
    for (stack, count) in stacks.iter().filter_map(|line| line.rsplit_once(' ')) {
        *merged.entry(stack).or_default() += count.parse::<u64>().unwrap_or(0);
    }
    let mut sorted: Vec<(&str, u64)> = merged.into_iter().collect();
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rare = sorted.split_off(most.min(sorted.len()));
    let mut lines: Vec<String> =
        sorted.iter().map(|(stack, count)| format!("{stack} {count}")).collect();
    if let Some((first, _)) = rare.first() {
        let root = first.split(';').next().unwrap_or_default();
        let tasks: u64 = rare.iter().map(|(_, count)| count).sum();
        let others = counted(rare.len() as u64, "rarer stack");
        lines.push(format!("{root};{others} {tasks}"));
    }
    lines
}

fn boxes(stacks: &[String], parts: &BTreeMap<String, Part>) -> io::Result<String> {
    let line = |text: &String| {
        let (stack, count) = text.rsplit_once(' ')?;
        Some(Line { stack: stack.to_owned(), count: count.parse().ok()?, before: None })
    };
    let lines: Vec<Line> = stacks.iter().filter_map(line).collect();
    let picture = Picture {
        lines: &lines,
        parts,
        unit: "tasks",
        title: "",
        subtitle: "",
        icicle: true,
        reverse: false,
    };
    let svg = String::from_utf8_lossy(&picture.draw()?).into_owned();
    let frames = svg.split_once("<svg id=\"frames\"").and_then(|(_, rest)| rest.split_once('>'));
    let frames = frames.and_then(|(_, rest)| rest.split_once("</svg>")).map_or("", |it| it.0);
    // The bar that stands for all programs: there is one, and it has a box of its own.
    let stands_for_all = |it: &&str| it.contains("<title>all (") && it.contains(", 100%)</title>");
    let frames: String = frames.split_inclusive("</g>").filter(|it| !stands_for_all(it)).collect();
    let tops: Vec<usize> = rects(&frames).filter_map(|rect| whole(rect, "y")).collect();
    let height = rects(&frames).find_map(|rect| whole(rect, "height")).unwrap_or(0);
    let (top, bottom) = (tops.iter().min(), tops.iter().max());
    let (top, bottom) = (top.copied().unwrap_or(0), bottom.copied().unwrap_or(0) + height);
    let (width, height) = (WIDTH - 2 * MARGIN, bottom - top + 1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"flames\" width=\"{width}\" \
         height=\"{height}\" viewBox=\"0 {top} {width} {height}\">"
    );
    bare(&frames, &mut out);
    out.push_str("</svg>\n");
    Ok(out)
}

fn rects(frames: &str) -> impl Iterator<Item = &str> {
    frames.split("<rect ").skip(1).filter_map(|rest| rest.split('>').next())
}

fn whole(tag: &str, name: &str) -> Option<usize> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    rest.split('"').next()?.parse().ok()
}

/// The frames without what only a script reads, and without labels that had no room.
fn bare(frames: &str, out: &mut String) {
    let mut label: Option<&str> = None;
    for piece in frames.split_inclusive('>') {
        // Text has no `<` in it, as XML wants it.
        let (text, tag) = piece.split_at(piece.find('<').unwrap_or(piece.len()));
        if let Some(open) = label.take() {
            if text.is_empty() {
                continue;
            }
            own_attributes(open, out);
        }
        out.push_str(text);
        if tag.starts_with("<text ") {
            label = Some(tag);
        } else {
            own_attributes(tag, out);
        }
    }
}

/// The tag without attributes that have a prefix.
fn own_attributes(tag: &str, out: &mut String) {
    let mut first = true;
    for part in tag.split(" fg:") {
        if first {
            out.push_str(part);
        } else if let Some((_, rest)) = part.split_once('"').and_then(|it| it.1.split_once('"')) {
            out.push_str(rest);
        }
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stack: &str, count: u64) -> Line {
        Line { stack: stack.to_owned(), count, before: None }
    }

    #[test]
    fn boxes_alone_are_taken() {
        let svg = [line("app;a <b> fg:x=\"1\";receive", 2), line("app;c;send", 1)];
        let svg = inlined(&svg, &BTreeMap::new()).unwrap();
        for absent in ["<script", "<style", " id=", "onload", "xlink", "<!--", "></text>"] {
            assert!(!svg.contains(absent), "{absent}: {svg}");
        }
        assert_eq!(svg.matches("<rect ").count(), 5, "{svg}");
        assert!(svg.contains("<title>app (3 tasks, 100.00%)</title>"), "{svg}");
        assert!(
            svg.contains("<title>a &lt;b&gt; fg:x=&quot;1&quot; (2 tasks, 66.67%)</title>"),
            "{svg}"
        );
        assert_eq!(svg.matches(" fg:").count(), 2, "only in a name: {svg}");
    }

    #[test]
    fn rare_stacks_are_put_together() {
        let many: Vec<String> =
            (0..2_000).map(|n| format!("app;f{n};receive {}", 1 + n % 7)).collect();
        let all: u64 = (0..2_000).map(|n| 1 + n % 7).sum();
        let few = fewest(&many, 400);
        assert_eq!(few.len(), 401);
        let sum = |line: &String| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap();
        assert_eq!(few.iter().map(sum).sum::<u64>(), all);
        assert!(few[400].starts_with("app;1 600 rarer stacks "), "{}", few[400]);
    }

    #[test]
    fn it_is_bounded() {
        let deep = |n: usize| {
            let frames: Vec<String> =
                (0..60).map(|at| format!("{n}{at}{}", "x".repeat(300))).collect();
            line(&frames.join(";"), 1)
        };
        let svg = inlined(&(0..900).map(deep).collect::<Vec<_>>(), &BTreeMap::new()).unwrap();
        assert!(svg.len() <= LARGEST, "{}", svg.len());
    }
}
