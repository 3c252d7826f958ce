use alloc::{boxed::Box, vec, vec::Vec};

use bytes::Buf;

use super::error::HandshakeError;
use super::limits::Limits;
use super::response::Response;
use crate::buffer::Outbox;
use crate::endpoint::Endpoint;
use crate::error::TransportFailure;
use crate::time::{Duration, Instant};

/// A server's answer other than a WebSocket, on its way to the client.
///
/// Drive it as an [`Endpoint`] until it [`is_finished`](Endpoint::is_finished); it has no news. It
/// transmits the answer, half-closes, and goes on reading for a while: a transport that is dropped
/// with unread bytes in it is reset, and the reset can overtake the answer.
///
/// ```text
///   answering -> (the answer has left) draining -> (end of stream, bytes or time) finished
/// ```
///
/// It never outlives [`Limits::answer`] and [`Limits::drain`] together. If there is nobody to
/// answer, it is finished from the start.
#[derive(Debug)]
#[must_use = "the answer leaves only if this is driven to its end"]
pub struct Rejection(Box<State>);

#[derive(Debug)]
struct State {
    error: HandshakeError,
    outbox: Outbox,
    phase: Phase,
    /// Where bytes are received to be dropped.
    scratch: Vec<u8>,
    /// How many may still be.
    drain_bytes: usize,
    drain: Duration,
    eof: bool,
    /// The transport took the answer, or the beginning of it, and keeps it.
    held_back: bool,
    /// By when it has to have left.
    answer_until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Answering,
    Draining { until: Instant },
    Finished,
}

/// The most bytes dropped by one read.
const SCRATCH: usize = 4096;

impl Rejection {
    /// The answer to `error`, if there is one. `head_only` if the request's method was HEAD.
    pub(super) fn new(
        error: HandshakeError,
        limits: Limits,
        head_only: bool,
        now: Instant,
    ) -> Self {
        match Response::to_error(error) {
            Some(response) => Self::with_response(error, &response, limits, head_only, now),
            None => Self(Box::new(State::new(error, limits, Phase::Finished, now))),
        }
    }

    pub(super) fn with_response(
        error: HandshakeError,
        response: &Response,
        limits: Limits,
        head_only: bool,
        now: Instant,
    ) -> Self {
        let mut state = State::new(error, limits, Phase::Answering, now);
        response.queue(&mut state.outbox, head_only);
        Self(Box::new(state))
    }

    /// Why there is no WebSocket: [`HandshakeError::Declined`] if the application said so.
    #[must_use]
    pub const fn error(&self) -> HandshakeError {
        self.0.error
    }
}

impl State {
    fn new(error: HandshakeError, limits: Limits, phase: Phase, now: Instant) -> Self {
        Self {
            error,
            outbox: Outbox::default(),
            phase,
            scratch: Vec::new(),
            drain_bytes: limits.drain_bytes,
            drain: limits.drain,
            eof: false,
            held_back: false,
            answer_until: now.saturating_add(limits.answer),
        }
    }

    fn finish(&mut self) {
        self.phase = Phase::Finished;
        self.outbox.clear();
        self.scratch = Vec::new();
    }

    /// The answer has left, if it has.
    fn look(&mut self, now: Instant) {
        let has_left = !self.outbox.has_remaining() && !self.held_back;
        match self.phase {
            Phase::Answering if has_left => {
                self.phase = Phase::Draining { until: now.saturating_add(self.drain) };
            }
            // It was taken, and is said to be kept only now.
            Phase::Draining { .. } if !has_left => self.phase = Phase::Answering,
            Phase::Answering | Phase::Draining { .. } | Phase::Finished => {}
        }
    }

    /// Nothing is left to wait for once the answer has left.
    const fn is_drained(&self) -> bool {
        self.eof || self.drain_bytes == 0
    }
}

impl Endpoint for Rejection {
    fn recv_buffer(&mut self) -> &mut [u8] {
        let state = &mut *self.0;
        if state.phase == Phase::Finished || state.is_drained() {
            return &mut [];
        }
        if state.scratch.is_empty() {
            state.scratch = vec![0; SCRATCH];
        }
        let n = state.scratch.len().min(state.drain_bytes);
        state.scratch.get_mut(..n).unwrap_or_default()
    }

    fn received(&mut self, _now: Instant, n: usize) {
        let state = &mut *self.0;
        state.drain_bytes = state.drain_bytes.saturating_sub(n.min(state.scratch.len()));
    }

    /// A client may half-close and still read: an answer on its way goes on.
    fn received_eof(&mut self, _now: Instant) {
        self.0.eof = true;
    }

    fn receive_failed(&mut self, now: Instant, _failure: TransportFailure) {
        self.received_eof(now);
    }

    fn send_buffer(&mut self) -> &Outbox {
        &self.0.outbox
    }

    fn sent(&mut self, now: Instant, n: usize) {
        self.0.outbox.advance(n);
        self.0.look(now);
    }

    fn held_back(&mut self, now: Instant, held: bool) {
        self.0.held_back = held;
        self.0.look(now);
    }

