//! What the runtime promises at its boundary.

mod blocking;
mod channels;
mod conds;
mod context;
mod endings;
mod facts;
mod futures;
mod held;
mod locks;
mod net;
mod net_facts;
mod net_limits;
mod onces;
mod order;
mod overflow;
mod prim_facts;
mod programs;
mod rounds;
mod select;
mod semaphores;
mod sockets;
mod stacks;
mod support;
mod tasks;
mod timed_locks;
