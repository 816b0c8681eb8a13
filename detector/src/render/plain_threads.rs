//! OS threads that nobody spawned through the runtime: what there is to be told of them.
//!
//! Threads of one pool differ in the number at the end of their names, so they are one line.

use std::collections::BTreeMap;

use gleak_snapshot::{OsThread, ThreadState};

use super::page::clean;
use crate::words::{count, span};
use crate::{Ignore, Matcher};

/// Names that are told of at most.
const LINES: usize = 20;

/// Who tells, and so what can be proposed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ToldBy {
    /// A test main: exceptions stand in it. Whether the run fails by such threads.
    Main {
        /// Whether it does.
        fails: bool,
    },
    /// The exit of a process.
    Exit,
}

/// What is told of threads that are left; none when there are none. The biggest pools first.
#[must_use]
pub fn plain_threads(threads: &[OsThread], by: ToldBy) -> Option<String> {
    let pools = pools(threads);
    let first = pools.first()?;
    let one = threads.len() == 1;
    let (left, end, remedy) = match by {
        ToldBy::Exit => {
            let left = if one { "was left" } else { "were left" };
            (format!("{left} when the process ended"), "", String::new())
        }
        ToldBy::Main { fails } => {
            let end = if fails { "; the run fails, and no test is to blame" } else { "" };
            let matcher = Matcher::Name(first.pattern.clone());
            let ignore = Ignore { matcher, reason: "..".to_owned() }.to_string();
            let ignore = ignore.replace('\\', "\\\\").replace('"', "\\\"");
            let left = if one { "is left" } else { "are left" };
            let remedy = format!("\n  intended?   at the main: ignore = \"{}\"", clean(&ignore));
            (left.to_owned(), end, remedy)
        }
    };
    let mut lines: Vec<String> = pools.iter().take(LINES).map(|pool| pool.text.clone()).collect();
    if pools.len() > LINES {
        lines.push(format!("and {}", count(pools.len() - LINES, "more name")));
    }
    let count = count(threads.len(), "thread");
    let head = "that nobody spawned through gleak_runtime::thread";
    Some(format!("gleak: {count} {left} {head}{end}\n    {}{remedy}", lines.join("\n    ")))
}

/// Threads that are told in one line.
struct Pool {
    /// What a matcher takes them by: their name, with `*` in the place of the number that they differ in.
    pattern: String,
    text: String,
}

fn pools(threads: &[OsThread]) -> Vec<Pool> {
    let mut pools: BTreeMap<String, Vec<&OsThread>> = BTreeMap::new();
    for thread in threads {
        pools.entry(stem(&thread.name)).or_default().push(thread);
    }
    let mut pools: Vec<(String, Vec<&OsThread>)> = pools.into_iter().collect();
    for (pattern, members) in &mut pools {
        if let [only] = members[..] {
            pattern.clone_from(&only.name);
        }
    }
    // The map is in order of names, which a stable sort keeps among equals.
    pools.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
    let told = |(pattern, members): (String, Vec<&OsThread>)| Pool {
        text: line(&pattern, &members),
        pattern,
    };
    pools.into_iter().map(told).collect()
}

fn stem(name: &str) -> String {
    let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if stem.len() == name.len() || stem.is_empty() { name.to_owned() } else { format!("{stem}*") }
}

fn line(name: &str, members: &[&OsThread]) -> String {
    let in_state = |state: ThreadState| members.iter().filter(|it| it.state == state).count();
    let states = ThreadState::ALL.into_iter().map(|state| (in_state(state), state.word()));
    let states: Vec<String> = states
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| match members.len() {
            1 => word.to_owned(),
            _ => format!("{number} {word}"),
        })
        .collect();
    let eldest = members.iter().map(|thread| thread.age_ns).max().unwrap_or_default();
    let began = match members.len() {
        1 => format!("started {} ago", span(eldest)),
        _ => format!("the first started {} ago", span(eldest)),
    };
    format!("{} \"{}\": {}; {began}", members.len(), clean(name), states.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(name: &str, state: ThreadState, age_ms: u64) -> OsThread {
        let age_ns = age_ms * 1_000_000;
        OsThread { tid: 1, started_ticks: 0, age_ns, name: name.to_owned(), state }
    }

    #[test]
    fn pools_are_told_by_their_common_name() {
        let left = [
            thread("logger", ThreadState::Running, 20),
            thread("pool-1", ThreadState::Sleeping, 1_200),
            thread("7", ThreadState::Stopped, 0),
            thread("pool-12", ThreadState::Running, 3_400),
            thread("io-3", ThreadState::Blocked, 5),
        ];
        let pools = pools(&left);
        let told = pools.iter().map(|pool| (pool.pattern.as_str(), pool.text.as_str()));
        let expected = [
            ("pool-*", "2 \"pool-*\": 1 running, 1 sleeping; the first started 3.4 s ago"),
            ("7", "1 \"7\": stopped; started <1 ms ago"),
            ("io-3", "1 \"io-3\": in a device; started 5 ms ago"),
            ("logger", "1 \"logger\": running; started 20 ms ago"),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn who_tells_says_what_it_comes_to() {
        let left = [thread("a \"b\"", ThreadState::Sleeping, 20)];
        let head = "gleak: 1 thread is left that nobody spawned through gleak_runtime::thread";
        let line = "\n    1 \"a \"b\"\": sleeping; started 20 ms ago";
        let remedy = r#"
  intended?   at the main: ignore = "name=\"a \\\"b\\\"\" because ..""#;
        let by_main = |fails| plain_threads(&left, ToldBy::Main { fails });
        assert_eq!(by_main(false), Some(format!("{head}{line}{remedy}")));
        let red = "; the run fails, and no test is to blame";
        assert_eq!(by_main(true), Some(format!("{head}{red}{line}{remedy}")));
        let at_exit = plain_threads(&left, ToldBy::Exit).unwrap_or_default();
        assert!(at_exit.starts_with("gleak: 1 thread was left when the process ended that nobody"));
        assert_eq!(plain_threads(&[], ToldBy::Exit), None);
    }
}
