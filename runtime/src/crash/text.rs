//! Text of a fixed size, put together by hand: a signal handler formats nothing that anybody else has
//! written.

/// More than a path and a line of facts ever need; what is longer is cut.
const TEXT_MAX: usize = 8 << 10;

pub(super) struct Text {
    bytes: [u8; TEXT_MAX],
    length: usize,
}

impl Text {
    pub(super) fn new() -> Text {
        Text { bytes: [0; TEXT_MAX], length: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// How many more bytes it has room for.
    pub(super) fn left(&self) -> usize {
        TEXT_MAX - self.length
    }

    pub(super) fn raw(&mut self, more: &[u8]) -> &mut Text {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(more) {
            *to = *from;
            self.length += 1;
        }
        self
    }

    pub(super) fn str(&mut self, more: &str) -> &mut Text {
        self.raw(more.as_bytes())
    }

    pub(super) fn number(&mut self, value: u64) -> &mut Text {
        self.digits(value, 10)
    }

    pub(super) fn signed(&mut self, value: i32) -> &mut Text {
        if value < 0 {
            self.str("-");
        }
        self.number(value.unsigned_abs().into())
    }

    pub(super) fn hex(&mut self, value: u64) -> &mut Text {
        self.str("0x").digits(value, 16)
    }

    /// As JSON has it, in quotation marks.
    pub(super) fn quoted(&mut self, text: &[u8]) -> &mut Text {
        self.str("\"");
        // What is no text cannot stand in JSON: the valid pieces do.
        for chunk in text.utf8_chunks() {
            for byte in chunk.valid().bytes() {
                match byte {
                    b'"' | b'\\' => self.raw(&[b'\\', byte]),
                    ..0x20 => self.str("\\u00").digit(byte >> 4).digit(byte & 15),
                    _ => self.raw(&[byte]),
                };
            }
            if !chunk.invalid().is_empty() {
                self.str("\u{fffd}");
            }
        }
        self.str("\"")
    }

    /// `,"key":`
    pub(super) fn key(&mut self, key: &str) -> &mut Text {
        self.str(",\"").str(key).str("\":")
    }

    fn digit(&mut self, digit: u8) -> &mut Text {
        self.raw(&[b"0123456789abcdef"[usize::from(digit & 15)]])
    }

    fn digits(&mut self, mut value: u64, base: u64) -> &mut Text {
        let mut digits = [0; 20];
        let mut count = 0;
        for digit in &mut digits {
            *digit = (value % base) as u8;
            value /= base;
            count += 1;
            if value == 0 {
                break;
            }
        }
        for digit in digits.iter().take(count).rev() {
            self.digit(*digit);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(make: impl Fn(&mut Text) -> &mut Text) -> String {
        let mut text = Text::new();
        make(&mut text);
        String::from_utf8(text.bytes().to_vec()).expect("text")
    }

    #[test]
    fn numbers_are_written_as_everywhere() {
        for value in [0, 9, 10, 4711, u64::MAX] {
            assert_eq!(text(|it| it.number(value)), value.to_string());
            assert_eq!(text(|it| it.hex(value)), format!("{value:#x}"));
        }
        for value in [0, -6, 128, i32::MIN] {
            assert_eq!(text(|it| it.signed(value)), value.to_string());
        }
    }

    #[test]
    fn names_are_quoted_as_json_has_it() {
        for (name, quoted) in [
            ("", r#""""#),
            ("a \"b\" \\ c", r#""a \"b\" \\ c""#),
            ("tab\tnew\nline\u{1}", r#""tab\u0009new\u000aline\u0001""#),
            ("gr\u{fc}n", "\"gr\u{fc}n\""),
        ] {
            assert_eq!(text(|it| it.quoted(name.as_bytes())), quoted);
        }
        assert_eq!(text(|it| it.quoted(b"a\xffb")), "\"a\u{fffd}b\"");
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let mut text = Text::new();
        text.raw(&[b'x'; TEXT_MAX - 1]).str("ab").str("c");
        assert_eq!(text.bytes().len(), TEXT_MAX);
        assert!(text.bytes().ends_with(b"xa"));
    }
}
