//! A message that has begun: what its frames may add to it (RFC 6455 section 5.4).

use super::{Receiver, compressed};
use crate::connection::Config;
use crate::error::ProtocolError;
use crate::frame::{FrameHeader, Opcode};
use crate::message::{DataKind, Utf8Validator};

/// A message of which at least one frame header has arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// That of its first frame.
    pub(super) number: u32,
    pub(super) kind: DataKind,
    /// Payload bytes announced so far.
    pub(super) bytes: u64,
    pub(super) fragments: u32,
    pub(super) empty_run: u32,
    /// Whether a piece of it has been handed out.
    pub(super) begun: bool,
    /// Whether its payload is compressed (RFC 7692 section 6).
    pub(super) compressed: bool,
    /// Bytes decompressed and handed out.
    pub(super) decompressed: usize,
}

impl Receiver {
    /// Judges a data frame against the message it belongs to, before its payload is looked at.
    pub(super) fn open_or_continue(
        &mut self,
        header: &FrameHeader,
        config: &Config,
    ) -> Result<(), ProtocolError> {
        let kind = match header.opcode {
            Opcode::Text => Some(DataKind::Text),
            Opcode::Binary => Some(DataKind::Binary),
            Opcode::Continuation | Opcode::Close | Opcode::Ping | Opcode::Pong => None,
        };
        let mut open = match (kind, self.open) {
            (Some(kind), None) => Open {
                number: self.partial,
                kind,
                bytes: 0,
                fragments: 0,
                empty_run: 0,
                begun: false,
                compressed: header.rsv1,
                decompressed: 0,
            },
            (None, Some(open)) => open,
            // 5.4: fragments of different messages must not be interleaved.
            (None, None) => return Err(ProtocolError::UnexpectedContinuation),
            (Some(_), Some(_)) => return Err(ProtocolError::ExpectedContinuation),
        };
        open.fragments = open.fragments.saturating_add(1);
        let limit = |limit: u64, fragments| {
            if open.compressed { compressed::limit(limit, fragments) } else { limit }
        };
        if header.payload_len > limit(config.max_frame, 1) {
            return Err(ProtocolError::FrameTooBig);
        }
        open.bytes = open.bytes.saturating_add(header.payload_len);
        if open.bytes > limit(config.max_message, open.fragments) {
            return Err(ProtocolError::MessageTooBig);
        }
        if open.fragments > config.max_fragments {
            return Err(ProtocolError::TooManyFragments);
        }
        // A message of one frame has no fragments, be it empty.
        let is_fragment = !(kind.is_some() && header.fin);
        let is_empty = header.payload_len == 0 && is_fragment;
        open.empty_run = if is_empty { open.empty_run.saturating_add(1) } else { 0 };
        if open.empty_run > config.max_empty_fragments {
            return Err(ProtocolError::TooManyEmptyFragments);
        }
        if kind.is_some() {
            self.utf8 = Utf8Validator::new();
        }
        self.open = Some(open);
        Ok(())
    }
}
