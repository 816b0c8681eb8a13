//! Headers of goroutines, wherever they stand in a line: `goroutine 7 [chan receive, 2 minutes]:`,
//! and the form in which goleak names one.
//!
//! Invariant: what looks like the beginning of a header and cannot be understood is said to be broken,
//! never guessed at.

/// Who a goroutine is and what it did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Header {
    /// Its number.
    pub(super) id: u64,
    /// Its state in Go's words, without the marks behind it.
    pub(super) state: String,
    /// For how many minutes it has waited; none is said below one.
    pub(super) minutes: u64,
    /// Whether the runtime has marked it as leaked.
    pub(super) leaked: bool,
    /// The synctest bubble that it is durably blocked in.
    pub(super) bubble: Option<u64>,
    /// Its labels, sorted.
    pub(super) labels: Vec<(String, String)>,
    /// The function on top of its stack, where the header alone says it.
    pub(super) top: Option<String>,
}

/// What a line says about a header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// No header is in it.
    None,
    /// One begins in it and is not whole, or is followed by something else.
    Broken,
    /// One begins at this byte.
    Header(usize, Header),
}

const WORD: &str = "goroutine ";
const GOLEAK: &str = "Goroutine ";

/// As long as a state or a function's name can be; longer ones are none. Lines full of beginnings would
/// cost a search to their end each.
const STATE_MAX: usize = 200;
const NAME_MAX: usize = 2_000;

/// Looks for a header in a line that has lost its end.
pub(super) fn find(line: &str) -> Found {
    let mut found = Found::None;
    for (at, _) in line.match_indices("oroutine ") {
        let Some(start) = at.checked_sub(1) else { continue };
        let Some(rest) = line.get(start..) else { continue };
        let said = if let Some(rest) = rest.strip_prefix(WORD) {
            header(rest)
        } else if let Some(rest) = rest.strip_prefix(GOLEAK) {
            of_goleak(rest)
        } else {
            Said::Nothing
        };
        match said {
            Said::Nothing => {}
            Said::Broken => found = Found::Broken,
            Said::Whole(header) => return Found::Header(start, header),
        }
    }
    found
}

enum Said {
    Nothing,
    Broken,
    Whole(Header),
}

/// `7 gp=0xc0 m=nil [select, 3 minutes, locked to thread] {"job": "mail"}:`, from the number on.
fn header(text: &str) -> Said {
    let Some((id, rest)) = number(text) else { return Said::Nothing };
    let Some(rest) = behind_machine(rest).strip_prefix('[') else { return Said::Nothing };
    let Some((state, rest)) = split(rest, "]", STATE_MAX) else { return Said::Broken };
    let rest = rest.trim();
    let Some(labels) = rest.strip_suffix(':') else { return Said::Broken };
    let labels = labels.trim();
    let labels = match labels.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
        Some(inside) => self::labels(inside),
        None if labels.is_empty() => Vec::new(),
        None => return Said::Broken,
    };
    match described(id, state) {
        Some(header) => Said::Whole(Header { labels, ..header }),
        None => Said::Broken,
    }
}

/// `7 in state select, with main.run on top of the stack:`, from the number on.
fn of_goleak(text: &str) -> Said {
    let Some((id, rest)) = number(text) else { return Said::Nothing };
    let Some(rest) = rest.strip_prefix(" in state ") else { return Said::Nothing };
    let Some((state, rest)) = split(rest, ", with ", STATE_MAX) else { return Said::Broken };
    let Some((top, _)) = split(rest, " on top of the stack:", NAME_MAX) else {
        return Said::Broken;
    };
    match described(id, state) {
        Some(header) => Said::Whole(Header { top: Some(top.to_owned()), ..header }),
        None => Said::Broken,
    }
}

/// Both sides of a separator that begins within so many bytes.
fn split<'t>(text: &'t str, separator: &str, within: usize) -> Option<(&'t str, &'t str)> {
    let end = (0..=text.len().min(within + separator.len())).rev();
    let end = end.into_iter().find(|&at| text.is_char_boundary(at))?;
    let at = text[..end].find(separator)?;
    Some((&text[..at], &text[at + separator.len()..]))
}

fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|it: char| !it.is_ascii_digit())?;
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// Without `gp=… m=… mp=…`.
fn behind_machine(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches(' ');
        let word = text.split(' ').next().unwrap_or_default();
        let is_machine = ["gp=", "m=", "mp="].iter().any(|it| word.starts_with(it));
        if !is_machine {
            return text;
        }
        text = &text[word.len()..];
    }
}

/// A state with what is said behind it.
fn described(id: u64, text: &str) -> Option<Header> {
    if text.is_empty() || text.len() > STATE_MAX {
        return None;
    }
    let mut parts = text.split(", ");
    let mut state = parts.next()?;
    let mut header = Header { id, ..Header::default() };
    for part in parts {
        let minutes = part.strip_suffix(" minutes").or_else(|| part.strip_suffix(" minute"));
        match minutes.map(str::parse) {
            Some(Ok(minutes)) => header.minutes = minutes,
            Some(Err(_)) => return None,
            None if part == "locked to thread" => {}
            None => match part.strip_prefix("synctest bubble ") {
                Some(number) => header.bubble = number.parse().ok(),
                None => return None,
            },
        }
    }
    let mut durable = false;
    while let Some((before, mark)) = state.rsplit_once(" (") {
        match mark {
            "leaked)" => header.leaked = true,
            "durable)" => durable = true,
            "scan)" => {}
            _ => break,
        }
        state = before;
    }
    // In front of the others in old versions.
    state = state.strip_prefix("scan ").unwrap_or(state);
    header.state = state.to_owned();
    header.bubble = header.bubble.filter(|_| durable);
    Some(header)
}

/// `job: mail, "a b": "c"`; what is no pair is left out.
fn labels(text: &str) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let Some((key, after)) = word(rest, ':') else { break };
        let Some((value, after)) = word(after, ',') else { break };
        labels.push((key, value));
        rest = after;
    }
    labels.sort();
    labels
}

/// A word or a quoted text, and what comes behind the mark that ends it.
fn word(text: &str, mark: char) -> Option<(String, &str)> {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(mark).unwrap_or(text.len());
        let after = text[end..].strip_prefix(mark).unwrap_or_default();
        return (end > 0).then(|| (text[..end].trim_end().to_owned(), after));
    };
    let mut escaped = false;
    let end = quoted.find(|it| {
        let ends = it == '"' && !escaped;
        escaped = it == '\\' && !escaped;
        ends
    })?;
    let value = serde_json::from_str(&text[..end + 2]);
    let value = value.unwrap_or_else(|_| quoted[..end].to_owned());
    let after = quoted[end + 1..].trim_start();
    Some((value, after.strip_prefix(mark).unwrap_or(after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_a_header_are_read() {
        let read = |line: &str| match find(line) {
            Found::Header(at, header) => (at, header),
            other @ (Found::None | Found::Broken) => panic!("{line}: {other:?}"),
        };
        let (at, it) =
            read("x | goroutine 7 [select (no cases) (leaked), 3 minutes, locked to thread]:");
        assert_eq!((at, it.id, it.minutes, it.leaked), (4, 7, 3, true));
        assert_eq!(it.state, "select (no cases)");
        let (_, it) =
            read("goroutine 18 gp=0x2e m=0 mp=0x59 [chan send (durable), synctest bubble 1]:");
        assert_eq!((it.id, it.state.as_str()), (18, "chan send"));
        let (_, it) = read(r#"goroutine 1 [running] {job: mail, "a \"b": "c, d"}:"#);
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(it.labels, [pair("a \"b", "c, d"), pair("job", "mail")]);
        let (_, it) =
            read("    [Goroutine 20 in state select, with a/b.(*C).d on top of the stack:");
        assert_eq!((it.id, it.top.as_deref()), (20, Some("a/b.(*C).d")));
    }

    #[test]
    fn what_is_no_header_is_none_and_half_a_one_is_broken() {
        for none in ["", "goroutine 7", "in goroutine 22", "goroutine x [y]:", "by goroutine 3:"] {
            assert_eq!(find(none), Found::None, "{none}");
        }
        for broken in [
            "goroutine 7 [select",
            "goroutine 7 [select]: and a log line",
            "goroutine 7 [select, x minutes]:",
            "goroutine 7 [, 3 minutes, sleepy]:",
        ] {
            assert_eq!(find(broken), Found::Broken, "{broken}");
        }
    }
}
