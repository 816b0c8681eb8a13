//! Identities. Newtypes, so that a task is never looked up as an object; each prints as people
//! read it in a report (`t7`, `#4`, `r2`, `worker 1`).

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty), $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id! {
    /// A task or an outside thread; numbered from 1 in the order of their making, never used twice.
    TaskId(u64), "t"
}
id! {
    /// A channel, lock or other object; numbered from 1 in the order of first use, never used twice.
    ObjectId(u64), "#"
}
id! {
    /// What a task is charged to; numbered from 1, never used twice.
    RegionId(u64), "r"
}
id! {
    /// A worker; numbered from 0 as their threads are named (`gleak-0`), never used twice.
    WorkerId(u32), "worker "
}
id! {
    /// Index into [`crate::Snapshot::sites`]. Means nothing outside of its snapshot.
    SiteId(u32), "s"
}
id! {
    /// Index into [`crate::Snapshot::spawns`]. Means nothing outside of its snapshot.
    SpawnId(u32), "p"
}
id! {
    /// Index into [`crate::Snapshot::modules`]. Means nothing outside of its snapshot.
    ModuleId(u32), "m"
}
id! {
    /// Index into [`crate::Snapshot::frames`]. Means nothing outside of its snapshot.
    FrameId(u32), "f"
}
id! {
    /// Index into [`crate::Snapshot::stacks`]. Means nothing outside of its snapshot.
    StackId(u32), "k"
}
