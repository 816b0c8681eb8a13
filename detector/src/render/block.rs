//! One finding: title, circle or chain, groups, reasons, who waits behind.

use gleak_snapshot::{COUNTED, HOOKED};

use super::crowd::{Crowd, is_threads};
use super::page::{Page, Style, clean, columns, cut_middle};
use super::source;
use super::stack::{LABEL, Shown};
use crate::words::{NEVER_STARTED, RUNNING, bytes, count, span, thousands};
use crate::{Certainty, Finding, Group, Keeps, Link, Member, Rule, shorten};

const IDS: usize = 6;
const TESTS: usize = 4;
/// More groups of one finding, or behind it, are in the table.
const GROUPS: usize = 8;
const LINKS: usize = 16;
/// Less memory than this is not what somebody looks for.
const MEMORY: u64 = 64 << 10;

pub(super) fn block(page: &mut Page, number: usize, finding: &Finding) {
    title(page, number, finding);
    let circle = finding.key.rule == Rule::Cycle;
    if circle {
        links(page, &finding.chain);
    }
    for shown in finding.groups.iter().take(GROUPS) {
        group(page, 4, shown, Source::Shown);
    }
    more(page, 4, finding.groups.len());
    if !circle && !finding.chain.is_empty() {
        page.line(&[(Style::Plain, &format!("    {}", chain_lead(finding)))]);
        links(page, &finding.chain);
    }
    page.wrap(4, 6, &format!("because {}", clean(&finding.because)));
    for fact in &finding.facts {
        page.wrap(4, 6, &format!("- {}", clean(fact)));
    }
    if !finding.dependents.is_empty() {
        let behind = finding.behind();
        let verb = if behind == 1 { "waits" } else { "wait" };
        page.wrap(4, 6, &format!("{} {verb} behind", Crowd::of(&finding.dependents)));
        for shown in finding.dependents.iter().take(GROUPS) {
            group(page, 6, shown, Source::Left);
        }
        more(page, 6, finding.dependents.len());
    }
    if !finding.regions.is_empty() {
        let names: Vec<String> =
            finding.regions.iter().take(TESTS).map(|name| clean(name)).collect();
        let rest = finding.regions.len().saturating_sub(TESTS);
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        page.wrap(4, 6, &format!("in {}{rest}", names.join(", ")));
    }
}

/// What stands above a chain that is no circle.
pub(super) fn chain_lead(finding: &Finding) -> &'static str {
    if holds_up(finding) {
        if finding.tasks() == 1 { "it holds up" } else { "one of them holds up" }
    } else if finding.certainty == Certainty::Potential {
        "if they meet"
    } else {
        "held up by"
    }
}

/// Whether the chain begins behind the finding's own tasks.
fn holds_up(finding: &Finding) -> bool {
    let Some(first) = finding.chain.first() else { return false };
    let mut behind = finding.dependents.iter().flat_map(|group| &group.members);
    behind.any(|member| member.task == first.task.task)
}

/// What a finding is, in a few words.
pub(super) fn what(finding: &Finding) -> String {
    let crowd = Crowd::of(&finding.groups);
    let (tasks, leak) = (crowd.to_string(), crowd.leak());
    match finding.key.rule {
        Rule::Cycle if finding.tasks() == finding.chain.len() => format!("cycle of {tasks}"),
        Rule::Cycle => format!("{tasks} in cycles like this"),
        Rule::Structural => format!("{tasks} that can never go on"),
        Rule::Asleep => format!("{tasks} asleep"),
        Rule::Panicked => format!("{tasks} panicked"),
        Rule::Misuse => format!("misuse by {tasks}"),
        Rule::UnseenError => format!("{tasks} failed unseen"),
        Rule::AbandonedLock => format!("{tasks} waiting for an abandoned lock"),
        Rule::AsleepInRegion => format!("{leak}: {tasks} asleep"),
        Rule::Spinner => format!("{leak}: {tasks} running on"),
        Rule::CancelIgnored => format!("{leak}: {tasks} waiting on after a cancel"),
        Rule::SilentPeer => format!("{leak}: {tasks} waiting for a silent peer"),
        Rule::LostWakeUp => format!("{leak}: {tasks} waiting, perhaps since a lost wake-up"),
        Rule::HeldOverBlock => format!("{leak}: {tasks} waiting with a lock held"),
        Rule::Outlived => format!("{leak}: {tasks} left over"),
        Rule::WaitingLong => format!("{tasks} waiting for long"),
        Rule::Growing => format!("{tasks}, more in each sample"),
        Rule::LockOrder => {
            format!("lock order: {} in a circle", count(finding.chain.len(), "lock"))
        }
    }
}

