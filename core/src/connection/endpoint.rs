//! The connection as an [`Endpoint`]. Of one that is idle, most is known without looking.

use super::Connection;
use crate::buffer::{Outbox, Stage};
use crate::endpoint::Endpoint;
use crate::error::TransportFailure;
use crate::time::Instant;

/// What an idle connection has to transmit.
static NOTHING: Outbox = Outbox::new();

impl Endpoint for Connection {
    fn recv_buffer(&mut self) -> &mut [u8] {
        self.active().recv_buffer()
    }

    fn received(&mut self, now: Instant, n: usize) {
        match &mut self.active {
            Some(active) => active.received(now, n),
            // It had no buffer that this could be in.
            None => self.idle.now = now,
        }
    }

    fn received_eof(&mut self, now: Instant) {
        self.active().received_eof(now);
    }

    fn receive_failed(&mut self, now: Instant, failure: TransportFailure) {
        self.active().receive_failed(now, failure);
    }

    #[inline]
    fn send_buffer(&mut self) -> &Outbox {
        match &mut self.active {
            Some(active) => active.send_buffer(),
            None => &NOTHING,
        }
    }

    fn sent(&mut self, now: Instant, n: usize) {
        match &mut self.active {
            Some(active) => active.sent(now, n),
            None => self.idle.now = now,
        }
    }

    fn held_back(&mut self, now: Instant, held: bool) {
        if held || self.active.is_some() {
            self.active().held_back(now, held);
        } else {
            self.idle.now = now;
        }
    }

    fn send_failed(&mut self, now: Instant, failure: TransportFailure) {
        self.active().send_failed(now, failure);
    }

    #[inline]
    fn poll_timeout(&self) -> Option<Instant> {
        match &self.active {
            Some(active) => active.poll_timeout(),
            None => self.idle.timers.next(),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let is_due = self.idle.timers.next().is_some_and(|due| due <= now);
        if is_due || self.active.is_some() {
            self.active().handle_timeout(now);
        } else {
            self.idle.now = now;
        }
    }

    #[inline]
    fn poll_ready(&mut self) -> bool {
        match &mut self.active {
            Some(active) => active.poll_ready(),
            None => false,
        }
    }

    fn is_send_finished(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.is_send_finished())
    }

    fn is_finished(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.is_finished())
    }

    fn release_buffers(&mut self) {
        if let Some(active) = &mut self.active {
            active.release_buffers();
            self.rest();
        }
    }

    fn lend(&mut self, stage: &mut Stage) {
        self.active().lend(stage);
    }

    fn reclaim(&mut self, stage: &mut Stage) {
        if let Some(active) = &mut self.active {
            active.reclaim(stage);
            self.rest();
        }
    }
}
