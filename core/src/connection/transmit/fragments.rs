//! Messages that are sent in fragments: RFC 6455 section 5.4.

use core::mem;

use super::Transmitter;
use crate::connection::compression::Compress;
use crate::connection::queued::{Held, OpenMessage};
use crate::error::SendError;
use crate::frame::Opcode;
use crate::message::{DataKind, Payload};

impl Transmitter {
    /// Opens a message of `kind` that is sent in fragments.
    pub(in super::super) fn begin_fragments(
        &mut self,
        kind: DataKind,
        compress: Compress,
    ) -> Result<(), SendError> {
        if !self.accepting {
            return Err(SendError::Closed(()));
        }
        if self.open.is_some() {
            return Err(SendError::MessageOpen(()));
        }
        self.open = Some(OpenMessage { opcode: kind.opcode(), compress, compressed: false });
        Ok(())
    }

    pub(in super::super) const fn has_open_message(&self) -> bool {
        self.open.is_some()
    }

    pub(in super::super) fn send_fragment(
        &mut self,
        payload: Payload<'_>,
        fin: bool,
    ) -> Result<(), SendError> {
        let Some(mut open) = self.open.filter(|_| self.accepting) else {
            return Err(SendError::Closed(()));
        };
        // What waits for this message to end must not keep it from ending.
        if self.is_full_ahead() {
            return Err(SendError::Full(()));
        }
        let opcode = mem::replace(&mut open.opcode, Opcode::Continuation);
        let first = opcode != Opcode::Continuation;
        if first {
            open.compressed = self.outgoing.compresses(payload.len(), open.compress);
        }
        if open.compressed {
            let compressed = self.outgoing.fragment(&payload, fin);
            self.compressed(opcode, fin, first, compressed);
        } else {
            self.data(opcode, fin, false, payload);
        }
        self.open = Some(open);
        if fin {
            self.open = None;
            self.release_held();
        }
        Ok(())
    }

    /// Sends what waited for the open message to end.
    fn release_held(&mut self) {
        self.queued_bytes = self.queued_bytes.saturating_sub(self.held_bytes);
        self.held_bytes = 0;
        for held in mem::take(&mut self.held) {
            match held {
                Held::Message { kind, payload, compress } => {
                    self.message(kind, Payload::Owned(payload), compress);
                }
                Held::Prepared(message) => self.prepared(&message),
            }
        }
    }
}
