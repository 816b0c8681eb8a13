//! Regions: what a task is charged to.

use serde::{Deserialize, Serialize};

use crate::{RegionId, SiteId};

/// What opened a region.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegionKind {
    /// A test body.
    Test,
    /// A guard opened by hand.
    Guard,
    /// A call of `run`: a program's main task and what came of it.
    Run,
    /// A thread of others, where a verdict at the exit of the process was asked for: what it spawned.
    Thread,
}

impl RegionKind {
    /// Every one of them, in their order.
    pub const ALL: [RegionKind; 4] =
        [RegionKind::Test, RegionKind::Guard, RegionKind::Run, RegionKind::Thread];
}

/// A region that still has live tasks, or whose verdict is being made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Region {
    /// Its identity.
    pub id: RegionId,
    /// What opened it.
    pub kind: RegionKind,
    /// The test's name, the guard's name, or `main`.
    pub name: String,
    /// Where it was opened.
    pub site: SiteId,
    /// Whether its verdict has been given: tasks spawned in it later are charged to no test.
    pub closed: bool,
    /// Functions that will run as tasks of it when a time has come or a context is done. No task
    /// shows them before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub deferred: u64,
    /// Whether tasks came to it or left it while the snapshot was taken: it may have, or have had,
    /// others than those that are shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsettled: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
