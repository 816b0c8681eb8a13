//! Reports in the formats of other tools, compared with `testdata/formats`, and read back.

use gleak_detector::profile::{By, Chosen, Profile, Weight};
use gleak_detector::render::{self, Gone, ListFormat, Listing, Row, Standing};
use gleak_detector::snapshot::{Arm, Snapshot, SnapshotBuilder, TaskId, WaitOp, WaitReason};
use gleak_detector::{Certainty, Finding, Fingerprint, RULES, Report, Rule};
use serde_json::Value;

use crate::support::{MS, bank, golden, process, stack};

pub(crate) const LISTS: [(ListFormat, &str); 5] = [
    (ListFormat::Md, "md"),
    (ListFormat::Junit, "xml"),
    (ListFormat::Sarif, "sarif"),
    (ListFormat::Gitlab, "gitlab.json"),
    (ListFormat::Github, "github"),
];

type Draw = fn(&Report) -> String;

pub(crate) const DRAWN: [(Draw, &str); 2] = [(render::mermaid, "mmd"), (render::dot, "dot")];

type Tell = fn(&Snapshot, &Chosen<'_>) -> String;

/// Formats that hold all tasks.
pub(crate) const TOLD: [(Tell, &str); 3] =
    [(folded, "folded"), (speedscope, "speedscope.json"), (go, "goroutines")];

fn folded(snapshot: &Snapshot, chosen: &Chosen<'_>) -> String {
    render::folded(&Profile::new(snapshot, chosen), By::Both, Weight::Tasks)
}

fn speedscope(snapshot: &Snapshot, chosen: &Chosen<'_>) -> String {
    render::speedscope(&Profile::new(snapshot, chosen))
}

fn go(snapshot: &Snapshot, chosen: &Chosen<'_>) -> String {
    render::go(snapshot, chosen, &|_| None)
}

pub(crate) fn several() -> Report {
    process(&several_tasks())
}

/// A circle with one behind it, tasks that wait for ever, a panic, and one at work with a stack.
pub(crate) fn several_tasks() -> Snapshot {
    let mut b = bank();
    let never = [Arm::never(WaitOp::Receive)];
    let parent = b.task("src/main.rs:9", "bank::main").main().running().id();
    for _ in 0..3 {
        let task = b.task("src/mirror.rs:4", "bank::mirror::{{closure}}").parent(parent);
        let task = task.waits(WaitReason::Receive, &never, "src/mirror.rs:8").since(20 * MS);
        let _ = task.id();
    }
    let site = b.site("/opt/cargo/registry/src/decode-1.0/src/lib.rs:212");
    b.panic(TaskId(77), "src/in.rs:5", "bank::decode", "length 10, index 12").site = Some(site);
    b.completeness_mut().cut = true;
    let mut snapshot = b.build();
    let calls = ["bank::serve at src/serve.rs:30", "bank::main::{closure#0} at src/main.rs:10"];
    let stack = stack(&mut snapshot, &calls);
    let main = snapshot.tasks.iter_mut().find(|task| task.id == parent);
    main.expect("the main task").backtrace = Some(stack);
    snapshot
}

fn healthy() -> Snapshot {
    let mut b = SnapshotBuilder::new();
    b.header_mut().program = "idle".to_owned();
    let jobs = b.channel("src/a.rs:1", None);
    let _ = b.task("src/a.rs:2", "app::work").receives(jobs, "src/a.rs:3").id();
    b.build()
}

fn listed(report: &Report, format: ListFormat) -> String {
    render::list(&Listing::of_reports("gleak report", &[report]), format)
}

#[test]
fn every_format_is_as_it_was() {
    for (name, snapshot) in [("several", several_tasks()), ("healthy", healthy())] {
        let report = process(&snapshot);
        for (format, end) in LISTS {
            golden(&format!("testdata/formats/{name}.{end}"), &listed(&report, format));
        }
        for (draw, end) in DRAWN {
            golden(&format!("testdata/formats/{name}.{end}"), &draw(&report));
        }
        for (tell, end) in TOLD {
            let told = tell(&snapshot, &Chosen::of(&report));
            golden(&format!("testdata/formats/{name}.{end}"), &told);
        }
    }
}

/// A finding in every standing that a gate knows.
fn gate(findings: &[Finding]) -> Listing<'_> {
    let moved = Standing::Moved(Fingerprint("gk1:0123456789abcdef".to_owned()));
    let standings = [
        (Standing::New, true),
        (moved, true),
        (Standing::Grown(2), true),
        (Standing::Expired("2026-01-31".to_owned()), true),
        (Standing::New, false),
        (Standing::Known("issue 41".to_owned()), false),
        (Standing::Weaker, false),
    ];
    let rows = findings.iter().cycle().zip(standings);
    let rows = rows.map(|(finding, (standing, fails))| Row { finding, standing, fails });
    Listing {
        title: "gleak gate",
        verdicts: vec!["gate: FAILED, 4 over the limit".to_owned()],
        troubles: vec!["not read in full: a.ndjson: cut".to_owned()],
        remarks: vec!["checked 2 processes".to_owned()],
        rows: rows.collect(),
        gone: vec![gone("src/gone.rs:7"), gone("src/a:b.rs"), gone("")],
    }
}

