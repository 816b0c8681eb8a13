//! Objects: what tasks wait on and hold.

use serde::{Deserialize, Serialize};

use crate::{ObjectId, RegionId, SiteId, TaskId};

/// A channel, lock, semaphore, context and so on that has been used at least once and still exists.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Object {
    /// Its identity.
    pub id: ObjectId,
    /// Where it was made.
    pub site: SiteId,
    /// The name it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who has used it so far.
    pub touched: Touched,
    /// Whether its facts changed while the snapshot was taken: an owner is then not known, which
    /// is not the same as not there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsettled: bool,
    /// What it is and how it stands.
    pub detail: ObjectDetail,
}

impl Object {
    /// Its kind alone.
    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        match self.detail {
            ObjectDetail::Channel { .. } => ObjectKind::Channel,
            ObjectDetail::Mutex { .. } => ObjectKind::Mutex,
            ObjectDetail::RwLock { .. } => ObjectKind::RwLock,
            ObjectDetail::WaitGroup { .. } => ObjectKind::WaitGroup,
            ObjectDetail::Context { .. } => ObjectKind::Context,
            ObjectDetail::Socket { .. } => ObjectKind::Socket,
            ObjectDetail::Cond { .. } => ObjectKind::Cond,
            ObjectDetail::Once { .. } => ObjectKind::Once,
            ObjectDetail::Semaphore { .. } => ObjectKind::Semaphore,
            ObjectDetail::Barrier { .. } => ObjectKind::Barrier,
        }
    }
}

impl ObjectDetail {
    /// Who has it, of a lock or an initialiser.
    #[must_use]
    pub fn ownership(&self) -> Option<Ownership> {
        match *self {
            ObjectDetail::Mutex { owner, exact } => {
                Some(Ownership { owner, exact, readers: 0, waiting_writers: 0 })
            }
            ObjectDetail::RwLock { owner, exact, readers, waiting_writers, .. } => {
                Some(Ownership { owner, exact, readers, waiting_writers })
            }
            // Nobody but who runs an initialiser ends it.
            ObjectDetail::Once { owner, .. } => {
                Some(Ownership { owner, exact: true, readers: 0, waiting_writers: 0 })
            }
            ObjectDetail::Channel { .. }
            | ObjectDetail::WaitGroup { .. }
            | ObjectDetail::Context { .. }
            | ObjectDetail::Socket { .. }
            | ObjectDetail::Cond { .. }
            | ObjectDetail::Semaphore { .. }
            | ObjectDetail::Barrier { .. } => None,
        }
    }

    /// Its owner, of a lock or an initialiser, to be changed.
    pub fn owner_mut(&mut self) -> Option<&mut Option<Owner>> {
        match self {
            ObjectDetail::Mutex { owner, .. }
            | ObjectDetail::RwLock { owner, .. }
            | ObjectDetail::Once { owner, .. } => Some(owner),
            ObjectDetail::Channel { .. }
            | ObjectDetail::WaitGroup { .. }
            | ObjectDetail::Context { .. }
            | ObjectDetail::Socket { .. }
            | ObjectDetail::Cond { .. }
            | ObjectDetail::Semaphore { .. }
            | ObjectDetail::Barrier { .. } => None,
        }
    }
}

/// Who has a lock or an initialiser.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ownership {
    /// Who has it alone, if one does.
    pub owner: Option<Owner>,
    /// How many share it.
    pub readers: u64,
    /// How many wait to have it alone, where it can be shared.
    pub waiting_writers: u64,
    /// Whether the owner is known for certain.
    pub exact: bool,
}

/// The kinds of objects.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectKind {
    /// A channel of either face.
    Channel,
    /// A mutex.
    Mutex,
    /// A reader-writer lock.
    RwLock,
    /// A wait group.
    WaitGroup,
    /// A context.
    Context,
    /// A socket.
    Socket,
    /// A condition variable.
    Cond,
    /// What is initialised once: a once, a once-lock, a lazy value.
    Once,
    /// A weighted semaphore.
    Semaphore,
    /// A barrier.
    Barrier,
}

impl ObjectKind {
    /// Every one of them, in their order.
    pub const ALL: [ObjectKind; 10] = [
        ObjectKind::Channel,
        ObjectKind::Mutex,
        ObjectKind::RwLock,
        ObjectKind::WaitGroup,
        ObjectKind::Context,
        ObjectKind::Socket,
        ObjectKind::Cond,
        ObjectKind::Once,
        ObjectKind::Semaphore,
        ObjectKind::Barrier,
    ];
}

