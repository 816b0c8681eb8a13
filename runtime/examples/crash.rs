//! Ends by a fatal signal, one a run: `crash HOW [TASKS]`, with `GLEAK_SIGNALS=crash` for an image of it.
//! Among tasks that are parked, a task called "culprit" does what HOW says; `thread-HOW` lets a thread that
//! is not the runtime's do it.

#![expect(clippy::print_stdout, reason = "an example talks to people")]

use std::fs::{self, OpenOptions};
use std::hint::black_box;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fork::Fork;
use gleak_runtime::report::snapshot::{TaskState, WaitReason};
use gleak_runtime::{Builder, Chan, Mutex, Runtime, Signal, go, report, run, yield_now};

/// What a wrong `unsafe` block would do: writes to an address of its choice.
fn write_to(address: usize) {
    let mut byte = 0;
    let mut pointer: &mut u8 = &mut byte;
    let place = &raw mut pointer as u64;
    poke(place, &address.to_ne_bytes());
    **black_box(&mut pointer) = 1;
}

/// Writes over memory of this process, code included.
fn poke(place: u64, bytes: &[u8]) {
    let memory = OpenOptions::new().write(true).open("/proc/self/mem").expect("it is ours");
    memory.write_all_at(bytes, place).expect("it is there");
}

/// Long enough for what is written over it.
#[inline(never)]
fn victim() -> u64 {
    (1..20).map(|n| black_box(n) * 3).product::<u64>() + black_box(7)
}

/// Runs instructions that no compiler would choose.
fn instructions(code: &[u8]) {
    poke(victim as fn() -> u64 as usize as u64, code);
    black_box(victim());
}

/// `ud2`, `int3` and a return, a division by zero, and a signal to the calling thread.
const UD2: &[u8] = &[0x0f, 0x0b];
const INT3: &[u8] = &[0xcc, 0xc3];
const DIVIDE: &[u8] = &[0x31, 0xc9, 0xf7, 0xf1];

/// `tgkill(getpid(), gettid(), signal)`.
fn raise(signal: u8) -> Vec<u8> {
    let mut code = vec![0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x89, 0xc7];
    code.extend([0xb8, 186, 0, 0, 0, 0x0f, 0x05, 0x89, 0xc6]);
    code.extend([0xba, signal, 0, 0, 0, 0xb8, 234, 0, 0, 0, 0x0f, 0x05, 0xc3]);
    code
}

/// Aborts, or panics, when it is dropped.
struct Last(bool);

impl Drop for Last {
    fn drop(&mut self) {
        if self.0 {
            std::process::abort();
        }
        panic!("and once more");
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    if depth == u64::MAX { frame[0] } else { recurse(black_box(depth + 1)) + frame[7] }
}

/// Where the records of a flight file begin.
const RECORDS: u64 = 532_480;

/// The flight file, which the runtime has mapped, is made shorter: the next task that parks writes there.
fn cut_flight_file() {
    let folder = std::env::var("GLEAK_FLIGHT").expect("a folder");
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|it| it == "flight") {
            cut(&path, RECORDS);
        }
    }
}

/// What is mapped of the file behind these bytes is no longer there.
fn cut(path: &Path, bytes: u64) {
    let file = OpenOptions::new().write(true).open(path).expect("ours");
    file.set_len(bytes).expect("it can be cut");
}

/// Whether the main thread waits for the main task, and the main task for somebody: from then on both touch
/// nothing.
fn is_at_rest(reasons: &[WaitReason]) -> bool {
    let snapshot = report::snapshot();
    let waits = |reason: &WaitReason| {
        let is_it =
            |state: &TaskState| matches!(state, TaskState::Waiting(wait) if wait.reason == *reason);
        let mut mains = snapshot.tasks.iter().filter(|it| it.name.as_deref() == Some("main"));
        mains.any(|it| is_it(&it.state))
    };
    reasons.iter().all(waits)
}

fn until(state: impl Fn() -> bool) {
    while !state() {
        yield_now();
    }
}

