//! Green tasks that record every spawn and every wait, so that what leaks or deadlocks can be named.
//!
//! The model in one page: a **task** is a closure on a stack of its own. **Workers** (OS threads,
//! one a core by default) run tasks; a task that has to wait **parks**: its stack stays where it is
//! and the worker runs another. A started task stays on its worker for good, so thread-locals and
//! `!Send` values may live across a wait; only tasks that have not run yet go to whatever worker is
//! free. What a task waits for, where and since when, who holds a lock and where it was taken are
//! facts in tables that [`dump`] and the detector read without stopping anything.
//!
//! ```
//! use gleak_runtime::{Chan, go, run};
//!
//! let total = run(|| {
//!     let results = Chan::new(0);
//!     for n in 1..=3_u32 {
//!         let results = results.clone();
//!         go! { results.send(n * n) };
//!     }
//!     (0..3).filter_map(|_| results.recv()).sum::<u32>()
//! });
//! assert_eq!(total, 14);
//! ```
//!
//! # Where it runs
//!
//! [`run`] makes a program's main task; [`spawn`] and [`go!`] also work from any thread, on one
//! process-wide runtime. Every blocking operation works on any thread: outside of a task it blocks
//! that thread. Tests get private runtimes ([`Runtime`]), so that a deadlock hurts its own test only.
//! OS threads that are spawned by [`thread`] have a record as tasks have: where they came from, what they are
//! charged to, and what they wait for in here.
//! Sockets are in [`net`]: waiting for a peer parks the task as well.
//!
//! # Ways out
//!
//! [`blocking`] runs a closure that would block the worker on a helper thread, while the task is
//! parked. [`block_on`] drives a future to its end on the task's stack, whoever wakes it;
//! [`block_on_with`] does so inside the guard of the executor that the future was written for:
//!
//! ```
//! use gleak_runtime::{block_on, blocking, run};
//!
//! let (read, ready) = run(|| {
//!     let path = String::from("/proc/self/comm");
//!     let read = blocking(|| std::fs::read_to_string(&path).is_ok());
//!     (read, block_on(async { true }))
//! });
//! assert!(read && ready);
//! ```
//!
//! In a **forked child** the runtime does not exist: spawning and waiting panic there, or return the
//! error where there is one. `std::process::Command` works everywhere.
//!
//! # Environment
//!
//! `GLEAK_WORKERS` (number of workers), `GLEAK_DUMP_DIR`, `GLEAK_DUMP_KEEP` and `GLEAK_DUMP` (where dumps go, how
//! many stay, `asked` for none unasked, see [`Dumps`]), `GLEAK_SIGNALS` (which signals are answered, see [`Signal`]), `GLEAK_EXIT`
//! (`wait` or `fail`: what [`run`] does about tasks that are left), `GLEAK_SPAWN_STACKS=1` (record the
//! whole stack of each spawn), `GLEAK_LOCK_ORDER=1` (record in what order locks are taken),
//! `GLEAK_FLIGHT` (a folder for a flight file, see below), `GLEAK_SIGNALS` (a list of signals to answer, see
//! [`Signal`]),
//! `GLEAK_STACK_GUARD=mprotect` (guards as on kernels before 6.13), `COLUMNS` (width of reports).
//!
//! `GLEAK` asks for a verdict on the tasks that are left when the process exits, in any program and under
//! any test harness: `report` tells, `check` tells and makes the exit status 101 (`check:STATUS` another
//! one), `survey` counts them by test, spawn site and wait. Each test of libtest's is told by its name.
//! Tasks that could still finish are waited for, up to 200 ms (`GLEAK_SETTLE_MS`). `GLEAK_SUPPRESS` names a
//! file of findings that are excepted; `GLEAK_OUT` a folder for a file of findings, which is evidence for
//! `gleak gate` also when nothing was found. What of these cannot be read or written is told, and makes a
//! `check` red. Where no task was spawned it is said that nothing was checked; a process that never used the
//! runtime says nothing and writes nothing. A process that is killed,
//! aborts or calls `_exit` gives no verdict, and one made red this way runs no other exit handler.
//!
//! # When the process is killed
//!
//! With `GLEAK_FLIGHT=FOLDER`, or [`RuntimeBuilder::flight`], every spawn and wait is also written to
//! `gleak-<pid>-<ticks>.flight` in that folder, through memory that is shared with the file: after `kill -9`,
//! the kernel's out-of-memory kill or an abort, and while the process lives, `gleak report FILE` tells which
//! tasks there were, where they came from and what they waited for. It takes 1.5 MiB, and 1 MiB more for
//! every 16 384 tasks. What it costs is in `docs/flight.md`.
//!
//! With `GLEAK_SIGNALS=crash`, or [`RuntimeBuilder::signals`], a process that ends by SIGSEGV, SIGBUS, SIGILL,
//! SIGFPE, SIGABRT, SIGTRAP or SIGSYS first writes an image of the runtime's memory,
//! `gleak-<pid>-<n>.crash` where dumps go, which `gleak report FILE` reads: who crashed, and what all others were
//! doing. It holds memory of the program (`docs/crash.md`). Earlier handlers and the default action follow.
//!
//! # Stacks
//!
//! A task has a stack of its own, 256 KiB unless [`Builder::stack_size`] says otherwise, the main task 8
//! MiB. Only pages that were touched take memory, and those of ended tasks go back to the kernel when
//! nobody needs them. A task that runs over the end of its stack ends the process by SIGSEGV, after a
//! message on stderr that names it:
//!
//! ```text
//! gleak: task #5 "parser" (spawned at src/main.rs:10:5) overflowed its stack of 256 KiB
//!   it runs app::parse_all::{{closure}}
//!   at instruction 0x55d0c5e3f317, /usr/bin/app+0x12f317
//!   unless it recurses without end: for a larger stack, spawn it with Builder::stack_size(bytes); ...
//!   its calls, innermost first
//!     app::parse at src/parse.rs:30
//!     app::parse at src/parse.rs:41 (763 times)
//! ```
//!
//! `addr2line -Cfie /usr/bin/app 0x12f317` tells the line where the calls have no names. For this the first worker installs a handler
//! of SIGSEGV and SIGBUS; every other fault goes to the handler that was there before, and one that the
//! program installs later replaces it. C code without stack probes may step over the guard (16 KiB).
//!
//! # Seeing them
//!
//! A snapshot can hold where each task's stack stands ([`report::snapshot_with`]); dumps and verdicts do.
//! Nothing is recorded for it but three registers a wait: parked stacks are unwound from outside, by the
//! unwind tables that every program has, also without frame pointers, stripped, or with `panic = "abort"`.
//! Who runs is asked by SIGURG, whose handler is installed by the first such snapshot.
//!
//! # Soundness
//!
//! Pinning keeps std's thread-locals sound: a task never changes threads. What no stackful runtime
//! can prevent: a crate that keeps *stack pointers* in a thread-local and expects them to be taken
//! back in reverse order (`scoped-tls` and the like) breaks when two tasks of one worker interleave
//! inside it. Wrap such calls in [`hold_worker`]: then a park blocks the thread instead.
//!
//! Linux on x86-64.

