//! Markup under construction, well-formed both as HTML and as XML.
//!
//! Invariants:
//! 1. Markup comes from the program's own text only; text of others enters by [`Markup::text`] and as
//!    values of attributes, harmless for a reader ([`clean`]), bounded, and escaped.
//! 2. What is opened is closed, in order: the tags that are open stand on a stack.

use crate::render::page::{clean, cut_middle};
use crate::render::xml;

/// Letters of one text of others; more is no name.
const TEXT: usize = 300;
/// Letters of one sentence of ours.
const SENTENCE: usize = 2_000;

pub(super) struct Markup {
    out: String,
    open: Vec<&'static str>,
}

/// Names and values; a value without text is written all the same.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Markup {
    pub(super) fn new() -> Markup {
        Markup { out: String::new(), open: Vec::new() }
    }

    pub(super) fn finish(self) -> String {
        debug_assert!(self.open.is_empty(), "still open: {:?}", self.open);
        self.out
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.tag(tag, attributes, ">");
        self.open.push(tag);
    }

    pub(super) fn close(&mut self) {
        if let Some(tag) = self.open.pop() {
            self.raw("</");
            self.raw(tag);
            self.raw(if is_block(tag) { ">\n" } else { ">" });
        }
    }

    /// One without anything in it.
    pub(super) fn empty(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.tag(tag, attributes, "/>");
    }

    /// One with text in it.
    pub(super) fn element(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.open(tag, attributes);
        self.text(text);
        self.close();
    }

    /// Text of others.
    pub(super) fn text(&mut self, text: &str) {
        escape(&mut self.out, &clean(&cut_middle(text, TEXT)));
    }

    /// Text of ours in which some of others stand.
    pub(super) fn sentence(&mut self, text: &str) {
        escape(&mut self.out, &clean(&cut_middle(text, SENTENCE)));
    }

    /// Markup of the program's own.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.out.push_str(markup);
    }

    /// A picture that a renderer of ours has made.
    pub(super) fn picture(&mut self, svg: &str) {
        self.out.push_str(svg);
    }

    fn tag(&mut self, tag: &'static str, attributes: Attributes<'_>, end: &'static str) {
        self.raw("<");
        self.raw(tag);
        for (name, value) in attributes {
            self.raw(" ");
            self.raw(name);
            self.raw("=\"");
            escape(&mut self.out, &clean(value));
            self.raw("\"");
        }
        self.raw(end);
    }
}

/// Whether a line may end behind it without a blank that is seen.
fn is_block(tag: &str) -> bool {
    matches!(
        tag,
        "article"
            | "details"
            | "div"
            | "dl"
            | "figure"
            | "head"
            | "header"
            | "footer"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "li"
            | "main"
            | "nav"
            | "ol"
            | "p"
            | "pre"
            | "section"
            | "summary"
            | "svg"
            | "table"
            | "tbody"
            | "thead"
            | "tr"
            | "ul"
            | "title"
            | "style"
            | "script"
            | "body"
            | "g"
    )
}

/// For text and for values between double quotes.
fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '\'' => out.push_str("&#39;"),
            _ => xml::escape(out, letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Markup;

    #[test]
    fn text_of_others_is_no_markup() {
        let mut markup = Markup::new();
        markup.open("p", &[("title", "\"><b>'&\u{1}")]);
        markup.text("</p><script>\u{202e}\u{ffff}]]>");
        markup.close();
        let expected = "<p title=\"&quot;&gt;&lt;b&gt;&#39;&amp;\\u{1}\">\
                        &lt;/p&gt;&lt;script&gt;\\u{202e}\\u{ffff}]]&gt;</p>\n";
        assert_eq!(markup.finish(), expected);
    }

    #[test]
    fn a_text_is_bounded() {
        let mut markup = Markup::new();
        markup.text(&"<".repeat(100_000));
        assert_eq!(markup.finish().len(), 298 * "&lt;".len() + 2);
    }
}
