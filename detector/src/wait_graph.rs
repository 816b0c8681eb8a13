//! The wait conditions of all tasks as one graph: who could make whom go on.
//!
//! A task that waits can go on as soon as one of its arms has an enabler that can. Enablers are
//! known exactly for locks, initialisers and joins only; for everything else anybody may be one, and the task
//! counts as live. So what is left when nothing more turns live can never go on, whatever the
//! live ones do: a wake-up would need an enabler that is live (`standstill.rs`).
//!
//! A join of several tasks, at the end of a scope, needs all of them: its node turns live with the
//! last one. Those that are not known count as ended.
//!
//! Two kinds of helper nodes keep the graph linear in its input: a lock with R readers and W
//! writers costs R + W edges, not R * W. *All readers* turns live when every reader has; *some
//! writer* as soon as one has.
//!
//! Invariants:
//! 1. Nodes below [`WaitGraph::tasks`] are the tasks of the index, by number; the rest are helpers.
//! 2. Enablers are over-approximated: in doubt a task is live.

use gleak_snapshot::{Arm, HoldMode, ObjectDetail, ObjectId, Owner, Target, WaitOp, WaitReason};

use crate::holder::{Holder, sole_owner};
use crate::index::{Index, all_read, ends_from_outside, wait_of};
use crate::lists::{Lists, Pair, number};

/// When a node turns live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gate {
    /// With the first of its enablers.
    Any,
    /// With the last of them.
    All,
}

/// Who waits for whom.
pub(crate) struct WaitGraph {
    pub(crate) tasks: usize,
    /// Enablers of each node.
    pub(crate) enablers: Lists,
    /// Nodes that each one enables.
    pub(crate) enables: Lists,
    pub(crate) gates: Vec<Gate>,
    /// Live whatever the others do.
    pub(crate) live: Vec<bool>,
    /// Waits, among others, for a lock whose owner has finished.
    pub(crate) abandoned: Vec<bool>,
}

/// What could make one arm ready.
enum Enabler {
    /// Anybody, or somebody who is not known.
    Anybody,
    /// Nobody, ever.
    Nobody,
    /// The lock's owner, who has finished.
    Finished,
    /// This node.
    Node(usize),
}

impl WaitGraph {
    pub(crate) fn new(index: &Index<'_>) -> Self {
        let mut builder = Builder::new(index);
        for number in 0..index.tasks.len() {
            builder.add(number);
        }
        let Builder { edges, gates, live, abandoned, .. } = builder;
        let enablers = Lists::new(gates.len(), &edges);
        let enables = enablers.reversed();
        WaitGraph { tasks: index.tasks.len(), enablers, enables, gates, live, abandoned }
    }

    /// Whether a node could go on although nobody else of the graph did.
    pub(crate) fn free(&self, node: usize) -> bool {
        self.live[node] || self.abandoned[node]
    }
}

struct Builder<'i, 'a> {
    index: &'i Index<'a>,
    /// Who waits, and for whom.
    edges: Vec<Pair>,
    gates: Vec<Gate>,
    live: Vec<bool>,
    abandoned: Vec<bool>,
    /// Whether tasks are missing, any of which might be a queued writer.
    tasks_missing: bool,
    /// By object: tasks that hold it among readers, once for each time.
    readers: Lists,
    /// By object: tasks that wait to own it alone.
    writers: Lists,
    all_readers: Vec<Option<usize>>,
    some_writer: Vec<Option<usize>>,
}

impl<'i, 'a> Builder<'i, 'a> {
    fn new(index: &'i Index<'a>) -> Self {
        let tasks = index.tasks.len();
        let objects = index.objects.len();
        let completeness = &index.snapshot.completeness;
        let (readers, writers) = users_of_locks(index);
        Builder {
            index,
            edges: Vec::new(),
            gates: vec![Gate::Any; tasks],
            live: vec![false; tasks],
            abandoned: vec![false; tasks],
            tasks_missing: !all_read(completeness),
            readers: Lists::new(objects, &readers),
            writers: Lists::new(objects, &writers),
            all_readers: vec![None; objects],
            some_writer: vec![None; objects],
        }
    }

    fn add(&mut self, number: usize) {
        let task = self.index.tasks[number];
        let Some(wait) = wait_of(task) else {
            self.live[number] = true;
            return;
        };
        // A wait without arms is only understood for a select; sleepers and hosts wait for
        // something that is in no record.
        let understood = !wait.arms.is_empty() || wait.reason == WaitReason::Select;
        let host = wait.reason == WaitReason::Host;
        if !understood || host || ends_from_outside(wait) || wait.unlisted_arms > 0 {
            self.live[number] = true;
        }
        let needs_all = wait.reason == WaitReason::Join && wait.arms.len() > 1;
        if needs_all {
            self.gates[number] = Gate::All;
        }
        for &arm in &wait.arms {
            match self.enabler(arm, wait.wanted) {
                // Live at once when nobody else is needed.
                Enabler::Anybody if needs_all => {}
                Enabler::Anybody => self.live[number] = true,
                Enabler::Nobody => {}
                Enabler::Finished => self.abandoned[number] = true,
                Enabler::Node(node) => self.edge(number, node),
            }
        }
    }

