//! Facts beside a finding: they help to find the fault and prove nothing.
//!
//! Only what is waited for is described, and at most a handful of it: a finding on a thousand
//! channels is not better understood by a thousand lines.

use std::collections::BTreeSet;

use gleak_snapshot::{
    Endpoint, HoldMode, LastUse, Object, ObjectDetail, ObjectId, Owner, Target, TaskId, TaskState,
    Unheard, WaitOp,
};

use crate::held::aside;
use crate::index::{Index, wait_of};
use crate::words;

const OBJECTS: usize = 3;

/// How much is said of a lock's holder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holders {
    /// All that is known.
    Told,
    /// Nothing: a circle tells who holds what.
    InTheCircle,
}

/// What is known of what these tasks wait for.
pub(crate) fn of(index: &Index<'_>, tasks: &[usize], holders: Holders) -> Vec<String> {
    let mut wanted: BTreeSet<(ObjectId, bool)> = BTreeSet::new();
    for &task in tasks {
        for arm in wait_of(index.tasks[task]).map_or(&[][..], |wait| &wait.arms) {
            if let Target::Object(id) = arm.on {
                wanted.insert((id, arm.op == WaitOp::Receive));
            }
        }
    }
    let mut lines: Vec<String> = wanted
        .iter()
        .take(OBJECTS)
        .filter_map(|&(id, receives)| Some(object(index, index.object(id)?, receives, holders)))
        .collect();
    if wanted.len() > OBJECTS {
        lines.push(format!("and {}", words::count(wanted.len() - OBJECTS, "more object")));
    }
    lines
}

fn object(index: &Index<'_>, object: &Object, receives: bool, holders: Holders) -> String {
    let mut parts = Vec::new();
    let mut how = String::new();
    match &object.detail {
        ObjectDetail::Channel { capacity, len, closed, sender, receiver } => {
            how = fill(*capacity, *len);
            if *closed {
                parts.push("closed".to_owned());
            }
            // The other end first: that is where the wake-up has to come from.
            let sent = end(index, *sender, "sent", "sender");
            let received = end(index, *receiver, "received", "receiver");
            let (other, own) = if receives { (sent, received) } else { (received, sent) };
            parts.extend(other.into_iter().chain(own));
        }
        ObjectDetail::Mutex { .. } | ObjectDetail::RwLock { .. } | ObjectDetail::Once { .. }
            if holders == Holders::InTheCircle => {}
        ObjectDetail::Mutex { owner, exact } => {
            parts.extend(owner.map(|owner| held(index, owner)));
            parts.extend((!exact).then(inexact));
        }
        ObjectDetail::RwLock { owner, readers, exact, .. } => {
            parts.extend(owner.map(|owner| held(index, owner)));
            if *readers > 0 {
                parts.push(read(index, object.id, *readers));
            }
            parts.extend((!exact).then(inexact));
        }
        ObjectDetail::WaitGroup { count, tokens, loose } => {
            parts.push(counts(*count, *tokens, *loose));
        }
        ObjectDetail::Context { deadline_ns, parent, .. } => {
            let until = if deadline_ns.is_some() { "with a deadline" } else { "no deadline" };
            parts.push(format!("{}, {until}", cancelled(index, &object.detail)));
            let parent = parent.and_then(|parent| index.object(parent));
            parts.extend(parent.map(|parent| format!("below {}", words::name_object(parent))));
        }
        ObjectDetail::Socket { descriptor, peer, listens } => {
            parts.push(format!("descriptor {descriptor}"));
            parts.extend(peer.as_ref().map(|peer| format!("the other side is {peer}")));
            parts.extend(listens.then(|| "it waits for connections".to_owned()));
        }
        ObjectDetail::Cond { mutex, unheard } => {
            let mutex = mutex.and_then(|mutex| index.object(mutex));
            parts.extend(mutex.map(|it| format!("used with {}", words::name_object(it))));
            parts.extend(unheard.map(|unheard| in_vain(index, unheard)));
        }
        ObjectDetail::Once { owner, done } => {
            parts.extend(owner.map(|owner| initialising(index, owner)));
            parts.extend(done.then(|| "initialised".to_owned()));
        }
        ObjectDetail::Semaphore { permits, available, taken } => {
            parts.push(format!("{available} of {permits} permits available"));
            parts.extend(taken.map(|taken| last_taken(index, taken)));
        }
        ObjectDetail::Barrier { size, arrived } => {
            parts.push(format!("{arrived} of {size} have come"));
        }
    }
    if object.unsettled {
        parts.push("it changed while the snapshot was taken".to_owned());
    }
    let site = index.site(object.site);
    let head = format!("{}{how} made at {site}", words::name_object(object));
    std::iter::once(head).chain(parts).collect::<Vec<_>>().join("; ")
}

/// `cancelled 2.1 s ago at src/main.rs:9 by t1`, or what is known of that.
fn cancelled(index: &Index<'_>, detail: &ObjectDetail) -> String {
    let ObjectDetail::Context { cancelled, cancelled_ns, by, deadline_ns, .. } = detail else {
        return String::new();
    };
    let taken_ns = index.snapshot.header.taken_ns;
    let ago = |at: u64| format!(" {} ago", words::span(taken_ns.saturating_sub(at)));
    if !cancelled {
        let passed = deadline_ns.filter(|at| *at <= taken_ns);
        return passed.map_or("not cancelled".to_owned(), |at| format!("over{}", ago(at)));
    }
    let ago = cancelled_ns.map_or(String::new(), ago);
    let whom = by.map_or(String::new(), |LastUse { task, site }| {
        let gone = if index.task(task).is_none() { " (finished)" } else { "" };
        format!(" at {} by {}{gone}", index.site(site), index.who(task))
    });
    format!("cancelled{ago}{whom}")
}

