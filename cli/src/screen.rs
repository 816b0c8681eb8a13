//! Text on its way to people: laid out for the place where it goes, with links and a pager where that is
//! a terminal.
//!
//! Invariants:
//! 1. What goes into a file or a pipe is the text and nothing else, unless it was asked for.
//! 2. A pager that is not there, dies or is left early changes no answer and no exit code.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gleak_detector::render::TextOptions;
#[cfg(unix)]
use signal_hook::consts::SIGINT;

use crate::args::Layout;
use crate::error::Failure;
use crate::links;
use crate::output::Sink;
use crate::terminal::Surroundings;

/// Where text goes, and what is known of it.
pub(crate) struct Screen<'s> {
    sink: &'s Sink,
    layout: &'s Layout,
    around: Surroundings,
}

impl Screen<'_> {
    /// Looks at the place.
    pub(crate) fn of<'s>(sink: &'s Sink, layout: &'s Layout) -> Screen<'s> {
        Screen { sink, layout, around: Surroundings::look() }
    }

    /// Text for it.
    pub(crate) fn options(&self) -> TextOptions {
        let into_file = matches!(self.sink, Sink::File { .. });
        TextOptions {
            width: self.around.width(self.layout.width),
            color: self.around.color(self.layout.color, into_file),
            ..TextOptions::default()
        }
    }

    /// Shows text there.
    pub(crate) fn show(&self, text: &str) -> Result<(), Failure> {
        if matches!(self.sink, Sink::File { .. }) {
            return self.sink.deliver(text.as_bytes());
        }
        let pager = self.around.pager(text.lines().count()).filter(|_| !self.layout.no_pager);
        let linked = self.around.links(self.layout.hyperlinks).then(|| links::linked(text));
        let text = linked.as_deref().unwrap_or(text);
        if pager.is_some_and(|command| page(&command, text)) {
            return Ok(());
        }
        self.sink.deliver(text.as_bytes())
    }
}

/// Whether a pager has shown it, to the end or as far as anybody wanted.
fn page(command: &[String], text: &str) -> bool {
    let Some((program, arguments)) = command.split_first() else { return false };
    let _kept = Kept::begin();
    let spawned = Command::new(program).args(arguments).stdin(Stdio::piped()).spawn();
    let Ok(mut pager) = spawned else { return false };
    if let Some(mut pipe) = pager.stdin.take() {
        // It may be left before the end. How it ends says whether it was of any use.
        let _ = pipe.write_all(text.as_bytes());
    }
    pager.wait().is_ok_and(|status| status.success())
}

/// While it lives the interrupt key does not end us. The pager gets it as well and takes it for its own;
/// without its writer the shell would come back beside it.
struct Kept(Arc<AtomicBool>);

impl Kept {
    fn begin() -> Kept {
        let over = Arc::new(AtomicBool::new(false));
        // Where that is refused it is as it would be without.
        #[cfg(unix)]
        let _ = signal_hook::flag::register_conditional_default(SIGINT, Arc::clone(&over));
        Kept(over)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