#[cfg(not(loom))]
mod barrier;
#[cfg(not(loom))]
mod blocking;
#[cfg(not(loom))]
mod chan;
#[cfg(not(loom))]
mod collect;
#[cfg(not(loom))]
pub mod context;
#[cfg(not(loom))]
mod crash;
#[cfg(not(loom))]
mod dump;
#[cfg(not(loom))]
mod err_group;
#[cfg(not(loom))]
mod flight;
#[cfg(not(loom))]
mod lock;
#[cfg(not(loom))]
mod machine;
#[cfg(not(loom))]
pub mod net;
#[cfg(not(loom))]
mod once;
#[cfg(not(loom))]
mod records;
#[cfg(not(loom))]
pub mod region;
#[cfg(not(loom))]
pub mod report;
#[cfg(not(loom))]
mod scheduler;
#[cfg(not(loom))]
pub mod select;
#[cfg(not(loom))]
mod semaphore;
#[cfg(not(loom))]
mod signals;
#[cfg(not(loom))]
pub mod singleflight;
mod sync;
#[cfg(not(loom))]
mod task;
#[cfg(not(loom))]
pub mod thread;
#[cfg(not(loom))]
pub mod time;
#[cfg(not(loom))]
mod wait;
#[cfg(not(loom))]
mod wait_group;

