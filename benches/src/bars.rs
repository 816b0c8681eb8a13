//! Which bars are met. Ratios decide, each the median over rounds in which both sides took turns; and
//! limits in units that the kernel counts or that are far from noise.

use crate::catalogue::{Bar, Limit, Metric, Work};
use crate::layout::number;
use crate::measure::{Measured, median};
use crate::peers::Peer;

/// What became of one bar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Met,
    NotMet,
    /// One of the two figures is not there.
    Open,
}

/// A bar and what became of it, in words.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) outcome: Outcome,
    figure: String,
    /// How far the rounds were apart.
    spread: String,
}

impl Verdict {
    pub(crate) fn short(&self) -> String {
        let outcome = match self.outcome {
            Outcome::Met => "met",
            Outcome::NotMet => "NOT MET",
            Outcome::Open => "open",
        };
        format!("{} {outcome}", self.figure)
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
    let rounds = |peer, workers| measured.rounds(work.name, workers, peer, metric.key);
    let (name, factor, against) = match limit {
        Limit::Of(factor, peer) => (peer.name(), factor, rounds(peer, workers)),
        Limit::OfTokio(factor) => {
            let both = [Peer::Tokio, Peer::TokioCurrent].map(|peer| rounds(peer, workers));
            let faster = |a: &&[f64], b: &&[f64]| median(a).total_cmp(&median(b));
            ("tokio", factor, both.into_iter().flatten().min_by(faster))
        }
        Limit::OfOneWorker(factor) => ("1 worker", factor, rounds(Peer::Ours, 1)),
        Limit::Units(most) => {
            let figure = format!("at most {} {}", number(most), metric.unit);
            return verdict(figure, rounds(Peer::Ours, workers).unwrap_or_default(), most, number);
        }
    };
    let ours = rounds(Peer::Ours, workers).unwrap_or_default();
    let ratios = ours.iter().zip(against.unwrap_or_default()).map(|(ours, other)| ours / other);
    let ratios: Vec<f64> = ratios.collect();
    let two_digits = |ratio| format!("{ratio:.2}");
    let figure = match ratios.as_slice() {
        [] => format!("{name} ({factor})"),
        ratios => format!("{} of {name} ({factor})", two_digits(median(ratios))),
    };
    verdict(figure, &ratios, factor, two_digits)
}

/// The median decides.
fn verdict(figure: String, rounds: &[f64], most: f64, text: impl Fn(f64) -> String) -> Verdict {
    if rounds.is_empty() {
        return Verdict { outcome: Outcome::Open, figure, spread: String::new() };
    }
    let outcome = if median(rounds) <= most { Outcome::Met } else { Outcome::NotMet };
    let least = rounds.iter().copied().fold(f64::INFINITY, f64::min);
    let most = rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let spread = format!(", rounds from {} to {}", text(least), text(most));
    Verdict { outcome, figure, spread }
}

/// The bars in a list: how many are met, and each that is not.
pub(crate) fn render(works: &[&'static Work], measured: &Measured) -> String {
    let (mut met, mut others) = (0, Vec::new());
    for work in works {
        for (workers, metric) in rows(work) {
            for verdict in of_row(measured, work, workers, metric) {
                if verdict.outcome == Outcome::Met {
                    met += 1;
                } else {
                    let (title, what) = (work.title, metric.what);
                    let (text, spread) = (verdict.short(), &verdict.spread);
                    others.push(format!("- {title}{what}, on {workers}: {text}{spread}"));
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

#[cfg(test)]
mod tests {
    use super::{Outcome, verdict};

    #[test]
    fn the_median_decides() {
        let judge = |rounds: &[f64]| verdict("x".to_owned(), rounds, 0.5, |it| it.to_string());
        assert_eq!(judge(&[0.4, 0.5, 0.9]).outcome, Outcome::Met);
        assert_eq!(judge(&[0.4, 0.51, 0.9]).outcome, Outcome::NotMet);
        assert_eq!(judge(&[0.4, 0.51, 0.9]).spread, ", rounds from 0.4 to 0.9");
        assert_eq!(judge(&[]).outcome, Outcome::Open);
    }
}
