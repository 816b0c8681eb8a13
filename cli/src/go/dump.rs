//! A dump of a Go program, and the judgement of it in Go's words.
//!
//! Invariant: a rule's finding is told as what it stands on in a Go dump: a state or a mark that the
//! runtime has written there itself.

use std::collections::BTreeMap;

use gleak_detector::snapshot::{Snapshot, TaskId};
use gleak_detector::{Aside, AsideKind, Finding, Group, Question, Report, Rule, analyze};

use super::build::Build;

/// As many states as are named of one group.
const MOST_NAMES: usize = 4;

/// Everything that one Go dump said.
#[derive(Debug)]
pub(crate) struct GoDump {
    /// Its goroutines as tasks.
    pub(crate) snapshot: Snapshot,
    /// By task, in their order.
    pub(super) notes: Vec<Note>,
    /// States by number, in Go's words.
    pub(super) states: Vec<String>,
    /// Lines that were not understood.
    pub(super) unread: u64,
    /// Goroutines that were counted and not taken.
    pub(super) missing: u64,
    /// Whether it ends in the middle of a goroutine.
    pub(super) cut: bool,
    /// Whether each goroutine has a number of its own.
    pub(super) numbered: bool,
    /// What synctest said of the only bubble.
    pub(super) bubble: Option<&'static str>,
    /// What stands around the goroutines.
    pub(super) asides: Vec<Aside>,
}

/// What is known of a goroutine that a task has no place for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Note {
    /// The number of its state.
    pub(super) state: u32,
    /// Whether the runtime has marked it as leaked.
    pub(super) leaked: bool,
    /// The bubble that it is blocked in for ever, by the runtime's word.
    pub(super) bubble: Option<u64>,
    /// Where what it waits for lies, and whether the runtime vouches for that.
    pub(super) address: Option<(u64, bool)>,
}

impl GoDump {
    /// What stands in a text without any goroutine.
    pub(super) fn without_goroutines(name: String, asides: Vec<Aside>) -> GoDump {
        let mut dump = Build::default().finish(name, false);
        dump.asides = asides;
        dump
    }

    /// Whether it holds nothing but what stands around goroutines.
    pub(super) fn is_bare(&self) -> bool {
        self.notes.is_empty() && !self.asides.is_empty()
    }

    /// What is in it in place of goroutines, when none is.
    pub(crate) fn only(&self) -> Option<String> {
        let first = self.asides.first().filter(|_| self.is_bare())?;
        let races = self.asides.iter().filter(|it| it.kind == AsideKind::Race).count();
        Some(match (first.kind, races) {
            (AsideKind::Panic | AsideKind::Signal, _) => {
                format!("has no goroutine in it; it says {}", first.lines[0])
            }
            (AsideKind::Race, 1) => {
                "has no goroutine in it, only a report of the race detector".to_owned()
            }
            (AsideKind::Race, _) => {
                format!("has no goroutine in it, only {races} reports of the race detector")
            }
        })
    }

    /// Lines that were not understood.
    pub(crate) fn unread(&self) -> u64 {
        self.unread
    }

    /// Whether its goroutines have numbers; profiles have none.
    pub(crate) fn is_numbered(&self) -> bool {
        self.numbered
    }

    /// Whether the runtime said that nobody can go on.
    pub(crate) fn is_asleep(&self) -> bool {
        self.snapshot.activity.still
    }

    /// The state of a goroutine, in Go's words.
    pub(crate) fn said(&self, task: TaskId) -> Option<String> {
        let note = self.note(task)?;
        let state = Some(self.state(note)).filter(|it| !it.is_empty()).unwrap_or("waiting");
        Some(format!("{state}{}", if note.leaked { " (leaked)" } else { "" }))
    }

    /// Judges it. What was not understood is told, and takes nothing from what the runtime has said.
    pub(crate) fn judge(&self, question: &Question) -> Report {
        let mut report = analyze(&self.snapshot, question);
        for finding in &mut report.findings {
            self.explain(finding);
        }
        let findings = report.findings.iter_mut();
        let of_findings = findings.flat_map(|it| it.groups.iter_mut().chain(&mut it.dependents));
        for group in of_findings.chain(&mut report.groups) {
            group.waits_for = self.waits(group);
            for member in &mut group.members {
                // Go counts minutes and does not tell the first one.
                member.waited_ns = member.waited_ns.filter(|waited| *waited > 0);
            }
        }
        report.asides.clone_from(&self.asides);
        report.completeness.unknown_lines = self.unread;
        report.completeness.missing_tasks = self.missing;
        report.completeness.cut = self.cut;
        report
    }

