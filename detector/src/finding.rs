//! What a judgement says: the report and its parts, as data.
//!
//! Invariants:
//! 1. A finding is a group (one fingerprint), never one per task.
//! 2. Findings are ordered by rule (most certain first, causes before what hangs on them), then by
//!    number of tasks in it and behind it, then by fingerprint.
//! 3. Everything a renderer prints is in here; it looks nothing up but names of sites.

use std::collections::BTreeSet;
use std::fmt;

use gleak_snapshot::{
    Completeness, KernelSleep, ObjectKind, RegionId, Site, TaskId, WaitReason, WaiterKind, WorkerId,
};
use serde::{Deserialize, Serialize};

use crate::{Backtrace, Exception, Keeps};

/// A kind of finding. The order is the order of certainty, then of gravity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Tasks wait for each other in a circle, through locks and joins.
    Cycle,
    /// A task waits for what cannot come about: a never-channel, an empty select, itself.
    Structural,
    /// Nothing in the process can run, and nothing outside could wake anything.
    Asleep,
    /// A task panicked and nobody joined it.
    Panicked,
    /// Something was done that is never right.
    Misuse,
    /// A group's error that nobody waited for.
    UnseenError,
    /// The lock's owner has finished without giving it back.
    AbandonedLock,
    /// Every task of the region waits for objects that only this region ever touched.
    AsleepInRegion,
    /// It runs on without leaving its worker although its region has ended.
    Spinner,
    /// Waits on, although a context that it has asked was cancelled.
    CancelIgnored,
    /// Waits for the other side of a socket, without a deadline.
    SilentPeer,
    /// It waits for a notification, and the last one came before it.
    LostWakeUp,
    /// It waits while it holds a lock that others want.
    HeldOverBlock,
    /// Still alive when its region ended, and could still go on.
    Outlived,
    /// Has waited for longer than was asked about, and nothing has happened to what it waits for.
    WaitingLong,
    /// There were more of them in each sample, and none of them has gone.
    Growing,
    /// Tasks took locks in orders that do not agree, and did not meet.
    LockOrder,
}

impl Rule {
    /// Its name in files, on command lines and in fingerprints.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Rule::Cycle => "cycle",
            Rule::Structural => "structural",
            Rule::Asleep => "asleep",
            Rule::Panicked => "panicked",
            Rule::Misuse => "misuse",
            Rule::UnseenError => "unseen-error",
            Rule::AbandonedLock => "abandoned-lock",
            Rule::AsleepInRegion => "asleep-in-region",
            Rule::Spinner => "spinner",
            Rule::CancelIgnored => "cancel-ignored",
            Rule::SilentPeer => "silent-peer",
            Rule::LostWakeUp => "lost-wake-up",
            Rule::HeldOverBlock => "held-over-block",
            Rule::Outlived => "outlived",
            Rule::WaitingLong => "waiting-long",
            Rule::Growing => "growing",
            Rule::LockOrder => "lock-order",
        }
    }

    /// Whether its findings are on what tasks have done: they may have ended, and are not stuck.
    #[must_use]
    pub fn is_event(self) -> bool {
        matches!(self, Rule::Panicked | Rule::Misuse | Rule::UnseenError | Rule::LockOrder)
    }
}

/// How much a finding is worth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Proven: it can never go on, or it has happened.
    Certain,
    /// Only something that no record shows could still wake it.
    Strong,
    /// It was alive, no more.
    Weak,
    /// It did not happen, and could.
    Potential,
}

impl Certainty {
    /// Its word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Certainty::Certain => "certain",
            Certainty::Strong => "strong",
            Certainty::Weak => "weak",
            Certainty::Potential => "potential",
        }
    }
}

/// The identity of a finding: equal for the same leak in every process, test and build.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a fingerprint is made of, for people and for `moved?`. Lines are shown, never hashed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FindingKey {
    /// The rule.
    pub rule: Rule,
    /// The spawned closure's type name without generics and `{{closure}}`.
    pub entry: String,
    /// File of the spawn.
    pub spawn_file: String,
    /// What it waited for: `receive`, `lock`, `select(receive,send)`, `running`, `never started` …
    pub wait_class: String,
    /// Kind of the object waited for, when there is one.
    pub object: Option<ObjectKind>,
    /// File of the wait; empty when it did not wait.
    pub block_file: String,
}

