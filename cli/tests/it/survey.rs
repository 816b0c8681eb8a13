//! `gleak survey`: the rows of all processes of a run as one table.

use crate::make::{self, finding, findings};
use crate::work_dir::WorkDir;

#[test]
fn rows_of_all_processes_are_one_table() {
    let dir = WorkDir::new("survey-all");
    dir.write("run/a.ndjson", make::survey(1, Some("pool::drains"), 2));
    dir.write("run/b.ndjson", make::survey(2, Some("pool::drains"), 40));
    dir.write("run/c.ndjson", make::survey(3, None, 7));
    let text = dir.gleak(&["survey", "run", "--width", "100"]).ends(0).quiet().stdout;
    let rows = [
        "49 of 19 356 tasks were left, in 3 processes with 9 tests\n\n",
        "   tasks  test          spawned at                    waits\n",
        "      42  pool::drains  src/pool.rs:14  pool::worker  receive at src/pool.rs:20\n",
        "       7  (none)        src/pool.rs:14  pool::worker  receive at src/pool.rs:20\n",
        "\ncould still have ended, or another of its test could: the runtime was shut down first\n",
        "       2  pool::drains  src/pool.rs:14  pool::worker  sleep\n",
    ];
    rows.iter().for_each(|row| assert!(text.contains(row), "{row:?} in\n{text}"));
    let text = dir.gleak(&["survey", "run", "--top", "1", "--width", "60"]).ends(0).stdout;
    assert!(text.contains("            waits    receive at src/pool.rs:20\n"), "{text}");
    assert!(text.contains("  and 1 more row of 7 tasks\n"), "{text}");
    // What is counted is no finding.
    dir.gleak(&["gate", "run"]).ends(0);
}

#[test]
fn what_was_not_counted_or_not_read_is_told() {
    let dir = WorkDir::new("survey-none");
    dir.write("run/a.ndjson", findings(1, &[finding("gk1:aa", "a::b", 2)]));
    let text = dir.gleak(&["survey", "run"]).ends(0).stdout;
    assert!(text.contains("were the tests run with GLEAK=survey?"), "{text}");
    dir.gleak(&["survey", "nothing"]).ends(3);
    dir.gleak(&["survey"]).ends(4);
    let whole = make::survey(1, None, 1);
    dir.write("cut/a.ndjson", make::cut(&whole));
    let said = dir.gleak(&["survey", "cut"]).ends(3);
    assert!(said.stdout.contains("1 of 6 452 tasks were left"), "{}", said.stdout);
    assert!(said.stderr.contains("is cut"), "{}", said.stderr);
}
