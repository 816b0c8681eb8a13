//! A process forks while its runtime runs. In the child there is none: what would need it says so,
//! and what does not works. Run as `forked task` the fork happens in a task, else in a thread.

#![expect(clippy::print_stdout, clippy::exit, reason = "an example talks to people")]

use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitStatus};

use fork::Fork;
use gleak_runtime::{
    Builder, Chan, Mutex, Runtime, block_on, blocking, run, sleep, spawn, yield_now,
};

fn show(what: &str, does: impl FnOnce() -> String) {
    let said = catch_unwind(AssertUnwindSafe(does)).unwrap_or_else(|payload| {
        let message = payload.downcast::<String>().map_or_else(|_| "?".to_owned(), |it| *it);
        format!("panics: {message}")
    });
    println!("{what}: {said}");
}

fn child() {
    let chan = Chan::new(1);
    let lock = Mutex::new(1);
    show("spawn", || format!("{:?}", spawn(|| ()).join()));
    show("Builder::spawn", || {
        Builder::new()
            .spawn(|| ())
            .map_or_else(|error| format!("fails: {error}"), |_| String::new())
    });
    show("Builder::start", || {
        let started = Runtime::builder().workers(77).start();
        started.map_or_else(|error| format!("fails: {error}"), |_| String::new())
    });
    show("run", || format!("{:?}", run(|| ())));
    show("blocking", || format!("{:?}", blocking(|| ())));
    show("block_on", || format!("{:?}", block_on(std::future::pending::<()>())));
    show("sleep", || format!("{:?}", sleep(std::time::Duration::from_secs(1))));
    show("recv", || format!("{:?}", chan.recv()));
    show("send", || format!("{:?}, then {:?}", chan.send(1), chan.try_recv()));
    show("lock", || format!("{:?}", lock.lock().map(|value| *value)));
    show("block_on of what is ready", || block_on(async { "ready" }).to_owned());
    show("yield_now", || format!("{:?}", (0..1_000).for_each(|_| yield_now())));
    show("Command", || {
        let output = Command::new("echo").arg("from a program").output().expect("echo");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    });
}

fn forks(in_task: bool) {
    match fork::fork().expect("a child") {
        Fork::Child => {
            child();
            if !in_task {
                std::process::exit(0);
            }
            // The task ends, and there is nothing that could go on.
        }
        Fork::Parent(child) => {
            let status = blocking(|| fork::waitpid(child)).expect("its end");
            let status = ExitStatus::from_raw(status);
            println!("the child ended with {:?}", status.code());
            println!("here all is well: {}", spawn(|| 6 * 7).join().expect("no panic"));
        }
    }
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some("task") {
        // One worker, so that the other task has not run when this one forks.
        Runtime::builder().workers(1).run(|| {
            let other = spawn(|| println!("the other task runs"));
            forks(true);
            other.join().expect("no panic");
        });
    } else {
        run(|| ());
        forks(false);
    }
}
