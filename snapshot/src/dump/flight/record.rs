//! One record: eight words, of which one says what the task does and two whether the others can be believed.
//!
//! ```text
//! word 0   what it does                    word 4   id of the task
//! word 1   check of the wait               word 5   id of its parent
//! word 2   until, where word 0 says so     word 6   spawn point (16 bits), flags (16), turn (32)
//! word 3   what it joins, likewise         word 7   check of words 4 to 6
//! ```
//!
//! Word 0 is [`FREE`], [`FRESH`], [`RUNNING`], or a wait: its reason + 1 and whether words 2 and 3 count (8
//! bits), its site (16), and since when (40, in units of 2^18 ns). A site or spawn point is its id + 1.
//! What it joins is the number of a record (32) and its turn (32), which is another one with each task that has the
//! record: so a park need not look up who that is.
//!
//! Word 0 goes last, and whoever is written about anew is free or runs meanwhile, which asks for no check. So
//! a writer that is killed leaves what was so before or what is so now; only who reads while it writes may
//! see parts of both, which the checks tell.
//!
//! Invariant: no change of a single byte makes another record that is believed. A check is a sum of words
//! times odd factors, so no change of one word is lost in it; words 0 that no check is asked for differ by
//! two bytes and more from each other and from every wait.

use crate::{TaskId, Tenure, WaitReason};

/// Words of a record.
pub const RECORD_WORDS: usize = 8;
/// Word 0 of a record that nobody has.
pub const FREE: u64 = 0;
/// Of a task that has not run yet. Neither this nor [`RUNNING`] has a reason or a site that is one.
pub const FRESH: u64 = 0x4652_4553_48c5_a640;
/// Of one that runs.
pub const RUNNING: u64 = 0x5255_4e4e_49ce_c780;
/// Where the words of a wait begin.
pub const WAIT: usize = 0;
/// Where those of who it is begin.
pub const IDENTITY: usize = 4;

const FACTORS: [u64; 4] =
    [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb, 0xd6e8_feb8_6659_fd93];
/// So that zeros do not agree with their check.
const SALT: u64 = 0xa076_1d64_78bd_642f;

const REASON: u64 = 0x3f;
const HAS_UNTIL: u64 = 0x40;
const JOINS: u64 = 0x80;
const SITE_SHIFT: u32 = 8;
/// Stands for none; no log has so many.
const NO_SITE: u64 = 0x7fff;
const SINCE_SHIFT: u32 = 24;
/// Nanoseconds are kept without so many bits of them.
const SINCE_BITS: u32 = 18;

/// Of word 6; below is the spawn point.
const FLAGS_SHIFT: u32 = 16;
const TURN_SHIFT: u32 = 32;
const THREAD: u64 = 1;
const MAIN: u64 = 2;
const BACKGROUND: u64 = 4;
const DAEMON: u64 = 8;

const _: () = assert!(WaitReason::ALL.len() < REASON as usize, "a reason + 1 has six bits");

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Who it is.
    pub identity: Identity,
    /// What it does.
    pub state: EntryState,
}

/// Who a task is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The task.
    pub task: TaskId,
    /// Which task this is of those that have had the record.
    pub turn: u32,
    /// Who spawned it, if a task did.
    pub parent: Option<TaskId>,
    /// Where and with what it was spawned: an id of the log.
    pub spawn: Option<u32>,
    /// Whether it is an outside thread.
    pub thread: bool,
    /// Whether it is the main task of a call of `run`.
    pub main: bool,
    /// How long it may live.
    pub tenure: Tenure,
}

/// What it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryState {
    /// Spawned, has not run yet.
    Fresh,
    /// It runs.
    Running,
    /// Parked.
    Waiting(EntryWait),
}

/// A wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryWait {
    /// Why.
    pub reason: WaitReason,
    /// Where: an id of the log, none when that was full.
    pub site: Option<u32>,
    /// Since when, to a quarter of a millisecond.
    pub since_ns: u64,
    /// Until when at the latest.
    pub until_ns: Option<u64>,
    /// Whose end it waits for.
    pub joins: Option<Joined>,
}

/// A record, and which of the tasks that have it in turn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Joined {
    /// The number of the record.
    pub record: u32,
    /// Never zero.
    pub turn: u32,
}

impl Joined {
    fn bits(self) -> u64 {
        u64::from(self.turn) << TURN_SHIFT | u64::from(self.record)
    }

