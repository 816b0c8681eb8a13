//! What ignores and suppressions did, one a line: those that took something, then those that did not.

use super::page::{Page, clean};
use super::verdict::number;
use crate::words::count;
use crate::{Exception, ExceptionKind};

pub(super) fn exceptions<'e>(page: &mut Page, all: impl Iterator<Item = &'e Exception>) {
    let (used, unused): (Vec<_>, Vec<_>) = all.partition(|it| it.is_used());
    if used.is_empty() && unused.is_empty() {
        return;
    }
    page.blank();
    for exception in used.into_iter().chain(unused) {
        page.wrap(0, 2, &line(exception));
    }
}

/// One line on each ignore and suppression that took something away.
#[must_use]
pub fn used(exceptions: &[Exception]) -> Vec<String> {
    exceptions.iter().filter(|it| it.is_used()).map(line).collect()
}

/// One line on each ignore and suppression that took nothing away, and why, where that is known.
#[must_use]
pub fn unused(exceptions: &[Exception]) -> Vec<String> {
    exceptions.iter().filter(|it| !it.is_used()).map(line).collect()
}

/// One line on each, those first that took something away.
pub(super) fn all(exceptions: &[Exception]) -> Vec<String> {
    used(exceptions).into_iter().chain(unused(exceptions)).collect()
}

fn line(exception: &Exception) -> String {
    let Exception { kind, what, reason, tasks, findings, without_stack, expired } = exception;
    let (kind, what, reason) = (*kind, clean(what), clean(reason));
    if exception.is_used() {
        let tasks = count(number(*tasks), "task");
        let took = match kind {
            ExceptionKind::Ignore => format!("{tasks} ignored"),
            ExceptionKind::Suppression => {
                format!("{} of {tasks} suppressed", count(number(*findings), "finding"))
            }
        };
        return format!("{took} by {what} because {reason}");
    }
    let why = match (expired, without_stack) {
        (Some(day), _) => format!(" (its last day was {})", clean(day)),
        (None, 0) => String::new(),
        (None, 1) => " (needs stacks, and 1 task has none)".to_owned(),
        (None, some) => format!(" (needs stacks, and {} have none)", count(number(*some), "task")),
    };
    format!("unused {}{why}: {what} because {reason}", kind.word())
}
