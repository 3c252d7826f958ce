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

#[cfg(feature = "std")]
mod browser;
#[cfg(feature = "std")]
mod client;
mod dial;
#[cfg(feature = "std")]
mod driving;
#[cfg(feature = "std")]
mod events;
mod line;
mod open;
#[cfg(feature = "std")]
mod shared;
#[cfg(feature = "std")]
mod split;
mod stage;
#[cfg(feature = "futures")]
mod stream;
#[cfg(feature = "std")]
mod wakers;
mod websocket;

#[cfg(feature = "std")]
pub use browser::BrowserWebSocket;
#[cfg(feature = "std")]
pub use client::{Client, Parts, Sending};
pub use dial::{DialError, dial, interleave};
#[cfg(feature = "std")]
pub use driving::Driving;
#[cfg(feature = "std")]
pub use events::Events;
pub use line::{Connect, Dialled, Line, Random};
pub use open::{Accept, AcceptError, Answer, ConnectError, accept, connect, receive_request};
#[cfg(feature = "std")]
pub use split::{Receiver, Sender};
pub use websocket::{Fragments, WebSocket};

use alloc::boxed::Box;
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
    /// have grown when it is asked again, or end otherwise; what it begins with is the same.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &Outbox,
    ) -> Poll<Result<usize, Self::Error>>;

    /// As [`poll_write`](Self::poll_write), for somebody who will not wait, and does this for many.
    ///
    /// A runtime that lets a task do only so much before it has to wait need not count it.
    fn poll_write_uncounted(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &Outbox,
    ) -> Poll<Result<usize, Self::Error>> {
        self.poll_write(cx, outbox)
    }

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
///
/// One word, whatever it drives: moving it is cheap, and futures that hold it are small.
pub struct Driver<P, T: Transport, C>(Box<State<P, T, C>>);

struct State<P, T: Transport, C> {
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
    /// Nothing more can be sent.
    failed: bool,
    shut_down: bool,
    /// The peer's stream has ended.
    ended: bool,
    /// Whoever drives it takes the transport away.
    detached: bool,
    /// A whole budget went by without anything being transmitted.
    overdue: bool,
    /// Changes whenever bytes or time moved.
    progress: u64,
}

impl<P: Endpoint, T: Transport, C: Timer> Driver<P, T, C> {
    /// Drives `endpoint` over `transport`.
    pub fn new(endpoint: P, transport: T, timer: C) -> Self {
        let mut driver = Self::without_transport(endpoint, timer);
        driver.0.transport = Some(transport);
        driver.0.detached = false;
        driver
    }

    /// For an endpoint that is given its transports, and says when they are not needed any more.
    fn without_transport(endpoint: P, timer: C) -> Self {
        Self(Box::new(State {
            endpoint,
            transport: None,
            timer,
            error: None,
            budget: Budget::FULL,
            unflushed: false,
            held_back: false,
            stalled: false,
            failed: false,
            shut_down: false,
            ended: false,
            detached: true,
            overdue: false,
            progress: 0,
        }))
    }

    /// The endpoint being driven.
    pub fn endpoint(&self) -> &P {
        &self.0.endpoint
    }

    /// The endpoint being driven. What is queued with it leaves with the next wait or flush.
    pub fn endpoint_mut(&mut self) -> &mut P {
        &mut self.0.endpoint
    }

    /// The transport, until the endpoint needs it no more.
    pub fn transport(&self) -> Option<&T> {
        self.0.transport.as_ref()
    }

    /// The clock.
    pub fn timer(&self) -> &C {
        &self.0.timer
    }

    /// How the transport failed, if it did.
    pub fn transport_error(&self) -> Option<&T::Error> {
        self.0.error.as_ref()
    }

    /// The parts. The transport is gone if the endpoint needed it no more, the error is how it failed.
    pub fn into_parts(self) -> (P, Option<T>, C, Option<T::Error>) {
        let State { endpoint, transport, timer, error, .. } = *self.0;
        (endpoint, transport, timer, error)
    }