    fn of(bits: u64) -> Option<Joined> {
        (bits != 0).then_some(Joined { record: bits as u32, turn: (bits >> TURN_SHIFT) as u32 })
    }
}

/// What is seen of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Nobody has it.
    Free,
    /// As it says.
    Told(Entry),
    /// It was read while it was written, or is not what was written.
    Torn,
}

/// What stands for a site in a wait: one more than its id, or what stands for none.
#[must_use]
pub fn site_code(id: Option<u32>) -> u64 {
    id.map_or(NO_SITE, |id| (u64::from(id) + 1).min(NO_SITE))
}

/// The first two words of a wait without an end that is known; the first one goes last. As few instructions
/// as will do, since every park has them: times wrap after nine years.
#[must_use]
#[inline]
pub fn open_wait(task: TaskId, reason: WaitReason, site_code: u64, since_ns: u64) -> [u64; 2] {
    let since = since_ns >> SINCE_BITS << SINCE_SHIFT;
    let does = since | site_code << SITE_SHIFT | (reason as u64 + 1);
    [does, check(&[does, task.0, 0, 0])]
}

/// The words of the same wait when it ends at a time, or with a task (turn, number of its record); zero for
/// neither. Of the last two those
/// count that are not zero.
#[must_use]
#[inline]
pub fn ending_wait([does, check]: [u64; 2], until_ns: u64, joins: u64) -> [u64; 4] {
    let has = if until_ns != 0 { HAS_UNTIL } else { 0 } | if joins != 0 { JOINS } else { 0 };
    // Adds nothing for what is zero, as a check is a sum.
    let more = [(has, 0), (until_ns, 2), (joins, 3)];
    let more = more.into_iter().map(|(word, at)| word.wrapping_mul(FACTORS[at]));
    [does | has, more.fold(check, u64::wrapping_add), until_ns, joins]
}

/// The words of a wait.
fn wait_words(task: TaskId, wait: &EntryWait) -> [u64; 4] {
    let EntryWait { reason, site, since_ns, until_ns, joins } = *wait;
    let open = open_wait(task, reason, site_code(site), since_ns);
    ending_wait(open, until_ns.unwrap_or(0), joins.map_or(0, Joined::bits))
}

/// What may be said of a task in a bit: it is an outside thread, it is the main task of a call of `run`, and it
/// may live as one in the background or as a daemon.
#[must_use]
pub fn flags(thread: bool, main: bool, tenure: Tenure) -> u64 {
    let tenure = match tenure {
        Tenure::Ordinary => 0,
        Tenure::Background => BACKGROUND,
        Tenure::Daemon => DAEMON,
    };
    (u64::from(thread) * THREAD) | (u64::from(main) * MAIN) | tenure
}

/// The words of a task with this parent, or zero, that was spawned at what this [`site_code`] stands for, and has
/// this turn of the record.
#[must_use]
#[inline]
pub fn born(task: TaskId, parent: u64, spawn_code: u64, flags: u64, turn: u32) -> [u64; 4] {
    let birth = spawn_code | flags << FLAGS_SHIFT | u64::from(turn) << TURN_SHIFT;
    [task.0, parent, birth, check(&[task.0, parent, birth, 0])]
}

/// The words of who it is.
fn identity_words(identity: &Identity) -> [u64; 4] {
    let Identity { task, turn, parent, spawn, thread, main, tenure } = *identity;
    born(task, parent.map_or(0, |it| it.0), site_code(spawn), flags(thread, main, tenure), turn)
}

#[inline]
fn check(words: &[u64; 4]) -> u64 {
    let products = words.iter().zip(FACTORS).map(|(word, factor)| word.wrapping_mul(factor));
    products.fold(SALT, u64::wrapping_add)
}

impl Entry {
    /// The words of a record that says so.
    #[must_use]
    pub fn words(&self) -> [u64; RECORD_WORDS] {
        let mut words = [0; RECORD_WORDS];
        words[IDENTITY..].copy_from_slice(&identity_words(&self.identity));
        match &self.state {
            EntryState::Fresh => words[WAIT] = FRESH,
            EntryState::Running => words[WAIT] = RUNNING,
            EntryState::Waiting(wait) => {
                words[..IDENTITY].copy_from_slice(&wait_words(self.identity.task, wait));
            }
        }
        words
    }
}