// Under loom only what is model-checked exists: loom's atomics cannot live in statics. A mutex, a
// join and a woken future have words of their own, so each has a model. The other primitives are
// numbers, values and queues of waiters under a `Lock`: channels, `RwLock`, `Semaphore`, `WaitGroup`,
// `Barrier`, `Cond`, contexts and timers. They differ in their numbers, not in their protocol, which is
// queueing, claiming, handing over and giving up; `state.rs` has it once for all. `Once` adds a flag,
// set under the lock and read without it: no protocol.
#[cfg(loom)]
#[path = "task/ending.rs"]
mod ending;
#[cfg(loom)]
#[path = "scheduler/idle.rs"]
mod idle;
#[cfg(loom)]
#[path = "scheduler/inbox.rs"]
mod inbox;
#[cfg(loom)]
#[path = "records/state.rs"]
mod state;
#[cfg(loom)]
#[path = "records/woken.rs"]
mod woken;
#[cfg(loom)]
#[path = "lock/word.rs"]
mod word;

#[cfg(not(loom))]
pub use barrier::{Barrier, BarrierWaitResult};
#[cfg(not(loom))]
pub use blocking::blocking;
#[cfg(not(loom))]
pub use chan::{
    Chan, ChanIter, Receiver, ReceiverIter, RecvError, RecvTimeoutError, Recvs, SendError,
    SendTimeoutError, Sender, Sends, TryRecvError, TrySendError, bounded, rendezvous, unbounded,
};
#[cfg(not(loom))]
pub use context::{CancelHandle, Cancelled, Cause, Context};
#[cfg(not(loom))]
pub use dump::dump;
#[cfg(not(loom))]
pub use dump::settings::Dumps;
#[cfg(not(loom))]
pub use err_group::ErrGroup;
#[cfg(not(loom))]
pub use lock::{
    Cond, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, WaitTimeoutResult,
};
#[cfg(not(loom))]
pub use machine::stack::StackError;
#[cfg(not(loom))]
pub use once::{LazyLock, Once, OnceLock, OnceState};
#[cfg(not(loom))]
pub use region::{KeptPanics, Region, RegionKind};
#[cfg(not(loom))]
pub use scheduler::current::{hold_worker, task_id, yield_now};
#[cfg(not(loom))]
pub use scheduler::held::check_budget;
#[cfg(not(loom))]
pub use scheduler::monitor::declare_harmless_thread;
#[cfg(not(loom))]
pub use scheduler::policy::Order;
#[cfg(not(loom))]
pub use scheduler::runtime::{Quiet, Runtime, RuntimeBuilder};
#[cfg(not(loom))]
pub use semaphore::{OwnedPermit, Permit, Semaphore};
#[cfg(not(loom))]
pub use signals::settings::Signal;
#[cfg(not(loom))]
pub use task::error::JoinError;
#[cfg(not(loom))]
pub use task::future::{block_on, block_on_with};
#[cfg(not(loom))]
pub use task::join::JoinHandle;
#[cfg(not(loom))]
pub use task::lending::Scope;
#[cfg(not(loom))]
pub use task::local::{AccessError, LocalKey};
#[cfg(not(loom))]
pub use task::run::run;
#[cfg(not(loom))]
pub use task::scope::{ScopedJoinHandle, scope};
#[cfg(not(loom))]
pub use task::spawn::{Builder, SpawnError, spawn, spawn_background, spawn_daemon, task_count};
#[cfg(not(loom))]
pub use task::task_panic::TaskPanic;
#[cfg(not(loom))]
pub use time::{AfterFunc, Ticker, Ticks, Timer, after, after_func, sleep, sleep_until, tick};
#[cfg(not(loom))]
pub use wait_group::{WaitGroup, WaitToken};
