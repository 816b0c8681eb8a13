//! What is told of the whole process when somebody asks: by a signal, or because a test is late. All groups
//! of tasks with their stacks, what is certain of them, and where the dump is.

use std::io;

use gleak_detector::render::{self, TextOptions};
use gleak_detector::{Question, Report, analyze};
use gleak_snapshot::{Reason, Snapshot};
use once_cell::sync::OnceCell;

use super::{layout, others};
use crate::collect::{self, Detail};
use crate::dump;
use crate::signals::settings::Signal;
use crate::signals::{self, Came};

/// What somebody has to say to a signal: the first line, and a judgement.
type Judge = Box<dyn Fn(Came, &Snapshot) -> (String, Report) + Send + Sync>;

static INSTEAD: OnceCell<Judge> = OnceCell::new();

/// Answers SIGTERM, SIGQUIT and SIGUSR1 from now on, whatever the environment says, with this first line and
/// this judgement. For test harnesses, which know what runs; only the first call counts.
///
/// # Errors
/// When no thread can be made for it, or the kernel refuses a handler.
pub fn on_signals(
    judge: impl Fn(Came, &Snapshot) -> (String, Report) + Send + Sync + 'static,
) -> io::Result<()> {
    let _ = INSTEAD.set(Box::new(judge));
    signals::listen([Signal::Term, Signal::Quit, Signal::Usr1].into_iter().collect())
}

/// What to tell of this signal. Dumps are written first: who reads the rest may be stuck. Each runtime has its own
/// clock and its own numbers, and so its own part and its own dump.
pub(crate) fn of_signal(came: Came) -> String {
    let ours = collect::take(Reason::Signal).with(Detail::DUMP);
    let all = with_others(ours);
    let told: Vec<(Snapshot, Option<String>)> = all
        .into_iter()
        .map(|snapshot| {
            let dump = dumped(&snapshot);
            (snapshot, dump)
        })
        .collect();
    let mut parts = Vec::new();
    for (snapshot, dump) in &told {
        let (head, report) = match INSTEAD.get() {
            Some(judge) => judge(came, snapshot),
            None => (came.head(), analyze(snapshot, &Question::default())),
        };
        let options = TextOptions { group_stacks: true, ..layout(&report) };
        let text = render::text(&report, &options);
        let body = if INSTEAD.get().is_some() { without_verdict(&text) } else { &text };
        parts.extend(parts.is_empty().then_some(head));
        parts.extend([Some(body.to_owned()), dump.clone()].into_iter().flatten());
    }
    parts.iter().map(|part| part.trim_end()).collect::<Vec<_>>().join("\n\n")
}

/// A snapshot of ours and those of other runtimes; of those without tasks only ours, if all are.
fn with_others(ours: Snapshot) -> Vec<Snapshot> {
    let theirs = others(ours.header.reason);
    let has_tasks = |snapshot: &Snapshot| !snapshot.tasks.is_empty();
    if !theirs.iter().any(has_tasks) {
        return vec![ours];
    }
    std::iter::once(ours).chain(theirs).filter(has_tasks).collect()
}

/// As [`dumped`], of this snapshot and of what other runtimes do: a line each.
#[must_use]
pub fn all_dumped(ours: Snapshot) -> Option<String> {
    let lines: Vec<String> = with_others(ours).iter().filter_map(dumped).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Writes a dump of it, if one is wanted for its reason, and says where it is or why it is not; nothing if
/// that was said before.
#[must_use]
pub fn dumped(snapshot: &Snapshot) -> Option<String> {
    dump::written_for(snapshot)
}

/// What each group of tasks does, with its stacks, under this line and above what there is of a dump.
#[must_use]
pub fn in_full(head: &str, report: &Report, layout: TextOptions, dump: Option<&str>) -> String {
    let text = render::text(report, &TextOptions { group_stacks: true, ..layout });
    let parts = [Some(head), Some(without_verdict(&text)), dump];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

/// A report after its verdict, in place of which the caller has another. A blank line ends it: in a
/// narrow layout it takes two lines.
#[must_use]
pub fn without_verdict(text: &str) -> &str {
    text.split_once("\n\n").map_or("", |(_, rest)| rest).trim_end()
}
