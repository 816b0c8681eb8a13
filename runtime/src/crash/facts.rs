//! The facts of a crash: who got the signal, what is said of it in the image, and what people are told.

use gleak_snapshot::image::file::Tag;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::crash::memory::Memory;
use crate::crash::output::Output;
use crate::crash::stacks::Counts;
use crate::crash::text::Text;
use crate::machine::signal::Fault;
use crate::machine::{process, thread};
use crate::records::tags::{self, Key};
use crate::scheduler::{activity, current};
use crate::time::clock;

/// The kernel keeps 15 bytes, and ends them by a new line.
const NAME_MAX: usize = 16;

/// Who got the signal.
pub(super) struct Who<'a> {
    pub(super) fault: &'a Fault,
    overflow: bool,
    task: Option<u64>,
    task_name: Option<Text>,
    thread: u32,
    thread_name: ([u8; NAME_MAX], usize),
    taken_ns: u64,
}

pub(super) fn who(fault: &Fault, overflow: bool) -> Who<'_> {
    let task = current::task().map(|task| task.record.id());
    let mut task_name = None;
    if let Some(id) = task {
        tags::look(Key::Task(id), |tags| {
            if let Some(name) = &tags.name {
                task_name.get_or_insert_with(Text::new).raw(name.as_bytes());
            }
        });
    }
    let taken_ns = clock::now_ns();
    Who {
        fault,
        overflow,
        task,
        task_name,
        thread: thread::tid(),
        thread_name: name_of_thread(),
        taken_ns,
    }
}

fn name_of_thread() -> ([u8; NAME_MAX], usize) {
    let mut name = [0; NAME_MAX];
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(c"/proc/thread-self/comm", flags, Mode::empty());
    let read = file.and_then(|file| rustix::io::read(file, &mut name)).unwrap_or_default();
    (name, read.saturating_sub(1))
}

impl Who<'_> {
    fn thread_name(&self) -> &[u8] {
        self.thread_name.0.get(..self.thread_name.1).unwrap_or_default()
    }
}

/// Which process it was and what has ended it; `program` is in quotation marks.
pub(super) fn write(output: &mut Output, program: &Text, who: &Who<'_>) {
    let mut line = Text::new();
    let fault = who.fault;
    line.str("{\"gleak_crash\":1").key("program").raw(program.bytes());
    line.key("pid").number(std::process::id().into());
    line.key("reason").str("\"signal\"");
    line.key("signal").signed(fault.signal).key("signal_name").quoted(fault.name().as_bytes());
    line.key("code").signed(fault.code);
    if let Some(address) = fault.address {
        line.key("address").str("\"").hex(address as u64).str("\"");
    }
    if let Some(sender) = fault.sender {
        line.key("sender").signed(sender);
    }
    line.key("thread").number(who.thread.into());
    line.key("thread_name").quoted(who.thread_name());
    if let Some(task) = who.task {
        line.key("task").number(task);
    }
    if let Some(name) = &who.task_name {
        line.key("task_name").quoted(name.bytes());
    }
    line.key("overflow").str(if who.overflow { "true" } else { "false" });
    let (spawned, finished) = activity::counters();
    line.key("wall_s").number(process::wall_s()).key("taken_ns").number(who.taken_ns);
    line.key("spawned").number(spawned).key("finished").number(finished).str("}");
    output.add(Tag::Facts, &[line.bytes()]);
    output.end_block(Tag::Facts, 0);
}

/// What was written, and how long it took.
pub(super) fn write_end(
    output: &mut Output,
    who: &Who<'_>,
    memory: &Memory,
    counts: Counts,
    unnamed: u64,
) {
    let mut line = Text::new();
    line.str("{\"blocks\":").number(output.blocks).key("bytes").number(output.bytes);
    line.key("unreadable").number(memory.unreadable);
    line.key("stacks").number(counts.stacks).key("cut_stacks").number(counts.cut);
    line.key("unnamed").number(unnamed);
    line.key("write_ns").number(clock::now_ns().saturating_sub(who.taken_ns)).str("}");
    output.add(Tag::End, &[line.bytes()]);
    output.end_block(Tag::End, 0);
}

/// What to tell people.
pub(super) fn notice(text: &mut Text, who: &Who<'_>, output: &Output) {
    text.str("gleak: ").str(who.fault.name());
    if let Some(sender) = who.fault.sender.filter(|it| it.cast_unsigned() != std::process::id()) {
        // Then what ran there has nothing to do with it.
        text.str(" sent by process ").signed(sender).str(" came to ");
    } else {
        text.str(" in ");
    }
    if let Some(task) = who.task {
        text.str("task #").number(task).str(" ");
    }
    if let Some(name) = &who.task_name {
        text.quoted(name.bytes()).str(" ");
    }
    text.str(if who.task.is_some() { "on thread " } else { "thread " });
    text.raw(who.thread_name()).str(": ");
    match output.failed() {
        None => {
            text.str("image written to ").raw(output.path()).str("; read it with: gleak report ");
            text.raw(output.path());
        }
        Some(error) if output.exists() => {
            text.str("the image in ").raw(output.path()).str(" is cut: ");
            errno(text, error);
        }
        Some(error) => {
            text.str("no image written to ").raw(output.path()).str(": ");
            errno(text, error);
        }
    }
    text.str("\n");
}

/// The name, where there is one that people know, and the number.
fn errno(text: &mut Text, error: Errno) {
    const NAMES: [(Errno, &str); 10] = [
        (Errno::NOSPC, "no space left (ENOSPC), "),
        (Errno::DQUOT, "quota exceeded (EDQUOT), "),
        (Errno::FBIG, "file too large (EFBIG), "),
        (Errno::ACCESS, "permission denied (EACCES), "),
        (Errno::PERM, "not permitted (EPERM), "),
        (Errno::NOENT, "no such folder (ENOENT), "),
        (Errno::NOTDIR, "not a folder (ENOTDIR), "),
        (Errno::ROFS, "read-only file system (EROFS), "),
        (Errno::MFILE, "too many open files (EMFILE), "),
        (Errno::EXIST, "too many images are there already (EEXIST), "),
    ];
    let name = NAMES.iter().find(|(known, _)| *known == error).map_or("", |(_, name)| name);
    text.str(name).str("error ").signed(error.raw_os_error());
}
