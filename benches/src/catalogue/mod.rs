//! What is measured and what it must be, as data. The bars are those that the project was asked for.
//!
//! A work means the same on every side; where a peer cannot do it, or does something a little
//! different or fewer of it, an entry here says so and the table shows it.

mod works;

use crate::peers::Peer;

/// A figure of a work.
#[derive(Debug)]
pub(crate) struct Metric {
    /// As the programs print it.
    pub(crate) key: &'static str,
    pub(crate) unit: &'static str,
    /// After the work's title, when it has several.
    pub(crate) what: &'static str,
    pub(crate) bars: &'static [Bar],
}

/// What one of our figures must be.
#[derive(Debug)]
pub(crate) struct Bar {
    /// Only with so many workers.
    pub(crate) workers: Option<usize>,
    pub(crate) limit: Limit,
}

/// The most that ours may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// So many times that of a peer.
    Of(f64, Peer),
    /// So many times that of tokio, in whichever of its two forms is faster.
    OfTokio(f64),
    /// So many times our own with one worker.
    OfOneWorker(f64),
    /// So many units.
    Units(f64),
}

/// How a peer differs from the others in a work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deviation {
    /// It does so many operations: more would take minutes, or not fit.
    Fewer(u64),
    /// It does something a little different.
    Differs(&'static str),
    /// Both.
    FewerAndDiffers(u64, &'static str),
    /// It cannot.
    Cannot(&'static str),
}

/// One work, on each number of workers.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) name: &'static str,
    /// The programs' name for it, where two works share one.
    pub(crate) program: &'static str,
    pub(crate) title: &'static str,
    /// Operations.
    pub(crate) n: u64,
    pub(crate) workers: &'static [usize],
    pub(crate) metrics: &'static [Metric],
    pub(crate) deviations: &'static [(Peer, Deviation)],
    /// The first big process of a virtual machine pays for pages that others get for nothing.
    pub(crate) warm_up: bool,
    /// Operations of one process when recording is compared, where it is.
    pub(crate) recording: Option<u64>,
}

impl Work {
    pub(crate) fn deviation(&self, peer: Peer) -> Option<Deviation> {
        self.deviations.iter().find(|(it, _)| *it == peer).map(|(_, deviation)| *deviation)
    }

    /// Operations that the peer does.
    pub(crate) fn n_for(&self, peer: Peer) -> u64 {
        match self.deviation(peer) {
            Some(Deviation::Fewer(n) | Deviation::FewerAndDiffers(n, _)) => n,
            Some(Deviation::Differs(_) | Deviation::Cannot(_)) | None => self.n,
        }
    }
}

/// Works whose names contain one of the parts; all if there are none.
pub(crate) fn chosen(parts: &[String]) -> Result<Vec<&'static Work>, String> {
    for part in parts {
        if !works::WORKS.iter().any(|work| work.name.contains(part.as_str())) {
            let names: Vec<&str> = works::WORKS.iter().map(|work| work.name).collect();
            return Err(format!("no work is called {part}; there are {}", names.join(", ")));
        }
    }
    let wanted = |work: &&Work| parts.iter().any(|part| work.name.contains(part.as_str()));
    Ok(works::WORKS.iter().filter(|work| parts.is_empty() || wanted(work)).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Deviation, chosen, works::WORKS};

    #[test]
    fn each_work_is_there_once_and_has_figures() {
        let names: BTreeSet<&str> = WORKS.iter().map(|work| work.name).collect();
        assert_eq!(names.len(), WORKS.len());
        for work in WORKS {
            assert!(!work.metrics.is_empty() && !work.workers.is_empty(), "{}", work.name);
            let peers: BTreeSet<_> = work.deviations.iter().map(|(peer, _)| *peer).collect();
            assert_eq!(peers.len(), work.deviations.len(), "{}", work.name);
            for (peer, deviation) in work.deviations {
                let more = match deviation {
                    Deviation::Fewer(n) | Deviation::FewerAndDiffers(n, _) => *n >= work.n,
                    Deviation::Differs(_) | Deviation::Cannot(_) => false,
                };
                assert!(!more, "{}: {} does no fewer", work.name, peer.name());
            }
        }
    }

    #[test]
    fn works_are_chosen_by_parts_of_names() {
        let names = |parts: &[&str]| {
            let parts: Vec<String> = parts.iter().map(|it| (*it).to_owned()).collect();
            chosen(&parts).map(|works| works.iter().map(|work| work.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["echo", "skynet"]), Ok(vec!["skynet", "echo-1", "echo-64"]));
        assert_eq!(names(&[]).map(|all| all.len()), Ok(WORKS.len()));
        assert!(names(&["no-such"]).is_err_and(|why| why.contains("spawn-one")));
    }
}
