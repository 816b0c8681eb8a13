//! What an exception may begin with, and what may have been meant by a word that is none of it.
//!
//! Invariant: a proposal is a word of the grammar, never read as if it had been written.

use crate::suggest::near;

/// What a matcher, or a line on a finding, begins with.
pub(super) const KEYS: [&str; 9] =
    ["name", "label.", "spawn", "entry", "creator", "crate", "innermost", "frame", "fingerprint"];
/// What else is said for some of them, in other tools.
const OTHER_WORDS: [(&str, &str); 12] = [
    ("any", "frame"),
    ("block", "innermost"),
    ("created-by", "creator"),
    ("file", "spawn"),
    ("fn", "entry"),
    ("fun", "frame"),
    ("function", "entry"),
    ("package", "crate"),
    ("parent", "creator"),
    ("stack", "frame"),
    ("top", "innermost"),
    ("thread", "name"),
];

/// What is said of a key that is none.
pub(super) fn unknown(key: &str, text: &str) -> String {
    if text.trim_start().starts_with("gk1:") {
        return "a fingerprint is written `fingerprint=gk1:...`".to_owned();
    }
    let other = OTHER_WORDS.iter().find(|(word, _)| *word == key).map(|(_, key)| *key);
    match other.or_else(|| near(key, KEYS)) {
        Some(meant) => format!("`{key}` is not known; is `{meant}` meant?"),
        None => {
            let known: Vec<String> = KEYS.iter().map(|key| format!("`{key}`")).collect();
            format!("a matcher begins with one of {}", known.join(", "))
        }
    }
}
