use alloc::boxed::Box;

use super::message::{MessageId, Settled};
use super::verdict::Failure;
use crate::connection::Piece;
use crate::error::ConnectionError;
use crate::handshake::{Agreement, Response};
use crate::message::Message;
use crate::time::Duration;

/// Names one attempt to be connected, from its beginning until it failed or the connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attempt(pub(super) u64);

impl Attempt {
    /// Its number, from 1.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl core::fmt::Display for Attempt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// What whoever has the sockets must do. Small and owned, so that orders never borrow the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever has the sockets must know all of them")]
pub enum Action {
    /// Open a transport and report [`opened`](super::Session::opened) or
    /// [`failed`](super::Session::failed).
    Connect(Attempt),
    /// Drop that transport, or stop opening it. Nothing need be reported.
    Disconnect(Attempt),
}

/// What the application should know. Lent, as [`connection::Event`](crate::connection::Event).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An attempt has begun.
    Connecting(Attempt),
    /// The connection is open.
    Opened(Box<Opened>),
    /// A message arrived.
    Message(Message<'a>),
    /// Part of a message arrived: only with
    /// [`Receive::Pieces`](crate::connection::Receive::Pieces).
    Piece(Piece<'a>),
    /// A pong arrived: to the application's own ping, to the heartbeat's, or unasked.
    Pong(Pong),
    /// What became of a message.
    Settled(Settled),
    /// This message is sent again although it may have arrived: the peer may have a duplicate.
    Repeated(MessageId),
    /// The connection failed. [`Closed`](Self::Closed) follows.
    Error(ConnectionError),
    /// The attempt is over. There is exactly one for each that has begun.
    Closed(Box<Closed>),
    /// The session has stopped. Nothing happens any more until it is told to
    /// [`connect`](super::Session::connect).
    Stopped(Stopped),
}

impl Event<'_> {
    /// Bytes of the message in it.
    pub(crate) fn payload_len(&self) -> usize {
        match self {
            Self::Message(message) => message.len(),
            Self::Piece(piece) => piece.payload.len(),
            Self::Connecting(_)
            | Self::Opened(_)
            | Self::Pong(_)
            | Self::Settled(_)
            | Self::Repeated(_)
            | Self::Error(_)
            | Self::Closed(_)
            | Self::Stopped(_) => 0,
        }
    }

    /// Keeps the event, copying what was lent.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Message(message) => Event::Message(message.into_owned()),
            Self::Piece(piece) => Event::Piece(piece.into_owned()),
            Self::Connecting(attempt) => Event::Connecting(attempt),
            Self::Opened(opened) => Event::Opened(opened),
            Self::Pong(pong) => Event::Pong(pong),
            Self::Settled(settled) => Event::Settled(settled),
            Self::Repeated(id) => Event::Repeated(id),
            Self::Error(error) => Event::Error(error),
            Self::Closed(closed) => Event::Closed(closed),
            Self::Stopped(stopped) => Event::Stopped(stopped),
        }
    }
}

/// The connection is open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// By which attempt.
    pub attempt: Attempt,
    /// What the server answered; none of a connection that was [adopted](super::Session::adopt).
    pub response: Option<Response>,
    /// What was agreed on.
    pub agreement: Agreement,
    /// How long there was no connection.
    pub downtime: Duration,
    /// How many messages wait to be sent.
    pub queued: usize,
    /// How many of them may have arrived already.
    pub repeated: usize,
}

/// A pong (RFC 6455 section 5.5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pong {
    /// What the ping carried.
    pub payload: Box<[u8]>,
    /// How long the ping and its pong took; none if no ping of ours asked for it.
    pub round_trip: Option<Duration>,
}

/// An attempt is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// Which.
    pub attempt: Attempt,
    /// How long the connection was open; none if it never was.
    pub opened: Option<Duration>,
    /// Why.
    pub failure: Failure,
    /// What comes next.
    pub next: Next,
}

/// What comes after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// Another, after this time.
    Retry {
        /// From when the attempt was over.
        after: Duration,
        /// Which one it is since a connection was last stable, from 1.
        retry: u32,
    },
    /// Nothing, until there is a network.
    Offline,
    /// Nothing, until the application says [`resume`](super::Session::resume).
    Suspended,
    /// Nothing, until a connection is [adopted](super::Session::adopt).
    Adoption,
    /// Nothing: [`Event::Stopped`] follows.
    Stop,
}

/// Why a session has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stopped {
    /// The application closed it, and the last connection was closed in order, or there was none.
    Closed,
    /// The application aborted it, or closed it and the closing handshake did not end in order.
    Aborted,
    /// The [`Verdict`](super::Verdict) on a failure.
    Refused,
    /// All retries that the back-off allows failed; or no connection came to be adopted in
    /// [`adoption_timeout`](super::SessionConfig::adoption_timeout).
    Exhausted,
}

impl core::fmt::Display for Stopped {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Aborted => "aborted",
            Self::Refused => "failed, and not worth another try",
            Self::Exhausted => "failed, too many times in a row",
        })
    }
}

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Not begun.
    Idle,
    /// A transport is being opened, or the opening handshake under way.
    Connecting,
    /// The connection is open.
    Open,
    /// The connection is being closed on purpose.
    Closing,
    /// The next attempt, or a connection to adopt, is waited for.
    Waiting,
    /// There is no network.
    Offline,
    /// The application has suspended it.
    Suspended,
    /// It has stopped.
    Stopped,
}

impl State {
    /// The state as a browser's `WebSocket` counts it, for one that comes back: 0 (`CONNECTING`)
    /// while there is to be a connection, 1 (`OPEN`), 2 (`CLOSING`), 3 (`CLOSED`) while there is none
    /// and none is to be.
    #[must_use]
    pub const fn ready_state(self) -> u16 {
        match self {
            Self::Connecting | Self::Waiting | Self::Offline => 0,
            Self::Open => 1,
            Self::Closing => 2,
            Self::Idle | Self::Suspended | Self::Stopped => 3,
        }
    }
}

/// What the platform believes about the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is none, one, or another one")]
pub enum Reachability {
    /// There is none: stop trying, and stop the timers.
    Offline,
    /// There is one: try now rather than when the back-off ends.
    Online,
    /// There is another one: see whether the open connection survived it.
    Changed,
}
