//! What knows the machine: stack memory, the switch between stacks, OS threads, waiting in the
//! kernel. Everything else in the crate is portable and comes here.

pub(crate) mod code;
pub(crate) mod epoll;
pub(crate) mod fiber;
pub(crate) mod futex;
pub(crate) mod maps;
pub(crate) mod modules;
pub(crate) mod names;
pub(crate) mod pool;
pub(crate) mod process;
pub(crate) mod signal;
pub(crate) mod size;
pub(crate) mod slabs;
pub(crate) mod stack;
pub(crate) mod thread;
pub(crate) mod unwind;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
compile_error!(
    "gleak-runtime runs on Linux x86-64 only so far; gleak-snapshot, gleak-detector and gleak-cli are portable"
);
