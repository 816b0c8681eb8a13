//! The kernel's list of this process's mappings, read without allocating: signal handlers ask too.

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;

/// Longer lines are not understood.
const LINE_MAX: usize = 1024;

/// One mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mapping<'a> {
    pub(crate) low: usize,
    pub(crate) high: usize,
    /// Whether it can be read.
    pub(crate) readable: bool,
    /// Whether instructions in it may run.
    pub(crate) executable: bool,
    /// Where its first byte lies in the file.
    pub(crate) offset: u64,
    /// The file that it is of, or a name in brackets, or nothing.
    pub(crate) path: &'a str,
}

/// Shows the mappings in order of their addresses until `see` breaks; none for a line that is not
/// understood. Says whether all lines could be read.
pub(crate) fn each(see: &mut dyn FnMut(Option<Mapping<'_>>) -> ControlFlow<()>) -> bool {
    File::open("/proc/self/maps").is_ok_and(|maps| each_of(maps, see))
}

pub(super) fn each_of(
    mut maps: impl Read,
    see: &mut dyn FnMut(Option<Mapping<'_>>) -> ControlFlow<()>,
) -> bool {
    let mut buffer = [0_u8; LINE_MAX];
    let mut filled = 0;
    loop {
        let Some(room) = buffer.get_mut(filled..) else { return false };
        let Ok(read) = maps.read(room) else { return false };
        filled += read;
        let mut start = 0;
        while let Some(length) = buffer[start..filled].iter().position(|byte| *byte == b'\n') {
            let line = std::str::from_utf8(&buffer[start..start + length]).ok();
            start += length + 1;
            if see(line.and_then(parse)).is_break() {
                return true;
            }
        }
        if read == 0 || start == 0 && filled == LINE_MAX {
            return read == 0 && start == filled;
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
}

fn parse(line: &str) -> Option<Mapping<'_>> {
    let (range, rest) = line.split_once(' ')?;
    let (low, high) = range.split_once('-')?;
    // Permissions, offset, device, inode; a path may have blanks.
    let mut rest = rest.splitn(5, ' ');
    let permissions = rest.next()?;
    let offset = u64::from_str_radix(rest.next()?, 16).ok()?;
    Some(Mapping {
        low: usize::from_str_radix(low, 16).ok()?,
        high: usize::from_str_radix(high, 16).ok()?,
        readable: permissions.starts_with('r'),
        executable: permissions.contains('x'),
        offset,
        path: rest.nth(2).unwrap_or_default().trim_start(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes, offset, path.
    type Line = (usize, u64, String);

    fn seen(maps: &str) -> (bool, Vec<Option<Line>>) {
        let mut all = Vec::new();
        let whole = each_of(maps.as_bytes(), &mut |it| {
            all.push(it.map(|it| (it.high - it.low, it.offset, it.path.to_owned())));
            ControlFlow::Continue(())
        });
        (whole, all)
    }

    #[test]
    fn lines_are_read_as_the_kernel_writes_them() {
        let maps = "\
55d0-55d2 r--p 00000000 fe:00 17                         /a b/app
55d8-55da rw-p 00003000 00:00 0 
what is this
7ff0-7ff8 rw-p 00000000 00:00 0                          [stack]
";
        let expected = vec![
            Some((2, 0, "/a b/app".to_owned())),
            Some((2, 0x3000, String::new())),
            None,
            Some((8, 0, "[stack]".to_owned())),
        ];
        assert_eq!(seen(maps), (true, expected));
    }

    #[test]
    fn a_line_beyond_the_buffer_ends_the_list() {
        let long = format!("1-2 r--p 0 0:0 1 /{}\n3-4 r--p 0 0:0 1 /b\n", "x".repeat(LINE_MAX));
        assert_eq!(seen(&long), (false, Vec::new()));
    }
}
