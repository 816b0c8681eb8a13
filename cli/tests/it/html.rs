//! `gleak report --format html` and `--format svg`: pages and pictures, read back by a parser.

use std::collections::BTreeSet;

use crate::make::{self, finding, findings};
use crate::work_dir::{WorkDir, golden};
use crate::xml::{Element, elements, well_formed};

/// Addresses that a page may hold: names of its languages.
const NAMES: [&str; 2] = ["http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"];

/// A page with all that must hold of every page; its elements.
#[track_caller]
fn sound(page: &str) -> Vec<Element> {
    assert!(page.starts_with("<!DOCTYPE html>\n<html "), "{page:.100}");
    let mut bare = page.to_owned();
    NAMES.iter().for_each(|name| bare = bare.replace(name, ""));
    for address in ["http://", "https://", "url(", "@import", "src=", "javascript:"] {
        assert!(!bare.contains(address), "{address}");
    }
    let steers = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert_eq!(page.find(steers), None);
    let elements = elements(page);
    let attribute =
        |name: &'static str| elements.iter().filter_map(move |it| it.attributes.get(name)).cloned();
    let ids: Vec<String> = attribute("id").collect();
    let set: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(set.len(), ids.len(), "an id twice");
    for link in attribute("href") {
        let target = link.strip_prefix('#').unwrap_or_else(|| panic!("leads away: {link}"));
        assert!(set.contains(&target.to_owned()), "leads nowhere: {link}");
    }
    for element in &elements {
        let handlers = element.attributes.keys().find(|it| it.starts_with("on") || *it == "style");
        assert_eq!(handlers, None, "{element:?}");
    }
    let count = |name: &str| elements.iter().filter(|it| it.name == name).count();
    assert_eq!((count("script"), count("style"), count("h1")), (1, 1, 1));
    let heads = elements.iter().filter(|it| it.name == "th");
    assert!(heads.into_iter().all(|it| it.attributes.contains_key("scope")));
    elements
}

fn page(dir: &WorkDir, arguments: &[&str]) -> String {
    let arguments = [&["report", "--format", "html"], arguments].concat();
    dir.gleak(&arguments).ends(0).quiet().stdout
}

#[test]
fn a_page_is_as_agreed_and_the_same_twice() {
    let dir = WorkDir::new("html-golden");
    dir.write("crash.ndjson", make::crashed(60));
    let first = page(&dir, &["crash.ndjson"]);
    sound(&first);
    golden("crash.html", &first);
    assert_eq!(page(&dir, &["crash.ndjson"]), first);
    dir.gleak(&["report", "crash.ndjson", "-o", "crash.html"]).ends(0).quiet();
    assert_eq!(dir.read("crash.html"), first);
}

#[test]
fn every_input_has_a_sound_page() {
    let dir = WorkDir::new("html-inputs");
    let go = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/go");
    for name in ["asleep", "zoo", "leaked", "profile", "leak-profile"] {
        let text = std::fs::read(go.join(format!("{name}.txt"))).unwrap();
        dir.write(name, text);
        sound(&page(&dir, &[name]));
    }
    dir.write("busy", make::busy()).write("empty", make::empty()).write("held", make::held());
    dir.write("hostile", make::hostile()).write("deadlocked", make::deadlocked());
    let found = [finding("gk1:0000000000000001", "app::a", 3)];
    dir.write("findings", findings(7, &found)).write("nothing", findings(8, &[]));
    let all = ["busy", "empty", "held", "hostile", "deadlocked", "findings", "nothing"];
    for name in all {
        let page = page(&dir, &[name]);
        sound(&page);
        assert_eq!(
            page.contains("class=\"flames\""),
            !["empty", "findings", "nothing"].contains(&name)
        );
        assert_eq!(
            page.contains("gleak show"),
            ["hostile", "deadlocked"].contains(&name),
            "{name}"
        );
    }
    let several = page(&dir, &all);
    let elements = sound(&several);
    assert_eq!(elements.iter().filter(|it| it.name == "h2").count(), all.len());
    for name in all {
        assert!(elements.iter().any(|it| it.name == "a" && it.text.starts_with(name)), "{name}");
    }
}

