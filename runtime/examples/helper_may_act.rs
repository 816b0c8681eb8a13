//! All tasks wait, but a helper thread runs a closure that may end: no verdict, no word. It ends
//! when a line comes on stdin.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use gleak_runtime::{Chan, blocking, go};

fn main() {
    gleak_runtime::run(|| {
        let lines = Chan::new(0);
        let reads = lines.clone();
        go! {
            let mut line = String::new();
            blocking(|| std::io::stdin().read_line(&mut line)).expect("a line");
            reads.send(line.trim().to_owned());
        };
        println!("got {}", lines.recv().expect("nobody closes it"));
    });
}
