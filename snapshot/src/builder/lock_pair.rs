//! Pairs of locks of a [`SnapshotBuilder`].

use super::SnapshotBuilder;
use crate::{HoldMode, LockPair, ObjectId, PairWitness, PairedLock, TaskId};

impl SnapshotBuilder {
    /// Adds that somebody took `wanted` while it held `held`, both alone. Change it to say more.
    ///
    /// # Panics
    ///
    /// When there is no such object.
    #[track_caller]
    pub fn lock_pair(
        &mut self,
        held: ObjectId,
        wanted: ObjectId,
        witness: PairWitness,
    ) -> &mut LockPair {
        let (held, wanted) = (self.paired(held), self.paired(wanted));
        let witnesses = vec![witness];
        let pairs = &mut self.snapshot.lock_order;
        pairs.push(LockPair { held, wanted, timed: false, gates: Vec::new(), witnesses });
        let last = pairs.len() - 1;
        &mut pairs[last]
    }

    /// A task, spawned at the first moment, that took `held` and then `wanted` at these places, once,
    /// later than all witnesses before.
    #[track_caller]
    pub fn pair_witness(
        &mut self,
        task: TaskId,
        (spawn_site, entry): (&str, &str),
        held_at: &str,
        wanted_at: &str,
    ) -> PairWitness {
        let before = self.snapshot.lock_order.iter().flat_map(|pair| &pair.witnesses);
        let now = before.map(|it| it.last).max().unwrap_or(0) + 1;
        PairWitness {
            task,
            name: None,
            spawn: Some(self.spawn(spawn_site, entry)),
            parents: Vec::new(),
            region: None,
            held_at: self.site(held_at),
            wanted_at: self.site(wanted_at),
            stack: None,
            born: 0,
            first: now,
            last: now,
            joined: None,
        }
    }

    #[track_caller]
    fn paired(&mut self, id: ObjectId) -> PairedLock {
        let object = self.object_mut(id);
        let (kind, site, name) = (object.kind(), object.site, object.name.clone());
        PairedLock { object: id, kind, site, name, mode: HoldMode::Exclusive }
    }
}
