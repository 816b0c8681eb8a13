//! What the runtime promises at its boundary.

mod blocking;
mod channels;
mod context;
mod endings;
mod facts;
mod futures;
mod held;
mod locks;
mod net;
mod net_cancel;
mod net_facts;
mod net_limits;
mod order;
mod overflow;
mod programs;
mod scope;
mod select;
mod sockets;
mod stacks;
mod support;
mod task_locals;
mod tasks;
mod tenure;
