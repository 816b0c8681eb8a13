//! What recording costs: the same source with and without the records, in interleaved pairs.

use std::path::Path;

use crate::catalogue::Work;
use crate::layout::{number, table};
use crate::measure::median;
use crate::peers::{Built, Peer};
use crate::runner::{self, Figures};

/// At most this share of an operation, or so many nanoseconds, whichever is more.
const SHARE: f64 = 0.05;
const NANOSECONDS: f64 = 2.0;

/// One operation on one worker.
#[derive(Debug)]
struct Compared {
    title: &'static str,
    /// Medians.
    with: f64,
    without: f64,
    /// The median of the pairs' differences.
    difference: f64,
}

/// All operations that were compared.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    count: usize,
    /// What a record of each kind takes, with and without.
    sizes: Vec<(&'static str, f64, f64)>,
    compared: Vec<Compared>,
    pub(crate) failed: Vec<String>,
}

pub(crate) fn take(works: &[&'static Work], built: &Built, count: usize) -> Pairs {
    let mut pairs = Pairs { count, ..Pairs::default() };
    let (Some(with), Some(without)) = (built.get(Peer::Ours), built.get(Peer::NoRecords)) else {
        return pairs;
    };
    if count == 0 {
        return pairs;
    }
    match sizes(&with.path, &without.path) {
        Ok(sizes) => pairs.sizes = sizes,
        Err(why) => pairs.failed.push(format!("sizes of records: {why}")),
    }
    for work in works {
        let Some(n) = work.recording else { continue };
        eprintln!("bench: recording: {}", work.name);
        match compare(work, n, count, &with.path, &without.path) {
            Ok(compared) => pairs.compared.push(compared),
            Err(why) => pairs.failed.push(format!("recording of {}: {why}", work.name)),
        }
    }
    pairs
}

fn sizes(with: &Path, without: &Path) -> Result<Vec<(&'static str, f64, f64)>, String> {
    let (with, without) =
        (runner::run(with, "records", 1, 1)?, runner::run(without, "records", 1, 1)?);
    let both = |kind: &'static str| Some((kind, *with.get(kind)?, *without.get(kind)?));
    ["task", "arm", "object"]
        .into_iter()
        .map(|kind| both(kind).ok_or_else(|| kind.to_owned()))
        .collect()
}

fn compare(
    work: &Work,
    n: u64,
    count: usize,
    with: &Path,
    without: &Path,
) -> Result<Compared, String> {
    let (with, without, difference) = in_pairs(count, |recorded| {
        let program = if recorded { with } else { without };
        runner::run(program, work.program, 1, n)
    })?;
    Ok(Compared { title: work.title, with, without, difference })
}

/// Medians of what a run takes with something and without it, and of the differences of pairs of runs.
///
/// # Errors
/// When a run fails or prints no such figure.
pub(crate) fn in_pairs(
    count: usize,
    run: impl Fn(bool) -> Result<Figures, String>,
) -> Result<(f64, f64, f64), String> {
    let once = |with| run(with)?.get("ns").copied().ok_or("prints no ns".to_owned());
    let (mut all_with, mut all_without, mut differences) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..count {
        // Who goes first changes: the second finds the caches and the clock as the first left them.
        let (a, b) = if pair % 2 == 0 {
            let a = once(true)?;
            (a, once(false)?)
        } else {
            let b = once(false)?;
            (once(true)?, b)
        };
        all_with.push(a);
        all_without.push(b);
        differences.push(a - b);
    }
    Ok((median(&all_with), median(&all_without), median(&differences)))
}

pub(crate) fn render(pairs: &Pairs) -> String {
    const TITLE: &str = "## The cost of recording";
    if pairs.compared.is_empty() {
        return format!("{TITLE}\n\nNot measured in this run.");
    }
    let head = ["operation, 1 worker", "ours ns", "no records ns", "cost ns", "cost %", "verdict"];
    let rows: Vec<Vec<String>> = pairs
        .compared
        .iter()
        .map(|it| {
            let met = it.difference <= (it.without * SHARE).max(NANOSECONDS);
            vec![
                it.title.to_owned(),
                number(it.with),
                number(it.without),
                format!("{:+.1}", it.difference),
                format!("{:+.1}", it.difference / it.without * 100.0),
                if met { "met" } else { "NOT MET" }.to_owned(),
            ]
        })
        .collect();
    let sizes: Vec<String> = pairs
        .sizes
        .iter()
        .map(|(kind, with, without)| format!("{kind} {with} B ({without} B without)"))
        .collect();
    let text = format!(
        "Medians of {} interleaved pairs; the cost is the median of the pairs' differences, at most \
         the larger of {} % and {NANOSECONDS} ns. Records: {}.",
        pairs.count,
        SHARE * 100.0,
        sizes.join(", ")
    );
    format!("{TITLE}\n\n{text}\n\n{}", table(&head, &rows))
}
