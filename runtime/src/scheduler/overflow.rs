//! What is said when a task runs over the end of its stack.
//!
//! Runs in the signal handler of the worker's thread: no allocation, no lock, no panic. The task's
//! facts are in its record; its name alone is in a shared map, which is looked at without waiting. The
//! calls are told by the monitor, which may do all that a handler may not, while the handler waits; not
//! for ever, since the task may have been interrupted with a lock that the monitor needs.
//!
//! A fault is taken for an overflow if it lies in the guard of the stack on which the task that runs
//! here was started. So a wild pointer into another task's guard is not.

use std::fmt::{self, Write};
use std::time::Duration;

use gleak_snapshot::Registers;

use crate::machine::signal::{self, Fault, Overflow};
use crate::machine::slabs::{self, Place};
use crate::machine::unwind::Unwinder;
use crate::machine::{futex, modules, names, stack};
use crate::records::tags::{self, Key, Looked};
use crate::records::waiter::{MAIN, WaiterRecord};
use crate::scheduler::current;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::task::panic::is_entry;

/// More than the message ever needs; what is longer is cut.
const TEXT_MAX: usize = 4096;

/// What the handler of faults is to do about overflows.
pub(crate) const OVERFLOW: Overflow = Overflow { tell, calls };

/// Says that the task which runs here has overflowed its stack, if that is what the fault is.
fn tell(fault: &Fault) -> bool {
    let Some(address) = fault.address else { return false };
    let Some(place) = slabs::find(address).filter(|it| it.is_guard(address)) else { return false };
    let Some(task) = current::task() else { return false };
    if stack::task_on(place) != task.reference().to_bits() {
        return false;
    }
    say(fault, place, task.record);
    true
}

fn calls(fault: &Fault) {
    CALLS.ask(fault.registers);
}

/// Not inlined: faults of others are looked at on stacks that may have no room for the text.
#[inline(never)]
fn say(fault: &Fault, place: Place, record: &WaiterRecord) {
    let mut text = Text { bytes: [0; TEXT_MAX], len: 0 };
    // The only error is that the text is cut.
    let _ = describe(&mut text, fault, place, record);
    signal::write_error(text.bytes.get(..text.len).unwrap_or_default());
}

/// How long the monitor may take to tell the calls: it reads the program's debug information.
const PATIENCE: Duration = Duration::from_secs(3);
/// Calls that are told, those from the same place counted as one.
const TOLD_MAX: usize = 8;

/// Nobody asks; the handler waits; it has been told.
const NOBODY: u32 = 0;
const ASKED: u32 = 1;
const TOLD: u32 = 2;

/// The question of the first overflow of the process, and its last.
struct Calls {
    state: AtomicU32,
    ip: AtomicU64,
    sp: AtomicU64,
    bp: AtomicU64,
}

static CALLS: Calls = Calls {
    state: AtomicU32::new(NOBODY),
    ip: AtomicU64::new(0),
    sp: AtomicU64::new(0),
    bp: AtomicU64::new(0),
};

impl Calls {
    fn ask(&self, Registers { ip, sp, bp }: Registers) {
        self.ip.store(ip, Ordering::Relaxed);
        self.sp.store(sp, Ordering::Relaxed);
        self.bp.store(bp, Ordering::Relaxed);
        let first =
            self.state.compare_exchange(NOBODY, ASKED, Ordering::Release, Ordering::Relaxed);
        if first.is_ok() {
            futex::wait(&self.state, ASKED, Some(PATIENCE));
        }
    }

    fn registers(&self) -> Registers {
        let [ip, sp, bp] = [&self.ip, &self.sp, &self.bp].map(|it| it.load(Ordering::Relaxed));
        Registers { ip, sp, bp }
    }
}

