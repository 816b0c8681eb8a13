//! From an instruction to the file that it was loaded from, without allocating: for the overflow
//! handler. `addr2line -e FILE OFFSET` makes a line of source of it.

use std::fmt;
use std::ops::ControlFlow;

use crate::machine::maps::{self, Mapping};

const PATH_MAX: usize = 512;

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
    search(&mut maps::each, address)
}

/// What shows the mappings: [`maps::each`], but in tests.
type Each<'a> = &'a mut dyn FnMut(See<'_>) -> bool;
type See<'a> = &'a mut dyn FnMut(Option<Mapping<'_>>) -> ControlFlow<()>;

fn search(each: Each<'_>, address: usize) -> Option<InModule> {
    // The file of the last mapping, and the lowest address of its run of mappings.
    let mut current: Option<(Path, usize)> = None;
    let mut found = None;
    each(&mut |mapping| {
        let Some(Mapping { low, high, path, .. }) = mapping else {
            current = None;
            return ControlFlow::Continue(());
        };
        let path = Path::new(path);
        let base = current.filter(|(last, _)| Some(*last) == path).map_or(low, |it| it.1);
        current = path.map(|path| (path, base));
        if !(low..high).contains(&address) {
            return ControlFlow::Continue(());
        }
        found = path.map(|path| InModule { path, offset: address - base });
        ControlFlow::Break(())
    });
    found
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
        let each: Each<'_> = &mut |see| maps::each_of(MAPS.as_bytes(), see);
        search(each, address).map(|place| place.to_string())
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
}
