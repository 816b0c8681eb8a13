//! Places in the source, interned once per snapshot.

use serde::{Deserialize, Serialize};

/// A place in the source, as the compiler recorded it for the caller of an operation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Site {
    /// Path as the compiler saw it: usually relative to the workspace root.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based column.
    pub column: u32,
}

impl std::fmt::Display for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Where tasks are made and what they run: the pair that groups them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SpawnPoint {
    /// Where the spawn was called.
    pub site: crate::SiteId,
    /// `std::any::type_name` of the spawned closure or function, unaltered.
    pub entry: String,
}
