//! Pairs of locks as values.

use gleak_snapshot::{
    HoldMode, Joined, LockPair, ObjectId, ObjectKind, PairWitness, PairedLock, RegionId, TaskId,
};

use crate::collect::sites::Sites;
use crate::lock::order::pairs::{self, Pair, Paired, Witness};
use crate::lock::order::{Asked, Mode};
use crate::records::tags::SpawnStack;

/// The stack of a witness, by the places of its pair and of itself.
#[derive(Debug)]
pub(super) struct PairStack {
    pub(super) pair: usize,
    pub(super) witness: usize,
    pub(super) calls: SpawnStack,
}

/// All pairs, in the order of a snapshot, and the stacks of their witnesses.
pub(super) fn collect(sites: &mut Sites) -> (Vec<LockPair>, Vec<PairStack>) {
    let mut found: Vec<(LockPair, Vec<Option<SpawnStack>>)> = Vec::new();
    pairs::each(|pair| found.push(value(pair, sites)));
    found.sort_by(|(a, _), (b, _)| a.key().cmp(&b.key()));
    let mut list = Vec::with_capacity(found.len());
    let mut stacks = Vec::new();
    for (pair, (value, calls)) in found.into_iter().enumerate() {
        let known = calls.into_iter().enumerate();
        let known =
            known.filter_map(|(witness, calls)| Some(PairStack { pair, witness, calls: calls? }));
        stacks.extend(known);
        list.push(value);
    }
    (list, stacks)
}

fn value(pair: &Pair, sites: &mut Sites) -> (LockPair, Vec<Option<SpawnStack>>) {
    let witnesses = pair.witnesses();
    let value = LockPair {
        held: lock(&pair.held, sites),
        wanted: lock(&pair.wanted, sites),
        timed: pair.asked == Asked::InTime,
        gates: pair.gates.iter().copied().map(ObjectId).collect(),
        witnesses: witnesses.iter().map(|it| witness(it, sites)).collect(),
    };
    (value, witnesses.iter().map(|it| it.stack.clone()).collect())
}

fn lock(lock: &Paired, sites: &mut Sites) -> PairedLock {
    PairedLock {
        object: ObjectId(lock.object),
        kind: if lock.is_rwlock { ObjectKind::RwLock } else { ObjectKind::Mutex },
        site: sites.site(lock.made_at),
        name: lock.name.clone(),
        mode: match lock.mode {
            Mode::Alone => HoldMode::Exclusive,
            Mode::AmongReaders => HoldMode::Shared,
        },
    }
}

fn witness(witness: &Witness, sites: &mut Sites) -> PairWitness {
    PairWitness {
        task: TaskId(witness.task),
        name: witness.name.clone(),
        spawn: witness.spawn.map(|(site, entry)| sites.spawn(site, entry)),
        parents: witness.parents.iter().copied().map(TaskId).collect(),
        region: (witness.region != 0).then_some(RegionId(witness.region)),
        held_at: sites.site(witness.held_at),
        wanted_at: sites.site(witness.wanted_at),
        stack: None,
        born: witness.born,
        first: witness.first,
        last: witness.last(),
        joined: pairs::join_of(witness.task).map(|(by, at)| Joined { by: TaskId(by), at }),
    }
}
