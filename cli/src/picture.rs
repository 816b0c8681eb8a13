//! Stacks of tasks as a flame graph in SVG.
//!
//! Invariants:
//! 1. Always a well-formed picture: names from outside cannot break it, and no task at all is a
//!    picture that says so.
//! 2. The same stacks give the same bytes.
//! 3. Colours mean something, and the same frame has the same colour in every picture.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;

use gleak_detector::profile::{Frame, Part};
use gleak_detector::render::folded_frame;

use inferno::flamegraph::color::{BackgroundColor, Color, PaletteMap};
use inferno::flamegraph::{Direction, Options, TextTruncateDirection, from_lines};

/// Pixels; fixed, so that labels fit their boxes also where scripts are not run.
pub(crate) const WIDTH: usize = 1200;

/// A stack, and how wide it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    /// The root first, `;` between frames.
    pub(crate) stack: String,
    /// Its width.
    pub(crate) count: u64,
    /// What it was in the dump that this one is compared with.
    pub(crate) before: Option<u64>,
}

/// What is drawn.
#[derive(Debug)]
pub(crate) struct Picture<'a> {
    /// The stacks.
    pub(crate) lines: &'a [Line],
    /// Of what the frames are, by their text.
    pub(crate) parts: &'a BTreeMap<String, Part>,
    /// What is counted: `tasks`.
    pub(crate) unit: &'a str,
    /// Words above it.
    pub(crate) title: &'a str,
    /// Words below the title: what the boxes are.
    pub(crate) subtitle: &'a str,
    /// Whether the root is on top.
    pub(crate) icicle: bool,
    /// Whether widths are those of the other dump; colours are of the change from that one all the same.
    pub(crate) reverse: bool,
}

/// Of what each frame is, by its text. The first part counts where two have one text.
pub(crate) fn parts<'f>(frames: impl Iterator<Item = &'f Frame>) -> BTreeMap<String, Part> {
    let mut parts = BTreeMap::new();
    for frame in frames {
        parts.entry(shown(frame)).or_insert(frame.part);
    }
    parts
}

/// A frame as it is written in a line.
pub(crate) fn shown(frame: &Frame) -> String {
    xml_text(folded_frame(frame).trim()).into_owned()
}

impl Picture<'_> {
    /// The SVG.
    pub(crate) fn draw(&self) -> io::Result<Vec<u8>> {
        let width = |line: &Line| if self.reverse { line.before.unwrap_or(0) } else { line.count };
        if self.lines.iter().all(|line| width(line) == 0) {
            return Ok(self.empty().into_bytes());
        }
        let lines: Vec<String> = self.lines.iter().map(|line| self.line(line)).collect();
        let mut palette = palette(self.parts);
        let mut options = Options::default();
        options.title = xml_text(self.title).into_owned();
        options.subtitle = Some(xml_text(self.subtitle).into_owned());
        options.count_name = self.unit.into();
        options.name_type = "".into();
        options.deterministic = true;
        options.hash = true;
        options.negate_differentials = self.reverse;
        options.palette_map = Some(&mut palette);
        let is_compared = self.lines.iter().any(|line| line.before.is_some());
        options.bgcolors = Some(BackgroundColor::Flat(background(is_compared)));
        // A list of fonts would be written as the name of one.
        options.font_type = "monospace".into();
        // A little more than letters are wide, so that labels end in their boxes.
        options.font_width = 0.64;
        options.image_width = Some(WIDTH);
        options.frame_height = 18;
        // As labels are cut where no script runs: the beginning of a name is kept.
        options.text_truncate_direction = TextTruncateDirection::Right;
        options.direction = if self.icicle { Direction::Inverted } else { Direction::Straight };

        let mut svg = Vec::new();
        from_lines(&mut options, lines.iter().map(AsRef::as_ref), &mut svg)?;
        Ok(svg)
    }

    /// As inferno takes it: one count, or that of before in front of it.
    fn line(&self, line: &Line) -> String {
        let Line { stack, count, before } = line;
        match before {
            None => one_count(stack, *count),
            Some(before) if self.reverse => format!("{stack} {count} {before}"),
            Some(before) => format!("{stack} {before} {count}"),
        }
    }

    /// The picture of no task, which inferno has none for.
    fn empty(&self) -> String {
        let (title, middle, unit) = (xml_escaped(self.title), WIDTH / 2, self.unit);
        format!(
            r##"<?xml version="1.0" encoding="utf-8"?>
<svg version="1.1" width="{WIDTH}" height="120" viewBox="0 0 {WIDTH} 120" xmlns="http://www.w3.org/2000/svg">
  <rect width="100%" height="100%" fill="#fafaf8"/>
  <g font-family="Menlo, Consolas, DejaVu Sans Mono, monospace" text-anchor="middle">
    <text x="{middle}" y="32" font-size="17">{title}</text>
    <text x="{middle}" y="80" font-size="14" fill="#666">0 {unit}</text>
  </g>
</svg>
"##
        )
    }
}