impl Seen {
    /// Reads a record.
    #[must_use]
    pub fn of(words: &[u64; RECORD_WORDS]) -> Seen {
        if words[WAIT] == FREE {
            return Seen::Free;
        }
        let told = identity(words).and_then(|identity| {
            let state = match words[WAIT] {
                FRESH => EntryState::Fresh,
                RUNNING => EntryState::Running,
                _ => EntryState::Waiting(wait(words)?),
            };
            Some(Entry { identity, state })
        });
        told.map_or(Seen::Torn, Seen::Told)
    }
}

fn id(word: u64) -> Option<TaskId> {
    (word != 0).then_some(TaskId(word))
}

/// Whether this is a [`site_code`].
fn is_code(code: u64) -> bool {
    (1..=NO_SITE).contains(&code)
}

/// What a code stands for.
fn id_of(code: u64) -> Option<u32> {
    (code != NO_SITE).then_some(code as u32).and_then(|code| code.checked_sub(1))
}

fn identity(words: &[u64; RECORD_WORDS]) -> Option<Identity> {
    let [.., task, parent, birth, said] = *words;
    let flags = birth >> FLAGS_SHIFT & 0xffff;
    let tenure = match flags & !(THREAD | MAIN) {
        0 => Tenure::Ordinary,
        BACKGROUND => Tenure::Background,
        DAEMON => Tenure::Daemon,
        _ => return None,
    };
    let known = check(&[task, parent, birth, 0]) == said && is_code(birth & 0xffff);
    known.then_some(Identity {
        task: TaskId(task),
        turn: (birth >> TURN_SHIFT) as u32,
        parent: id(parent),
        spawn: id_of(birth & 0xffff),
        thread: flags & THREAD != 0,
        main: flags & MAIN != 0,
        tenure,
    })
}

