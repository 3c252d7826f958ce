//! The closing handshake: RFC 6455 section 7.
//!
//! ```text
//!                 we close                     peer closes
//!        Open ──────────────▶ CloseSent ──────────────────▶ Exchanged
//!         │ │ peer closes: we reply, dropping what is queued   ▲  │
//!         │ └──────────────────────────────────────────────────┘  │ end of stream,
//!         │ peer violates the protocol, or is dead                │ timer
//!         ├─────────────────────▶ Failing ────────────────────────┤
//!         │ the stream ends, or stalls        end of stream,      ▼
//!         └────────────────────────────────── timer, 64 KiB ──▶ Over
//! ```
//!
//! In `CloseSent` there is nothing left to send if the transport failed in writing, or time was up
//! while messages that had arrived were not yet taken: those are delivered, and then it is over.
//!
//! | phase | we still send | we still deliver | the write side | ends with |
//! |---|---|---|---|---|
//! | `Open` | everything | everything | open | |
//! | `CloseSent` | what was accepted, then our close | messages in flight | open | close timer |
//! | `Exchanged` | our close | nothing | server: shut once flushed; client: once the server's is | end of stream, close timer |
//! | `Failing` | our close | nothing | shut once flushed | end of stream, drain timer, drain limit |
//! | `Over` | nothing | `Closed`, once | | |

use alloc::{boxed::Box, string::String};
use core::fmt;

use super::timer::{Now, Timer, TimerTable};
use super::transmit::Transmitter;
use super::{Config, Event};
use crate::error::{ConnectionError, ProtocolError, TimeoutKind, TransportFailure};
use crate::frame::{Close, CloseCode, ControlPayload};
use crate::time::{Duration, Instant};

/// Who began to end the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Initiator {
    /// This endpoint: it closed, aborted, or failed the connection.
    Local,
    /// The peer, with a close frame.
    Remote,
    /// The transport ended or failed first.
    Transport,
    /// A deadline passed.
    Timeout,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// The code the peer sent (section 7.1.5): [`NO_STATUS`](CloseCode::NO_STATUS) if its close
    /// frame had none, [`ABNORMAL`](CloseCode::ABNORMAL) if no close frame arrived.
    pub code: CloseCode,
    /// The reason the peer sent (section 7.1.6).
    pub reason: String,
    /// Whether close frames were exchanged and the transport then ended in order (section 7.1.4).
    pub clean: bool,
    /// Who began.
    pub initiator: Initiator,
    /// The close frame that was sent, or would have been.
    pub sent: Option<Close>,
    /// The close frame that was received.
    pub received: Option<Close>,
    /// Why the connection failed, if it did; also reported before, as
    /// [`Event::Error`](super::Event::Error).
    pub error: Option<ConnectionError>,
    /// Messages that were accepted but did not leave whole.
    pub unsent_messages: usize,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => write!(f, "{error}")?,
            None if self.clean => write!(f, "closed with code {}", self.code)?,
            None => write!(f, "ended with code {}, not cleanly", self.code)?,
        }
        if !self.reason.is_empty() {
            write!(f, ", {:?}", self.reason)?;
        }
        if self.unsent_messages > 0 {
            write!(f, ", {} messages not sent", self.unsent_messages)?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    CloseSent,
    Exchanged,
    Failing,
    Over,
}

/// The end of the peer's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// In order.
    Eof,
    /// Cut short, or reset.
    Failed(ConnectionError),
    /// Not seen: we stopped reading.
    TimedOut(TimeoutKind),
}

/// What the application is told of the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Error(ConnectionError),
    Closed,
}

/// How much of it has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Error,
    Closed,
}

#[derive(Debug)]
pub(super) struct Closing {
    phase: Phase,
    initiator: Option<Initiator>,
    sent: Option<Box<Close>>,
    received: Option<Box<Close>>,
    error: Option<ConnectionError>,
    told: Told,
    /// Nothing more is read; our last word is still to be sent.
    ended: bool,
    /// It ended in order, after the exchange.
    orderly: bool,
    unsent: usize,
    drained: usize,
}

/// How long a peer that is believed dead is given for its close frame.
const DEAD_PEER: Duration = Duration::from_secs(1);

