//! A check that XML is well-formed, as far as a browser would refuse it. A few lines, and no reader: fuzz targets are no tests, so that readers of tests are not there.

/// Panics with the reason when it is not.
#[track_caller]
pub(super) fn well_formed(text: &str) {
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    let bad = text.find(|c| control(c) || matches!(c, '\u{fffe}' | '\u{ffff}'));
    assert_eq!(bad, None, "a forbidden character");
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        references(&rest[..start]);
        rest = &rest[start..];
        rest = if let Some(after) = skip(rest, "<![CDATA[", "]]>") {
            after
        } else if let Some(after) = skip(rest, "<!--", "-->").or_else(|| skip(rest, "<?", "?>")) {
            after
        } else if let Some(after) = skip(rest, "<!DOCTYPE", ">") {
            after
        } else {
            let end = tag_end(rest);
            let tag = &rest[1..end];
            let name =
                tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap_or_default();
            assert!(
                name.chars().all(|c| c.is_ascii_alphanumeric() || ":-_".contains(c)),
                "tag {tag:?}"
            );
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "closes another");
            } else if !tag.ends_with('/') {
                open.push(name);
            }
            &rest[end + 1..]
        };
    }
    references(rest);
    assert!(open.is_empty(), "still open: {open:?}");
}

fn skip<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let inside = text.strip_prefix(start)?;
    let at = inside.find(end).unwrap_or_else(|| panic!("{start} without {end}"));
    Some(&inside[at + end.len()..])
}

/// Where a tag ends; quoted values may hold `>` but no `<`.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    let mut value = 0;
    for (at, c) in text.char_indices().skip(1) {
        match (c, quote) {
            ('<', _) => panic!("< in a tag: {:?}", &text[..at]),
            ('>', None) => return at,
            ('"' | '\'', None) => (quote, value) = (Some(c), at),
            (_, Some(open)) if c == open => {
                references(&text[value..at]);
                quote = None;
            }
            _ => {}
        }
    }
    panic!("a tag without end");
}

/// Every `&` starts a known reference.
fn references(text: &str) {
    for part in text.split('&').skip(1) {
        let name = part.split(';').next().unwrap_or_default();
        let known = matches!(name, "lt" | "gt" | "amp" | "quot" | "apos") || name.starts_with('#');
        assert!(known && part.contains(';'), "&{part:?}");
    }
}

#[test]
fn faults_are_seen() {
    well_formed("<?xml?><svg a='>'><b/>&lt;<![CDATA[<&]]></svg>");
    for bad in
        ["<svg>", "<svg></g></svg>", "<svg>&nope;</svg>", "<svg>\u{1}</svg>", "<svg a=\"<\"/>"]
    {
        assert!(std::panic::catch_unwind(|| well_formed(bad)).is_err(), "{bad}");
    }
}
