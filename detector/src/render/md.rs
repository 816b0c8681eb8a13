//! A list in Markdown: verdict, table, a picture of what waits for each other, the findings in full.
//!
//! Invariants:
//! 1. No name is markup: whatever Markdown or HTML could take for its own is escaped.
//! 2. It stays small: a job summary is dropped when it is larger than a megabyte.

use std::fmt::Write as _;

use super::listing::{Listing, Row};
use super::page::clean;
use super::picture::Picture;
use crate::words::{count, thousands};

/// Rows of the table.
const ROWS: usize = 50;
/// Findings that are shown in full.
const WHOLE: usize = 10;

pub(super) fn md(listing: &Listing<'_>) -> String {
    let mut out = format!("## {}\n", escape(listing.title));
    // Writing to a string does not fail, here and below.
    for verdict in &listing.verdicts {
        let _ = write!(out, "\n**{}**\n", escape(verdict));
    }
    for trouble in &listing.troubles {
        let _ = write!(out, "\n> {}\n", escape(trouble));
    }
    if !listing.rows.is_empty() {
        table(&mut out, listing);
        picture(&mut out, listing);
        let told = listing.rows.iter().enumerate().filter(|(_, row)| !row.is_excepted());
        told.take(WHOLE).for_each(|(at, row)| whole(&mut out, at, row));
    }
    if !listing.remarks.is_empty() {
        out.push('\n');
        for remark in &listing.remarks {
            let _ = writeln!(out, "- {}", escape(remark));
        }
    }
    out
}

fn table(out: &mut String, listing: &Listing<'_>) {
    let stated = listing.rows.iter().any(|row| row.state().is_some());
    let state = if stated { " state |" } else { "" };
    let rule = if stated { " --- |" } else { "" };
    let _ = writeln!(out, "\n| | finding | tasks | place | certainty |{state} fingerprint |");
    let _ = writeln!(out, "| ---: | --- | ---: | --- | --- |{rule} --- |");
    for (at, row) in listing.rows.iter().take(ROWS).enumerate() {
        let finding = row.finding;
        let (place, tasks) = (row.place(), thousands(finding.tasks()));
        let state = row.state().map(|state| format!(" {} |", escape(&state))).unwrap_or_default();
        let _ = writeln!(
            out,
            "| {} | {} | {tasks} | {} | {} |{state} {} |",
            at + 1,
            escape(&row.headline()),
            escape(&clean(&place.to_string())),
            finding.certainty.word(),
            escape(&clean(&finding.fingerprint.0)),
        );
    }
    if listing.rows.len() > ROWS {
        let _ = write!(out, "\nand {}\n", count(listing.rows.len() - ROWS, "more finding"));
    }
}

/// Of those who hold each other up; the rest says as much in words.
fn picture(out: &mut String, listing: &Listing<'_>) {
    let told = listing.rows.iter().enumerate().filter(|(_, row)| !row.is_excepted());
    let numbered = told.map(|(at, row)| (at + 1, row.finding));
    let chained = numbered.filter(|(_, finding)| !finding.chain.is_empty());
    let picture = Picture::of(chained);
    if !picture.is_empty() {
        let _ = write!(out, "\n```mermaid\n{}```\n", super::mermaid::draw(&picture));
    }
}

fn whole(out: &mut String, at: usize, row: &Row<'_>) {
    let details = row.details(at + 1);
    // A fence ends at the first line with as many backticks.
    let longest = details.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let headline = html(&row.headline());
    let _ = write!(
        out,
        "\n<details><summary>{}. {headline}</summary>\n\n{fence}text\n{details}{fence}\n\n</details>\n",
        at + 1
    );
}

/// Text in which nothing is markup. Blanks and letters are safe, and so are digits: no text of others
/// stands at the start of a line.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for letter in text.chars() {
        // Slashes only where they would make an address.
        let plain = matches!(
            letter,
            '.' | ',' | ':' | ';' | '-' | '+' | '=' | '(' | ')' | '?' | '\'' | '"'
        ) || letter == '/' && before != ':'
            || letter == '_' && before.is_alphanumeric();
        if letter.is_ascii_punctuation() && !plain {
            out.push('\\');
        }
        out.push(letter);
        before = letter;
    }
    out
}

/// Text between tags on a line that Markdown does not look into.
fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_is_markup() {
        assert_eq!(escape("app::a_b (src/a.rs:3)"), "app::a_b (src/a.rs:3)");
        assert_eq!(escape("<b> a|b `c` [d](e)"), "\\<b\\> a\\|b \\`c\\` \\[d\\](e)");
        assert_eq!(escape("__a__ *b* \\ #1 @me"), "\\_\\_a_\\_ \\*b\\* \\\\ \\#1 \\@me");
        assert_eq!(escape("http://x"), "http:\\//x");
    }
}
