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
