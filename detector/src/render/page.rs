//! Lines of limited width, with colour or without.
//!
//! Invariants:
//! 1. Foreign text enters through [`clean`] only.
//! 2. No line ends in a blank; colour does not count as width.

use super::TextOptions;
use crate::SourceLines;

/// Below this nothing can be laid out; the lines are then as long as they must be.
pub(super) const NARROWEST: usize = 40;
/// Beyond this a width is a mistake.
pub(super) const WIDEST: usize = 400;

/// What a piece of a line is, for colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    Plain,
    /// The verdict.
    Strong,
    /// What is proven.
    Alarm,
    /// What is only for machines and for looking up.
    Dim,
}

/// Text under construction.
pub(super) struct Page {
    out: String,
    pub(super) width: usize,
    pub(super) frames: usize,
    pub(super) runtime_frames: bool,
    color: bool,
    /// Whether the table of groups shows them.
    pub(super) group_sources: bool,
    /// What has not been shown yet.
    pub(super) sources: SourceLines,
}

impl Page {
    pub(super) fn new(options: &TextOptions) -> Self {
        let TextOptions { width, frames, runtime_frames, color, .. } = *options;
        Page {
            out: String::new(),
            width: width.max(NARROWEST),
            frames,
            runtime_frames,
            color,
            group_sources: options.group_stacks,
            sources: options.sources.clone(),
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    pub(super) fn blank(&mut self) {
        self.out.push('\n');
    }

    /// One line, as it is.
    pub(super) fn line(&mut self, pieces: &[(Style, &str)]) {
        let mut line = String::new();
        for &(style, text) in pieces {
            match code(style).filter(|_| self.color && !text.is_empty()) {
                Some(code) => {
                    line.push_str(&format!("\u{1b}[{code}m{text}\u{1b}[0m"));
                }
                None => line.push_str(text),
            }
        }
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    /// A line with a name behind it; below it, indented, when there is no room.
    pub(super) fn beside(&mut self, line: &str, indent: usize, name: Option<&str>) {
        let room = self.width.saturating_sub(columns(line) + 2);
        match name {
            None => self.line(&[(Style::Plain, line)]),
            Some(name) if room >= columns(name).min(16) => {
                self.line(&[(Style::Plain, &format!("{line}  {}", cut_middle(name, room)))]);
            }
            Some(name) => {
                let name = cut_middle(name, self.width.saturating_sub(indent));
                self.line(&[(Style::Plain, line)]);
                self.line(&[(Style::Plain, &format!("{}{name}", " ".repeat(indent)))]);
            }
        }
    }

    /// A line with something at its right end; on a line of its own when there is no room.
    pub(super) fn split(&mut self, style: Style, left: &str, right: &[(Style, &str)]) {
        let right_width: usize = right.iter().map(|(_, text)| columns(text)).sum();
        let used = columns(left) + right_width;
        if used + 2 <= self.width {
            let gap = " ".repeat(self.width - used);
            let mut pieces = vec![(style, left), (Style::Plain, gap.as_str())];
            pieces.extend_from_slice(right);
            self.line(&pieces);
            return;
        }
        self.wrap_styled(style, 0, 4, left);
        let mut pieces = vec![(Style::Plain, "    ")];
        pieces.extend_from_slice(right);
        self.line(&pieces);
    }

    /// Words over as many lines as it takes: the first indented by `first`, the others by `rest`.
    pub(super) fn wrap(&mut self, first: usize, rest: usize, text: &str) {
        self.wrap_styled(Style::Plain, first, rest, text);
    }

    /// As [`Page::wrap`], behind a label in a column of its own.
    pub(super) fn labelled(&mut self, indent: usize, column: usize, label: &str, text: &str) {
        let start = self.out.len();
        self.wrap(indent + column, indent + column, text);
        // The first line begins with blanks only, as many as the label takes.
        let lead = format!("{}{label}", " ".repeat(indent));
        if self.out.len() > start {
            self.out.replace_range(start..start + lead.len().min(indent + column), &lead);
        }
    }

    fn wrap_styled(&mut self, style: Style, first: usize, rest: usize, text: &str) {
        let mut line = " ".repeat(first);
        let mut empty = true;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let word = fit(word, self.width.saturating_sub(rest.max(first)));
            if !empty && columns(&line) + 1 + columns(&word) > self.width {
                self.line(&[(style, &line)]);
                line = " ".repeat(rest);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(&word);
            empty = false;
        }
        if !empty {
            self.line(&[(style, &line)]);
        }
    }
}

fn code(style: Style) -> Option<&'static str> {
    match style {
        Style::Plain => None,
        Style::Strong => Some("1"),
        Style::Alarm => Some("31"),
        Style::Dim => Some("2"),
    }
}

/// A word that is too long loses its middle, unless it is a place.
fn fit(word: &str, room: usize) -> String {
    let bare = word.trim_end_matches([',', ';', '.', ')', ':']);
    let place = bare.rsplit_once(':').is_some_and(|(file, line)| {
        !file.is_empty() && !line.is_empty() && line.bytes().all(|digit| digit.is_ascii_digit())
    });
    if place { word.to_owned() } else { cut_middle(word, room) }
}

/// At most `room` columns, the middle left out.
pub(super) fn cut_middle(text: &str, room: usize) -> String {
    const GAP: &str = "..";
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= room {
        return text.to_owned();
    }
    let keep = room.saturating_sub(GAP.len());
    // The end says more: it is the function, the start only the crate.
    let head = keep / 3;
    let tail = keep - head;
    let start: String = letters[..head].iter().collect();
    let end: String = letters[letters.len() - tail..].iter().collect();
    format!("{start}{GAP}{end}")
}

pub(super) fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Whether a terminal may obey it, or write in another direction from there on.
pub(super) fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Foreign text made harmless: control characters and those that turn the direction of writing
/// are shown by their number.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if steers(letter) {
            out.extend(letter.escape_default());
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{clean, cut_middle, fit};

    #[test]
    fn middles_are_cut_and_places_are_not() {
        assert_eq!(cut_middle("app::server::Pool::start", 14), "app:..l::start");
        assert_eq!(fit("a/very/long/path.rs:1234,", 10), "a/very/long/path.rs:1234,");
        assert_eq!(cut_middle("short", 5), "short");
    }

    #[test]
    fn control_characters_are_shown() {
        assert_eq!(clean("a\u{1b}[31mb\nc\u{202e}"), "a\\u{1b}[31mb\\nc\\u{202e}");
        assert_eq!(clean("größe"), "größe");
    }
}
