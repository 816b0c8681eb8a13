//! Tables of interned values while reading: found by the id that the file gives them, numbered anew
//! without gaps.
//!
//! In a whole file both numbers are the same. Where lines are lost they are not: an index into the
//! snapshot must hit, and a gap must not be filled by as many placeholders as a number in the file
//! says.

/// Stands for a name that is lost.
pub(crate) const LOST: &str = "<lost>";

/// One table: sites, spawn points, modules, frames or stacks.
pub(super) struct Interned<T> {
    /// The file's ids, sorted; parallel to the first values.
    ids: Vec<u32>,
    values: Vec<T>,
    /// Where the placeholder stands, once it has been needed.
    lost: Option<u32>,
}

impl<T> Interned<T> {
    /// Takes the lines of a file in any order and says how many ids came twice; the first counts.
    pub(super) fn new(mut pairs: Vec<(u32, T)>) -> (Self, u64) {
        let doubles = sort_unique(&mut pairs, |pair| pair.0);
        let (ids, values) = pairs.into_iter().unzip();
        (Interned { ids, values, lost: None }, doubles)
    }

    pub(super) fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    pub(super) fn into_values(self) -> Vec<T> {
        self.values
    }

    /// How many lines there were; the placeholder is none.
    pub(super) fn found(&self) -> u64 {
        self.ids.len() as u64
    }

    /// The new number of a file's id.
    pub(super) fn index(&self, id: u32) -> Option<u32> {
        self.ids.binary_search(&id).ok().map(narrow)
    }

    /// The number of the placeholder, which is made when first asked for.
    pub(super) fn placeholder(&mut self, make: impl FnOnce() -> T) -> u32 {
        *self.lost.get_or_insert_with(|| {
            self.values.push(make());
            narrow(self.values.len() - 1)
        })
    }
}

/// Sorts by key and removes all but the first of equal keys; says how many.
pub(super) fn sort_unique<T, K: Ord + Copy>(list: &mut Vec<T>, key: impl Fn(&T) -> K) -> u64 {
    let before = list.len();
    list.sort_by_key(&key);
    list.dedup_by_key(|element| key(element));
    (before - list.len()) as u64
}

/// Tables are far shorter than 2^32 because the reader limits them.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
