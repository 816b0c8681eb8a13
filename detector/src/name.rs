//! Names of functions, short enough to be read.
//!
//! `<app::pool::Pool<app::Job> as app::Service>::call::{{closure}}::h0123456789abcdef` is
//! `app::pool::Pool::call::{closure}` for people. Identities are made by `key`, in a way that never
//! changes; these may.
//!
//! Invariants:
//! 1. A short name is never longer than the name, and shortening it again changes nothing.
//! 2. Names come from dumps: whatever is no balanced name stays as it is.

use std::borrow::Cow;

/// What is longer is no name for people, and would only cost time.
const LONGEST: usize = 16 * 1024;
/// What is nested deeper stays as it is.
const DEEPEST: usize = 32;

/// A function's name for people: no generic arguments, no hashes, no numbers of closures, the type
/// in place of the impl.
#[must_use]
pub fn shorten(function: &str) -> Cow<'_, str> {
    let mut short = Cow::Borrowed(function);
    if function.len() > LONGEST {
        return short;
    }
    loop {
        let shorter = once(&short);
        if shorter.is_empty() || shorter.len() >= short.len() {
            return short;
        }
        short = Cow::Owned(shorter);
    }
}

fn once(name: &str) -> String {
    let name = without_hash(name);
    path(name, 0).unwrap_or_else(|| name.to_owned())
}

/// Without `::h` and 16 digits, and without what the optimiser puts behind that.
fn without_hash(mut name: &str) -> &str {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    loop {
        name = match (name.rsplit_once("::h"), name.rsplit_once(".llvm.")) {
            (_, Some((before, number))) if is_number(number) => before,
            (Some((before, hash)), _) if hash.len() == 16 && is_number(hash) => before,
            _ => return name,
        };
    }
}

fn path(text: &str, depth: usize) -> Option<String> {
    if depth > DEEPEST {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        // What is in a constant without a name is where that is.
        if rest.starts_with("::_::") {
            rest = &rest["::_".len()..];
            continue;
        }
        let opens = matches!(next, '<' | '{') || next == '[' && ends_in_word(&out);
        if !opens {
            out.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        }
        let (inside, after) = enclosed(rest)?;
        match next {
            '{' => braces(&mut out, inside),
            '[' if is_disambiguator(inside) => {}
            '[' => out.push_str(&rest[..rest.len() - after.len()]),
            _ if is_arguments(&out, inside) => leave_separator(&mut out),
            _ => {
                // `app::net::<impl app::Hub>`: what it is for says more than where it stands.
                if out.ends_with("::") {
                    out.truncate(out.rfind(|it| !is_of_path(it)).map_or(0, |at| at + 1));
                }
                out.push_str(&subject(inside, depth + 1)?);
            }
        }
        rest = after;
    }
    Some(out)
}

/// The type that `<…>` in front of a function is about.
fn subject(inside: &str, depth: usize) -> Option<String> {
    let (itself, _) = owner(inside);
    let itself = bare(itself);
    let is_pointer = ["fn(", "unsafe ", "extern "].iter().any(|it| itself.starts_with(it));
    if is_pointer { Some("fn".to_owned()) } else { path(itself, depth) }
}

/// `{{closure}}`, `{closure#2}`, `{closure_env#0}` are all `{closure}`, also when nested; shims are
/// how a function is called and no function.
fn braces(out: &mut String, inside: &str) {
    let name = inside.trim_matches(['{', '}']);
    let name = name.split_once('#').map_or(name, |(name, _)| name);
    let name = name.strip_suffix("_env").unwrap_or(name);
    if name.starts_with("shim:") || name.ends_with(".shim") {
        return leave_separator(out);
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        out.push('{');
        out.push_str(inside);
        out.push('}');
        return;
    }
    let named = format!("{{{name}}}");
    if out.strip_suffix("::").is_some_and(|before| before.ends_with(&named)) {
        return leave_separator(out);
    }
    out.push_str(&named);
}

fn leave_separator(out: &mut String) {
    out.truncate(out.trim_end_matches("::").len());
}

fn is_arguments(before: &str, inside: &str) -> bool {
    let follows_a_name = ends_in_word(before) || before.ends_with([':', '}']);
    follows_a_name && !inside.starts_with("impl ")
}

fn ends_in_word(text: &str) -> bool {
    text.ends_with(|last: char| last.is_alphanumeric() || last == '_')
}

fn is_of_path(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | ':' | '{' | '}')
}

