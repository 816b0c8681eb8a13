//! What may have been meant by a mistyped word.
//!
//! Invariant: a proposal is one of the known words, and is never read as if it had been written.

/// Letters that may be wrong in a word for which another one is proposed.
const NEAR: usize = 2;

/// The known word that may be meant, if one is near.
#[must_use]
pub fn near<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = &*word.to_lowercase();
    let distances = known.into_iter().map(|meant| (strsim::osa_distance(word, meant), meant));
    let (distance, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= NEAR && !word.is_empty()).then_some(nearest)
}
