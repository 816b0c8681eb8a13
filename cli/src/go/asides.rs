//! What a Go program prints around its goroutines and is none: the panic that it died of, with those that
//! were recovered before, fatal errors of the runtime, and reports of the race detector.
//!
//! Invariants:
//! 1. A panic is told only if the goroutines follow it, behind the same prefix and with nothing between.
//! 2. Nothing here is a goroutine, and nothing here is counted as a leak.
//! 3. Of each no more than its first lines are kept, and no more than a few.

use gleak_detector::{Aside, AsideKind};

use super::line::{self, Line};
use super::prefix::Prefix;

/// As many lines of one, and as many bytes of a line.
const MOST_LINES: usize = 12;
const MOST_BYTES: usize = 400;
/// As many races as are told.
const MOST_RACES: usize = 20;

const BEGINS: [&str; 2] = ["panic: ", "fatal error: "];

/// What synctest says when nobody in a bubble can go on.
const BUBBLE: [&str; 2] = [
    "deadlock: all goroutines in bubble are blocked",
    "deadlock: main bubble goroutine has exited but blocked goroutines remain",
];

/// A panic, until it is known whether goroutines follow.
#[derive(Debug)]
struct Pending {
    prefix: Prefix,
    lines: Vec<String>,
    /// Whether its last line was read.
    whole: bool,
}

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Asides {
    pending: Option<Pending>,
    race: Option<Vec<String>>,
    done: Vec<Aside>,
    races: usize,
}

impl Asides {
    /// A line between goroutines, and what is in front of it.
    pub(super) fn outside(&mut self, text: &str, prefix: impl Fn(&str) -> Prefix) {
        let own = self.pending.as_ref().and_then(|it| it.prefix.strip(text));
        let text = own.unwrap_or(text).trim();
        let begin = BEGINS.iter().find_map(|begin| text.find(begin));
        match (&mut self.pending, begin) {
            (Some(Pending { lines, whole: false, .. }), Some(0)) => keep(lines, text),
            (_, Some(at)) => {
                let (before, text) = text.split_at(at);
                let mut lines = Vec::new();
                keep(&mut lines, text);
                self.pending = Some(Pending { prefix: prefix(before), lines, whole: false });
            }
            (Some(pending), None) if text.is_empty() => pending.whole = true,
            (Some(Pending { lines, whole: false, .. }), None) => keep(lines, text),
            // Of threads that have no goroutine.
            (Some(_), None) if text.starts_with("runtime stack:") => {}
            (_, None) => self.pending = None,
        }
    }

    /// A goroutine begins behind this prefix. What synctest said of its bubble comes back.
    pub(super) fn goroutine(&mut self, prefix: &Prefix) -> Option<&'static str> {
        let Pending { lines, .. } = self.pending.take().filter(|it| it.prefix == *prefix)?;
        let said = BUBBLE.into_iter().find(|words| {
            lines.iter().filter_map(|line| line.strip_prefix("panic: ")).any(|line| {
                line.strip_prefix(words)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(" ["))
            })
        });
        // A finding tells it.
        if !matches!(&lines[..], [only] if is_deadlock(only)) {
            self.done.push(Aside { kind: AsideKind::Panic, lines });
        }
        said
    }

    /// The text ends, and no goroutine was in it.
    pub(super) fn of_nobody(&mut self) {
        if let Some(Pending { lines, .. }) =
            self.pending.take().filter(|it| is_deadlock(&it.lines[0]))
        {
            self.done.push(Aside { kind: AsideKind::Panic, lines });
        }
    }

    /// A report of a race begins.
    pub(super) fn race_begins(&mut self) {
        self.race = Some(Vec::new());
    }

    /// A line of it: who does what where.
    pub(super) fn race(&mut self, text: &str) {
        let Some(lines) = &mut self.race else { return };
        let is_open = lines.last().is_some_and(|it| it.ends_with(':'));
        let has_place = lines.last().is_some_and(|it| it.ends_with(')'));
        let said = line::read(text);
        if let (Line::Call { function, .. }, true) = (said, is_open) {
            extend(lines, &format!(" {function}"));
        } else if let (Line::Place { file, line }, false) = (said, has_place) {
            extend(lines, &format!(" ({file}:{line})"));
        } else if text.ends_with(':') && text.contains(" by ") {
            keep(lines, text);
        }
    }

    /// It has ended.
    pub(super) fn race_ends(&mut self) {
        let Some(lines) = self.race.take().filter(|lines| !lines.is_empty()) else { return };
        self.races += 1;
        if self.races <= MOST_RACES {
            self.done.push(Aside { kind: AsideKind::Race, lines });
        }
    }

    /// All that was told, when a text or a dump is over.
    pub(super) fn take(&mut self) -> Vec<Aside> {
        self.race_ends();
        std::mem::take(&mut self.done)
    }
}

