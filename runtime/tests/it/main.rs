//! What the runtime promises at its boundary.

mod articles;
mod blocking;
mod channels;
mod context;
mod endings;
mod facts;
mod futures;
mod held;
mod http_server;
mod locks;
mod net;
mod net_facts;
mod net_limits;
mod order;
mod overflow;
mod programs;
mod select;
mod sockets;
mod stacks;
mod support;
mod tasks;