    /// Goes on with another transport, or none. Gives back the one there was.
    fn attach(&mut self, transport: Option<T>) -> Option<T> {
        let state = &mut *self.0;
        state.error = None;
        state.unflushed = false;
        state.held_back = false;
        state.stalled = false;
        state.failed = false;
        state.shut_down = false;
        state.ended = false;
        state.overdue = false;
        core::mem::replace(&mut state.transport, transport)
    }

    /// Ready once the endpoint has news, or never will again.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.ended {
            // Answers to what came before the end have to leave before the end is concluded.
            let _ = self.poll_transmit(cx);
        }
        loop {
            // News first: it needs neither the clock nor the transport.
            if self.0.endpoint.poll_ready() {
                if self.0.budget.is_spent() {
                    return self.yield_now(cx);
                }
                self.0.budget.spend(1, 0);
                self.release_if_finished(cx);
                return Poll::Ready(());
            }
            // About to wait, so transmit what is queued. That may itself be the end of something.
            let _ = self.poll_transmit(cx);
            // What was queued may have been news instead, and so may the end of a flush.
            if self.0.endpoint.poll_ready() {
                continue;
            }
            if self.0.endpoint.is_finished() {
                self.release_if_finished(cx);
                return Poll::Ready(());
            }
            if self.0.budget.is_spent() {
                return self.yield_now(cx);
            }
            if self.poll_receive(cx).is_pending() && self.poll_time(cx).is_pending() {
                self.0.budget = Budget::FULL;
                return Poll::Pending;
            }
        }
    }

    /// Ready once everything queued was taken by the transport, or cannot be.
    ///
    /// Only transmits: receives nothing and keeps no time.
    pub fn poll_transmit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_transmit_by(cx, T::poll_write)
    }

    /// Transmits what the transport takes now. Says whether nobody else has to look after it: all
    /// was taken, and nothing came of it.
    #[cfg(feature = "std")]
    fn transmit_now(&mut self, cx: &mut Context<'_>) -> bool {
        let deadline = self.0.endpoint.poll_timeout();
        let all = self.poll_transmit_by(cx, T::poll_write_uncounted).is_ready();
        if all {
            self.0.endpoint.release_buffers();
        }
        all && self.0.endpoint.poll_timeout() == deadline && self.0.error.is_none()
    }

    fn poll_transmit_by(
        &mut self,
        cx: &mut Context<'_>,
        write: impl Fn(&mut T, &mut Context<'_>, &Outbox) -> Poll<Result<usize, T::Error>>,
    ) -> Poll<()> {
        self.0.overdue = false;
        loop {
            let outbox = self.0.endpoint.send_buffer();
            let Some(transport) = &mut self.0.transport else { return Poll::Ready(()) };
            if !outbox.has_remaining() {
                break;
            }
            match write(transport, cx, outbox) {
                Poll::Ready(Ok(n)) => {
                    // Once its last word has left, time is short. What the transport keeps of it has not:
                    // that is known once it was flushed, and not before.
                    if n > 0 && (self.0.ended || self.0.endpoint.is_send_finished()) {
                        if !self.0.unflushed {
                            self.0.endpoint.held_back(self.0.timer.now(), false);
                        }
                        self.hold_back(true);
                    }
                    self.0.unflushed |= n > 0;
                    self.0.endpoint.sent(self.0.timer.now(), n);
                    self.0.stalled = n == 0;
                    self.0.progress = self.0.progress.wrapping_add(1);
                    if n == 0 {
                        // A transport that takes nothing without saying when it will.
                        self.failed_to_send(TransportFailure::Other);
                    }
                }
                Poll::Ready(Err(error)) => self.send_failed(error),
                Poll::Pending => {
                    if !self.0.stalled {
                        self.0.stalled = true;
                        self.0.endpoint.sent(self.0.timer.now(), 0);
                    }
                    // What it took may wait within it; and without that there may be room again.
                    if self.0.unflushed && self.poll_flush(cx).is_ready() {
                        continue;
                    }
                    return Poll::Pending;
                }
            }
        }
        if self.0.unflushed {
            ready!(self.poll_flush(cx));
        }
        if self.0.endpoint.is_send_finished() && !self.0.shut_down {
            let Some(transport) = &mut self.0.transport else { return Poll::Ready(()) };
            // A peer that is already gone is told nothing; that changes nothing.
            let _ = ready!(transport.poll_shutdown(cx));
            self.0.shut_down = true;
        }
        Poll::Ready(())
    }

    /// Ready once the transport has passed on what it took, or failed to.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(transport) = &mut self.0.transport else { return Poll::Ready(()) };
        match transport.poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.0.unflushed = false;
                self.hold_back(false);
            }
            Poll::Ready(Err(error)) => self.send_failed(error),
            Poll::Pending => {
                self.hold_back(true);
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Receives once, if there is room.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(transport) = &mut self.0.transport else { return Poll::Pending };
        if transport.poll_readable(cx).is_pending() {
            self.0.endpoint.release_buffers();
            return Poll::Pending;
        }
        let timer = &self.0.timer;
        let read = |buf: &mut [u8]| transport.poll_read(cx, buf);
        match ready!(stage::receive(&mut self.0.endpoint, read, || timer.now())) {
            Ok(0) => {
                self.0.endpoint.received_eof(self.0.timer.now());
                self.0.ended = true;
            }
            Ok(n) => self.0.budget.spend(0, n),
            Err(error) => {
                self.0.endpoint.receive_failed(self.0.timer.now(), T::failure(&error));
                self.0.error.get_or_insert(error);
                self.0.ended = true;
            }
        }
        self.0.progress = self.0.progress.wrapping_add(1);
        Poll::Ready(())
    }

    /// Ready if a timer was due.
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.0.endpoint.poll_timeout() else { return Poll::Pending };
        ready!(self.0.timer.poll_until(cx, deadline));
        self.0.endpoint.handle_timeout(self.0.timer.now());
        self.0.progress = self.0.progress.wrapping_add(1);
        // An interval of nothing must not keep us here.
        self.0.budget.spend(1, 0);
        Poll::Ready(())
    }

    fn hold_back(&mut self, held: bool) {
        if self.0.held_back != held {
            self.0.held_back = held;
            self.0.endpoint.held_back(self.0.timer.now(), held);
            self.0.progress = self.0.progress.wrapping_add(1);
        }
    }

    fn send_failed(&mut self, error: T::Error) {
        self.failed_to_send(T::failure(&error));
        self.0.error.get_or_insert(error);
        self.0.progress = self.0.progress.wrapping_add(1);
    }

    fn failed_to_send(&mut self, failure: TransportFailure) {
        if self.0.unflushed {
            // Nobody knows how much of it left.
            self.hold_back(true);
        }
        self.0.unflushed = false;
        self.0.held_back = false;
        self.0.failed = true;
        self.0.endpoint.send_failed(self.0.timer.now(), failure);
    }

    /// Lets go of a transport that is not needed, having said goodbye if that takes no time.
    fn release_if_finished(&mut self, cx: &mut Context<'_>) {
        if self.0.endpoint.is_finished() && self.0.transport.is_some() && !self.0.detached {
            let _ = self.poll_transmit(cx);
            self.0.transport = None;
        }
    }

    fn yield_now(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.budget = Budget::FULL;
        // A peer that always has more to say never has us wait, and must not stop the clock by it.
        self.0.endpoint.handle_timeout(self.0.timer.now());
        // Nor must it keep pongs and the like from leaving. Not at every turn: answers to a burst
        // are to leave together.
        if self.0.overdue {
            let _ = self.poll_transmit(cx);
        }
        self.0.overdue = true;
        #[cfg(feature = "std")]
        stage::hand_on(&mut self.0.endpoint);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