/// How an object stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectDetail {
    /// A channel.
    Channel {
        /// Values it can hold without a receiver; none when unbounded.
        capacity: Option<u64>,
        /// Values in it.
        len: u64,
        /// Whether it is closed or one side has gone.
        closed: bool,
        /// The sending end.
        sender: Endpoint,
        /// The receiving end.
        receiver: Endpoint,
    },
    /// A mutex.
    Mutex {
        /// Who owns it.
        owner: Option<Owner>,
        /// False once a guard was dropped by another task than the one that locked: from then on
        /// the owner proves nothing.
        exact: bool,
    },
    /// A reader-writer lock.
    RwLock {
        /// Who owns it alone.
        owner: Option<Owner>,
        /// How many read it. Who they are is in [`crate::Task::holds`]; when fewer are found there,
        /// some reader is unknown.
        readers: u64,
        /// How many writers wait. When fewer are found waiting, some writer is unknown.
        #[serde(default)]
        waiting_writers: u64,
        /// Who was let in last among readers, whether it reads still or not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reader: Option<LastUse>,
        /// As for a mutex.
        exact: bool,
    },
    /// A wait group.
    WaitGroup {
        /// What it counts.
        count: i64,
        /// How many of these are tokens, each given back by its drop.
        #[serde(default, skip_serializing_if = "is_zero")]
        tokens: u64,
        /// Whether it was ever counted by hand, so that anybody may count it down. Assumed where
        /// nothing is said.
        #[serde(default = "assumed", skip_serializing_if = "is_true")]
        loose: bool,
    },
    /// A context.
    Context {
        /// Whether it has been cancelled.
        cancelled: bool,
        /// When that was, on the clock of [`crate::Header::taken_ns`]; of a deadline, when it had passed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cancelled_ns: Option<u64>,
        /// Who cancelled it or the context above it, and where; none when a deadline did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<LastUse>,
        /// When it ends by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline_ns: Option<u64>,
        /// The context that it is cancelled with, unless that is a root. It may be in no line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<ObjectId>,
    },
    /// A socket.
    Socket {
        /// Its descriptor in the process.
        descriptor: u32,
        /// The address of the other side; none when it has none that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        /// Whether it waits for connections, and so has no other side.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        listens: bool,
    },
    /// A condition variable.
    Cond {
        /// The mutex that the last wait gave back; it need not be in the snapshot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mutex: Option<ObjectId>,
        /// The notifications that found nobody, when none has found somebody since.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unheard: Option<Unheard>,
    },
    /// What is initialised once. Whoever runs the initialiser owns it, as a mutex.
    Once {
        /// Who runs the initialiser.
        owner: Option<Owner>,
        /// Whether it is initialised, for good.
        done: bool,
    },
    /// A weighted semaphore.
    Semaphore {
        /// How many permits there are in all, for good.
        permits: u64,
        /// How many of them nobody has.
        available: u64,
        /// Who took permits last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        taken: Option<LastUse>,
    },
    /// A barrier.
    Barrier {
        /// How many it lets go together.
        size: u64,
        /// How many of the present round have come.
        arrived: u64,
    },
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn is_true(it: &bool) -> bool {
    *it
}

fn assumed() -> bool {
    true
}

/// One side of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Endpoint {
    /// Handles that exist; none where handles are not counted (Go's face).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handles: Option<u64>,
    /// Who used this side last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastUse>,
}

/// A use of an object: a fact for the reader, never a proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LastUse {
    /// By whom.
    pub task: TaskId,
    /// Where.
    pub site: SiteId,
}

/// Notifications of a cond that nobody waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unheard {
    /// Who sent the last one, and where.
    pub by: LastUse,
    /// When, on the clock of [`crate::Header::taken_ns`].
    pub at_ns: u64,
    /// How many there were in a row.
    pub times: u64,
}

/// Who owns a lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Owner {
    /// The task or thread that acquired it.
    pub task: TaskId,
    /// Where it was acquired.
    pub site: SiteId,
    /// When, on the clock of [`crate::Header::taken_ns`].
    pub since_ns: u64,
    /// Whether the owner still lives. A finished one forgot its guard.
    pub alive: bool,
}

/// Which regions have used an object so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Touched {
    /// Only this region.
    Only(RegionId),
    /// Tasks of no region, threads that are not ours, or several regions.
    Shared,
}
