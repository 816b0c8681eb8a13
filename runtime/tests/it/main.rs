//! What the runtime promises at its boundary.

mod blocking;
mod channels;
mod context;
mod endings;
mod facts;
mod futures;
mod locks;
mod programs;
mod select;
mod stacks;
mod support;
mod tasks;
