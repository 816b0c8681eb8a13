//! Writing a dump: line by line into a buffer, in blocks to the output.

use std::io::{self, Write};

use serde::Serialize;

use super::line::{
    EndLine, FrameLine, HeaderLine, LineKind, ModuleLine, SiteLine, SpawnLine, StackLine,
};
use crate::checksum;
use crate::{FORMAT_VERSION, Snapshot};

/// A block goes out when it is this long, so that a process that dies while it writes leaves whole
/// lines behind and memory does not grow with the number of tasks.
const BLOCK: usize = 64 * 1024;

/// Writes a snapshot as a dump and flushes the output.
///
/// # Errors
///
/// What the output answers; interrupted and short writes are gone on with.
pub fn write_dump(snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = Writer { buffer: Vec::with_capacity(2 * BLOCK), out };
    writer.header(snapshot)?;
    // The width of an index is that of the ids that name it.
    for (id, site) in (0..).zip(&snapshot.sites) {
        writer.line(LineKind::Site, &SiteLine::of(id, site))?;
    }
    for (id, spawn) in (0..).zip(&snapshot.spawns) {
        writer.line(LineKind::Spawn, &SpawnLine::of(id, spawn))?;
    }
    for (id, module) in (0..).zip(&snapshot.modules) {
        writer.line(LineKind::Module, &ModuleLine::of(id, module))?;
    }
    for (id, frame) in (0..).zip(&snapshot.frames) {
        writer.line(LineKind::Frame, &FrameLine::of(id, frame))?;
    }
    for (id, stack) in (0..).zip(&snapshot.stacks) {
        writer.line(LineKind::Stack, &StackLine::of(id, stack))?;
    }
    for region in &snapshot.regions {
        writer.line(LineKind::Region, region)?;
    }
    for object in &snapshot.objects {
        writer.line(LineKind::Object, object)?;
    }
    for worker in &snapshot.workers {
        writer.line(LineKind::Worker, worker)?;
    }
    for task in &snapshot.tasks {
        writer.line(LineKind::Task, task)?;
    }
    for pair in &snapshot.lock_order {
        writer.line(LineKind::LockPair, pair)?;
    }
    for panic in &snapshot.panics {
        writer.line(LineKind::Panic, panic)?;
    }
    for misuse in &snapshot.misuses {
        writer.line(LineKind::Misuse, misuse)?;
    }
    writer.line(LineKind::Activity, &snapshot.activity)?;
    writer.line(LineKind::End, &EndLine::of(snapshot))?;
    writer.finish()
}

struct Writer<'o> {
    buffer: Vec<u8>,
    out: &'o mut dyn Write,
}

impl Writer<'_> {
    fn header(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        // The version comes first: it is what tells a dump from any other file.
        let lead = format!("{{\"gleak\":{FORMAT_VERSION},\"k\":\"{}\"", LineKind::Header.name());
        self.append(&lead, &HeaderLine::of(snapshot))
    }

    fn line(&mut self, kind: LineKind, body: &impl Serialize) -> io::Result<()> {
        self.append(&format!("{{\"k\":\"{}\"", kind.name()), body)
    }

    fn append(&mut self, lead: &str, body: &impl Serialize) -> io::Result<()> {
        append(&mut self.buffer, lead, body)?;
        if self.buffer.len() >= BLOCK { self.flush_block() } else { Ok(()) }
    }

    fn flush_block(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.flush_block()?;
        self.out.flush()
    }
}

/// Appends a line: the keys of `lead`, those of `body`, which is a struct with at least one field, and
/// the checksum.
pub(super) fn append(buffer: &mut Vec<u8>, lead: &str, body: &impl Serialize) -> io::Result<()> {
    let start = buffer.len();
    buffer.extend_from_slice(lead.as_bytes());
    let brace = buffer.len();
    serde_json::to_writer(&mut *buffer, body)?;
    // Two objects become one: the body's opening brace is a comma, its closing one is left to the
    // checksum.
    buffer[brace] = b',';
    buffer.pop();
    checksum::seal(buffer, start);
    Ok(())
}