/// What has not changed is white.
fn background(is_compared: bool) -> Color {
    if is_compared { Color { r: 214, g: 216, b: 214 } } else { Color { r: 250, g: 250, b: 248 } }
}

/// The colour of a frame: one hue a part, a little lighter by name, dark text readable on all.
fn color(part: Part, frame: &str) -> Color {
    let shade = (hash(frame) % 30) as u8;
    match part {
        Part::Program => Color { r: 214, g: 214, b: 208 },
        Part::Region => Color { r: 190 + shade, g: 172 + shade, b: 218 },
        Part::Ancestor => Color { r: 240, g: 214 + shade, b: 150 + shade },
        Part::Entry => Color { r: 236, g: 184 + shade, b: 96 + shade },
        Part::Call | Part::Place => Color { r: 140 + shade, g: 188 + shade, b: 214 + shade },
        Part::Waiting => Color { r: 238, g: 138 + shade, b: 106 + shade },
        Part::Active => Color { r: 150 + shade, g: 204, b: 138 + shade },
    }
}

fn palette(parts: &BTreeMap<String, Part>) -> PaletteMap {
    let mut palette = PaletteMap::default();
    // The bar below the roots, which stands for all of them and has no name.
    palette.insert("", Color { r: 232, g: 232, b: 227 });
    for (frame, part) in parts {
        palette.insert(frame.as_str(), color(*part, frame));
    }
    palette
}

/// The line with one number at its end. A name that ends in a number would be read as the first
/// count of two.
fn one_count(stack: &str, count: u64) -> String {
    match stack.rsplit_once(' ') {
        Some((head, tail)) if tail.parse::<f64>().is_ok() => {
            format!("{head}\u{a0}{tail} {count}")
        }
        _ => format!("{stack} {count}"),
    }
}

/// FNV-1a: the same in every build.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The text without characters that XML forbids, also when escaped.
fn xml_text(text: &str) -> Cow<'_, str> {
    let forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    if text.contains(forbidden) {
        Cow::Owned(text.replace(forbidden, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

fn xml_escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in xml_text(text).chars() {
        // Writing to a string cannot fail.
        let _ = match c {
            '<' | '>' | '&' | '"' | '\'' => write!(out, "&#{};", u32::from(c)),
            _ => out.write_char(c),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(stacks: &[(&str, u64, Option<u64>)], title: &str, reverse: bool) -> String {
        let line = |&(stack, count, before): &(&str, _, _)| Line {
            stack: xml_text(stack).into_owned(),
            count,
            before,
        };
        let lines: Vec<Line> = stacks.iter().map(line).collect();
        let parts = BTreeMap::new();
        let picture = Picture {
            lines: &lines,
            parts: &parts,
            unit: "tasks",
            title,
            subtitle: "",
            icicle: false,
            reverse,
        };
        String::from_utf8(picture.draw().expect("draws")).expect("UTF-8")
    }

    #[test]
    fn no_task_is_a_picture_too() {
        let svg = draw(&[], "a<b>&\x1b", false);
        assert!(svg.contains("0 tasks") && svg.ends_with("</svg>\n"), "{svg}");
        assert!(svg.contains("a&#60;b&#62;&#38;\u{fffd}"), "{svg}");
    }

    #[test]
    fn the_same_stacks_give_the_same_bytes() {
        let stacks = [("src/a.rs:1;a::b;receive", 2, None), ("src/a.rs:1;a::c;send", 1, None)];
        assert_eq!(draw(&stacks, "t", false), draw(&stacks, "t", false));
    }

    #[test]
    fn names_cannot_break_it() {
        let svg = draw(&[("a\u{1}<b>\"&'\x1b;</svg>\u{ffff}", 1, None)], "</title>\u{1}", false);
        assert!(!svg.contains(['\u{1}', '\x1b', '\u{ffff}']));
        assert_eq!(svg.matches("</svg>").count(), svg.matches("<svg").count(), "{svg}");
    }

    #[test]
    fn a_number_in_a_name_is_no_count() {
        let svg = draw(&[("my app 12", 3, None)], "t", false);
        assert!(svg.contains("my app\u{a0}12 (3 tasks, 100.00%)"), "{svg}");
        let svg = draw(&[("my app 12", 3, Some(2))], "t", false);
        assert!(svg.contains("my app 12 (3 tasks, 100.00%; +"), "{svg}");
    }

    #[test]
    fn what_has_gone_is_seen_in_reverse() {
        let lines = [("app;new", 3, Some(0)), ("app;gone", 0, Some(2))];
        let (there, back) = (draw(&lines, "t", false), draw(&lines, "t", true));
        assert!(there.contains("new (3 tasks") && !there.contains("gone ("), "{there}");
        assert!(back.contains("gone (2 tasks") && !back.contains("new ("), "{back}");
        let nothing = draw(&[("app;gone", 0, Some(2))], "t", false);
        assert!(nothing.contains("0 tasks"), "{nothing}");
    }
}
