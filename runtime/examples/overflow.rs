//! Faults of all kinds, one a run: `overflow HOW [BYTES]`. Tasks that run over the end of their
//! stacks are named on stderr; whatever else faults is none of the runtime's business. All of them
//! end the process by a signal.

use std::fs::OpenOptions;
use std::hint::black_box;
use std::os::unix::fs::FileExt;

use gleak_runtime::{Builder, Chan, go, run, yield_now};

/// Recurses until the stack is at an end.
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    // Not the last thing it does, so that no loop is made of it.
    if depth == u64::MAX { frame[0] } else { recurse(black_box(depth + 1)) + frame[7] }
}

/// One frame that is larger than the stack.
#[inline(never)]
fn large_frame() -> usize {
    let frame = black_box([1_u8; 1 << 20]);
    frame.iter().map(|byte| usize::from(*byte)).sum()
}

/// What a wrong `unsafe` block would do: reads from an address of its choice.
fn read_from(address: usize) -> u8 {
    let byte = 0;
    let mut pointer: &u8 = &byte;
    let place = &raw mut pointer as u64;
    let memory = OpenOptions::new().write(true).open("/proc/self/mem").expect("it is ours");
    memory.write_all_at(&address.to_ne_bytes(), place).expect("eight bytes on the stack");
    **black_box(&mut pointer)
}

/// Recurses when it is dropped.
struct Deep;

impl Drop for Deep {
    fn drop(&mut self) {
        black_box(recurse(0));
    }
}

/// A named task among others on the same worker.
fn among_others(bytes: usize, body: fn()) {
    run(move || {
        let gate = Chan::<()>::new(0);
        for _ in 0..3 {
            let gate = gate.clone();
            go! { gate.recv() };
        }
        let deep = Builder::new().name("deep").stack_size(bytes).spawn(move || {
            yield_now();
            body();
        });
        let deep = deep.expect("room for a task");
        for _ in 0..3 {
            let gate = gate.clone();
            go! { gate.recv() };
        }
        deep.join().expect("it does not come to this");
    });
}

fn in_thread(body: fn()) {
    // The runtime runs, and with it its handler.
    run(yield_now);
    let thread = std::thread::Builder::new().name("outside".to_owned()).spawn(body);
    thread.expect("a thread").join().expect("it does not come to this");
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let how = arguments.next().expect("how to fault");
    let bytes = arguments.next().map_or(256 << 10, |text| text.parse().expect("a number"));
    let deep = || {
        black_box(recurse(0));
    };
    match how.as_str() {
        "recursion" => among_others(bytes, deep),
        "frame" => among_others(bytes, || {
            black_box(large_frame());
        }),
        "main" => run(deep),
        "panic" => among_others(bytes, || {
            let _deep = Deep;
            panic!("and then it drops");
        }),
        "pointer" => among_others(bytes, || {
            black_box(read_from(8));
        }),
        "stray" => among_others(bytes, || {
            let here = 0_u8;
            // Above its own stack lies the next one's guard.
            black_box(read_from(&raw const here as usize + (16 << 10)));
        }),
        "thread-overflow" => in_thread(deep),
        "thread-pointer" => in_thread(|| {
            black_box(read_from(8));
        }),
        other => panic!("no such fault: {other}"),
    }
}
