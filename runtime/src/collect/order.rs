//! In which order waits stand in the queues of objects, read without the locks that guard the queues.
//!
//! Two nodes are neighbours if each names the other. The one whose links were read first was still in
//! its wait then, and so was the other, whose word was read later and was that of the same wait: so they
//! stood next to each other, in these very waits. Who waits all the time keeps its place among all
//! others who do, since queues are joined at their ends. So the order held at every moment between the
//! passes. A chain of neighbours counts if it begins at a queue's head.

use crate::collect::waits::SeenArm;

/// For each arm how many come before it; none for those that are alone or not known.
pub(super) fn places(arms: &[SeenArm]) -> Vec<Option<u32>> {
    let mut places = vec![None; arms.len()];
    let is_queued = |arm: &SeenArm| arm.previous != 0 || arm.next != 0;
    // Mostly nobody shares a queue.
    if !arms.iter().any(is_queued) {
        return places;
    }
    let nodes = arms.iter().map(|arm| arm.node as usize).max().unwrap_or(0);
    // By node: the arm + 1.
    let mut by_node = vec![0_u32; nodes + 1];
    for (number, arm) in (1..).zip(arms) {
        by_node[arm.node as usize] = number;
    }
    let arm_of = |node: u32| Some(by_node.get(node as usize)?.checked_sub(1)? as usize);
    let after = |at: usize| {
        let next = arm_of(arms[at].next)?;
        let (one, other) = (&arms[at], &arms[next]);
        (other.previous == one.node && other.target == one.target).then_some(next)
    };
    for head in (0..arms.len()).filter(|at| arms[*at].previous == 0) {
        // Each has one before it, so a chain from a head never comes back.
        let chain = std::iter::successors(Some(head), |at| after(*at));
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
    use crate::records::node::{OUT, Op};

    fn arm(node: u32, previous: u32, next: u32) -> SeenArm {
        SeenArm { op: Op::Receive, target: 7, asked: 0, node, previous, next }
    }

    #[test]
    fn neighbours_that_agree_are_in_order() {
        let arms = [arm(5, 3, 0), arm(3, 9, 5), arm(9, 0, 3), arm(2, 0, 0), arm(4, OUT, 0)];
        assert_eq!(places(&arms), [Some(2), Some(1), Some(0), None, None]);
    }

    #[test]
    fn links_of_different_moments_are_not_believed() {
        // 3 has left between the reading of 9 and that of 5, and 8 names one that nobody has seen.
        let arms = [arm(9, 0, 3), arm(5, 9, 6), arm(6, 5, 0), arm(8, 0, 77)];
        assert_eq!(places(&arms), [None; 4]);
        let other = SeenArm { target: 8, ..arm(2, 1, 0) };
        assert_eq!(places(&[arm(1, 0, 2), other]), [None; 2], "another object's queue");
    }
}
