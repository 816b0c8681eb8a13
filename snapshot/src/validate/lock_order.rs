//! Whether pairs of locks can be what they say, and name what is there.

use crate::{Invalid, Record, Snapshot};

impl Snapshot {
    pub(super) fn check_lock_order(&self, faults: &mut Vec<Invalid>) {
        for pairs in self.lock_order.windows(2).filter(|it| it[0].key() >= it[1].key()) {
            let (held, wanted) = (pairs[1].held.object, pairs[1].wanted.object);
            faults.push(Invalid::Order(Record::LockPair(held, wanted)));
        }
        for pair in &self.lock_order {
            let (held, wanted) = (pair.held.object, pair.wanted.object);
            let by = Record::LockPair(held, wanted);
            if !pair.is_sound() {
                faults.push(Invalid::LockPair { held, wanted });
            }
            for site in [pair.held.site, pair.wanted.site] {
                self.check_site(by, site, faults);
            }
            for witness in &pair.witnesses {
                for site in [witness.held_at, witness.wanted_at] {
                    self.check_site(by, site, faults);
                }
                if let Some(spawn) = witness.spawn {
                    self.check_spawn(by, spawn, faults);
                }
                if let Some(region) = witness.region {
                    self.check_region(by, region, faults);
                }
                let known = |stack: &crate::StackId| (stack.0 as usize) < self.stacks.len();
                let missing = witness.stack.filter(|stack| !known(stack));
                let task = witness.task;
                faults.extend(missing.map(|stack| Invalid::NoStack { task, stack }));
            }
        }
    }
}
