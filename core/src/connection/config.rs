use alloc::sync::Arc;
use core::ops::Deref;

use crate::frame::CloseCode;
use crate::handshake;
use crate::time::Duration;

/// Limits and intervals of a connection.
///
/// Every limit is inclusive (a message of exactly the limit passes) and none can be absent:
/// unlimited is a number that somebody wrote down. Timers that can be off are `Option`s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The longest message accepted, in bytes; longer ones fail the connection with 1009.
    /// 1 MiB for a server, 16 MiB for a client.
    pub max_message: u64,
    /// The longest frame accepted, in bytes, judged by its header; 1009. As `max_message`.
    pub max_frame: u64,
    /// The most fragments a message may have; 1008. 131,072.
    pub max_fragments: u32,
    /// The most empty fragments in a row; 1008. 1,024. A message of one frame has none.
    pub max_empty_fragments: u32,
    /// The most control frames accepted in a second; 1008. 10,000.
    pub max_control_rate: u32,
    /// How far the staging area for received bytes may grow. 128 KiB; at least 4 KiB.
    pub receive_buffer: usize,
    /// Whether messages are handed out whole or piece by piece.
    pub receive: Receive,
    /// Above this many queued bytes, a driver waits for the transport before it queues more. 64 KiB;
    /// counts as the hard limit if it is above that.
    pub send_soft_limit: usize,
    /// Above this many queued bytes, a message is refused and given back. 1 MiB.
    ///
    /// What counts is what waits already, not the message: whoever has room for anything has room
    /// for the longest, and no more is ever queued than this and one message. With a message that is
    /// sent in fragments, half of it is for those that wait behind, and one of each may be beyond. Pings,
    /// which pass messages, have as much again.
    pub send_hard_limit: usize,
    /// Longer messages leave as several frames of this size, so that a control frame never waits
    /// behind more. 64 KiB; at least 125 bytes.
    pub fragment_size: usize,
    /// How a silent peer is noticed. Off here; the adapters turn it on.
    pub heartbeat: Option<Heartbeat>,
    /// How long the transport may take none of the bytes that wait, or keep those it took in a buffer
    /// of its own. 30 s.
    pub write_stall: Duration,
    /// How long the closing handshake and the end of the transport may take. 5 s.
    pub close_timeout: Duration,
    /// How long a failed connection goes on reading after its close frame has left. 1 s.
    pub drain_timeout: Duration,
    /// How many bytes it reads in that time. 64 KiB.
    pub drain_limit: usize,
    /// How long a message may take from its first frame to its last; 1008. Off.
    pub message_timeout: Option<Duration>,
    /// After which time the connection is closed, and with which code. Off.
    pub max_lifetime: Option<Lifetime>,
    /// Limits of the opening handshake.
    pub handshake: handshake::Limits,
}

impl Config {
    /// The defaults of a server.
    #[must_use]
    pub const fn server() -> Self {
        Self::with_max_message(1 << 20)
    }

    /// The defaults of a client.
    #[must_use]
    pub const fn client() -> Self {
        Self::with_max_message(16 << 20)
    }

    const fn with_max_message(max_message: u64) -> Self {
        Self {
            max_message,
            max_frame: max_message,
            max_fragments: 131_072,
            max_empty_fragments: 1_024,
            max_control_rate: 10_000,
            receive_buffer: 128 << 10,
            receive: Receive::Messages,
            send_soft_limit: 64 << 10,
            send_hard_limit: 1 << 20,
            fragment_size: 64 << 10,
            heartbeat: None,
            write_stall: Duration::from_secs(30),
            close_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(1),
            drain_limit: 64 << 10,
            message_timeout: None,
            max_lifetime: None,
            handshake: handshake::Limits::DEFAULT,
        }
    }

    /// The same, with the default heartbeat.
    #[must_use]
    pub const fn with_heartbeat(self) -> Self {
        Self { heartbeat: Some(Heartbeat::DEFAULT), ..self }
    }

    /// The same, accepting messages and frames of up to `bytes`.
    #[must_use]
    pub const fn with_message_limit(self, bytes: u64) -> Self {
        Self { max_message: bytes, max_frame: bytes, ..self }
    }
}

/// The configuration of a connection; where there is none, what nobody looks at.
#[derive(Default)]
pub(super) struct InForce(Option<Arc<Config>>);

impl InForce {
    /// The configuration, no longer shared with others.
    pub(super) fn make_mut(&mut self) -> &mut Config {
        Arc::make_mut(self.0.get_or_insert_with(|| Arc::new(DEFAULT)))
    }
}

const DEFAULT: Config = Config::server();

impl From<Arc<Config>> for InForce {
    fn from(config: Arc<Config>) -> Self {
        Self(Some(config))
    }
}

impl Deref for InForce {
    type Target = Config;

    #[inline]
    fn deref(&self) -> &Config {
        self.0.as_deref().unwrap_or(&DEFAULT)
    }
}

/// How messages are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Receive {
    /// Whole, as [`Event::Message`](super::Event::Message).
    Messages,
    /// As they arrive, as [`Event::Piece`](super::Event::Piece): for messages larger than memory.
    Pieces,
}

/// How a silent peer is noticed.
///
/// After `interval` a ping leaves; if nothing arrives within `timeout` of the ping's last byte
/// having been taken by the transport, the peer counts as dead. A verdict is never passed while
/// received bytes wait to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heartbeat {
    /// The time before a ping.
    pub interval: Duration,
    /// The time after the ping has left.
    pub timeout: Duration,
    /// What `interval` is measured from.
    pub mode: HeartbeatMode,
    /// What counts as a sign of life.
    pub evidence: Evidence,
}

impl Heartbeat {
    /// A ping after 20 s of silence, dead 20 s after the ping left, any byte is a sign of life.
    pub const DEFAULT: Self = Self::new(Duration::from_secs(20), Duration::from_secs(20));

    /// A ping after `interval` of silence, dead `timeout` after it left.
    #[must_use]
    pub const fn new(interval: Duration, timeout: Duration) -> Self {
        Self { interval, timeout, mode: HeartbeatMode::WhenIdle, evidence: Evidence::AnyInbound }
    }
}

/// What a heartbeat's interval is measured from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeartbeatMode {
    /// From the last byte received.
    WhenIdle,
    /// From the ping before.
    Periodic,
}

/// What counts as a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evidence {
    /// Any byte received: a large frame may take longer than the timeout.
    AnyInbound,
    /// Only the pong to the ping.
    PongOnly,
}

/// When a connection is closed for its age, so that load balancers can move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a time and a code")]
pub struct Lifetime {
    /// Its age.
    pub after: Duration,
    /// The code: [`SERVICE_RESTART`](CloseCode::SERVICE_RESTART) tells a client to come back.
    pub code: CloseCode,
}
