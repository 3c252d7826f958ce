use core::fmt;

use super::backoff::{Backoff, Spread};
use super::verdict::Policy;
use crate::connection::{Config, Heartbeat};
use crate::message::Message;
use crate::time::Duration;

/// Limits, intervals and policies of a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionConfig {
    /// Of each connection: its limits, its heartbeat, its deadlines.
    pub connection: Config,
    /// How long an attempt may take from its beginning until the connection is open. 10 s.
    pub connect_timeout: Duration,
    /// When to try again.
    pub backoff: Backoff,
    /// How long a connection must have been open for the back-off to start over. 5 s.
    pub stable_after: Duration,
    /// What to do about failures.
    pub policy: Policy,
    /// How long news of a network is given to take itself back, before an attempt is made; and as much
    /// again, at random. 300 ms.
    pub online_delay: Duration,
    /// How long a session that [does not connect by itself](super::Session::adopting) waits for a
    /// connection until it stops. 5 minutes.
    pub adoption_timeout: Duration,
    /// How long the peer has to answer once the network has changed. 2 s.
    pub probe_timeout: Duration,
    /// Whether the heartbeat's interval follows the network. Off: it is the connection's.
    pub adaptive: Option<Adaptive>,
    /// A heartbeat of messages, for paths that swallow pings. Off.
    pub message_heartbeat: Option<MessageHeartbeat>,
    /// The most messages that may wait to be sent, or for their confirmation. 1,000. With 0 nothing
    /// waits to be sent: what cannot be sent at once is refused.
    pub max_queued_messages: usize,
    /// The most bytes of payload that they may have. 8 MiB.
    pub max_queued_bytes: usize,
    /// What gives way when there are more.
    pub overflow: Overflow,
    /// How long a message that was transmitted may take to be confirmed, until the connection is given
    /// up for a new one. 20 s.
    pub confirm_timeout: Duration,
    /// How often a message may be transmitted whole; [`u32::MAX`].
    pub max_transmissions: u32,
    /// Whether what waits is held back on a new connection until [`Session::ready`](super::Session::ready):
    /// only what is sent [first](super::SendOptions::first) leaves before. Off.
    pub hold_until_ready: bool,
}

impl SessionConfig {
    /// Heartbeat every 20 s, back-off from 0.5 s to 30 s, spread at random, for ever.
    pub const DEFAULT: Self = Self {
        connection: Config::client().with_heartbeat(),
        connect_timeout: Duration::from_secs(10),
        backoff: Backoff::DEFAULT,
        stable_after: Duration::from_secs(5),
        policy: Policy::DEFAULT,
        online_delay: Duration::from_millis(300),
        adoption_timeout: Duration::from_secs(300),
        probe_timeout: Duration::from_secs(2),
        adaptive: None,
        message_heartbeat: None,
        max_queued_messages: 1_000,
        max_queued_bytes: 8 << 20,
        overflow: Overflow::Refuse,
        confirm_timeout: Duration::from_secs(20),
        max_transmissions: u32::MAX,
        hold_until_ready: false,
    };

    /// As chat applications build it around SocketRocket: a heartbeat every 10 s, retries after
    /// 2^n s up to 1,024 s, ten of them, not spread.
    #[must_use]
    pub const fn socket_rocket() -> Self {
        let mut config = Self::DEFAULT;
        let interval = Duration::from_secs(10);
        config.connection.heartbeat = Some(Heartbeat::new(interval, interval));
        config.backoff = Backoff {
            base: Duration::from_secs(1),
            base_spread: Duration::ZERO,
            cap: Duration::from_secs(1_024),
            growth: 200,
            spread: Spread::None,
            first: Duration::ZERO,
            max_retries: Some(10),
        };
        config
    }

    /// As reconnecting-websocket around a browser's: retries after 1 s to 5 s, at random once a
    /// session, growing by 1.3 up to 10 s, for ever; 4 s to connect; no heartbeat, since pages have none.
    #[must_use]
    pub const fn browser() -> Self {
        let mut config = Self::DEFAULT;
        config.connection.heartbeat = None;
        config.connect_timeout = Duration::from_secs(4);
        config.backoff = Backoff {
            base: Duration::from_secs(1),
            base_spread: Duration::from_secs(4),
            cap: Duration::from_secs(10),
            growth: 130,
            spread: Spread::None,
            first: Duration::ZERO,
            max_retries: None,
        };
        config
    }

    /// The same, with retries from `base` to `cap`.
    #[must_use]
    pub fn with_backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.backoff = self.backoff.between(base, cap);
        self
    }

    /// The same, with a heartbeat of messages instead of pings.
    #[must_use]
    pub fn with_message_heartbeat(mut self, heartbeat: MessageHeartbeat) -> Self {
        self.connection.heartbeat = None;
        self.message_heartbeat = Some(heartbeat);
        self
    }

    /// The same, with what waits held back on a new connection until it is [`ready`](super::Session::ready).
    #[must_use]
    pub const fn with_hold_until_ready(mut self) -> Self {
        self.hold_until_ready = true;
        self
    }
}

impl Default for SessionConfig {
    /// [`DEFAULT`](Self::DEFAULT).
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What gives way when the queue is full. Never silently: it is refused, or has an outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The new message is refused, and given back.
    #[default]
    Refuse,
    /// The oldest messages that wait are dropped. If there are none, the new one is refused.
    DropOldest,
    /// The new message is dropped.
    DropNewest,
}

/// A heartbeat whose interval follows the network: mobile networks forget a silent connection after
/// minutes, each after another time, and a phone should be woken as rarely as they allow.
///
/// It begins with `shortest`, and is lengthened by `step` each time that the peer answers after that
/// much silence. A connection that is lost after as much silence as had held, whatever finds the loss,
/// shortens it to that, and it is not lengthened to what did not hold, until the network changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Adaptive {
    /// The interval to begin with.
    pub shortest: Duration,
    /// The longest.
    pub longest: Duration,
    /// How much it is lengthened.
    pub step: Duration,
}

impl Adaptive {
    /// From `shortest` to `longest`, by `step`.
    #[must_use]
    pub const fn new(shortest: Duration, longest: Duration, step: Duration) -> Self {
        Self { shortest, longest, step }
    }
}

/// A heartbeat of messages: sent after a time without any from the peer, which is given up if none
/// arrives in time either.
#[derive(Clone)]
pub struct MessageHeartbeat {
    pub(super) message: Message<'static>,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) is_reply: Option<fn(&Message<'_>) -> bool>,
}

impl MessageHeartbeat {
    /// Sends `message` after `interval` without a message from the peer, and gives it `timeout` for
    /// any message once that has left.
    #[must_use]
    pub fn new(message: Message<'_>, interval: Duration, timeout: Duration) -> Self {
        Self { message: message.into_owned(), interval, timeout, is_reply: None }
    }

    /// The same, but only messages for which `is_reply` holds are answers. They are kept from the
    /// application.
    ///
    /// With [`Receive::Pieces`](crate::connection::Receive::Pieces) no message is ever whole: any of them
    /// is an answer then, and all are handed on.
    #[must_use]
    pub fn reply(self, is_reply: fn(&Message<'_>) -> bool) -> Self {
        Self { is_reply: Some(is_reply), ..self }
    }
}

impl fmt::Debug for MessageHeartbeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageHeartbeat")
            .field("message", &self.message)
            .field("interval", &self.interval)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
