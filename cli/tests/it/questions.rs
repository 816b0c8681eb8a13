//! Questions of a dump: `--where`, `--group-by`, `--sort`, `show`, `diff`, `explain`. Golden files at two
//! widths; the words are the detector's.

use crate::make;
use crate::work_dir::{WorkDir, golden};

/// The answer at both widths is the golden one.
#[track_caller]
fn check(dir: &WorkDir, name: &str, arguments: &[&str]) {
    for width in ["80", "120"] {
        let run = dir.gleak(&[arguments, &["--width", width]].concat()).ends(0).quiet();
        golden(&format!("{name}-{width}.txt"), &run.stdout);
    }
}

fn json(dir: &WorkDir, arguments: &[&str]) -> serde_json::Value {
    let run = dir.gleak(&[arguments, &["--format", "json"]].concat()).ends(0).quiet();
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn a_filter_picks_what_is_shown_and_counts_the_rest() {
    let dir = WorkDir::new("where");
    dir.write("busy", make::busy()).write("leaky", make::leaky(4711, 3));
    check(&dir, "where-receive", &["report", "busy", "--where", "wait=receive tasks>10"]);
    check(&dir, "where-nothing", &["report", "leaky", "--where", "name~nobody*"]);
    let all = json(&dir, &["report", "leaky"]);
    let some = json(&dir, &["report", "leaky", "--where", "not rule=structural"]);
    assert_eq!(some["findings"].as_array().map(Vec::len), Some(0));
    assert_eq!(some["totals"], all["totals"]);
    let left = serde_json::json!({"where": "not rule=structural", "findings": 1, "tasks": 3});
    assert_eq!(some["left_out"], left);
    assert_eq!(
        json(&dir, &["report", "leaky", "--where", "certainty>=weak"])["findings"],
        all["findings"]
    );
}

#[test]
fn a_filter_changes_no_exit_code() {
    let dir = WorkDir::new("where-code");
    dir.write("leaky", make::leaky(4711, 3));
    for command in ["report", "gate"] {
        let arguments = [command, "leaky", "--where", "task=t999"];
        let exit = if command == "report" { &["--exit-code"][..] } else { &[] };
        dir.gleak(&[&arguments[..], exit].concat()).ends(1).quiet();
    }
    dir.gleak(&["diff", "leaky", "leaky", "--exit-code"]).ends(0).quiet();
    dir.write("good", make::healthy());
    let run = dir.gleak(&["diff", "good", "leaky", "--exit-code", "--where", "task=t999"]);
    run.ends(1).quiet();
    dir.gleak(&["diff", "good", "leaky"]).ends(0).quiet();
}

#[test]
fn a_gate_shows_what_fits_and_judges_all() {
    let dir = WorkDir::new("where-gate");
    dir.write("leaky", make::leaky(4711, 3));
    let said = dir.gleak(&["gate", "leaky", "--where", "rule=cycle"]).ends(1).quiet().stdout;
    golden("where-gate.txt", &said);
    let said = dir.gleak(&["gate", "leaky", "--where", "rule=structural"]).ends(1).quiet().stdout;
    assert_eq!(said, dir.gleak(&["gate", "leaky"]).ends(1).stdout);
}

#[test]
fn a_mistyped_question_is_code_2_and_says_what_may_be_meant() {
    let dir = WorkDir::new("mistyped");
    dir.write("x", make::busy());
    for (arguments, words) in [
        (
            &["report", "x", "--where", "nmae=a"][..],
            "column 1: `nmae` is not known; is `name` meant?",
        ),
        (&["report", "x", "--where", "(age>5m"], "column 1: the parenthesis is not closed"),
        (&["report", "x", "--where", "state=waitin"], "is `waiting` meant?"),
        (&["report", "x", "--group-by", "blockd"], "is `blocked` meant?"),
        (&["report", "x", "--group-by", "task"], "tasks cannot be grouped by `task`"),
        (&["report", "x", "--sort", "ages"], "a similar value exists: 'age'"),
        (&["explain", "cycel"], "is `cycle` meant?"),
        (&["explain", "nonsense"], "`gleak explain` lists them"),
        (&["reprot"], "a similar subcommand exists: 'report'"),
        (&["report", "x", "--were", "a"], "a similar argument exists: '--where'"),
        (&["completions", "bsh"], "a similar value exists: 'bash'"),
        (&["show", "x", "t900"], "the nearest: t63, t64, t65"),
        (&["show", "x", "#9"], "not among the 3 objects of the dump; the nearest: #1, #2, #3"),
        (&["show", "x", "gk1:00"], "no finding has this fingerprint"),
        (&["show", "x", "job"], "no id: want a task (t7)"),
        (&["diff", "-", "-"], "read only once"),
    ] {
        let run = dir.gleak(arguments).ends(2);
        assert!(run.stderr.contains(words), "{words}: {run:#?}");
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn tasks_are_counted_by_a_field_and_put_in_order() {
    let dir = WorkDir::new("group-by");
    dir.write("busy", make::busy()).write("leaky", make::leaky(4711, 3));
    check(&dir, "by-spawn", &["report", "busy", "--group-by", "spawn"]);
    check(&dir, "by-wait-top", &["report", "busy", "--group-by", "wait", "--top", "2"]);
    let counts = json(&dir, &["report", "leaky", "--group-by", "rule", "--sort", "verdict"]);
    let rows = &counts["counts"]["rows"];
    assert_eq!((&rows[0]["value"], &rows[0]["stuck"]), (&"structural".into(), &3.into()));
    assert_eq!((&rows[1]["value"], &rows[1]["tasks"]), (&serde_json::Value::Null, &1.into()));

    dir.write("grown", make::growing(3600, 2));
    let groups = json(&dir, &["report", "busy", "--sort", "age"]);
    let longest = |at: usize| groups["groups"][at]["members"][0]["waited_ns"].as_u64();
    assert!(longest(0) >= longest(1), "{groups}");
}

#[test]
fn a_task_is_shown_with_all_that_is_known_of_it() {
    let dir = WorkDir::new("show");
    dir.write("bad", make::deadlocked()).write("busy", make::busy());
    check(&dir, "show-deadlocked", &["show", "bad", "t1"]);
    check(&dir, "show-worker", &["show", "busy", "t3"]);
    check(&dir, "show-main", &["show", "busy", "t1"]);
    let task = json(&dir, &["show", "bad", "t1"]);
    assert_eq!(task["task"]["holds"][0]["wanted_by"].as_array().map(Vec::len), Some(1));
    assert_eq!(task["task"]["findings"][0]["rule"], "cycle");
}

#[test]
fn an_object_and_a_finding_are_shown() {
    let dir = WorkDir::new("show-object");
    dir.write("bad", make::deadlocked()).write("busy", make::busy());
    check(&dir, "show-lock", &["show", "bad", "#1"]);
    check(&dir, "show-channel", &["show", "busy", "1"]);
    let print = json(&dir, &["report", "bad"])["findings"][0]["fingerprint"].clone();
    let print = print.as_str().unwrap().to_owned();
    check(&dir, "show-finding", &["show", "bad", &print[..8]]);
    let shown = json(&dir, &["show", "bad", &print]);
    assert_eq!(shown["finding"]["finding"]["fingerprint"], print);
}

#[test]
fn two_dumps_are_compared() {
    let dir = WorkDir::new("diff");
    dir.write("old", make::leaky(1, 3)).write("new", make::leaky(2, 5));
    dir.write("busy", make::busy()).write("findings", make::findings(7, &[]));
    check(&dir, "diff-grown", &["diff", "old", "new"]);
    check(&dir, "diff-other", &["diff", "old", "busy", "--top", "1"]);
    // Three do not fit and five do: it has grown all the same.
    check(&dir, "diff-where", &["diff", "old", "new", "--where", "tasks>4 or rule=cycle"]);
    check(&dir, "diff-nothing", &["diff", "old", "busy", "--where", "wait=lock"]);
    let diff = json(&dir, &["diff", "new", "old"]);
    assert_eq!(diff["findings"][0]["kind"], "shrunk");
    assert_eq!((&diff["same_groups"], &diff["same_findings"]), (&1.into(), &0.into()));
    dir.gleak(&["diff", "old", "new", "--exit-code"]).ends(1).quiet();
    dir.gleak(&["diff", "new", "old", "--exit-code"]).ends(0).quiet();
    dir.gleak(&["diff", "old", "findings"]).ends(3).complains("holds findings and no tasks");
    dir.write("cut", make::cut(&make::leaky(1, 3)));
    dir.gleak(&["diff", "cut", "new"]).ends(0).complains("cut: is cut");
}

#[test]
fn rules_are_explained() {
    let dir = WorkDir::new("explain");
    check(&dir, "explain", &["explain"]);
    check(&dir, "explain-cycle", &["explain", "cycle"]);
}

#[test]
fn nothing_from_outside_steers_the_terminal() {
    let dir = WorkDir::new("hostile-questions");
    dir.write("x", make::hostile()).write("leaky", make::leaky(4711, 3));
    let print = json(&dir, &["report", "x"])["findings"][0]["fingerprint"].clone();
    for arguments in [
        &["report", "x", "--group-by", "name"][..],
        &["report", "x", "--group-by", "spawn"],
        &["report", "x", "--where", "name~*owned*"],
        &["report", "x", "--where", "name!=\"a\u{1b}[31m\""],
        &["show", "x", "t1"],
        &["show", "x", "t2"],
        &["show", "x", "#1"],
        &["show", "x", print.as_str().unwrap()],
        &["diff", "x", "leaky"],
        &["diff", "leaky", "x"],
    ] {
        let said = dir.gleak(arguments).ends(0).quiet().stdout;
        let raw = said.find(|c: char| c.is_control() && c != '\n' || c == '\u{202e}');
        assert_eq!(raw, None, "{arguments:?}: {said:?}");
    }
}

#[test]
fn completions_and_the_manual_page_are_of_the_same_flags() {
    let dir = WorkDir::new("manual");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = dir.gleak(&["completions", shell]).ends(0).quiet().stdout;
        for word in ["report", "show", "diff", "explain", "group-by", "baseline"] {
            assert!(said.contains(word), "{shell}: {word}");
        }
    }
    let page = dir.gleak(&["man"]).ends(0).quiet().stdout;
    for word in [
        ".TH gleak 1",
        ".SH GLEAK REPORT",
        ".SH GLEAK BASELINE WRITE",
        ".SH GLEAK BASELINE PRUNE",
        ".SH GLEAK SCHEMA",
        ".SH EXIT CODES",
    ] {
        assert!(page.contains(word), "{word}");
    }
    // As many flags as `--help` has.
    let report = page.split(".SH GLEAK REPORT").nth(1).unwrap().split("\n.SH ").next().unwrap();
    let help = dir.gleak(&["report", "--help"]).ends(0).stdout;
    let flags = help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 2);
    for flag in flags {
        let flag = flag.trim_matches(|c: char| !c.is_alphanumeric()).replace('-', "\\-");
        assert!(report.contains(&flag), "{flag}");
    }
}

/// Words as a shell has them: single quotes keep blanks, `#` begins a comment.
pub(crate) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (word, after) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap(),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

#[test]
fn the_page_on_questions_is_true() {
    let page = include_str!("../../../docs/questions.md");
    let dir = WorkDir::new("page");
    dir.write("dump.ndjson", make::deadlocked());
    dir.write("before.ndjson", make::leaky(1, 3)).write("after.ndjson", make::leaky(2, 5));
    let lines: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("$ gleak ")).collect();
    assert!(lines.len() > 10);
    for line in lines {
        let mut words = words(line);
        words.truncate(words.iter().position(|word| word == ">").unwrap_or(words.len()));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let code = i32::from(words[0] == "gate");
        let said = dir.gleak(&words).ends(code).quiet().stdout;
        let file = words.iter().position(|word| *word == "-o").map(|at| words[at + 1]);
        assert_ne!(file.map_or(said, |file| dir.read(file)), "", "{line}");
    }
    // The examples in the table, one a field.
    let examples = page.lines().filter_map(|line| line.strip_suffix("` |")?.rsplit_once('`'));
    let examples: Vec<&str> = examples.map(|(_, example)| example).collect();
    assert_eq!(examples.len(), 14);
    for example in examples {
        dir.gleak(&["report", "dump.ndjson", "--where", example]).ends(0).quiet();
    }
}

#[test]
fn colour_is_for_terminals_and_for_who_asks() {
    let dir = WorkDir::new("colours");
    dir.write("bad", make::deadlocked());
    for arguments in [&["report", "bad"][..], &["show", "bad", "t1"], &["diff", "bad", "bad"]] {
        let colored = |flags: &[&str], variables: &[(&str, &str)]| {
            let mut command = dir.command(&[arguments, flags].concat());
            let output = command.envs(variables.iter().copied()).output().unwrap();
            String::from_utf8(output.stdout).unwrap().contains("\u{1b}[")
        };
        assert!(!colored(&[], &[]));
        assert!(colored(&["--color", "always"], &[("NO_COLOR", "1")]));
        assert!(colored(&[], &[("CLICOLOR_FORCE", "1")]));
        assert!(!colored(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
        assert!(!colored(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
        let both = [arguments, &["--color", "always", "-o", "out", "--force"]].concat();
        dir.gleak(&both).ends(0).quiet();
        assert!(dir.read("out").contains("\u{1b}["), "also into files when asked");
    }
}
