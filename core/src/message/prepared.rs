use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::{DataKind, Message};
use crate::frame::FrameHeader;

/// A message (section 5.6) that is encoded once and sent to many.
///
/// Cloning it shares it. A server's frames are the same for every peer, so a long one is not even
/// copied; a client masks each of its own, from the shared payload.
///
/// ```
/// use longwire::{Config, Connection, Instant, Message, PreparedMessage, Role};
///
/// let news = PreparedMessage::new(&Message::from("to all"));
/// let room = (0..3).map(|_| Connection::new(Role::Server, Config::server(), Instant::EPOCH));
/// for mut member in room {
///     member.send_prepared(&news).unwrap();
///     assert_eq!(bytes::Buf::chunk(longwire::Endpoint::send_buffer(&mut member)), b"\x81\x06to all");
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct PreparedMessage {
    kind: DataKind,
    /// The header and the payload of one frame that is not masked.
    frame: Bytes,
    header_len: usize,
}

impl PreparedMessage {
    /// Encodes `message`, copying its payload.
    #[must_use]
    pub fn new(message: &Message<'_>) -> Self {
        let kind = message.kind();
        let payload = message.as_bytes();
        let header = FrameHeader {
            fin: true,
            rsv1: false,
            opcode: kind.opcode(),
            mask: None,
            payload_len: payload.len() as u64,
        };
        let header = header.encode();
        let mut frame = Vec::with_capacity(header.len().saturating_add(payload.len()));
        frame.extend_from_slice(&header);
        frame.extend_from_slice(payload);
        Self { kind, frame: frame.into(), header_len: header.len() }
    }

    /// Which kind of message this is.
    #[must_use]
    pub const fn kind(&self) -> DataKind {
        self.kind
    }

    /// The length of the payload in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.frame.len().saturating_sub(self.header_len)
    }

    /// Whether the payload is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload, shared.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.frame.slice(self.header_len..)
    }

    /// The whole of it as a server sends it, shared.
    pub(crate) const fn frame(&self) -> &Bytes {
        &self.frame
    }
}

impl From<Message<'_>> for PreparedMessage {
    fn from(message: Message<'_>) -> Self {
        Self::new(&message)
    }
}

impl fmt::Debug for PreparedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedMessage")
            .field("kind", &self.kind)
            .field("len", &self.len())
            .finish()
    }
}
