//! Held workers, one a line.

use gleak_snapshot::KernelSleep;

use super::page::{Page, clean};
use super::stack::Shown;
use super::verdict::number;
use crate::words::{count, span, thousands};
use crate::{HeldWorker, Report};

/// More of them say no more: the machine is busy.
const WORKERS: usize = 8;

pub(super) fn held(page: &mut Page, report: &Report) {
    if report.held.is_empty() {
        return;
    }
    page.blank();
    for worker in report.held.iter().take(WORKERS) {
        page.wrap(0, 2, &line(worker));
        // Where it sleeps is all that tells on what.
        let stack = worker.backtrace.as_ref().filter(|_| worker.sleeps.is_some());
        if let Some(shown) = stack.and_then(|it| Shown::alone(page, it, worker.spawn.as_ref())) {
            shown.draw(page, 2);
        }
    }
    let more = report.held.len().saturating_sub(WORKERS);
    if more > 0 {
        page.wrap(0, 2, &format!("and {}", count(more, "more held worker")));
    }
}

/// One line a held worker, for where a whole report would be too much.
#[must_use]
pub fn held_workers(report: &Report) -> Vec<String> {
    report.held.iter().map(line).collect()
}

fn line(held: &HeldWorker) -> String {
    let HeldWorker { worker, by, spawn, waits, sleeps, backtrace: _, held_ns, started, ready } =
        held;
    let mut line = format!("{worker} has been held by {}", by.task);
    if let Some(name) = &by.name {
        line.push_str(&format!(" \"{}\"", clean(name)));
    }
    line.push_str(&format!(" for {}", span(*held_ns)));
    if let Some(site) = spawn {
        line.push_str(&format!(" (spawned at {})", clean(&site.to_string())));
    }
    if let Some(waits) = waits {
        line.push_str(&format!(", which waits {} without leaving it", clean(waits)));
    }
    line.push_str(match sleeps {
        None => "",
        Some(KernelSleep::Futex) => {
            "; its thread sleeps in the kernel, in a call of the task's own: a lock of std's?"
        }
        Some(KernelSleep::Call) => {
            "; its thread sleeps in the kernel, in a system call of the task's own"
        }
    });
    if *started > 0 {
        let verb = if *started == 1 { "waits" } else { "wait" };
        line.push_str(&format!(
            "; {} {verb} behind it, {} ready to run",
            count(number(*started), "started task"),
            if *ready == 0 { "none".to_owned() } else { thousands(number(*ready)) },
        ));
    }
    line
}
