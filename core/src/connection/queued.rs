//! Messages that wait to become frames.

use bytes::Bytes;

use super::compression::Compress;
use crate::frame::{FrameHeader, Opcode};
use crate::message::{DataKind, PreparedMessage};

/// What is sent of a message: all of it, or what is left of it.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) opcode: Opcode,
    pub(super) fin: bool,
    /// Compressed, and not continued (RFC 7692 section 6).
    pub(super) rsv1: bool,
    pub(super) payload: Bytes,
}

/// A message that waits for another one to end: only then can it be compressed.
#[derive(Debug)]
pub(super) enum Held {
    Message { kind: DataKind, payload: Bytes, compress: Compress },
    Prepared(PreparedMessage),
}

impl Queued {
    /// What it will be on the wire, more or less: so that even empty ones count.
    pub(super) fn cost(&self) -> usize {
        self.payload.len().saturating_add(FrameHeader::MAX_LEN)
    }
}

impl Held {
    /// As [`Queued::cost`].
    pub(super) fn cost(&self) -> usize {
        let len = match self {
            Self::Message { payload, .. } => payload.len(),
            Self::Prepared(message) => message.len(),
        };
        len.saturating_add(FrameHeader::MAX_LEN)
    }
}

/// A message being sent in fragments.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenMessage {
    /// Of its next frame.
    pub(super) opcode: Opcode,
    pub(super) compress: Compress,
    /// Whether it is compressed: its first fragment decides.
    pub(super) compressed: bool,
}
