//! Commands in, frames out: RFC 6455 sections 5 and 6.1.

mod at_once;
mod fragments;
mod queue;

use alloc::{boxed::Box, collections::VecDeque};
use core::mem;

use bytes::Buf;

pub(super) use at_once::{Sending, send};

use super::Config;
use super::compression::{Compress, Outgoing};
use super::ends::Ends;
use super::idle::Idle;
use super::masks::Masks;
use super::queued::{Held, OpenMessage, Queued};
use crate::buffer::Outbox;
#[cfg(feature = "deflate")]
use crate::deflate::Deflate;
use crate::error::SendError;
use crate::frame::{ControlPayload, FrameHeader, Opcode};
use crate::message::{DataKind, Message, Payload, PreparedMessage};
use crate::rng::Rng;

/// Which end of the connection this is, with what only that end needs.
///
/// Only a client masks (section 5.3), so only a client holds randomness.
#[non_exhaustive]
pub enum Role {
    /// The end that opened the connection. Its generator must be cryptographic.
    Client(Box<dyn Rng + Send>),
    /// The end that accepted it.
    Server,
}

impl Role {
    /// A client whose masking keys come from `rng`.
    #[must_use]
    pub fn client(rng: impl Rng + Send + 'static) -> Self {
        Self::Client(Box::new(rng))
    }
}

/// Pongs that wait for the transport; beyond it the oldest gives way (section 5.5.3).
const MAX_PONGS: usize = 16;

/// Queued messages become frames only while fewer bytes than this wait for the transport, so that a
/// control frame never has more in front of it than this and one frame.
const LOW_WATER: usize = 256 * 1024;

/// Frames that can be taken back go on until this many bytes wait, so that the transport is asked less often.
const AHEAD: usize = 2 * 1024 * 1024;

/// The sending side: messages wait unserialised in a queue, frames wait in the outbox.
pub(super) struct Transmitter {
    /// A client's: a server does not mask.
    masks: Option<Box<Masks>>,
    outbox: Outbox,
    queue: VecDeque<Queued>,
    /// Messages that wait for the one being sent in fragments.
    held: VecDeque<Held>,
    /// What both will be on the wire.
    queued_bytes: usize,
    /// What `held` will be.
    held_bytes: usize,
    /// The message being sent in fragments.
    open: Option<OpenMessage>,
    ends: Ends,
    pongs: VecDeque<ControlPayload>,
    /// Where the pongs in the outbox end.
    pongs_end: u64,
    /// The close frame, once decided, until it is in the outbox.
    close: Option<Box<ControlPayload>>,
    accepting: bool,
    /// Whether the transport holds back bytes that it took.
    held_back: bool,
    /// How many messages had been taken, and had left, when it did not.
    left: u64,
    outgoing: Outgoing,
    /// Messages up to this length are copied into the outbox as they are.
    short: usize,
    /// Whether long ones are shared with it as they are: a server's, not compressed.
    shares: bool,
    fragment_size: usize,
    soft_limit: usize,
    hard_limit: usize,
}

impl Transmitter {
    pub(super) fn new() -> Self {
        Self {
            masks: None,
            outbox: Outbox::new(),
            queue: VecDeque::new(),
            held: VecDeque::new(),
            queued_bytes: 0,
            held_bytes: 0,
            open: None,
            ends: Ends::default(),
            pongs: VecDeque::new(),
            pongs_end: 0,
            close: None,
            accepting: true,
            held_back: false,
            left: 0,
            outgoing: Outgoing::NONE,
            short: 0,
            shares: false,
            fragment_size: 0,
            soft_limit: 0,
            hard_limit: 0,
        }
    }

    /// `outbox` holds what must leave before the first frame.
    pub(super) fn begin(&mut self, outbox: Outbox) {
        self.outbox = outbox;
    }

    /// Goes by `config` from now on.
    pub(super) fn configure(&mut self, config: &Config) {
        self.fragment_size = config.fragment_size.max(ControlPayload::MAX_LEN);
        self.hard_limit = config.send_hard_limit;
        // Whoever has room must not be refused.
        self.soft_limit = config.send_soft_limit.min(self.hard_limit);
        let threshold = self.outgoing.threshold();
        self.shares = self.is_server() && threshold.is_none();
        self.short =
            threshold.map_or(Outbox::COALESCE, |len| Outbox::COALESCE.min(len.saturating_sub(1)));
    }

