use crate::error::ProtocolError;

/// How to interpret a frame's payload (section 5.2).
///
/// Closed: a reserved opcode is a [`ProtocolError`], not a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the RFC reserves the rest, and a reserved opcode fails the connection"
)]
pub enum Opcode {
    /// A fragment that continues a message.
    Continuation = 0x0,
    /// The first frame of a text message.
    Text = 0x1,
    /// The first frame of a binary message.
    Binary = 0x2,
    /// The closing handshake.
    Close = 0x8,
    /// Asks for a pong.
    Ping = 0x9,
    /// Answers a ping, or arrives unasked.
    Pong = 0xa,
}

impl Opcode {
    /// Whether frames of this kind are control frames (section 5.5).
    #[inline]
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl TryFrom<u8> for Opcode {
    type Error = ProtocolError;

    #[inline]
    fn try_from(bits: u8) -> Result<Self, ProtocolError> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            // 5.2: "If an unknown opcode is received, the receiving endpoint MUST fail".
            _ => return Err(ProtocolError::ReservedOpcode),
        })
    }
}