fn crash(how: &str) {
    match how {
        "segv" => write_to(8),
        "bus" => {
            cut_flight_file();
            Chan::<()>::new(0).recv();
        }
        "ill" => instructions(UD2),
        "fpe" => instructions(DIVIDE),
        "abrt" => std::process::abort(),
        "trap" => instructions(INT3),
        "sys" => instructions(&raise(31)),
        "overflow" => {
            black_box(recurse(0));
        }
        "drop" => drop(Last(true)),
        "panics" => {
            let _last = Last(false);
            panic!("once");
        }
        "both" => {
            // Two workers, and both of them at once.
            let both = Arc::new(std::sync::Barrier::new(2));
            let other = both.clone();
            let task = go! {
                other.wait();
                write_to(16);
            };
            both.wait();
            write_to(8);
            task.join().expect("it does not come to this");
        }
        "survives" => {
            instructions(INT3);
            println!("it went on");
        }
        "library" => {
            cut(Path::new(&std::env::var_os("LIBRARY").expect("a library that is loaded")), 0);
            write_to(8);
        }
        "forked" => match fork::fork().expect("a child") {
            Fork::Child => write_to(8),
            Fork::Parent(child) => {
                let status = fork::waitpid(child).expect("it ends");
                let signal = std::process::ExitStatus::from_raw(status).signal();
                println!("it ended by signal {}", signal.unwrap_or(0));
            }
        },
        "waits" => {
            println!("waiting");
            // With a timer nobody takes the process for one that sleeps for ever.
            gleak_runtime::sleep(Duration::from_secs(3600));
        }
        other => panic!("no such end: {other}"),
    }
}

/// Parked tasks, and one that holds what another one wants.
fn surroundings(tasks: usize) {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let gate = Chan::<()>::new(0);
    for _ in 0..tasks {
        let gate = gate.clone();
        go! {
            STARTED.fetch_add(1, Ordering::Relaxed);
            gate.recv()
        };
    }
    let lock = Arc::new(Mutex::new(0));
    let theirs = lock.clone();
    let holder = Builder::new().name("holder").spawn(move || {
        let _guard = theirs.lock();
        STARTED.fetch_add(1, Ordering::Relaxed);
        gate.recv();
    });
    drop(holder.expect("room for a task"));
    until(|| STARTED.load(Ordering::Relaxed) == tasks + 1);
    let wanter = Builder::new().name("wanter").spawn(move || {
        STARTED.fetch_add(1, Ordering::Relaxed);
        drop(lock.lock());
    });
    drop(wanter.expect("room for a task"));
    until(|| STARTED.load(Ordering::Relaxed) == tasks + 2);
    // With one worker they park before anybody else runs.
    yield_now();
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let how = arguments.next().expect("how to end");
    let tasks = arguments.next().map_or(3, |text| text.parse().expect("a number"));
    if how == "builder" {
        Runtime::builder().signals([Signal::Crash]).install()?;
    }
    if how == "survives" {
        // Before the runtime starts: its handler is an earlier one.
        signal_hook::flag::register(signal_hook::consts::SIGTRAP, Arc::default())?;
    }
    let (ready, is_ready) = gleak_runtime::bounded(1);
    let outside = how.strip_prefix("thread-").map(str::to_owned);
    let thread = outside.map(|how| {
        let body = move || {
            is_ready.recv().expect("main says so");
            until(|| is_at_rest(&[WaitReason::Host, WaitReason::Receive]));
            crash(&how);
        };
        std::thread::Builder::new().name("outside".to_owned()).spawn(body).expect("a thread")
    });
    run(move || {
        surroundings(tasks);
        if thread.is_some() {
            ready.send(()).expect("it waits");
            Chan::<()>::new(0).recv();
        }
        let how = if how == "builder" { "segv".to_owned() } else { how };
        let culprit = Builder::new().name("culprit").spawn(move || {
            until(|| is_at_rest(&[WaitReason::Host, WaitReason::Join]));
            crash(&how);
        });
        culprit.expect("room for a task").join().expect("it does not come to this");
    });
    Ok(())
}
