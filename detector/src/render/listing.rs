//! Findings as a list: what the formats of other tools are made of. What stands in a row, how grave it
//! is and where it is shown is decided here, once for all of them.
//!
//! Invariants:
//! 1. A row's texts are harmless ([`clean`]), but for the places, which each format writes in its own way.
//! 2. Every row has a place, since most formats want one; without any it is [`NOWHERE`].
//! 3. Text of others is bounded, and a list is cut where its format says so, with the number left out.

use std::collections::BTreeMap;

use gleak_snapshot::{Completeness, Site};

use super::crowd::is_threads;
use super::page::{Page, clean, cut_middle};
use super::text::not_seen;
use super::{TextOptions, asides, block, exceptions, github, gitlab, junit, md, sarif, verdict};
use crate::words::count;
use crate::{Certainty, Exception, Finding, Fingerprint, Group, Report, Rule, key};

/// Where a finding is shown that knows no place: a file that every package has.
const NOWHERE: &str = "Cargo.toml";
/// Letters of a name in one line of text; reports and JSON have the whole.
pub(super) const NAME: usize = 100;
/// Groups of one finding whose places are told.
const GROUPS: usize = 50;
/// Tests that are named in a line.
const TESTS: usize = 4;

/// What a list is written as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListFormat {
    /// Markdown, as job summaries and comments show it.
    Md,
    /// XML, as JUnit writes it.
    Junit,
    /// SARIF 2.1.0.
    Sarif,
    /// GitLab's code quality report.
    Gitlab,
    /// Workflow commands of GitHub Actions.
    Github,
}

/// Findings, and what is to be said of all of them.
#[derive(Clone, Debug)]
pub struct Listing<'f> {
    /// Who says it, as `gleak gate`.
    pub title: &'static str,
    /// What came of it: one line an input, or one.
    pub verdicts: Vec<String>,
    /// What makes the answer worth less than it looks, or fails by itself.
    pub troubles: Vec<String>,
    /// What else is good to know.
    pub remarks: Vec<String>,
    /// The findings.
    pub rows: Vec<Row<'f>>,
    /// What is accepted and was not found.
    pub gone: Vec<Gone>,
}

/// An accepted finding that is not there any more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gone {
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// The rule.
    pub rule: Rule,
    /// What its tasks ran.
    pub entry: String,
    /// Where they were spawned: `src/pool.rs:49`, or the file alone.
    pub spawn: String,
}

/// A finding in a list.
#[derive(Clone, Debug)]
pub struct Row<'f> {
    /// What was found.
    pub finding: &'f Finding,
    /// What is known of it besides.
    pub standing: Standing,
    /// Whether it makes a run red.
    pub fails: bool,
}

/// How a finding stands to those that are accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Nothing was asked about that.
    Found,
    /// It is not among them.
    New,
    /// It was accepted up to this day.
    Expired(String),
    /// It is not among them, and much like this one, which has gone.
    Moved(Fingerprint),
    /// It is, with no more than so many tasks.
    Grown(u64),
    /// It is, for this reason.
    Known(String),
    /// It is not, and less certain than what is asked for.
    Weaker,
}

/// How grave a row is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Level {
    Error,
    Warning,
    Note,
}

/// A list in a format of other tools.
#[must_use]
pub fn list(listing: &Listing<'_>, format: ListFormat) -> String {
    match format {
        ListFormat::Md => md::md(listing),
        ListFormat::Junit => junit::junit(listing),
        ListFormat::Sarif => sarif::sarif(listing),
        ListFormat::Gitlab => gitlab::gitlab(listing),
        ListFormat::Github => github::github(listing),
    }
}