    fn enabler(&mut self, arm: Arm, wanted: Option<u64>) -> Enabler {
        let object = match arm.on {
            Target::Never => return Enabler::Nobody,
            Target::Task(id) if arm.op == WaitOp::Join => {
                return self.index.task(id).map_or(Enabler::Anybody, Enabler::Node);
            }
            Target::Task(_) => return Enabler::Anybody,
            Target::Object(id) => id,
        };
        match arm.op {
            WaitOp::Lock | WaitOp::Once => self.lock(object),
            WaitOp::ReadLock => self.read_lock(object),
            WaitOp::Acquire if self.can_never_give(object, wanted) => Enabler::Nobody,
            WaitOp::Send
            | WaitOp::Receive
            | WaitOp::WaitGroup
            | WaitOp::Cancel
            | WaitOp::Join
            | WaitOp::Read
            | WaitOp::Write
            | WaitOp::Cond
            | WaitOp::Acquire
            | WaitOp::Barrier => Enabler::Anybody,
        }
    }

    /// Whether more permits are wanted than there are in all, which never changes.
    fn can_never_give(&self, id: ObjectId, wanted: Option<u64>) -> bool {
        let detail = self.index.object(id).map(|object| &object.detail);
        matches!((detail, wanted), (Some(ObjectDetail::Semaphore { permits, .. }), Some(wanted))
            if wanted > *permits)
    }

    fn lock(&mut self, id: ObjectId) -> Enabler {
        let Some(number) = self.index.object_number(id) else { return Enabler::Anybody };
        match sole_owner(self.index.objects[number]) {
            Holder::Unknown => Enabler::Anybody,
            Holder::Owner(owner) => self.owner(owner),
            Holder::Readers(0) => Enabler::Anybody,
            Holder::Readers(readers) if u64::from(self.readers.length(number)) != readers => {
                Enabler::Anybody
            }
            Holder::Readers(_) => {
                let node = self.all_readers[number].unwrap_or_else(|| {
                    let readers: Vec<usize> = self.readers.of(number).collect();
                    self.helper(Gate::All, &readers)
                });
                self.all_readers[number] = Some(node);
                Enabler::Node(node)
            }
        }
    }

    fn read_lock(&mut self, id: ObjectId) -> Enabler {
        let Some(number) = self.index.object_number(id) else { return Enabler::Anybody };
        match sole_owner(self.index.objects[number]) {
            Holder::Unknown => Enabler::Anybody,
            Holder::Owner(owner) => self.owner(owner),
            // Free: it is being handed over.
            Holder::Readers(0) => Enabler::Anybody,
            // Among readers only a queued writer is in the way, and any of them may be the one.
            // One that is not seen waiting may be about to get it, or to give up.
            Holder::Readers(_) if self.hides_writers(number) => Enabler::Anybody,
            Holder::Readers(_) => {
                let node = self.some_writer[number].unwrap_or_else(|| {
                    let writers: Vec<usize> = self.writers.of(number).collect();
                    self.helper(Gate::Any, &writers)
                });
                self.some_writer[number] = Some(node);
                Enabler::Node(node)
            }
        }
    }

    fn hides_writers(&self, number: usize) -> bool {
        let seen = u64::from(self.writers.length(number));
        let ownership = self.index.objects[number].detail.ownership();
        let queued = ownership.map_or(0, |it| it.waiting_writers);
        self.tasks_missing || seen == 0 || seen != queued
    }

    fn owner(&self, owner: Owner) -> Enabler {
        if !owner.alive {
            return Enabler::Finished;
        }
        self.index.task(owner.task).map_or(Enabler::Anybody, Enabler::Node)
    }

    fn edge(&mut self, node: usize, enabler: usize) {
        self.edges.push((number(node), number(enabler)));
    }

    fn helper(&mut self, gate: Gate, enablers: &[usize]) -> usize {
        let node = self.gates.len();
        self.gates.push(gate);
        self.live.push(false);
        self.abandoned.push(false);
        for &enabler in enablers {
            self.edge(node, enabler);
        }
        node
    }
}

/// Objects with who holds them among readers, once for each time, and with who waits to own them alone.
fn users_of_locks(index: &Index<'_>) -> (Vec<Pair>, Vec<Pair>) {
    let (mut readers, mut writers) = (Vec::new(), Vec::new());
    for (task, facts) in index.tasks.iter().enumerate() {
        for hold in facts.holds.iter().filter(|hold| hold.mode == HoldMode::Shared) {
            let object = index.object_number(hold.object);
            readers.extend(object.map(|object| (number(object), number(task))));
        }
        for arm in wait_of(facts).map_or(&[][..], |wait| &wait.arms) {
            if let (WaitOp::Lock, Target::Object(id)) = (arm.op, arm.on) {
                let object = index.object_number(id);
                writers.extend(object.map(|object| (number(object), number(task))));
            }
        }
    }
    (readers, writers)
}
