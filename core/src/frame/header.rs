use core::ops::Deref;

use super::{Mask, Opcode};
use crate::error::ProtocolError;

/// Everything in a frame but its payload (section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the RFC fixes the fields")]
pub struct FrameHeader {
    /// Whether this is the final fragment of a message.
    pub fin: bool,
    /// Reserved bit 1: set on the first frame of a compressed message (RFC 7692 section 6).
    pub rsv1: bool,
    /// How to interpret the payload.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub mask: Option<Mask>,
    /// The length of the payload in bytes, at most 2^63 - 1.
    pub payload_len: u64,
}

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const MASKED: u8 = 0x80;

impl FrameHeader {
    /// The longest possible header, in bytes.
    pub const MAX_LEN: usize = 14;

    /// Parses a header from the front of `bytes`.
    ///
    /// Returns the header and its length, or `None` if `bytes` does not hold all of it.
    ///
    /// # Errors
    ///
    /// A header no peer may send, whatever was negotiated: as soon as the bytes that say so are
    /// there, even if the rest of the header is not.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, ProtocolError> {
        let &[first, second, ref rest @ ..] = bytes else {
            return match bytes {
                [first] => Self::check_first(*first).map(|_| None),
                _ => Ok(None),
            };
        };
        let opcode = Self::check_first(first)?;
        let fin = first & FIN != 0;
        let short = second & !MASKED;
        // 5.5: "All control frames MUST have a payload length of 125 bytes or less".
        if opcode.is_control() && short > 125 {
            return Err(ProtocolError::OversizedControl);
        }
        let (payload_len, rest, len) = match short {
            126 => {
                let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from(u16::from_be_bytes(*length)), rest, 4)
            }
            127 => {
                let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
                (u64::from_be_bytes(*length), rest, 10)
            }
            short => (u64::from(short), rest, 2),
        };
        // 5.2: "the minimal number of bytes MUST be used", "the most significant bit MUST be 0".
        if (short == 126 && payload_len < 126) || (short == 127 && payload_len < 0x1_0000) {
            return Err(ProtocolError::NonMinimalLength);
        }
        if payload_len >> 63 != 0 {
            return Err(ProtocolError::LengthOutOfRange);
        }
        let (mask, len) = if second & MASKED == 0 {
            (None, len)
        } else {
            let Some((key, _)) = rest.split_first_chunk() else { return Ok(None) };
            (
                Some(Mask(*key)),
                match short {
                    126 => 8,
                    127 => Self::MAX_LEN,
                    _ => 6,
                },
            )
        };
        Ok(Some((Self { fin, rsv1: first & RSV1 != 0, opcode, mask, payload_len }, len)))
    }

    /// What the first byte alone can violate.
    #[inline]
    fn check_first(first: u8) -> Result<Opcode, ProtocolError> {
        if first & RSV2_RSV3 != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        let opcode = Opcode::try_from(first & 0x0f)?;
        if opcode.is_control() {
            // 5.4: "Control frames themselves MUST NOT be fragmented."
            if first & FIN == 0 {
                return Err(ProtocolError::FragmentedControl);
            }
            // RFC 7692 section 6.1: only a data message's first frame may set it.
            if first & RSV1 != 0 {
                return Err(ProtocolError::ReservedBits);
            }
        }
        Ok(opcode)
    }

    /// Encodes the header, with the length in as few bytes as it fits (section 5.2).
    #[inline]
    #[must_use]
    pub fn encode(&self) -> EncodedHeader {
        let first = u8::from(self.fin) << 7 | u8::from(self.rsv1) << 6 | self.opcode as u8;
        let [s, t, u, v, w, x, y, z] = self.payload_len.to_be_bytes();
        let (bytes, len) = match (self.payload_len, self.mask) {
            (0..126, None) => ([first, z, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 2),
            (0..126, Some(Mask([a, b, c, d]))) => {
                ([first, MASKED | z, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0], 6)
            }
            (126..0x1_0000, None) => ([first, 126, y, z, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 4),
            (126..0x1_0000, Some(Mask([a, b, c, d]))) => {
                ([first, MASKED | 126, y, z, a, b, c, d, 0, 0, 0, 0, 0, 0], 8)
            }
            (_, None) => ([first, 127, s, t, u, v, w, x, y, z, 0, 0, 0, 0], 10),
            (_, Some(Mask([a, b, c, d]))) => {
                ([first, MASKED | 127, s, t, u, v, w, x, y, z, a, b, c, d], 14)
            }
        };
        EncodedHeader { bytes, len }
    }

    /// Writes what [`encode`](Self::encode) makes to the front of `place`, where there is room for any
    /// header, and says how long it is. Each length is a constant, so that it is one store or two.
    #[inline]
    pub(crate) fn write(&self, place: &mut [u8]) -> usize {
        fn put<const N: usize>(place: &mut [u8], bytes: [u8; N]) -> usize {
            if let Some(front) = place.first_chunk_mut() {
                *front = bytes;
            }
            N
        }
        let first = u8::from(self.fin) << 7 | u8::from(self.rsv1) << 6 | self.opcode as u8;
        let [s, t, u, v, w, x, y, z] = self.payload_len.to_be_bytes();
        match (self.payload_len, self.mask) {
            (0..126, None) => put(place, [first, z]),
            (0..126, Some(Mask([a, b, c, d]))) => put(place, [first, MASKED | z, a, b, c, d]),
            (126..0x1_0000, None) => put(place, [first, 126, y, z]),
            (126..0x1_0000, Some(Mask([a, b, c, d]))) => {
                put(place, [first, MASKED | 126, y, z, a, b, c, d])
            }
            (_, None) => put(place, [first, 127, s, t, u, v, w, x, y, z]),
            (_, Some(Mask([a, b, c, d]))) => {
                put(place, [first, MASKED | 127, s, t, u, v, w, x, y, z, a, b, c, d])
            }
        }
    }
}

/// A header without a mask, as a number of bytes that is always the same: one store, and no branch for
/// each length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unmasked {
    bytes: [u8; Self::ROOM],
    len: usize,
}