/// A task in a finding or a group.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Member {
    /// The task.
    pub task: TaskId,
    /// Its name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Labels given at spawn, sorted by key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<(String, String)>,
    /// What it is charged to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionId>,
    /// For how long it has waited; none when it does not wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_ns: Option<u64>,
}

/// Tasks that were made at the same place and wait at the same place for the same kind of thing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Whether they are tasks or threads.
    #[serde(default, skip_serializing_if = "WaiterKind::is_task")]
    pub kind: WaiterKind,
    /// The spawned closure's type name without generics and `{{closure}}`; `thread` for threads that
    /// were not spawned through the runtime.
    pub entry: String,
    /// Where they were spawned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawn: Option<Site>,
    /// Spawn sites of their ancestors, nearest first, of the first member.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestry: Vec<Site>,
    /// What their ancestors run, nearest first: those that all of them have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub creators: Vec<String>,
    /// Why they wait; none when they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<WaitReason>,
    /// As in [`FindingKey::wait_class`].
    pub wait_class: String,
    /// What they wait for, in words: `to receive on channel #4 "jobs"`, `to receive on 5 channels`.
    pub waits_for: String,
    /// Where they wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Site>,
    /// Where their stacks stand: the stack that most of them have. None when none was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<Backtrace>,
    /// Where their spawners' stacks stood, as far as that is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawn_backtrace: Option<Backtrace>,
    /// What they keep alive, and from others.
    #[serde(default, skip_serializing_if = "Keeps::is_nothing")]
    pub keeps: Keeps,
    /// Who they are, by id.
    pub members: Vec<Member>,
}

/// One step of a cycle or of a chain: a task, what it wants, and who has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    /// The waiting task.
    pub task: Member,
    /// Where it was spawned; none for threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawn: Option<Site>,
    /// What it wants, in words: `lock #2 "accounts"`, `the end of t4`.
    pub wants: String,
    /// Where it wants it.
    pub at: Site,
    /// The task that has it.
    pub held_by: TaskId,
    /// Where that one took it, and how long ago; none for a join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Site>,
    /// For how long it has been held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_ns: Option<u64>,
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// What the identity is made of.
    pub key: FindingKey,
    /// How much it is worth.
    pub certainty: Certainty,
    /// One sentence: what is the matter and why it is known.
    pub because: String,
    /// The tasks it is about. A cycle has one group a task where they differ.
    pub groups: Vec<Group>,
    /// The circle, or the chain to the root blocker; empty when there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Link>,
    /// Tasks that wait, directly or not, for the tasks of this finding and for nobody else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<Group>,
    /// Names of the regions (tests) that its tasks are charged to, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// Facts that help and prove nothing: last users of the other end, how full a channel is …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<String>,
}

impl Finding {
    /// Number of tasks it is about, dependents not counted.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.groups.iter().map(|group| group.members.len()).sum()
    }

    /// Number of tasks that wait behind it.
    #[must_use]
    pub fn behind(&self) -> usize {
        self.dependents.iter().map(|group| group.members.len()).sum()
    }

    /// Whether its tasks live and can never go on: it is certain, and not of something that was done.
    #[must_use]
    pub fn is_for_good(&self) -> bool {
        self.certainty == Certainty::Certain && !self.key.rule.is_event()
    }
}

impl Report {
    /// Tasks that can never go on, and those behind them.
    #[must_use]
    pub fn never_again(&self) -> BTreeSet<TaskId> {
        let findings = self.findings.iter().filter(|finding| finding.is_for_good());
        let groups = findings.flat_map(|finding| finding.groups.iter().chain(&finding.dependents));
        groups.flat_map(|group| group.members.iter().map(|member| member.task)).collect()
    }
}