impl<'f> Listing<'f> {
    /// The findings of reports, each fingerprint once: where it has the most tasks.
    #[must_use]
    pub fn of_reports(title: &'static str, reports: &[&'f Report]) -> Listing<'f> {
        let mut rows: Vec<Row<'f>> = Vec::new();
        let mut places: BTreeMap<&Fingerprint, usize> = BTreeMap::new();
        for finding in reports.iter().flat_map(|report| &report.findings) {
            let at = *places.entry(&finding.fingerprint).or_insert(rows.len());
            match rows.get_mut(at) {
                Some(row) if row.finding.tasks() < finding.tasks() => *row = Row::found(finding),
                Some(_) => {}
                None => rows.push(Row::found(finding)),
            }
        }
        let (mut troubles, mut remarks) = (Vec::new(), Vec::new());
        for report in reports {
            let Completeness { cut, damaged_lines, missing_tasks, .. } = report.completeness;
            // What moved under a look is as it is; what was lost may have been a finding.
            let lost = cut || damaged_lines > 0 || missing_tasks > 0;
            let seen = not_seen(&report.completeness).join(" ");
            let whose = if lost { &mut troubles } else { &mut remarks };
            whose.extend((!seen.is_empty()).then_some(seen));
        }
        let mut excepted: Vec<Exception> = Vec::new();
        for report in reports {
            Exception::add_all(&mut excepted, report.exceptions.clone());
        }
        remarks.extend(reports.iter().flat_map(|report| asides::in_words(&report.asides)));
        remarks.extend(exceptions::used(&excepted));
        remarks.extend(exceptions::unused(&excepted));
        Listing {
            title,
            verdicts: reports.iter().map(|report| of_process(report)).collect(),
            troubles,
            remarks,
            rows,
            gone: Vec::new(),
        }
    }
}

fn of_process(report: &Report) -> String {
    let program = cut_middle(&clean(&report.program), NAME);
    format!("{} ({})", verdict::process(report), verdict::whose(&program, report.pid))
}

impl Gone {
    /// Where it is shown; a file without a line is shown as a whole.
    pub(super) fn place(&self) -> Site {
        let whole = || (self.spawn.as_str(), 0);
        let (file, line) = match self.spawn.rsplit_once(':') {
            Some((file, line)) => line.parse().map_or_else(|_| whole(), |line| (file, line)),
            None => whole(),
        };
        let file = if file.is_empty() { NOWHERE } else { file };
        Site { file: file.to_owned(), line, column: 1 }
    }

    /// What it was, in one line.
    pub(super) fn headline(&self) -> String {
        let entry = cut_middle(&clean(&self.entry), NAME);
        format!("accepted, and not seen in this run: {}: {entry}", self.rule.id())
    }
}

