//! A finding on a page: what it is and how sure, its picture, what its tasks do and where, why it is one,
//! who waits behind it, what to ask next. In the words of the text report.

use super::Sheet;
use super::group::{Detail, group, members_of};
use super::wait_picture;
use super::writer::Writer;
use crate::render::block;
use crate::render::crowd::Crowd;
use crate::render::picture::{Frame, Picture};
use crate::words::span;
use crate::{Certainty, Finding, Link, Rule};

/// Findings that are not folded.
const UNFOLDED: usize = 5;
/// Findings with a picture; later ones have words.
const PICTURES: usize = 20;
/// Of one finding, and of those behind it; more are in the table.
const GROUPS: usize = 8;
const LINKS: usize = 16;
const FACTS: usize = 40;
const REGIONS: usize = 40;

/// The finding of this number, as the one that comes at this place.
pub(super) fn finding(writer: &mut Writer, sheet: &Sheet<'_>, number: usize, place: usize) {
    let finding = &sheet.view.report.findings[number];
    let id = writer.ids.give_finding(number, &finding.fingerprint.0);
    let sure = finding.certainty.word();
    let class = format!("finding {sure}");
    let mut attributes = vec![("class", class.as_str())];
    if place < UNFOLDED {
        attributes.push(("open", "open"));
    }
    writer.out.open("details", &attributes);
    title(writer, finding, number, &id);
    // Within what is folded: a browser unfolds around what an address leads to.
    writer.out.open("div", &[("class", "body"), ("id", &id)]);
    picture(writer, finding, number, place);
    // Chains lead to them, so they have their ids first.
    let groups = finding.groups.iter().take(GROUPS);
    let behind = finding.dependents.iter().take(GROUPS);
    let drafts: Vec<_> = groups.chain(behind).map(|it| members_of(writer, it)).collect();
    let mut drafts = drafts.into_iter();
    let circle = finding.key.rule == Rule::Cycle;
    if circle {
        links(writer, &finding.chain);
    }
    for (shown, members) in finding.groups.iter().take(GROUPS).zip(&mut drafts) {
        group(writer, shown, &members, Detail::Whole);
    }
    more(writer, finding.groups.len());
    if !circle && !finding.chain.is_empty() {
        writer.out.element("p", &[("class", "lead")], block::chain_lead(finding));
        links(writer, &finding.chain);
    }
    why(writer, finding);
    if !finding.dependents.is_empty() {
        let who = Crowd::of(&finding.dependents);
        let verb = if finding.behind() == 1 { "waits" } else { "wait" };
        writer.out.element("p", &[("class", "lead")], &format!("{who} {verb} behind"));
        for (shown, members) in finding.dependents.iter().take(GROUPS).zip(&mut drafts) {
            group(writer, shown, &members, Detail::Short);
        }
        more(writer, finding.dependents.len());
    }
    regions(writer, finding);
    next(writer, sheet, finding);
    writer.out.close();
    writer.out.close();
}

fn title(writer: &mut Writer, finding: &Finding, number: usize, id: &str) {
    let level = writer.level;
    let out = &mut writer.out;
    let sure = finding.certainty.word();
    out.open("summary", &[]);
    out.open(level.below(), &[]);
    out.element("span", &[("class", "number")], &format!("[{}]", number + 1));
    out.raw(" ");
    out.text(&block::what(finding));
    out.close();
    out.element("span", &[("class", &format!("badge {sure}"))], sure);
    let href = format!("#{id}");
    out.element("a", &[("class", "print"), ("href", &href)], &finding.fingerprint.0);
    out.close();
}

fn picture(writer: &mut Writer, finding: &Finding, number: usize, place: usize) {
    if place >= PICTURES {
        return;
    }
    let picture = Picture::of(std::iter::once((number + 1, finding)));
    let Some(frame) = picture.frames.first().filter(|frame| !frame.arrows.is_empty()) else {
        return;
    };
    let out = &mut writer.out;
    out.open("figure", &[]);
    let label = format!("Picture of finding {}", number + 1);
    let scrolls = [("class", "scroll"), ("role", "region"), ("aria-label", &*label)];
    out.open("div", &[&scrolls[..], &[("tabindex", "0")]].concat());
    wait_picture::draw(out, frame);
    out.close();
    out.element("figcaption", &[], &legend(frame));
    out.close();
}

