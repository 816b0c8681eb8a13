//! What the process knows of its own tasks: as a page for people, and as a dump for `gleak report -`.

use std::io;

use gleak_runtime::report::detector::render::{TextOptions, text};
use gleak_runtime::report::detector::{Question, analyze};
use gleak_runtime::report::{snapshot, snapshot::write_dump};
use gleak_runtime::task_count;

use crate::http::Response;

/// How many tasks there are, and all of them in groups.
pub(crate) fn page() -> Response {
    let report = analyze(&snapshot(), &Question::default());
    let groups = text(&report, &TextOptions { top: 0, ..TextOptions::default() });
    Response::text(200, format!("tasks: {}\ndump: /debug/tasks/dump\n\n{groups}", task_count()))
}

/// The facts behind it, to be judged elsewhere.
pub(crate) fn dump() -> io::Result<Response> {
    let mut body = Vec::new();
    write_dump(&snapshot(), &mut body)?;
    Ok(Response { status: 200, kind: "application/x-ndjson", body })
}
