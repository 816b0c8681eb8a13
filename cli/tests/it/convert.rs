//! `gleak convert`, `--format pprof` and `--format go`: from file to file.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::make;
use crate::work_dir::{WorkDir, golden};

const ZOO: &str = include_str!("../../testdata/go/zoo.txt");
const LEAKED: &str = include_str!("../../testdata/go/leaked.txt");
const PROFILE: &str = include_str!("../../testdata/go/profile.txt");

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// The numbers at the ends of lines.
fn sum(folded: &str) -> u64 {
    let count = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap();
    folded.lines().map(count).sum()
}

#[test]
fn formats_are_as_agreed() {
    let dir = WorkDir::new("convert-golden");
    dir.write("busy", make::busy()).write("bank", make::deadlocked()).write("zoo", ZOO);
    for (input, format) in [
        ("bank", "go"),
        ("busy", "folded"),
        ("bank", "speedscope"),
        ("zoo", "folded"),
        ("zoo", "go"),
    ] {
        let run = dir.gleak(&["convert", input, "--to", format]).ends(0).quiet();
        golden(&format!("convert/{input}.{format}"), &run.stdout);
    }
}

#[test]
fn a_dump_of_ours_comes_back_as_it_is_also_when_compressed() {
    let dir = WorkDir::new("convert-own");
    for (name, bytes) in
        [("busy", make::busy()), ("hostile", make::hostile()), ("e", make::empty())]
    {
        dir.write(name, &bytes).write("packed", gz(&bytes));
        for input in [name, "packed"] {
            let run = dir.gleak(&["convert", input, "--to", "gleak"]).ends(0).quiet();
            assert_eq!(run.bytes, bytes, "{name}");
        }
        let json = |file| dir.gleak(&["report", file, "--format", "json"]).ends(0).stdout;
        assert_eq!(json("packed"), json(name));
    }
}

#[test]
fn what_would_look_whole_and_is_not_is_refused() {
    let dir = WorkDir::new("convert-refused");
    dir.write("cut", make::cut(&make::busy())).write("damaged", make::damaged(&make::busy(), 3));
    dir.write("zoo", ZOO).write("profile", PROFILE).write("f", make::findings(1, &[]));
    dir.write("twice", format!("{ZOO}\n{ZOO}"));
    for (input, format, why) in [
        ("cut", "gleak", "cut: is cut"),
        ("damaged", "gleak", "damaged: 1 line is damaged"),
        ("zoo", "gleak", "zoo: is a dump of a Go program"),
        ("profile", "go", "profile: a profile counts goroutines"),
        ("f", "pprof", "f: holds findings and no tasks"),
        ("twice", "folded", "twice: holds 2 dumps, want one"),
    ] {
        let run = dir.gleak(&["convert", input, "--to", format, "-o", "out"]).ends(3);
        assert_eq!(run.complains(why).stdout, "");
    }
    dir.gleak(&["report", "profile", "--format", "go"]).ends(3).complains("a profile counts");
    // What is left of it is something, and what it lacks is told.
    dir.gleak(&["convert", "cut", "--to", "folded"]).ends(0).complains("cut: is cut");
    assert!(!dir.names().contains(&"out".to_owned()));
}

#[test]
fn a_profile_has_every_task_and_is_read_again() {
    let dir = WorkDir::new("convert-pprof");
    dir.write("busy", make::busy()).write("zoo", ZOO).write("leaked", LEAKED);
    for (input, tasks) in [("busy", 65), ("zoo", 18), ("leaked", 18)] {
        let file = format!("{input}.pb.gz");
        dir.gleak(&["convert", input, "--to", "pprof", "-o", &file]).ends(0).quiet();
        let folded = dir.gleak(&["convert", &file, "--to", "folded"]).ends(0).quiet().stdout;
        assert_eq!(sum(&folded), tasks, "{input}");
        let again = dir.gleak(&["convert", input, "--to", "pprof"]).ends(0).quiet().bytes;
        assert_eq!(again, dir.read_bytes(&file), "{input}");
    }
}

#[test]
fn what_a_report_shows_its_profile_holds() {
    let dir = WorkDir::new("report-pprof");
    dir.write("busy", make::busy());
    let report = ["report", "busy", "--where", "wait=receive", "--format"];
    dir.gleak(&[&report[..], &["pprof", "-o", "p.pb.gz"]].concat()).ends(0).quiet();
    let folded = dir.gleak(&["convert", "p.pb.gz", "--to", "folded"]).ends(0).quiet().stdout;
    assert_eq!(sum(&folded), 30);
    let go = dir.gleak(&[&report[..], &["go"]].concat()).ends(0).quiet().stdout;
    assert_eq!(go.matches(" [chan receive, 3 minutes]:\n").count(), 30, "{go}");
    dir.write("go", go);
    let said = dir.gleak(&["report", "go"]).ends(0).quiet().stdout;
    assert!(said.contains("nothing found in 30 tasks (30 waiting)"), "{said}");
}

#[test]
fn a_go_dump_keeps_its_states_and_marks() {
    let dir = WorkDir::new("convert-go");
    for (name, text) in [("zoo", ZOO), ("leaked", LEAKED)] {
        dir.write(name, text);
        let go = dir.gleak(&["convert", name, "--to", "go"]).ends(0).quiet().stdout;
        dir.write("again", &go);
        // Headers are as they were; only labels are quoted in another way.
        let headers = |text: &str| {
            let mut headers: Vec<String> = text
                .lines()
                .filter(|line| line.starts_with("goroutine "))
                .map(|line| line.split(']').next().unwrap().to_owned())
                .collect();
            headers.sort();
            headers
        };
        assert_eq!(headers(&go), headers(text), "{name}");
        let report = |file: &str| {
            let text = dir.gleak(&["report", file, "--format", "json"]).ends(0).stdout;
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            json["totals"].clone()
        };
        assert_eq!(report("again"), report(name));
    }
}

#[test]
fn a_small_file_that_unpacks_to_much_is_read_with_little() {
    let dir = WorkDir::new("bomb");
    // Fifty megabytes in fifty kilobytes: a long line is passed over, whatever comes out of it.
    dir.write("bomb", gz(&vec![b'x'; 50_000_000]));
    dir.gleak(&["report", "bomb"]).ends(3).complains("bomb: ");
    dir.write("torn", &gz(&make::busy())[..200]);
    dir.gleak(&["report", "torn"]).ends(3).complains("torn: ");
    let mut profile = vec![0x0a, 4, 8, 1, 16, 2];
    profile.extend([0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    for (name, bytes) in [("lie", profile.clone()), ("packed-lie", gz(&profile))] {
        dir.write(name, bytes);
        dir.gleak(&["report", name])
            .ends(3)
            .complains("is a binary profile that is cut or damaged");
    }
}
