//! What of a verdict is shown, by a filter.
//!
//! Invariant: nothing is judged again: outcome, counts and exit code stay those of all changes.

use std::collections::BTreeSet;

use gleak_detector::Fingerprint;
use gleak_detector::filter::{Filter, RegionNames};
use serde::Serialize;

use super::{Evidence, Verdict};

/// What a filter left out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct LeftOut {
    /// The filter.
    #[serde(rename = "where")]
    pub(crate) filter: String,
    /// Changes that are not shown.
    pub(crate) changes: usize,
}

/// Sets aside the changes of which no task fits.
pub(crate) fn show_only(verdict: &mut Verdict, evidence: &Evidence, filter: &Filter) {
    let findings = evidence.findings();
    // Ids of regions are those of one process, and these are many: names come with the findings.
    let regions = RegionNames::default();
    let fitting = findings.iter().filter(|finding| filter.fits_one_of(finding, &regions));
    let fitting: BTreeSet<&Fingerprint> = fitting.map(|it| &it.fingerprint).collect();
    let changes = std::mem::take(&mut verdict.changes);
    (verdict.changes, verdict.unshown) =
        changes.into_iter().partition(|change| fitting.contains(&change.fingerprint));
    verdict.left_out = Some(LeftOut { filter: filter.to_string(), changes: verdict.unshown.len() });
}
