//! What the kernel says of this process: its threads, its name, its wall clock.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// A thread of this process.
#[derive(Debug)]
pub(crate) struct OsThread {
    pub(crate) tid: u32,
    pub(crate) name: String,
}

/// All threads of this process, by id.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn threads() -> std::io::Result<Vec<OsThread>> {
    let mut threads = Vec::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let Some(tid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A thread that ends between the two reads has no name any more; it still counts.
        let name = fs::read_to_string(format!("/proc/self/task/{tid}/comm")).unwrap_or_default();
        threads.push(OsThread { tid, name: name.trim_end().to_owned() });
    }
    threads.sort_by_key(|thread| thread.tid);
    Ok(threads)
}

/// The program's name, without its path.
pub(crate) fn program() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    let name = std::path::Path::new(&path).file_name().unwrap_or(&path).to_string_lossy();
    name.into_owned()
}

/// Seconds since 1970.
pub(crate) fn wall_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}
