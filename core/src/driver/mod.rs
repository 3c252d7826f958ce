//! The driver: one loop, written once, over whatever transport and timer a runtime provides.
//!
//! Nothing here performs I/O: [`Context`] and [`Poll`] are `core`'s own vocabulary for "not yet".
//! A runtime implements [`Transport`] and [`Timer`], and gets everything else.
//!
//! # Cancel safety
//!
//! No protocol state lives in a future. Every future of an open connection may be dropped at any
//! await and nothing is lost: what was received stays in the endpoint, what was queued leaves later,
//! a frame half written is continued. The one thing a dropped `feed` or `send` may mean is that the
//! message was not queued yet; which of the two it was is not told. Those that own what they work on
//! drop it with them: [`connect`], [`accept`] and their like the transport, [`Fragments::finish`]
//! the message, and so the connection.
//!
//! # Deadlock
//!
//! Two ends that only ever send fill both directions and stop. A driver that waits for room goes on
//! receiving as far as its inbox allows, which postpones that; do not send without bound in the
//! task that also receives, or [split](WebSocket::split) the two.

mod dial;
mod open;
#[cfg(feature = "std")]
mod split;
mod stage;
#[cfg(feature = "futures")]
mod stream;
mod websocket;

pub use dial::{DialError, dial, interleave};
pub use open::{Accept, AcceptError, Answer, ConnectError, accept, connect, receive_request};
#[cfg(feature = "std")]
pub use split::{Receiver, Sender};
pub use websocket::{Fragments, WebSocket};

use core::task::{Context, Poll, ready};

use bytes::Buf;

use crate::buffer::Outbox;
use crate::endpoint::Endpoint;
use crate::error::TransportFailure;
use crate::time::Instant;

/// An ordered, reliable byte stream.
pub trait Transport {
    /// How the stream fails.
    type Error;

    /// Ready when reading may make progress. A transport that cannot say is always ready.
    ///
    /// While it is not, the endpoint holds no receive buffer.
    fn poll_readable(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// Reads into `buf`, which is not empty; zero is the end of the stream.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize, Self::Error>>;

    /// Writes some of `outbox`, which is not empty, vectored where that helps, and says how much.
    ///
    /// Nothing counts as a failure: a transport that can take nothing now is pending. The outbox may
    /// have grown when it is asked again.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &Outbox,
    ) -> Poll<Result<usize, Self::Error>>;

    /// Flushes any buffer of the transport's own.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;

    /// Closes the write side: the peer sees the end of the stream.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;

    /// What `error` means for the connection.
    fn failure(error: &Self::Error) -> TransportFailure;
}

/// A clock, and one alarm.
pub trait Timer {
    /// The time since this timer's epoch.
    fn now(&self) -> Instant;

    /// Ready at or after `deadline`, or earlier: the caller looks at the clock. A later call
    /// replaces an earlier one.
    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()>;
}

/// Work done before other tasks are let in, though more could be done.
///
/// Not every runtime's sockets budget themselves, so a peer that always has more to say could keep
/// a task from ever waiting.
#[derive(Debug)]
struct Budget {
    events: u32,
    bytes: usize,
}

impl Budget {
    const FULL: Self = Self { events: 128, bytes: 256 << 10 };

    fn spend(&mut self, events: u32, bytes: usize) {
        self.events = self.events.saturating_sub(events);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn is_spent(&self) -> bool {
        self.events == 0 || self.bytes == 0
    }
}

/// An [`Endpoint`] with its transport and timer: the one loop.
///
/// Output is written when the endpoint would otherwise wait, so a burst of answers leaves in one
/// write.
pub struct Driver<P, T: Transport, C> {
    endpoint: P,
    /// Gone once it is not needed any more.
    transport: Option<T>,
    timer: C,
    error: Option<T::Error>,
    budget: Budget,
    unflushed: bool,
    /// The endpoint knows that a flush is not over.
    held_back: bool,
    stalled: bool,
    shut_down: bool,
    /// The peer's stream has ended.
    ended: bool,
    /// A whole budget went by without anything being transmitted.
    overdue: bool,
    /// Changes whenever bytes or time moved.
    progress: u64,
}

impl<P: Endpoint, T: Transport, C: Timer> Driver<P, T, C> {
    /// Drives `endpoint` over `transport`.
    pub fn new(endpoint: P, transport: T, timer: C) -> Self {
        Self {
            endpoint,
            transport: Some(transport),
            timer,
            error: None,
            budget: Budget::FULL,
            unflushed: false,
            held_back: false,
            stalled: false,
            shut_down: false,
            ended: false,
            overdue: false,
            progress: 0,
        }
    }

    /// The endpoint being driven.
    pub const fn endpoint(&self) -> &P {
        &self.endpoint
    }

    /// The endpoint being driven. What is queued with it leaves with the next wait or flush.
    pub const fn endpoint_mut(&mut self) -> &mut P {
        &mut self.endpoint
    }

    /// The transport, until the endpoint needs it no more.
    pub const fn transport(&self) -> Option<&T> {
        self.transport.as_ref()
    }

    /// The clock.
    pub const fn timer(&self) -> &C {
        &self.timer
    }

    /// How the transport failed, if it did.
    pub const fn transport_error(&self) -> Option<&T::Error> {
        self.error.as_ref()
    }

    /// The parts. The transport is gone if the endpoint needed it no more, the error is how it failed.
    pub fn into_parts(self) -> (P, Option<T>, C, Option<T::Error>) {
        (self.endpoint, self.transport, self.timer, self.error)
    }

