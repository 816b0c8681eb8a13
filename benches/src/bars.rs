//! Which bars are met. Only ratios within one run decide, and limits in units that the kernel
//! counts or that are far from noise.

use crate::catalogue::{Bar, Limit, Metric, Work};
use crate::layout::number;
use crate::measure::Measured;
use crate::peers::Peer;

/// What became of one bar.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Verdict {
    /// In the words of the table.
    Met(String),
    NotMet(String),
    /// One of the two figures is not there.
    Open(String),
}

impl Verdict {
    pub(crate) fn text(&self) -> String {
        match self {
            Verdict::Met(text) => format!("{text} met"),
            Verdict::NotMet(text) => format!("{text} NOT MET"),
            Verdict::Open(text) => format!("{text} open"),
        }
    }
}

/// Verdicts on one row of the table.
pub(crate) fn of_row(
    measured: &Measured,
    work: &Work,
    workers: usize,
    metric: &Metric,
) -> Vec<Verdict> {
    let applies = |bar: &&Bar| bar.workers.is_none_or(|only| only == workers);
    let bars = metric.bars.iter().filter(applies);
    bars.map(|bar| judge(measured, work, workers, metric, bar.limit)).collect()
}

fn judge(
    measured: &Measured,
    work: &Work,
    workers: usize,
    metric: &Metric,
    limit: Limit,
) -> Verdict {
    let figure = |peer, workers| measured.figure(work.name, workers, peer, metric.key);
    let (name, factor, against) = match limit {
        Limit::Of(factor, peer) => (peer.name(), factor, figure(peer, workers)),
        Limit::OfTokio(factor) => {
            let both = [Peer::Tokio, Peer::TokioCurrent].map(|peer| figure(peer, workers));
            ("tokio", factor, both.into_iter().flatten().min_by(f64::total_cmp))
        }
        Limit::OfOneWorker(factor) => ("1 worker", factor, figure(Peer::Ours, 1)),
        Limit::Units(most) => {
            let limit = format!("at most {} {}", number(most), metric.unit);
            return match figure(Peer::Ours, workers) {
                Some(ours) if ours <= most => Verdict::Met(limit),
                Some(_) => Verdict::NotMet(limit),
                None => Verdict::Open(limit),
            };
        }
    };
    let (Some(ours), Some(against)) = (figure(Peer::Ours, workers), against) else {
        return Verdict::Open(format!("{name} {factor}"));
    };
    let ratio = ours / against;
    let text = format!("{ratio:.2} of {name} ({factor})");
    if ratio <= factor { Verdict::Met(text) } else { Verdict::NotMet(text) }
}

/// The bars in a list: how many are met, and each that is not.
pub(crate) fn render(works: &[&'static Work], measured: &Measured) -> String {
    let (mut met, mut others) = (0, Vec::new());
    for work in works {
        for (workers, metric) in rows(work) {
            for verdict in of_row(measured, work, workers, metric) {
                if let Verdict::Met(_) = verdict {
                    met += 1;
                } else {
                    let title = format!("{}{}", work.title, metric.what);
                    others.push(format!("- {title}, on {workers}: {}", verdict.text()));
                }
            }
        }
    }
    let all = met + others.len();
    let list = if others.is_empty() { String::new() } else { format!("\n\n{}", others.join("\n")) };
    format!("## Bars\n\n{met} of {all} met.{list}")
}

/// The rows of a work, in the table's order.
pub(crate) fn rows(work: &'static Work) -> impl Iterator<Item = (usize, &'static Metric)> {
    let metrics = |workers: &'static usize| work.metrics.iter().map(|metric| (*workers, metric));
    work.workers.iter().flat_map(metrics)
}
