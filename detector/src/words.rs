//! What is said of waits, objects and times, in words. One place for each phrase.
//!
//! Names are put in as they are; whoever prints the words makes them harmless.

use std::collections::BTreeMap;

use gleak_snapshot::{
    Arm, Object, ObjectId, ObjectKind, Target, TaskId, TaskState, Wait, WaitOp, WaitReason,
};

use crate::index::Index;

/// What is said of who does not wait, wherever it stands.
pub(crate) const NEVER_STARTED: &str = "never started";
pub(crate) const RUNNING: &str = "running";

/// The class of a state, as in [`crate::FindingKey::wait_class`]. Which of the active states a
/// task was in is chance, so they are one class.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum WaitClass {
    NeverStarted,
    Running,
    Waits(WaitReason),
    /// Of these operations, a bit each.
    Select(u16),
}

impl WaitClass {
    pub(crate) fn of(state: &TaskState) -> Self {
        match state {
            TaskState::Fresh => WaitClass::NeverStarted,
            TaskState::Runnable | TaskState::Running | TaskState::Moving => WaitClass::Running,
            TaskState::Waiting(wait) if wait.reason == WaitReason::Select => {
                let bits = wait.arms.iter().map(|arm| 1 << arm.op as u16);
                WaitClass::Select(bits.fold(0, |all, bit: u16| all | bit))
            }
            TaskState::Waiting(wait) => WaitClass::Waits(wait.reason),
        }
    }

    pub(crate) fn text(self) -> String {
        match self {
            WaitClass::NeverStarted => NEVER_STARTED.to_owned(),
            WaitClass::Running => RUNNING.to_owned(),
            WaitClass::Waits(reason) => crate::key::class(reason).to_owned(),
            WaitClass::Select(bits) => {
                let among = WaitOp::ALL.into_iter().filter(|op| bits & (1 << *op as u16) != 0);
                let mut names: Vec<&str> = among.map(op_class).collect();
                names.sort_unstable();
                format!("select({})", names.join(","))
            }
        }
    }
}

pub(crate) fn op_class(op: WaitOp) -> &'static str {
    match op {
        WaitOp::Send => "send",
        WaitOp::Receive => "receive",
        WaitOp::Lock => "lock",
        WaitOp::ReadLock => "read lock",
        WaitOp::WaitGroup => "wait group",
        WaitOp::Cancel => "cancel",
        WaitOp::Join => "join",
        WaitOp::Read => "read",
        WaitOp::Write => "write",
        WaitOp::Cond => "cond",
        WaitOp::Once => "once",
        WaitOp::Acquire => "semaphore",
        WaitOp::Barrier => "barrier",
    }
}

/// The kind of object that a wait is for, when all its arms are for one kind.
pub(crate) fn object_kind(index: &Index<'_>, wait: &Wait) -> Option<ObjectKind> {
    let mut kinds = wait.arms.iter().map(|arm| arm_kind(index, wait.reason, *arm));
    let first = kinds.next()??;
    kinds.all(|kind| kind == Some(first)).then_some(first)
}

/// The object that a wait is for, when all its arms are for one.
pub(crate) fn only_object(wait: &Wait) -> Option<ObjectId> {
    let object = |arm: &Arm| match arm.on {
        Target::Object(id) => Some(id),
        Target::Task(_) | Target::Never => None,
    };
    let first = wait.arms.first().and_then(object)?;
    wait.arms.iter().all(|arm| object(arm) == Some(first)).then_some(first)
}

