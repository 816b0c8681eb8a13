//! Reports as pages, without what a caller adds: compared with a golden file, read back by a parser, and
//! given names that try to break it. How they look and work in a browser is tested in `cli`.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;

use gleak_detector::render::{self, Sheet, TextOptions};
use gleak_detector::view::View;
use gleak_detector::{Report, SourceLines};
use quick_xml::events::Event;

use crate::formats::several;
use crate::hostile::{NAMES, report};
use crate::support::golden;

fn page(report: &Report, name: &str, sources: SourceLines) -> String {
    let view = View::whole(report);
    let closing = vec![("next", vec![format!("gleak show {name} t1")])];
    let again = Some("'two words.ndjson'");
    let sheet = Sheet { name, again, closing, view, sources, has_tasks: true, flame: None };
    render::html(&[sheet], &TextOptions { top: 0, ..TextOptions::default() })
}

#[test]
fn a_page_is_as_it_was() {
    let report = several();
    let text =
        "// accounts\n\nfn pay() {\n    // <- \"a\" & b\n    let b = b.lock();\n}\n".repeat(9);
    let sources = SourceLines::of(&report, &["/app".to_owned()], |path| {
        (path == "/app/src/bank.rs").then(|| text.clone().into_bytes())
    });
    let page = page(&report, "two words.ndjson", sources);
    golden("testdata/formats/several.html", &page);
    assert!(page.contains("<pre class=\"source\""), "the source of a place");
    assert!(page.contains("gleak show &#39;two words.ndjson&#39; gk1:"), "as a shell reads it");
}

/// Names of elements and attributes. Panics when the page is not well-formed.
fn shape(page: &str) -> BTreeSet<String> {
    let mut reader = quick_xml::Reader::from_str(page);
    let mut names = BTreeSet::new();
    loop {
        let tag = match reader.read_event().unwrap() {
            Event::Eof => return names,
            Event::Start(tag) | Event::Empty(tag) => tag,
            Event::Text(text) => {
                assert!(!text.decode().unwrap().contains("]]>"));
                continue;
            }
            Event::GeneralRef(name) => {
                let name = name.decode().unwrap();
                assert!(["amp", "lt", "gt", "quot", "#39", "#8594", "#8592"].contains(&&*name));
                continue;
            }
            Event::End(_) | Event::DocType(_) => continue,
            other @ (Event::CData(_) | Event::Comment(_) | Event::PI(_) | Event::Decl(_)) => {
                panic!("{other:?}")
            }
        };
        names.insert(String::from_utf8(tag.name().as_ref().to_vec()).unwrap());
        for attribute in tag.attributes() {
            let attribute = attribute.unwrap();
            let value = std::str::from_utf8(&attribute.value).unwrap();
            assert!(!value.contains('<'), "{value}");
            names.insert(format!("@{}", String::from_utf8_lossy(attribute.key.as_ref())));
        }
    }
}

#[test]
fn no_name_is_markup() {
    let plain = shape(&page(&report("plain"), "plain", SourceLines::default()));
    for name in NAMES {
        let page = page(&report(name), name, SourceLines::default());
        let extra: Vec<String> = shape(&page).difference(&plain).cloned().collect();
        assert_eq!(extra, Vec::<String>::new(), "{name:?}");
        let raw =
            page.find(|it| crate::hostile::steers(it) || matches!(it, '\u{fffe}' | '\u{ffff}'));
        assert_eq!(raw, None, "{name:?}");
        assert_eq!(page.matches("</script>").count(), 1, "{name:?}");
    }
}

#[test]
fn long_names_make_no_long_page() {
    for name in ["x".repeat(20_000), "a b ".repeat(5_000), "\u{1b}<\"".repeat(5_000)] {
        let page = page(&report(&name), "long", SourceLines::default());
        shape(&page);
        assert!(page.len() < 400_000, "{}", page.len());
    }
}
