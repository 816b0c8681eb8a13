//! The rules as a page of documentation.

use std::fmt::Write as _;

use crate::RULES;

const HEAD: &str = "\
# Rules

What gleak finds, how much each finding is worth, and when it says nothing.
This page is generated from the rules themselves; `BLESS=1 cargo test -p gleak-detector` rewrites it.

- **certain**: proven from the records: it can never go on, or it has happened.
- **strong**: only something that no record shows could still wake it.
- **weak**: it was alive and may still go on; the rule says what is odd about that.
- **potential**: it did not happen; in another order of events it could have.

A rule takes its tasks from the rules below it, so that each task is in one finding at most.

What is said of tasks holds for OS threads that were spawned by `gleak_runtime::thread` as well. Of other
threads only what they wait for in the runtime is known: they stand in circles and behind them, and are never
left over.
";

/// All rules in Markdown, gravest first.
#[must_use]
pub fn rules() -> String {
    let mut page = HEAD.to_owned();
    for info in RULES {
        let (id, certainty) = (info.rule.id(), info.certainty.word());
        let (summary, needs, silent) = (info.summary, info.needs, info.silent);
        // Writing to a string does not fail.
        let _ = write!(
            page,
            "\n## `{id}`\n\n{summary}\n\n- certainty: **{certainty}**\n- needs: {needs}\n- silent when: {silent}\n"
        );
    }
    page
}
