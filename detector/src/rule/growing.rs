//! Tasks of which there were more in each sample, and of which none has gone.

use std::collections::BTreeMap;

use super::{Case, Draft, RuleInfo};
use crate::growth::{Place, is_counted, served_alike};
use crate::words;
use crate::{Certainty, Rule};

pub(super) const INFO: RuleInfo = RuleInfo {
    rule: Rule::Growing,
    summary: "From sample to sample there are more tasks of one origin, and none of them goes on.",
    certainty: Certainty::Weak,
    needs: "three samples of one process or more (`gleak report A B C`, `watch` in the process), \
            the group in all of them, more of it in each, and all earlier members still in the \
            same wait",
    silent: "one of the earlier members has gone on meanwhile, as in a pool that breathes; they all \
             wait for work or a signal from one and the same object, as in a pool that fills up, or at \
             a barrier; in each step as many tasks have come that are at work, or wait for a peer or a \
             timer: then there are more connections; a timer, a socket, another thread or the end of \
             another task ends the wait; background tasks and daemons; a dump that is cut or damaged",
    find,
    because,
    facts: Some(facts),
};

fn find(case: &Case<'_>, taken: &[bool]) -> Vec<Draft> {
    let (index, history) = (case.index, &case.question.suspect.history);
    let growing = history.growing();
    if growing.is_empty() || !history.ends_with(index.snapshot) {
        return Vec::new();
    }
    let mut members: BTreeMap<Place, Vec<usize>> = BTreeMap::new();
    for (number, task) in index.tasks.iter().enumerate().filter(|(_, task)| is_counted(task)) {
        members.entry(Place::of(index, task)).or_default().push(number);
    }
    let mut found: Vec<usize> = Vec::new();
    for place in growing {
        let all = members.remove(place).unwrap_or_default();
        if !served_alike(index, &all) {
            found.extend(all.into_iter().filter(|&number| !taken[number]));
        }
    }
    found.sort_unstable();
    vec![Draft::Each(found)]
}

fn because(_case: &Case<'_>, _tasks: &[usize]) -> String {
    "there were more of them in each sample, and all who were there before still wait as they did; \
     a load that only rises looks the same"
        .to_owned()
}

fn facts(case: &Case<'_>, tasks: &[usize]) -> Vec<String> {
    let index = case.index;
    let places = tasks.iter().map(|&task| Place::of(index, index.tasks[task])).collect();
    let (counts, span_ns) = case.question.suspect.history.counts(&places);
    let counts: Vec<String> = counts.into_iter().map(words::thousands).collect();
    let (samples, span) = (counts.len(), words::span(span_ns));
    vec![format!("{} tasks in {samples} samples over {span}", counts.join(", "))]
}
