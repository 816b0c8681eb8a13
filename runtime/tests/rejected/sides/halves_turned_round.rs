//! A half of a channel is not the other half, nor Go's channel; a token and a permit are what they are.

use std::sync::Arc;

use gleak_runtime::{Chan, OwnedPermit, Receiver, Semaphore, Sender, WaitGroup, WaitToken, bounded};

fn main() {
    let (sender, receiver): (Sender<u32>, Receiver<u32>) = bounded(1);
    let _: Chan<u32> = sender.clone().into();
    let _: Receiver<u32> = sender.into();
    let _: Sender<u32> = receiver.into();
    let token: WaitToken = WaitGroup::new().token();
    let _: WaitGroup = token.into();
    let permit: OwnedPermit = Arc::new(Semaphore::new(1)).acquire_owned(1);
    let _: Semaphore = permit.into();
}
