//! A list as workflow commands, which GitHub Actions shows beside the lines of a change.
//!
//! Invariants:
//! 1. At most [`MOST`] commands: of more in one step GitHub drops some and does not say so.
//! 2. One line a command; what would end a value is written as `%0A`, `%2C` and so on.

use super::listing::{Level, Listing, Row};
use super::page::clean;
use crate::key;
use crate::words::count;

/// Commands of one kind that a step may give.
const MOST: usize = 10;

pub(super) fn github(listing: &Listing<'_>) -> String {
    let troubles = listing
        .troubles
        .iter()
        .map(|trouble| format!("::error title={}::{}\n", property(listing.title), data(trouble)));
    let told: Vec<&Row<'_>> = listing.rows.iter().filter(|row| !row.is_excepted()).collect();
    let (grave, others): (Vec<_>, Vec<_>) =
        told.into_iter().partition(|row| row.level() == Level::Error);
    let rows = grave.into_iter().chain(others).map(|row| command(listing, row));
    let mut commands: Vec<String> = troubles.chain(rows).collect();
    let all = commands.len();
    if all > MOST {
        commands.truncate(MOST - 1);
        let more =
            format!("{}; `--format md` shows them", count(all - commands.len(), "more finding"));
        commands.push(format!("::error title={}::{}\n", property(listing.title), data(&more)));
    }
    let verdicts = listing.verdicts.iter().map(|verdict| format!("{}\n", harmless(verdict)));
    commands.into_iter().chain(verdicts).collect()
}

fn command(listing: &Listing<'_>, row: &Row<'_>) -> String {
    let place = row.place();
    let word = match row.level() {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    };
    let mut title = format!("{}: {}", listing.title, row.headline());
    if let Some(state) = row.state() {
        title.push_str(&format!(" ({state})"));
    }
    let file = property(&clean(&key::file(&place.file)));
    let lines: Vec<String> = row.lines();
    let print = clean(&row.finding.fingerprint.0);
    let text = format!("{}\n{}  {print}", lines.join("\n"), row.finding.certainty.word());
    let (line, column) = (place.line.max(1), place.column.max(1));
    let title = property(&title);
    format!("::{word} file={file},line={line},col={column},title={title}::{}\n", data(&text))
}

/// What stands behind the second `::`.
fn data(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    without_old_form(&text)
}

/// What stands before it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A line that is no command, whatever it begins with.
fn harmless(line: &str) -> String {
    let mark = if line.trim_start().starts_with("::") { "- " } else { "" };
    without_old_form(&format!("{mark}{line}"))
}

/// Commands were once written as `##[command]`, and still count anywhere in a line.
fn without_old_form(line: &str) -> String {
    line.replace("##[", "## [")
}

#[cfg(test)]
mod tests {
    use super::{data, harmless, property};

    #[test]
    fn what_would_end_a_value_is_escaped() {
        assert_eq!(data("100%\r\na:b,c"), "100%25%0D%0Aa:b,c");
        assert_eq!(data("##[error]"), "## [error]");
        assert_eq!(harmless(" ::error::x"), "-  ::error::x");
        assert_eq!(property("a::b, 5%\n"), "a%3A%3Ab%2C 5%25%0A");
    }
}
