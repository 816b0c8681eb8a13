//! What the runtime promises at its boundary.

mod channels;
mod context;
mod facts;
mod held;
mod locks;
mod order;
mod overflow;
mod programs;
mod select;
mod stacks;
mod support;
mod tasks;