/// An entry of a baseline whose finding is gone; its place has a line, a strange name, or nothing.
fn gone(spawn: &str) -> Gone {
    Gone {
        fingerprint: Fingerprint("gk1:00000000000000ff".to_owned()),
        rule: Rule::Outlived,
        entry: "app::gone".to_owned(),
        spawn: spawn.to_owned(),
    }
}

#[test]
fn every_standing_is_told_in_every_list() {
    let report = several();
    let listing = gate(&report.findings);
    for (format, end) in LISTS {
        golden(&format!("testdata/formats/gate.{end}"), &render::list(&listing, format));
    }
}

#[test]
fn a_list_names_a_fingerprint_once_where_it_has_the_most_tasks() {
    let (small, mut large) = (several(), several());
    let extra = large.findings[0].groups[0].members[0].clone();
    large.findings[0].groups[0].members.push(extra);
    for reports in [[&small, &large], [&large, &small]] {
        let listing = Listing::of_reports("gleak report", &reports);
        assert_eq!(listing.rows.len(), small.findings.len());
        assert_eq!(listing.rows[0].finding.tasks(), large.findings[0].tasks());
        assert_eq!(listing.verdicts.len(), 2);
    }
}

#[test]
fn sarif_holds_the_rules_and_results_point_into_them() {
    let report = several();
    let sarif: Value = serde_json::from_str(&listed(&report, ListFormat::Sarif)).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let ids: Vec<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    let known: Vec<&str> = RULES.iter().map(|info| info.rule.id()).collect();
    assert_eq!(ids, known);
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), report.findings.len());
    for (result, finding) in results.iter().zip(&report.findings) {
        let at = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(ids[at], result["ruleId"]);
        let print = result["partialFingerprints"]["gk1"].as_str().unwrap();
        assert_eq!(format!("gk1:{print}"), finding.fingerprint.0);
        assert!(result.get("baselineState").is_none(), "nobody asked for a baseline");
        let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"];
        assert_eq!(uri["uriBaseId"], "%SRCROOT%", "{uri}");
        assert!(!uri["uri"].as_str().unwrap().starts_with('/'), "{uri}");
    }
    // With a baseline, every result says how it stands to it.
    let listing = gate(&report.findings);
    let sarif = render::list(&listing, ListFormat::Sarif);
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let states: Vec<&str> =
        results.iter().map(|result| result["baselineState"].as_str().unwrap()).collect();
    let found = ["new", "new", "updated", "new", "new", "unchanged", "new"];
    assert_eq!(states, [&found[..], &["absent"; 3]].concat());
    assert_eq!(results[5]["suppressions"][0]["justification"], "issue 41");
}

#[test]
fn long_lists_are_cut_with_the_number_left_out() {
    let finding = several().findings.remove(0);
    let findings: Vec<Finding> = (0..1_200)
        .map(|number| {
            let fingerprint = Fingerprint(format!("gk1:{number:016x}"));
            Finding { fingerprint, ..finding.clone() }
        })
        .collect();
    let report = Report { findings, ..several() };
    let github = listed(&report, ListFormat::Github);
    assert_eq!(github.lines().filter(|line| line.starts_with("::")).count(), 10);
    // Nine are told: one on the cut dump, and eight of the findings.
    assert!(github.contains("::1192 more findings; `--format md` shows them\n"), "{github}");
    let sarif: Value = serde_json::from_str(&listed(&report, ListFormat::Sarif)).unwrap();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 1_000);
    assert!(sarif.to_string().contains("200 more findings, not in this file"));
    let md = listed(&report, ListFormat::Md);
    assert!(md.contains("\nand 1150 more findings\n") && md.len() < 100_000, "{}", md.len());
    for (draw, mark) in [(render::mermaid as Draw, "[\""), (render::dot, "[label=")] {
        let picture = draw(&report);
        assert!(picture.contains("more findings"), "{picture}");
        assert!(picture.matches(mark).count() < 160, "{picture}");
    }
}

#[test]
fn a_long_circle_is_drawn_in_part_and_closed() {
    let mut report = several();
    let circle = &mut report.findings[0];
    let link = circle.chain[0].clone();
    circle.chain = (1..=40)
        .map(|number| {
            let mut link = link.clone();
            link.task.task = TaskId(number);
            link.held_by = TaskId(number % 40 + 1);
            link.wants = format!("lock #{number}");
            link
        })
        .collect();
    circle.groups.clear();
    report.findings.truncate(1);
    let picture = render::dot(&report);
    assert!(picture.contains("and 24 more steps"), "{picture}");
    assert!(picture.contains("over these"), "{picture}");
    assert!(picture.lines().count() < 90, "{picture}");
}

