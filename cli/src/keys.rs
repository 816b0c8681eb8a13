//! A terminal that is filled, and its keys.
//!
//! Invariant: however the value ends, the terminal is as it was before.

use std::io::{self, Write};
use std::sync::mpsc;
use std::time::Duration;

/// Another screen than that of the shell; no cursor; lines that are too long are cut.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";
/// Clears what is left of a line, or of the screen.
const TO_END_OF_LINE: &str = "\x1b[K";
const TO_END: &str = "\x1b[J";
const HOME: &str = "\x1b[H";

/// How long a look at the keys takes: so long a signal waits.
const LOOK: Duration = Duration::from_millis(100);

/// Does nothing for so long.
pub(crate) fn pause(span: Duration) {
    let (_sender, never) = mpsc::channel::<()>();
    // Nobody sends: it ends by the time.
    let _ = never.recv_timeout(span);
}

/// A screen for one table that changes.
pub(crate) struct Filled {
    keys: keyboard::Keys,
}

impl Filled {
    /// Takes it.
    ///
    /// # Errors
    /// When it cannot be written to.
    pub(crate) fn begin() -> io::Result<Filled> {
        let filled = Filled { keys: keyboard::Keys::begin() };
        write(ENTER)?;
        Ok(filled)
    }

    /// Shows a text instead of what is there.
    ///
    /// # Errors
    /// As [`Filled::begin`].
    pub(crate) fn show(&self, text: &str) -> io::Result<()> {
        let lines = text.lines().collect::<Vec<_>>().join(&format!("{TO_END_OF_LINE}\n"));
        write(&format!("{HOME}{lines}{TO_END_OF_LINE}{TO_END}"))
    }

    /// Waits so long, or for a key. True when somebody wants it to end: q, Ctrl-C, or a signal.
    pub(crate) fn is_left_within(&self, wait: Duration) -> bool {
        let looks = (wait.as_millis() / LOOK.as_millis()).max(1);
        (0..looks).any(|_| self.keys.pressed())
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        // The terminal may have gone.
        let _ = write(LEAVE);
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

#[cfg(unix)]
mod keyboard {
    use std::io::{self, IsTerminal, Read};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::termios::{
        LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
    };
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::{SigId, flag, low_level};

    use super::{LOOK, pause};

    /// Ctrl-C, Ctrl-D.
    const ENDS: [u8; 4] = [b'q', b'Q', 3, 4];

    /// Keys as they are pressed; those that send signals are keys as well.
    pub(super) struct Keys {
        before: Option<Termios>,
        signalled: Arc<AtomicBool>,
        signals: Vec<SigId>,
    }

    impl Keys {
        pub(super) fn begin() -> Keys {
            let signalled = Arc::new(AtomicBool::new(false));
            let listen = |signal| flag::register(signal, Arc::clone(&signalled)).ok();
            let signals = [SIGHUP, SIGINT, SIGTERM].into_iter().filter_map(listen).collect();
            // What is typed into a pipe is not for us.
            let before = if io::stdin().is_terminal() { tcgetattr(io::stdin()).ok() } else { None };
            if let Some(mut modes) = before.clone() {
                modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
                modes.special_codes[SpecialCodeIndex::VMIN] = 0;
                // In tenths of a second.
                modes.special_codes[SpecialCodeIndex::VTIME] = (LOOK.as_millis() / 100) as u8;
                // Refused, keys come by the line.
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
            }
            Keys { before, signalled, signals }
        }

        /// Whether somebody wants it to end, after one look.
        pub(super) fn pressed(&self) -> bool {
            let mut keys = [0; 64];
            let mut ends = false;
            if self.before.is_none() {
                pause(LOOK);
            } else if let Ok(count) = io::stdin().lock().read(&mut keys) {
                ends = keys[..count].iter().any(|key| ENDS.contains(key));
            }
            ends || self.signalled.load(Ordering::Relaxed)
        }
    }

    impl Drop for Keys {
        fn drop(&mut self) {
            if let Some(before) = &self.before {
                // The terminal may have gone.
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
            }
            for id in self.signals.drain(..) {
                low_level::unregister(id);
            }
        }
    }
}

#[cfg(not(unix))]
mod keyboard {
    /// The interrupt key alone, which ends the program.
    pub(super) struct Keys;

    impl Keys {
        pub(super) fn begin() -> Keys {
            Keys
        }

        pub(super) fn pressed(&self) -> bool {
            super::pause(super::LOOK);
            false
        }
    }
}
