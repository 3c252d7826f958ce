use alloc::boxed::Box;

use super::Closed;
use crate::error::ConnectionError;
use crate::message::{DataKind, Message, Payload};
use crate::time::Duration;

/// What happened, lent from the connection.
// Its tag, and those of `Message` and `Payload`, are words: a tag that is written in fewer bytes than
// it is moved in makes the processor wait at each move (5 ns a message, measured).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(usize)]
pub enum Event<'a> {
    /// A message arrived.
    Message(Message<'a>),
    /// Part of a message arrived: only with [`Receive::Pieces`](super::Receive::Pieces).
    Piece(Piece<'a>),
    /// A ping arrived, and is being answered.
    Ping(Payload<'a>),
    /// A pong arrived.
    Pong(Pong<'a>),
    /// The connection failed. [`Closed`](Self::Closed) follows, once the peer knows or time is up.
    Error(ConnectionError),
    /// The connection is over. This is the last event, and there is exactly one.
    Closed(Box<Closed>),
}

impl Event<'_> {
    /// Keeps the event, copying what was lent.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Message(message) => Event::Message(message.into_owned()),
            Self::Piece(piece) => Event::Piece(piece.into_owned()),
            Self::Ping(payload) => Event::Ping(payload.into_owned()),
            Self::Pong(pong) => Event::Pong(Pong {
                payload: pong.payload.into_owned(),
                round_trip: pong.round_trip,
            }),
            Self::Error(error) => Event::Error(error),
            Self::Closed(closed) => Event::Closed(closed),
        }
    }
}

/// Part of a message.
///
/// Pieces are cut where the bytes happened to be, not where fragments or characters end. Those of a
/// text are valid as far as they go, and at the last one as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Piece<'a> {
    /// The kind of the message.
    pub kind: DataKind,
    /// The bytes. Empty only for the last piece.
    pub payload: Payload<'a>,
    /// Whether the message begins here.
    pub first: bool,
    /// Whether the message ends here.
    pub last: bool,
}

impl Piece<'_> {
    /// Keeps the piece, copying it only if it was lent.
    #[must_use]
    pub fn into_owned(self) -> Piece<'static> {
        let Self { kind, payload, first, last } = self;
        Piece { kind, payload: payload.into_owned(), first, last }
    }
}

/// A pong (section 5.5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pong<'a> {
    /// What the ping carried.
    pub payload: Payload<'a>,
    /// How long the ping and its pong took; none if no ping of ours asked for it.
    pub round_trip: Option<Duration>,
}
