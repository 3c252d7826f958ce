//! The common cases, compiled into their callers: a message that nothing is in front of.

use bytes::{Buf, Bytes};

use super::{LOW_WATER, Transmitter};
use crate::buffer::Outbox;
use crate::connection::compression::Compress;
use crate::connection::queued::Queued;
use crate::error::SendError;
use crate::frame::{FrameHeader, Opcode};
use crate::message::{Message, Payload};

/// What a message is sent with.
pub(in super::super) trait Sending {
    /// The transmitter, if it is in use.
    fn transmitter(&mut self) -> Option<&mut Transmitter>;

    /// Sends what is not sent at once. Not inlined.
    fn send_queued<'a>(&mut self, message: Message<'a>) -> Result<(), SendError<Message<'a>>>;
}

/// Queues a message, or gives it back.
#[inline(always)]
pub(in super::super) fn send<'a>(
    sending: &mut impl Sending,
    message: Message<'a>,
) -> Result<(), SendError<Message<'a>>> {
    // Taken apart before anything looks at it, and in one place given to what is not inlined: then it stays
    // in registers. Written word by word and read as a whole, it would be waited for.
    let message = match message {
        Message::Binary(Payload::Owned(bytes)) if is_shared(sending, bytes.len()) => {
            if let Some(transmitter) = sending.transmitter() {
                transmitter.send_shared(Opcode::Binary, bytes);
            }
            return Ok(());
        }
        message @ (Message::Text(_) | Message::Binary(_)) => message,
    };
    let is_sent = match sending.transmitter() {
        Some(transmitter) => transmitter.is_sent_at_once(&message),
        None => false,
    };
    if is_sent { Ok(()) } else { sending.send_queued(message) }
}

#[inline(always)]
fn is_shared(sending: &mut impl Sending, len: usize) -> bool {
    match sending.transmitter() {
        Some(transmitter) => transmitter.is_shared(len),
        None => false,
    }
}

impl Sending for Transmitter {
    #[inline(always)]
    fn transmitter(&mut self) -> Option<&mut Transmitter> {
        Some(self)
    }

    #[inline(never)]
    fn send_queued<'a>(&mut self, message: Message<'a>) -> Result<(), SendError<Message<'a>>> {
        if self.is_shared(message.len()) {
            let opcode = message.kind().opcode();
            self.send_shared(opcode, message.into_payload().into_shared());
            return Ok(());
        }
        self.send_with(message, Compress::Auto)
    }
}

impl Transmitter {
    /// Whether a message of `len` bytes can be sent by sharing it with the outbox, or the queue: a long one
    /// that is neither masked nor compressed, not behind an open one, and may be sent.
    #[inline(always)]
    fn is_shared(&self, len: usize) -> bool {
        len > Outbox::COALESCE
            && self.shares
            && self.accepting
            && self.open.is_none()
            && self.buffered() <= self.hard_limit
    }

    /// Sends a short message that nothing is in front of. Says whether it was one.
    #[inline(always)]
    fn is_sent_at_once(&mut self, message: &Message<'_>) -> bool {
        let payload = message.as_bytes();
        // The constant as well: it spares the compiler the long headers.
        let is_short = payload.len() <= self.short && payload.len() <= Outbox::COALESCE;
        let is_it = is_short && self.is_direct(payload.len());
        if is_it {
            let header = self.header(message.kind().opcode(), true, false, payload.len());
            self.outbox.frame(&header, payload);
            self.ends.push(self.outbox.queued());
        }
        is_it
    }

    /// A message that [is shared](Self::is_shared): as [`data`](Self::data), in fewer moves.
    #[inline(always)]
    fn send_shared(&mut self, opcode: Opcode, payload: Bytes) {
        if self.is_queued(payload.len()) {
            self.enqueue(Queued { opcode, fin: true, rsv1: false, payload });
            return;
        }
        self.pump_pongs();
        let payload_len = payload.len() as u64;
        let header = FrameHeader { fin: true, rsv1: false, opcode, mask: None, payload_len };
        self.outbox.frame_shared(&header, payload);
        self.ends.push(self.outbox.queued());
    }

    /// Whether a message of `len` bytes goes straight into the outbox: nothing is before it.
    #[inline]
    pub(super) fn is_direct(&self, len: usize) -> bool {
        let waiting = self.outbox.remaining();
        self.accepting
            && self.open.is_none()
            && self.queue.is_empty()
            // 5.5.3, "as soon as is practical": before what is sent after the ping was received.
            && self.pongs.is_empty()
            && waiting < LOW_WATER
            && waiting <= self.hard_limit
            && len <= self.fragment_size
    }
}
