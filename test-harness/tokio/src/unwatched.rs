//! In place of `left` where there is no harness to tell: nothing is watched.

use std::sync::Arc;

use crate::region::Region;
use crate::task::Task;

pub(crate) fn of_thread() -> Option<Arc<Region>> {
    None
}

pub(crate) fn starts(_: &Task) {}

pub(crate) fn drops(_: &Task) {}