fn legend(frame: &Frame) -> String {
    use crate::render::picture::Means;
    let held = frame.arrows.iter().any(|arrow| arrow.means == Means::HeldBy);
    let held = if held { ", solid ones lead to who holds it" } else { "" };
    let circle = if wait_picture::has_circle(frame) { "; the circle is red" } else { "" };
    format!("Boxes are tasks, ellipses what they wait for; dashed arrows wait{held}{circle}.")
}

fn links(writer: &mut Writer, links: &[Link]) {
    writer.out.open("ol", &[("class", "chain")]);
    for link in links.iter().take(LINKS) {
        writer.out.open("li", &[]);
        writer.task(link.task.task);
        let out = &mut writer.out;
        if let Some(name) = &link.task.name {
            out.raw(" ");
            out.element("bdi", &[("class", "name")], &format!("\"{name}\""));
        }
        out.raw(" wants ");
        out.element("b", &[], &link.wants);
        out.raw(" at ");
        out.element("code", &[], &link.at.to_string());
        out.raw(" &#8594; ");
        writer.task(link.held_by);
        let out = &mut writer.out;
        if let Some(taken) = &link.taken_at {
            out.raw(" took it at ");
            out.element("code", &[], &taken.to_string());
        }
        if let Some(ns) = link.held_ns {
            out.text(&format!(", {} ago", span(ns)));
        }
        out.close();
    }
    writer.out.close();
    if links.len() > LINKS {
        let more = crate::words::count(links.len() - LINKS, "more step");
        writer.out.element("p", &[], &format!("and {more}"));
    }
}

fn more(writer: &mut Writer, groups: usize) {
    if groups > GROUPS {
        let more = crate::words::count(groups - GROUPS, "more group");
        writer.out.element("p", &[("class", "more")], &format!("and {more}, see the table"));
    }
}

fn why(writer: &mut Writer, finding: &Finding) {
    let out = &mut writer.out;
    out.open("p", &[("class", "because")]);
    out.raw("<b>because</b> ");
    out.sentence(&finding.because);
    out.close();
    if finding.facts.is_empty() {
        return;
    }
    out.open("ul", &[("class", "facts")]);
    for fact in finding.facts.iter().take(FACTS) {
        out.open("li", &[]);
        out.sentence(fact);
        out.close();
    }
    out.close();
}

fn regions(writer: &mut Writer, finding: &Finding) {
    if finding.regions.is_empty() {
        return;
    }
    let out = &mut writer.out;
    out.open("p", &[("class", "regions")]);
    out.raw("in ");
    for (at, region) in finding.regions.iter().take(REGIONS).enumerate() {
        if at > 0 {
            out.raw(", ");
        }
        out.element("code", &[], region);
    }
    if finding.regions.len() > REGIONS {
        out.text(&format!(" and {} more", finding.regions.len() - REGIONS));
    }
    out.close();
}

/// Commands that tell more.
fn next(writer: &mut Writer, sheet: &Sheet<'_>, finding: &Finding) {
    let certainty = match finding.certainty {
        Certainty::Certain => "proven",
        Certainty::Strong => "only something that no record shows could still wake it",
        Certainty::Weak => "it was alive and may still go on",
        Certainty::Potential => "it did not happen, and could",
    };
    let out = &mut writer.out;
    out.open("p", &[("class", "next")]);
    out.text(&format!("{}: {certainty}. ", finding.certainty.word()));
    out.raw("More: ");
    if let Some(input) = sheet.again {
        let print = &finding.fingerprint.0;
        out.element("code", &[], &format!("gleak show {input} {print}"));
        out.raw(" and ");
    }
    out.element("code", &[], &format!("gleak explain {}", finding.key.rule.id()));
    out.close();
}
