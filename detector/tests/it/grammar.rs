//! The text of ignores and suppressions: what it means, and what is said of what means nothing.

use gleak_detector::{Ignore, Matcher, Suppressions};
use proptest::prelude::*;

fn read(text: &str) -> Ignore {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn every_matcher_has_a_text() {
    let text = |text: &str| text.to_owned();
    let cases = [
        ("name=metrics-*", Matcher::Name(text("metrics-*"))),
        (r#"name="a \"b\" \\ c""#, Matcher::Name(text(r#"a "b" \ c"#))),
        ("label.tenant=42", Matcher::Label(text("tenant"), text("42"))),
        (r#"label."a key=b"=c"#, Matcher::Label(text("a key=b"), text("c"))),
        ("spawn=src/a.rs", Matcher::Spawn { file: text("src/a.rs"), line: None }),
        ("spawn=src/a.rs:7", Matcher::Spawn { file: text("src/a.rs"), line: Some(7) }),
        ("spawn=C:/a.rs", Matcher::Spawn { file: text("C:/a.rs"), line: None }),
        ("entry=app::run", Matcher::Entry(text("app::run"))),
        (r#"entry="<app::A as app::B>::c""#, Matcher::Entry(text("<app::A as app::B>::c"))),
        ("creator=app::accept", Matcher::Creator(text("app::accept"))),
        ("crate=hyper", Matcher::Crate(text("hyper"))),
        ("innermost=app::read", Matcher::InnermostFrame(text("app::read"))),
        ("frame=app::*", Matcher::AnyFrame(text("app::*"))),
    ];
    for (text, matcher) in cases {
        let ignore = read(&format!("  {text}\tbecause  it never   stops, #41 "));
        assert_eq!((&ignore.matcher, &*ignore.reason), (&matcher, "it never stops, #41"));
        assert_eq!(matcher.to_string(), text);
        assert_eq!(read(&ignore.to_string()), ignore);
    }
}

#[test]
fn what_is_not_understood_is_told_with_its_place() {
    let cases = [
        ("", 1, "a matcher begins with one of `name`, `label.`, `spawn`"),
        ("nmae=a because b", 1, "`nmae` is not known; is `name` meant?"),
        ("  framee=a because b", 3, "is `frame` meant?"),
        ("name:a because b", 5, "`name` is followed by `=` and a value"),
        ("name= because b", 6, "no blank beside `=`"),
        ("name = a because b", 5, "no blank beside `=`"),
        ("name=", 6, "the value is empty"),
        ("NAME=a because b", 1, "is `name` meant?"),
        ("top=a because b", 1, "is `innermost` meant?"),
        ("leak:a", 1, "a matcher begins with one of `name`"),
        ("name=a because  b until 2026-02-28 ", 19, "the day stands before `because`"),
        ("name=a because until 2026-02-28", 16, "the day stands before `because`"),
        (r#"name="" because b"#, 6, "the value is empty"),
        (r#"name="a because b"#, 6, "the quote is not closed"),
        (r#"name="é\n" because b"#, 8, "only `\\\"` and `\\\\` are known in quotes"),
        ("label=a because b", 1, "a label has a key: `label.tenant=42`"),
        ("label.=a because b", 7, "a label has a key"),
        ("label.a because b", 8, "`label` is followed by `=`"),
        ("name=a", 7, "a reason is missing: `because ...`"),
        ("name=a because  ", 15, "the reason is empty"),
        ("name=a becuase b", 8, "`becuase` is not known; is `because` meant?"),
        ("entry=<a::A as b> because c", 13, "`as` is neither `until` nor `because`"),
        ("current because b", 1, "a test calls `ignore_current`"),
        ("gk1:0123456789abcdef because b", 1, "written `fingerprint=gk1:...`"),
        ("fingerprint=gk1:0123 because b", 13, "no fingerprint"),
        ("fingerprint=gk1:0123456789abcdef because b", 1, "an ignore is on tasks"),
        ("name=a until 2026-02-30 because b", 14, "`2026-02-30` is no day: YYYY-MM-DD"),
        ("name=a until 2026-02-28 because b", 8, "only a line of a suppressions file"),
        ("name=a until 2026-02-28 until 2026-02-28 because b", 25, "there is a day already"),
    ];
    for (text, column, words) in cases {
        let error = text.parse::<Ignore>().expect_err(text);
        assert!(error.message.contains(words), "{text}: {error}");
        assert_eq!((error.line, error.column), (1, column), "{text}: {error}");
    }
}

#[test]
fn a_file_is_read_line_by_line() {
    let text = "# those of others\n\n  crate=hyper because hyper#123\r\n\
        fingerprint=gk1:0123456789abcdef until 2027-03-01 because issue 41\n  # done\n";
    assert!(!Suppressions::parse(text).expect("valid").is_empty());
    assert!(Suppressions::parse("# nothing\n\n").expect("valid").is_empty());
    let error = Suppressions::parse(&format!("{text}\nname=a\n")).expect_err("no reason");
    assert_eq!(error.to_string(), "line 7, column 7: a reason is missing: `because ...`");
    let mark = "\u{feff}name=a because b\n";
    assert!(!Suppressions::parse(mark).expect("a mark says nothing").is_empty());
}

#[test]
fn what_is_no_text_is_refused() {
    let refused = |bytes: &[u8]| Suppressions::read(bytes).expect_err("refused").to_string();
    assert_eq!(refused(b"# \xc3\xa9\nname=\xc3\xa9z\xff because b"), "line 2, column 8: not UTF-8");
    assert_eq!(refused(b"\xff"), "line 1, column 1: not UTF-8");
    let most = vec![b'\n'; Suppressions::LARGEST];
    assert!(Suppressions::read(&most).expect("empty lines").is_empty());
    assert_eq!(refused(&[most, vec![b'\n']].concat()), "line 1, column 1: more than 16 MiB");
}

/// The page shows no text that is not understood.
#[test]
fn the_page_on_exceptions_is_true() {
    let page = include_str!("../../../docs/exceptions.md");
    let (_, file) = page.split_once("```text\n").expect("a file of suppressions");
    let (file, _) = file.split_once("```").expect("its end");
    assert!(!Suppressions::parse(file).unwrap_or_else(|error| panic!("{error}")).is_empty());
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let matchers: Vec<&str> = cells.map(|(matcher, _)| matcher).collect();
    assert_eq!(matchers.len(), 9, "{matchers:?}");
    for matcher in matchers {
        Suppressions::parse(&format!("{matcher} because x")).unwrap_or_else(|it| panic!("{it}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_reads_back(
        kind in 0_u8..7, key in "[^\\r\\n]{1,8}", value in "[^\\r\\n]{1,12}", reason in "[!-~]{1,5}( [!-~]{1,5})?",
    ) {
        let matcher = match kind {
            0 => Matcher::Name(value),
            1 => Matcher::Label(key, value),
            2 => Matcher::Entry(value),
            3 => Matcher::Creator(value),
            4 => Matcher::Crate(value),
            5 => Matcher::InnermostFrame(value),
            _ => Matcher::AnyFrame(value),
        };
        let ignore = Ignore { matcher, reason };
        prop_assert_eq!(ignore.to_string().parse::<Ignore>(), Ok(ignore));
    }

    #[test]
    fn no_text_makes_the_reader_fail(text in "\\PC{0,30}|(name|label\\.|spawn|until|because|[ =\"\\\\é]){0,9}") {
        let read = text.parse::<Ignore>();
        if let Err(error) = read {
            prop_assert!(error.column <= text.chars().count() + 1);
        }
        let _ = Suppressions::parse(&text);
    }
}
