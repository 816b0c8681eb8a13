//! Profiles with `debug=1`: how many goroutines stand where, without states or numbers.

use super::header::Header;
use super::line::{self, Line};
use super::stack::{Call, Goroutine, UNNUMBERED};

/// A line of a profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum ProfileLine {
    /// A profile of goroutines begins; leaked ones only, or all.
    Begin { leaked: bool },
    /// A profile of something else begins.
    Alien,
    /// So many goroutines stand where the next lines say.
    Count(u64),
    /// One call, innermost first.
    Call(Call),
    /// What they are labelled with.
    Labels(Vec<(String, String)>),
}

/// Reads a line without the blanks around it; none when it is of no profile.
pub(super) fn read(text: &str) -> Option<ProfileLine> {
    if let Some((name, count)) = text.split_once(" profile: total ") {
        count.parse::<u64>().ok()?;
        return Some(match name {
            "goroutine" => ProfileLine::Begin { leaked: false },
            "goroutineleak" => ProfileLine::Begin { leaked: true },
            _ => ProfileLine::Alien,
        });
    }
    if let Some(rest) = text.strip_prefix("# labels: ") {
        let labels: std::collections::BTreeMap<String, String> = serde_json::from_str(rest).ok()?;
        return Some(ProfileLine::Labels(labels.into_iter().collect()));
    }
    match text.strip_prefix('#') {
        Some(rest) => call(rest).map(ProfileLine::Call),
        None => {
            let (count, counters) = text.split_once(" @")?;
            let all = |it: &str| it.starts_with("0x");
            let fits = !counters.is_empty() && counters.split_whitespace().all(all);
            fits.then(|| count.parse().ok().map(ProfileLine::Count))?
        }
    }
}

/// `0x89f87b  main.(*T).run+0x25b  /app/main.go:17`, with tabs or blanks between.
fn call(text: &str) -> Option<Call> {
    let (counter, rest) = text.trim().split_once(char::is_whitespace)?;
    let (function, place) = rest.trim().split_once(char::is_whitespace)?;
    let function = function.rsplit_once("+0x").map_or(function, |(name, _)| name);
    let Line::Place { file, line } = line::read(place.trim()) else { return None };
    let place = Some((file.to_owned(), line));
    let function = function.to_owned();
    counter.starts_with("0x").then_some(Call { function, address: None, place })
}

/// Goroutines that are alike, as far as they have been read.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) count: u64,
    pub(super) goroutine: Goroutine,
}

impl Entry {
    pub(super) fn new(count: u64, leaked: bool) -> Self {
        let header = Header { id: UNNUMBERED, leaked, ..Header::default() };
        Entry { count, goroutine: Goroutine { header, ..Goroutine::default() } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_profile_are_read() {
        assert_eq!(read("goroutine profile: total 7"), Some(ProfileLine::Begin { leaked: false }));
        assert_eq!(
            read("goroutineleak profile: total 7"),
            Some(ProfileLine::Begin { leaked: true })
        );
        assert_eq!(read("threadcreate profile: total 7"), Some(ProfileLine::Alien));
        assert_eq!(read("12 @ 0x437a96 0x447832"), Some(ProfileLine::Count(12)));
        let labels = vec![("a".to_owned(), "b c".to_owned())];
        assert_eq!(read("# labels: {\"a\":\"b c\"}"), Some(ProfileLine::Labels(labels)));
        let Some(ProfileLine::Call(call)) =
            read("#\t0x89f87b\tmain.(*T).run+0x2b\t\tD:/a b/c.go:3")
        else {
            panic!("no call");
        };
        assert_eq!(call.function, "main.(*T).run");
        assert_eq!(call.place, Some(("D:/a b/c.go".to_owned(), 3)));
        for none in ["", "12 30 @ 0x1", "12 @ main", "# runtime.MemStats", "x profile: total y"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
