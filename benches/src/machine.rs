//! What the figures were taken on: processor, kernel, versions, and how busy the machine was.

use std::fs;
use std::process::Command;

use crate::peers::{Built, Peer, root, toolchain};

/// Runnable processes over the last minute, as the kernel counts.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

pub(crate) fn describe(built: &Built, load_before: String, rounds: usize) -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut lines = vec![
        "## The machine".to_owned(),
        String::new(),
        format!("- {}, {cores} cores, Linux {}", processor(), kernel.trim()),
        format!("- load before the run {load_before}, after it {}", load()),
        format!(
            "- each figure is the median of {rounds} rounds, a process each, in turn with its peers"
        ),
        "- a ratio is the median of the rounds' ratios, not the ratio of the medians".to_owned(),
        format!("- {}", said("rustc", &["--version"])),
    ];
    let versions = versions();
    let known = |name: &str| format!("{name} {}", version(&versions, name));
    if built.has(Peer::Go) {
        let go = toolchain().map(|go| said(&go.to_string_lossy(), &["version"]));
        lines.push(format!("- {}", go.unwrap_or_else(|why| why)));
    }
    let crates = ["tokio", "async-channel", "may", "crossbeam-channel"].map(known);
    lines.push(format!("- {}", crates.join(", ")));
    let skipped: Vec<&str> =
        Peer::ALL.into_iter().filter(|peer| !built.has(*peer)).map(Peer::name).collect();
    if !skipped.is_empty() {
        lines.push(format!("- skipped: {}", skipped.join(", ")));
    }
    lines.join("\n")
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim())
    };
    format!("{} (model {})", field("model name"), field("model\t"))
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |error| format!("{program}: {error}"),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

fn versions() -> String {
    fs::read_to_string(root().join("benches/peers/Cargo.lock")).unwrap_or_default()
}

/// From a lock file: the line after the package's name.
fn version<'a>(lock: &'a str, name: &str) -> &'a str {
    let head = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| *line != head).skip(1);
    let line = lines.next().and_then(|line| line.strip_prefix("version = "));
    line.map_or("unknown", |version| version.trim_matches('"'))
}