#[test]
fn profiles_count_every_task_once_and_no_thread() {
    let report = several();
    let tasks: u64 = report.groups.iter().map(|group| group.members.len() as u64).sum();
    let chosen = Chosen::of(&report);
    let folded = folded(&several_tasks(), &chosen);
    let sum: u64 =
        folded.lines().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
    assert_eq!(sum, tasks);
    let file: Value = serde_json::from_str(&speedscope(&several_tasks(), &chosen)).unwrap();
    let frames = file["shared"]["frames"].as_array().unwrap().len() as u64;
    for profile in file["profiles"].as_array().unwrap() {
        let samples = profile["samples"].as_array().unwrap();
        let weights = profile["weights"].as_array().unwrap();
        assert_eq!(samples.len(), weights.len());
        let sum: u64 = weights.iter().map(|weight| weight.as_u64().unwrap()).sum();
        assert_eq!(profile["endValue"], sum);
        let numbers = samples.iter().flat_map(|stack| stack.as_array().unwrap());
        assert!(numbers.into_iter().all(|number| number.as_u64().unwrap() < frames));
    }
    assert_eq!(file["profiles"][0]["endValue"], tasks);
}

#[test]
fn grave_ones_are_errors_and_what_did_not_happen_fails_nothing() {
    let mut report = several();
    report.findings.truncate(1);
    let expected = [
        (Certainty::Certain, "::error ", "<failure ", "\"critical\""),
        (Certainty::Strong, "::error ", "<failure ", "\"major\""),
        (Certainty::Weak, "::warning ", "<failure ", "\"minor\""),
        (Certainty::Potential, "::notice ", "<system-out>", "\"info\""),
    ];
    for (certainty, command, case, severity) in expected {
        report.findings[0].certainty = certainty;
        assert!(listed(&report, ListFormat::Github).contains(command), "{certainty:?}");
        let junit = listed(&report, ListFormat::Junit);
        let cases = junit.split("<testcase").nth(2).unwrap();
        assert!(cases.contains(case), "{certainty:?}: {cases}");
        assert!(listed(&report, ListFormat::Gitlab).contains(severity), "{certainty:?}");
    }
}

#[test]
fn a_finding_is_shown_where_the_project_has_its_code() {
    let mut report = several();
    report.findings.truncate(1);
    let shown = |report: &Report| {
        let list: Value = serde_json::from_str(&listed(report, ListFormat::Gitlab)).unwrap();
        let place = &list[0]["location"];
        format!("{}:{}", place["path"].as_str().unwrap(), place["lines"]["begin"])
    };
    assert_eq!(shown(&report), "src/main.rs:16");
    let outside = "/opt/cargo/registry/src/pool-1.0/src/lib.rs";
    let spawn = report.findings[0].groups[0].spawn.as_mut().unwrap();
    spawn.file = outside.to_owned();
    assert_eq!(shown(&report), "src/bank.rs:31");
    let finding = &mut report.findings[0];
    finding.groups[0].block = None;
    finding.chain.clear();
    assert_eq!(shown(&report), format!("{outside}:16"));
    report.findings[0].groups[0].spawn = None;
    assert_eq!(shown(&report), "Cargo.toml:1");
}

/// A task that waits for ever with a lock, and one that wants the lock: what the first waits for is the cause.
#[test]
fn the_cause_at_the_end_of_a_chain_is_drawn() {
    let mut b = SnapshotBuilder::new();
    let lock = b.mutex("src/a.rs:1");
    let never = [Arm::never(WaitOp::Receive)];
    let root = b.task("src/a.rs:2", "app::root").name("root");
    let root = root.waits(WaitReason::Receive, &never, "src/a.rs:9").id();
    b.owns(lock, root, "src/a.rs:8", 0);
    let _ = b.task("src/a.rs:3", "app::held_up").locks(lock, "src/a.rs:7").id();
    let _ = b.task("src/a.rs:4", "app::at_work").running().id();
    let dot = render::dot(&process(&b.build()));
    let root =
        "n1 [label=\"t1 \\\"root\\\"\\nspawned at src/a.rs:2\", color=\"#cc0000\", penwidth=2];";
    assert!(dot.contains(root), "{dot}");
    assert!(dot.contains("[label=\"a never-channel\", shape=ellipse]"), "{dot}");
    assert!(dot.contains("[label=\"waits at src/a.rs:9\", style=dashed]"), "{dot}");
    // Who is held up is drawn once: in the chain.
    assert_eq!(dot.matches("[label=\"t2").count(), 1, "{dot}");
    assert!(!dot.contains("app::held_up") && !dot.contains("waits behind"), "{dot}");
}
