use alloc::vec::Vec;

/// A masking key (section 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "four bytes on the wire")]
pub struct Mask(pub [u8; 4]);

/// From which length on it pays to ask what the processor has.
#[cfg(feature = "simd")]
const WIDE: usize = 256;

#[cfg(feature = "simd")]
const CACHE_LINE: usize = 64;

impl Mask {
    /// The key as it applies from `offset` bytes into the payload on.
    #[inline]
    #[must_use]
    pub const fn rotated(self, offset: usize) -> Self {
        Self(u32::from_le_bytes(self.0).rotate_right(Self::bits(offset)).to_le_bytes())
    }

    #[inline]
    const fn bits(offset: usize) -> u32 {
        match offset & 3 {
            0 => 0,
            1 => 8,
            2 => 16,
            _ => 24,
        }
    }

    /// XORs the key over `payload`, whose first byte is the payload's first.
    ///
    /// Masking and unmasking are the same operation. For a piece from the middle of a payload use
    /// [`rotated`](Self::rotated) first.
    #[inline]
    pub fn apply(self, payload: &mut [u8]) {
        #[cfg(feature = "simd")]
        if payload.len() >= WIDE {
            return self.apply_wide(payload);
        }
        self.apply_words(payload);
    }

    /// With the widest vectors of this processor, not those that any has.
    #[cfg(feature = "simd")]
    fn apply_wide(self, payload: &mut [u8]) {
        // Vectors that cross cache lines cost twice as much.
        let unaligned = payload.as_ptr().addr().wrapping_neg() % CACHE_LINE;
        let (head, aligned) = payload.split_at_mut(unaligned.min(payload.len()));
        self.apply_words(head);
        let key = self.rotated(head.len());
        let level = fearless_simd::Level::new();
        fearless_simd::dispatch!(level, _simd => key.apply_words(aligned));
    }

    #[inline(always)]
    fn apply_words(self, payload: &mut [u8]) {
        let key = self.word();
        let last = payload.last_chunk().map(|last| u64::from_le_bytes(*last));
        // Words, which the compiler makes vectors of.
        let (words, rest) = payload.as_chunks_mut();
        for word in words {
            *word = (u64::from_le_bytes(*word) ^ key).to_le_bytes();
        }
        let rest_len = rest.len();
        match last {
            // The last word overlaps those before it: it was read before they were masked. From
            // eight bytes before the end the key applies as it would from the end.
            Some(last) if rest_len > 0 => {
                let key = key.rotate_right(Self::bits(rest_len));
                if let Some(end) = payload.last_chunk_mut() {
                    *end = (last ^ key).to_le_bytes();
                }
            }
            _ => {
                for (byte, key) in rest.iter_mut().zip(key.to_le_bytes()) {
                    *byte ^= key;
                }
            }
        }
    }

    /// Copies `payload`, masked, to `out`, which is as long, in one pass.
    #[inline(always)]
    pub(crate) fn copy_to(self, payload: &[u8], out: &mut [u8]) {
        #[cfg(feature = "simd")]
        if payload.len() >= WIDE {
            return self.copy_wide_to(payload, out);
        }
        self.copy_words_to(payload, out);
    }

    #[cfg(feature = "simd")]
    #[inline(never)]
    fn copy_wide_to(self, payload: &[u8], out: &mut [u8]) {
        let level = fearless_simd::Level::new();
        fearless_simd::dispatch!(level, _simd => self.copy_words_to(payload, out));
    }

    #[inline(always)]
    fn copy_words_to(self, payload: &[u8], out: &mut [u8]) {
        let key = self.word();
        let (words, rest) = payload.as_chunks();
        let (out_words, out_rest) = out.as_chunks_mut();
        for (out, word) in out_words.iter_mut().zip(words) {
            *out = (u64::from_le_bytes(*word) ^ key).to_le_bytes();
        }
        let rest_len = rest.len();
        match (payload.last_chunk(), out_rest.is_empty()) {
            (_, true) => {}
            // Overlaps the word before it, as in `apply_words`.
            (Some(last), false) => {
                let key = key.rotate_right(Self::bits(rest_len));
                if let Some(end) = out.last_chunk_mut() {
                    *end = (u64::from_le_bytes(*last) ^ key).to_le_bytes();
                }
            }
            (None, false) => {
                for ((out, byte), key) in out_rest.iter_mut().zip(rest).zip(key.to_le_bytes()) {
                    *out = byte ^ key;
                }
            }
        }
    }

    /// A masked copy of a long `payload`, in one pass over memory.
    pub(crate) fn copy(self, payload: &[u8]) -> Vec<u8> {
        #[cfg(feature = "simd")]
        let copy = {
            let level = fearless_simd::Level::new();
            fearless_simd::dispatch!(level, _simd => self.copy_words(payload))
        };
        #[cfg(not(feature = "simd"))]
        let copy = self.copy_words(payload);
        copy
    }

    #[inline(always)]
    fn copy_words(self, payload: &[u8]) -> Vec<u8> {
        let key = self.word();
        let (words, rest) = payload.as_chunks();
        let mut copy = Vec::with_capacity(words.len().saturating_add(1));
        copy.extend(words.iter().map(|word| (u64::from_le_bytes(*word) ^ key).to_le_bytes()));
        let mut copy = copy.into_flattened();
        copy.extend(rest.iter().zip(key.to_le_bytes()).map(|(byte, key)| byte ^ key));
        copy
    }

    /// The key twice over, its first byte lowest.
    #[inline]
    const fn word(self) -> u64 {
        (u32::from_le_bytes(self.0) as u64).wrapping_mul(0x1_0000_0001)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

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
                let copy = key.copy(&pattern(alignment + len)[alignment..]);
                assert_eq!(copy, bytes[alignment..], "copied");
                let mut copied = vec![9; alignment + len + 1];
                key.copy_to(
                    &pattern(alignment + len)[alignment..],
                    &mut copied[alignment..][..len],
                );
                assert_eq!(copied[alignment..][..len], bytes[alignment..], "copied to");
                assert!(copied[..alignment].iter().chain(copied.last()).all(|byte| *byte == 9));
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
