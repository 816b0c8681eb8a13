//! In which order waits stand in the queues of objects, from links that were read without the locks that
//! guard them: two nodes are neighbours if each names the other, and a chain of neighbours counts if it
//! begins at a queue's head. Why that is right says the runtime, which does the same of itself
//! (`runtime/src/collect/order.rs`).

use std::collections::BTreeMap;

use super::tasks::SeenArm;

/// For each arm how many come before it; none for those that are alone or not known.
pub(super) fn places(arms: &[SeenArm]) -> Vec<Option<u32>> {
    let mut places = vec![None; arms.len()];
    let queued = arms.iter().enumerate().filter(|(_, arm)| arm.previous != 0 || arm.next != 0);
    let by_node: BTreeMap<u32, usize> = queued.map(|(at, arm)| (arm.node, at)).collect();
    let after = |at: usize| {
        let one = &arms[at];
        let next = *by_node.get(&one.next)?;
        let other = &arms[next];
        (other.previous == one.node && other.target == one.target).then_some(next)
    };
    for head in by_node.values().copied().filter(|at| arms[*at].previous == 0) {
        // Each has one before it, so a chain from a head never comes back; nor may one that lies.
        let chain = std::iter::successors(Some(head), |at| after(*at)).take(arms.len());
        let alone = after(head).is_none();
        for (place, at) in (0..).zip(chain.filter(|_| !alone)) {
            places[at] = Some(place);
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WaitOp;

    fn arm(node: u32, previous: u32, next: u32) -> SeenArm {
        SeenArm { op: WaitOp::Receive, target: 7, asked: 0, node, previous, next }
    }

    #[test]
    fn neighbours_that_agree_are_in_order() {
        let out = u32::MAX;
        let arms = [arm(5, 3, 0), arm(3, 9, 5), arm(9, 0, 3), arm(2, 0, 0), arm(4, out, 0)];
        assert_eq!(places(&arms), [Some(2), Some(1), Some(0), None, None]);
        let lies = [arm(1, 0, 2), arm(2, 1, 1), arm(1, 2, 2)];
        assert_eq!(places(&lies).len(), 3, "it ends");
    }
}
