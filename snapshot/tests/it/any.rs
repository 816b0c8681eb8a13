//! Any valid snapshot: every choice is read off a tape of numbers, so that proptest shrinks the
//! tape and what is made stays valid.

use gleak_snapshot::{
    Arm, Completeness, Counters, Coverage, Crash, Endpoint, Frame, FrameId, Header, Hold, HoldMode,
    Joined, KernelSleep, LastUse, LockPair, Misuse, MisuseFact, MisusedObject, Module, ModuleId,
    Object, ObjectDetail, ObjectId, ObjectKind, Owner, PairWitness, PairedLock, PanicFact, Reason,
    Region, RegionId, RegionKind, Registers, Site, SiteId, Snapshot, SpawnId, SpawnPoint, Stack,
    StackId, StackUse, Symbol, Task, TaskId, TaskState, Tenure, Thread, Touched, Unheard, Wait,
    WaitOp, WaitReason, WaiterKind, Worker, WorkerId,
};
use proptest::prelude::*;

pub(crate) fn snapshots() -> impl Strategy<Value = Snapshot> {
    proptest::collection::vec(any::<u64>(), 0..400).prop_map(|numbers| {
        let snapshot = Tape(numbers.into_iter()).snapshot();
        assert_eq!(snapshot.validate(), Ok(()));
        snapshot
    })
}

/// Numbers to choose by; zeros when it has run out.
struct Tape(std::vec::IntoIter<u64>);

const TEXTS: [&str; 8] = [
    "",
    "a",
    "src/été.rs",
    "\"\\\n\r\t\0",
    "🦀{{closure}}",
    "<lost>",
    "\",\"crc\":\"00000000\"}",
    "\u{7f}\u{2028}",
];

