//! What is said of a message when it is sent, and what became of it.

use core::fmt;

#[cfg(feature = "deflate")]
use crate::deflate::Compress;
use crate::time::Duration;

/// Names one message of a session: later ones are larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub(super) u64);

impl MessageId {
    /// Its number, from 1.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When a message counts as delivered, and so what happens to it if the connection is lost.
///
/// Whatever it says, a message of which the last byte had not left is sent again, whole: the peer
/// cannot have it (R10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// Its last byte reached the operating system. At most once: what is lost behind that is lost.
    #[default]
    Transmitted,
    /// The peer answered a ping that was sent behind it, so its endpoint has read the message; any peer
    /// of RFC 6455 does. What its application did with it, only that can say. At least once: unconfirmed
    /// ones are sent again.
    Received,
    /// The application said so: [`Session::acknowledge`](super::Session::acknowledge). At least once.
    Acknowledged,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Its last byte reached the operating system.
    Transmitted,
    /// The peer has read it.
    Received,
    /// The application said that it was acknowledged.
    Acknowledged,
    /// It was still waiting when its time was up.
    Expired,
    /// The application took it back.
    Cancelled,
    /// It will not be sent, or not again.
    Lost(Loss),
}

impl Outcome {
    /// Whether the message was delivered, as far as was asked for.
    #[must_use]
    pub const fn is_delivered(self) -> bool {
        matches!(self, Self::Transmitted | Self::Received | Self::Acknowledged)
    }
}

/// Why a message was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// The queue was full, and [`Overflow`](super::Overflow) chose this message to give way.
    Overflow,
    /// It was not worth waiting for a connection, or was meant for the one that ended.
    Disconnected,
    /// The session stopped. If the message was transmitted before, the peer may have it.
    Stopped,
    /// It was transmitted [as often as it may be](super::SessionConfig::max_transmissions), and never
    /// confirmed.
    Unconfirmed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transmitted => "transmitted",
            Self::Received => "received",
            Self::Acknowledged => "acknowledged",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Lost(Loss::Overflow) => "lost: the queue was full",
            Self::Lost(Loss::Disconnected) => "lost: not connected",
            Self::Lost(Loss::Stopped) => "lost: stopped",
            Self::Lost(Loss::Unconfirmed) => "lost: never confirmed",
        })
    }
}

/// What is said of a message when it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendOptions {
    /// When it counts as delivered.
    pub delivery: Delivery,
    /// How long it may wait to be sent, also to be sent again. None is no limit.
    pub expires_in: Option<Duration>,
    /// Not worth keeping: dropped, and reported so, unless it can be sent by the open connection.
    pub volatile: bool,
    /// Of this connection only, and before everything that waits: logins, subscriptions. Dropped, and
    /// reported so, with the connection.
    pub first: bool,
    /// Whether it is compressed, if that was agreed on.
    #[cfg(feature = "deflate")]
    pub compress: Compress,
}

impl SendOptions {
    /// Confirmed as `delivery` says, otherwise the default.
    #[must_use]
    pub fn new(delivery: Delivery) -> Self {
        Self { delivery, ..Self::default() }
    }

    /// The same, dropped after having waited for `time`.
    #[must_use]
    pub const fn expires_in(self, time: Duration) -> Self {
        Self { expires_in: Some(time), ..self }
    }

    /// The same, [volatile](Self::volatile).
    #[must_use]
    pub const fn volatile(self) -> Self {
        Self { volatile: true, ..self }
    }

    /// The same, [first](Self::first) on this connection.
    #[must_use]
    pub const fn first(self) -> Self {
        Self { first: true, ..self }
    }
}

impl From<Delivery> for SendOptions {
    fn from(delivery: Delivery) -> Self {
        Self::new(delivery)
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// Which.
    pub id: MessageId,
    /// What became of it. There is exactly one outcome for every message.
    pub outcome: Outcome,
    /// How often it was transmitted whole. More than once: the peer may have duplicates.
    pub transmissions: u32,
}
