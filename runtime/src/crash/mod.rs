//! What is kept of a process that a fatal signal ends: an image of the runtime's memory, for `gleak report`.
//!
//! The handler neither formats nor judges, since it may have interrupted anything: it writes the bytes of
//! the records, of the program's static data and of the tasks' stacks to a file (`docs/decisions/0012`). All
//! that it needs is made ready when the program asks for images.
//!
//! Invariants:
//! 1. One image a process: the first thread that comes writes it, others wait until the process ends.
//! 2. Writing allocates nothing, waits for no lock, and reads memory that could be gone through the kernel,
//!    which says so instead of faulting.
//! 3. The writer has a stack of its own: a thread's alternate stack may have no room for more than the way
//!    to it.
//! 4. A forked child writes none: the records are its parent's.

mod content;
mod facts;
mod memory;
mod output;
mod stacks;
mod text;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::crash::content::Content;
use crate::crash::output::Output;
use crate::crash::text::Text;
use crate::dump;
use crate::machine::pool::Warm;
use crate::machine::signal::{self, Capture, Fault};
use crate::machine::stack::Stack;
use crate::machine::{fiber, futex, process, thread};
use crate::report;
use crate::sync::{AtomicU32, Lock, Ordering};

/// Room for what is formatted on the stack, many times over; touched by nobody before it is needed.
const STACK_BYTES: usize = 512 << 10;
/// How long a second thread lets the first one write, and then end the process.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the handler needs.
struct Kit {
    stack: Stack,
    output: Output,
    content: Content,
}

/// Only the one that writes takes it out. In a box, since an alternate stack may have little room.
static KIT: Lock<Option<Box<Kit>>> = Lock::new(None);

/// Nobody has come; one writes; it has, and the process is about to end; the process goes on, or it took
/// too long.
const NOBODY: u32 = 0;
const WRITING: u32 = 1;
const WRITTEN: u32 = 2;
const OVER: u32 = 3;

static STATE: AtomicU32 = AtomicU32::new(NOBODY);
static WRITER: AtomicU32 = AtomicU32::new(0);

/// From now on a fatal signal leaves an image. What cannot be made ready is told.
pub(crate) fn install() {
    match prepare() {
        Ok(kit) => {
            KIT.lock().get_or_insert(Box::new(kit));
            signal::capture_crashes(Capture { write, survived });
        }
        Err(error) => report::say(&format!("gleak: a crash will leave no image: {error}")),
    }
}

fn prepare() -> io::Result<Kit> {
    // A folder that is given by a name from here is meant as of now.
    let folder: PathBuf = std::path::absolute(dump::folder().join("."))?;
    let stack = Warm::default().take(STACK_BYTES).map_err(io::Error::other)?;
    Ok(Kit { stack, output: Output::new(&folder), content: Content::new(&process::program()) })
}

/// In the handler, by the thread that got the signal.
fn write(fault: &Fault, overflow: bool) {
    let me = thread::tid();
    if thread::is_forked() || WRITER.load(Ordering::Relaxed) == me {
        return;
    }
    let first = STATE.compare_exchange(NOBODY, WRITING, Ordering::Acquire, Ordering::Relaxed);
    if first.is_err() {
        return wait_for_the_end();
    }
    WRITER.store(me, Ordering::Relaxed);
    // Nobody else takes it, and it was put there before the handler was.
    if let Some(kit) = KIT.lock().take() {
        // Not freed: the allocator may be what faulted.
        let Kit { stack, output, content } = Box::leak(kit);
        fiber::on_stack(stack, || write_image(output, content, fault, overflow));
    }
    signal::forget_pending_of_writes();
    STATE.store(WRITTEN, Ordering::Release);
    futex::wake_all(&STATE);
}

fn write_image(output: &mut Output, content: &Content, fault: &Fault, overflow: bool) {
    let who = facts::who(fault, overflow);
    if output.create(std::process::id()) {
        content.write(output, &who);
    }
    let mut text = Text::new();
    facts::notice(&mut text, &who, output);
    signal::write_error(text.bytes());
}

/// The handler that was there before may have put things right.
fn survived() {
    STATE.store(OVER, Ordering::Release);
    futex::wake_all(&STATE);
}

/// The process is to end by the first thread's signal.
fn wait_for_the_end() {
    for state in [WRITING, WRITTEN] {
        futex::wait(&STATE, state, Some(PATIENCE));
    }
    STATE.store(OVER, Ordering::Release);
}
