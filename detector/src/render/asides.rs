//! What a program printed beside its tasks, apart from what was found.

use super::page::{Page, Style, clean};
use crate::{Aside, AsideKind};

/// As many as text has; JSON has all.
const SHOWN: usize = 5;

/// What ended the process, which comes before all that was found.
pub(super) fn ending(page: &mut Page, asides: &[Aside]) {
    asides.iter().filter(|it| is_ending(it)).for_each(|aside| shown(page, aside));
}

pub(super) fn asides(page: &mut Page, asides: &[Aside]) {
    let others: Vec<&Aside> = asides.iter().filter(|it| !is_ending(it)).collect();
    others.iter().take(SHOWN).for_each(|aside| shown(page, aside));
    if others.len() > SHOWN {
        page.blank();
        page.wrap(0, 2, &format!("and {} more that the program printed", others.len() - SHOWN));
    }
}

pub(super) fn is_ending(aside: &Aside) -> bool {
    match aside.kind {
        AsideKind::Signal => true,
        AsideKind::Panic | AsideKind::Race => false,
    }
}

fn shown(page: &mut Page, aside: &Aside) {
    page.blank();
    page.line(&[(Style::Strong, heading(aside.kind))]);
    for line in &aside.lines {
        page.wrap(2, 4, &clean(line));
    }
}

/// Each in one sentence.
pub(super) fn in_words(asides: &[Aside]) -> impl Iterator<Item = String> {
    asides.iter().take(SHOWN).map(|aside| {
        let lines: Vec<String> = aside.lines.iter().map(|line| clean(line)).collect();
        format!("{}: {}", heading(aside.kind), lines.join("; "))
    })
}

fn heading(kind: AsideKind) -> &'static str {
    match kind {
        AsideKind::Panic => "the program printed before its goroutines",
        AsideKind::Race => "a data race, which is no task leak",
        AsideKind::Signal => "a signal ended the process",
    }
}
