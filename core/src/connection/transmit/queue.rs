//! Messages that wait to become frames: RFC 6455 section 5.4.

use alloc::{collections::VecDeque, vec::Vec};
#[cfg(all(test, feature = "deflate"))]
use core::mem;

use bytes::Buf;

use super::{AHEAD, LOW_WATER, Transmitter};
use crate::buffer::Outbox;
use crate::connection::queued::Queued;
use crate::frame::{FrameHeader, Opcode};
use crate::message::Payload;

impl Transmitter {
    pub(super) fn pump_queue(&mut self) {
        while self.outbox.remaining() < LOW_WATER {
            let Some(next) = self.queue.front() else {
                self.queue = VecDeque::new();
                return;
            };
            let is_long = next.payload.len() > self.fragment_size;
            let frames = if is_long { self.frames_at_once() } else { 1 };
            let most = self.fragment_size.saturating_mul(frames);
            let Some(next) = self.queue.front_mut() else { return };
            self.queued_bytes = self.queued_bytes.saturating_sub(next.cost());
            let (opcode, rsv1) = (next.opcode, next.rsv1);
            let (fin, payload) = if next.payload.len() > most {
                let payload = next.payload.split_to(most);
                (next.opcode, next.rsv1) = (Opcode::Continuation, false);
                self.queued_bytes = self.queued_bytes.saturating_add(next.cost());
                (false, payload)
            } else {
                let Some(next) = self.queue.pop_front() else { return };
                (next.fin, next.payload)
            };
            if self.masks.is_none() && payload.len() > Outbox::COALESCE {
                let payload_len = payload.len() as u64;
                let first = FrameHeader { fin, rsv1, opcode, mask: None, payload_len };
                self.outbox.frames_shared(first, self.fragment_size, payload);
            } else {
                self.frame(opcode, fin, rsv1, Payload::Owned(payload));
            }
            if fin {
                self.ends.push(self.outbox.queued());
            }
        }
    }

    /// How many frames of one message there is room for: only those that are not masked can share it,
    /// and short ones are copied rather.
    fn frames_at_once(&self) -> usize {
        if self.masks.is_some() || self.fragment_size <= Outbox::COALESCE {
            return 1;
        }
        let room = AHEAD.saturating_sub(self.outbox.remaining());
        room.div_ceil(self.fragment_size).max(1)
    }

    /// Takes back frames of a long message that are only there so that the transport can take many at
    /// once: what is sent next goes in front of them.
    pub(super) fn make_way(&mut self) {
        let end = self.outbox.queued();
        let Some(payload) = self.outbox.take_back(LOW_WATER) else { return };
        let fin = self.ends.take_back(end);
        let taken = Queued { opcode: Opcode::Continuation, fin, rsv1: false, payload };
        self.queued_bytes = self.queued_bytes.saturating_add(taken.cost());
        self.queue.push_front(taken);
    }

    /// Whether what is sent next goes behind everything that was queued.
    pub(super) fn is_queue_ahead(&self) -> bool {
        self.queue.is_empty() && !self.outbox.can_take_back(LOW_WATER)
    }

    /// Memory that what is queued takes.
    #[cfg(all(test, feature = "deflate"))]
    pub(in super::super) fn queued_capacity(&mut self) -> usize {
        let payloads = mem::take(&mut self.queue).into_iter().map(|queued| queued.payload);
        payloads.map(|payload| payload.try_into_mut().map_or(0, |payload| payload.capacity())).sum()
    }

    pub(super) fn is_queued(&self, len: usize) -> bool {
        !self.queue.is_empty() || len > self.fragment_size || self.outbox.remaining() >= LOW_WATER
    }

    /// A compressed payload. In the queue it takes no more memory than is counted.
    pub(super) fn compressed(
        &mut self,
        opcode: Opcode,
        fin: bool,
        rsv1: bool,
        mut payload: Vec<u8>,
    ) {
        if self.is_queued(payload.len()) {
            payload.shrink_to_fit();
        }
        self.data(opcode, fin, rsv1, payload.into());
    }

    /// Data straight into the outbox if nothing waits, into the queue otherwise.
    #[inline]
    pub(super) fn data(&mut self, opcode: Opcode, fin: bool, rsv1: bool, payload: Payload<'_>) {
        if !self.is_queued(payload.len()) {
            // As in `is_direct`.
            self.pump_pongs();
            self.data_frame(opcode, fin, rsv1, payload);
        } else {
            self.enqueue(Queued { opcode, fin, rsv1, payload: payload.into_bytes() });
        }
    }

    #[inline(always)]
    pub(super) fn enqueue(&mut self, queued: Queued) {
        self.queued_bytes = self.queued_bytes.saturating_add(queued.cost());
        self.queue.push_back(queued);
    }
}
