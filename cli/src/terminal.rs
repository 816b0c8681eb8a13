//! What the terminal is like: columns, rows, colour, links, a pager. The decisions are pure; only
//! `Surroundings::look` reads the environment.

use std::env;
use std::io::{self, IsTerminal};

use crate::args::{Color, Hyperlinks};

/// Columns when nothing is known.
const WIDTH: usize = 100;
/// The narrowest a report is laid out for.
const NARROWEST: usize = 40;
/// The widest.
const WIDEST: usize = 1000;
/// Goes when the text fits the screen after all, takes colours, leaves the text there.
const PAGER: &str = "less -FRX";
/// `VTE_VERSION` of the first library whose links do not crash it.
const VTE: u32 = 5_001;

/// What is known of the place where standard output goes.
#[derive(Clone, Default, Debug)]
pub(crate) struct Surroundings {
    /// Whether it is a terminal.
    pub(crate) terminal: bool,
    /// Columns of the terminal.
    pub(crate) columns: Option<usize>,
    /// Its lines.
    pub(crate) rows: Option<usize>,
    /// `COLUMNS`.
    pub(crate) columns_variable: Option<String>,
    /// `NO_COLOR` is set and not empty.
    pub(crate) no_color: bool,
    /// `CLICOLOR` is `0`.
    pub(crate) color_off: bool,
    /// `CLICOLOR_FORCE` is set and not `0`.
    pub(crate) force_color: bool,
    /// `TERM`.
    pub(crate) term: String,
    /// `TERM_PROGRAM`.
    pub(crate) program: String,
    /// `VTE_VERSION`.
    pub(crate) vte: Option<u32>,
    /// A variable is set by which a terminal that knows links makes itself known.
    pub(crate) linking: bool,
    /// `GLEAK_PAGER`. Nothing is known of what `PAGER` does with colours.
    pub(crate) pager: Option<String>,
}

impl Surroundings {
    /// Reads the environment.
    pub(crate) fn look() -> Surroundings {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let text = |name| env::var(name).unwrap_or_default();
        let terminal = io::stdout().is_terminal();
        let size = if terminal { terminal_size() } else { None };
        Surroundings {
            terminal,
            columns: size.map(|(columns, _)| columns),
            rows: size.map(|(_, rows)| rows),
            columns_variable: env::var("COLUMNS").ok(),
            no_color: set("NO_COLOR").is_some(),
            color_off: set("CLICOLOR").is_some_and(|value| value == "0"),
            force_color: set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            term: text("TERM"),
            program: text("TERM_PROGRAM"),
            vte: text("VTE_VERSION").parse().ok(),
            linking: ["WT_SESSION", "KONSOLE_VERSION", "DOMTERM"]
                .iter()
                .any(|it| set(it).is_some()),
            pager: env::var("GLEAK_PAGER").ok(),
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
            Color::Auto if self.force_color => true,
            Color::Auto => !self.color_off && self.is_able(),
        }
    }

    /// Whether places are links. What the text is for decides that before: in a file they are none.
    pub(crate) fn links(&self, asked: Hyperlinks) -> bool {
        match asked {
            Hyperlinks::Always => true,
            Hyperlinks::Never => false,
            Hyperlinks::Auto => self.is_able() && self.knows_links(),
        }
    }

    /// The program that shows a text of so many lines a screen at a time, if that is to be.
    pub(crate) fn pager(&self, lines: usize) -> Option<Vec<String>> {
        // The prompt of the shell takes one.
        let is_long = self.rows.is_some_and(|rows| rows > 0 && lines >= rows);
        let command = self.pager.as_deref().unwrap_or(PAGER);
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        let is_wanted = self.is_able() && is_long && words.first().is_some_and(|it| it != "cat");
        is_wanted.then_some(words)
    }

    /// A terminal that does more than show letters.
    pub(crate) fn is_able(&self) -> bool {
        self.terminal && !self.term.is_empty() && self.term != "dumb"
    }

    /// Whether the terminal is one that is known to show links as such. A multiplexer between may not.
    fn knows_links(&self) -> bool {
        let begins = |names: &[&str]| names.iter().any(|name| self.term.starts_with(name));
        !begins(&["screen", "tmux"])
            && (begins(&["xterm-kitty", "xterm-ghostty", "alacritty", "foot", "contour"])
                || matches!(&*self.program, "iTerm.app" | "WezTerm" | "vscode" | "ghostty" | "rio")
                || self.vte.is_some_and(|version| version >= VTE)
                || self.linking)
    }
}

/// Columns and rows.
#[cfg(unix)]
fn terminal_size() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some((usize::from(size.ws_col), usize::from(size.ws_row)))
}

#[cfg(not(unix))]
fn terminal_size() -> Option<(usize, usize)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal() -> Surroundings {
        let term = "xterm-256color".to_owned();
        Surroundings { terminal: true, rows: Some(24), term, ..Surroundings::default() }
    }

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
        let around = Surroundings { force_color: true, ..terminal() };
        assert!(around.color(Color::Auto, false));
        assert!(!around.color(Color::Auto, true));
        assert!(around.color(Color::Always, true));
    }

    #[test]
    fn colour_is_for_terminals_that_show_it_and_people_who_want_it() {
        let auto = |around: Surroundings| around.color(Color::Auto, false);
        assert!(auto(terminal()));
        assert!(!auto(Surroundings::default()));
        assert!(!auto(Surroundings { term: "dumb".into(), ..terminal() }));
        assert!(!auto(Surroundings { term: String::new(), ..terminal() }));
        assert!(!auto(Surroundings { no_color: true, ..terminal() }));
        assert!(!auto(Surroundings { color_off: true, ..terminal() }));
        let forced = Surroundings { force_color: true, ..Surroundings::default() };
        assert!(auto(forced.clone()) && auto(Surroundings { color_off: true, ..forced.clone() }));
        assert!(!auto(Surroundings { no_color: true, ..forced }));
    }

    #[test]
    fn links_are_for_terminals_that_are_known_to_show_them() {
        let auto = |around: Surroundings| around.links(Hyperlinks::Auto);
        let kitty = || Surroundings { term: "xterm-kitty".into(), ..terminal() };
        assert!(!auto(terminal()) && auto(kitty()));
        assert!(!auto(Surroundings { terminal: false, ..kitty() }));
        assert!(auto(Surroundings { program: "WezTerm".into(), ..terminal() }));
        assert!(auto(Surroundings { vte: Some(7600), ..terminal() }));
        assert!(!auto(Surroundings { vte: Some(4999), ..terminal() }));
        let tmux = || Surroundings { term: "tmux-256color".into(), linking: true, ..terminal() };
        assert!(!auto(tmux()) && tmux().links(Hyperlinks::Always));
        assert!(!kitty().links(Hyperlinks::Never));
    }

    #[test]
    fn a_pager_is_for_what_is_longer_than_the_screen() {
        assert_eq!(terminal().pager(23), None);
        assert_eq!(terminal().pager(24), Some(vec!["less".into(), "-FRX".into()]));
        let with = |pager: &str| Surroundings { pager: Some(pager.into()), ..terminal() }.pager(99);
        assert_eq!(with("moar -x"), Some(vec!["moar".into(), "-x".into()]));
        assert_eq!((with(""), with(" "), with("cat")), (None, None, None));
        assert_eq!(Surroundings { terminal: false, ..terminal() }.pager(99), None);
        assert_eq!(Surroundings { term: "dumb".into(), ..terminal() }.pager(99), None);
        assert_eq!(Surroundings { rows: None, ..terminal() }.pager(99), None);
    }
}
