//! What the runtime promises at its boundary.

mod channels;
mod context;
mod facts;
mod locks;
mod net;
mod programs;
mod select;
mod stacks;
mod support;
mod tasks;
