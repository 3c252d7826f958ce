//! Where in a page something begins.
//!
//! To copy to a place that is a few bytes farther into its page than where it is copied from takes some
//! processors up to thirty times as long, since they take what they load for what they just stored. The
//! kernel copies between our memory and that of its packets, which begins with a page and then has a header
//! or a few. So ours is not at the beginning of a page, and what is copied from one buffer of ours to
//! another begins elsewhere in each. `cargo bench -p longwire-tests --bench places` shows what it costs.

/// As many bytes as the processors compare, which is a page or a part of it.
pub(super) const LEN: usize = 4096;

/// Where a stage begins.
pub(super) const STAGE: usize = LEN / 4;

/// Where a payload begins.
pub(super) const PAYLOAD: usize = LEN / 2;

/// How many bytes of `memory` are before the first one that is `place` bytes into its page.
#[inline]
pub(super) fn before(place: usize, memory: &[u8]) -> usize {
    place.wrapping_sub(memory.as_ptr().addr()) % LEN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_far_from_everything_else() {
        let places = [0, STAGE, PAYLOAD];
        for (a, b) in [(0, STAGE), (STAGE, PAYLOAD), (PAYLOAD, 0)] {
            let farther = (LEN + b - a) % LEN;
            assert!((LEN / 8..=LEN * 7 / 8).contains(&farther), "{a} to {b}");
        }
        let memory = [0; 2 * LEN];
        for place in places {
            let start = before(place, &memory);
            assert!(start < LEN);
            assert_eq!(memory[start..].as_ptr().addr() % LEN, place);
        }
    }
}
