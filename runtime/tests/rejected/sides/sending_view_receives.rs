//! Who was given the sending view of a channel tries to receive, and to get the channel back.

use gleak_runtime::{Chan, Recvs, Sends};

fn produce(values: Sends<u32>) {
    values.recv();
    let _: Recvs<u32> = values.recvs();
    let _: Recvs<u32> = values.clone().into();
    let _: Chan<u32> = values.into();
}

fn main() {
    produce(Chan::new(1).sends());
}
