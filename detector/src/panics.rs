//! Findings on panics: their tasks have ended, so that no wait and no graph is left of them.

use std::collections::{BTreeMap, BTreeSet};

use gleak_snapshot::{PanicFact, Site};

use crate::analyze::region_names;
use crate::index::Index;
use crate::rule::{Case, RuleInfo};
use crate::{Finding, FindingKey, Group, group, key, words};

const MESSAGES: usize = 3;
const PANICKED: &str = "panicked";

/// One finding for each identity among these panics.
pub(crate) fn findings(case: &Case<'_>, info: &RuleInfo, numbers: &[usize]) -> Vec<Finding> {
    let index = case.index;
    let mut piles: BTreeMap<FindingKey, Vec<&PanicFact>> = BTreeMap::new();
    for &number in numbers {
        let panic = &index.snapshot.panics[number];
        let block = panic.site.map(|site| key::file(&index.site(site).file));
        let key = FindingKey {
            rule: info.rule,
            entry: index.entry(panic.spawn).to_owned(),
            spawn_file: key::file(&index.spawn_site(panic.spawn).file),
            wait_class: PANICKED.to_owned(),
            object: None,
            block_file: block.unwrap_or_default(),
        };
        piles.entry(key).or_default().push(panic);
    }
    piles.into_iter().map(|(key, panics)| finding(case, info, key, &panics)).collect()
}

fn finding(case: &Case<'_>, info: &RuleInfo, key: FindingKey, panics: &[&PanicFact]) -> Finding {
    let index = case.index;
    Finding {
        fingerprint: key::fingerprint(&[&key]),
        certainty: info.certainty,
        because: info.because(case, &[]),
        groups: groups(index, panics),
        chain: Vec::new(),
        dependents: Vec::new(),
        regions: region_names(index, panics.iter().filter_map(|panic| panic.region)),
        facts: facts(index, panics),
        key,
    }
}

fn groups(index: &Index<'_>, panics: &[&PanicFact]) -> Vec<Group> {
    let mut places: BTreeMap<(Site, Option<Site>), Vec<&PanicFact>> = BTreeMap::new();
    for panic in panics {
        let block = panic.site.map(|site| index.site(site).clone());
        let place = (index.spawn_site(panic.spawn).clone(), block);
        places.entry(place).or_default().push(panic);
    }
    let mut groups: Vec<Group> =
        places.into_iter().map(|(place, panics)| of_place(index, place, &panics)).collect();
    group::sort(&mut groups);
    groups
}

fn of_place(index: &Index<'_>, place: (Site, Option<Site>), panics: &[&PanicFact]) -> Group {
    let (spawn, block) = place;
    let member = |it: &&PanicFact| group::member_of_event(it.task, it.name.as_deref(), it.region);
    let members = panics.iter().map(member).collect();
    let origin = (panics[0].kind, index.entry(panics[0].spawn), Some(spawn));
    Group {
        backtrace: index.stacks.of_symbols(panics.iter().map(|panic| &panic.stack[..])),
        ..group::of_event(origin, PANICKED, block, members)
    }
}

fn facts(index: &Index<'_>, panics: &[&PanicFact]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut facts = Vec::new();
    for panic in panics.iter().filter(|panic| seen.insert((&panic.message, panic.site))) {
        let name = panic.name.as_ref().map_or(String::new(), |name| format!(" \"{name}\""));
        let site = panic.site.map_or(String::new(), |site| format!(" at {}", index.site(site)));
        facts.push(format!("{}{name} panicked{site}: {}", panic.task, panic.message));
    }
    if facts.len() > MESSAGES {
        let rest = facts.len() - MESSAGES;
        facts.truncate(MESSAGES);
        facts.push(format!("and {}", words::count(rest, "more message")));
    }
    facts
}