/// What is known of these objects, as far as they are in the snapshot.
pub(crate) fn of_objects(index: &Index<'_>, ids: &BTreeSet<ObjectId>) -> Vec<String> {
    let known = ids.iter().filter_map(|id| index.object(*id)).take(OBJECTS);
    known.map(|it| object(index, it, false, Holders::Told)).collect()
}

fn fill(capacity: Option<u64>, len: u64) -> String {
    match capacity {
        None => format!(" (unbounded, {len} in it)"),
        Some(0) => " (capacity 0)".to_owned(),
        Some(capacity) => format!(" (capacity {capacity}, {len} in it)"),
    }
}

fn end(index: &Index<'_>, endpoint: Endpoint, verb: &str, side: &str) -> Vec<String> {
    let mut parts = vec![match endpoint.last {
        Some(LastUse { task, site }) => {
            let gone = if index.task(task).is_none() { " (finished)" } else { "" };
            let (site, who) = (index.site(site), index.who(task));
            format!("last {verb} at {site} by {who}{gone}{}", aside(index, task))
        }
        None => format!("nobody has ever {verb}"),
    }];
    match endpoint.handles {
        None => {}
        Some(0) => parts.push(format!("no {side} is left")),
        Some(1) => parts.push(format!("1 {side} exists")),
        Some(handles) => parts.push(format!("{handles} {side}s exist")),
    }
    parts
}

fn held(index: &Index<'_>, owner: Owner) -> String {
    let who = index.who(owner.task);
    let site = index.site(owner.site);
    let since = words::span(index.snapshot.header.taken_ns.saturating_sub(owner.since_ns));
    if !owner.alive {
        return format!(
            "taken {since} ago at {site} by {who}, which has finished without giving it back"
        );
    }
    let now = doing(index, owner.task);
    format!("held for {since} by {who}, taken at {site}{now}")
}

/// By hand only is what most groups count, so only tokens are worth a word.
fn counts(count: i64, tokens: u64, loose: bool) -> String {
    match (tokens, loose) {
        (0, _) => format!("counts {count}"),
        (tokens, true) => format!("counts {count}, {tokens} of them tokens"),
        (_, false) => format!("counts {count}, all of them tokens"),
    }
}

fn last_taken(index: &Index<'_>, taken: LastUse) -> String {
    let LastUse { task, site } = taken;
    let gone = if index.task(task).is_none() { " (finished)" } else { "" };
    let (site, who) = (index.site(site), index.who(task));
    format!("last taken at {site} by {who}{gone}{}", aside(index, task))
}

fn in_vain(index: &Index<'_>, unheard: Unheard) -> String {
    let (site, who) = (index.site(unheard.by.site), index.who(unheard.by.task));
    let gone = if index.task(unheard.by.task).is_none() { " (finished)" } else { "" };
    let ago = words::span(index.snapshot.header.taken_ns.saturating_sub(unheard.at_ns));
    format!("last notified {ago} ago at {site} by {who}{gone}, when nobody waited")
}

fn initialising(index: &Index<'_>, owner: Owner) -> String {
    let who = index.who(owner.task);
    let site = index.site(owner.site);
    let since = words::span(index.snapshot.header.taken_ns.saturating_sub(owner.since_ns));
    let now = doing(index, owner.task);
    format!("being initialised for {since} by {who}, begun at {site}{now}")
}

fn doing(index: &Index<'_>, id: TaskId) -> String {
    let Some(task) = index.task(id).map(|number| index.tasks[number]) else {
        return String::new();
    };
    let aside = aside(index, id);
    match &task.state {
        TaskState::Waiting(wait) => {
            let what = words::waits_for(index, &[wait]);
            format!(", now waiting {what} at {}{aside}", index.site(wait.site))
        }
        TaskState::Fresh => String::new(),
        TaskState::Runnable if !aside.is_empty() => aside,
        TaskState::Runnable | TaskState::Running | TaskState::Moving => {
            format!(", now running{aside}")
        }
    }
}

fn read(index: &Index<'_>, id: ObjectId, readers: u64) -> String {
    const NAMED: usize = 3;
    let shared = |task: &&&gleak_snapshot::Task| {
        task.holds.iter().any(|hold| hold.object == id && hold.mode == HoldMode::Shared)
    };
    let who: Vec<String> =
        index.tasks.iter().filter(shared).take(NAMED + 1).map(|task| index.who(task.id)).collect();
    let noun = if readers == 1 { "reader" } else { "readers" };
    match who.len() {
        0 => format!("{readers} {noun}, not known who"),
        1..=NAMED => format!("{readers} {noun}: {}", who.join(", ")),
        _ => format!("{readers} {noun}: {} and others", who[..NAMED].join(", ")),
    }
}

fn inexact() -> String {
    "once given back by another task than the one that took it, so its owner proves nothing"
        .to_owned()
}
