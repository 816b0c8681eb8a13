//! Who was given the receiving view of a channel tries to send, to close, and to get the channel back.

use gleak_runtime::{Chan, Recvs, Sends};

fn consume(values: Recvs<u32>) {
    values.send(1);
    values.close();
    let _: Sends<u32> = values.sends();
    let _: Sends<u32> = values.clone().into();
    let _: Chan<u32> = values.into();
}

fn main() {
    consume(Chan::new(1).recvs());
}