impl Closing {
    pub(super) const fn new() -> Self {
        Self {
            phase: Phase::Open,
            initiator: None,
            sent: None,
            received: None,
            error: None,
            told: Told::Nothing,
            ended: false,
            orderly: false,
            unsent: 0,
            drained: 0,
        }
    }

    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether what the peer sends is still looked at.
    pub(super) const fn is_receiving(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::CloseSent)
    }

    /// Whether nothing the peer sends can matter any more.
    pub(super) const fn is_deaf(&self) -> bool {
        self.ended || matches!(self.phase, Phase::Over)
    }

    /// We close: what was accepted leaves first.
    pub(super) fn close(
        &mut self,
        close: Close,
        transmitter: &mut Transmitter,
        timers: &mut TimerTable,
        config: &Config,
        now: Now,
    ) {
        if self.phase != Phase::Open {
            return;
        }
        self.phase = Phase::CloseSent;
        self.initiator = Some(Initiator::Local);
        let payload = self.last_word(&close);
        self.count_unsent(transmitter.close(payload));
        timers.stop_all_but_closing();
        timers.arm_after(Timer::Close, now, config.close_timeout);
    }

    /// The peer closes, or answers our close.
    pub(super) fn received(
        &mut self,
        close: Close,
        transmitter: &mut Transmitter,
        timers: &mut TimerTable,
        config: &Config,
        now: Now,
    ) {
        if self.phase == Phase::Open {
            // 5.5.1: "it MUST send a Close frame in response", typically with the code received.
            let reply = Close { code: close.code, reason: String::new() };
            let payload = self.last_word(&reply);
            self.count_unsent(transmitter.close_now(payload));
            self.initiator = Some(Initiator::Remote);
            timers.stop_all_but_closing();
            timers.arm_after(Timer::Close, now, config.close_timeout);
        } else {
            // Both closed at once: ours is the reply to theirs, and must not wait for messages.
            self.count_unsent(transmitter.hurry_close());
        }
        self.received = Some(Box::new(close));
        self.phase = Phase::Exchanged;
    }

    /// The peer violated the protocol.
    pub(super) fn violated(
        &mut self,
        error: ProtocolError,
        transmitter: &mut Transmitter,
        timers: &mut TimerTable,
        config: &Config,
        now: Now,
    ) {
        let close = Close { code: error.close_code(), reason: error.as_str().into() };
        self.fail(ConnectionError::Protocol(error), close, transmitter, timers, config, now);
    }

    /// What was handed out as text is none (section 8.1).
    #[cold]
    pub(super) fn not_text(
        &mut self,
        transmitter: &mut Transmitter,
        timers: &mut TimerTable,
        config: &Config,
        now: Instant,
    ) -> Event<'static> {
        let error = ProtocolError::InvalidUtf8;
        self.violated(error, transmitter, timers, config, Now::Since(now));
        let news = self.news().unwrap_or(News::Error(ConnectionError::Protocol(error)));
        self.event(news)
    }

    /// We fail the connection (section 7.1.7), saying why.
    pub(super) fn fail(
        &mut self,
        error: ConnectionError,
        close: Close,
        transmitter: &mut Transmitter,
        timers: &mut TimerTable,
        config: &Config,
        now: Now,
    ) {
        if !self.is_receiving() {
            return;
        }
        // Of two reasons, such as a transport that failed before, the first is the reason.
        self.error.get_or_insert(error);
        timers.stop_all_but_closing();
        if self.phase == Phase::Open {
            let dead = matches!(error, ConnectionError::Timeout(_));
            self.initiator = Some(if dead { Initiator::Timeout } else { Initiator::Local });
            let timeout =
                if dead { config.close_timeout.min(DEAD_PEER) } else { config.close_timeout };
            timers.arm_after(Timer::Close, now, timeout);
            let payload = self.last_word(&close);
            self.count_unsent(transmitter.close_now(payload));
        } else {
            // The deadline of the closing handshake stands.
            self.count_unsent(transmitter.hurry_close());
        }
        self.phase = Phase::Failing;
        self.flushed(transmitter, timers, config, now);
    }

    /// Bytes have left: once our last word has, only the peer's end is waited for.
    pub(super) fn flushed(
        &mut self,
        transmitter: &mut Transmitter,
        timers: &mut TimerTable,
        config: &Config,
        now: Now,
    ) {
        if !transmitter.is_flushed() {
            return;
        }
        if self.ended {
            self.over(transmitter, timers);
        } else if self.phase == Phase::Failing && !timers.is_armed(Timer::Drain) {
            timers.arm_after(Timer::Drain, now, config.drain_timeout);
        }
    }

    /// Counts bytes that arrived and are ignored.
    pub(super) fn drained(
        &mut self,
        n: usize,
        transmitter: &mut Transmitter,
        timers: &mut TimerTable,
        config: &Config,
    ) {
        self.drained = self.drained.saturating_add(n);
        if self.drained > config.drain_limit {
            self.ended = true;
            if transmitter.is_flushed() {
                self.over(transmitter, timers);
            }
        }
    }

    /// The peer's stream has ended, and everything in it has been looked at.
    pub(super) fn ended(
        &mut self,
        end: End,
        transmitter: &mut Transmitter,
        timers: &mut TimerTable,
    ) {
        match (self.phase, end) {
            (Phase::Over, _) => {}
            (_, End::TimedOut(kind)) => {
                self.blame_time(kind);
                self.over(transmitter, timers);
            }
            (Phase::Open | Phase::CloseSent, End::Eof) => {
                self.blame_transport(ConnectionError::UnexpectedEof);
                self.over(transmitter, timers);
            }
            (Phase::Open | Phase::CloseSent, End::Failed(error)) => {
                self.blame_transport(error);
                self.over(transmitter, timers);
            }
            (Phase::Exchanged | Phase::Failing, End::Eof | End::Failed(_)) => {
                // A5: after the exchange, a missing TLS alert loses nothing.
                let cut = End::Failed(ConnectionError::Transport(TransportFailure::Truncated));
                self.orderly = self.phase == Phase::Exchanged && (end == End::Eof || end == cut);
                self.ended = true;
                if transmitter.is_flushed() {
                    self.over(transmitter, timers);
                }
            }
        }
    }

    /// The transport takes nothing more. What it still delivers counts.
    pub(super) fn send_failed(
        &mut self,
        error: ConnectionError,
        transmitter: &mut Transmitter,
        timers: &mut TimerTable,
        config: &Config,
        now: Now,
    ) {
        if self.phase == Phase::Over || timers.is_armed(Timer::Drain) {
            return;
        }
        let nothing_lost = self.phase == Phase::Exchanged && transmitter.is_flushed();
        self.count_unsent(transmitter.abort());
        if nothing_lost {
            self.initiator.get_or_insert(Initiator::Transport);
        } else {
            self.blame_transport(error);
        }
        if self.phase == Phase::Open {
            self.phase = Phase::CloseSent;
        }
        timers.stop_all();
        timers.arm_after(Timer::Drain, now, config.drain_timeout);
    }

    /// A deadline of the closing handshake, or of a transport that takes nothing, has passed: nothing
    /// more is sent. If what has arrived is still to be looked at before it is over, says how the
    /// stream has `end`ed then.
    pub(super) fn timed_out(
        &mut self,
        kind: TimeoutKind,
        end: Option<End>,
        transmitter: &mut Transmitter,
        timers: &mut TimerTable,
    ) -> Option<End> {
        if !self.is_receiving() {
            self.blame_time(kind);
            self.over(transmitter, timers);
            return None;
        }
        // If our close frame has left and the peer's end was seen, only the application was late.
        let end = end.filter(|_| transmitter.is_flushed());
        self.count_unsent(transmitter.abort());
        timers.stop_all();
        self.phase = Phase::CloseSent;
        Some(end.unwrap_or(End::TimedOut(kind)))
    }

    fn blame_transport(&mut self, error: ConnectionError) {
        self.initiator.get_or_insert(Initiator::Transport);
        self.error.get_or_insert(error);
    }

    /// Of two reasons the first is the reason; that a close was not answered is the peer's doing.
    fn blame_time(&mut self, kind: TimeoutKind) {
        if self.error.is_none() {
            self.error = Some(ConnectionError::Timeout(kind));
            if kind == TimeoutKind::Close {
                self.initiator = Some(Initiator::Timeout);
            }
        }
        self.initiator.get_or_insert(Initiator::Timeout);
    }

    /// Ends at once, without a word.
    pub(super) fn abort(&mut self, transmitter: &mut Transmitter, timers: &mut TimerTable) {
        self.initiator.get_or_insert(Initiator::Local);
        self.over(transmitter, timers);
    }

    fn over(&mut self, transmitter: &mut Transmitter, timers: &mut TimerTable) {
        if self.phase != Phase::Over {
            self.orderly &= transmitter.is_flushed();
            self.count_unsent(transmitter.abort());
            timers.stop_all();
            self.phase = Phase::Over;
        }
    }

    fn count_unsent(&mut self, n: usize) {
        self.unsent = self.unsent.saturating_add(n);
    }

    /// Decides on our close frame, and remembers it as it goes on the wire.
    fn last_word(&mut self, close: &Close) -> ControlPayload {
        let payload = close.encode();
        self.sent = Close::parse(&payload).ok().map(Box::new);
        payload
    }

    /// What is to be told of the end, each thing once: why, as soon as nothing more is delivered,
    /// and at last that it has come.
    pub(super) fn news(&mut self) -> Option<News> {
        if self.is_receiving() {
            return None;
        }
        match (self.told, self.error) {
            (Told::Nothing, Some(error)) => {
                self.told = Told::Error;
                Some(News::Error(error))
            }
            (Told::Nothing | Told::Error, _) if self.phase == Phase::Over => {
                self.told = Told::Closed;
                Some(News::Closed)
            }
            (Told::Nothing | Told::Error | Told::Closed, _) => None,
        }
    }

    pub(super) fn event(&self, news: News) -> Event<'static> {
        match news {
            News::Error(error) => Event::Error(error),
            News::Closed => Event::Closed(Box::new(self.closed())),
        }
    }

    pub(super) fn closed(&self) -> Closed {
        let (code, reason) = match &self.received {
            Some(close) => (close.code, close.reason.clone()),
            None => (CloseCode::ABNORMAL, String::new()),
        };
        Closed {
            code,
            reason,
            clean: self.orderly
                && self.error.is_none()
                && self.received.is_some()
                && self.sent.is_some(),
            initiator: self.initiator.unwrap_or(Initiator::Transport),
            sent: self.sent.as_deref().cloned(),
            received: self.received.as_deref().cloned(),
            error: self.error,
            unsent_messages: self.unsent,
        }
    }
}
