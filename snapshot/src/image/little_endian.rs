//! Numbers within bytes that were read: least significant byte first, as every machine has them that
//! writes images.
//!
//! Invariant: what is not there is zero. Who must know looks at the length before.

/// The number of 64 bits at this place.
pub(super) fn word(bytes: &[u8], at: usize) -> u64 {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk());
    word.map_or(0, |word| u64::from_le_bytes(*word))
}

/// The number of 32 bits at this place.
pub(super) fn half(bytes: &[u8], at: usize) -> u32 {
    let half = bytes.get(at..).and_then(|rest| rest.first_chunk());
    half.map_or(0, |half| u32::from_le_bytes(*half))
}
