//! From an instruction to the file that it was loaded from, without allocating: for the overflow
//! handler. `addr2line -e FILE OFFSET` makes a line of source of it.

use std::fmt;
use std::fs::File;
use std::io::Read;

const PATH_MAX: usize = 512;
/// Longer lines are not understood.
const LINE_MAX: usize = 1024;

/// A place in a loaded file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InModule {
    path: Path,
    /// From the lowest address that the file is mapped at.
    offset: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Path {
    bytes: [u8; PATH_MAX],
    len: usize,
}

impl Path {
    /// None when it is no file's or too long.
    fn new(text: &str) -> Option<Path> {
        let mut path = Path { bytes: [0; PATH_MAX], len: text.len() };
        path.bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        text.starts_with('/').then_some(path)
    }

    fn text(&self) -> &str {
        self.bytes.get(..self.len).and_then(|it| std::str::from_utf8(it).ok()).unwrap_or_default()
    }
}

impl fmt::Display for InModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:#x}", self.path.text(), self.offset)
    }
}

/// Where `address` was loaded from; none when it is no file's, or the kernel does not say.
pub(crate) fn find(address: usize) -> Option<InModule> {
    search(File::open("/proc/self/maps").ok()?, address)
}

fn search(mut maps: impl Read, address: usize) -> Option<InModule> {
    let mut buffer = [0_u8; LINE_MAX];
    let mut filled = 0;
    // The file of the last mapping, and the lowest address of its run of mappings.
    let mut current: Option<(Path, usize)> = None;
    loop {
        let read = maps.read(buffer.get_mut(filled..)?).ok()?;
        filled += read;
        let mut start = 0;
        while let Some(length) = buffer[start..filled].iter().position(|byte| *byte == b'\n') {
            let line = std::str::from_utf8(&buffer[start..start + length]).ok();
            start += length + 1;
            let Some((low, high, path)) = line.and_then(parse) else {
                current = None;
                continue;
            };
            let path = Path::new(path);
            let base = current.filter(|(last, _)| Some(*last) == path).map_or(low, |it| it.1);
            current = path.map(|path| (path, base));
            if (low..high).contains(&address) {
                return path.map(|path| InModule { path, offset: address - base });
            }
        }
        if read == 0 || start == 0 && filled == LINE_MAX {
            return None;
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
}

/// Start, end and name of a mapping.
fn parse(line: &str) -> Option<(usize, usize, &str)> {
    let (range, rest) = line.split_once(' ')?;
    let (low, high) = range.split_once('-')?;
    let low = usize::from_str_radix(low, 16).ok()?;
    let high = usize::from_str_radix(high, 16).ok()?;
    // Permissions, offset, device, inode; a path may have blanks.
    let path = rest.splitn(5, ' ').nth(4).unwrap_or_default().trim_start();
    Some((low, high, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
55d0-55d2 r--p 00000000 fe:00 17                         /a b/app
55d2-55d8 r-xp 00002000 fe:00 17                         /a b/app
55d8-55da rw-p 00000000 00:00 0 
55e0-55e8 r-xp 00000000 fe:00 18                         /lib.so
7ff0-7ff8 rw-p 00000000 00:00 0                          [stack]
";

    fn found(address: usize) -> Option<String> {
        search(MAPS.as_bytes(), address).map(|place| place.to_string())
    }

    #[test]
    fn an_address_is_given_from_the_start_of_its_file() {
        assert_eq!(found(0x55d3).as_deref(), Some("/a b/app+0x3"));
        assert_eq!(found(0x55e1).as_deref(), Some("/lib.so+0x1"));
        assert_eq!(found(0x55d9), None);
        assert_eq!(found(0x7ff1), None);
        assert_eq!(found(0x1), None);
        assert_eq!(found(0xffff), None);
    }

    #[test]
    fn this_process_knows_its_own_code() {
        let here = this_process_knows_its_own_code as fn() as usize;
        let program = std::env::current_exe().expect("a path");
        let place = find(here).expect("it is mapped").to_string();
        assert!(place.starts_with(&format!("{}+0x", program.display())), "{place}");
    }

    #[test]
    fn a_line_beyond_the_buffer_ends_the_search() {
        let long = format!("1-2 r--p 0 0:0 1 /{}\n{MAPS}", "x".repeat(LINE_MAX));
        assert!(search(long.as_bytes(), 0x55d3).is_none());
    }
}
