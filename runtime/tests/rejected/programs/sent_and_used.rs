//! Go: a slice is sent to another task and appended to afterwards.

use gleak_runtime::{Chan, run};

fn main() {
    run(|| {
        let batches = Chan::new(1);
        let mut batch = vec![1, 2, 3];
        batches.send(batch);
        batch.push(4);
    });
}