    fn note(&self, task: TaskId) -> Option<Note> {
        let at = self.snapshot.tasks.binary_search_by_key(&task, |task| task.id).ok()?;
        self.notes.get(at).copied()
    }

    fn notes<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = Note> + 'a {
        group.members.iter().filter_map(|member| self.note(member.task))
    }

    fn explain(&self, finding: &mut Finding) {
        let notes = || finding.groups.iter().flat_map(|group| self.notes(group));
        let because = match finding.key.rule {
            Rule::Asleep => "the Go runtime said so: all goroutines are asleep - deadlock!",
            Rule::Structural if notes().all(|note| note.bubble.is_some()) => {
                let said = self.bubble.unwrap_or_default();
                finding.because = format!("the Go runtime said so of its synctest bubble: {said}");
                return;
            }
            Rule::Structural if notes().all(|note| note.leaked) => {
                "the Go runtime has marked it as leaked: nothing that still runs can reach what it waits for"
            }
            Rule::Structural if notes().any(|note| note.leaked || note.bubble.is_some()) => {
                "it waits for what cannot come, or the Go runtime has said that it never ends"
            }
            Rule::Structural => match finding.groups.first().and_then(|it| self.notes(it).next()) {
                Some(note) if self.state(note) == "select (no cases)" => {
                    "it waits in a select without cases, which nothing ends"
                }
                _ => "it waits on a nil channel, which nothing ends",
            },
            Rule::Cycle
            | Rule::Panicked
            | Rule::Misuse
            | Rule::UnseenError
            | Rule::AbandonedLock
            | Rule::AsleepInRegion
            | Rule::Spinner
            | Rule::CancelIgnored
            | Rule::SilentPeer
            | Rule::LostWakeUp
            | Rule::HeldOverBlock
            | Rule::Outlived
            | Rule::WaitingLong
            | Rule::Growing
            | Rule::LockOrder => return,
        };
        because.clone_into(&mut finding.because);
    }

    fn state(&self, note: Note) -> &str {
        self.states.get(note.state as usize).map_or("", String::as_str)
    }

    /// `in chan receive`, `in sync.Mutex.Lock on 0xc000010050`, `in select (leaked) or chan send`.
    fn waits(&self, group: &Group) -> String {
        let mut states: BTreeMap<(u32, bool), u64> = BTreeMap::new();
        let mut addresses: BTreeMap<u64, (u64, bool)> = BTreeMap::new();
        let mut without = 0_u64;
        for note in self.notes(group) {
            *states.entry((note.state, note.leaked)).or_default() += 1;
            match note.address {
                Some((address, sure)) => {
                    let (count, all_sure) = addresses.entry(address).or_insert((0, true));
                    *count += 1;
                    *all_sure &= sure;
                }
                None => without += 1,
            }
        }
        let mark = |leaked| if leaked { " (leaked)" } else { "" };
        let mut names: Vec<String> = states
            .into_keys()
            .filter_map(|(state, leaked)| {
                let state = self.states.get(state as usize).filter(|it| !it.is_empty())?;
                Some(format!("{state}{}", mark(leaked)))
            })
            .collect();
        names.sort();
        if names.len() > MOST_NAMES {
            names.truncate(MOST_NAMES);
            names.push("other states".to_owned());
        }
        if names.is_empty() {
            names.push("a state that the profile does not tell".to_owned());
        }
        let many = addresses.len();
        // The address that most of them wait for; of equally many the lowest.
        let most = addresses.into_iter().rev().max_by_key(|(_, (count, _))| *count);
        let on = most.map(|(address, (count, sure))| {
            let doubt = if sure { "" } else { "?" };
            match many {
                1 if without == 0 => format!(" on {address:#x}{doubt}"),
                _ => format!(" on {many} addresses, {count} of them on {address:#x}{doubt}"),
            }
        });
        format!("in {}{}", names.join(" or "), on.unwrap_or_default())
    }
}
