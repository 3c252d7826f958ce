use core::fmt;

/// The bytes were not UTF-8 (section 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidUtf8;

impl fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not UTF-8 (RFC 6455, 8.1)")
    }
}

impl core::error::Error for InvalidUtf8 {}

/// Validates text that arrives in pieces, at the first byte that cannot be part of it.
///
/// Looks at each byte once, whatever the pieces: between them it keeps the one to three bytes of an
/// unfinished character.
#[derive(Clone, Debug, Default)]
pub struct Utf8Validator {
    partial: [u8; 4],
    len: u8,
}

impl Utf8Validator {
    /// A validator at the beginning of a text.
    #[must_use]
    pub const fn new() -> Self {
        Self { partial: [0; 4], len: 0 }
    }

    /// Validates the next piece.
    ///
    /// # Errors
    ///
    /// As soon as no continuation could make the text valid, such as after `F4 90`.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), InvalidUtf8> {
        while self.len > 0 {
            let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            let at = usize::from(self.len);
            // A character has at most four bytes, so an unfinished one has at most three.
            *self.partial.get_mut(at).ok_or(InvalidUtf8)? = *first;
            self.len = self.len.saturating_add(1);
            let partial = self.partial.get(..=at).ok_or(InvalidUtf8)?;
            match str::from_utf8(partial) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(InvalidUtf8),
            }
        }
        let Err(valid_up_to) = unfinished(bytes)? else { return Ok(()) };
        let tail = bytes.get(valid_up_to..).ok_or(InvalidUtf8)?;
        for (slot, byte) in self.partial.iter_mut().zip(tail) {
            *slot = *byte;
            self.len = self.len.saturating_add(1);
        }
        Ok(())
    }

    /// Whether the text may end here: no character is unfinished.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.len == 0
    }
}

/// `Ok(Err(n))`: the first `n` bytes are valid, the rest is the beginning of a character.
fn unfinished(bytes: &[u8]) -> Result<Result<(), usize>, InvalidUtf8> {
    #[cfg(not(feature = "simd"))]
    let result = str::from_utf8(bytes).map_err(|e| (e.valid_up_to(), e.error_len().is_none()));
    #[cfg(feature = "simd")]
    let result =
        simdutf8::compat::from_utf8(bytes).map_err(|e| (e.valid_up_to(), e.error_len().is_none()));
    match result {
        Ok(_) => Ok(Ok(())),
        Err((valid_up_to, true)) => Ok(Err(valid_up_to)),
        Err((_, false)) => Err(InvalidUtf8),
    }
}

/// The text that `bytes` are.
#[inline]
pub(crate) fn from_utf8(bytes: &[u8]) -> Result<&str, InvalidUtf8> {
    #[cfg(not(feature = "simd"))]
    let result = str::from_utf8(bytes).map_err(|_| InvalidUtf8);
    #[cfg(feature = "simd")]
    let result = simdutf8::basic::from_utf8(bytes).map_err(|_| InvalidUtf8);
    result
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn in_pieces(pieces: &[&[u8]]) -> Result<bool, InvalidUtf8> {
        let mut validator = Utf8Validator::new();
        for piece in pieces {
            validator.push(piece)?;
        }
        Ok(validator.is_complete())
    }

    /// Every sequence at a boundary of the definition (RFC 3629 section 4), and its neighbours.
    fn boundary_sequences() -> Vec<Vec<u8>> {
        let mut sequences = Vec::new();
        let interesting = [
            0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0,
            0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff,
        ];
        for a in 0x7e..=0xff_u8 {
            sequences.push([a].to_vec());
            for b in interesting {
                sequences.push([a, b].to_vec());
                for c in [0x41, 0x7f, 0x80, 0xbf, 0xc0] {
                    sequences.push([a, b, c].to_vec());
                    for d in [0x41, 0x80, 0xbf, 0xc0] {
                        sequences.push([a, b, c, d].to_vec());
                    }
                }
            }
        }
        sequences
    }

    #[test]
    fn u1_every_boundary_sequence_at_every_split_agrees_with_std() {
        for sequence in boundary_sequences() {
            let mut text = b"ab".to_vec();
            text.extend_from_slice(&sequence);
            text.extend_from_slice(b"z");
            let valid = str::from_utf8(&text).is_ok();
            for i in 0..=text.len() {
                for j in i..=text.len() {
                    let result = in_pieces(&[&text[..i], &text[i..j], &text[j..]]);
                    assert_eq!(result == Ok(true), valid, "{text:x?} cut at {i} and {j}");
                }
            }
        }
    }

    #[test]
    fn u1_what_is_a_text_is_what_std_says_is_one() {
        for sequence in boundary_sequences() {
            let long = [&[b'a'; 100][..], &sequence, &[b'z'; 100]].concat();
            for text in [sequence, long] {
                let expected = str::from_utf8(&text).map_err(|_| InvalidUtf8);
                assert_eq!(from_utf8(&text), expected, "{text:x?}");
            }
        }
    }

    #[test]
    fn u2_fails_at_the_first_byte_that_cannot_be_continued() {
        for sequence in boundary_sequences() {
            let fails_at = (1..=sequence.len())
                .find(|&n| str::from_utf8(&sequence[..n]).is_err_and(|e| e.error_len().is_some()));
            let mut validator = Utf8Validator::new();
            for (i, byte) in sequence.iter().enumerate() {
                let expected = fails_at == Some(i + 1);
                let failed = validator.push(&[*byte]).is_err();
                assert_eq!(failed, expected, "{sequence:x?} at byte {i}");
                if failed {
                    break;
                }
            }
        }
        for early in [&[0xf4, 0x90][..], &[0xed, 0xa0], &[0xc0], &[0xe0, 0x80], &[0xf5], &[0x80]] {
            assert!(in_pieces(&[early]).is_err(), "{early:x?}");
        }
    }

    #[test]
    fn u3_an_unfinished_character_at_the_end_is_not_complete() {
        for n in 1..4 {
            let smile = "\u{1f600}".as_bytes();
            assert_eq!(in_pieces(&[b"ok", &smile[..n]]), Ok(false));
            assert_eq!(in_pieces(&[b"ok", &smile[..n], &smile[n..]]), Ok(true));
        }
    }
}
