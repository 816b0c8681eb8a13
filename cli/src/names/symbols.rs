//! Functions by the symbol table of a file: whole names, no places.

use gleak_detector::snapshot::Symbol;
use object::read::{Object, ObjectSymbol, ObjectSymbolTable, SymbolIndex, SymbolKind};

use super::binary::Data;

/// The functions of a file by where they begin. Names stay in the file until they are asked for.
pub(super) struct Symbols<'f, 'd> {
    file: &'f object::File<'d, Data<'d>>,
    is_dynamic: bool,
    /// Sorted.
    functions: Vec<Function>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Function {
    start: u64,
    size: u64,
    index: usize,
}

impl<'f, 'd> Symbols<'f, 'd> {
    pub(super) fn of(file: &'f object::File<'d, Data<'d>>) -> Self {
        let is_dynamic = file.symbols().next().is_none();
        let symbols = if is_dynamic { file.dynamic_symbols() } else { file.symbols() };
        let functions = symbols.filter(|it| it.kind() == SymbolKind::Text && it.is_definition());
        let function = |it: object::Symbol<'_, '_, Data<'_>>| Function {
            start: it.address(),
            size: it.size(),
            index: it.index().0,
        };
        let mut functions: Vec<Function> = functions.map(function).collect();
        functions.sort_unstable();
        Symbols { file, is_dynamic, functions }
    }

    /// The function at an address, without a place.
    pub(super) fn alone(&self, address: u64) -> Vec<Symbol> {
        let function = self.function(address, |_| true);
        function.into_iter().map(|function| Symbol { function, file: None, line: None }).collect()
    }

    /// A name of the function at an address that fits. Functions with the same code may have been
    /// folded into one, which then has many.
    pub(super) fn function(&self, address: u64, fits: impl Fn(&str) -> bool) -> Option<String> {
        let behind = self.functions.partition_point(|function| function.start <= address);
        let start = self.functions[..behind].last()?.start;
        let first = self.functions[..behind].partition_point(|function| function.start < start);
        // A size of nothing says nothing: what follows may be anybody's.
        let here = self.functions[first..behind].iter();
        let here = here.filter(|function| address - function.start < function.size);
        here.filter_map(|function| self.name(function.index)).find(|name| fits(name))
    }

    fn name(&self, index: usize) -> Option<String> {
        let table = if self.is_dynamic {
            self.file.dynamic_symbol_table()
        } else {
            self.file.symbol_table()
        };
        let symbol = table?.symbol_by_index(SymbolIndex(index)).ok()?;
        let name = symbol.name().ok().filter(|name| !name.is_empty())?;
        Some(demangled(name))
    }
}

/// A name as it stands in the source, without the hash that tells crates apart.
pub(super) fn demangled(name: &str) -> String {
    match rustc_demangle::try_demangle(name) {
        Ok(name) => format!("{name:#}"),
        Err(_) => name.to_owned(),
    }
}
