//! Signals that the program has asked the runtime to answer.
//!
//! Invariant: the process is asked once. The first runtime's builder counts, or `GLEAK_SIGNALS` where that
//! says nothing; handlers are never taken away again.

mod listener;
pub(crate) mod settings;

use std::io;

use once_cell::sync::OnceCell;

use crate::crash;
pub use crate::signals::listener::Came;
pub(crate) use crate::signals::listener::listen;
use crate::signals::settings::{Signal, Signals};

static ASKED: OnceCell<Signals> = OnceCell::new();

/// Answers these signals from now on, or those of `GLEAK_SIGNALS`, if nobody has asked before.
///
/// # Errors
/// When the environment names a signal that there is none of, or they cannot be answered.
pub(crate) fn answer(asked: Option<Signals>) -> io::Result<()> {
    ASKED
        .get_or_try_init(|| {
            let asked = asked.map_or_else(settings::by_environment, Ok)?;
            if asked.has(Signal::Crash) {
                crash::install();
            }
            listen(asked)?;
            Ok(asked)
        })
        .map(drop)
}
