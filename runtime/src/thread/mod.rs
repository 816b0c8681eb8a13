//! OS threads under the same detector as tasks: std's `spawn`, `Builder` and `scope` with a record.
//!
//! A thread that is spawned here is known from its spawn on: by its place, its function, its name, who
//! spawned it and what it is charged to, which is what its spawner is charged to. What it spawns itself,
//! tasks and threads, is charged to the same. Where it waits in this runtime, a snapshot shows for what;
//! everywhere else it counts as running, so nothing is ever certain of it there. Whoever joins it waits in
//! this runtime as well, so a circle through joins of threads is found as one between tasks.
//!
//! ```
//! use gleak_runtime::thread;
//!
//! let words = vec!["a", "b"];
//! let all = thread::scope(|s| s.spawn(|| words.concat()).join());
//! assert_eq!(all.unwrap(), "ab");
//! let handle = thread::Builder::new().name("adder".into()).spawn(|| 1 + 1)?;
//! assert_eq!(handle.join().unwrap(), 2);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! What is called as in std means what it means there. Underneath are std's threads, so what is true of those
//! (the name that the kernel shows, `RUST_MIN_STACK`, libtest's capture of what they print,
//! [`std::thread::current`]) is true of these. What differs:
//!
//! - a panic that nobody joins is a finding, as a task's is;
//! - a scope that panics because of a thread says which, and why;
//! - [`JoinHandle::join`] of a task parks the task, not its worker.
//!
//! Invariants:
//! 1. A thread is the task's side of a packet, run on a thread of its own: how its closure, its outcome, its
//!    joiners and what it borrows come together is `task/packet.rs`, and nothing of it is here.
//! 2. Its record is there before the thread is, and says that it runs until it waits; so nobody takes a
//!    thread that the kernel is still making for one that does not exist.
//! 3. The record ends with the closure. Destructors of the thread's locals come later, and are charged to
//!    nobody.

mod handle;
mod scope;

pub use self::handle::{JoinHandle, ScopedJoinHandle};
pub use self::scope::scope;
pub use crate::task::lending::ThreadScope as Scope;

use std::io;
use std::panic::Location;
use std::sync::Arc;

use crate::lock::order;
use crate::machine;
use crate::machine::stack::StackError;
use crate::records::statics::{Entry, Site};
use crate::records::table::Ref;
use crate::scheduler::{current, runtime};
use crate::sync::Lock;
use crate::task::join;
use crate::task::packet::{HandleSide, Info, TaskSide, packet, packet_in};
use crate::task::spawn::{self, SpawnError};

/// Runs `f` on an OS thread of its own, as [`std::thread::spawn`] does.
///
/// # Panics
/// When the system refuses a thread, when no record is left, or in a forked child; [`Builder::spawn`] says
/// so by `Err`.
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match Builder::new().spawn(f) {
        Ok(handle) => handle,
        Err(error) => panic!("cannot spawn a thread: {error}"),
    }
}

/// A thread's settings: those of [`std::thread::Builder`], and labels, and how long it may live.
#[derive(Debug, Default)]
#[must_use]
pub struct Builder {
    record: spawn::Builder,
    name: Option<String>,
    stack_bytes: Option<usize>,
}

impl Builder {
    /// No name, no labels, std's usual stack.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// A name, for reports, panics and the kernel.
    ///
    /// With a zero byte in it, spawning panics.
    pub fn name(mut self, name: String) -> Builder {
        self.record = self.record.name(name.clone());
        self.name = Some(name);
        self
    }

    /// The size of its stack in bytes, as [`std::thread::Builder::stack_size`] has it.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.stack_bytes = Some(bytes);
        self
    }

    /// A label for reports, as [`Builder::label`](crate::Builder::label) of a task.
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Builder {
        self.record = self.record.label(key, value);
        self
    }

    /// The thread may outlive the test or guard that it is spawned in, as a pool's that is there for the
    /// process: it is charged to the call of [`run`](crate::run) around them, or to nothing. So is what it
    /// spawns.
    pub fn background(mut self) -> Builder {
        self.record = self.record.background();
        self
    }

    /// Runs `f` on a thread with these settings.
    ///
    /// # Errors
    /// When the system refuses a thread, no record is left, or this is a forked child.
    ///
    /// # Panics
    /// When the name has a zero byte in it.
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let (info, os) = self.register(Entry::of::<F>(), Location::caller())?;
        let (task, os) = start(os, packet(info, f))?;
        Ok(JoinHandle { task, os })
    }

    /// Runs `f` on a thread of `scope` with these settings.
    ///
    /// # Errors
    /// As [`Builder::spawn`].
    ///
    /// # Panics
    /// When the name has a zero byte in it.
    #[track_caller]
    pub fn spawn_scoped<'scope, F, T>(
        mut self,
        scope: &'scope Scope<'scope, '_>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.record = self.record.scoped();
        let (info, os) = self.register(Entry::of::<F>(), Location::caller())?;
        order::born_within(info.reference, current::task().or_else(current::outside_caller));
        let (task, os) = start(os, packet_in(scope.loans(), info, f))?;
        Ok(ScopedJoinHandle::new(task, os))
    }

    fn register(
        self,
        entry: &'static Entry,
        site: Site,
    ) -> io::Result<(Info, std::thread::Builder)> {
        // Std finds that out when the record is there already, and nobody would end that.
        let is_name = |name: &String| !name.contains('\0');
        assert!(self.name.as_ref().is_none_or(is_name), "a thread's name has a zero byte in it");
        machine::thread::not_forked()?;
        runtime::begin_process()?;
        let Builder { record, name, stack_bytes } = self;
        let os = std::thread::Builder::new();
        let os = name.into_iter().fold(os, std::thread::Builder::name);
        let os = stack_bytes.into_iter().fold(os, std::thread::Builder::stack_size);
        let info = record.register_thread(entry, site).map_err(|error| match error {
            SpawnError::Runtime(error) => error,
            SpawnError::TooManyTasks | SpawnError::Stack(_) => io::Error::other(error),
        })?;
        Ok((info, os))
    }
}

/// Has the thread made that runs this packet.
fn start<T>(
    os: std::thread::Builder,
    (side, packet): (TaskSide, HandleSide<T>),
) -> io::Result<(join::JoinHandle<T>, std::thread::JoinHandle<()>)> {
    let thread = side.info().reference;
    // Where no thread is made std drops its closure, and a side must be run or refused.
    let given = Arc::new(Lock::new(Some(side)));
    let taken = Arc::clone(&given);
    match os.spawn(move || run(thread, &taken)) {
        Ok(os) => Ok((join::JoinHandle { packet }, os)),
        Err(error) => {
            let side = given.lock().take();
            if let Some(side) = side {
                side.refuse(StackError::OutOfMemory);
                current::forget_thread(thread);
            }
            // Who asked is told by `Err`, and nobody else of it.
            drop(packet.take());
            Err(error)
        }
    }
}

fn run(thread: Ref, given: &Lock<Option<TaskSide>>) {
    let side = given.lock().take();
    let Some(side) = side else { return };
    current::begin_thread(thread);
    side.run();
    current::end_thread(thread);
}