    /// Ready once the endpoint has news, or never will again.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ended {
            // Answers to what came before the end have to leave before the end is concluded.
            let _ = self.poll_transmit(cx);
        }
        loop {
            // News first: it needs neither the clock nor the transport.
            if self.endpoint.poll_ready() {
                if self.budget.is_spent() {
                    return self.yield_now(cx);
                }
                self.budget.spend(1, 0);
                self.release_if_finished(cx);
                return Poll::Ready(());
            }
            // About to wait, so transmit what is queued. That may itself be the end of something.
            let before = self.progress;
            let _ = self.poll_transmit(cx);
            if self.progress != before && self.endpoint.poll_ready() {
                continue;
            }
            if self.endpoint.is_finished() {
                self.release_if_finished(cx);
                return Poll::Ready(());
            }
            if self.budget.is_spent() {
                return self.yield_now(cx);
            }
            if self.poll_receive(cx).is_pending() && self.poll_time(cx).is_pending() {
                self.budget = Budget::FULL;
                return Poll::Pending;
            }
        }
    }

    /// Ready once everything queued was taken by the transport, or cannot be.
    ///
    /// Only transmits: receives nothing and keeps no time.
    pub fn poll_transmit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.overdue = false;
        loop {
            let outbox = self.endpoint.send_buffer();
            let Some(transport) = &mut self.transport else { return Poll::Ready(()) };
            if !outbox.has_remaining() {
                break;
            }
            match transport.poll_write(cx, outbox) {
                Poll::Ready(Ok(n)) => {
                    self.endpoint.sent(self.timer.now(), n);
                    self.stalled = n == 0;
                    self.unflushed = true;
                    self.progress = self.progress.wrapping_add(1);
                    if n == 0 {
                        // A transport that takes nothing without saying when it will.
                        self.endpoint.send_failed(self.timer.now(), TransportFailure::Other);
                    }
                }
                Poll::Ready(Err(error)) => self.send_failed(error),
                Poll::Pending => {
                    if !self.stalled {
                        self.stalled = true;
                        self.endpoint.sent(self.timer.now(), 0);
                    }
                    return Poll::Pending;
                }
            }
        }
        if self.unflushed {
            let Some(transport) = &mut self.transport else { return Poll::Ready(()) };
            match transport.poll_flush(cx) {
                Poll::Ready(Ok(())) => {
                    self.unflushed = false;
                    self.hold_back(false);
                }
                Poll::Ready(Err(error)) => self.send_failed(error),
                Poll::Pending => {
                    self.hold_back(true);
                    return Poll::Pending;
                }
            }
        }
        if self.endpoint.is_send_finished() && !self.shut_down {
            let Some(transport) = &mut self.transport else { return Poll::Ready(()) };
            // A peer that is already gone is told nothing; that changes nothing.
            let _ = ready!(transport.poll_shutdown(cx));
            self.shut_down = true;
        }
        Poll::Ready(())
    }

    /// Receives once, if there is room.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(transport) = &mut self.transport else { return Poll::Pending };
        if transport.poll_readable(cx).is_pending() {
            self.endpoint.release_buffers();
            return Poll::Pending;
        }
        let timer = &self.timer;
        let read = |buf: &mut [u8]| transport.poll_read(cx, buf);
        match ready!(stage::receive(&mut self.endpoint, read, || timer.now())) {
            Ok(0) => {
                self.endpoint.received_eof(self.timer.now());
                self.ended = true;
            }
            Ok(n) => self.budget.spend(0, n),
            Err(error) => {
                self.endpoint.receive_failed(self.timer.now(), T::failure(&error));
                self.error.get_or_insert(error);
                self.ended = true;
            }
        }
        self.progress = self.progress.wrapping_add(1);
        Poll::Ready(())
    }

    /// Ready if a timer was due.
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.endpoint.poll_timeout() else { return Poll::Pending };
        ready!(self.timer.poll_until(cx, deadline));
        self.endpoint.handle_timeout(self.timer.now());
        self.progress = self.progress.wrapping_add(1);
        // An interval of nothing must not keep us here.
        self.budget.spend(1, 0);
        Poll::Ready(())
    }

    fn hold_back(&mut self, held: bool) {
        if self.held_back != held {
            self.held_back = held;
            self.endpoint.held_back(self.timer.now(), held);
        }
    }

    fn send_failed(&mut self, error: T::Error) {
        self.unflushed = false;
        self.hold_back(false);
        self.endpoint.send_failed(self.timer.now(), T::failure(&error));
        self.error.get_or_insert(error);
        self.progress = self.progress.wrapping_add(1);
    }

    /// Lets go of a transport that is not needed, having said goodbye if that takes no time.
    fn release_if_finished(&mut self, cx: &mut Context<'_>) {
        if self.endpoint.is_finished() && self.transport.is_some() {
            let _ = self.poll_transmit(cx);
            self.transport = None;
        }
    }

    fn yield_now(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.budget = Budget::FULL;
        // A peer that always has more to say never has us wait, and must not stop the clock by it.
        self.endpoint.handle_timeout(self.timer.now());
        // Nor must it keep pongs and the like from leaving. Not at every turn: answers to a burst
        // are to leave together.
        if self.overdue {
            let _ = self.poll_transmit(cx);
        }
        self.overdue = true;
        #[cfg(feature = "std")]
        stage::hand_on(&mut self.endpoint);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
