//! The snapshot crate from outside: data in, data out.

mod any;
mod builder;
mod cut;
mod damage;
mod example;
mod flight;
mod format_doc;
mod golden;
mod reader;
mod round_trip;
mod schema;
mod validate;
mod wrong;

use gleak_snapshot::{Completeness, ReadError, Snapshot, read_dump, write_dump};

fn dump(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_dump(snapshot, &mut bytes).expect("memory takes all");
    bytes
}

fn read(mut bytes: &[u8]) -> Result<Snapshot, ReadError> {
    read_dump(&mut bytes)
}

/// Whether it is said that something was lost since the writer counted its own losses.
fn marked(now: &Completeness, before: &Completeness) -> bool {
    now.cut
        || now.missing_tasks > before.missing_tasks
        || now.damaged_lines > before.damaged_lines
        || now.unknown_lines > before.unknown_lines
}
