//! The jobs in `docs/ci.md` do what the page says: their command lines are run as they stand there.

use std::path::Path;
use std::process::Command;

use crate::make::{self, finding, findings};
use crate::work_dir::{Run, WorkDir};

const PAGE: &str = include_str!("../../../docs/ci.md");
const TESTS: &str = "cargo test";

/// The shell's lines of a job, in order.
fn lines(heading: &str) -> Vec<&'static str> {
    let section = PAGE.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    let block = section.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let keyed = |line: &'static str| {
        line.strip_prefix("- run: ").or(line.strip_prefix("run: ")).or_else(|| {
            let item = line.strip_prefix("- ")?;
            let is_shell = !item.starts_with("uses: ") && !item.starts_with("name: ");
            is_shell.then_some(item)
        })
    };
    block.lines().map(str::trim).filter_map(keyed).collect()
}

/// Runs a line as a step of a job does, with our binary first on the path.
fn step(dir: &WorkDir, line: &str) -> Run {
    let binary = Path::new(env!("CARGO_BIN_EXE_gleak")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(binary.to_path_buf()).chain(std::env::split_paths(&path));
    let mut command = Command::new("sh");
    command.args(["-e", "-c", line]).current_dir(dir.path("."));
    command.env("PATH", std::env::join_paths(paths).unwrap());
    command.env("GITHUB_STEP_SUMMARY", dir.path("summary"));
    Run::of(&mut command)
}

/// Runs a whole job over this evidence; how the lines ended that decide, and what the others said.
fn job(dir: &WorkDir, heading: &str, evidence: &[u8]) -> (Vec<i32>, String) {
    let (mut ends, mut said) = (Vec::new(), String::new());
    for line in lines(heading) {
        if line.ends_with(TESTS) {
            assert_eq!(line.contains("GLEAK_OUT="), heading == "GitLab", "{line}");
            dir.write("target/gleak/a.ndjson", evidence);
            continue;
        }
        let run = step(dir, line);
        assert_eq!(run.stderr, "", "{line}");
        said.push_str(&run.stdout);
        if line.starts_with("gleak ") {
            ends.push(run.code.unwrap());
        } else {
            assert_eq!((line, run.code), ("rm -rf target/gleak", Some(0)));
        }
    }
    (ends, said)
}

fn prepared(name: &str) -> (WorkDir, Vec<u8>, Vec<u8>) {
    let dir = WorkDir::new(name);
    let known = findings(1, &[finding("gk1:00000000000000aa", "app::known", 2)]);
    dir.write("known", &known);
    let write = ["baseline", "write", "gleak-baseline.json", "known", "--reason", "issue 41"];
    dir.gleak(&write).ends(0).quiet();
    // Of an earlier run; the job removes it.
    dir.write("target/gleak/old.ndjson", make::leaky(9, 9));
    let new = [
        finding("gk1:00000000000000aa", "app::known", 2),
        finding("gk1:00000000000000bb", "app::fresh", 1),
    ];
    (dir, known, findings(1, &new))
}

#[test]
fn the_jobs_are_there() {
    assert_eq!(lines("GitHub Actions").len(), 3);
    assert_eq!(lines("GitLab").len(), 3);
}

#[test]
fn the_job_for_github_is_green_for_a_known_leak_and_red_for_a_new_one() {
    let (dir, known, new) = prepared("ci-github");
    let (ends, said) = job(&dir, "GitHub Actions", &known);
    assert_eq!((ends, said.as_str()), (vec![0], "gate: passed, 1 known\n"));
    let (ends, said) = job(&dir, "GitHub Actions", &new);
    assert_eq!(ends, [1]);
    assert!(said.starts_with("::error file=src/pool.rs,line=49,col=5,title=gleak gate"), "{said}");
    // The file is there and empty when a step begins.
    assert_eq!(dir.read("summary").matches("## gleak gate\n").count(), 1);
    let sarif: serde_json::Value = serde_json::from_str(&dir.read("gleak.sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 2);
}

#[test]
fn the_job_for_gitlab_is_green_for_a_known_leak_and_red_for_a_new_one() {
    let (dir, known, new) = prepared("ci-gitlab");
    let (ends, said) = job(&dir, "GitLab", &known);
    assert_eq!(ends, [0]);
    assert!(said.ends_with("gate: passed, 1 known\n"), "{said}");
    let (ends, said) = job(&dir, "GitLab", &new);
    assert_eq!(ends, [1]);
    assert!(said.contains("NEW     outlived"), "{said}");
    assert!(dir.read("gleak.xml").contains("failures=\"1\" errors=\"0\" skipped=\"1\""));
    let quality = dir.read("gl-code-quality-report.json");
    let quality: serde_json::Value = serde_json::from_str(&quality).unwrap();
    let prints: Vec<_> = quality.as_array().unwrap().iter().map(|it| &it["fingerprint"]).collect();
    assert_eq!(prints, ["gk1:00000000000000bb", "gk1:00000000000000aa"]);
}

#[test]
fn the_page_names_every_format_with_its_extensions() {
    let dir = WorkDir::new("ci-formats");
    let help = dir.gleak(&["report", "-h"]).ends(0).stdout;
    let formats = help.split("possible values: ").find(|it| it.starts_with("text")).unwrap();
    let mut formats: Vec<&str> = formats.split(']').next().unwrap().split(", ").collect();
    let table = PAGE.split("\n| format |").nth(1).unwrap().split("\n\n").next().unwrap();
    dir.write("x", make::deadlocked());
    for row in table.lines().skip(2) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let format = cells[1].trim_matches('`');
        assert!(formats.contains(&format), "{row}");
        formats.retain(|it| *it != format);
        let said = dir.gleak(&["report", "x", "--format", format]).ends(0).quiet().bytes;
        for end in cells[2].split('`').filter(|it| it.starts_with('.')) {
            let file = format!("{format}{end}");
            dir.gleak(&["report", "x", "-o", &file]).ends(0).quiet();
            assert_eq!(dir.read_bytes(&file), said, "{file}");
        }
        let gate = dir.gleak(&["gate", "x", "--format", format]).code;
        let only_report = cells[3].ends_with("(`report` only)");
        assert_eq!(gate, Some(if only_report { 2 } else { 1 }), "{row}");
    }
    assert_eq!(formats, Vec::<&str>::new());
}
