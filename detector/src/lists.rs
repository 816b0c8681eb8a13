//! Many short lists in one block: the edges of a graph.
//!
//! Invariant: the items of a list stand in the order in which they were given.

/// A list, and an item of it.
pub(crate) type Pair = (u32, u32);

/// Lists, named by number.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    /// Where each list begins, and where the last one ends.
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    /// `count` lists of these pairs.
    pub(crate) fn new(count: usize, pairs: &[Pair]) -> Self {
        let mut starts = vec![0_u32; count + 1];
        for &(list, _) in pairs {
            starts[list as usize + 1] += 1;
        }
        for list in 0..count {
            starts[list + 1] += starts[list];
        }
        let mut next = starts.clone();
        let mut items = vec![0_u32; pairs.len()];
        for &(list, item) in pairs {
            items[next[list as usize] as usize] = item;
            next[list as usize] += 1;
        }
        Lists { starts, items }
    }

    /// The same with list and item changed over.
    pub(crate) fn reversed(&self) -> Self {
        let pairs: Vec<Pair> = (0..self.len())
            .flat_map(|list| self.raw(list).iter().map(move |&item| (item, number(list))))
            .collect();
        Lists::new(self.len(), &pairs)
    }

    /// How many lists there are.
    pub(crate) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// How long a list is.
    pub(crate) fn length(&self, list: usize) -> u32 {
        self.starts[list + 1] - self.starts[list]
    }

    pub(crate) fn get(&self, list: usize, place: usize) -> Option<usize> {
        self.raw(list).get(place).map(|&item| item as usize)
    }

    pub(crate) fn of(&self, list: usize) -> impl Iterator<Item = usize> + '_ {
        self.raw(list).iter().map(|&item| item as usize)
    }

    fn raw(&self, list: usize) -> &[u32] {
        &self.items[self.starts[list] as usize..self.starts[list + 1] as usize]
    }
}

/// A place in a table as a number. Four thousand million entries do not fit into memory.
pub(crate) fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