/// The number that tells crates of one name apart: `core[8f7d1c3c4d]`.
fn is_disambiguator(inside: &str) -> bool {
    !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The type and the trait of `T as Trait`, `impl Trait for T`, `impl T` or `T`.
fn owner(inside: &str) -> (&str, Option<&str>) {
    if let Some(of_impl) = inside.strip_prefix("impl ") {
        let split = split_outside(of_impl, " for ");
        return split.map_or((of_impl, None), |(of, itself)| (itself, Some(of)));
    }
    split_outside(inside, " as ").map_or((inside, None), |(itself, of)| (itself, Some(of)))
}

/// A type without what only says how it is got at.
fn bare(mut text: &str) -> &str {
    loop {
        let shorter = ["&", "mut ", "*const ", "*mut ", "dyn "]
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .or_else(|| text.strip_prefix('\'')?.split_once(' ').map(|(_, rest)| rest))
            .or_else(|| text.strip_prefix("for<")?.split_once("> ").map(|(_, rest)| rest));
        match shorter {
            Some(shorter) => text = shorter,
            None => break,
        }
    }
    split_outside(text, "+").map_or(text, |(first, _)| first.trim_end())
}

/// The crates that a function is of, by its type and by its trait; none when the name has no path.
pub(crate) fn crates(function: &str) -> impl Iterator<Item = &str> {
    let (itself, of) = match function.starts_with('<').then(|| enclosed(function)).flatten() {
        Some((inside, _)) => owner(inside),
        None => (function, None),
    };
    [Some(itself), of].into_iter().flatten().filter_map(root)
}

fn root(mut path: &str) -> Option<&str> {
    // The type of `<<A as B>::C as D>` is whatever A says.
    for _ in 0..DEEPEST {
        path = bare(path);
        if !path.starts_with('<') {
            break;
        }
        path = owner(enclosed(path)?.0).0;
    }
    let end = path.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    let after = &path[end..];
    let disambiguated = after.starts_with('[').then(|| enclosed(after)).flatten();
    let after = disambiguated.map_or(after, |(_, after)| after);
    (end > 0 && after.starts_with("::")).then(|| &path[..end])
}

/// What the bracket that `text` begins with encloses, and what follows it.
fn enclosed(text: &str) -> Option<(&str, &str)> {
    let mut brackets = Brackets::default();
    for (at, letter) in text.char_indices() {
        brackets.step(letter)?;
        if brackets.open.is_empty() {
            return Some((text.get(1..at)?, &text[at + letter.len_utf8()..]));
        }
    }
    None
}

/// Both sides of the first separator that stands in no brackets.
fn split_outside<'t>(text: &'t str, separator: &str) -> Option<(&'t str, &'t str)> {
    let mut brackets = Brackets::default();
    for (at, letter) in text.char_indices() {
        if brackets.open.is_empty()
            && let Some(after) = text[at..].strip_prefix(separator)
        {
            return Some((&text[..at], after));
        }
        brackets.step(letter)?;
    }
    None
}

/// Which brackets are open at a place of a name.
#[derive(Default)]
struct Brackets {
    /// What closes them, the next one last.
    open: Vec<char>,
    braces: usize,
    before: Option<char>,
    /// Letters since a quote, itself included.
    quote: usize,
}

impl Brackets {
    /// Goes over a letter; none when it closes what is not open.
    fn step(&mut self, letter: char) -> Option<()> {
        let before = self.before.replace(letter);
        // The second letter behind a quote ends a char, or the quote began a lifetime.
        let quoted = self.quote == 1;
        self.quote = match letter {
            '\'' if self.quote != 2 => 1,
            _ if (1..=2).contains(&self.quote) => (self.quote + 1) % 3,
            _ => 0,
        };
        // `{ N << 1 }` shifts; the arrow of `fn() -> T`, which some write `.>`, closes nothing.
        let no_angle = self.braces > 0 || quoted;
        match letter {
            '{' => {
                self.open.push('}');
                self.braces += 1;
            }
            '(' if !quoted => self.open.push(')'),
            '[' if !quoted => self.open.push(']'),
            '<' if !no_angle => self.open.push('>'),
            '>' if no_angle || matches!(before, Some('-' | '.')) => {}
            ')' | ']' if quoted => {}
            '}' | ')' | ']' | '>' => {
                self.open.pop().filter(|&expected| expected == letter)?;
                self.braces -= usize::from(letter == '}');
            }
            _ => {}
        }
        Some(())
    }
}
