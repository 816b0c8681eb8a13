//! What the kernel says of this process: its threads, its name, its wall clock.

use gleak_snapshot::{KernelSleep, OsThread, ThreadState};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// A thread of this process.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) tid: u32,
    pub(crate) name: String,
}

/// All threads of this process, by id.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn threads() -> std::io::Result<Vec<Listed>> {
    let mut threads = Vec::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let Some(tid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A thread that ends between the two reads has no name any more; it still counts.
        let name = fs::read_to_string(format!("/proc/self/task/{tid}/comm")).unwrap_or_default();
        threads.push(Listed { tid, name: name.trim_end().to_owned() });
    }
    threads.sort_by_key(|thread| thread.tid);
    Ok(threads)
}

/// As [`threads`], with what the kernel says that they do; those that have ended are left out.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn threads_in_full() -> std::io::Result<Vec<OsThread>> {
    let uptime = fs::read_to_string("/proc/uptime")?;
    let uptime_ns = uptime.split_whitespace().next().and_then(|text| text.parse::<f64>().ok());
    let uptime_ns = uptime_ns.map_or(0, |seconds| (seconds * 1e9) as u64);
    let full = |Listed { tid, name }: Listed| {
        let stat = fs::read_to_string(format!("/proc/self/task/{tid}/stat")).ok()?;
        let fields = fields_after_name(&stat);
        let flags: u32 = fields.get(FLAGS)?.parse().ok()?;
        if flags & EXITING != 0 {
            return None;
        }
        let state = match fields.first()?.chars().next()? {
            'R' => ThreadState::Running,
            'D' => ThreadState::Blocked,
            'T' | 't' => ThreadState::Stopped,
            'Z' | 'X' | 'x' => return None,
            _ => ThreadState::Sleeping,
        };
        let started_ticks: u64 = fields.get(STARTED)?.parse().ok()?;
        let age_ns = uptime_ns.saturating_sub(started_ticks.saturating_mul(TICK_NS));
        Some(OsThread { tid, started_ticks, age_ns, name, state })
    };
    Ok(threads()?.into_iter().filter_map(full).collect())
}

/// The kernel's tick, as programs on x86-64 see it whatever its own is.
const TICK_NS: u64 = 10_000_000;

/// Which of the fields behind the name has the kernel's flags, and the flag of a thread that is about to go:
/// one that was joined may still be listed.
const FLAGS: usize = 6;
const EXITING: u32 = 4;

/// Which of them says when a process or thread was made.
const STARTED: usize = 19;

/// The name may hold blanks and parentheses; behind it the state comes first.
fn fields_after_name(stat: &str) -> Vec<&str> {
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().collect()
}

/// How a thread of this process sleeps in the kernel right now; none when it runs, or is about to, or
/// the kernel does not say.
pub(crate) fn sleeps_in(tid: u32) -> Option<KernelSleep> {
    let call = fs::read_to_string(format!("/proc/self/task/{tid}/syscall")).ok()?;
    // `running`, or the number of the call, -1 outside of one, and its arguments.
    let number: i64 = call.split_whitespace().next()?.parse().ok()?;
    if number < 0 {
        return None;
    }
    let futexes = [libc::SYS_futex, libc::SYS_futex_waitv, FUTEX_WAIT];
    Some(if futexes.contains(&number) { KernelSleep::Futex } else { KernelSleep::Call })
}

/// Since Linux 6.7; not in `libc` yet.
const FUTEX_WAIT: i64 = 455;

/// The program's name, without its path.
pub(crate) fn program() -> String {
    let path = std::env::args_os().next().unwrap_or_default();
    let name = std::path::Path::new(&path).file_name().unwrap_or(&path).to_string_lossy();
    name.into_owned()
}

/// When this process started, in the kernel's ticks since the start of the machine.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn started() -> std::io::Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let ticks = fields_after_name(&stat).get(STARTED).and_then(|ticks| ticks.parse().ok());
    ticks.ok_or_else(|| std::io::Error::other("/proc/self/stat does not say when it started"))
}

/// Which start of the machine this is.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn boot() -> std::io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Seconds since 1970.
pub(crate) fn wall_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}
