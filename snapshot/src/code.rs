//! Places in machine code, interned once per snapshot: modules, frames of stacks, whole stacks.
//!
//! Addresses are kept from the start of their module, so that they mean the same after the process
//! has ended, and names are looked up once a frame, in the process or later from the file that the
//! build id names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{FrameId, ModuleId};

/// A file of code that was loaded: the program itself or a shared library.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Module {
    /// Its path, as the process saw it.
    pub path: String,
    /// Where its address 0 lay in the process.
    #[serde(with = "crate::hex")]
    pub base: u64,
    /// Its build id in lowercase hexadecimal digits, when it has one: what a file must have for its
    /// names to be believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
}

/// A place in the code where a stack stands: an instruction, or the call that is to return.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Frame {
    /// Of which module; none when the address is of no file that was loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<ModuleId>,
    /// As the module's own file counts, or in the process where there is no module. Of a call it is
    /// a byte of the calling instruction, not the one it returns to.
    #[serde(with = "crate::hex")]
    pub address: u64,
    /// What it is called: what was inlined there first, its function last. Empty until it has been
    /// looked up, and where nobody knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symbols: Vec<Symbol>,
}

/// A function at a place in its source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Symbol {
    /// Function name, demangled and whole.
    pub function: String,
    /// Source file, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// 1-based line, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, " at {file}:{line}"),
            _ => Ok(()),
        }
    }
}

/// A stack: where each of its frames stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Stack {
    /// Innermost first.
    pub frames: Vec<FrameId>,
    /// Whether it ends before the task's entry: there it could not be read further.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}
