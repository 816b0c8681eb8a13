//! Tasks: spawning, running to the end, joining.

pub(crate) mod ending;
pub(crate) mod error;
pub(crate) mod future;
pub(crate) mod join;
pub(crate) mod lending;
pub(crate) mod loans;
pub(crate) mod local;
pub(crate) mod packet;
pub(crate) mod panic;
pub(crate) mod run;
pub(crate) mod scope;
pub(crate) mod spawn;
pub(crate) mod spawn_stack;
pub(crate) mod task_panic;
pub(crate) mod waker;
