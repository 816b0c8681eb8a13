//! What the runtime promises at its boundary.

mod blocking;
mod channels;
mod context;
mod endings;
mod facts;
mod futures;
mod held;
mod locks;
mod order;
mod overflow;
mod programs;
mod select;
mod stacks;
mod support;
mod tasks;
