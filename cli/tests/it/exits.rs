//! The exit codes, each once: scripts rely on them. What leads to each is tested where it belongs.

use crate::make::{self, finding, findings};
use crate::work_dir::WorkDir;

#[test]
fn each_code_of_the_gate_means_one_thing() {
    let dir = WorkDir::new("exits");
    let leak = [finding("gk1:aa", "app::leak", 2)];
    dir.write("clean", findings(1, &[])).write("leak", findings(1, &leak));
    dir.write("cut", make::cut(&findings(1, &[]))).write("idle", make::idle(1));
    dir.write("faulty.json", "{}");
    let cases: [(&[&str], i32, &str); 6] = [
        (&["clean"], 0, "gate: passed, 0 known\n"),
        (&["leak"], 1, "gate: FAILED, 1 over the limit (1 new), 0 known\n"),
        (&["clean", "--baseline", "faulty.json"], 2, ""),
        (&["cut"], 3, "gate: FAILED, 1 input not read in full, 0 known\n"),
        (&["idle"], 4, ", and no task was spawned, 0 known\n"),
        (&["clean", "-o", "no/such/folder"], 5, ""),
    ];
    for (arguments, code, last) in cases {
        let run = dir.gleak(&[&["gate"], arguments].concat()).ends(code);
        assert!(run.stdout.ends_with(last), "{arguments:?}: {run:#?}");
    }
}

#[test]
fn the_graver_code_wins() {
    let dir = WorkDir::new("graver");
    let leak = [finding("gk1:aa", "app::leak", 2)];
    dir.write("leak", findings(1, &leak)).write("cut", make::cut(&findings(2, &[])));
    // What is not understood is no reason to believe the rest, and what was found is told all the same.
    let run = dir.gleak(&["gate", "leak", "cut", "--require-run", "9"]).ends(3);
    assert!(run.stdout.contains(" NEW "), "{run:#?}");
    dir.gleak(&["gate", "leak", "--require-run", "9"]).ends(1);
    dir.gleak(&["gate", "leak", "--require-run", "9", "--max-new", "9"]).ends(4);
    dir.gleak(&["gate", "leak", "--max-new", "9"]).ends(0);
}
