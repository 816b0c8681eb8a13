//! Functions, what was inlined in them, and their places, by the debug information of a file.
//!
//! Invariant: what the file claims never makes us go deeper than [`DEEPEST`], since debug information
//! is read by recursion.

use std::borrow::Cow;

use addr2line::gimli::{self, DwarfSections, EndianSlice, RunTimeEndian, SectionId};
use addr2line::{Context, Frame};
use gleak_detector::snapshot::Symbol;
use object::read::Object;

use super::binary::{BinaryFault, Data, section};
use super::symbols::{Symbols, demangled};

/// What addresses are looked up in. The others, some of them as large, say where variables are.
const NEEDED: [SectionId; 10] = [
    SectionId::DebugAbbrev,
    SectionId::DebugAddr,
    SectionId::DebugAranges,
    SectionId::DebugInfo,
    SectionId::DebugLine,
    SectionId::DebugLineStr,
    SectionId::DebugRanges,
    SectionId::DebugRngLists,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
];

/// Entries within entries; compilers stay far below.
const DEEPEST: isize = 1000;

/// What stands for a function that nothing names.
const UNNAMED: &str = "<unnamed>";

type Reader<'a> = EndianSlice<'a, RunTimeEndian>;

/// The names of each address; of those of which only the function is known, that. With it comes what
/// was wrong where debug information could not be read.
pub(super) fn names<'d>(
    file: &object::File<'d, Data<'d>>,
    data: Data<'d>,
    symbols: &Symbols<'_, 'd>,
    addresses: &[u64],
) -> Result<(Vec<Vec<Symbol>>, Option<BinaryFault>), BinaryFault> {
    let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let sections: DwarfSections<Cow<'d, [u8]>> = DwarfSections::load(|id| {
        if NEEDED.contains(&id) { section(file, data, id.name()) } else { Ok(Cow::default()) }
    })?;
    let dwarf = sections.borrow(|section| EndianSlice::new(section, endian));
    check_depth(&dwarf)?;
    let context = Context::from_dwarf(dwarf)?;
    let mut fault = None;
    let names = addresses.iter().map(|address| {
        names_at(&context, symbols, *address).unwrap_or_else(|error| {
            fault.get_or_insert(error);
            symbols.alone(*address)
        })
    });
    Ok((names.collect(), fault))
}

fn names_at(
    context: &Context<Reader<'_>>,
    symbols: &Symbols<'_, '_>,
    address: u64,
) -> Result<Vec<Symbol>, BinaryFault> {
    // The address behind it, which the search needs, would be none.
    if address == u64::MAX {
        return Ok(Vec::new());
    }
    let mut frames = context.find_frames(address).skip_all_loads()?;
    let mut found = Vec::new();
    while let Some(frame) = frames.next()? {
        found.push(symbol(&frame)?);
    }
    let Some(outermost) = found.last_mut() else { return Ok(symbols.alone(address)) };
    if let Some(whole) = symbols.function(address, |name| is_whole_of(name, &outermost.function)) {
        outermost.function = whole;
    }
    for symbol in found.iter_mut().filter(|symbol| symbol.function.is_empty()) {
        UNNAMED.clone_into(&mut symbol.function);
    }
    Ok(found)
}

/// Whether a name of the symbol table is that of the debug information with its path: where that is
/// small, it has only the last part, with types where the other has none, and closures spelled
/// otherwise.
fn is_whole_of(whole: &str, name: &str) -> bool {
    let part = name.split(['<', '#']).next().unwrap_or(name);
    let is_bare = !part.is_empty() && !part.contains("::");
    name.is_empty() || (is_bare && whole.contains("::") && whole.contains(part))
}

fn symbol(frame: &Frame<'_, Reader<'_>>) -> Result<Symbol, BinaryFault> {
    let function = match &frame.function {
        Some(name) => demangled(&name.raw_name()?),
        None => String::new(),
    };
    let place = frame.location.as_ref();
    Ok(Symbol {
        function,
        file: place.and_then(|place| place.file).map(str::to_owned),
        line: place.and_then(|place| place.line).filter(|line| *line > 0),
    })
}

fn check_depth(dwarf: &gimli::Dwarf<Reader<'_>>) -> Result<(), BinaryFault> {
    let mut units = dwarf.units();
    while let Some(unit) = units.next()? {
        // What cannot be read ends the reading of the unit here and at the look-up, at one place.
        if matches!(is_too_deep(dwarf, &unit), Ok(true)) {
            return Err(BinaryFault::Damaged("its debug information nests too deep".into()));
        }
    }
    Ok(())
}

fn is_too_deep<'a>(
    dwarf: &gimli::Dwarf<Reader<'a>>,
    unit: &gimli::UnitHeader<Reader<'a>>,
) -> gimli::Result<bool> {
    let abbreviations = dwarf.abbreviations(unit)?;
    let mut entries = unit.entries_raw(&abbreviations, None)?;
    while !entries.is_empty() {
        if entries.next_depth() > DEEPEST {
            return Ok(true);
        }
        if let Some(entry) = entries.read_abbreviation()? {
            entries.skip_attributes(entry.attributes())?;
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One unit of entries, each within the one before.
    fn nested(count: usize) -> Result<(), BinaryFault> {
        // Code 1 is a function with children and without attributes.
        let abbreviations = [1, 0x2e, 1, 0, 0, 0];
        // The length, version 4, where the abbreviations are, the size of an address.
        let mut info = vec![0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8];
        info.resize(info.len() + count, 1);
        info.resize(info.len() + count, 0);
        let length = (info.len() - 4) as u32;
        info[..4].copy_from_slice(&length.to_le_bytes());
        let dwarf = gimli::Dwarf::load(|id| {
            let bytes: &[u8] = if id == SectionId::DebugAbbrev {
                &abbreviations
            } else if id == SectionId::DebugInfo {
                &info
            } else {
                &[]
            };
            Ok::<_, BinaryFault>(EndianSlice::new(bytes, RunTimeEndian::Little))
        })?;
        check_depth(&dwarf)
    }

    #[test]
    fn what_nests_too_deep_is_refused() {
        assert!(nested(1000).is_ok());
        let fault = nested(1_000_000).unwrap_err().to_string();
        assert_eq!(fault, "is cut or damaged: its debug information nests too deep");
    }

    #[test]
    fn a_name_is_made_whole_only_by_its_own() {
        for (whole, name, is) in [
            ("app::take", "take", true),
            ("app::take", "take<a::B>", true),
            ("<app::Jobs as app::Take>::take", "<app::Jobs>::take", false),
            ("app::f::{{closure}}", "{closure#0}", true),
            ("app::take", "give", false),
            ("app::take", "other::take", false),
            ("__libc_malloc", "malloc", false),
            ("malloc", "", true),
        ] {
            assert_eq!(is_whole_of(whole, name), is, "{whole} {name}");
        }
    }
}
