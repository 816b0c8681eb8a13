//! What stands for letters that mean something in XML, or that it forbids.

/// A letter of text, or of a value between double quotes. Apostrophes and control characters are left to
/// who knows where they stand.
pub(super) fn escape(out: &mut String, letter: char) {
    match letter {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        // No XML has these, not even by number.
        '\u{fffe}' | '\u{ffff}' => out.extend(letter.escape_default()),
        _ => out.push(letter),
    }
}
