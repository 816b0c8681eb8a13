//! One task, object or finding in full, for people and for programs.

use serde::Serialize;

use super::TextOptions;
use super::block::{block, links};
use super::json::{SCHEMA, document};
use super::page::{Page, Style, clean};
use super::stack::Shown;
use crate::detail::{Detail, Held, ObjectView, TaskView, WaitView};
use crate::snapshot::{HoldMode, Tenure};
use crate::words::{bytes, span};

/// Column of what stands behind a label.
const COLUMN: usize = 11;

/// All that is known of it, for people.
#[must_use]
pub fn detail(detail: &Detail, options: &TextOptions) -> String {
    let mut page = Page::new(options);
    match detail {
        Detail::Task(view) => task(&mut page, view),
        Detail::Object(view) => object(&mut page, view),
        Detail::Finding { number, finding } => block(&mut page, *number, finding),
    }
    page.finish()
}

#[derive(Serialize)]
struct Versioned<'d> {
    schema: u32,
    #[serde(flatten)]
    detail: &'d Detail,
}

/// All that is known of it, for programs.
#[must_use]
pub fn detail_json(detail: &Detail) -> String {
    document(&Versioned { schema: SCHEMA, detail })
}

fn say(page: &mut Page, label: &str, text: &str) {
    page.labelled(2, COLUMN, label, &clean(text));
}

/// A label, and a line for each.
fn list<'t>(page: &mut Page, label: &str, texts: impl IntoIterator<Item = &'t String>) {
    for (at, text) in texts.into_iter().enumerate() {
        say(page, if at == 0 { label } else { "" }, text);
    }
}

fn task(page: &mut Page, view: &TaskView) {
    let head = format!("{}  {}", clean(&view.who), clean(&view.entry));
    page.split(Style::Strong, &head, &[(Style::Plain, &clean(&view.state))]);
    if let Some(spawn) = &view.spawn {
        say(page, "spawned", &spawn.to_string());
    }
    if let Some(parent) = &view.parent {
        say(page, "by", parent);
    }
    for (at, ancestor) in view.ancestry.iter().enumerate() {
        let text = format!("{} spawned at {}", ancestor.entry, ancestor.spawn);
        say(page, if at == 0 { "parents" } else { "" }, &text);
    }
    for (at, (key, value)) in view.labels.iter().enumerate() {
        say(page, if at == 0 { "labels" } else { "" }, &format!("{key}={value}"));
    }
    let tenure = match view.tenure {
        Tenure::Ordinary => "",
        Tenure::Background => ", and may outlive it",
        Tenure::Daemon => ", a daemon",
    };
    let region = view.region.as_deref().unwrap_or("no test or guard");
    say(page, "charged to", &format!("{region}{tenure}"));
    if let Some(worker) = &view.worker {
        say(page, "runs on", worker);
    }
    if let Some(stack) = view.stack {
        let (touched, size) = (bytes(stack.touched), bytes(stack.bytes));
        say(page, "stack", &format!("{touched} touched of {size}"));
    }
    for finding in &view.findings {
        let behind = if finding.behind { "waits behind " } else { "" };
        let (certainty, rule, print) = (finding.certainty, finding.rule, &finding.fingerprint);
        say(page, "finding", &format!("{behind}{rule}, {certainty}  {print}"));
        say(page, "", &format!("because {}", finding.because));
    }
    if let Some(waiting) = &view.wait {
        page.blank();
        wait(page, waiting);
    }
    if let Some(stack) = &view.backtrace
        && let Some(shown) = match &view.wait {
            Some(wait) => Shown::waiting(page, stack, view.spawn.as_ref(), &wait.at),
            None => Shown::alone(page, stack, view.spawn.as_ref()),
        }
    {
        if let Some(function) = &shown.function {
            say(page, "in", function);
        }
        shown.draw(page, 4);
    }
    page.blank();
    for held in &view.holds {
        hold(page, held);
    }
    if view.holds.is_empty() {
        say(page, "holds", "no lock");
    }
    list(page, "joined by", &view.joined_by);
    say(page, "failure", &view.failure);
}

fn wait(page: &mut Page, wait: &WaitView) {
    say(page, "waits", &format!("{}, for {}", wait.what, span(wait.waited_ns)));
    say(page, "at", &wait.at.to_string());
    list(page, "ends by", &wait.ends_by);
    list(page, "facts", &wait.facts);
    if !wait.chain.is_empty() {
        page.line(&[(Style::Plain, "  held up by")]);
        links(page, &wait.chain);
    }
}

fn hold(page: &mut Page, held: &Held) {
    let mut text = held.lock.clone();
    if held.mode == HoldMode::Shared {
        text.push_str(", among readers");
    }
    if let Some(ns) = held.held_ns {
        text.push_str(&format!(", for {}", span(ns)));
    }
    if let Some(site) = &held.taken_at {
        text.push_str(&format!(", taken at {site}"));
    }
    say(page, "holds", &text);
    list(page, "wanted by", &held.wanted_by);
}

fn object(page: &mut Page, view: &ObjectView) {
    page.line(&[(Style::Strong, &clean(&view.what))]);
    say(page, "made at", &view.made_at.to_string());
    if let Some(region) = &view.only_of {
        say(page, "used by", &format!("tasks of {region} only"));
    }
    if let Some(owner) = &view.owner {
        say(page, "owner", owner);
    }
    if let (Some(site), Some(ns)) = (&view.taken_at, view.held_ns) {
        say(page, "taken", &format!("{} ago at {site}", span(ns)));
    }
    list(page, "readers", &view.readers);
    list(page, "wanted by", &view.wanted_by);
    if view.wanted_by.is_empty() {
        say(page, "wanted by", "nobody");
    }
    list(page, "facts", &view.facts);
}
