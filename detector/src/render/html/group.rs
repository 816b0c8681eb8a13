//! Tasks that are alike: what they do, where they come from, where they wait, who they are.

use super::writer::{Members, Writer};
use crate::render::block;
use crate::render::crowd::is_threads;
use crate::render::stack::Shown;
use crate::source_lines::{Excerpt, place};
use crate::words::{count, span, thousands};
use crate::{Backtrace, Group, Member};
use gleak_snapshot::Site;

/// Members that are named.
pub(super) const MEMBERS: usize = 200;

/// How much is told of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Detail {
    Whole,
    /// Of those that only wait behind.
    Short,
}

/// The members of a group that are named, each with an id of the page if it has none yet.
pub(super) fn members_of<'g>(writer: &mut Writer, group: &'g Group) -> Members<'g> {
    let named = group.members.len().min(MEMBERS).min(writer.room);
    writer.room -= named;
    let give = |member: &'g Member| (member, writer.ids.give_task(member.task));
    Members {
        named: group.members.iter().take(named).map(give).collect(),
        all: group.members.len(),
    }
}

/// A group of a finding.
pub(super) fn group(writer: &mut Writer, group: &Group, members: &Members<'_>, detail: Detail) {
    writer.out.open("div", &[("class", "group")]);
    writer.out.open("p", &[("class", "head")]);
    let noun = if is_threads(group) { "thread" } else { "task" };
    writer.out.element("b", &[], &count(group.members.len(), noun));
    writer.out.raw(" ");
    writer.out.sentence(&block::doing(group));
    if let Some((half, longest)) = block::ages(group) {
        let (half, longest) = (span(half), span(longest));
        let ages = match half == longest {
            true => format!(", for {half}"),
            false => format!(", for {half} (p50) to {longest} (max)"),
        };
        writer.out.text(&ages);
    }
    writer.out.close();
    writer.out.open("dl", &[]);
    if let Some(spawn) = &group.spawn {
        row(writer, "spawned", spawn, &group.entry);
    }
    if let Some(site) = &group.block {
        let word = if group.reason.is_some() { "waits" } else { "at" };
        let function = waiting(writer, group).and_then(|shown| shown.function);
        row(writer, word, site, &function.unwrap_or_default());
    }
    if let Some(kept) = block::keeps(&group.keeps) {
        writer.out.element("dt", &[], "keeps");
        writer.out.open("dd", &[]);
        writer.out.sentence(&kept);
        writer.out.close();
    }
    writer.out.close();
    if detail == Detail::Whole {
        source(writer, group);
    }
    parts(writer, group, members, Fold::Each);
    writer.out.close();
}

/// Whether what is long is folded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fold {
    Each,
    /// All of it is, in one.
    Around,
}

/// Stacks, parents and members.
pub(super) fn parts(writer: &mut Writer, group: &Group, members: &Members<'_>, fold: Fold) {
    if let Some(shown) = waiting(writer, group) {
        stack(writer, "stack", &shown, group.block.as_ref(), fold);
    }
    let spawned = |it: &Backtrace, writer: &Writer| {
        Shown::of(&writer.page, group, Some(it), group.spawn.as_ref()).map(|it| it.owned())
    };
    if let Some(shown) = group.spawn_backtrace.as_ref().and_then(|it| spawned(it, writer)) {
        stack(writer, "spawned by", &shown, group.spawn.as_ref(), fold);
    }
    if !group.ancestry.is_empty() {
        let out = &mut writer.out;
        out.open("p", &[("class", "parents")]);
        out.raw("parents ");
        for (at, site) in group.ancestry.iter().enumerate() {
            if at > 0 {
                out.raw(" &#8592; ");
            }
            out.element("code", &[], &site.to_string());
        }
        out.close();
    }
    ids(writer, members, fold);
}

/// `t7 "name"` and so on; behind a fold when they are many.
fn ids(writer: &mut Writer, members: &Members<'_>, fold: Fold) {
    const FEW: usize = 8;
    let folded = fold == Fold::Each && members.named.len() > FEW;
    let left = members.all - members.named.len();
    let out = &mut writer.out;
    if folded {
        out.open("details", &[("class", "ids")]);
        let named = match left {
            0 => format!("who: {}", thousands(members.all)),
            _ => format!("who: {} of {}", thousands(members.named.len()), thousands(members.all)),
        };
        out.element("summary", &[], &named);
    }
    out.open("ul", &[("class", "ids")]);
    for (member, id) in &members.named {
        one(writer, member, id.as_deref());
    }
    let out = &mut writer.out;
    if left > 0 {
        out.element("li", &[("class", "more")], &format!("and {} more", thousands(left)));
    }
    out.close();
    if folded {
        out.close();
    }
}

