//! Test mains as processes: what they print, what they write, how they exit.

mod evidence;
mod exceptions;
mod flags;
mod listed;
mod of_libtest;
mod panics;
mod parallel;
mod services;
mod signals;
mod stack;
mod support;
mod threads;
mod verdicts;
