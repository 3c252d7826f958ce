use alloc::vec::Vec;
use core::array;

/// A masking key (section 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "four bytes on the wire")]
pub struct Mask(pub [u8; 4]);

/// A multiple of the key's length: two vectors of the narrowest instructions.
const LANE: usize = 32;

impl Mask {
    /// The key as it applies from `offset` bytes into the payload on.
    #[inline]
    #[must_use]
    pub const fn rotated(self, offset: usize) -> Self {
        let bits = match offset & 3 {
            0 => 0,
            1 => 8,
            2 => 16,
            _ => 24,
        };
        Self(u32::from_le_bytes(self.0).rotate_right(bits).to_le_bytes())
    }

    /// XORs the key over `payload`, whose first byte is the payload's first.
    ///
    /// Masking and unmasking are the same operation. For a piece from the middle of a payload use
    /// [`rotated`](Self::rotated) first.
    #[inline]
    pub fn apply(self, payload: &mut [u8]) {
        let key = self.word();
        // From eight bytes before the end the key applies as it would from the end.
        let from_there = self.rotated(payload.len()).word();
        let last = payload.last_chunk().map(|last| u64::from_le_bytes(*last));
        // Fixed-size lanes, which the compiler turns into vector instructions.
        let (lanes, rest) = payload.as_chunks_mut::<LANE>();
        if !lanes.is_empty() {
            let key = self.lane();
            for lane in lanes {
                for (byte, key) in lane.iter_mut().zip(&key) {
                    *byte ^= key;
                }
            }
        }
        let (words, rest) = rest.as_chunks_mut();
        for word in words {
            *word = (u64::from_le_bytes(*word) ^ key).to_le_bytes();
        }
        match last {
            // The last word overlaps those before it: it was read before they were masked.
            Some(last) if !rest.is_empty() => {
                if let Some(end) = payload.last_chunk_mut() {
                    *end = (last ^ from_there).to_le_bytes();
                }
            }
            _ => {
                for (byte, key) in rest.iter_mut().zip(key.to_le_bytes()) {
                    *byte ^= key;
                }
            }
        }
    }

    /// Appends `payload`, masked, to `out`: one pass over memory.
    pub(crate) fn append(self, payload: &[u8], out: &mut Vec<u8>) {
        out.reserve(payload.len());
        let (lanes, rest) = payload.as_chunks::<LANE>();
        if !lanes.is_empty() {
            let key = self.lane();
            for lane in lanes {
                let mut masked = *lane;
                for (byte, key) in masked.iter_mut().zip(&key) {
                    *byte ^= key;
                }
                out.extend_from_slice(&masked);
            }
        }
        let start = out.len();
        out.extend_from_slice(rest);
        self.apply(out.get_mut(start..).unwrap_or_default());
    }

    /// The key twice over, its first byte lowest.
    #[inline]
    const fn word(self) -> u64 {
        let [a, b, c, d] = self.0;
        u64::from_le_bytes([a, b, c, d, a, b, c, d])
    }

    #[inline]
    fn lane(self) -> [u8; LANE] {
        let word = self.word().to_le_bytes();
        array::from_fn(|at| word.get(at & 7).copied().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 37 + 11) as u8).collect()
    }

    #[test]
    fn s5_3_masking_is_byte_i_xor_key_i_mod_4_at_every_alignment_and_length() {
        let key = Mask([0x37, 0xfa, 0x21, 0x3d]);
        for alignment in 0..=64 {
            for len in 0..=300 {
                let mut bytes = pattern(alignment + len);
                let expected: Vec<u8> =
                    bytes[alignment..].iter().enumerate().map(|(i, b)| b ^ key.0[i % 4]).collect();
                key.apply(&mut bytes[alignment..]);
                assert_eq!(
                    &bytes[alignment..],
                    &expected[..],
                    "alignment {alignment}, length {len}"
                );
                assert_eq!(
                    &bytes[..alignment],
                    &pattern(alignment)[..],
                    "bytes before the payload are untouched"
                );
                let mut appended = pattern(alignment);
                key.append(&pattern(alignment + len)[alignment..], &mut appended);
                assert_eq!(appended, bytes, "in one pass with the copy");
                key.apply(&mut bytes[alignment..]);
                assert_eq!(bytes, pattern(alignment + len), "involution");
            }
        }
    }

    #[test]
    fn f8_the_key_follows_the_payload_position_across_pieces() {
        let key = Mask([1, 2, 3, 4]);
        let mut whole = pattern(100);
        key.apply(&mut whole);
        for cut in 0..=100 {
            let mut pieces = pattern(100);
            let (a, b) = pieces.split_at_mut(cut);
            key.apply(a);
            key.rotated(cut).apply(b);
            assert_eq!(pieces, whole, "cut at {cut}");
        }
    }

    #[test]
    fn f7_a_key_of_all_zero_is_legal_and_changes_nothing() {
        let mut bytes = pattern(77);
        Mask([0; 4]).apply(&mut bytes);
        assert_eq!(bytes, pattern(77));
    }
}
