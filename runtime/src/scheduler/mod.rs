//! Runs tasks on workers. The protocol of parking and waking is in `README.md` beside this file.

pub(crate) mod activity;
pub(crate) mod current;
pub(crate) mod deferred;
pub(crate) mod fresh;
pub(crate) mod held;
pub(crate) mod helpers;
pub(crate) mod idle;
pub(crate) mod inbox;
pub(crate) mod monitor;
pub(crate) mod overflow;
pub(crate) mod policy;
pub(crate) mod poller;
pub(crate) mod probe;
pub(crate) mod runtime;
#[cfg(feature = "report")]
pub(crate) mod sampler;
pub(crate) mod seat;
pub(crate) mod timers;
pub(crate) mod trim;
pub(crate) mod worker;
