//! XML read back by a parser, as far as a browser would refuse it.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// A start tag, and the text between it and the next one.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) text: String,
}

/// All elements in their order. Panics with the reason when the document is not well-formed.
#[track_caller]
pub(crate) fn elements(text: &str) -> Vec<Element> {
    let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    let bad = text.find(|c| control(c) || matches!(c, '\u{fffe}' | '\u{ffff}'));
    assert_eq!(bad, None, "a forbidden character");
    let mut reader = Reader::from_str(text);
    let (mut elements, mut open, mut roots) = (Vec::<Element>::new(), 0_usize, 0);
    loop {
        let event = reader.read_event().unwrap_or_else(|error| panic!("{error}"));
        match event {
            Event::Eof => break,
            Event::Start(tag) => {
                roots += usize::from(open == 0);
                open += 1;
                elements.push(element(&tag));
            }
            Event::Empty(tag) => elements.push(element(&tag)),
            Event::End(_) => open -= 1,
            Event::Text(piece) => {
                let piece = piece.decode().unwrap();
                assert!(!piece.contains("]]>") && !piece.contains('&'), "{piece}");
                assert!(open > 0 || piece.trim().is_empty(), "text outside of the root: {piece}");
                elements.last_mut().into_iter().for_each(|it| it.text.push_str(&piece));
            }
            Event::GeneralRef(name) => {
                let name = name.decode().unwrap();
                let whole = format!("&{name};");
                let letter = quick_xml::escape::unescape(&whole).unwrap();
                elements.last_mut().unwrap().text.push_str(&letter);
            }
            Event::CData(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Decl(_) => assert!(elements.is_empty(), "a declaration in the middle"),
        }
    }
    assert_eq!((open, roots), (0, 1), "one root, closed");
    elements
}

fn element(tag: &BytesStart<'_>) -> Element {
    let name = String::from_utf8(tag.name().as_ref().to_vec()).unwrap();
    let mut attributes = BTreeMap::new();
    for attribute in tag.attributes() {
        let attribute = attribute.unwrap();
        let value = String::from_utf8(attribute.value.to_vec()).unwrap();
        assert!(!value.contains('<'), "{value}");
        let value = quick_xml::escape::unescape(&value).unwrap().into_owned();
        attributes.insert(String::from_utf8(attribute.key.as_ref().to_vec()).unwrap(), value);
    }
    Element { name, attributes, text: String::new() }
}

/// Panics with the reason when it is no well-formed picture.
#[track_caller]
pub(crate) fn well_formed(text: &str) {
    assert!(elements(text).iter().any(|it| it.name == "svg"), "no picture");
}

#[test]
fn faults_are_seen() {
    well_formed("<?xml version=\"1.0\"?><svg a='>'><b/>&lt;<![CDATA[<&]]></svg>");
    for bad in [
        "<svg>",
        "<svg></g></svg>",
        "<svg>&nope;</svg>",
        "<svg>\u{1}</svg>",
        "<svg a=\"<\"/>",
        "<svg a='1' a='2'></svg>",
        "<svg></svg><svg></svg>",
    ] {
        assert!(std::panic::catch_unwind(|| well_formed(bad)).is_err(), "{bad}");
    }
}
