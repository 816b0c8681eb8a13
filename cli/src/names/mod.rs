//! Names for frames that have none yet, from files of code.
//!
//! Invariants:
//! 1. A file is believed only if it is the one that ran: its build id is the module's. Where neither
//!    has one, the user must have named it.
//! 2. A file that cannot be used costs names and one line, never the answer; only one that the user
//!    has named for nothing is an error.
//! 3. Each address of a module is looked up once.

mod binary;
mod lines;
mod search;
mod symbols;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use gleak_detector::snapshot::{Module, Snapshot, Symbol};

pub(crate) use binary::{Binary, BinaryFault, hexadecimal};
use search::{Places, is_of};

use crate::args;
use crate::error::Failure;
use crate::input::{Content, InputFault};

/// Where distributions put debug files.
const SYSTEM: &str = "/usr/lib/debug";

/// How many modules are listed that a file could have been.
const LISTED: usize = 3;

/// Gives frames their names, in one dump after another.
#[derive(Debug)]
pub(crate) struct Names {
    places: Places,
    /// What modules the dumps name, and as which of them: the program comes first.
    modules: BTreeMap<Module, usize>,
    /// Which modules could not be named, or not in full, and why.
    remarks: BTreeMap<String, String>,
    /// Memory of a process has been read: then a file that is another one by now costs names only.
    forgives: bool,
}

impl Names {
    /// Opens what the user has named.
    pub(crate) fn open(args: &args::Names) -> Result<Names, Failure> {
        let mut exes = Vec::new();
        for path in &args.exe {
            let name = path.display().to_string();
            let failed = |fault| Failure::Input { name, fault: InputFault::Binary(fault) };
            exes.push(Rc::new(Binary::open(path).map_err(failed)?));
        }
        if let Some(dir) = args.debug_dir.iter().find(|dir| !dir.is_dir()) {
            let why = "is no folder".to_owned();
            return Err(Failure::Usage { what: dir.display().to_string(), why });
        }
        let system = [PathBuf::from(SYSTEM)];
        let debug_dirs = args.debug_dir.iter().cloned().chain(system).collect();
        let places = Places { exes, debug_dirs };
        Ok(Names { places, modules: BTreeMap::new(), remarks: BTreeMap::new(), forgives: false })
    }

    /// The same content, with names for the frames of a dump.
    pub(crate) fn given_to(&mut self, mut content: Content) -> Content {
        if let Content::Dump(snapshot) = &mut content {
            self.resolve(snapshot);
        }
        content
    }

    /// The file that a process had loaded, by its build id.
    pub(crate) fn loaded(&self, module: &Module) -> Result<Rc<Binary>, String> {
        self.places.loaded(module)
    }

    /// What could not be told of the memory of a process, by files that would have told it.
    pub(crate) fn note_unread(&mut self, unread: BTreeMap<String, String>) {
        self.forgives = true;
        for (path, why) in unread {
            self.remarks.insert(path, format!("{why}; what lies in it is not known"));
        }
    }

    /// Modules whose frames stay without names.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = Failure> {
        let strangers = if self.forgives { self.find_strangers() } else { Vec::new() };
        let strangers =
            strangers.into_iter().map(|(name, why)| (name, format!("is not used: {why}")));
        let remarks = self.remarks.iter().map(|(name, why)| (name.clone(), why.clone()));
        strangers
            .chain(remarks)
            .map(|(name, why)| Failure::Input { name, fault: InputFault::Noted(why) })
    }

    /// Files that the user has named and that are of no module of any dump.
    pub(crate) fn strangers(&self) -> Vec<Failure> {
        let strangers = if self.forgives { Vec::new() } else { self.find_strangers() };
        strangers.into_iter().map(|(what, why)| Failure::Usage { what, why }).collect()
    }

    fn find_strangers(&self) -> Vec<(String, String)> {
        if self.modules.is_empty() {
            return Vec::new();
        }
        let is_known = |exe: &Binary| self.modules.keys().any(|module| is_of(exe, module, true));
        let strangers = self.places.exes.iter().filter(|exe| !is_known(exe));
        strangers.map(|exe| self.stranger(exe)).collect()
    }

    fn stranger(&self, exe: &Binary) -> (String, String) {
        let what = exe.path.display().to_string();
        let mut why = match &exe.build_id {
            Some(id) => format!("build id {id} is not that of any module of the dump; wanted "),
            None => "has no build id and is no module of the dump; wanted ".to_owned(),
        };
        let is_namesake =
            |module: &&Module| Path::new(&module.path).file_name() == exe.path.file_name();
        let mut wanted: Vec<&Module> = self.modules.keys().filter(is_namesake).collect();
        if wanted.is_empty() {
            wanted = self.modules.keys().collect();
            wanted.sort_by_key(|module| self.modules.get(module));
        }
        let describe = |module: &&Module| {
            format!("{} ({})", module.build_id.as_deref().unwrap_or("no build id"), module.path)
        };
        let listed: Vec<String> = wanted.iter().take(LISTED).map(describe).collect();
        why.push_str(&listed.join(", "));
        if wanted.len() > LISTED {
            why.push_str(&format!(" and {} more", wanted.len() - LISTED));
        }
        (what, why)
    }

    fn resolve(&mut self, snapshot: &mut Snapshot) {
        let mut unnamed: Vec<BTreeMap<u64, Vec<Symbol>>> =
            vec![BTreeMap::new(); snapshot.modules.len()];
        for frame in snapshot.frames.iter().filter(|frame| frame.symbols.is_empty()) {
            if let Some(module) = frame.module {
                unnamed[module.0 as usize].insert(frame.address, Vec::new());
            }
        }
        for (module, names) in snapshot.modules.iter().zip(&mut unnamed) {
            let module = Module { base: 0, ..module.clone() };
            let position = self.modules.len();
            self.modules.entry(module.clone()).or_insert(position);
            if !names.is_empty() {
                self.look_up(&module, names);
            }
        }
        for frame in snapshot.frames.iter_mut().filter(|frame| frame.symbols.is_empty()) {
            let names =
                frame.module.and_then(|module| unnamed[module.0 as usize].get(&frame.address));
            frame.symbols = names.cloned().unwrap_or_default();
        }
    }

    fn look_up(&mut self, module: &Module, names: &mut BTreeMap<u64, Vec<Symbol>>) {
        let addresses: Vec<u64> = names.keys().copied().collect();
        let why = match self.places.find(module) {
            Err(why) => format!("{why}; its frames stay addresses"),
            Ok(binary) => {
                let (found, fault) = binary.names(&addresses);
                names.values_mut().zip(found).for_each(|(slot, symbols)| *slot = symbols);
                let Some(fault) = fault else { return };
                // The module is named anyway; its debug file is another one.
                let is_own = binary.path == Path::new(&module.path);
                let by =
                    if is_own { String::new() } else { format!("{}: ", binary.path.display()) };
                format!("{by}{fault}; not all of its frames have names and places")
            }
        };
        self.remarks.entry(module.path.clone()).or_insert(why);
    }
}
