//! The one table of exit codes. Scripts rely on it: a code is never given a second meaning.
//!
//! | code | name              | means                                                             |
//! |------|-------------------|-------------------------------------------------------------------|
//! | 0    | `PASS`            | done; a gate passed                                               |
//! | 1    | `FOUND`           | a gate failed, `report --exit-code` has findings, or              |
//! |      |                   | `diff --exit-code` has new or grown ones                          |
//! | 2    | `USAGE`           | wrong arguments, a faulty baseline or suppression, or a file that |
//! |      |                   | would be lost                                                     |
//! | 3    | `UNREADABLE`      | an input could not be read in full, or nothing was recognised     |
//! | 4    | `NOTHING_CHECKED` | no process, or too few of them, reported, or none spawned a task  |
//! | 5    | `OUTPUT`          | the answer could not be written (full disk, no such folder)       |

/// Done; a gate passed.
pub(crate) const PASS: u8 = 0;
/// A gate failed, or a report or comparison asked for an exit code has something to tell.
pub(crate) const FOUND: u8 = 1;
/// Wrong arguments, a faulty baseline or suppression, or a file that would be lost.
pub(crate) const USAGE: u8 = 2;
/// An input could not be read in full, or nothing in it was recognised.
pub(crate) const UNREADABLE: u8 = 3;
/// No process, or too few of them, reported anything.
pub(crate) const NOTHING_CHECKED: u8 = 4;
/// The answer could not be written.
pub(crate) const OUTPUT: u8 = 5;

/// The table as `--help` shows it.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done; the gate passed
  1  the gate failed, `report --exit-code` has findings, or `diff --exit-code` new or grown ones
  2  wrong arguments, a faulty baseline or suppression, or a file that would be overwritten
  3  an input could not be read in full, or nothing in it was recognised
  4  nothing was checked
  5  the answer could not be written";
