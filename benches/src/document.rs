//! The page `docs/benchmarks.md`: what was printed, and between markers what a person wrote.

use std::fs;

use crate::peers::root;

const PAGE: &str = "docs/benchmarks.md";
const BEGIN: &str = "<!-- why: written by hand, kept when the page is rewritten -->";
const END: &str = "<!-- end of why -->";

const HEAD: &str = "# Benchmarks\n\nMade by `make bench BLESS=1`. Ratios within one run decide; \
                    absolute figures depend on the machine. Differences of 3 % are noise here. What \
                    each work is: `benches/go` is the model, and the other sides mirror it.";

/// Writes the page anew around what was written by hand.
pub(crate) fn write(measured: &str) -> Result<(), String> {
    let path = root().join(PAGE);
    let old = fs::read_to_string(&path).unwrap_or_default();
    let by_hand = old.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
    let why = by_hand.map_or("\n\n## Why\n\nNot written yet.\n\n", |(why, _)| why);
    let page = format!("{HEAD}\n\n{BEGIN}{why}{END}\n\n{measured}\n");
    fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))
}
