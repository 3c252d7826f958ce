use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::{DataKind, Message};
#[cfg(feature = "deflate")]
use crate::deflate::{Compressor, Deflate, WindowBits};
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
    plain: PreparedFrame,
    #[cfg(feature = "deflate")]
    compressed: Option<(WindowBits, PreparedFrame)>,
}

/// One frame that is not masked.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PreparedFrame {
    bytes: Bytes,
    header_len: usize,
}

impl PreparedFrame {
    fn new(kind: DataKind, rsv1: bool, payload: &[u8]) -> Self {
        let header = FrameHeader {
            fin: true,
            rsv1,
            opcode: kind.opcode(),
            mask: None,
            payload_len: payload.len() as u64,
        };
        let header = header.encode();
        let mut bytes = Vec::with_capacity(header.len().saturating_add(payload.len()));
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(payload);
        Self { bytes: bytes.into(), header_len: header.len() }
    }

    /// The whole of it, as a server sends it.
    pub(crate) const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) const fn payload_len(&self) -> usize {
        self.bytes.len().saturating_sub(self.header_len)
    }

    pub(crate) fn payload(&self) -> Bytes {
        self.bytes.slice(self.header_len..)
    }
}

impl PreparedMessage {
    /// Encodes `message`, copying its payload. It is sent as it is, also where compression was agreed
    /// on.
    #[must_use]
    pub fn new(message: &Message<'_>) -> Self {
        let kind = message.kind();
        Self {
            kind,
            plain: PreparedFrame::new(kind, false, message.as_bytes()),
            #[cfg(feature = "deflate")]
            compressed: None,
        }
    }

    /// The same, and compresses it once (RFC 7692 section 6.1), for those connections that agreed on it:
    /// with the smaller of the two windows, the level and from the threshold of `deflate` on. The
    /// others, and those that agreed on a smaller window still, send it as it is.
    ///
    /// A connection that keeps its context from message to message starts a new one after sending
    /// this, as its own does not have it.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn compressed_by(message: &Message<'_>, deflate: &Deflate) -> Self {
        let mut prepared = Self::new(message);
        let window = deflate.server_max_window_bits.min(deflate.client_max_window_bits);
        if message.len() >= deflate.threshold {
            let payload =
                Compressor::new(window, false, deflate).message(message.as_bytes(), false);
            prepared.compressed =
                payload.map(|payload| (window, PreparedFrame::new(prepared.kind, true, &payload)));
        }
        prepared
    }

    /// Which kind of message this is.
    #[must_use]
    pub const fn kind(&self) -> DataKind {
        self.kind
    }

    /// The length of the payload in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.plain.payload_len()
    }

    /// Whether the payload is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload, shared.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        self.plain.payload()
    }

    pub(crate) const fn plain(&self) -> &PreparedFrame {
        &self.plain
    }

    /// The compressed form, if it has one that refers back no further than `window`.
    #[cfg(feature = "deflate")]
    pub(crate) fn compressed(&self, window: WindowBits) -> Option<&PreparedFrame> {
        let (needed, frame) = self.compressed.as_ref()?;
        (*needed <= window).then_some(frame)
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
