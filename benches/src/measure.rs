//! Rounds: each figure is the median over processes that took turns with their peers.

use std::collections::BTreeMap;
use std::path::Path;

use crate::arguments::Arguments;
use crate::catalogue::{Deviation, Work};
use crate::peers::{Built, Peer};
use crate::runner;

/// One side of one row.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    /// Each round's figures by key, and how this side's work differs.
    Figures(BTreeMap<String, Vec<f64>>, Option<&'static str>),
    /// Why there are none.
    Says(String),
}

/// All that came of a run.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    cells: BTreeMap<(&'static str, usize, Peer), Cell>,
    /// What should have been measured and was not.
    pub(crate) failed: Vec<String>,
}

/// A cell while its rounds go on.
struct Runner<'a> {
    peer: Peer,
    program: &'a Path,
    /// The row's number of workers, and what the program is told.
    row: usize,
    workers: usize,
    n: u64,
    came: BTreeMap<String, Vec<f64>>,
    failure: Option<String>,
}

impl Runner<'_> {
    fn once(&mut self, work: &Work) -> Option<runner::Figures> {
        if self.failure.is_some() {
            return None;
        }
        match runner::run(self.program, work.program, self.workers, self.n) {
            Ok(figures) => Some(figures),
            Err(why) => {
                self.failure = Some(why);
                None
            }
        }
    }
}

impl Measured {
    pub(crate) fn take(works: &[&'static Work], built: &Built, arguments: &Arguments) -> Measured {
        let mut measured = Measured::default();
        for work in works {
            measured.work(work, built, arguments);
        }
        measured
    }

    /// All rows of a work take turns too: some bars compare them.
    fn work(&mut self, work: &'static Work, built: &Built, arguments: &Arguments) {
        let mut runners = Vec::new();
        for row in work.workers {
            for peer in Peer::ALL {
                match plan(work, *row, peer, built) {
                    Ok(mut runner) => {
                        if arguments.quick {
                            runner.n = (runner.n / 10).max(1);
                        }
                        runners.push(runner);
                    }
                    Err((why, fails)) => {
                        if fails {
                            self.fail(work, *row, peer, &why);
                        }
                        self.cells.insert((work.name, *row, peer), Cell::Says(why));
                    }
                }
            }
        }
        if work.warm_up && !arguments.quick {
            runners.iter_mut().for_each(|runner| drop(runner.once(work)));
        }
        for _ in 0..arguments.rounds {
            for runner in &mut runners {
                for (key, value) in runner.once(work).unwrap_or_default() {
                    runner.came.entry(key).or_default().push(value);
                }
            }
        }
        for runner in runners {
            let (row, peer) = (runner.row, runner.peer);
            let cell = match runner.failure {
                Some(why) => {
                    self.fail(work, row, peer, &why);
                    Cell::Says(why)
                }
                None => Cell::Figures(runner.came, note(work, peer)),
            };
            self.cells.insert((work.name, row, peer), cell);
        }
        for row in work.workers {
            eprintln!("bench: {} on {row}: {}", work.name, self.in_short(work, *row));
        }
    }

    fn fail(&mut self, work: &Work, workers: usize, peer: Peer, why: &str) {
        self.failed.push(format!("{} of {} on {workers}: {why}", work.name, peer.name()));
    }

    fn in_short(&self, work: &Work, workers: usize) -> String {
        let key = work.metrics[0].key;
        let figures = Peer::ALL.into_iter().filter_map(|peer| {
            Some(format!("{} {:.1}", peer.name(), self.figure(work.name, workers, peer, key)?))
        });
        figures.collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn cell(&self, work: &Work, workers: usize, peer: Peer) -> Option<&Cell> {
        self.cells.get(&(work.name, workers, peer))
    }

    /// The figures of all rounds, in their order.
    pub(crate) fn rounds(
        &self,
        work: &'static str,
        workers: usize,
        peer: Peer,
        key: &str,
    ) -> Option<&[f64]> {
        match self.cells.get(&(work, workers, peer))? {
            Cell::Figures(figures, _) => figures.get(key).map(Vec::as_slice),
            Cell::Says(_) => None,
        }
    }

    /// The median of the rounds.
    pub(crate) fn figure(
        &self,
        work: &'static str,
        workers: usize,
        peer: Peer,
        key: &str,
    ) -> Option<f64> {
        self.rounds(work, workers, peer, key).map(median)
    }
}

fn note(work: &Work, peer: Peer) -> Option<&'static str> {
    match work.deviation(peer)? {
        Deviation::Differs(how) | Deviation::FewerAndDiffers(_, how) => Some(how),
        Deviation::Fewer(_) | Deviation::Cannot(_) => None,
    }
}

/// How the cell is run; or what stands in it, and whether that is a failure.
fn plan<'a>(
    work: &Work,
    workers: usize,
    peer: Peer,
    built: &'a Built,
) -> Result<Runner<'a>, (String, bool)> {
    if let Some(Deviation::Cannot(why)) = work.deviation(peer) {
        return Err((why.to_owned(), false));
    }
    let row = workers;
    let workers = peer.workers(row).ok_or(("one thread".to_owned(), false))?;
    let program = built.get(peer).ok_or(("skipped".to_owned(), false))?;
    if !program.works.iter().any(|it| it == work.program) {
        return Err(("not in this build".to_owned(), true));
    }
    let (program, n) = (program.path.as_path(), work.n_for(peer));
    Ok(Runner { peer, program, row, workers, n, came: BTreeMap::new(), failure: None })
}

/// The middle; of an even number, the mean of the two in the middle.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 {
        figures[middle]
    } else {
        f64::midpoint(figures[middle - 1], figures[middle])
    }
}
