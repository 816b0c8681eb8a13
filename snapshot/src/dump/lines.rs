//! Cutting an input into lines of bounded length.

use std::io::{self, BufRead, ErrorKind};

/// How a line ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LineEnd {
    /// With a newline.
    Newline,
    /// With the input: it may have been cut.
    Input,
    /// It was longer than allowed; only its beginning was kept.
    TooLong,
}

/// The lines of an input, one at a time in one buffer.
pub(super) struct Lines<'i> {
    input: &'i mut dyn BufRead,
    max_bytes: usize,
    line: Vec<u8>,
}

impl<'i> Lines<'i> {
    pub(super) fn new(input: &'i mut dyn BufRead, max_bytes: usize) -> Self {
        Lines { input, max_bytes, line: Vec::new() }
    }

    /// The next line that is not blank, without its end and the blanks before that.
    pub(super) fn next(&mut self) -> io::Result<Option<(&[u8], LineEnd)>> {
        loop {
            let Some(end) = self.fetch()? else { return Ok(None) };
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some((self.line.trim_ascii(), end)));
            }
        }
    }

    fn fetch(&mut self) -> io::Result<Option<LineEnd>> {
        self.line.clear();
        let mut too_long = false;
        let mut any = false;
        loop {
            let block = match self.input.fill_buf() {
                Ok(block) => block,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if block.is_empty() {
                // A line that is too long counts as damaged even where the file ends in it: its
                // bytes are gone.
                let end = if too_long { LineEnd::TooLong } else { LineEnd::Input };
                return Ok(any.then_some(end));
            }
            any = true;
            let newline = block.iter().position(|byte| *byte == b'\n');
            let part = &block[..newline.unwrap_or(block.len())];
            let room = self.max_bytes.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            too_long |= part.len() > room;
            let used = newline.map_or(block.len(), |at| at + 1);
            self.input.consume(used);
            if newline.is_some() {
                let end = if too_long { LineEnd::TooLong } else { LineEnd::Newline };
                return Ok(Some(end));
            }
        }
    }
}
