//! Hashing of words: addresses, numbers of frames. The keys are the process's own, so nobody chooses
//! them to collide, and a snapshot looks up several a task.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by keys that are made of words.
pub(super) type WordMap<K, V> = HashMap<K, V, BuildHasherDefault<WordHasher>>;

/// Multiplies and folds: each bit of a word changes all bits of the result.
#[derive(Debug, Default)]
pub(super) struct WordHasher(u64);

/// Of the golden ratio: odd, and its bits have no pattern.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(FACTOR);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::Hash;

    use super::*;

    #[test]
    fn neighbours_and_multiples_spread() {
        let hash = |key: (u64, u64)| {
            let mut hasher = WordHasher::default();
            key.hash(&mut hasher);
            hasher.finish()
        };
        // A table looks at the lowest bits, and at the highest seven.
        for shift in [0, 3, 6, 12, 18] {
            let hashes = (1..=4096_u64).map(|n| hash((0x5555_0000_0000 + (n << shift), n % 3)));
            let hashes: Vec<u64> = hashes.collect();
            let low: HashSet<u64> = hashes.iter().map(|it| it & 0xfff).collect();
            let high: HashSet<u64> = hashes.iter().map(|it| it >> 57).collect();
            assert!(low.len() > 2000 && high.len() == 128, "{shift}: {} {}", low.len(), high.len());
        }
    }
}
