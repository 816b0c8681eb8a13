//! A list as JUnit's XML: a case for the verdict, then one for each finding.
//!
//! Invariants:
//! 1. Well-formed for any name. What XML has no character for is written by its number.
//! 2. A case is called the same in every run: CI systems keep the history of a case by its name.

use std::fmt::Write as _;

use super::block;
use super::listing::{Listing, NAME, Row};
use super::page::{clean, cut_middle};
use super::xml;
use crate::key;

pub(super) fn junit(listing: &Listing<'_>) -> String {
    let failures = listing.rows.iter().filter(|row| row.fails).count();
    let skipped = listing.rows.iter().filter(|row| row.is_excepted()).count();
    let errors = usize::from(!listing.troubles.is_empty());
    let counts =
        format!("tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\"", listing.rows.len() + 1);
    let name = text(listing.title);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string does not fail, here and below.
    let _ = writeln!(out, "<testsuites name=\"{name}\" {counts}>");
    let _ = writeln!(out, "  <testsuite name=\"{name}\" {counts} skipped=\"{skipped}\">");
    verdict(&mut out, listing);
    for (number, row) in listing.rows.iter().enumerate() {
        case(&mut out, number + 1, row);
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn verdict(out: &mut String, listing: &Listing<'_>) {
    out.push_str("    <testcase classname=\"gleak\" name=\"verdict\">\n");
    if let Some(first) = listing.troubles.first() {
        let all = text(&listing.troubles.join("\n"));
        let _ = writeln!(out, "      <error message=\"{}\">{all}</error>", text(first));
    }
    let said = listing.verdicts.iter().chain(&listing.remarks).map(|it| text(it));
    let said = said.collect::<Vec<_>>().join("\n");
    let _ = writeln!(out, "      <system-out>{said}</system-out>\n    </testcase>");
}

fn case(out: &mut String, number: usize, row: &Row<'_>) {
    let finding = row.finding;
    let (rule, place) = (finding.key.rule.id(), row.place());
    let entry = cut_middle(&clean(&finding.key.entry), NAME);
    let name = text(format!("{entry} {}", clean(&finding.fingerprint.0)).trim_start());
    let file = text(&clean(&key::file(&place.file)));
    let _ = writeln!(
        out,
        "    <testcase classname=\"gleak.{rule}\" name=\"{name}\" file=\"{file}\" line=\"{}\">",
        place.line
    );
    let details = text(&row.details(number));
    let because = format!("{}; {}", block::what(finding), clean(&finding.because));
    let message = match row.state() {
        Some(state) => text(&format!("{state}; {because}")),
        None => text(&because),
    };
    let _ = match (row.fails, row.is_excepted()) {
        (true, _) => writeln!(
            out,
            "      <failure type=\"{rule}\" message=\"{message}\">{details}</failure>"
        ),
        (false, true) => writeln!(out, "      <skipped message=\"{message}\"/>"),
        (false, false) => writeln!(out, "      <system-out>{message}\n{details}</system-out>"),
    };
    out.push_str("    </testcase>\n");
}

/// Text between tags or quotes.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\'' => out.push_str("&apos;"),
            '\n' => out.push('\n'),
            letter if letter.is_control() => out.extend(letter.escape_default()),
            letter => xml::escape(&mut out, letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn nothing_ends_a_tag_or_is_no_character() {
        assert_eq!(text("a]]><b>\"'&"), "a]]&gt;&lt;b&gt;&quot;&apos;&amp;");
        assert_eq!(text("\u{1}\u{ffff}\u{7f}"), "\\u{1}\\u{ffff}\\u{7f}");
    }
}
