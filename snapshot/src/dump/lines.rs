//! Cutting an input into lines of bounded length.

use std::io::{BufRead, Read};

use crate::ReadError;

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
    /// Bytes of a line that are kept.
    kept: usize,
    /// Bytes of a line that are passed over; who has more has no lines.
    passed: u64,
    line: Vec<u8>,
}

impl<'i> Lines<'i> {
    pub(super) fn new(input: &'i mut dyn BufRead, kept: usize, passed: u64) -> Self {
        Lines { input, kept, passed, line: Vec::new() }
    }

    /// The next line that is not blank, without its end and the blanks around it.
    pub(super) fn next(&mut self) -> Result<Option<(&[u8], LineEnd)>, ReadError> {
        loop {
            let Some(end) = self.fetch()? else { return Ok(None) };
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some((self.line.trim_ascii(), end)));
            }
        }
    }

    fn fetch(&mut self) -> Result<Option<LineEnd>, ReadError> {
        self.line.clear();
        // The newline is none of the bytes that are kept.
        let most = self.kept as u64 + 1;
        (&mut *self.input).take(most).read_until(b'\n', &mut self.line)?;
        if self.line.ends_with(b"\n") {
            return Ok(Some(LineEnd::Newline));
        }
        if self.line.len() <= self.kept {
            return Ok((!self.line.is_empty()).then_some(LineEnd::Input));
        }
        self.line.truncate(self.kept);
        // A line that is too long counts as damaged even where the file ends in it: its bytes are gone.
        let mut rest = (&mut *self.input).take(self.passed);
        rest.skip_until(b'\n')?;
        if rest.limit() == 0 {
            return Err(ReadError::Endless { limit: self.passed });
        }
        Ok(Some(LineEnd::TooLong))
    }
}
