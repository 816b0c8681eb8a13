//! An object: what it is, in what state, who has it, who wants it.

use gleak_snapshot::{HoldMode, Object, ObjectId, ObjectKind, Site, Touched};
use serde::Serialize;

use super::{some, task, who_now};
use crate::index::Index;
use crate::{facts, words};

/// All that is known of an object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ObjectView {
    /// Its id.
    pub id: ObjectId,
    /// `channel #4 "jobs"`
    pub what: String,
    /// Its kind.
    pub kind: ObjectKind,
    /// Where it was made.
    pub made_at: Site,
    /// The region that alone ever touched it; none when several did.
    pub only_of: Option<String>,
    /// Who has it alone, and since when; whether that one still lives.
    pub owner: Option<String>,
    /// Where that one took it.
    pub taken_at: Option<Site>,
    /// For how long it has been held.
    pub held_ns: Option<u64>,
    /// Who reads it.
    pub readers: Vec<String>,
    /// Who waits on it.
    pub wanted_by: Vec<String>,
    /// Its state, in words.
    pub facts: Vec<String>,
}

pub(super) fn view(index: &Index<'_>, object: &Object) -> ObjectView {
    let owner = object.detail.ownership().and_then(|it| it.owner);
    let taken_ns = index.snapshot.header.taken_ns;
    let reads = |task: &&&gleak_snapshot::Task| {
        task.holds.iter().any(|it| it.object == object.id && it.mode == HoldMode::Shared)
    };
    ObjectView {
        id: object.id,
        what: words::name_object(object),
        kind: object.kind(),
        made_at: index.site(object.site).clone(),
        only_of: match object.touched {
            Touched::Only(region) => Some(index.region_name(region)),
            Touched::Shared => None,
        },
        owner: owner.map(|owner| who_now(index, owner.task)),
        taken_at: owner.map(|owner| index.site(owner.site).clone()),
        held_ns: owner.map(|owner| taken_ns.saturating_sub(owner.since_ns)),
        readers: some(index.tasks.iter().filter(reads).map(|task| who_now(index, task.id))),
        wanted_by: task::wanting(index, object.id),
        facts: facts::of_objects(index, &[object.id].into()),
    }
}