fn wait(words: &[u64; RECORD_WORDS]) -> Option<EntryWait> {
    let [does, said, until, joins, task, ..] = *words;
    let counts = |bit: u64, word: u64| if does & bit != 0 { word } else { 0 };
    let (until, joins) = (counts(HAS_UNTIL, until), counts(JOINS, joins));
    let reason = (does & REASON).checked_sub(1)?;
    let site = does >> SITE_SHIFT & 0xffff;
    if !is_code(site) || check(&[does, task, until, joins]) != said {
        return None;
    }
    Some(EntryWait {
        reason: *WaitReason::ALL.get(reason as usize)?,
        site: id_of(site),
        since_ns: does >> SINCE_SHIFT << SINCE_BITS,
        until_ns: (until != 0).then_some(until),
        joins: Joined::of(joins),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn waits() -> impl Strategy<Value = EntryWait> {
        let since = (0..1_u64 << 40).prop_map(|it| it << SINCE_BITS);
        let site = proptest::option::of(0..NO_SITE as u32 - 1);
        let until = proptest::option::of(1..=u64::MAX);
        let joined = |(record, turn)| Joined { record, turn };
        let joins = proptest::option::of((any::<u32>(), 1..=u32::MAX).prop_map(joined));
        (0..WaitReason::ALL.len(), site, since, until, joins).prop_map(
            |(reason, site, since_ns, until_ns, joins)| {
                let reason = WaitReason::ALL[reason];
                EntryWait { reason, site, since_ns, until_ns, joins }
            },
        )
    }

    fn identities() -> impl Strategy<Value = Identity> {
        let parent = proptest::option::of((1..=u64::MAX).prop_map(TaskId));
        let spawn = proptest::option::of(0..NO_SITE as u32 - 1);
        let tenures = [Tenure::Ordinary, Tenure::Background, Tenure::Daemon];
        (any::<(u64, u32)>(), parent, spawn, any::<(bool, bool)>(), 0..3_usize).prop_map(
            move |((task, turn), parent, spawn, (thread, main), tenure)| {
                let tenure = tenures[tenure];
                Identity { task: TaskId(task), turn, parent, spawn, thread, main, tenure }
            },
        )
    }

    fn entries() -> impl Strategy<Value = Entry> {
        let state = prop_oneof![
            Just(EntryState::Fresh),
            Just(EntryState::Running),
            waits().prop_map(EntryState::Waiting),
        ];
        (identities(), state).prop_map(|(identity, state)| Entry { identity, state })
    }

    /// What a writer stores, in its order: a place and a value each.
    fn stores(entry: &Entry, born: bool) -> Vec<(usize, u64)> {
        let identity = identity_words(&entry.identity);
        let mut stores: Vec<_> =
            if born { (IDENTITY..).zip(identity).collect() } else { Vec::new() };
        match &entry.state {
            EntryState::Fresh => stores.push((WAIT, FRESH)),
            EntryState::Running => stores.push((WAIT, RUNNING)),
            EntryState::Waiting(wait) => {
                let words = wait_words(entry.identity.task, wait);
                stores.extend(
                    [0, 1, 2, 3]
                        .into_iter()
                        .zip(words)
                        .rev()
                        .filter(|&(at, word)| at < 2 || word != 0),
                );
            }
        }
        stores
    }

    /// The record, over what was there.
    fn written(mut words: [u64; RECORD_WORDS], entry: &Entry) -> [u64; RECORD_WORDS] {
        stores(entry, true).into_iter().for_each(|(at, word)| words[at] = word);
        words
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(entry in entries(), before: [u64; RECORD_WORDS]) {
            prop_assert_eq!(Seen::of(&written(before, &entry)), Seen::Told(entry));
        }

        #[test]
        fn no_byte_can_change_unseen(entry in entries(), before in entries()) {
            // What the words that do not count say is another one's.
            let words = written(written([0; RECORD_WORDS], &before), &entry);
            for at in 0..RECORD_WORDS * 8 {
                for change in 1..=u8::MAX {
                    let mut other = words;
                    other[at / 8] ^= u64::from(change) << (at % 8 * 8);
                    let seen = Seen::of(&other);
                    let same = seen == Seen::Told(entry);
                    let counts = !matches!(at / 8, 1..=3)
                        || at / 8 == 1 && matches!(entry.state, EntryState::Waiting(_));
                    prop_assert!(seen == Seen::Torn || same && !counts, "{at} {change} {seen:?}");
                }
            }
        }

        /// Whatever a killed writer got done, of one that parks after having run.
        #[test]
        fn who_parks_is_told_at_every_moment(identity in identities(), old in waits(), new in waits()) {
            let entry = |state| Entry { identity, state };
            let runs = entry(EntryState::Running);
            let (old, new) = (entry(EntryState::Waiting(old)), entry(EntryState::Waiting(new)));
            let mut words = written(written([0; RECORD_WORDS], &old), &runs);
            for (at, word) in stores(&new, false) {
                prop_assert_eq!(Seen::of(&words), Seen::Told(runs));
                words[at] = word;
            }
            prop_assert_eq!(Seen::of(&words), Seen::Told(new));
        }

        /// The same of a record that goes from one task to another.
        #[test]
        fn who_is_born_is_told_at_once(old in entries(), new in entries()) {
            let mut words = written([0; RECORD_WORDS], &old);
            words[WAIT] = FREE;
            for (at, word) in stores(&new, true) {
                prop_assert_eq!(Seen::of(&words), Seen::Free);
                words[at] = word;
            }
            prop_assert_eq!(Seen::of(&words), Seen::Told(new));
        }

        /// Who reads meanwhile may see some words of each.
        #[test]
        fn a_mixture_is_neither(old in entries(), new in entries(), from_new: [bool; RECORD_WORDS]) {
            prop_assume!(old.identity.task != new.identity.task);
            let (old_words, new_words) = (written([0; RECORD_WORDS], &old), written([7; RECORD_WORDS], &new));
            let mixed = std::array::from_fn(|at| if from_new[at] { new_words[at] } else { old_words[at] });
            if let Seen::Told(seen) = Seen::of(&mixed) {
                let is = |it: &Entry| seen.identity == it.identity;
                prop_assert!(is(&old) || is(&new), "{seen:?}");
                if let EntryState::Waiting(_) = seen.state {
                    prop_assert!(seen == old || seen == new, "{seen:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_words_of_an_entry_say_it(entry in entries()) {
            prop_assert_eq!(Seen::of(&entry.words()), Seen::Told(entry));
        }
    }

    #[test]
    fn what_nobody_has_is_free() {
        assert_eq!(Seen::of(&[0; RECORD_WORDS]), Seen::Free);
        assert_eq!(Seen::of(&[FREE, 7, 7, 7, 7, 7, 7, 7]), Seen::Free);
        assert_eq!(Seen::of(&[RUNNING, 0, 0, 0, 0, 0, 0, 0]), Seen::Torn);
    }
}