impl Tape {
    fn number(&mut self) -> u64 {
        self.0.next().unwrap_or(0)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.number() % limit.max(1) as u64) as usize
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.coin().then(|| make(self))
    }

    fn list<T>(&mut self, max: usize, mut make: impl FnMut(&mut Self, usize) -> T) -> Vec<T> {
        let len = self.below(max + 1);
        (0..len).map(|index| make(self, index)).collect()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn text(&mut self) -> String {
        self.pick(&TEXTS).to_owned()
    }

    fn small(&mut self) -> u32 {
        self.number() as u32
    }

    /// Ids that grow, with gaps.
    fn id(&mut self, index: usize) -> u64 {
        1 + index as u64 * 10 + self.number() % 10
    }

    fn snapshot(mut self) -> Snapshot {
        let mut s = Snapshot { header: self.header(), ..Snapshot::default() };
        // One of each table, so that there is something to name.
        let more_sites = self.list(4, |tape, _| tape.site());
        s.sites = std::iter::once(self.site()).chain(more_sites).collect();
        let more_spawns = self.list(3, |tape, _| tape.spawn_point(&s));
        s.spawns = std::iter::once(self.spawn_point(&s)).chain(more_spawns).collect();
        s.modules = self.list(2, |tape, _| tape.module());
        s.frames = self.list(5, |tape, _| tape.frame(&s));
        s.stacks = self.list(3, |tape, _| tape.stack(&s));
        s.regions = self.list(3, |tape, index| tape.region(index, &s));
        s.objects = self.list(6, |tape, index| tape.object(index, &s));
        s.workers = self.list(3, |tape, index| tape.worker(index));
        s.tasks = self.list(8, |tape, index| tape.task(index, &s));
        self.runners(&mut s);
        self.holders(&mut s);
        s.lock_order = self.list(4, |tape, index| tape.lock_pair(index, &s));
        s.panics = self.list(3, |tape, index| tape.panic(index, &s));
        if self.coin() {
            s.panics.reverse();
        }
        s.misuses = self.list(3, |tape, index| tape.misuse(index, &s));
        s.activity.still = self.coin();
        s.activity.queued = self.number();
        s.activity.timers = self.number();
        s.activity.threads_known = self.coin();
        s.activity.threads =
            self.list(2, |tape, _| Thread { tid: tape.small(), name: tape.text() });
        s.completeness = self.completeness(&s);
        s
    }

    fn header(&mut self) -> Header {
        let reasons = [
            Reason::Request,
            Reason::Asleep,
            Reason::Panic,
            Reason::MainReturned,
            Reason::Late,
            Reason::Signal,
            Reason::Region,
            Reason::Flight,
            Reason::Core,
            Reason::Crash,
        ];
        Header {
            program: self.text(),
            pid: self.small(),
            reason: self.pick(&reasons),
            taken_ns: self.number(),
            wall_s: self.number(),
            counters: Counters { spawned: self.number(), finished: self.number() },
            crash: self.crash(),
        }
    }

    fn crash(&mut self) -> Option<Crash> {
        let (signal, code) = (self.small().cast_signed(), self.small().cast_signed());
        let address = self.coin().then(|| self.number());
        let task = self.coin().then(|| TaskId(self.number()));
        let overflow = self.coin();
        self.coin().then(|| Crash { signal, code, address, thread: self.small(), task, overflow })
    }

    fn completeness(&mut self, s: &Snapshot) -> Completeness {
        let moving = s.tasks.iter().filter(|task| task.state == TaskState::Moving).count();
        let unsettled = s.objects.iter().filter(|object| object.unsettled).count();
        // Sums with what the reader finds must not reach the end of the numbers.
        let mut few = || self.number() >> 32;
        Completeness {
            moving: moving as u64 + few(),
            unsettled_objects: unsettled as u64 + few(),
            lost_stacks: few(),
            unread_names: few(),
            dropped_panics: few(),
            dropped_misuses: few(),
            dropped_pairs: few(),
            missing_tasks: few(),
            cut: few() % 2 == 1,
            unsettled_uncharged: few() % 2 == 1,
            damaged_lines: few(),
            unknown_lines: few(),
            coverage: (few() % 2 == 1).then(|| Coverage {
                wrapped: few(),
                hooked: few() % 2,
                counted: (few() % 2 == 1).then(&mut few),
            }),
        }
    }

    fn site(&mut self) -> Site {
        Site { file: self.text(), line: self.small(), column: self.small() }
    }

    fn site_id(&mut self, s: &Snapshot) -> SiteId {
        SiteId(self.below(s.sites.len()) as u32)
    }

    fn spawn_id(&mut self, s: &Snapshot) -> SpawnId {
        SpawnId(self.below(s.spawns.len()) as u32)
    }

    fn spawn_point(&mut self, s: &Snapshot) -> SpawnPoint {
        SpawnPoint { site: self.site_id(s), entry: self.text() }
    }

    fn module(&mut self) -> Module {
        Module { path: self.text(), base: self.number(), build_id: self.maybe(Tape::text) }
    }

    fn frame(&mut self, s: &Snapshot) -> Frame {
        let module = self.below(s.modules.len() + 1);
        Frame {
            module: (module < s.modules.len()).then_some(ModuleId(module as u32)),
            address: self.number(),
            symbols: self.symbols(),
        }
    }

    fn symbols(&mut self) -> Vec<Symbol> {
        self.list(3, |tape, _| Symbol {
            function: tape.text(),
            file: tape.maybe(Tape::text),
            line: tape.maybe(Tape::small),
        })
    }

    fn stack(&mut self, s: &Snapshot) -> Stack {
        let most = if s.frames.is_empty() { 0 } else { 4 };
        let frames = self.list(most, |tape, _| FrameId(tape.below(s.frames.len()) as u32));
        Stack { frames, cut: self.coin() }
    }

    fn stack_id(&mut self, s: &Snapshot) -> Option<StackId> {
        let stack = self.below(s.stacks.len() + 1);
        (stack < s.stacks.len()).then_some(StackId(stack as u32))
    }

    fn region(&mut self, index: usize, s: &Snapshot) -> Region {
        Region {
            id: RegionId(self.id(index)),
            kind: self.pick(&[
                RegionKind::Test,
                RegionKind::Guard,
                RegionKind::Run,
                RegionKind::Thread,
            ]),
            name: self.text(),
            site: self.site_id(s),
            closed: self.coin(),
            deferred: self.number(),
            unsettled: self.coin(),
        }
    }

    fn region_id(&mut self, s: &Snapshot) -> Option<RegionId> {
        let region = self.below(s.regions.len() + 1);
        s.regions.get(region).map(|region| region.id)
    }

    fn object(&mut self, index: usize, s: &Snapshot) -> Object {
        let end = |tape: &mut Tape| Endpoint {
            handles: tape.maybe(Tape::number),
            last: tape.maybe(|tape| LastUse { task: TaskId(tape.number()), site: tape.site_id(s) }),
        };
        let detail = match self.below(10) {
            0 => ObjectDetail::Channel {
                capacity: self.maybe(Tape::number),
                len: self.number(),
                closed: self.coin(),
                sender: end(self),
                receiver: end(self),
            },
            1 => ObjectDetail::Mutex { owner: None, exact: self.coin() },
            2 => ObjectDetail::RwLock {
                owner: None,
                readers: 0,
                waiting_writers: 0,
                reader: self
                    .maybe(|tape| LastUse { task: TaskId(tape.number()), site: tape.site_id(s) }),
                exact: self.coin(),
            },
            3 => ObjectDetail::WaitGroup {
                count: self.number() as i64,
                tokens: self.number(),
                loose: self.coin(),
            },
            4 => {
                let (descriptor, listens) = (self.small(), self.coin());
                let peer = self.maybe(Tape::text).filter(|_| !listens);
                ObjectDetail::Socket { descriptor, peer, listens }
            }
            5 => ObjectDetail::Cond {
                mutex: self.maybe(|tape| ObjectId(tape.number())),
                unheard: self.maybe(|tape| Unheard {
                    by: LastUse { task: TaskId(tape.number()), site: tape.site_id(s) },
                    at_ns: tape.number(),
                    times: tape.number(),
                }),
            },
            6 => ObjectDetail::Once { owner: None, done: self.coin() },
            7 => ObjectDetail::Semaphore {
                permits: self.number(),
                available: self.number(),
                taken: end(self).last,
            },
            8 => ObjectDetail::Barrier { size: self.number(), arrived: self.number() },
            _ => self.context(s),
        };
        Object {
            id: ObjectId(self.id(index)),
            site: self.site_id(s),
            name: self.maybe(Tape::text),
            touched: self.region_id(s).map_or(Touched::Shared, Touched::Only),
            unsettled: self.below(4) == 1,
            detail,
        }
    }

    fn context(&mut self, s: &Snapshot) -> ObjectDetail {
        let cancelled = self.coin();
        let by = self.maybe(|tape| LastUse { task: TaskId(tape.number()), site: tape.site_id(s) });
        ObjectDetail::Context {
            cancelled,
            cancelled_ns: self.maybe(Tape::number).filter(|_| cancelled),
            by: by.filter(|_| cancelled),
            deadline_ns: self.maybe(Tape::number),
            parent: self.maybe(|tape| ObjectId(tape.number())),
        }
    }

    fn task(&mut self, index: usize, s: &Snapshot) -> Task {
        let kind = self.pick(&[WaiterKind::Task, WaiterKind::Thread]);
        let spawn = self.spawn_id(s);
        let mut labels = self.list(3, |tape, _| (tape.text(), tape.text()));
        labels.sort();
        let state = match self.below(8) {
            0 => TaskState::Fresh,
            1 => TaskState::Runnable,
            2 => TaskState::Running,
            3 => TaskState::Moving,
            _ => TaskState::Waiting(self.wait(s)),
        };
        let has_started = kind == WaiterKind::Task && state != TaskState::Fresh;
        let worker = self.below(s.workers.len() + 1);
        Task {
            id: TaskId(self.id(index)),
            kind,
            parent: self.maybe(|tape| TaskId(tape.number())),
            region: self.region_id(s),
            spawn: (kind == WaiterKind::Task || self.coin()).then_some(spawn),
            ancestry: self.list(4, |tape, _| tape.spawn_id(s)),
            name: self.maybe(Tape::text),
            labels,
            main: self.coin(),
            tenure: self.pick(&[Tenure::Ordinary, Tenure::Background, Tenure::Daemon]),
            worker: s.workers.get(worker).filter(|_| has_started).map(|worker| worker.id),
            state,
            holds: Vec::new(),
            asked: self.context_id(s),
            backtrace: self.stack_id(s),
            spawn_backtrace: self.stack_id(s),
            stack: self.maybe(|tape| StackUse { bytes: tape.number(), touched: tape.number() }),
        }
    }

    fn context_id(&mut self, s: &Snapshot) -> Option<ObjectId> {
        let is_context = |object: &&Object| object.kind() == ObjectKind::Context;
        let contexts: Vec<ObjectId> = s.objects.iter().filter(is_context).map(|it| it.id).collect();
        let chosen = self.below(contexts.len() + 1);
        contexts.get(chosen).copied()
    }

    fn worker(&mut self, index: usize) -> Worker {
        let id = WorkerId(index as u32 * 10 + self.below(10) as u32);
        Worker { id, running: None, held_since_ns: None, sleeps: None }
    }

    /// Puts tasks onto the workers that they have started on.
    fn runners(&mut self, s: &mut Snapshot) {
        for worker in &mut s.workers {
            let here = s.tasks.iter().filter(|task| task.worker == Some(worker.id));
            let here: Vec<TaskId> = here.map(|task| task.id).collect();
            let chosen = self.below(here.len() + 1);
            worker.running = here.get(chosen).copied();
            worker.held_since_ns = worker.running.and_then(|_| self.maybe(Tape::number));
            let sleeps = self.maybe(|tape| tape.pick(&[KernelSleep::Futex, KernelSleep::Call]));
            worker.sleeps = sleeps.filter(|_| worker.running.is_some());
        }
    }

    fn wait(&mut self, s: &Snapshot) -> Wait {
        use WaitReason as R;
        let arms = self.list(4, |tape, _| tape.arm(s));
        let first = arms.first().copied();
        let mutex = |on| match on {
            gleak_snapshot::Target::Object(id) => {
                s.objects.iter().any(|object| object.id == id && object.kind() == ObjectKind::Mutex)
            }
            gleak_snapshot::Target::Task(_) | gleak_snapshot::Target::Never => true,
        };
        // A plain wait by its first arm, or a select of all.
        let (reason, arms) = match (self.below(3), first) {
            (0, _) => (R::Select, arms),
            (_, None) => (self.pick(&[R::Sleep, R::Host, R::Select, R::Blocking, R::Future]), arms),
            (_, Some(arm)) => {
                let reason = match arm.op {
                    WaitOp::Send => R::Send,
                    WaitOp::Receive => R::Receive,
                    WaitOp::Lock if mutex(arm.on) => R::Lock,
                    WaitOp::Lock => R::WriteLock,
                    WaitOp::ReadLock => R::ReadLock,
                    WaitOp::WaitGroup => R::WaitGroup,
                    WaitOp::Cancel => R::Cancel,
                    WaitOp::Read => R::Read,
                    WaitOp::Write => R::Write,
                    WaitOp::Cond => R::Cond,
                    WaitOp::Once => R::Once,
                    WaitOp::Acquire => R::Semaphore,
                    WaitOp::Barrier => R::Barrier,
                    WaitOp::Join => self.pick(&[R::Join, R::Host, R::Blocking]),
                };
                (reason, vec![arm])
            }
        };
        let until = self.maybe(Tape::number).or((reason == R::Sleep).then_some(7));
        let (ip, sp, bp) = (self.number(), self.number(), self.number());
        Wait {
            reason,
            arms,
            unlisted_arms: if self.coin() { self.small() } else { 0 },
            wanted: self.maybe(Tape::number).filter(|_| reason == R::Semaphore),
            site: self.site_id(s),
            since_ns: self.number(),
            until_ns: until,
            on_thread: self.coin(),
            registers: self.maybe(|_| Registers { ip, sp, bp }),
        }
    }

    fn arm(&mut self, s: &Snapshot) -> Arm {
        let object = self.below(s.objects.len() + 2);
        let Some(object) = s.objects.get(object) else {
            let task = TaskId(self.number() % 90);
            return if self.coin() { Arm::task(task) } else { Arm::never(WaitOp::Receive) };
        };
        let op = match object.kind() {
            ObjectKind::Channel => self.pick(&[WaitOp::Send, WaitOp::Receive]),
            ObjectKind::Mutex => WaitOp::Lock,
            ObjectKind::RwLock => self.pick(&[WaitOp::Lock, WaitOp::ReadLock]),
            ObjectKind::WaitGroup => WaitOp::WaitGroup,
            ObjectKind::Context => WaitOp::Cancel,
            ObjectKind::Socket => self.pick(&[WaitOp::Read, WaitOp::Write]),
            ObjectKind::Cond => WaitOp::Cond,
            ObjectKind::Once => WaitOp::Once,
            ObjectKind::Semaphore => WaitOp::Acquire,
            ObjectKind::Barrier => WaitOp::Barrier,
        };
        Arm { place: self.maybe(|any| any.below(9) as u32), ..Arm::object(op, object.id) }
    }

    /// Gives locks owners and readers that agree with what tasks hold.
    fn holders(&mut self, s: &mut Snapshot) {
        for index in 0..s.objects.len() {
            let id = s.objects[index].id;
            let chosen = self.below(s.tasks.len() + 2);
            let site = self.site_id(s);
            let since_ns = self.number();
            let task = s.tasks.get_mut(chosen);
            match &mut s.objects[index].detail {
                ObjectDetail::RwLock { readers, .. } if self.coin() => {
                    *readers = u64::from(task.is_some()) + self.number() % 3;
                    if let Some(task) = task {
                        task.holds.push(Hold { object: id, mode: HoldMode::Shared });
                    }
                }
                ObjectDetail::Mutex { owner, .. }
                | ObjectDetail::RwLock { owner, .. }
                | ObjectDetail::Once { owner, .. } => {
                    *owner = task.map(|task| {
                        task.holds.push(Hold { object: id, mode: HoldMode::Exclusive });
                        Owner { task: task.id, site, since_ns, alive: true }
                    });
                    if owner.is_none() && self.coin() {
                        let finished = TaskId(1000 + self.number() % 1000);
                        *owner = Some(Owner { task: finished, site, since_ns, alive: false });
                    }
                }
                ObjectDetail::Channel { .. }
                | ObjectDetail::WaitGroup { .. }
                | ObjectDetail::Context { .. }
                | ObjectDetail::Socket { .. }
                | ObjectDetail::Cond { .. }
                | ObjectDetail::Semaphore { .. }
                | ObjectDetail::Barrier { .. } => {}
            }
        }
    }

    fn lock_pair(&mut self, index: usize, s: &Snapshot) -> LockPair {
        let held = 100 * index as u64 + self.number() % 50;
        let wanted = held + 1 + self.number() % 50;
        let gates = self.list(3, |tape, index| ObjectId(1000 + tape.id(index)));
        let (mut held, mut wanted) = (self.paired(held, s), self.paired(wanted, s));
        if self.coin() {
            std::mem::swap(&mut held, &mut wanted);
        }
        let first = self.pair_witness(0, s);
        let mut witnesses = self.list(2, |tape, index| tape.pair_witness(index + 1, s));
        witnesses.insert(0, first);
        LockPair { held, wanted, timed: self.coin(), gates, witnesses }
    }

    fn paired(&mut self, id: u64, s: &Snapshot) -> PairedLock {
        let kind = self.pick(&[ObjectKind::Mutex, ObjectKind::RwLock]);
        let shared = kind == ObjectKind::RwLock && self.coin();
        PairedLock {
            object: ObjectId(id),
            kind,
            site: self.site_id(s),
            name: self.maybe(Tape::text),
            mode: if shared { HoldMode::Shared } else { HoldMode::Exclusive },
        }
    }

    fn pair_witness(&mut self, index: usize, s: &Snapshot) -> PairWitness {
        let born = self.number() >> 2;
        let first = born + (self.number() >> 2);
        PairWitness {
            task: TaskId(self.id(index)),
            name: self.maybe(Tape::text),
            spawn: self.maybe(|tape| tape.spawn_id(s)),
            parents: self.list(2, |tape, _| TaskId(tape.number())),
            region: self.region_id(s),
            held_at: self.site_id(s),
            wanted_at: self.site_id(s),
            stack: self.stack_id(s),
            born,
            first,
            last: first + (self.number() >> 2),
            joined: self.maybe(|tape| Joined { by: TaskId(tape.number()), at: tape.number() }),
        }
    }

    fn panic(&mut self, index: usize, s: &Snapshot) -> PanicFact {
        PanicFact {
            task: TaskId(self.id(index)),
            kind: self.pick(&[WaiterKind::Task, WaiterKind::Thread]),
            name: self.maybe(Tape::text),
            region: self.region_id(s),
            spawn: self.spawn_id(s),
            site: self.maybe(|tape| tape.site_id(s)),
            message: self.text(),
            stack: self.symbols(),
        }
    }

    fn misuse(&mut self, index: usize, s: &Snapshot) -> MisuseFact {
        let kinds = [Misuse::GroupReused, Misuse::StrangerUnlock, Misuse::UnseenError];
        let of = [ObjectKind::WaitGroup, ObjectKind::Mutex, ObjectKind::RwLock];
        MisuseFact {
            kind: self.pick(&kinds),
            task: TaskId(self.id(index)),
            name: self.maybe(Tape::text),
            region: self.region_id(s),
            spawn: self.maybe(|tape| tape.spawn_id(s)),
            object: self.maybe(|tape| MisusedObject {
                id: ObjectId(tape.number()),
                kind: tape.pick(&of),
                site: tape.site_id(s),
                name: tape.maybe(Tape::text),
            }),
            site: self.maybe(|tape| tape.site_id(s)),
            other: self
                .maybe(|tape| LastUse { task: TaskId(tape.number()), site: tape.site_id(s) }),
            times: self.number(),
        }
    }
}
