//! The README's first screen is true: its program is the demo's, and its output what the demo prints.
//! So are the tests of `docs/exceptions.md`.
//! `BLESS=1` rewrites the output in the README.

use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../README.md");
const DEMO: &str = include_str!("../examples/demo.rs");

const EXCEPTIONS: &str = include_str!("../../docs/exceptions.md");
const DOCUMENTED: &str = include_str!("../examples/documented.rs");

/// The first fenced block of a language.
fn block(language: &str) -> &'static str {
    block_of(README, language)
}

fn block_of(document: &'static str, language: &str) -> &'static str {
    let fence = format!("```{language}\n");
    let start = document.find(&fence).expect("a block of that language") + fence.len();
    let end = document[start..].find("\n```").expect("its end") + start;
    &document[start..end]
}

fn example(name: &str) -> Command {
    let here = std::env::current_exe().expect("this test");
    let built = here.parent().and_then(Path::parent).expect("target/profile");
    Command::new(built.join("examples").join(name))
}

/// What the demo prints of the test that fails.
fn printed() -> String {
    let mut demo = example("demo");
    demo.args(["--exact", "the_fastest_mirror_wins"]).env("COLUMNS", "100");
    // The reader has no package of ours.
    let output = demo.env_remove("CARGO_PKG_NAME").output().expect("it runs");
    assert_eq!(output.status.code(), Some(101));
    let text = String::from_utf8(output.stdout).expect("text");
    let start = text.find("---- the_fastest_mirror_wins ----").expect("the failure");
    let end = text.find("\n\n\nfailures:").expect("the list of failures");
    let lines: Vec<&str> = text[start..end].lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

/// Which of the tasks comes first depends on the moment, and ages on the machine. Width is kept for
/// neither, so runs of blanks and line breaks count as one.
fn redacted(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let bare = word.trim_end_matches([',', ';', '.']);
        let is_id = bare.strip_prefix('t').is_some_and(|id| id.parse::<u64>().is_ok());
        let is_age = word.starts_with('<') || bare.parse::<u64>().is_ok();
        if is_id {
            "tN"
        } else if is_age {
            "N"
        } else {
            bare
        }
    });
    words.filter(|word| !word.starts_with("(finished)")).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_program_is_the_demos() {
    let (uses, rest) = block("rust").split_once("\n\n").expect("imports, then the rest");
    let (test, main) = rest.rsplit_once("\n\n").expect("a test, then the main");
    for part in [uses, test, main] {
        assert!(DEMO.contains(part), "not in the demo:\n{part}");
    }
}

#[test]
fn the_output_is_what_the_demo_prints() {
    let printed = printed();
    if std::env::var_os("BLESS").is_some() {
        let readme = README.replacen(block("text"), &printed, 1);
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"), readme).unwrap();
        return;
    }
    assert_eq!(redacted(block("text")), redacted(&printed), "BLESS=1 rewrites it");
}

#[test]
fn the_tests_with_exceptions_are_as_documented_and_pass() {
    let block = block_of(EXCEPTIONS, "rust");
    assert!(DOCUMENTED.contains(block), "another text than in the example:\n{block}");
    let output = example("documented").env_remove("GLEAK_SUPPRESS").output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // The ignore of its main matches whatever the tests ignore or end themselves.
    assert!(String::from_utf8_lossy(&output.stdout).contains("3 passed"), "{output:?}");
}
