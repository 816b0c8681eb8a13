//! The source under a place: the line, the one before it, and a mark under what is meant.

use super::page::{Page, Style, columns};
use crate::Group;
use crate::source_lines::{Excerpt, place};

const CUT: &str = "..";
/// What is left of a line must say something.
const LEAST: usize = 20;

/// Of the place that tells most, where its text is known and has not been shown yet.
pub(super) fn of_group(page: &mut Page, indent: usize, group: &Group) {
    let Some(site) = place(group) else { return };
    if let Some(excerpt) = page.sources.take(site) {
        draw(page, indent, site.line, &excerpt);
    }
}

fn draw(page: &mut Page, indent: usize, number: u32, excerpt: &Excerpt) {
    let digits = number.to_string().len();
    let lead = |label: &str, bar: &str| format!("{}{label:>digits$}{bar}", " ".repeat(indent));
    let room = page.width.saturating_sub(indent + digits + " | ".len()).max(LEAST);
    if let Some(before) = &excerpt.before {
        let label = (number - 1).to_string();
        let text = window(before, (0, 0), room).0;
        page.line(&[(Style::Dim, &format!("{} {text}", lead(&label, " |")))]);
    }
    let (text, start) = window(&excerpt.line, excerpt.mark.unwrap_or_default(), room);
    page.line(&[(Style::Plain, &format!("{} {text}", lead(&number.to_string(), " |")))]);
    let (start, length) = match excerpt.mark {
        Some((_, length)) => (start, length.min(columns(&text).saturating_sub(start)).max(1)),
        // No column is known: the line is meant.
        None => (0, columns(&text)),
    };
    let mark = format!("{}{}", " ".repeat(start), "^".repeat(length));
    page.line(&[(Style::Strong, &format!("{} {mark}", lead("", "  ")))]);
}

/// As much of a line as there is room for, around what is marked, and where the mark begins in it.
fn window(line: &str, (start, length): (usize, usize), room: usize) -> (String, usize) {
    let letters: Vec<char> = line.chars().collect();
    if letters.len() <= room {
        return (line.to_owned(), start);
    }
    let keep = room - CUT.len();
    if start + length <= keep {
        let head: String = letters[..keep].iter().collect();
        return (format!("{head}{CUT}"), start);
    }
    // What is called says less than what it is called on, and both less than the arguments.
    let keep = keep - CUT.len();
    let from = start.saturating_sub(keep / 2).min(letters.len() - keep);
    let middle: String = letters[from..from + keep].iter().collect();
    let more = if from + keep < letters.len() { CUT } else { "" };
    (format!("{CUT}{middle}{more}"), start - from + CUT.len())
}

#[cfg(test)]
mod tests {
    use super::window;

    #[test]
    fn what_is_marked_stays_in_sight() {
        let line = "let answer = the_pool.of_the_whole_process().take_one(42).expect(\"one\");";
        for room in 20..80 {
            for start in 0..line.len() - 4 {
                let (text, at) = window(line, (start, 4), room);
                assert!(text.chars().count() <= room, "{text}");
                assert_eq!(text.get(at..at + 4), line.get(start..start + 4), "{room} {start}");
            }
        }
    }
}
