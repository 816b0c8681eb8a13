//! Folded stacks as a flame graph in SVG.
//!
//! Invariants:
//! 1. Always a well-formed picture: names from outside cannot break it, and no task at all is a
//!    picture that says so.
//! 2. The same stacks give the same bytes.
//! 3. Colours mean something, and the same frame has the same colour in every picture.

use std::borrow::Cow;
use std::fmt::Write;
use std::io;

use inferno::flamegraph::color::{BackgroundColor, Color, PaletteMap};
use inferno::flamegraph::{Direction, Options, TextTruncateDirection, from_lines};

/// Pixels; fixed, so that labels fit their boxes also where scripts are not run.
const WIDTH: usize = 1200;

/// What is drawn.
#[derive(Debug)]
pub(crate) struct Picture<'a> {
    /// One line a stack, `frame;frame N`.
    pub(crate) stacks: &'a [String],
    /// Words above it.
    pub(crate) title: &'a str,
    /// Words below the title: what the boxes are.
    pub(crate) subtitle: &'a str,
    /// Whether the root is on top.
    pub(crate) icicle: bool,
}

impl Picture<'_> {
    /// The SVG.
    pub(crate) fn draw(&self) -> io::Result<Vec<u8>> {
        let stacks: Vec<String> =
            self.stacks.iter().map(|line| one_count(&xml_text(line))).collect();
        if stacks.is_empty() {
            return Ok(self.empty().into_bytes());
        }
        let mut palette = palette(&stacks);
        let mut options = Options::default();
        options.title = xml_text(self.title).into_owned();
        options.subtitle = Some(xml_text(self.subtitle).into_owned());
        options.count_name = "tasks".into();
        options.name_type = "".into();
        options.deterministic = true;
        options.hash = true;
        options.palette_map = Some(&mut palette);
        options.bgcolors = Some(BackgroundColor::Flat(Color { r: 250, g: 250, b: 248 }));
        options.font_type = "Menlo, Consolas, DejaVu Sans Mono, monospace".into();
        options.image_width = Some(WIDTH);
        options.frame_height = 18;
        // As labels are cut where no script runs: the beginning of a name is kept.
        options.text_truncate_direction = TextTruncateDirection::Right;
        options.direction = if self.icicle { Direction::Inverted } else { Direction::Straight };

        let mut svg = Vec::new();
        from_lines(&mut options, stacks.iter().map(AsRef::as_ref), &mut svg)?;
        Ok(svg)
    }

    /// The picture of no task, which inferno has none for.
    fn empty(&self) -> String {
        let (title, middle) = (xml_escaped(self.title), WIDTH / 2);
        format!(
            r##"<?xml version="1.0" encoding="utf-8"?>
<svg version="1.1" width="{WIDTH}" height="120" viewBox="0 0 {WIDTH} 120" xmlns="http://www.w3.org/2000/svg">
  <rect width="100%" height="100%" fill="#fafaf8"/>
  <g font-family="Menlo, Consolas, DejaVu Sans Mono, monospace" text-anchor="middle">
    <text x="{middle}" y="32" font-size="17">{title}</text>
    <text x="{middle}" y="80" font-size="14" fill="#666">0 tasks</text>
  </g>
</svg>
"##
        )
    }
}

/// What a frame says, which gives it its colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum FrameKind {
    /// The program: the root.
    Program,
    /// What a task runs and where it was spawned: `app::worker (src/main.rs:9)`.
    Spawn,
    /// The place where it waits: `src/worker.rs:20`.
    Place,
    /// What it waits for: `receive`.
    Waiting,
    /// It does not wait: `running`, `never started`.
    Active,
    /// Whatever else: what it is charged to.
    Region,
}

impl FrameKind {
    fn of(frame: &str, is_root: bool, is_tip: bool) -> FrameKind {
        let is_place =
            |text: &str| text.rsplit_once(':').is_some_and(|(_, line)| line.parse::<u32>().is_ok());
        if is_root {
            FrameKind::Program
        } else if frame.strip_suffix(')').is_some_and(is_place) {
            FrameKind::Spawn
        } else if is_place(frame) {
            FrameKind::Place
        } else if is_tip && matches!(frame, "running" | "never started") {
            FrameKind::Active
        } else if is_tip {
            FrameKind::Waiting
        } else {
            FrameKind::Region
        }
    }