    /// Compresses from now on.
    #[cfg(feature = "deflate")]
    pub(super) fn compress(&mut self, deflate: &Deflate, config: &Config) {
        self.outgoing = Outgoing::agreed(deflate, self.is_server());
        self.configure(config);
    }

    /// Gives back memory in which nothing waits.
    pub(super) fn release(&mut self) {
        self.outbox.release();
        if self.queue.is_empty() && self.queue.capacity() > 0 {
            self.queue = VecDeque::new();
        }
    }

    /// Whether nothing is being sent, nor is to be, and no memory is held for it.
    pub(super) fn is_idle(&self) -> bool {
        self.accepting
            && self.queue.capacity() == 0
            && self.held.capacity() == 0
            && self.pongs.capacity() == 0
            && self.open.is_none()
            && self.close.is_none()
            && !self.held_back
            && self.outbox.is_idle()
            && self.ends.is_idle()
    }

    /// Takes the place of `idle`, and that of this one, which [is idle](Self::is_idle) as well.
    pub(super) fn swap(&mut self, idle: &mut Idle) {
        mem::swap(&mut self.masks, &mut idle.masks);
        mem::swap(&mut self.outgoing, &mut idle.outgoing);
        self.ends.swap_taken(&mut idle.taken);
        self.left = self.ends.taken();
        self.outbox.swap_usual(&mut idle.outbox_size);
        self.pongs_end = 0;
    }

    /// Memory held for compressing.
    pub(super) fn compression_memory(&self) -> usize {
        self.outgoing.memory()
    }

