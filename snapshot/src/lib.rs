//! The facts of one moment: which tasks live, what each waits for, who holds what.
//!
//! A [`Snapshot`] is a value. A runtime collects one, a reader of a dump file gets an equal one
//! back, and every judgement is made on it, so that a live check and a post-mortem one are the
//! same call on the same value.
//!
//! Words: a **task** is what a spawn returns a handle to; a **waiter** is a task or an outside
//! thread; an **object** is a channel, a lock and so on; a **worker** is a thread that runs tasks; a **region**
//! is what a task is charged to (a test, a guard, a run of `main`); a **dump** is the file form of a snapshot.
//!
//! Invariants:
//! 1. Facts only: nothing here says leak or deadlock.
//! 2. Sites, spawn points, modules, frames and stacks are interned in the snapshot and named by index.
//! 3. Ids of tasks, objects and regions are never used twice within one process.
//! 4. What could not be seen is said in [`Completeness`] or in the fact itself, never left out.

#![forbid(unsafe_code)]

mod builder;
pub mod checksum;
mod code;
mod dump;
mod error;
mod few;
mod hex;
mod id;
pub mod image;
mod lock_pair;
mod misuse;
mod object;
mod os_thread;
mod region;
mod site;
mod snapshot;
mod task;
mod validate;
mod worker;

pub use builder::{SnapshotBuilder, TaskBuilder};
pub use code::{Frame, Module, Stack, Symbol};
pub use dump::{FORMAT_VERSION, flight, read_dump, read_header, write_dump};
pub use error::ReadError;
pub use id::{FrameId, ModuleId, ObjectId, RegionId, SiteId, SpawnId, StackId, TaskId, WorkerId};
pub use lock_pair::{Joined, LockPair, PairWitness, PairedLock};
pub use misuse::{Misuse, MisuseFact, MisusedObject};
pub use object::{
    Endpoint, LastUse, Object, ObjectDetail, ObjectKind, Owner, Ownership, Touched, Unheard,
};
pub use os_thread::{OsThread, ThreadState};
pub use region::{Region, RegionKind};
pub use site::{Site, SpawnPoint};
pub use snapshot::{
    Activity, COUNTED, Completeness, Counters, Coverage, Crash, HOOKED, Header, PanicFact, Reason,
    Snapshot, Thread,
};
pub use task::{
    Arm, Hold, HoldMode, Registers, StackUse, Target, Task, TaskState, Tenure, Wait, WaitOp,
    WaitReason, WaiterKind,
};
pub use validate::{Invalid, Record};
pub use worker::{KernelSleep, Worker};