/// Tells the calls, if a handler waits for that. For the monitor, now and then.
pub(crate) fn tell_calls() {
    if CALLS.state.load(Ordering::Acquire) == ASKED {
        let registers = CALLS.registers();
        let place = usize::try_from(registers.sp).ok().and_then(slabs::find);
        if let Some(text) = place.and_then(|place| told(registers, place)) {
            signal::write_error(text.as_bytes());
        }
        CALLS.state.store(TOLD, Ordering::Release);
        futex::wake_all(&CALLS.state);
    }
}

fn told(registers: Registers, place: Place) -> Option<String> {
    let mut unwinder = Unwinder::current();
    let chain = unwinder.unwind(registers, &place)?;
    let frames = unwinder.frames(chain);
    let mut text = String::from("  its calls, innermost first\n");
    let mut rest = frames.as_slice();
    for _ in 0..TOLD_MAX {
        let Some(first) = rest.first() else { break };
        let symbols = names::symbols(*first);
        let same = rest.iter().take_while(|it| *it == first).count();
        rest = &rest[same..];
        let times = if same > 1 { format!(" ({same} times)") } else { String::new() };
        for symbol in symbols.iter() {
            if is_entry(symbol) {
                return Some(text);
            }
            // Writing to a string does not fail.
            let _ = writeln!(text, "    {symbol}{times}");
        }
    }
    if !rest.is_empty() {
        let _ = writeln!(text, "    and {} more frames", rest.len());
    }
    Some(text)
}

fn describe(text: &mut Text, fault: &Fault, place: Place, record: &WaiterRecord) -> fmt::Result {
    let instruction = fault.registers.ip as usize;
    let main = record.has(MAIN);
    write!(text, "\ngleak: task #{}", record.id())?;
    let looked = tags::look(Key::Task(record.id()), |tags| match &tags.name {
        Some(name) => write!(text, " {name:?}"),
        None => Ok(()),
    });
    if let Looked::Found(written) = looked {
        written?;
    }
    if let Some(site) = record.origin.site.get() {
        write!(text, " (spawned at {site})")?;
    }
    writeln!(text, " overflowed its stack of {}", Size(place.class().stride()))?;
    if let Some(entry) = record.origin.entry.get() {
        writeln!(text, "  it runs {}", entry.name())?;
    }
    write!(text, "  at instruction {:#x}", instruction)?;
    if let Some(place) = modules::find(instruction) {
        write!(text, ", {place}")?;
    }
    let more = if main {
        "main's stack is fixed: spawn what recurses with a larger Builder::stack_size(bytes)"
    } else {
        "for a larger stack, spawn it with Builder::stack_size(bytes); RUST_MIN_STACK is for threads \
         and test bodies"
    };
    writeln!(text, "\n  unless it recurses without end: {more}")
}

/// Bytes in the largest unit that they are a multiple of.
struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        match units.into_iter().find(|(_, unit)| self.0.is_multiple_of(*unit)) {
            Some((name, unit)) => write!(f, "{} {name}", self.0 / unit),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

/// Text of a fixed size; an error when it is full.
struct Text {
    bytes: [u8; TEXT_MAX],
    len: usize,
}

impl Write for Text {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let count = room.len().min(more.len());
        if let (Some(to), Some(from)) = (room.get_mut(..count), more.as_bytes().get(..count)) {
            to.copy_from_slice(from);
        }
        self.len += count;
        if count == more.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_given_in_their_unit() {
        assert_eq!(Size(16 << 10).to_string(), "16 KiB");
        assert_eq!(Size(8 << 20).to_string(), "8 MiB");
        assert_eq!(Size(1 << 30).to_string(), "1 GiB");
        assert_eq!(Size(1000).to_string(), "1000 bytes");
    }

    #[test]
    fn text_beyond_the_room_is_cut() {
        let mut text = Text { bytes: [0; TEXT_MAX], len: 0 };
        let long = "x".repeat(TEXT_MAX - 1);
        assert_eq!(text.write_str(&long), Ok(()));
        assert_eq!(text.write_str("ab"), Err(fmt::Error));
        assert_eq!((text.len, text.bytes[TEXT_MAX - 1]), (TEXT_MAX, b'a'));
    }
}
