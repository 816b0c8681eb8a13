//! Places in text as links to the files that they name (OSC 8), for terminals that know them.
//!
//! Invariants:
//! 1. Nothing that is seen changes: without the escape sequences it is the same text.
//! 2. Only what names a file that is there becomes a link, and nothing of a name gets into an address
//!    but by the numbers of its bytes, so that no text from outside ends one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The text with links.
pub(crate) fn linked(text: &str) -> String {
    let folder = std::env::current_dir().unwrap_or_default();
    let mut known: BTreeMap<String, Option<PathBuf>> = BTreeMap::new();
    let mut look = |file: &str| {
        let seen = known.entry(file.to_owned()).or_insert_with(|| {
            let path = folder.join(file);
            path.is_file().then_some(path)
        });
        seen.clone()
    };
    let mut out = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while !rest.is_empty() {
        let (gap, word, after) = next_word(rest);
        out.push_str(gap);
        match place(word).and_then(|(file, line, end)| Some((look(file)?, line, end))) {
            Some((path, line, end)) => {
                let address = format!("file://{}{}#{line}", host(), escaped(&path));
                let (shown, tail) = word.split_at(end);
                out.push_str(&format!("\x1b]8;;{address}\x1b\\{shown}\x1b]8;;\x1b\\{tail}"));
            }
            None => out.push_str(word),
        }
        rest = after;
    }
    out
}

/// What stands before the next word, the word, and what stands behind it. Colours are no part of words.
fn next_word(text: &str) -> (&str, &str, &str) {
    let parts = |letter: char| letter.is_whitespace() || matches!(letter, '(' | '"' | '`');
    let mut start = 0;
    while let Some(letter) = text[start..].chars().next() {
        if letter == '\x1b' {
            start += text[start..].find('m').map_or(1, |end| end + 1);
        } else if parts(letter) {
            start += letter.len_utf8();
        } else {
            break;
        }
    }
    let length = text[start..].find(|it| parts(it) || it == '\x1b').unwrap_or(text.len() - start);
    (&text[..start], &text[start..start + length], &text[start + length..])
}

/// File and line that a word begins with, and where they end: `src/a.rs:9`, `src/a.rs:9),`.
fn place(word: &str) -> Option<(&str, &str, usize)> {
    let end = word.trim_end_matches([',', ';', '.', ')', ':']).len();
    let (file, line) = word[..end].rsplit_once(':')?;
    let is_line = !line.is_empty() && line.bytes().all(|digit| digit.is_ascii_digit());
    (is_line && file.contains('.')).then_some((file, line, end))
}

fn escaped(path: &Path) -> String {
    let mut out = String::new();
    for byte in path.to_string_lossy().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Of which machine the file is: the terminal may be on another one.
#[cfg(unix)]
fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let is_plain = name.bytes().all(|it| it.is_ascii_alphanumeric() || b"-.".contains(&it));
    if is_plain { name } else { String::new() }
}

#[cfg(not(unix))]
fn host() -> String {
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_between_colours_and_brackets() {
        let mut rest = "a (b.rs:1)\x1b[31mc.rs:2\x1b[0m\n";
        let mut words = Vec::new();
        while !rest.is_empty() {
            let (_, word, after) = next_word(rest);
            words.push(word);
            rest = after;
        }
        assert_eq!(words, ["a", "b.rs:1)", "c.rs:2", ""]);
    }

    #[test]
    fn a_place_is_a_file_and_a_line() {
        assert_eq!(place("src/a.rs:12"), Some(("src/a.rs", "12", 11)));
        assert_eq!(place("src/a.rs:12),"), Some(("src/a.rs", "12", 11)));
        for word in ["", ":", "a:1", "src/a.rs", "src/a.rs:", "app::run", "a.b:c"] {
            assert_eq!(place(word), None, "{word}");
        }
    }

    #[test]
    fn only_files_that_are_there_are_linked_and_the_text_stays() {
        let text = "spawned \x1b[2mCargo.toml:7\x1b[0m by none.rs:3, (src/main.rs:1)\n";
        let linked = linked(text);
        assert_eq!(linked.matches("\x1b]8;;file://").count(), 2, "{linked}");
        assert!(linked.contains("/src/main.rs#1\x1b\\src/main.rs:1\x1b]8;;\x1b\\)\n"), "{linked}");
        let mut plain = String::new();
        let mut rest = linked.as_str();
        while let Some((before, after)) = rest.split_once("\x1b]8;;") {
            plain.push_str(before);
            rest = after.split_once("\x1b\\").map_or("", |(_, after)| after);
        }
        assert_eq!(plain + rest, text);
        assert_eq!(escaped(Path::new("/a b/\x1b\\;ö")), "/a%20b/%1B%5C%3B%C3%B6");
    }
}
