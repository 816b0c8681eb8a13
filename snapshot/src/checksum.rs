//! The closing key of a line of a gleak file: `,"crc":"0a1b2c3d"}`, CRC-32 over all bytes of the line before it.

const KEY: &[u8] = b",\"crc\":\"";
const DIGITS: usize = 8;
const CLOSE: &[u8] = b"\"}";

/// What the closing key of a line says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checksum {
    /// There is none: the line was written by hand.
    Absent,
    /// The bytes are those that were written.
    Good,
    /// They are not.
    Bad,
}

/// Closes the line that starts at `line_start` and ends with the buffer, and from which the final
/// brace has been left out. Adds the newline.
pub fn seal(buffer: &mut Vec<u8>, line_start: usize) {
    let sum = crc32fast::hash(&buffer[line_start..]);
    buffer.extend_from_slice(KEY);
    buffer.extend_from_slice(&digits(sum));
    buffer.extend_from_slice(CLOSE);
    buffer.push(b'\n');
}

/// Whether a line (without its newline) is as it was written.
#[must_use]
pub fn check(line: &[u8]) -> Checksum {
    let Some(rest) = line.strip_suffix(CLOSE) else { return Checksum::Absent };
    let Some(at) = rest.len().checked_sub(DIGITS) else { return Checksum::Absent };
    let (rest, said) = rest.split_at(at);
    let Some(body) = rest.strip_suffix(KEY) else { return Checksum::Absent };
    // Compared as text, so that exactly one spelling of a sum is right.
    if digits(crc32fast::hash(body)) == said { Checksum::Good } else { Checksum::Bad }
}

fn digits(sum: u32) -> [u8; DIGITS] {
    let mut text = [0; DIGITS];
    for (place, digit) in text.iter_mut().rev().enumerate() {
        let nibble = (sum >> (4 * place)) & 0xf;
        *digit = b"0123456789abcdef"[nibble as usize];
    }
    text
}