fn title(page: &mut Page, number: usize, finding: &Finding) {
    let what = what(finding);
    let certainty = match finding.certainty {
        Certainty::Certain => Style::Alarm,
        Certainty::Strong | Certainty::Weak | Certainty::Potential => Style::Plain,
    };
    let print = clean(&finding.fingerprint.0);
    let left = format!("[{number}] {what}");
    let right = [(certainty, finding.certainty.word()), (Style::Plain, "  "), (Style::Dim, &print)];
    page.split(Style::Strong, &left, &right);
}

fn more(page: &mut Page, indent: usize, groups: usize) {
    if groups > GROUPS {
        let rest = count(groups - GROUPS, "more group");
        page.wrap(indent, indent, &format!("and {rest}, see the table"));
    }
}

pub(super) fn links(page: &mut Page, links: &[Link]) {
    for link in links.iter().take(LINKS) {
        let who = who(&link.task);
        page.wrap(4, 8, &format!("{who} wants {} at {}", clean(&link.wants), place(&link.at)));
        let mut held = format!("-> {}", link.held_by);
        if let Some(taken) = &link.taken_at {
            held.push_str(&format!(" took it at {}", place(taken)));
        }
        if let Some(ns) = link.held_ns {
            held.push_str(&format!(", {} ago", span(ns)));
        }
        page.wrap(7, 10, &held);
    }
    if links.len() > LINKS {
        page.wrap(4, 8, &format!("and {}", count(links.len() - LINKS, "more step")));
    }
}

fn who(member: &Member) -> String {
    match &member.name {
        Some(name) => format!("{} \"{}\"", member.task, clean(name)),
        None => member.task.to_string(),
    }
}

fn place(site: &gleak_snapshot::Site) -> String {
    clean(&site.to_string())
}

/// What a group does, in words that follow its noun.
pub(super) fn doing(group: &Group) -> String {
    if group.reason.is_some() {
        format!("waiting {}", clean(&group.waits_for))
    } else if group.entry == COUNTED {
        "that the runtime counts; nothing else is known".to_owned()
    } else if group.entry == HOOKED {
        "that nobody wrapped; what it waits for is not known".to_owned()
    } else {
        match group.wait_class.as_str() {
            NEVER_STARTED => format!("that {NEVER_STARTED}"),
            // Running is all that the living do without a wait.
            RUNNING => RUNNING.to_owned(),
            class => format!("that {}", clean(class.strip_prefix("that ").unwrap_or(class))),
        }
    }
}

/// Whether a group's source is shown: those behind a finding would only make it longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    Shown,
    Left,
}

fn group(page: &mut Page, indent: usize, group: &Group, source: Source) {
    let noun = if is_threads(group) { "thread" } else { "task" };
    let mut head = format!("{} {}", count(group.members.len(), noun), doing(group));
    if let Some((half, longest)) = ages(group) {
        let (half, longest) = (span(half), span(longest));
        if half == longest {
            head.push_str(&format!(", for {half}"));
        } else {
            head.push_str(&format!(", for {half} (p50) to {longest} (max)"));
        }
    }
    page.wrap(indent, indent + 4, &head);
    spawned(page, indent + 2, group);
    if group.block.is_none() && source == Source::Shown {
        source::of_group(page, indent + 2 + LABEL, group);
    }
    blocked(page, indent + 2, group, source);
    if let Some(parent) = group.ancestry.first() {
        let rest = group.ancestry.iter().skip(1).map(|site| format!(" <- {}", place(site)));
        let all = format!("{}{}", place(parent), rest.collect::<String>());
        page.labelled(indent + 2, LABEL, "parents", &all);
    }
    if let Some(kept) = keeps(&group.keeps) {
        page.labelled(indent + 2, LABEL, "keeps", &clean(&kept));
    }
}

