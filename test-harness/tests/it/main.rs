//! Test mains as processes: what they print, what they write, how they exit.

mod evidence;
mod exceptions;
mod flags;
mod of_libtest;
mod stack;
mod support;
mod verdicts;
