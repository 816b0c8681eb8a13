//! Panics in tasks keep their stack.
//!
//! The stack is gone when a panic reaches the task's root, so a panic hook takes it where it is
//! raised. The hook only takes notes, only for tasks and for threads that were spawned here, and then calls
//! the hook that was there before and says whose panic it was, unless the region keeps panics
//! ([`Region::keep_panics`](crate::Region::keep_panics)). A program that sets a hook of its own later replaces
//! ours: then there is no stack, and nothing is kept.

use std::any::Any;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind};
use std::sync::{Arc, Once, OnceLock};

use backtrace::Backtrace;
use gleak_snapshot::Symbol;

use crate::machine::names;
use crate::records::table::Ref;
use crate::records::waiter::Current;
use crate::records::{kept_panics, region};
use crate::report;
use crate::scheduler::current;
use crate::sync::{Lock, RefCell};
use crate::task::task_panic::TaskPanic;

/// How the messages of panics begin that the core library does not let unwind.
const FATAL: [&str; 3] = [
    "panic in a function that cannot unwind",
    "panic in a destructor during cleanup",
    "unsafe precondition(s) violated",
];

/// What a panic said, where, and how it came there.
#[derive(Clone, Debug)]
pub(crate) struct PanicRecord(Arc<Raised>);

#[derive(Debug)]
struct Raised {
    message: String,
    /// File, line, column.
    site: Option<(String, u32, u32)>,
    /// Addresses until somebody asks for names.
    backtrace: Lock<Option<Backtrace>>,
    frames: OnceLock<Vec<Symbol>>,
}

thread_local! {
    /// The last panic raised on this worker or helper, and in which task. A task parks its thread while it
    /// panics, so nobody comes between the hook and the task's root.
    static LAST: RefCell<Option<(Ref, PanicRecord)>> = const { RefCell::new(None) };
}

/// Once per process, at the first spawn.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let Some(who) = current::accountable() else { return before(info) };
            let record = PanicRecord::raised(info);
            note(who.reference(), record.clone());
            if !is_kept(who, record.clone()) {
                before(info);
                // That names the thread, which says nothing.
                report::say(&TaskPanic::of(who, record).whose());
            }
        }));
    });
}

/// Leaves a panic with the region that keeps those of this task, if one does. Nobody could take one that
/// ends the process, nor what was kept before: so that is said now.
fn is_kept(who: Current, record: PanicRecord) -> bool {
    let regions = who.record.region().into_iter().flat_map(region::outward);
    let Some(keeper) = kept_panics::keeper(regions) else { return false };
    if record.ends_process() {
        kept_panics::take(keeper, None).told().iter().for_each(|text| report::say(text));
        return false;
    }
    kept_panics::add(keeper, TaskPanic::of(who, record))
}

/// The panic that `who` is about to unwind with, or goes on with: raised on a helper's thread.
pub(crate) fn note(who: Ref, record: PanicRecord) {
    LAST.with(|last| *last.borrow_mut() = Some((who, record)));
}

impl PanicRecord {
    fn raised(info: &PanicHookInfo<'_>) -> PanicRecord {
        let site = info.location().map(|site| (site.file().to_owned(), site.line(), site.column()));
        PanicRecord::new(message(info.payload()), site, Some(Backtrace::new_unresolved()))
    }

    /// What the hook noted for this task or helper, or what the payload says.
    pub(crate) fn take(who: Option<Ref>, payload: &(dyn Any + Send)) -> PanicRecord {
        let noted = LAST.with(|last| last.borrow_mut().take());
        match noted {
            Some((of, record)) if Some(of) == who => record,
            _ => PanicRecord::new(message(payload), None, None),
        }
    }

    pub(crate) fn of_message(message: String) -> PanicRecord {
        PanicRecord::new(message, None, None)
    }

    fn new(
        message: String,
        site: Option<(String, u32, u32)>,
        backtrace: Option<Backtrace>,
    ) -> PanicRecord {
        let backtrace = Lock::new(backtrace);
        PanicRecord(Arc::new(Raised { message, site, backtrace, frames: OnceLock::new() }))
    }

    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether nothing unwinds: the process is aborted next.
    fn ends_process(&self) -> bool {
        cfg!(panic = "abort") || FATAL.iter().any(|text| self.message().starts_with(text))
    }

    pub(crate) fn site(&self) -> Option<&(String, u32, u32)> {
        self.0.site.as_ref()
    }

    /// From the place of the panic to the task's entry.
    pub(crate) fn frames(&self) -> &[Symbol] {
        self.0.frames.get_or_init(|| {
            let backtrace = self.0.backtrace.lock().take();
            backtrace.as_ref().map(resolve).unwrap_or_default()
        })
    }
}

/// A panic on its way from one stack, or one moment, to another.
pub(crate) struct Unwinding {
    payload: Box<dyn Any + Send>,
    record: PanicRecord,
}

/// Calls `f`, and catches its panic together with what the hook has noted of it.
///
/// # Errors
/// With the panic.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Result<R, Unwinding> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        let record = PanicRecord::take(raiser(), payload.as_ref());
        Unwinding { payload, record }
    })
}

fn raiser() -> Option<Ref> {
    current::accountable().map(Current::reference)
}

impl Unwinding {
    /// Goes on with it.
    pub(crate) fn resume(self) -> ! {
        if let Some(who) = raiser() {
            note(who, self.record);
        }
        resume_unwind(self.payload)
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(a payload that is not text)".to_owned()
    }
}

fn resolve(backtrace: &Backtrace) -> Vec<Symbol> {
    let mut frames: Vec<Symbol> = Vec::new();
    // A byte of each call.
    let calls = backtrace.frames().iter().map(|frame| (frame.ip() as u64).wrapping_sub(1));
    for frame in calls.flat_map(|call| names::symbols(call).to_vec()) {
        if is_entry(&frame) {
            break;
        }
        if is_panic_machinery(&frame) {
            // Everything up to and with it is the raising of the panic, not its cause.
            frames.clear();
            continue;
        }
        frames.push(frame);
    }
    // The call of the closure itself.
    if frames
        .last()
        .is_some_and(|it| is_of(it, "ops::function::FnOnce", "core/src/ops/function.rs"))
    {
        frames.pop();
    }
    frames
}

/// What calls the closure of a task, or of a scope.
pub(crate) fn is_entry(frame: &Symbol) -> bool {
    frame.function.starts_with("task_entry<")
        || is_of(frame, "gleak_runtime::task::packet::task_entry", "runtime/src/task/packet.rs")
        || is_of(frame, "gleak_runtime::task::lending::", "runtime/src/task/lending.rs")
}

fn is_panic_machinery(frame: &Symbol) -> bool {
    [
        ("gleak_runtime::task::panic::", "runtime/src/task/panic.rs"),
        ("std::panicking::", "std/src/panicking.rs"),
        ("core::panicking::", "core/src/panicking.rs"),
        ("rust_begin_unwind", "std/src/sys/backtrace.rs"),
        ("backtrace::backtrace::", "src/capture.rs"),
    ]
    .into_iter()
    .any(|(function, file)| is_of(frame, function, file))
}

/// By name or by file: optimised code has inlined frames whose names lack their path.
fn is_of(frame: &Symbol, function: &str, file: &str) -> bool {
    frame.function.contains(function)
        || frame.file.as_deref().is_some_and(|path| path.ends_with(file))
}