impl Report {
    /// Whom to look at first: who holds most others up, or else the first task that is found; none when
    /// nothing is found on a task that lives.
    #[must_use]
    pub fn root(&self) -> Option<TaskId> {
        let alive = |finding: &&Finding| !finding.key.rule.is_event();
        let most = self.findings.iter().filter(alive).map(Finding::behind).max()?;
        let first = self.findings.iter().filter(alive).find(|it| it.behind() == most)?;
        let all = || first.groups.iter().chain(&first.dependents).flat_map(|it| &it.members);
        let end = first.chain.last().map(|link| link.held_by);
        let lives = |id: &TaskId| all().any(|member| member.task == *id);
        end.filter(lives).or_else(|| all().map(|member| member.task).next())
    }
}

/// Puts findings in the order of a report.
pub(crate) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let rule = a.key.rule.cmp(&b.key.rule);
        let size = |finding: &Finding| finding.tasks() + finding.behind();
        rule.then_with(|| size(b).cmp(&size(a))).then_with(|| a.fingerprint.cmp(&b.fingerprint))
    });
}

/// Whether the whole process sleeps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asleep {
    /// Something can go on, or that is not known.
    No,
    /// Nothing can run, and nothing outside could wake anything.
    Certain,
    /// Nothing of ours can run; these threads could still act. No finding.
    UnlessThreads(Vec<String>),
    /// Nothing of ours can run but tasks on these workers, whose threads sleep in the kernel in calls of
    /// the tasks' own: somebody outside may end that. No finding.
    UnlessWorkers(Vec<WorkerId>),
}

/// A worker that one task has kept for 10 ms or more, so that nobody else who has started on it can
/// go on. A fact, no finding: the task may be at work.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HeldWorker {
    /// Which one.
    pub worker: WorkerId,
    /// The task that keeps it.
    pub by: Member,
    /// Where that was spawned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spawn: Option<Site>,
    /// What it waits for, in words, when it waits without leaving its thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// How its thread sleeps in the kernel, in the task's own doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleeps: Option<KernelSleep>,
    /// Where its stack stood. None when none was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<Backtrace>,
    /// For how long.
    pub held_ns: u64,
    /// Other tasks that have started there: none of them can run meanwhile.
    pub started: u64,
    /// Those of them that are ready to.
    pub ready: u64,
}

/// What a program printed beside its tasks. A fact, no finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Aside {
    /// What it is.
    pub kind: AsideKind,
    /// Its words, as far as they are kept.
    pub lines: Vec<String>,
}

/// What a program prints beside its tasks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AsideKind {
    /// What it ended by: a panic, with those that were recovered before, or a fatal error.
    Panic,
    /// Two of it touched one place in memory at once.
    Race,
    /// The signal that ended it, and where: of a process whose memory was read.
    Signal,
}

/// Counts over the whole snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Live tasks.
    pub tasks: u64,
    /// Threads that were spawned through the runtime, and others that wait; those inside `run`, which wait
    /// for their own main task, are not counted.
    pub threads: u64,
    /// Tasks that wait with no timer armed.
    pub waiting: u64,
    /// Tasks that wait for a timer at the latest.
    pub timed: u64,
    /// Tasks that run or could run.
    pub active: u64,
    /// Tasks that have not started.
    pub fresh: u64,
    /// Tasks that are in certain findings or behind them: they can never go on.
    pub stuck: u64,
}

/// A judgement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Name of the program.
    pub program: String,
    /// Its process id.
    pub pid: u32,
    /// Whether the whole process sleeps.
    pub asleep: Asleep,
    /// What was found, most certain first.
    pub findings: Vec<Finding>,
    /// Workers held by tasks in scope, or before them; longest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldWorker>,
    /// All live tasks in scope, grouped, biggest group first.
    pub groups: Vec<Group>,
    /// Counts.
    pub totals: Totals,
    /// What the snapshot did not see.
    pub completeness: Completeness,
    /// What ignores and suppressions did, in the order in which they were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
    /// What the program printed beside its tasks, and what ended it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asides: Vec<Aside>,
}