/// Known from the operation when the object itself was not seen, so that the same wait has the
/// same key in a damaged file.
fn arm_kind(index: &Index<'_>, reason: WaitReason, arm: Arm) -> Option<ObjectKind> {
    let Target::Object(id) = arm.on else { return None };
    if let Some(object) = index.object(id) {
        return Some(object.kind());
    }
    match arm.op {
        WaitOp::Send | WaitOp::Receive => Some(ObjectKind::Channel),
        WaitOp::Lock if reason == WaitReason::WriteLock => Some(ObjectKind::RwLock),
        WaitOp::Lock => Some(ObjectKind::Mutex),
        WaitOp::ReadLock => Some(ObjectKind::RwLock),
        WaitOp::WaitGroup => Some(ObjectKind::WaitGroup),
        WaitOp::Cancel => Some(ObjectKind::Context),
        WaitOp::Read | WaitOp::Write => Some(ObjectKind::Socket),
        WaitOp::Cond => Some(ObjectKind::Cond),
        WaitOp::Once => Some(ObjectKind::Once),
        WaitOp::Acquire => Some(ObjectKind::Semaphore),
        WaitOp::Barrier => Some(ObjectKind::Barrier),
        WaitOp::Join => None,
    }
}

/// What some waits of one class are for: `to receive on channel #4 "jobs"`,
/// `to receive on 5 channels`.
pub(crate) fn waits_for(index: &Index<'_>, waits: &[&Wait]) -> String {
    let targets = distinct_targets(waits);
    // Names are only right when they are the names of what each of them waits for.
    let all = |wait: &&Wait| {
        let has = |op, on| wait.arms.iter().any(|arm| arm.is(op, on));
        targets.iter().all(|&(op, on)| has(op, on))
    };
    let by_op = || targets.chunk_by(|(op, _), (other, _)| op == other);
    let named = by_op().all(|of_op| of_op.len() <= 2) && waits.iter().all(all);
    let mut parts = Vec::new();
    for of_op in by_op() {
        let op = of_op[0].0;
        if named {
            parts.extend(of_op.iter().map(|&(op, on)| phrase(op, &name_target(index, op, on))));
        } else {
            parts.push(phrase(op, &count_targets(index, of_op)));
        }
    }
    if waits.iter().any(|wait| wait.unlisted_arms > 0) {
        parts.push(unlisted(waits, parts.is_empty()));
    }
    let bare = waits.first().filter(|_| parts.is_empty());
    if let Some(wait) = bare {
        parts.push(without_arms(wait.reason).to_owned());
    }
    let asleep = bare.is_some_and(|wait| wait.reason == WaitReason::Sleep);
    if !asleep && waits.iter().any(|wait| wait.until_ns.is_some()) {
        parts.push("for a timer".to_owned());
    }
    // The end of a scope is a join of all its tasks; any other wait ends with one of its arms.
    let all_needed = waits.iter().all(|wait| wait.reason == WaitReason::Join);
    parts.join(if all_needed { " and " } else { " or " }) + held_workers(waits)
}

/// What is said of arms that are not listed: of all that there are, or of some.
fn unlisted(waits: &[&Wait], is_all: bool) -> String {
    match waits.first().map(|wait| wait.reason) {
        Some(WaitReason::Select) if is_all => "in a select that was not recorded".to_owned(),
        // It has one arm, and the reason tells as much as there is.
        Some(reason) if is_all => without_arms(reason).to_owned(),
        _ => "on more that was not recorded".to_owned(),
    }
}

/// Other tasks of the worker wait as well, which nothing else would tell.
fn held_workers(waits: &[&Wait]) -> &'static str {
    match waits.iter().filter(|wait| wait.on_thread).count() {
        0 => "",
        1 if waits.len() == 1 => " (holds its worker)",
        held if held == waits.len() => " (each holds its worker)",
        _ => " (some hold their workers)",
    }
}