    pub(super) const fn is_server(&self) -> bool {
        self.masks.is_none()
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(super) fn outbox_mut(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Bytes accepted that the transport has not taken.
    pub(super) fn buffered(&self) -> usize {
        self.outbox.remaining().saturating_add(self.queued_bytes)
    }

    /// The same, without the messages that wait for the open one.
    pub(super) fn ahead(&self) -> usize {
        self.buffered().saturating_sub(self.held_bytes)
    }

    /// Whether no more waits than the soft limit.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.buffered() <= self.soft_limit && !self.holds_its_half()
    }

    /// The same, as to what is [ahead](Self::ahead).
    pub(super) fn has_room_ahead(&self) -> bool {
        self.ahead() <= self.soft_limit && !self.is_full_ahead()
    }

    /// Whether no message is accepted. Half of the room is that of the message that others wait for: it
    /// has to come to its end.
    fn is_full(&self) -> bool {
        self.buffered() > self.hard_limit || self.holds_its_half()
    }

    /// Whether what waits for the open message has the half that is for it.
    const fn holds_its_half(&self) -> bool {
        self.held_bytes > self.hard_limit / 2
    }

    /// The same, of a part of the open message.
    fn is_full_ahead(&self) -> bool {
        self.ahead() > self.hard_limit.saturating_sub(self.held_bytes.min(self.hard_limit / 2))
    }

    /// Messages accepted that the transport has not taken whole.
    pub(super) fn unsent_messages(&self) -> usize {
        let waiting = self.queue.iter().filter(|queued| queued.fin).count();
        waiting
            .saturating_add(self.held.len())
            .saturating_add(self.ends.count())
            .saturating_add(usize::from(self.open.is_some()))
    }

    pub(super) fn send_with<'a>(
        &mut self,
        message: Message<'a>,
        compress: Compress,
    ) -> Result<(), SendError<Message<'a>>> {
        if !self.accepting {
            return Err(SendError::Closed(message));
        }
        if self.is_full() {
            return Err(SendError::Full(message));
        }
        self.accept(message.kind(), message.into_payload(), compress);
        Ok(())
    }

    /// Takes a message that may be sent.
    fn accept(&mut self, kind: DataKind, payload: Payload<'_>, compress: Compress) {
        if self.open.is_some() {
            self.hold(Held::Message { kind, payload: payload.into_bytes(), compress });
        } else {
            self.message(kind, payload, compress);
        }
    }

    fn hold(&mut self, held: Held) {
        self.queued_bytes = self.queued_bytes.saturating_add(held.cost());
        self.held_bytes = self.held_bytes.saturating_add(held.cost());
        self.held.push_back(held);
    }

    /// A whole message, behind everything before it: compression goes by that order.
    fn message(&mut self, kind: DataKind, payload: Payload<'_>, compress: Compress) {
        match self.outgoing.message(&payload, compress) {
            Some(compressed) => self.compressed(kind.opcode(), true, true, compressed),
            None => self.data(kind.opcode(), true, false, payload),
        }
    }

    pub(super) fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        if !self.accepting {
            return Err(SendError::Closed(()));
        }
        if self.is_full() {
            return Err(SendError::Full(()));
        }
        if self.open.is_some() {
            self.hold(Held::Prepared(message.clone()));
        } else {
            self.prepared(message);
        }
        Ok(())
    }

    /// As [`message`](Self::message).
    fn prepared(&mut self, message: &PreparedMessage) {
        let (frame, rsv1) = self.outgoing.prepared(message);
        if !(self.is_server() && self.is_direct(frame.payload_len())) {
            self.data(message.kind().opcode(), true, rsv1, Payload::Owned(frame.payload()));
            return;
        }
        let bytes = frame.bytes();
        if bytes.len() <= Outbox::COALESCE {
            self.outbox.copy(bytes);
        } else {
            self.outbox.push(bytes.clone());
        }
        self.ends.push(self.outbox.queued());
    }

    pub(super) fn ping(&mut self, payload: &ControlPayload) -> Result<u64, SendError> {
        if !self.accepting {
            return Err(SendError::Closed(()));
        }
        self.make_way();
        if self.outbox.remaining() > self.hard_limit {
            return Err(SendError::Full(()));
        }
        self.frame(Opcode::Ping, true, false, Payload::Borrowed(payload));
        Ok(self.outbox.queued())
    }

    /// Answers a ping, when the transport next takes bytes.
    pub(super) fn pong(&mut self, payload: ControlPayload) {
        if !self.accepting {
            return;
        }
        if self.pongs.len() >= MAX_PONGS {
            // 5.5.3: "MAY elect to send a Pong frame for only the most recently processed Ping".
            self.pongs.pop_front();
        }
        self.pongs.push_back(payload);
    }

    /// Sends a close frame behind everything accepted, and accepts nothing more.
    ///
    /// A message that is open will never be finished, nor what waits for it be sent: says how many
    /// messages that are.
    pub(super) fn close(&mut self, payload: ControlPayload) -> usize {
        // 5.5.2: a ping is answered, "unless it already received a Close frame".
        self.answer_pings();
        self.stop_accepting();
        self.close = Some(Box::new(payload));
        let unsent = self.held.len().saturating_add(usize::from(self.open.is_some()));
        self.queued_bytes = self.queued_bytes.saturating_sub(self.held_bytes);
        self.held_bytes = 0;
        self.held = VecDeque::new();
        self.open = None;
        unsent
    }

    /// Sends the close frame next: messages that are not on their way are dropped and counted.
    pub(super) fn close_now(&mut self, payload: ControlPayload) -> usize {
        self.make_way();
        // 5.5.2: those that came before the peer's close frame are answered.
        self.answer_pings();
        self.stop_accepting();
        self.close = Some(Box::new(payload));
        self.drop_queue()
    }

    /// If a close frame waits behind messages, drops those and counts them.
    pub(super) fn hurry_close(&mut self) -> usize {
        if self.close.is_none() {
            return 0;
        }
        self.make_way();
        self.drop_queue()
    }

    fn drop_queue(&mut self) -> usize {
        let before = self.unsent_messages();
        self.queue = VecDeque::new();
        self.held = VecDeque::new();
        self.queued_bytes = 0;
        self.held_bytes = 0;
        self.open = None;
        before.saturating_sub(self.ends.count())
    }

    /// Drops everything: the transport takes nothing more. Says how many messages that were, with those
    /// that it holds back.
    pub(super) fn abort(&mut self) -> usize {
        let unsent = self.unsent_messages().saturating_add(self.held_messages());
        self.drop_queue();
        self.stop_accepting();
        self.close = None;
        self.ends.clear();
        self.outbox.clear();
        self.held_back = false;
        unsent
    }

    fn stop_accepting(&mut self) {
        self.accepting = false;
        self.pongs = VecDeque::new();
    }

    /// Whether everything decided to be sent has left.
    pub(super) fn is_flushed(&self) -> bool {
        self.close.is_none() && self.queue.is_empty() && !self.is_waiting()
    }

    /// Whether bytes wait for the transport, or within it.
    pub(super) fn is_waiting(&self) -> bool {
        self.held_back || self.outbox.has_remaining()
    }

    /// Whether the transport holds back bytes that it took.
    pub(super) fn hold_back(&mut self, held: bool) {
        self.held_back = held;
        if !held {
            self.left = self.ends.taken();
        }
    }

    pub(super) const fn is_held_back(&self) -> bool {
        self.held_back
    }

    /// Messages that the transport took whole, and holds back.
    fn held_messages(&self) -> usize {
        let held = if self.held_back { self.ends.taken().wrapping_sub(self.left) } else { 0 };
        usize::try_from(held).unwrap_or(usize::MAX)
    }

    /// Whether the transport has taken everything up to `end`.
    pub(super) fn has_transmitted(&self, end: u64) -> bool {
        self.outbox.transmitted() >= end
    }

    pub(super) fn sent(&mut self, n: usize) {
        // That the transport takes nothing does not say that it has passed on what it took.
        if n > 0 && !self.held_back {
            self.left = self.ends.taken();
        }
        self.outbox.advance(n);
        if self.outbox.has_remaining() {
            self.ends.transmitted(self.outbox.transmitted());
        } else {
            self.ends.all_transmitted();
        }
    }

    /// Messages that the transport has ever taken whole.
    pub(super) const fn taken_messages(&self) -> u64 {
        self.ends.taken()
    }

    /// Whether everything accepted has become frames: a ping goes behind all of it.
    pub(super) fn is_serialised(&self) -> bool {
        self.is_queue_ahead() && self.held.is_empty() && self.open.is_none()
    }

    /// Moves what is due into the outbox.
    #[inline]
    pub(super) fn pump(&mut self) {
        self.pump_pongs();
        if !self.queue.is_empty() {
            self.pump_queue();
        }
        if self.close.is_some()
            && self.is_queue_ahead()
            && let Some(close) = self.close.take()
        {
            self.frame(Opcode::Close, true, false, Payload::Borrowed(&close));
        }
    }

    /// Pongs enter the outbox when those before them have left it: a peer that does not read costs
    /// twice [`MAX_PONGS`] and no more.
    #[inline]
    fn pump_pongs(&mut self) {
        if !self.pongs.is_empty() && self.has_transmitted(self.pongs_end) {
            self.answer_pings();
        }
    }

    fn answer_pings(&mut self) {
        if !self.pongs.is_empty() {
            self.make_way();
        }
        for pong in mem::take(&mut self.pongs) {
            self.frame(Opcode::Pong, true, false, Payload::Borrowed(&pong));
        }
        self.pongs_end = self.outbox.queued();
    }

    fn data_frame(&mut self, opcode: Opcode, fin: bool, rsv1: bool, payload: Payload<'_>) {
        self.frame(opcode, fin, rsv1, payload);
        if fin {
            self.ends.push(self.outbox.queued());
        }
    }

    #[inline]
    fn header(&mut self, opcode: Opcode, fin: bool, rsv1: bool, len: usize) -> FrameHeader {
        // 5.3: "a fresh masking key for every frame", control and empty ones included.
        let mask = self.masks.as_mut().map(|masks| masks.fresh());
        FrameHeader { fin, rsv1, opcode, mask, payload_len: len as u64 }
    }

    fn frame(&mut self, opcode: Opcode, fin: bool, rsv1: bool, payload: Payload<'_>) {
        let header = self.header(opcode, fin, rsv1, payload.len());
        if payload.len() <= Outbox::COALESCE {
            return self.outbox.frame(&header, &payload);
        }
        let bytes = match (payload, header.mask) {
            (payload, None) => payload.into_shared(),
            (Payload::Borrowed(bytes), Some(mask)) => mask.copy(bytes).into(),
            (Payload::Owned(bytes), Some(mask)) => match bytes.try_into_mut() {
                // Nobody else sees these bytes, so they can be masked where they are.
                Ok(mut unique) => {
                    mask.apply(&mut unique);
                    unique.freeze()
                }
                Err(shared) => mask.copy(&shared).into(),
            },
        };
        self.outbox.frame_shared(&header, bytes);
    }
}
