//! What the runtime promises at its boundary.

mod channels;
mod context;
mod facts;
mod locks;
mod net;
mod net_facts;
mod net_limits;
mod programs;
mod select;
mod sockets;
mod stacks;
mod support;
mod tasks;
