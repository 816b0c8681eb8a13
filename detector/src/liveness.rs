//! Who can still go on: the wait conditions of all tasks as one graph, and its least fixpoint.
//!
//! A task that waits can go on as soon as one of its arms has an enabler that can. Enablers are
//! known exactly for locks, initialisers and joins only; for everything else anybody may be one, and the task
//! counts as live. So what is left when nothing more turns live can never go on, whatever the
//! live ones do: a wake-up would need an enabler that is live.
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

use gleak_snapshot::{
    Arm, HoldMode, Object, ObjectDetail, ObjectId, Owner, Target, WaitOp, WaitReason,
};

use crate::index::{Index, all_read, ends_from_outside, wait_of};

/// When a node turns live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gate {
    /// With the first of its enablers.
    Any,
    /// With the last of them.
    All,
}

/// Who waits for whom.
pub(crate) struct WaitGraph {
    pub(crate) tasks: usize,
    /// Enablers of each node.
    pub(crate) enablers: Vec<Vec<usize>>,
    gates: Vec<Gate>,
    /// Live whatever the others do.
    live: Vec<bool>,
    /// Waits, among others, for a lock whose owner has finished.
    pub(crate) abandoned: Vec<bool>,
}

/// What a lock counts for whose owner has finished without giving it back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Abandoned {
    /// It may be given back in a way that no record shows.
    MayComeBack,
    /// It will not.
    Lost,
}

/// What could make one arm ready.
pub(crate) enum Enabler {
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
        builder.graph
    }

    /// Which nodes can still go on.
    pub(crate) fn live(&self, abandoned: Abandoned) -> Vec<bool> {
        let nodes = self.enablers.len();
        let mut enables = vec![Vec::new(); nodes];
        for (node, enablers) in self.enablers.iter().enumerate() {
            for &enabler in enablers {
                enables[enabler].push(node);
            }
        }
        let mut missing: Vec<usize> = (0..nodes)
            .map(|node| match self.gates[node] {
                Gate::Any => 1,
                Gate::All => self.enablers[node].len(),
            })
            .collect();
        let mut live = vec![false; nodes];
        let mut fresh: Vec<usize> = (0..nodes)
            .filter(|&node| {
                let may_come_back = abandoned == Abandoned::MayComeBack && self.abandoned[node];
                self.live[node] || may_come_back || missing[node] == 0
            })
            .collect();
        for &node in &fresh {
            live[node] = true;
        }
        while let Some(node) = fresh.pop() {
            for &waiting in &enables[node] {
                missing[waiting] = missing[waiting].saturating_sub(1);
                if missing[waiting] == 0 && !live[waiting] {
                    live[waiting] = true;
                    fresh.push(waiting);
                }
            }
        }
        live
    }
}

struct Builder<'i, 'a> {
    index: &'i Index<'a>,
    graph: WaitGraph,
    /// Whether tasks are missing, any of which might be a queued writer.
    tasks_missing: bool,
    /// By object: tasks that hold it among readers, once for each time.
    readers: Vec<Vec<usize>>,
    /// By object: tasks that wait to own it alone.
    writers: Vec<Vec<usize>>,
    all_readers: Vec<Option<usize>>,
    some_writer: Vec<Option<usize>>,
}

impl<'i, 'a> Builder<'i, 'a> {
    fn new(index: &'i Index<'a>) -> Self {
        let tasks = index.tasks.len();
        let objects = index.objects.len();
        let completeness = &index.snapshot.completeness;
        let mut builder = Builder {
            index,
            graph: WaitGraph {
                tasks,
                enablers: vec![Vec::new(); tasks],
                gates: vec![Gate::Any; tasks],
                live: vec![false; tasks],
                abandoned: vec![false; tasks],
            },
            tasks_missing: !all_read(completeness),
            readers: vec![Vec::new(); objects],
            writers: vec![Vec::new(); objects],
            all_readers: vec![None; objects],
            some_writer: vec![None; objects],
        };
        for (number, task) in index.tasks.iter().enumerate() {
            builder.note_locks(number, task);
        }
        builder
    }

    fn note_locks(&mut self, number: usize, task: &gleak_snapshot::Task) {
        for hold in &task.holds {
            if hold.mode == HoldMode::Shared
                && let Some(object) = self.index.object_number(hold.object)
            {
                self.readers[object].push(number);
            }
        }
        for arm in wait_of(task).map_or(&[][..], |wait| &wait.arms) {
            if arm.op == WaitOp::Lock
                && let Target::Object(id) = arm.on
                && let Some(object) = self.index.object_number(id)
            {
                self.writers[object].push(number);
            }
        }
    }

