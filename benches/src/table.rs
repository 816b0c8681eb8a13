//! The main table: a row for each work, number of workers and figure; a column for each side.

use crate::bars;
use crate::catalogue::Work;
use crate::layout;
use crate::measure::{Cell, Measured, median};
use crate::peers::Peer;

pub(crate) fn render(works: &[&'static Work], measured: &Measured) -> String {
    let mut head = vec!["work", "workers", "unit"];
    head.extend(Peer::ALL.map(Peer::name));
    head.push("ours must be at most");
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for work in works {
        for (workers, metric) in bars::rows(work) {
            let title = format!("{}{}", work.title, metric.what);
            let mut row = vec![title, workers.to_string(), metric.unit.to_owned()];
            row.extend(Peer::ALL.map(|peer| {
                let cell = measured.cell(work, workers, peer);
                cell.map_or_else(String::new, |cell| text(cell, metric.key, &mut notes))
            }));
            let verdicts = bars::of_row(measured, work, workers, metric);
            let verdicts: Vec<String> = verdicts.iter().map(bars::Verdict::short).collect();
            row.push(if verdicts.is_empty() { "no bar".to_owned() } else { verdicts.join("; ") });
            rows.push(row);
        }
    }
    let notes = notes.iter().enumerate().map(|(at, note)| format!("{}. {note}", at + 1));
    let parts: Vec<String> =
        ["## The table\n".to_owned(), layout::table(&head, &rows), String::new()]
            .into_iter()
            .chain(notes)
            .collect();
    parts.join("\n").trim_end().to_owned()
}

/// A figure with the number of its note, or the words that stand for one.
fn text(cell: &Cell, key: &str, notes: &mut Vec<&'static str>) -> String {
    match cell {
        Cell::Says(why) => why.clone(),
        Cell::Figures(figures, note) => {
            let Some(value) = figures.get(key) else { return "prints none".to_owned() };
            let value = layout::number(median(value));
            let Some(note) = note else { return value };
            let at = notes.iter().position(|it| it == note).unwrap_or_else(|| {
                notes.push(note);
                notes.len() - 1
            });
            format!("{value} [{}]", at + 1)
        }
    }
}