    /// Its colour: one hue a kind, a little lighter by name, dark text readable on all.
    fn color(self, frame: &str) -> Color {
        let shade = (hash(frame) % 30) as u8;
        match self {
            FrameKind::Program => Color { r: 214, g: 214, b: 208 },
            FrameKind::Spawn => Color { r: 236, g: 194 + shade, b: 110 + shade },
            FrameKind::Place => Color { r: 140 + shade, g: 188 + shade, b: 214 + shade },
            FrameKind::Waiting => Color { r: 238, g: 138 + shade, b: 106 + shade },
            FrameKind::Active => Color { r: 150 + shade, g: 204, b: 138 + shade },
            FrameKind::Region => Color { r: 190 + shade, g: 172 + shade, b: 218 },
        }
    }
}

fn palette(stacks: &[String]) -> PaletteMap {
    let mut palette = PaletteMap::default();
    // The bar below the roots, which stands for all of them and has no name.
    palette.insert("", Color { r: 232, g: 232, b: 227 });
    for line in stacks {
        let stack = line.rsplit_once(' ').map_or(line.as_str(), |(stack, _)| stack);
        let tip = stack.split(';').count() - 1;
        for (at, frame) in stack.split(';').enumerate() {
            if palette.get(frame).is_none() {
                palette.insert(frame, FrameKind::of(frame, at == 0, at == tip).color(frame));
            }
        }
    }
    palette
}

/// The line with one number at its end. A name that ends in a number would be read as the first
/// count of two.
fn one_count(line: &str) -> String {
    let cut = line.rsplit_once(' ').and_then(|(stack, count)| {
        let (head, tail) = stack.rsplit_once(' ')?;
        tail.parse::<f64>().is_ok().then(|| format!("{head}\u{a0}{tail} {count}"))
    });
    cut.unwrap_or_else(|| line.to_string())
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

    fn draw(stacks: &[&str], title: &str) -> String {
        let stacks: Vec<String> = stacks.iter().map(ToString::to_string).collect();
        let picture = Picture { stacks: &stacks, title, subtitle: "", icicle: false };
        String::from_utf8(picture.draw().expect("draws")).expect("UTF-8")
    }

    #[test]
    fn no_task_is_a_picture_too() {
        let svg = draw(&[], "a<b>&\x1b");
        assert!(svg.contains("0 tasks") && svg.ends_with("</svg>\n"), "{svg}");
        assert!(svg.contains("a&#60;b&#62;&#38;\u{fffd}"), "{svg}");
    }

    #[test]
    fn the_same_stacks_give_the_same_bytes() {
        let stacks = ["src/a.rs:1;a::b;receive 2", "src/a.rs:1;a::c;send 1"];
        assert_eq!(draw(&stacks, "t"), draw(&stacks, "t"));
    }

    #[test]
    fn names_cannot_break_it() {
        let svg = draw(&["a\u{1}<b>\"&'\x1b;</svg>\u{ffff} 1"], "</title>\u{1}");
        assert!(!svg.contains(['\u{1}', '\x1b', '\u{ffff}']));
        assert_eq!(svg.matches("</svg>").count(), svg.matches("<svg").count(), "{svg}");
    }

    #[test]
    fn a_number_in_a_name_is_no_count() {
        let svg = draw(&["my app 12 3"], "t");
        assert!(svg.contains("my app\u{a0}12 (3 tasks, 100.00%)"), "{svg}");
    }

    #[test]
    fn frames_have_a_kind() {
        for (frame, kind) in [
            ("app::worker (src/a.rs:12)", FrameKind::Spawn),
            ("src/a.rs:12", FrameKind::Place),
            ("select(receive,send)", FrameKind::Waiting),
            ("running", FrameKind::Active),
        ] {
            assert_eq!(FrameKind::of(frame, false, true), kind, "{frame}");
        }
        assert_eq!(FrameKind::of("app", true, true), FrameKind::Program);
        assert_eq!(FrameKind::of("pool::drains", false, false), FrameKind::Region);
    }
}
