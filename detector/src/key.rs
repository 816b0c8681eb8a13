//! Identity of findings: what is hashed, and how it is made equal wherever it was recorded.
//!
//! Invariants:
//! 1. Never an address, an id, a line, a count of occurrences or the name of a test.
//! 2. A cycle's identity is the sorted keys of its members, so that it does not matter with which
//!    of them it is told.

use gleak_snapshot::{ObjectKind, WaitReason};
use sha2::{Digest, Sha256};

use crate::{FindingKey, Fingerprint};

/// The fingerprint of a finding by the keys of its causes, in any order. Equal keys count once: how
/// many tasks stand in a circle is no part of its identity.
pub(crate) fn fingerprint(keys: &[&FindingKey]) -> Fingerprint {
    let mut keys: Vec<&FindingKey> = keys.to_vec();
    keys.sort();
    keys.dedup();
    let mut lines = Vec::new();
    for key in keys {
        lines.push(key.rule.id());
        lines.push(&key.entry);
        lines.push(&key.spawn_file);
        lines.push(&key.wait_class);
        lines.push(key.object.map_or("", kind_id));
        lines.push(&key.block_file);
    }
    let hash = Sha256::digest(lines.join("\n").as_bytes());
    let mut text = String::from("gk1:");
    for byte in &hash[..8] {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    Fingerprint(text)
}

fn kind_id(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Channel => "channel",
        ObjectKind::Mutex => "mutex",
        ObjectKind::RwLock => "rw-lock",
        ObjectKind::WaitGroup => "wait-group",
        ObjectKind::Context => "context",
        ObjectKind::Socket => "socket",
        ObjectKind::Cond => "cond",
        ObjectKind::Once => "once",
        ObjectKind::Semaphore => "semaphore",
        ObjectKind::Barrier => "barrier",
    }
}

/// The class of a plain wait, as in [`FindingKey::wait_class`].
pub(crate) fn class(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::Send => "send",
        WaitReason::Receive => "receive",
        WaitReason::Select => "select",
        WaitReason::Lock => "lock",
        WaitReason::ReadLock => "read lock",
        WaitReason::WriteLock => "write lock",
        WaitReason::WaitGroup => "wait group",
        WaitReason::Cancel => "cancel",
        WaitReason::Join => "join",
        WaitReason::Read => "read",
        WaitReason::Write => "write",
        WaitReason::Cond => "cond",
        WaitReason::Once => "once",
        WaitReason::Semaphore => "semaphore",
        WaitReason::Barrier => "barrier",
        WaitReason::Blocking => "blocking",
        WaitReason::Future => "future",
        WaitReason::Sleep => "sleep",
        WaitReason::Host => "host",
    }
}

/// A path as every build on every machine has it.
pub(crate) fn file(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut rest = path.as_str();
    while let Some(shorter) = rest.strip_prefix("./") {
        rest = shorter;
    }
    rest.to_owned()
}

/// A type name without generic arguments, without `{{closure}}`, and without the names of constants
/// that have none: attributes that make tests put bodies into them.
///
/// `<T as Trait>::f` and `<impl T>::f` are no arguments: their angle brackets stay.
pub(crate) fn entry(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(next) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("::{{closure}}") {
            rest = after;
        } else if rest.starts_with("::_::") {
            rest = &rest["::_".len()..];
        } else if next == '<' && is_argument_list(&out, rest) {
            // A turbofish leaves `::` in front of it.
            out.truncate(out.trim_end_matches("::").len());
            rest = after_argument_list(rest);
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    if out.is_empty() { name.to_owned() } else { out }
}

fn is_argument_list(before: &str, rest: &str) -> bool {
    let follows_a_name =
        before.ends_with(|last: char| last.is_alphanumeric() || matches!(last, '_' | ':' | '}'));
    follows_a_name && !rest.starts_with("<impl ")
}

fn after_argument_list(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            // The arrow of `fn() -> T` closes nothing.
            '>' if before != '-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[at + letter.len_utf8()..];
        }
        before = letter;
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::{entry, file};

    #[test]
    fn entries_lose_arguments_and_closures() {
        let cases = [
            ("app::main::{{closure}}", "app::main"),
            ("app::Pool<u32>::start::{{closure}}::{{closure}}", "app::Pool::start"),
            ("<app::Pool<u32> as app::Go<u8>>::go::{{closure}}", "<app::Pool as app::Go>::go"),
            ("app::net::<impl app::Hub<T>>::run::{{closure}}", "app::net::<impl app::Hub>::run"),
            ("app::run<app::main::{{closure}}>::{{closure}}", "app::run"),
            ("app::run::<fn(u32) -> Vec<u8>>::{{closure}}", "app::run"),
            ("app::map<[u8; 4], (A, B)>", "app::map"),
            ("alloc::boxed::Box<dyn core::ops::FnOnce<()> + Send>", "alloc::boxed::Box"),
            ("<[T] as app::Go>::go", "<[T] as app::Go>::go"),
            ("main.main.func1", "main.main.func1"),
            ("broken<never<closed", "broken"),
            ("{{closure}}", "{{closure}}"),
            ("", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(entry(name), expected, "{name}");
        }
    }

    #[test]
    fn files_are_relative_and_have_slashes() {
        assert_eq!(file("./src/a.rs"), "src/a.rs");
        assert_eq!(file("src\\net\\a.rs"), "src/net/a.rs");
        assert_eq!(file("././a.rs"), "a.rs");
    }
}
