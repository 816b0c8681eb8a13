//! A file of code: the program, a library, or the debug file of one.
//!
//! Invariants:
//! 1. It is opened once and read by ranges: what is looked up in it is of the file whose build id was
//!    read, and one that shrinks meanwhile is a fault, not a signal.
//! 2. No number in it makes us reserve more memory than its bytes account for.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use gleak_detector::snapshot::Symbol;
use object::read::{CompressionFormat, Object, ObjectSection, ObjectSegment, ReadCache, ReadRef};
use object::{SectionKind, SegmentFlags, elf};

use super::lines;
use super::symbols::Symbols;
use crate::error::reason;

/// What an ELF file begins with.
const MAGIC: &[u8] = b"\x7fELF";

/// How many times its compressed size a section may have, besides [`SMALL`]: debug information
/// shrinks to a third or so, a bomb to a thousandth.
const RATIO: u64 = 64;
/// Bytes that a section may have whatever it was compressed to.
const SMALL: u64 = 1 << 20;

/// The bytes of a file, read where and when they are needed.
pub(super) type Data<'d> = &'d ReadCache<File>;

/// What names can be had from a file; more is greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Wealth {
    /// It has been stripped of all.
    Nothing,
    /// Names of what it shows to other files.
    Exports,
    /// Names of its functions.
    Functions,
    /// Names, places in the source, and what was inlined.
    Lines,
}

/// An open file of code.
#[derive(Debug)]
pub(crate) struct Binary {
    pub(super) path: PathBuf,
    /// In lowercase hexadecimal digits.
    pub(super) build_id: Option<String>,
    pub(super) wealth: Wealth,
    /// The name of the file that its debug information was moved to.
    pub(super) debug_link: Option<OsString>,
    /// What of it a process has in its memory as it is: addresses, and where their bytes begin.
    loaded: Vec<(Range<u64>, u64)>,
    data: ReadCache<File>,
}

/// Why a file of code cannot be used.
#[derive(Debug)]
pub(crate) enum BinaryFault {
    /// It could not be read.
    Io(io::Error),
    /// It is a folder, a pipe, a device.
    NotAFile,
    /// It is something else.
    NotElf,
    /// It is one, but cut or changed.
    Damaged(String),
}

impl fmt::Display for BinaryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BinaryFault::Io(error) => f.write_str(&reason(error)),
            BinaryFault::NotAFile => f.write_str("is no regular file"),
            BinaryFault::NotElf => f.write_str("is no program, library or debug file (no ELF)"),
            BinaryFault::Damaged(what) => write!(f, "is cut or damaged: {what}"),
        }
    }
}

impl From<object::Error> for BinaryFault {
    fn from(error: object::Error) -> Self {
        BinaryFault::Damaged(error.to_string())
    }
}

impl From<addr2line::gimli::Error> for BinaryFault {
    fn from(error: addr2line::gimli::Error) -> Self {
        BinaryFault::Damaged(error.to_string())
    }
}

impl Binary {
    pub(crate) fn open(path: &Path) -> Result<Binary, BinaryFault> {
        // Looked at first: opening a pipe would wait for somebody to write into it.
        if !fs::metadata(path).map_err(BinaryFault::Io)?.is_file() {
            return Err(BinaryFault::NotAFile);
        }
        let data = ReadCache::new(File::open(path).map_err(BinaryFault::Io)?);
        if (&data).read_bytes_at(0, MAGIC.len() as u64) != Ok(MAGIC) {
            return Err(BinaryFault::NotElf);
        }
        let file = object::File::parse(&data)?;
        let build_id = file.build_id()?.map(hexadecimal);
        let wealth = wealth(&file);
        let link = file.gnu_debuglink()?.map(|(name, _)| os_name(name));
        let path = path.to_path_buf();
        let loaded = loaded(&file);
        Ok(Binary { path, build_id, wealth, debug_link: link, loaded, data })
    }

    /// Fills `into` with what every process that has it loaded sees there. False when that is not known:
    /// what a process may write to is not told by the file.
    pub(crate) fn read_loaded(&self, address: u64, into: &mut [u8]) -> bool {
        let found = self.loaded.iter().find(|(range, _)| range.contains(&address));
        let Some((range, start)) = found else { return false };
        let length = into.len() as u64;
        if range.end - address < length {
            return false;
        }
        let at = start.saturating_add(address - range.start);
        let bytes = (&self.data).read_bytes_at(at, length);
        bytes.is_ok_and(|bytes| {
            into.copy_from_slice(bytes);
            true
        })
    }

    /// The names of each address, what was inlined first, and what kept some of them from being
    /// found.
    pub(crate) fn names(&self, addresses: &[u64]) -> (Vec<Vec<Symbol>>, Option<BinaryFault>) {
        let nothing = || vec![Vec::new(); addresses.len()];
        let file = match object::File::parse(&self.data) {
            Ok(file) => file,
            Err(error) => return (nothing(), Some(error.into())),
        };
        let symbols = Symbols::of(&file);
        match lines::names(&file, &self.data, &symbols, addresses) {
            Ok(found) => found,
            Err(fault) => {
                let names = addresses.iter().map(|address| symbols.alone(*address)).collect();
                (names, Some(fault))
            }
        }
    }
}

fn loaded<'d>(file: &object::File<'d, Data<'d>>) -> Vec<(Range<u64>, u64)> {
    // A debug file has the addresses of its program, and none of the bytes.
    let is_hollow = |section: object::Section<'d, '_, Data<'d>>| {
        section.kind() == SectionKind::Text && section.file_range().is_none()
    };
    if file.sections().any(is_hollow) {
        return Vec::new();
    }
    let segment = |segment: object::Segment<'d, '_, Data<'d>>| {
        let SegmentFlags::Elf { p_flags, .. } = segment.flags() else { return None };
        let (start, length) = segment.file_range();
        let end = segment.address().checked_add(length)?;
        (p_flags.0 & elf::PF_W.0 == 0).then_some((segment.address()..end, start))
    };
    file.segments().filter_map(segment).collect()
}

fn wealth<'d>(file: &object::File<'d, Data<'d>>) -> Wealth {
    // A debug file keeps the headers of what it left to the program: their size says nothing.
    let has = |name| {
        let section = file.section_by_name(name);
        section.and_then(|section| section.file_range()).is_some_and(|(_, size)| size > 0)
    };
    if has(".debug_info") {
        Wealth::Lines
    } else if has(".symtab") {
        Wealth::Functions
    } else if has(".dynsym") {
        Wealth::Exports
    } else {
        Wealth::Nothing
    }
}

/// The bytes of a section, unpacked; none where there is no such section.
pub(super) fn section<'d>(
    file: &object::File<'d, Data<'d>>,
    data: Data<'d>,
    name: &str,
) -> Result<Cow<'d, [u8]>, BinaryFault> {
    let Some(section) = file.section_by_name(name) else { return Ok(Cow::Borrowed(&[])) };
    let range = section.compressed_file_range()?;
    let most = range.compressed_size.saturating_mul(RATIO).saturating_add(SMALL);
    if range.format != CompressionFormat::None && range.uncompressed_size > most {
        let what = format!("{name} claims to be far larger than it is");
        return Err(BinaryFault::Damaged(what));
    }
    Ok(range.data(data)?.decompress()?)
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(unix)]
fn os_name(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).to_os_string()
}

#[cfg(not(unix))]
fn os_name(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}