fn is_deadlock(line: &str) -> bool {
    line.starts_with("fatal error: ") && line.ends_with(" - deadlock!")
}

fn keep(lines: &mut Vec<String>, text: &str) {
    if lines.len() < MOST_LINES {
        lines.push(String::new());
        extend(lines, text);
    }
}

/// Adds to the last line.
fn extend(lines: &mut [String], text: &str) {
    let Some(last) = lines.last_mut() else { return };
    let room = MOST_BYTES.saturating_sub(last.len());
    let end = (0..=room.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    last.push_str(&text[..end.unwrap_or(0)]);
}

#[cfg(test)]
mod tests {
    use gleak_detector::{AsideKind, Question, Rule};

    use super::super::{GoDump, read};

    const TEST: &str = "goroutine 21 [running]:\nmain.f()\n\t/app/a_test.go:9 +0x1\n\n";

    fn dumps(text: &str) -> Vec<GoDump> {
        read(&mut text.as_bytes(), "log").unwrap()
    }

    #[track_caller]
    fn told(text: &str) -> Vec<(AsideKind, Vec<String>)> {
        let dumps = dumps(text);
        let asides = dumps.iter().flat_map(|it| it.judge(&Question::default()).asides);
        asides.map(|it| (it.kind, it.lines)).collect()
    }

    fn panic(lines: &[&str]) -> Vec<(AsideKind, Vec<String>)> {
        vec![(AsideKind::Panic, lines.iter().map(ToString::to_string).collect())]
    }

    #[test]
    fn a_panic_is_told_with_those_before_it() {
        let chain = "panic: first [recovered]\n\tpanic: again\n[signal SIGSEGV: code=0x1]\n\n";
        let lines = ["panic: first [recovered]", "panic: again", "[signal SIGSEGV: code=0x1]"];
        assert_eq!(told(&format!("up\n{chain}{TEST}")), panic(&lines));
        let crash =
            "fatal error: stack overflow\n\nruntime stack:\nruntime.throw()\n\t/go/x.go:1\n\n";
        assert_eq!(told(&format!("{crash}{TEST}")), panic(&["fatal error: stack overflow"]));
        // The second one is of the second dump.
        let twice = format!("panic: one\n\n{TEST}exit status 2\npanic: two\n\n{TEST}");
        let said: Vec<usize> =
            dumps(&twice).iter().map(|it| it.judge(&Question::default()).asides.len()).collect();
        assert_eq!(said, [1, 1]);
        // Behind a prefix, before it is known and after.
        let twice: String = twice.lines().map(|line| format!("svc_1 | {line}\n")).collect();
        let of = |dump: &GoDump| dump.judge(&Question::default()).asides[0].lines.clone();
        let said: Vec<Vec<String>> = dumps(&twice).iter().map(of).collect();
        assert_eq!(said, [["panic: one"], ["panic: two"]]);
    }

    #[test]
    fn a_panic_of_others_is_not_told() {
        for text in [
            format!("panic: boom\n\nwe went on\n\n{TEST}"),
            format!("2026/01/01 log says panic: boom\n\n{TEST}"),
            format!("{TEST}panic: boom\n"),
        ] {
            assert_eq!(told(&text), [], "{text}");
        }
        // That all are asleep is a finding already.
        let all = "fatal error: all goroutines are asleep - deadlock!\n\n";
        assert_eq!(told(&format!("{all}{}", TEST.replace("running", "select"))), []);
    }

    const RACE: &str = "==================\nWARNING: DATA RACE\nWrite at 0x00c01 by goroutine 8:\n  \
        main.f.func1()\n      /app/a.go:9 +0x39\n  main.g()\n      /app/a.go:8 +0x1\n\n\
        Previous read at 0x00c01 by main goroutine:\n  main.f()\n      /app/a.go:12 +0x10\n\n\
        Goroutine 8 (running) created at:\n  main.f()\n      /app/a.go:7 +0xfb\n==================\n";

    #[test]
    fn a_race_is_told_apart_and_is_no_goroutine() {
        let lines = [
            "Write at 0x00c01 by goroutine 8: main.f.func1 (/app/a.go:9)",
            "Previous read at 0x00c01 by main goroutine: main.f (/app/a.go:12)",
        ];
        let text = format!("{RACE}{TEST}");
        let race = |told: &(AsideKind, Vec<String>)| told.0 == AsideKind::Race && told.1 == lines;
        assert!(told(&text).len() == 1 && told(&text).iter().all(race), "{:?}", told(&text));
        let dump = &dumps(&text)[0];
        assert_eq!((dump.snapshot.tasks.len(), dump.unread()), (1, 0));
        assert_eq!(dump.judge(&Question::default()).findings, []);
        // Behind the goroutines as well.
        assert!(told(&format!("{TEST}{RACE}")).iter().all(race));
        let bare = dumps(&RACE.repeat(2));
        let only = bare[0].only().unwrap();
        assert_eq!(only, "has no goroutine in it, only 2 reports of the race detector");
        let exit = "fatal error: no goroutines (main called runtime.Goexit) - deadlock!";
        let only = dumps(&format!("{exit}\nexit status 2\n"))[0].only().unwrap();
        assert_eq!(only, format!("has no goroutine in it; it says {exit}"));
        assert!(dumps("a log\npanic: boom\n").is_empty());
    }

    fn bubble(id: u64, state: &str) -> String {
        format!("goroutine {id} [{state}]:\nmain.g()\n\t/app/a.go:{id} +0x1\n\n")
    }

    #[test]
    fn a_deadlocked_bubble_is_a_finding_by_the_runtimes_word() {
        for said in super::BUBBLE {
            let text = format!(
                "panic: {said} [recovered, repanicked]\n\n{TEST}{}{}{}",
                bubble(24, "chan receive (durable), synctest bubble 1"),
                bubble(25, "chan receive, synctest bubble 1"),
                bubble(26, "chan receive"),
            );
            let report = dumps(&text)[0].judge(&Question::default());
            assert_eq!(report.findings.len(), 1, "{said}");
            assert_eq!(report.findings[0].key.rule, Rule::Structural);
            assert!(report.findings[0].because.ends_with(said), "{:?}", report.findings);
            let members = &report.findings[0].groups[0].members;
            assert_eq!(members.iter().map(|it| it.task.0).collect::<Vec<_>>(), [24]);
        }
    }

    #[test]
    fn a_bubble_is_not_accused_without_that_word_or_beside_another() {
        let blocked = bubble(24, "chan receive (durable), synctest bubble 1");
        let other = bubble(25, "chan receive (durable), synctest bubble 2");
        let said = format!("panic: {}\n\n", super::BUBBLE[0]);
        for text in [
            format!("panic: boom\n\n{TEST}{blocked}"),
            format!("{TEST}{blocked}"),
            format!("{said}{TEST}{blocked}{other}"),
            format!("panic: {} said they\n\n{TEST}{blocked}", super::BUBBLE[0]),
        ] {
            assert_eq!(dumps(&text)[0].judge(&Question::default()).findings, [], "{text}");
        }
    }
}
