//! What is told of the whole process when somebody asks: by a signal, or because a test is late. All groups
//! of tasks with their stacks, what is certain of them, and where the dump is.

use std::io;

use gleak_detector::render::{self, TextOptions};
use gleak_detector::{Question, Report, analyze};
use gleak_snapshot::{Reason, Snapshot};
use once_cell::sync::OnceCell;

use super::layout;
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

/// What to tell of this signal. A dump is written first: who reads the rest may be stuck.
pub(crate) fn of_signal(came: Came) -> String {
    let snapshot = collect::take(Reason::Signal).with(Detail::DUMP);
    let dump = dumped(&snapshot);
    if let Some(judge) = INSTEAD.get() {
        let (head, report) = judge(came, &snapshot);
        return in_full(&head, &report, layout(&report), dump.as_deref());
    }
    let report = analyze(&snapshot, &Question::default());
    let options = TextOptions { group_stacks: true, ..layout(&report) };
    let parts = [Some(came.head()), Some(render::text(&report, &options)), dump];
    parts.iter().flatten().map(|part| part.trim_end()).collect::<Vec<_>>().join("\n\n")
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