fn one(writer: &mut Writer, member: &Member, id: Option<&str>) {
    match id {
        Some(id) => {
            writer.out.open("li", &[("id", id)]);
            writer.out.text(&member.task.to_string());
        }
        None => {
            writer.out.open("li", &[]);
            writer.task(member.task);
        }
    }
    if let Some(name) = &member.name {
        const NAME: usize = 40;
        let name = crate::render::page::cut_middle(name, NAME);
        writer.out.raw(" ");
        writer.out.element("bdi", &[("class", "name")], &format!("\"{name}\""));
    }
    writer.out.close();
}

fn row(writer: &mut Writer, label: &'static str, site: &Site, function: &str) {
    let out = &mut writer.out;
    out.element("dt", &[], label);
    out.open("dd", &[]);
    out.element("code", &[("class", "site")], &site.to_string());
    if !function.is_empty() {
        out.raw(" ");
        out.element("code", &[("class", "function")], function);
    }
    out.close();
}

/// The stack at which they wait.
fn waiting(writer: &Writer, group: &Group) -> Option<Stack> {
    let stack = group.backtrace.as_ref();
    Shown::of(&writer.page, group, stack, group.block.as_ref()).map(|shown| shown.owned())
}

/// A stack as it is shown.
pub(super) type Stack = crate::render::stack::Rows;

/// Places and functions, innermost first.
pub(super) fn stack(
    writer: &mut Writer,
    label: &'static str,
    stack: &Stack,
    site: Option<&Site>,
    fold: Fold,
) {
    if stack.rows.is_empty() && stack.remarks.is_empty() {
        return;
    }
    let out = &mut writer.out;
    match fold {
        Fold::Each => out.open("details", &[("class", "stack")]),
        Fold::Around => out.open("details", &[("class", "stack"), ("open", "open")]),
    }
    let frames = stack.rows.len() + usize::from(stack.function.is_some());
    out.element("summary", &[], &format!("{label}: {}", count(frames, "frame")));
    out.open("ol", &[]);
    let first = stack.function.as_ref().zip(site).map(|(it, site)| (site.to_string(), it.clone()));
    for (place, function) in first.iter().chain(&stack.rows) {
        out.open("li", &[]);
        out.element("code", &[("class", "function")], function);
        if !place.is_empty() {
            out.raw(" ");
            out.element("code", &[("class", "site")], place);
        }
        out.close();
    }
    out.close();
    for remark in &stack.remarks {
        out.element("p", &[("class", "more")], remark);
    }
    out.close();
}

/// The source of the place that tells most, where it is known and has not been shown yet.
pub(super) fn source(writer: &mut Writer, group: &Group) {
    let Some(site) = place(group) else { return };
    let Some(Excerpt { before, line, mark }) = writer.page.sources.take(site) else { return };
    let digits = site.line.to_string().len();
    let out = &mut writer.out;
    let label = format!("Source at {site}");
    out.open("pre", &[("class", "source"), ("tabindex", "0"), ("aria-label", &label)]);
    out.open("code", &[]);
    if let Some(before) = before {
        out.element("span", &[("class", "line")], &format!("{:>digits$} ", site.line - 1));
        out.text(&before);
        out.raw("\n");
    }
    out.element("span", &[("class", "line")], &format!("{} ", site.line));
    let (start, length) = mark.unwrap_or((0, line.chars().count()));
    let letters: Vec<char> = line.chars().collect();
    let (start, end) = (start.min(letters.len()), (start + length).min(letters.len()));
    let piece = |from: usize, to: usize| letters[from..to].iter().collect::<String>();
    out.sentence(&piece(0, start));
    out.open("mark", &[]);
    out.sentence(&piece(start, end));
    out.close();
    out.sentence(&piece(end, letters.len()));
    out.close();
    out.close();
}
