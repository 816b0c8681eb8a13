//! Events of tasks that may be gone, in a snapshot made by hand.

use crate::{
    LastUse, Misuse, MisuseFact, MisusedObject, ObjectId, PanicFact, SnapshotBuilder, TaskId,
    WaiterKind,
};

impl SnapshotBuilder {
    /// Adds a panic of a finished task that nobody has joined; the rest of the fact is empty and
    /// can be filled in.
    #[track_caller]
    pub fn panic(
        &mut self,
        task: TaskId,
        spawn_site: &str,
        entry: &str,
        message: &str,
    ) -> &mut PanicFact {
        let spawn = self.spawn(spawn_site, entry);
        let index = self.snapshot.panics.len();
        self.snapshot.panics.push(PanicFact {
            task,
            kind: WaiterKind::Task,
            name: None,
            region: None,
            spawn,
            site: None,
            message: message.to_owned(),
            stack: Vec::new(),
        });
        &mut self.snapshot.panics[index]
    }

    /// Adds a misuse by a task spawned at `spawn_site`, whether that is in the snapshot or not; the rest
    /// of the fact is empty and can be filled in.
    #[track_caller]
    pub fn misuse(
        &mut self,
        kind: Misuse,
        task: TaskId,
        spawn_site: &str,
        entry: &str,
    ) -> &mut MisuseFact {
        let spawn = Some(self.spawn(spawn_site, entry));
        let index = self.snapshot.misuses.len();
        let (name, region, object, site, other) = (None, None, None, None, None);
        self.snapshot.misuses.push(MisuseFact {
            kind,
            task,
            name,
            region,
            spawn,
            object,
            site,
            other,
            times: 1,
        });
        &mut self.snapshot.misuses[index]
    }

    /// What a misuse says of an object of this snapshot.
    ///
    /// # Panics
    ///
    /// When there is none of that id.
    #[track_caller]
    pub fn misused(&mut self, object: ObjectId) -> MisusedObject {
        let object = self.object_mut(object);
        let (id, kind, site) = (object.id, object.kind(), object.site);
        MisusedObject { id, kind, site, name: object.name.clone() }
    }

    /// Says of a cond that `task` notified it at `site` when nobody waited, and nobody has since.
    ///
    /// # Panics
    ///
    /// When `cond` is no cond.
    #[track_caller]
    pub fn unheard(&mut self, cond: ObjectId, task: TaskId, site: &str, at_ns: u64) {
        let by = LastUse { task, site: self.site(site) };
        let crate::ObjectDetail::Cond { unheard, .. } = &mut self.object_mut(cond).detail else {
            panic!("{cond} is no cond");
        };
        *unheard = Some(crate::Unheard { by, at_ns, times: 1 });
    }
}
