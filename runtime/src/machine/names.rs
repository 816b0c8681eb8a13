//! What code is called: looked up in the process, once an address.
//!
//! The first look-up reads the program's debug information, which takes from some milliseconds to a
//! second; after that a name costs microseconds. So it is done for a report or a dump, never for a
//! check.

use std::ffi::c_void;
use std::sync::Arc;

use dashmap::DashMap;
use gleak_snapshot::Symbol;
use once_cell::sync::Lazy;

/// By address. A library that is unloaded and another one in its place may share one: that takes a
/// program that unloads code in which tasks stand.
static KNOWN: Lazy<DashMap<u64, Arc<[Symbol]>>> = Lazy::new(DashMap::new);

/// What is at this address, what was inlined first.
pub(crate) fn symbols(address: u64) -> Arc<[Symbol]> {
    if let Some(known) = KNOWN.get(&address) {
        return known.clone();
    }
    // Not under the map's lock: it takes its time.
    let found: Arc<[Symbol]> = look_up(address).into();
    KNOWN.insert(address, found.clone());
    found
}

fn look_up(address: u64) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    // It takes addresses to return to, and looks at the byte before.
    let returned_to = address.wrapping_add(1) as *mut c_void;
    backtrace::resolve(returned_to, |symbol| {
        let Some(name) = symbol.name() else { return };
        symbols.push(Symbol {
            // Without the hash.
            function: format!("{name:#}"),
            file: symbol.filename().map(|file| file.to_string_lossy().into_owned()),
            line: symbol.lineno(),
        });
    });
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn stands_at_its_first_instruction() -> u32 {
        std::hint::black_box(7)
    }

    #[test]
    fn an_instruction_is_looked_up_and_not_the_one_before_it() {
        let first = stands_at_its_first_instruction as *const () as u64;
        assert_eq!(stands_at_its_first_instruction(), 7);
        let found = symbols(first);
        let name = &found.last().expect("a test has debug information").function;
        assert!(name.ends_with("stands_at_its_first_instruction"), "{found:?}");
    }
}
