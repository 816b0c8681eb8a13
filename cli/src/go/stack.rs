//! A goroutine as it was read, and whose its functions are.

use super::header::Header;

/// In place of the number of a goroutine that has none. No number is 0 but that of the runtime's.
pub(super) const UNNUMBERED: u64 = u64::MAX;

/// A call on a stack.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Call {
    /// The function's whole name.
    pub(super) function: String,
    /// Its first argument when that is an address, and whether the runtime vouches for it.
    pub(super) address: Option<(u64, bool)>,
    /// Where it stands, when that was said.
    pub(super) place: Option<(String, u32)>,
}

/// A goroutine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Goroutine {
    pub(super) header: Header,
    /// Innermost first.
    pub(super) calls: Vec<Call>,
    /// The function that started it, from where, and in which goroutine.
    pub(super) created: Option<(Call, Option<u64>)>,
    /// Whether frames are left out.
    pub(super) elided: bool,
}

/// First words of packages of the standard library. `testing` is not among them: where a test waits
/// for others is worth a place of its own.
const STANDARD: [&str; 36] = [
    "archive",
    "bufio",
    "bytes",
    "compress",
    "container",
    "context",
    "crypto",
    "database",
    "encoding",
    "errors",
    "expvar",
    "fmt",
    "hash",
    "html",
    "image",
    "internal",
    "io",
    "iter",
    "log",
    "maps",
    "math",
    "mime",
    "net",
    "os",
    "path",
    "reflect",
    "regexp",
    "runtime",
    "slices",
    "sort",
    "strconv",
    "strings",
    "sync",
    "syscall",
    "text",
    "time",
];

/// Whether a function is of the standard library.
pub(super) fn is_standard(function: &str) -> bool {
    let package = function.split(['.', '/']).next().unwrap_or_default();
    STANDARD.contains(&package) && !is_of_a_host(function)
}

/// `log.example.com/a.b`: the first word is a part of a host's name.
fn is_of_a_host(function: &str) -> bool {
    function.split_once('/').is_some_and(|(first, _)| first.contains('.'))
}

fn is_of_runtime(function: &str) -> bool {
    function.starts_with("runtime.")
}

impl Goroutine {
    /// Whether it is the runtime's own: all of its functions are, or it looks after signals.
    pub(super) fn is_system(&self) -> bool {
        let Goroutine { header, calls, created, .. } = self;
        if header.id == 0 {
            return true;
        }
        let own = |call: &Call| {
            let name = call.function.as_str();
            is_of_runtime(name) && name != "runtime.main" || name.starts_with("os/signal.")
        };
        let by = created.as_ref().map(|(by, _)| own(by));
        match by {
            Some(by_runtime) => by_runtime && calls.iter().all(own),
            // Profiles tell of nobody who started it; elsewhere its end was not read.
            None => header.id == UNNUMBERED && !calls.is_empty() && calls.iter().all(own),
        }
    }

    /// Without what the runtime does to park, and without what every goroutine begins with: only some
    /// settings show it.
    pub(super) fn trim(&mut self) {
        let Some(first) = self.calls.iter().position(|call| !is_of_runtime(&call.function)) else {
            return;
        };
        let last = self.calls.iter().rposition(|call| !is_of_runtime(&call.function));
        self.calls.truncate(last.unwrap_or(first) + 1);
        self.calls.drain(..first);
    }

    /// Where it stands in the user's code; outermost where all is of the standard library.
    pub(super) fn own_call(&self) -> Option<&Call> {
        self.calls.iter().find(|call| !is_standard(&call.function)).or(self.calls.last())
    }
}
