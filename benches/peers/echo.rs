//! Both ends of an echo on a blocking stream, as each runs in a task or thread of its own. Ours,
//! may and the threads share this file; tokio's streams have other traits.

use std::io::{Read, Write};

const MESSAGE: usize = 64;

/// Sends back what comes, until the other side has gone.
pub(crate) fn serve(mut stream: impl Read + Write) {
    let mut message = [0; MESSAGE];
    while stream.read_exact(&mut message).is_ok() {
        stream.write_all(&message).expect("the other side reads");
    }
}

/// Sends `times` messages, waiting for each to come back.
pub(crate) fn ask(mut stream: impl Read + Write, times: u64) {
    let mut message = [0; MESSAGE];
    for _ in 0..times {
        stream.write_all(&message).expect("the other side reads");
        stream.read_exact(&mut message).expect("the other side answers");
    }
}