/// What these waits are for, each once, in order. A million of them are to be sorted, for which bare
/// numbers are quickest.
fn distinct_targets(waits: &[&Wait]) -> Vec<(WaitOp, Target)> {
    #[derive(Default)]
    struct Of {
        objects: Vec<ObjectId>,
        tasks: Vec<TaskId>,
        never: bool,
    }
    let mut by_op: BTreeMap<WaitOp, Of> = BTreeMap::new();
    for arm in waits.iter().flat_map(|wait| &wait.arms) {
        let of = by_op.entry(arm.op).or_default();
        match arm.on {
            Target::Object(id) => of.objects.push(id),
            Target::Task(id) => of.tasks.push(id),
            Target::Never => of.never = true,
        }
    }
    let in_order = by_op.into_iter().flat_map(|(op, mut of)| {
        of.objects.sort_unstable();
        of.objects.dedup();
        of.tasks.sort_unstable();
        of.tasks.dedup();
        let objects = of.objects.into_iter().map(Target::Object);
        let tasks = of.tasks.into_iter().map(Target::Task);
        let all = objects.chain(tasks).chain(of.never.then_some(Target::Never));
        all.map(move |on| (op, on))
    });
    in_order.collect()
}

fn phrase(op: WaitOp, target: &str) -> String {
    match op {
        WaitOp::Send => format!("to send on {target}"),
        WaitOp::Receive => format!("to receive on {target}"),
        WaitOp::Lock | WaitOp::ReadLock | WaitOp::WaitGroup | WaitOp::Join => {
            format!("for {target}")
        }
        WaitOp::Cancel => format!("for {target} to be done"),
        WaitOp::Read => format!("to read from {target}"),
        WaitOp::Write => format!("to write to {target}"),
        WaitOp::Cond => format!("to be notified by {target}"),
        WaitOp::Once => format!("for {target} to be initialised"),
        WaitOp::Acquire => format!("for permits of {target}"),
        WaitOp::Barrier => format!("for the others at {target}"),
    }
}

/// What a wait is for when its record lists no arm, or when its arms belong to another process.
pub(crate) fn without_arms(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::Send => "to send on a channel",
        WaitReason::Receive => "to receive on a channel",
        WaitReason::Select => "in an empty select",
        WaitReason::Lock => "for a lock",
        WaitReason::ReadLock => "for a read lock",
        WaitReason::WriteLock => "for a write lock",
        WaitReason::WaitGroup => "for a wait group",
        WaitReason::Cancel => "for a context to be done",
        WaitReason::Join => "for the end of a task",
        WaitReason::Read => "to read from a socket",
        WaitReason::Write => "to write to a socket",
        WaitReason::Cond => "to be notified by a cond",
        WaitReason::Once => "for a once to be initialised",
        WaitReason::Semaphore => "for permits of a semaphore",
        WaitReason::Barrier => "for the others at a barrier",
        WaitReason::Blocking => "for a blocking call on a helper thread",
        WaitReason::Future => "for a future",
        WaitReason::Sleep => "for a timer",
        WaitReason::Host => "for its main task",
    }
}

/// `channel #4 "jobs"`, `read lock #3`, `the end of t4 "feeder"`.
pub(crate) fn name_target(index: &Index<'_>, op: WaitOp, on: Target) -> String {
    match on {
        Target::Never => "a never-channel".to_owned(),
        Target::Task(id) => format!("the end of {}", index.who(id)),
        Target::Object(id) => {
            let name = index.object(id).and_then(|object| object.name.as_deref());
            let name = name.map_or(String::new(), |name| format!(" \"{name}\""));
            format!("{} {id}{name}", op_noun(op, is_rwlock(index, id)).0)
        }
    }
}

/// Different targets of one operation, as a number of them.
fn count_targets(index: &Index<'_>, targets: &[(WaitOp, Target)]) -> String {
    let (op, first) = targets[0];
    if targets.len() == 1 {
        return name_target(index, op, first);
    }
    let rwlock = match first {
        Target::Object(id) => is_rwlock(index, id),
        Target::Task(_) | Target::Never => false,
    };
    let many = op_noun(op, rwlock).1;
    let the_end = if op == WaitOp::Join { "the end of " } else { "" };
    format!("{the_end}{} {many}", thousands(targets.len()))
}