    fn send_failed(&mut self, _now: Instant, _failure: TransportFailure) {
        if self.0.phase == Phase::Answering {
            self.0.finish();
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.0.phase {
            Phase::Answering => Some(self.0.answer_until),
            Phase::Draining { until } => Some(until).filter(|_| !self.0.is_drained()),
            Phase::Finished => None,
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|until| until <= now) {
            self.0.finish();
        }
    }

    fn poll_ready(&mut self) -> bool {
        false
    }

    fn is_send_finished(&self) -> bool {
        true
    }

    fn is_finished(&self) -> bool {
        match self.0.phase {
            Phase::Answering => false,
            Phase::Draining { .. } => self.0.is_drained(),
            Phase::Finished => true,
        }
    }

    fn release_buffers(&mut self) {
        self.0.scratch = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Instant = Instant::EPOCH;

    fn rejection() -> Rejection {
        Rejection::new(HandshakeError::InvalidKey, Limits::DEFAULT, false, T0)
    }

    fn answer(rejection: &mut Rejection, now: Instant) {
        let n = rejection.send_buffer().remaining();
        assert!(
            n > 0
                && rejection
                    .send_buffer()
                    .chunk()
                    .starts_with(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n")
        );
        rejection.sent(now, n - 1);
        assert!(!rejection.is_finished());
        rejection.sent(now, 1);
    }

    #[test]
    fn h20_the_answer_leaves_then_the_input_is_drained_for_a_second() {
        let mut r = rejection();
        assert!(r.is_send_finished() && !r.is_finished() && !r.poll_ready());
        assert_eq!(r.poll_timeout(), Some(T0 + Limits::DEFAULT.answer));
        let t1 = T0 + Duration::from_secs(3);
        answer(&mut r, t1);
        assert_eq!(r.poll_timeout(), Some(t1 + Duration::from_secs(1)));
        assert_eq!(r.receive(t1, b"more"), 4);
        r.handle_timeout(t1 + Duration::from_millis(999));
        assert!(!r.is_finished(), "early calls do nothing");
        r.handle_timeout(t1 + Duration::from_secs(1));
        assert!(r.is_finished() && r.recv_buffer().is_empty() && r.poll_timeout().is_none());
    }

    #[test]
    fn h20_draining_ends_at_64_kib_or_the_end_of_the_stream() {
        let mut r = rejection();
        answer(&mut r, T0);
        let mut drained = 0;
        while !r.is_finished() {
            drained += r.receive(T0, &[0; 1000]);
        }
        assert_eq!(drained, 64 * 1024, "to the byte");
        let mut r = rejection();
        answer(&mut r, T0);
        r.received_eof(T0);
        assert!(r.is_finished());
    }

    #[test]
    fn h20_a_client_that_floods_or_half_closes_still_gets_its_answer() {
        let mut r = rejection();
        while r.receive(T0, &[0; 4096]) > 0 {}
        assert!(!r.is_finished() && r.recv_buffer().is_empty(), "stopped reading");
        answer(&mut r, T0);
        assert!(r.is_finished());
        let mut r = rejection();
        r.received_eof(T0);
        assert!(!r.is_finished());
        answer(&mut r, T0);
        assert!(r.is_finished());
    }

    #[test]
    fn h20_an_answer_that_the_transport_keeps_has_not_left() {
        let later = |seconds| T0 + Duration::from_secs(seconds);
        for (end, flood) in [(true, false), (false, true), (false, false)] {
            let mut r = rejection();
            if end {
                r.received_eof(T0);
            }
            while flood && r.receive(T0, &[0; 4096]) > 0 {}
            let n = r.send_buffer().remaining();
            r.sent(T0, n);
            r.held_back(T0, true);
            assert!(!r.is_finished());
            r.handle_timeout(later(5));
            assert!(!r.is_finished(), "that is no draining");
            r.held_back(later(6), false);
            assert_eq!(r.is_finished(), end || flood);
            r.handle_timeout(later(7));
            assert!(r.is_finished());
            let mut r = rejection();
            r.held_back(T0, true);
            let n = r.send_buffer().remaining();
            r.sent(T0, n);
            r.handle_timeout(T0 + Limits::DEFAULT.answer);
            assert!(r.is_finished(), "not for ever");
        }
    }

    #[test]
    fn h20_a_client_that_does_not_read_is_dropped() {
        let mut r = rejection();
        r.sent(T0, 0);
        r.handle_timeout(T0 + Limits::DEFAULT.answer);
        assert!(r.is_finished() && r.send_buffer().remaining() == 0);
        let mut r = rejection();
        r.send_failed(T0, TransportFailure::Reset);
        assert!(r.is_finished());
    }

    #[test]
    fn h20_nobody_is_left_to_answer() {
        let r = Rejection::new(HandshakeError::UnexpectedEof, Limits::DEFAULT, false, T0);
        assert!(r.is_finished() && r.poll_timeout().is_none());
        assert_eq!(r.error(), HandshakeError::UnexpectedEof);
    }
}
