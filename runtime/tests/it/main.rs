//! What the runtime promises at its boundary.

mod blocking;
mod channels;
mod context;
mod context_rules;
mod endings;
mod facts;
mod futures;
mod groups;
mod held;
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
mod timers;
