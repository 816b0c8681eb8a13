//! The same again and again, on a busy process: what happens once in a million times is found here.
//! `make soak` runs it at length and prints figures; the suite runs a little of it.

mod running;
mod support;
mod walks;