impl<'f> Row<'f> {
    /// A finding of a report: what did not happen is no failure.
    #[must_use]
    pub fn found(finding: &'f Finding) -> Row<'f> {
        let fails = finding.certainty != Certainty::Potential;
        Row { finding, standing: Standing::Found, fails }
    }

    /// Whether it is there and makes nothing red, as it is known or weak.
    pub(super) fn is_excepted(&self) -> bool {
        !self.fails && matches!(self.standing, Standing::Known(_) | Standing::Weaker)
    }

    pub(super) fn level(&self) -> Level {
        match (&self.standing, self.finding.certainty) {
            (Standing::Found, Certainty::Certain | Certainty::Strong) => Level::Error,
            (Standing::Found, Certainty::Weak) => Level::Warning,
            (Standing::Found, Certainty::Potential) => Level::Note,
            _ if self.fails => Level::Error,
            (Standing::Known(_) | Standing::Weaker, _) => Level::Note,
            _ => Level::Warning,
        }
    }

    /// How it stands to what is accepted, in words; none where nobody asked.
    pub(super) fn state(&self) -> Option<String> {
        match &self.standing {
            Standing::Found => None,
            Standing::New => Some("new".to_owned()),
            Standing::Expired(day) => Some(format!("new, accepted until {}", clean(day))),
            Standing::Moved(from) => Some(format!("moved? was {}", clean(&from.0))),
            Standing::Grown(max) => Some(format!("grown, {max} accepted")),
            Standing::Known(reason) => Some(format!("known: {}", cut_middle(&clean(reason), 400))),
            Standing::Weaker => Some("too weak to fail".to_owned()),
        }
    }

    /// What it is and what its tasks run, in one line.
    pub(super) fn headline(&self) -> String {
        let what = block::what(self.finding);
        match self.finding.key.entry.as_str() {
            "" => what,
            entry => format!("{what}: {}", cut_middle(&clean(entry), NAME)),
        }
    }

    /// What is to be known of it, a few lines: what its tasks do and where, why it is a finding.
    pub(super) fn lines(&self) -> Vec<String> {
        let finding = self.finding;
        let mut lines: Vec<String> = finding.groups.iter().take(4).map(group).collect();
        if finding.groups.len() > 4 {
            lines.push(format!("and {}", count(finding.groups.len() - 4, "more group")));
        }
        lines.push(format!("because {}", clean(&finding.because)));
        lines.extend(self.tests().map(|tests| format!("in {tests}")));
        lines
    }

    /// Names of the tests that it is charged to.
    pub(super) fn tests(&self) -> Option<String> {
        let names = &self.finding.regions;
        let shown = names.iter().take(TESTS).map(|name| cut_middle(&clean(name), NAME));
        let mut text = shown.collect::<Vec<_>>().join(", ");
        if names.len() > TESTS {
            text.push_str(&format!(" and {} more", names.len() - TESTS));
        }
        (!names.is_empty()).then_some(text)
    }

    /// All that a report says of it, as text.
    pub(super) fn details(&self, number: usize) -> String {
        let mut page = Page::new(&TextOptions::default());
        block::block(&mut page, number, self.finding);
        page.finish()
    }

    /// Where it is shown: where its tasks were spawned, if that is in the project.
    pub(super) fn place(&self) -> Site {
        self.places().remove(0).1
    }

    /// All places of it with what happens there, each once; the first is where it is shown.
    pub(super) fn places(&self) -> Vec<(String, Site)> {
        let mut places: Vec<(String, Site)> = Vec::new();
        let mut add = |what: String, site: &Site| {
            if !places.iter().any(|(_, known)| known == site) {
                places.push((what, site.clone()));
            }
        };
        for group in self.finding.groups.iter().take(GROUPS) {
            group.spawn.iter().for_each(|site| add("spawned here".to_owned(), site));
            group.block.iter().for_each(|site| add(block::doing(group), site));
        }
        for link in &self.finding.chain {
            add(format!("{} wants {}", link.task.task, clean(&link.wants)), &link.at);
            let took = format!("{} took what {} wants", link.held_by, link.task.task);
            link.taken_at.iter().for_each(|site| add(took.clone(), site));
        }
        match places.iter().position(|(_, site)| is_inside(site)) {
            Some(first) => {
                let first = places.remove(first);
                places.insert(0, first);
            }
            None if places.is_empty() => {
                let site = Site { file: NOWHERE.to_owned(), line: 1, column: 1 };
                places.push(("no place is known".to_owned(), site));
            }
            None => {}
        }
        places
    }
}

fn group(group: &Group) -> String {
    let noun = if is_threads(group) { "thread" } else { "task" };
    let mut line = format!("{} {}", count(group.members.len(), noun), block::doing(group));
    let mut at = |word: &str, site: Option<&Site>| {
        if let Some(site) = site {
            line.push_str(&format!(", {word} {}", clean(&site.to_string())));
        }
    };
    at("at", group.block.as_ref());
    at("spawned at", group.spawn.as_ref());
    line
}

/// Whether a place is in the folder that the program was built in, as far as its path tells.
pub(super) fn is_inside(site: &Site) -> bool {
    let file = key::file(&site.file);
    let drive = file.as_bytes().get(1) == Some(&b':');
    !(file.is_empty() || file.starts_with('/') || drive || file.split('/').any(|it| it == ".."))
}

#[cfg(test)]
mod tests {
    use super::is_inside;
    use gleak_snapshot::Site;

    #[test]
    fn absolute_paths_and_ways_out_are_not_inside() {
        let inside = |file: &str| is_inside(&Site { file: file.to_owned(), line: 1, column: 1 });
        assert!(inside("src/a.rs") && inside("./src/a.rs") && inside("..a/b.rs"));
        for file in ["", "/rustc/1/a.rs", "../other/a.rs", "a/../../b.rs", "C:\\a.rs", "..\\a.rs"] {
            assert!(!inside(file), "{file}");
        }
    }
}
