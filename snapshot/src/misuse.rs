//! Misuse of objects, as events: what is recorded here has happened, whatever became of it.
//!
//! Only what is never right is one, and only what the program cannot know already: what panics (a double
//! close, a count below zero) is told by the panic. The object may have gone since, so a fact says all
//! that is told of it.

use serde::{Deserialize, Serialize};

use crate::{LastUse, ObjectId, ObjectKind, RegionId, SiteId, SpawnId, TaskId};

/// What was done. Closed: a reader matches all of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misuse {
    /// A wait group was counted up from zero by hand, while a wait that zero had ended had not yet
    /// returned: which round that wait was for is chance.
    GroupReused,
    /// A guard was dropped by another task than the one that locked.
    StrangerUnlock,
    /// An error group went away with an error in it: nobody waited for the group.
    UnseenError,
}

/// A misuse, and who did it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MisuseFact {
    /// What was done.
    pub kind: Misuse,
    /// Who did it, the first time. Of an unseen error: the member that failed.
    pub task: TaskId,
    /// That one's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it was charged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionId>,
    /// Where it was spawned; none for an outside thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawn: Option<SpawnId>,
    /// On what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<MisusedObject>,
    /// Where. None for what has no call of its own: a guard that is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// The other party: the last wait for the group, who had locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<LastUse>,
    /// How often it has happened at these places in this region.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u64,
}

/// What was misused. It may be in no list of objects: it has gone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MisusedObject {
    /// Its identity.
    pub id: ObjectId,
    /// Its kind.
    pub kind: ObjectKind,
    /// Where it was made.
    pub site: SiteId,
    /// The name it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

fn once() -> u64 {
    1
}

fn is_once(times: &u64) -> bool {
    *times == 1
}
