//! What a logger puts in front of each line: a time, a unit, a number.
//!
//! Invariant: only what has the shape of the prefix that was seen before a header is taken away.

/// The shape of a prefix: digits may differ, in number too, and so may the count of blanks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Prefix {
    shape: Vec<Piece>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Piece {
    Digits,
    Blanks,
    Letter(char),
}

/// A longer one is none: it is a line that quotes a header.
const LONGEST: usize = 256;

impl Prefix {
    /// The shape of this text; nothing for blanks, which are taken away anyway.
    pub(super) fn of(text: &str) -> Prefix {
        let mut shape: Vec<Piece> = Vec::new();
        // goleak opens its list in front of the first one.
        let text = text.trim_end_matches('[');
        if text.trim().is_empty() || text.len() > LONGEST {
            return Prefix::default();
        }
        for letter in text.trim().chars() {
            let piece = piece(letter);
            if matches!(piece, Piece::Letter(_)) || shape.last() != Some(&piece) {
                shape.push(piece);
            }
        }
        Prefix { shape }
    }

    /// What is behind it; none when the line does not begin so.
    pub(super) fn strip<'t>(&self, line: &'t str) -> Option<&'t str> {
        let mut rest = line.trim_start();
        for piece in &self.shape {
            let after = match piece {
                Piece::Digits => rest.trim_start_matches(|it: char| it.is_ascii_digit()),
                Piece::Blanks => rest.trim_start(),
                Piece::Letter(letter) => rest.strip_prefix(*letter)?,
            };
            if after.len() == rest.len() {
                return None;
            }
            rest = after;
        }
        Some(rest)
    }
}

fn piece(letter: char) -> Piece {
    match letter {
        it if it.is_ascii_digit() => Piece::Digits,
        it if it.is_whitespace() => Piece::Blanks,
        it => Piece::Letter(it),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_blanks_may_differ_and_nothing_else() {
        let prefix = Prefix::of(" 618283 2021-09-15T07:40:15.1455272Z ");
        assert_eq!(prefix.strip("9 2021-09-15T07:41:16.2Z    /a.go:1"), Some("    /a.go:1"));
        assert_eq!(prefix.strip("main.main()"), None);
        assert_eq!(Prefix::of("  ["), Prefix::default());
        assert_eq!(Prefix::default().strip("  main.main()"), Some("main.main()"));
    }
}
