//! What the terminal is like: columns and colour. The decisions are pure; only `Surroundings::look`
//! reads the environment.

use std::env;
use std::io::{self, IsTerminal};

use crate::args::Color;

/// Columns when nothing is known.
const WIDTH: usize = 100;
/// The narrowest a report is laid out for.
const NARROWEST: usize = 40;
/// The widest.
const WIDEST: usize = 1000;

/// What is known of the place where standard output goes.
#[derive(Clone, Default, Debug)]
pub(crate) struct Surroundings {
    /// Whether it is a terminal.
    pub(crate) terminal: bool,
    /// Columns of the terminal.
    pub(crate) columns: Option<usize>,
    /// `COLUMNS`.
    pub(crate) columns_variable: Option<String>,
    /// `NO_COLOR` is set and not empty, or the terminal knows no colours.
    pub(crate) no_color: bool,
    /// `CLICOLOR_FORCE` is set and not `0`.
    pub(crate) force_color: bool,
}

impl Surroundings {
    /// Reads the environment.
    pub(crate) fn look() -> Surroundings {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let terminal = io::stdout().is_terminal();
        Surroundings {
            terminal,
            columns: if terminal { terminal_columns() } else { None },
            columns_variable: env::var("COLUMNS").ok(),
            no_color: set("NO_COLOR").is_some() || set("TERM").is_some_and(|term| term == "dumb"),
            force_color: set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
        }
    }

    /// Columns to lay text out for.
    pub(crate) fn width(&self, asked: Option<u16>) -> usize {
        let variable = self.columns_variable.as_deref().and_then(|text| text.parse().ok());
        asked
            .map(usize::from)
            .or(variable.filter(|columns| *columns > 0))
            .or(self.columns.filter(|columns| *columns > 0))
            .unwrap_or(WIDTH)
            .clamp(NARROWEST, WIDEST)
    }

    /// Whether to use colour, into a file or not.
    pub(crate) fn color(&self, asked: Color, into_file: bool) -> bool {
        match asked {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if into_file || self.no_color => false,
            Color::Auto => self.terminal || self.force_color,
        }
    }
}

#[cfg(unix)]
fn terminal_columns() -> Option<usize> {
    rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col))
}

#[cfg(not(unix))]
fn terminal_columns() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_is_asked_for_then_set_then_measured() {
        let mut around = Surroundings::default();
        assert_eq!(around.width(None), 100);
        around.columns = Some(80);
        assert_eq!(around.width(None), 80);
        around.columns_variable = Some("120".into());
        assert_eq!(around.width(None), 120);
        assert_eq!(around.width(Some(60)), 60);
        around.columns_variable = Some("wide".into());
        assert_eq!(around.width(None), 80);
        around.columns_variable = Some("3".into());
        assert_eq!(around.width(None), 40);
    }

    #[test]
    fn colour_never_gets_into_files_by_itself() {
        let mut around = Surroundings { terminal: true, ..Surroundings::default() };
        assert!(around.color(Color::Auto, false));
        assert!(!around.color(Color::Auto, true));
        assert!(around.color(Color::Always, true));
        around.force_color = true;
        around.no_color = true;
        assert!(!around.color(Color::Auto, false));
    }
}
