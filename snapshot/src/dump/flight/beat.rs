//! The heartbeat of a worker: four words, written once a tick by one thread.
//!
//! ```text
//! word 0   when it was first seen in its present turn     word 2   its turns so far, + 1
//! word 1   id of the task in that turn, zero for none     word 3   check
//! ```
//!
//! Zeros are of a worker that there is not. The check is as that of a record: no change of a single byte makes
//! another heartbeat that is believed.

use super::LIVE_BYTES;
use crate::TaskId;

/// Words of a heartbeat.
pub const BEAT_WORDS: usize = 4;
/// Of the live words: where heartbeats begin.
pub const BEATS: usize = 8;
/// Workers that there is room for; those beyond have none.
pub const BEATS_MAX: usize = (LIVE_BYTES / 8 - BEATS) / BEAT_WORDS;

const FACTORS: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb];

/// What a worker did at the last tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Beat {
    /// When it was first seen in this turn, or without a task.
    pub moved_ns: u64,
    /// The task that it runs, if it does.
    pub running: Option<TaskId>,
    /// How often it has begun to run a task, as a number that wraps.
    pub turns: u32,
}

impl Beat {
    /// Its words.
    #[must_use]
    pub fn words(&self) -> [u64; BEAT_WORDS] {
        let Beat { moved_ns, running, turns } = *self;
        let (task, turns) = (running.map_or(0, |it| it.0), u64::from(turns) + 1);
        [moved_ns, task, turns, check(&[moved_ns, task, turns])]
    }

    /// What these words say; none when they are nobody's or do not agree.
    #[must_use]
    pub fn of(words: &[u64; BEAT_WORDS]) -> Option<Beat> {
        let [moved_ns, task, turns, said] = *words;
        let turns_before =
            turns.checked_sub(1).filter(|_| check(&[moved_ns, task, turns]) == said)?;
        let running = (task != 0).then_some(TaskId(task));
        Some(Beat { moved_ns, running, turns: u32::try_from(turns_before).ok()? })
    }
}

fn check(words: &[u64; 3]) -> u64 {
    words
        .iter()
        .zip(FACTORS)
        .fold(0, |sum, (word, factor)| sum.wrapping_add(word.wrapping_mul(factor)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_beat_is_read_as_it_was_written_and_in_no_other_way(
            moved_ns: u64, task: u64, turns: u32, at in 0..BEAT_WORDS * 8, change in 1..=u8::MAX,
        ) {
            let running = (task != 0).then_some(TaskId(task));
            let beat = Beat { moved_ns, running, turns };
            let mut words = beat.words();
            prop_assert_eq!(Beat::of(&words), Some(beat));
            words[at / 8] ^= u64::from(change) << (at % 8 * 8);
            prop_assert_eq!(Beat::of(&words), None);
        }
    }

    #[test]
    fn zeros_are_nobodys() {
        assert_eq!(Beat::of(&[0; BEAT_WORDS]), None);
    }
}
