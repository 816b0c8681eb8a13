//! Suppressions: findings that a file excepts, by fingerprint or by matchers of their tasks.
//!
//! One line each, `MATCHER [until DATE] because REASON`; lines that begin with `#` and empty ones
//! say nothing.
//!
//! Invariants:
//! 1. A finding goes only if all its tasks are matched, those behind it included: half of a
//!    deadlock is a deadlock.
//! 2. A line whose day is over takes nothing.

use std::io::{self, Read};

use crate::ignore::{
    Calls, Entry, Exception, ExceptionKind, FrameName, GrammarError, Place, Subject, What, entry,
};
use crate::{Date, Finding, Group, Member, Report, key};

/// The lines of a file, or of several.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Suppressions {
    lines: Vec<Suppression>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Suppression {
    what: What,
    until: Option<Date>,
    reason: String,
}

impl Suppressions {
    /// The most bytes that a file may have: something else was named when it has more.
    pub const LARGEST: usize = 16 << 20;

    /// What a file has in it, for [`Suppressions::read`]: no more than what shows that it is too large,
    /// since it may have no end.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn bytes(input: impl io::Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        input.take(Suppressions::LARGEST as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads what a file has in it.
    ///
    /// # Errors
    /// The first place that is not understood.
    pub fn read(bytes: &[u8]) -> Result<Suppressions, GrammarError> {
        if bytes.len() > Suppressions::LARGEST {
            let message = format!("more than {} MiB", Suppressions::LARGEST >> 20);
            return Err(GrammarError { line: 1, column: 1, message });
        }
        let text = str::from_utf8(bytes).map_err(|error| {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let last = before.rsplit('\n').next().unwrap_or_default();
            GrammarError {
                line: before.matches('\n').count() + 1,
                column: last.chars().count() + 1,
                message: "not UTF-8".to_owned(),
            }
        })?;
        Suppressions::parse(text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// The first line that is not understood.
    pub fn parse(text: &str) -> Result<Suppressions, GrammarError> {
        // Some editors put a mark at the beginning.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let lines = text.lines().enumerate().filter(|(_, line)| says_something(line));
        let read = |(at, line): (usize, &str)| {
            let Entry { what, until, reason, .. } = entry(at + 1, line)?;
            Ok(Suppression { what, until, reason })
        };
        Ok(Suppressions { lines: lines.map(read).collect::<Result<_, _>>()? })
    }

    /// Adds the lines of another file.
    pub fn extend(&mut self, other: Suppressions) {
        self.lines.extend(other.lines);
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Takes findings away, as of a day, and says in the report what became of each line.
    pub fn apply(&self, report: &mut Report, today: Date) {
        let exceptions = self.apply_to(&mut report.findings, today);
        report.exceptions.extend(exceptions);
    }

    /// Takes findings away, as of a day; what became of each line comes back.
    #[must_use]
    pub fn apply_to(&self, findings: &mut Vec<Finding>, today: Date) -> Vec<Exception> {
        let mut exceptions: Vec<Exception> =
            self.lines.iter().map(|line| line.untouched(today)).collect();
        if !self.is_empty() {
            findings.retain(|finding| !self.takes(finding, today, &mut exceptions));
        }
        exceptions
    }

    /// Whether a finding goes; if so it is booked.
    fn takes(&self, finding: &Finding, today: Date, exceptions: &mut [Exception]) -> bool {
        let lines = || self.lines.iter().enumerate().filter(|(_, line)| line.is_valid(today));
        let named = |line: &Suppression| line.what == What::Finding(finding.fingerprint.clone());
        let mut hits = vec![0_u64; self.lines.len()];
        let (mut tasks, mut matched_tasks) = (0, 0);
        for group in finding.groups.iter().chain(&finding.dependents) {
            let seen = Seen::new(group);
            for member in &group.members {
                let subject = seen.subject(member);
                let mut is_matched = false;
                for (at, line) in lines() {
                    let matches = match &line.what {
                        What::Tasks(matcher) => matcher.matches(&subject),
                        What::Finding(_) => named(line),
                    };
                    is_matched |= matches;
                    hits[at] += u64::from(matches);
                    let blind = line.needs_stacks() && subject.stack.is_none();
                    exceptions[at].without_stack += u64::from(blind);
                }
                tasks += 1;
                matched_tasks += u64::from(is_matched);
            }
        }
        // A finding on no task at all is only known by its fingerprint.
        let goes = lines().any(|(_, line)| named(line)) || tasks > 0 && matched_tasks == tasks;
        if goes {
            for (at, line) in lines() {
                exceptions[at].tasks += hits[at];
                exceptions[at].findings += u64::from(hits[at] > 0 || named(line));
            }
        }
        goes
    }
}

fn says_something(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

impl Suppression {
    fn is_valid(&self, today: Date) -> bool {
        self.until.is_none_or(|last| today <= last)
    }

    fn untouched(&self, today: Date) -> Exception {
        let expired = self.until.filter(|_| !self.is_valid(today));
        Exception {
            kind: ExceptionKind::Suppression,
            what: match &self.what {
                What::Tasks(matcher) => matcher.to_string(),
                What::Finding(fingerprint) => format!("fingerprint={fingerprint}"),
            },
            reason: self.reason.clone(),
            tasks: 0,
            findings: 0,
            without_stack: 0,
            expired: expired.map(|last| last.to_string()),
        }
    }

    fn needs_stacks(&self) -> bool {
        match &self.what {
            What::Tasks(matcher) => matcher.needs_stacks(),
            What::Finding(_) => false,
        }
    }
}

/// A group of a finding, ready to be matched.
struct Seen<'g> {
    group: &'g Group,
    file: String,
    /// None where it is not known of all of its tasks where they stand.
    stack: Option<Shared>,
}

/// What all tasks of a group have on their stacks.
struct Shared {
    functions: Vec<FrameName>,
    /// Whether the first function is the innermost one.
    innermost: bool,
}

impl Shared {
    fn of(group: &Group) -> Option<Shared> {
        let all = group.members.len() as u64;
        let stack = group.backtrace.as_ref()?;
        if stack.tasks == all {
            let own = stack.frames.iter().filter(|frame| !frame.runtime);
            let functions = own.map(|frame| FrameName::of(&frame.function)).collect();
            return Some(Shared { functions, innermost: true });
        }
        let shared = stack.shared.as_ref().filter(|shared| shared.tasks == all)?;
        let functions = shared.functions.iter().map(|function| FrameName::of(function)).collect();
        Some(Shared { functions, innermost: shared.innermost })
    }
}

impl<'g> Seen<'g> {
    fn new(group: &'g Group) -> Self {
        let file = group.spawn.as_ref().map_or(String::new(), |site| key::file(&site.file));
        Seen { group, file, stack: Shared::of(group) }
    }

    fn subject<'s>(&'s self, member: &'s Member) -> Subject<'s> {
        let place = |site: &gleak_snapshot::Site| Place {
            file: &self.file,
            line: site.line,
            entry: &self.group.entry,
        };
        Subject {
            task: member.task,
            name: member.name.as_deref(),
            labels: &member.labels,
            spawn: self.group.spawn.as_ref().map(place),
            creators: self.group.creators.iter().map(String::as_str).collect(),
            stack: self.stack.as_ref().map(|stack| Calls {
                innermost: stack.functions.first().filter(|_| stack.innermost),
                all: stack.functions.iter().collect(),
            }),
        }
    }
}