impl Unmasked {
    /// What [`write`](Self::write) wants room for.
    pub(crate) const ROOM: usize = 16;

    /// The header, its mask left out.
    #[inline]
    pub(crate) fn new(header: &FrameHeader) -> Self {
        let first = u8::from(header.fin) << 7 | u8::from(header.rsv1) << 6 | header.opcode as u8;
        let length = header.payload_len.swap_bytes();
        let (short, length, len) = match header.payload_len {
            len @ 0..126 => (len, 0, 2),
            126..0x1_0000 => (126, length >> 48, 4),
            _ => (127, length, 10),
        };
        let bytes = u128::from(first) | u128::from(short) << 8 | u128::from(length) << 16;
        Self { bytes: bytes.to_le_bytes(), len }
    }

    #[inline(always)]
    pub(crate) fn write(&self, place: &mut [u8]) -> usize {
        if let Some(front) = place.first_chunk_mut() {
            *front = self.bytes;
        }
        self.len
    }

    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.len
    }
}

/// An encoded [`FrameHeader`]: a short byte string that lives on the stack.
#[derive(Clone, Copy, Debug)]
pub struct EncodedHeader {
    bytes: [u8; FrameHeader::MAX_LEN],
    len: u8,
}

impl Deref for EncodedHeader {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Opcode; 6] = [
        Opcode::Continuation,
        Opcode::Text,
        Opcode::Binary,
        Opcode::Close,
        Opcode::Ping,
        Opcode::Pong,
    ];

    #[test]
    fn s5_2_encode_then_parse_is_the_identity_for_every_length_form() {
        let lengths = [
            0,
            1,
            125,
            126,
            127,
            0xffff,
            0x1_0000,
            0x1_0001,
            u64::from(u32::MAX) + 1,
            (1 << 63) - 1,
        ];
        for opcode in ALL {
            for fin in [true, false] {
                for rsv1 in [true, false] {
                    for mask in [None, Some(Mask([1, 2, 3, 4])), Some(Mask([0; 4]))] {
                        for payload_len in lengths {
                            let header = FrameHeader { fin, rsv1, opcode, mask, payload_len };
                            let legal =
                                !opcode.is_control() || (fin && !rsv1 && payload_len <= 125);
                            let wire = header.encode();
                            let mut place = [9; Unmasked::ROOM];
                            assert_eq!(header.write(&mut place), wire.len());
                            assert_eq!(place[..wire.len()], *wire);
                            if mask.is_none() {
                                let unmasked = Unmasked::new(&header);
                                assert_eq!(unmasked.write(&mut place), wire.len());
                                assert_eq!(place[..wire.len()], *wire);
                                assert_eq!(unmasked.len(), wire.len());
                            }
                            let parsed = FrameHeader::parse(&wire);
                            assert_eq!(parsed.is_ok(), legal, "{header:?}");
                            if legal {
                                assert_eq!(parsed, Ok(Some((header, wire.len()))));
                                for cut in 0..wire.len() {
                                    assert_eq!(
                                        FrameHeader::parse(&wire[..cut]),
                                        Ok(None),
                                        "{header:?} cut at {cut}"
                                    );
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn s5_2_every_first_byte_is_judged_as_the_rfc_says() {
        for first in 0..=u8::MAX {
            let control = first & 0x08 != 0;
            let expected = if first & 0x30 != 0 {
                Err(ProtocolError::ReservedBits)
            } else if !matches!(first & 0x0f, 0 | 1 | 2 | 8 | 9 | 10) {
                Err(ProtocolError::ReservedOpcode)
            } else if control && first & 0x80 == 0 {
                Err(ProtocolError::FragmentedControl)
            } else if control && first & 0x40 != 0 {
                Err(ProtocolError::ReservedBits)
            } else {
                Ok(())
            };
            assert_eq!(FrameHeader::parse(&[first, 0]).map(|_| ()), expected, "{first:#04x}");
            assert_eq!(FrameHeader::parse(&[first]).map(|_| ()), expected, "{first:#04x} alone");
        }
    }

    #[test]
    fn s5_2_lengths_not_minimally_encoded_are_refused() {
        for length in 0..126u16 {
            let [a, b] = length.to_be_bytes();
            assert_eq!(
                FrameHeader::parse(&[0x82, 126, a, b]),
                Err(ProtocolError::NonMinimalLength)
            );
        }
        for length in [0u64, 125, 126, 0xffff] {
            let mut wire = [0x82, 127, 0, 0, 0, 0, 0, 0, 0, 0];
            wire[2..].copy_from_slice(&length.to_be_bytes());
            assert_eq!(FrameHeader::parse(&wire), Err(ProtocolError::NonMinimalLength));
        }
    }

    #[test]
    fn s5_2_the_most_significant_bit_of_a_long_length_must_be_0() {
        assert_eq!(
            FrameHeader::parse(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]),
            Err(ProtocolError::LengthOutOfRange)
        );
        assert_eq!(
            FrameHeader::parse(&[0x82, 255, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Err(ProtocolError::LengthOutOfRange),
            "before the masking key has arrived"
        );
    }

    #[test]
    fn s5_5_control_payloads_over_125_bytes_are_refused_for_ping_pong_and_close() {
        for opcode in [0x88, 0x89, 0x8a] {
            for length in [126, 127, 254, 255] {
                assert_eq!(
                    FrameHeader::parse(&[opcode, length]),
                    Err(ProtocolError::OversizedControl)
                );
            }
        }
    }
}