    fn add(&mut self, number: usize) {
        let task = self.index.tasks[number];
        let Some(wait) = wait_of(task) else {
            self.graph.live[number] = true;
            return;
        };
        // A wait without arms is only understood for a select; sleepers and hosts wait for
        // something that is in no record.
        let understood = !wait.arms.is_empty() || wait.reason == WaitReason::Select;
        let host = wait.reason == WaitReason::Host;
        if !understood || host || ends_from_outside(wait) || wait.unlisted_arms > 0 {
            self.graph.live[number] = true;
        }
        let needs_all = wait.reason == WaitReason::Join && wait.arms.len() > 1;
        if needs_all {
            self.graph.gates[number] = Gate::All;
        }
        for &arm in &wait.arms {
            match self.enabler(arm, wait.wanted) {
                // Live at once when nobody else is needed.
                Enabler::Anybody if needs_all => {}
                Enabler::Anybody => self.graph.live[number] = true,
                Enabler::Nobody => {}
                Enabler::Finished => self.graph.abandoned[number] = true,
                Enabler::Node(node) => self.graph.enablers[number].push(node),
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
            Holder::Readers(readers) if self.readers[number].len() as u64 != readers => {
                Enabler::Anybody
            }
            Holder::Readers(_) => {
                let readers = &self.readers[number];
                let node = self.all_readers[number]
                    .unwrap_or_else(|| self.graph.helper(Gate::All, readers.clone()));
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
                let writers = &self.writers[number];
                let node = self.some_writer[number]
                    .unwrap_or_else(|| self.graph.helper(Gate::Any, writers.clone()));
                self.some_writer[number] = Some(node);
                Enabler::Node(node)
            }
        }
    }

    fn hides_writers(&self, number: usize) -> bool {
        let seen = &self.writers[number];
        let queued = match self.index.objects[number].detail {
            ObjectDetail::RwLock { waiting_writers, .. } => waiting_writers,
            ObjectDetail::Mutex { .. }
            | ObjectDetail::Channel { .. }
            | ObjectDetail::WaitGroup { .. }
            | ObjectDetail::Context { .. }
            | ObjectDetail::Socket { .. }
            | ObjectDetail::Cond { .. }
            | ObjectDetail::Once { .. }
            | ObjectDetail::Semaphore { .. }
            | ObjectDetail::Barrier { .. } => 0,
        };
        self.tasks_missing || seen.is_empty() || seen.len() as u64 != queued
    }

    fn owner(&self, owner: Owner) -> Enabler {
        if !owner.alive {
            return Enabler::Finished;
        }
        self.index.task(owner.task).map_or(Enabler::Anybody, Enabler::Node)
    }
}

impl WaitGraph {
    fn helper(&mut self, gate: Gate, enablers: Vec<usize>) -> usize {
        let node = self.enablers.len();
        self.enablers.push(enablers);
        self.gates.push(gate);
        self.live.push(false);
        self.abandoned.push(false);
        node
    }
}

/// Who keeps others from a lock.
pub(crate) enum Holder {
    /// The facts prove nothing.
    Unknown,
    /// One, alone.
    Owner(Owner),
    /// That many readers; none when it is free.
    Readers(u64),
}

/// Who keeps others from an object; [`Holder::Unknown`] for what is no lock.
pub(crate) fn sole_owner(object: &Object) -> Holder {
    let (owner, readers, exact) = match object.detail {
        ObjectDetail::Mutex { owner, exact } => (owner, 0, exact),
        ObjectDetail::RwLock { owner, readers, exact, .. } => (owner, readers, exact),
        ObjectDetail::Once { owner, .. } => (owner, 0, true),
        ObjectDetail::Channel { .. }
        | ObjectDetail::WaitGroup { .. }
        | ObjectDetail::Context { .. }
        | ObjectDetail::Socket { .. }
        | ObjectDetail::Cond { .. }
        | ObjectDetail::Semaphore { .. }
        | ObjectDetail::Barrier { .. } => return Holder::Unknown,
    };
    match owner {
        _ if object.unsettled || !exact => Holder::Unknown,
        Some(owner) => Holder::Owner(owner),
        None => Holder::Readers(readers),
    }
}
