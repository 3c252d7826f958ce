use core::array;

/// A masking key (section 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "four bytes on the wire")]
pub struct Mask(pub [u8; 4]);

const LANE: usize = 32;

impl Mask {
    /// The key as it applies from `offset` bytes into the payload on.
    #[inline]
    #[must_use]
    pub const fn rotated(self, offset: usize) -> Self {
        let [a, b, c, d] = self.0;
        Self(match offset & 3 {
            0 => [a, b, c, d],
            1 => [b, c, d, a],
            2 => [c, d, a, b],
            _ => [d, a, b, c],
        })
    }

    /// XORs the key over `payload`, whose first byte is the payload's first.
    ///
    /// Masking and unmasking are the same operation. For a piece from the middle of a payload use
    /// [`rotated`](Self::rotated) first.
    #[inline]
    pub fn apply(self, payload: &mut [u8]) {
        let [a, b, c, d] = self.0;
        let word = [a, b, c, d, a, b, c, d];
        // Fixed-size lanes, which the compiler turns into vector instructions.
        let (lanes, tail) = payload.as_chunks_mut::<LANE>();
        if !lanes.is_empty() {
            let key: [u8; LANE] = array::from_fn(|at| match at & 3 {
                0 => a,
                1 => b,
                2 => c,
                _ => d,
            });
            for lane in lanes {
                for (byte, key) in lane.iter_mut().zip(&key) {
                    *byte ^= key;
                }
            }
        }
        let (words, tail) = tail.as_chunks_mut::<8>();
        let key = u64::from_ne_bytes(word);
        for bytes in words {
            *bytes = (u64::from_ne_bytes(*bytes) ^ key).to_ne_bytes();
        }
        for (byte, key) in tail.iter_mut().zip(word) {
            *byte ^= key;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

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
