//! Text from outside, made harmless. A task's or a file's name may hold escape sequences that
//! steer a terminal, or marks that turn the direction of writing.
//!
//! Invariant: nothing that `plain` returns changes how the text around it is shown.

use std::borrow::Cow;
use std::fmt::Write;

/// The same text with control and direction characters written out (`\u{1b}`).
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !steers(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_hostile(c) {
            // Writing to a string cannot fail.
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Whether a text holds such characters.
pub(crate) fn steers(text: &str) -> bool {
    text.chars().any(is_hostile)
}

/// A number in groups of three: `12 904`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// `1 task`, `2 tasks`; `process` becomes `processes`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let ending = match (number, noun.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{} {noun}{ending}", grouped(number))
}

/// Parts in one line, or in as many as the width asks for, the others indented. No part is broken.
pub(crate) fn flow(parts: &[String], gap: &str, width: usize, indent: usize) -> String {
    let (mut out, mut used) = (String::new(), 0);
    for part in parts {
        let columns = part.chars().count();
        if used > 0 && used + gap.len() + columns > width {
            out.push_str(&format!("\n{:indent$}", ""));
            used = indent;
        } else if used > 0 {
            out.push_str(gap);
            used += gap.len();
        }
        out.push_str(part);
        used += columns;
    }
    out
}

/// Words behind a label, over as many lines as it takes.
pub(crate) fn labelled(label: &str, text: &str, width: usize) -> String {
    let indent = label.chars().count();
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    if let Some(first) = words.first_mut() {
        first.insert_str(0, label);
    }
    flow(&words, " ", width, indent)
}

fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_written_out() {
        assert_eq!(plain("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(plain("a\u{202e}b\u{200b}\n"), "a\\u{202e}b\\u{200b}\\n");
        assert!(matches!(plain("käse; <b>"), Cow::Borrowed(_)));
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(904), "904");
        assert_eq!(grouped(12904), "12 904");
        assert_eq!(grouped(1_000_000), "1 000 000");
    }

    #[test]
    fn words_flow_below_their_label() {
        assert_eq!(labelled("  a  ", "one two three", 12), "  a  one two\n     three");
        assert_eq!(labelled("", "longer", 3), "longer");
        assert_eq!(flow(&["one".into(), "two".into()], ", ", 9, 2), "one, two");
    }

    #[test]
    fn nouns_are_counted() {
        assert_eq!(counted(1, "process"), "1 process");
        assert_eq!(counted(2, "process"), "2 processes");
        assert_eq!(counted(0, "task"), "0 tasks");
    }
}