/// What a group keeps, in words.
pub(super) fn keeps(keeps: &Keeps) -> Option<String> {
    let Keeps { locks, permits, stack } = keeps;
    // A stack that an earlier task used may have kept that one's pages.
    let worth_a_word = stack.filter(|stack| stack.touched >= MEMORY);
    let memory = worth_a_word.map(|stack| format!("up to {} of stack", bytes(stack.touched)));
    let permits = permits.iter().map(|semaphore| format!("perhaps permits of {semaphore}"));
    let all: Vec<String> = locks.iter().cloned().chain(permits).chain(memory).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn spawned(page: &mut Page, indent: usize, group: &Group) {
    let ids = ids(&group.members);
    let Some(spawn) = &group.spawn else {
        return page.labelled(indent, LABEL, "who", &ids);
    };
    // Of one that is only counted no more is known than what it belongs to.
    let label = if group.entry == COUNTED { "within " } else { "spawned" };
    let line = format!("{}{label}  {}  ", " ".repeat(indent), place(spawn));
    let room = page.width.saturating_sub(columns(&line) + columns(&ids) + 2);
    let entry = clean(&group.entry);
    if room >= columns(&entry).min(16) {
        let line = format!("{line}{}  {ids}", cut_middle(&entry, room));
        page.line(&[(Style::Plain, &line)]);
    } else {
        let room = page.width.saturating_sub(columns(&line)).max(16);
        page.line(&[(Style::Plain, &format!("{line}{}", cut_middle(&entry, room)))]);
        page.wrap(indent + 9, indent + 9, &ids);
    }
    let shown = Shown::of(page, group, group.spawn_backtrace.as_ref(), Some(spawn));
    if let Some(mut shown) = shown {
        // A closure is named after where it was made, so the line says that already.
        let made_in = shown.function.as_ref().map(|it| it.replace("::{closure}", ""));
        if made_in.is_some_and(|made_in| made_in != shorten(&group.entry)) {
            shown.tells(spawn);
        }
        shown.draw(page, indent);
    }
}

fn blocked(page: &mut Page, indent: usize, group: &Group, source: Source) {
    let site = group.block.as_ref();
    let shown = Shown::of(page, group, group.backtrace.as_ref(), site);
    if let Some(site) = site {
        let word = if group.reason.is_some() { "waits" } else { "at" };
        let line = format!("{}{word:9}{}", " ".repeat(indent), place(site));
        page.beside(&line, indent + 9, shown.as_ref().and_then(|it| it.function.as_deref()));
        if source == Source::Shown {
            source::of_group(page, indent + LABEL, group);
        }
    }
    if let Some(shown) = shown {
        shown.draw(page, indent);
    }
}

fn ids(members: &[Member]) -> String {
    let mut ids: Vec<String> = members.iter().take(IDS).map(named).collect();
    if members.len() > IDS {
        ids.push(format!("and {} more", thousands(members.len() - IDS)));
    }
    ids.join(" ")
}

/// Names are given by users and may be anything; more than this is no name.
fn named(member: &Member) -> String {
    const NAME: usize = 24;
    match &member.name {
        Some(name) => format!("{} \"{}\"", member.task, cut_middle(&clean(name), NAME)),
        None => member.task.to_string(),
    }
}

/// How long half of them have waited at least, and the longest.
pub(super) fn ages(group: &Group) -> Option<(u64, u64)> {
    let mut ages: Vec<u64> = group.members.iter().filter_map(|member| member.waited_ns).collect();
    ages.sort_unstable();
    Some((*ages.get(ages.len() / 2)?, *ages.last()?))
}