#[test]
fn the_same_finding_of_two_dumps_has_two_places() {
    let dir = WorkDir::new("html-twice");
    dir.write("a", make::deadlocked()).write("b", make::deadlocked());
    let elements = sound(&page(&dir, &["a", "b"]));
    let starts = |start: &str| {
        let ids = elements.iter().filter_map(|it| it.attributes.get("id"));
        ids.filter(|id| id.starts_with(start)).cloned().collect::<Vec<_>>()
    };
    let prints = starts("g-gk1:");
    assert_eq!(prints.len(), 2);
    assert_eq!(prints[1], format!("{}-2", prints[0]));
    assert_eq!(starts("t-1"), ["t-1", "t-1-2"]);
}

#[test]
fn what_is_not_known_is_told_at_the_top() {
    let dir = WorkDir::new("html-cut");
    let whole = make::crashed(3);
    let cut = make::cut(&whole);
    dir.write("cut", cut).write("damaged", make::damaged(&whole, 9));
    for (name, words) in [("cut", "The dump is cut"), ("damaged", "1 line of the dump was damaged")]
    {
        let page = page(&dir, &[name]);
        let elements = sound(&page);
        let gap = elements.iter().position(|it| it.text.starts_with(words)).unwrap();
        let first = elements.iter().position(|it| it.name == "nav").unwrap();
        assert!(gap < first, "{name}");
    }
}

#[test]
fn options_change_a_page_as_they_change_text() {
    let dir = WorkDir::new("html-options");
    dir.write("crash", make::crashed(60));
    let rows = |arguments: &[&str]| {
        let page = page(&dir, &[&["crash"], arguments].concat());
        let elements = sound(&page);
        (elements.iter().filter(|it| it.name == "tbody").count(), page)
    };
    let (all, whole) = rows(&[]);
    assert_eq!(all, 9);
    assert!(whole.contains(">flush<") || whole.contains("&quot;flush&quot;"));
    assert_eq!(rows(&["--top", "3"]).0, 3);
    let (some, page) = rows(&["--where", "wait=receive"]);
    assert_eq!(some, 2);
    assert!(page.contains("--where wait=receive leaves out "), "{page}");
    assert!(page.contains("(63 tasks, 100.00%)"), "the flame graph too");
    let (values, page) = rows(&["--group-by", "wait"]);
    assert!((4..9).contains(&values) && page.contains("by wait</caption>"), "{values}");
    let order = |arguments: &[&str]| {
        let page = rows(arguments).1;
        let table = page.split_once("<table").unwrap().1.to_owned();
        (table.find("src/pool.rs:41").unwrap(), table.find("src/mirror.rs:4").unwrap())
    };
    let (pool, mirror) = order(&[]);
    assert!(pool < mirror);
    let (pool, mirror) = order(&["--sort", "verdict"]);
    assert!(mirror < pool);
}

#[test]
fn a_dump_of_a_hundred_thousand_tasks_is_a_small_page() {
    let dir = WorkDir::new("html-large");
    dir.write("crowd", make::crashed(100_000));
    let crowd = page(&dir, &["crowd"]);
    sound(&crowd);
    assert!(crowd.len() < 2_000_000, "{}", crowd.len());
    assert!(crowd.contains(">100 000<") && crowd.contains("and 99 800 more"));
    // No two tasks are alike: what the table may take is used up long before its end.
    dir.write("strangers", make::strangers(5_000));
    let strangers = page(&dir, &["strangers"]);
    sound(&strangers);
    assert!(strangers.len() < 2_000_000, "{}", strangers.len());
    assert!(strangers.contains("they would make the page too large; --format json has them"));
}

#[test]
fn a_picture_is_that_of_flame() {
    let dir = WorkDir::new("svg");
    dir.write("busy", make::busy()).write("empty", make::empty()).write("hostile", make::hostile());
    for input in ["busy", "empty", "hostile"] {
        let flame = dir.gleak(&["flame", input]).ends(0).quiet().stdout;
        let report = dir.gleak(&["report", input, "--format", "svg"]).ends(0).quiet().stdout;
        well_formed(&report);
        assert_eq!(report, flame, "{input}");
    }
    dir.gleak(&["report", "empty", "-o", "empty.svg"]).ends(0).quiet();
    golden("empty.svg", &dir.read("empty.svg"));
    let some = ["report", "busy", "--format", "svg", "--where", "wait=receive"];
    let some = dir.gleak(&some).ends(0).quiet().stdout;
    assert!(some.contains(">app, process 4711: 30 tasks<"), "{some}");
    let none = ["report", "busy", "--format", "svg", "--where", "wait=once"];
    assert!(dir.gleak(&none).ends(0).quiet().stdout.contains("0 tasks"));
}
