//! A test that waits for a daemon that waits for another process: it is slow, and not stuck.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Command;

use gleak_runtime::net::UnixStream;
use gleak_runtime::{Chan, blocking, spawn_daemon};

/// What a process says that takes its time.
fn ask() -> usize {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 0.5; echo answer"]).stdout(OwnedFd::from(theirs));
    let mut child = command.spawn().unwrap();
    // The other end is the child's alone.
    drop(command);
    let read = ours.read_to_end(&mut Vec::new()).unwrap();
    blocking(|| child.wait()).unwrap();
    read
}

#[gleak_test_harness::test]
fn waits_for_an_answer() {
    let requests = Chan::<Chan<usize>>::new(0);
    let served = requests.recvs();
    drop(spawn_daemon(move || {
        while let Some(reply) = served.recv() {
            reply.send(ask());
        }
    }));
    let reply = Chan::new(1);
    requests.send(reply.clone());
    assert_eq!(reply.recv(), Some("answer\n".len()));
}

gleak_test_harness::verify_no_leaks!();