fn is_rwlock(index: &Index<'_>, id: ObjectId) -> bool {
    index.object(id).is_some_and(|object| object.kind() == ObjectKind::RwLock)
}

fn op_noun(op: WaitOp, rwlock: bool) -> (&'static str, &'static str) {
    match op {
        WaitOp::Send | WaitOp::Receive => ("channel", "channels"),
        WaitOp::Lock if rwlock => ("write lock", "write locks"),
        WaitOp::Lock => ("lock", "locks"),
        WaitOp::ReadLock => ("read lock", "read locks"),
        WaitOp::WaitGroup => ("wait group", "wait groups"),
        WaitOp::Cancel => ("context", "contexts"),
        WaitOp::Read | WaitOp::Write => ("socket", "sockets"),
        WaitOp::Cond => ("cond", "conds"),
        WaitOp::Once => ("once", "onces"),
        WaitOp::Acquire => ("semaphore", "semaphores"),
        WaitOp::Barrier => ("barrier", "barriers"),
        WaitOp::Join => ("task", "tasks"),
    }
}

/// `channel #4 "jobs"`.
pub(crate) fn name_object(object: &Object) -> String {
    let kind = match object.kind() {
        ObjectKind::Channel => "channel",
        ObjectKind::Mutex | ObjectKind::RwLock => "lock",
        ObjectKind::WaitGroup => "wait group",
        ObjectKind::Context => "context",
        ObjectKind::Socket => "socket",
        ObjectKind::Cond => "cond",
        ObjectKind::Once => "once",
        ObjectKind::Semaphore => "semaphore",
        ObjectKind::Barrier => "barrier",
    };
    match &object.name {
        Some(name) => format!("{kind} {} \"{name}\"", object.id),
        None => format!("{kind} {}", object.id),
    }
}

/// `1 task`, `12 tasks`, `42 858 tasks`.
pub(crate) fn count(number: usize, one: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {one}{ending}", thousands(number))
}

/// Digits in threes from five digits on.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// An amount of memory, to two digits or so: `812 B`, `12 KiB`, `1.4 MiB`, `3.0 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let (mut tenths, mut unit) = (u128::from(bytes) * 10 / 1_024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        (tenths, unit) = (tenths / 1_024, unit + 1);
    }
    match tenths {
        100.. => format!("{} {}", tenths / 10, UNITS[unit]),
        _ => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
    }
}

/// A span of time, to two digits or so: `51 ms`, `1.2 s`, `3 min`, `41 h`.
pub(crate) fn span(ns: u64) -> String {
    let ms = ns / 1_000_000;
    let s = ms / 1_000;
    match s {
        0 if ms == 0 => "<1 ms".to_owned(),
        0 => format!("{ms} ms"),
        1..10 => format!("{}.{} s", s, ms % 1_000 / 100),
        10..120 => format!("{s} s"),
        120..7_200 => format!("{} min", s / 60),
        7_200..172_800 => format!("{} h", s / 3_600),
        _ => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, span, thousands};

    #[test]
    fn numbers_and_spans() {
        assert_eq!(
            ["7", "1234", "42 858", "1 000 000"],
            [7, 1234, 42_858, 1_000_000].map(thousands)
        );
        let ms = 1_000_000;
        let spans = [0, 51 * ms, 1_250 * ms, 60_000 * ms, 180_000 * ms, 9_000_000 * ms, u64::MAX];
        let words = ["<1 ms", "51 ms", "1.2 s", "60 s", "3 min", "2 h", "213503 d"];
        assert_eq!(spans.map(span), words);
        let sizes = [0, 1_023, 1_024, 12 << 10, 1_500_000, 3 << 30, 5 << 40, u64::MAX].map(bytes);
        let words =
            ["0 B", "1023 B", "1.0 KiB", "12 KiB", "1.4 MiB", "3.0 GiB", "5.0 TiB", "16777215 TiB"];
        assert_eq!(sizes, words);
    }
}
