//! An open connection: RFC 6455 sections 5 to 7, and the timers of a long one.

mod active;
mod closing;
mod compression;
mod config;
mod endpoint;
mod ends;
mod event;
mod fragments;
mod heartbeat;
mod idle;
mod masks;
mod opening;
mod queued;
mod receive;
mod sender;
mod session;
mod timer;
mod transmit;
mod verbs;

#[cfg(test)]
mod tests;

use alloc::{boxed::Box, string::String, sync::Arc};

use bytes::Buf;

pub use closing::{Closed, Initiator};
pub use config::{Config, Evidence, Heartbeat, HeartbeatMode, Lifetime, Receive};
pub use event::{Event, Piece, Pong};
pub use fragments::FragmentWriter;
pub use heartbeat::RoundTrip;
pub use sender::Sender;
pub use transmit::Role;

pub(crate) use receive::PartialMessage;
pub(crate) use session::Found;

use crate::buffer::Outbox;
#[cfg(feature = "deflate")]
use crate::deflate::{Compress, Deflate};
use crate::endpoint::Endpoint;
use crate::error::SendError;
use crate::frame::{Close, CloseCode};
use crate::message::{DataKind, Message, PreparedMessage};
use crate::rng::Jitter;
use crate::time::Instant;

use active::Active;
use closing::Phase;
#[cfg(not(feature = "deflate"))]
use compression::Compress;
use idle::Idle;
use timer::Timer;
use transmit::{Sending, Transmitter};

/// The state of a connection, named as in RFC 6455. A connection that is still connecting is a
/// different type: [`handshake`](crate::handshake).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the RFC names them")]
pub enum State {
    /// Data may flow both ways.
    Open,
    /// A close frame has been decided on, sent or received.
    Closing,
    /// The connection is over.
    Closed,
}

/// An open WebSocket connection, without its transport.
///
/// Its methods are of four kinds:
///
/// - **commands** of the application: [`send`](Self::send), [`fragments`](Self::fragments),
///   [`ping`](Self::ping), [`close`](Self::close), [`abort`](Self::abort);
/// - **news** for the application: [`poll_event`](Self::poll_event), or
///   [`poll_ready`](Endpoint::poll_ready) and then [`event`](Self::event);
/// - **the world**, through [`Endpoint`]: bytes, time, and what becomes of the transport;
/// - **questions**: [`state`](Self::state), [`buffered`](Self::buffered) and the like.
///
/// Frames are parsed only as events are taken, so not asking for events is back-pressure. Pings are
/// answered, close frames replied to, and limits and deadlines enforced without being asked.
///
/// [`Event::Closed`] comes exactly once, and last. After it the connection does nothing more.
///
/// Connections made with clones of one `Arc<Config>` share it. One in which nothing is under way rests when
/// it is to give its memory back ([`release_buffers`](Endpoint::release_buffers)): it takes little more than a
/// hundred bytes then, and what it has for a client's masking keys, its pings and compression.
///
/// ```
/// use longwire::{Config, Connection, Endpoint, Event, Instant, Message, Role};
///
/// let now = Instant::EPOCH;
/// let mut server = Connection::new(Role::Server, Config::server(), now);
/// // "Hello", masked, as in RFC 6455 section 5.7.
/// server.receive(now, &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
/// let Some((Event::Message(message), mut sender)) = server.poll_event_with_sender() else { panic!() };
/// assert_eq!(message.as_text(), Some("Hello"));
/// sender.send(message).unwrap();
/// assert_eq!(bytes::Buf::chunk(server.send_buffer()), b"\x81\x05Hello");
/// ```
pub struct Connection {
    /// What stays of it while nothing is under way. Not in force while there is more of it.
    idle: Idle,
    active: Option<Box<Active>>,
}

impl Connection {
    /// A connection whose opening handshake is complete, by whoever performed it.
    #[must_use]
    pub fn new(role: Role, config: impl Into<Arc<Config>>, now: Instant) -> Self {
        Self::with_buffers(role, config.into(), now, &[], Outbox::default())
    }

    /// The same, with the bytes that arrived behind the opening handshake: they are frames.
    #[must_use]
    pub fn from_upgraded(
        role: Role,
        config: impl Into<Arc<Config>>,
        now: Instant,
        received: &[u8],
    ) -> Self {
        Self::with_buffers(role, config.into(), now, received, Outbox::default())
    }

    /// `outbox` holds what must leave before the first frame.
    pub(crate) fn with_buffers(
        role: Role,
        config: Arc<Config>,
        now: Instant,
        received: &[u8],
        outbox: Outbox,
    ) -> Self {
        let mut connection = Self { idle: Idle::new(role, config, now), active: None };
        if !received.is_empty() || outbox.has_remaining() {
            connection.active().begin(received, outbox);
        }
        connection.with_jitter(Jitter::NONE, now)
    }

    /// The same, its heartbeat and lifetime counted from `now`, and made shorter or longer by
    /// `jitter`. For a connection that is new.
    #[must_use]
    pub fn with_jitter(mut self, jitter: Jitter, now: Instant) -> Self {
        let Config { heartbeat, max_lifetime, .. } = self.config();
        let ping = heartbeat.map(|heartbeat| jitter.apply(heartbeat.interval));
        let end = max_lifetime.map(|lifetime| jitter.apply(lifetime.after));
        match &mut self.active {
            Some(active) => active.jitter = jitter,
            None => self.idle.jitter = jitter,
        }
        for (timer, after) in [(Timer::Ping, ping), (Timer::Lifetime, end)] {
            match (after, &mut self.active) {
                (Some(after), Some(active)) => active.timers.arm_after(timer, now, after),
                (Some(after), None) => self.idle.timers.arm_after(timer, now, after),
                (None, _) => {}
            }
        }
        self
    }

    /// The same, compressing and decompressing as `deflate` says, which both ends agreed on (RFC 7692):
    /// for whoever performed the opening handshake elsewhere. For a connection that is new.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn with_deflate(mut self, deflate: &Deflate) -> Self {
        let active = self.active();
        active.transmitter.compress(deflate, &active.config);
        active.receiver.decompress(deflate, active.transmitter.is_server());
        self.rest();
        self
    }

    /// All of it, for whatever begins.
    #[inline(always)]
    fn active(&mut self) -> &mut Active {
        let Self { idle, active } = self;
        active.get_or_insert_with(|| idle.wake())
    }

    /// If nothing is under way, what is only needed otherwise is put aside.
    #[inline]
    fn rest(&mut self) {
        if let Some(active) = self.active.take_if(|active| active.is_idle()) {
            self.idle.rest(active);
        }
    }

    /// Queues a message behind those already queued. It is compressed if that was agreed on and is worth
    /// it.
    ///
    /// # Errors
    ///
    /// [`Closed`](SendError::Closed) once the closing handshake has begun, and
    /// [`Full`](SendError::Full) at [`Config::send_hard_limit`]. The message is given back.
    #[inline(always)]
    pub fn send<'m>(&mut self, message: Message<'m>) -> Result<(), SendError<Message<'m>>> {
        transmit::send(self, message)
    }

    /// The same, compressed or not, if compression was agreed on (RFC 7692 section 6.1).
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(feature = "deflate")]
    pub fn send_with<'m>(
        &mut self,
        message: Message<'m>,
        compress: Compress,
    ) -> Result<(), SendError<Message<'m>>> {
        self.active().transmitter.send_with(message, compress)
    }

    /// Queues a message that was encoded before, as [`send`](Self::send) does.
    ///
    /// # Errors
    ///
    /// As there; nothing was queued.
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        self.active().transmitter.send_prepared(message)
    }

    /// Begins a message that is sent piece by piece (section 5.4).
    ///
    /// Other messages wait until it is finished; control frames pass between its fragments.
    ///
    /// # Errors
    ///
    /// [`Closed`](SendError::Closed), or [`MessageOpen`](SendError::MessageOpen) while another one
    /// is not finished: see [`resume_fragments`](Self::resume_fragments).
    pub fn fragments(&mut self, kind: DataKind) -> Result<FragmentWriter<'_>, SendError> {
        self.active().transmitter.begin_fragments(kind, Compress::Auto)?;
        Ok(FragmentWriter::new(self.active()))
    }

    /// The same, compressed or not, if compression was agreed on. With [`Compress::Auto`] the first
    /// fragment's length decides for all.
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(feature = "deflate")]
    pub fn fragments_with(
        &mut self,
        kind: DataKind,
        compress: Compress,
    ) -> Result<FragmentWriter<'_>, SendError> {
        self.active().transmitter.begin_fragments(kind, compress)?;
        Ok(FragmentWriter::new(self.active()))
    }

    /// The message that was begun with [`fragments`](Self::fragments) and then
    /// [paused](FragmentWriter::pause).
    pub fn resume_fragments(&mut self) -> Option<FragmentWriter<'_>> {
        let active = self.active.as_deref_mut()?;
        active.transmitter.has_open_message().then(|| FragmentWriter::new(active))
    }

    /// Sends a ping before any message that is still queued (section 5.5.2).
    ///
    /// Its pong comes as [`Event::Pong`] with the time it took.
    ///
    /// # Errors
    ///
    /// [`OversizedControl`](SendError::OversizedControl) over 125 bytes,
    /// [`Closed`](SendError::Closed), [`Full`](SendError::Full).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        let active = self.active();
        active.heartbeat.ping(&mut active.transmitter, payload, heartbeat::Asker::Application)
    }

    /// Starts the closing handshake, behind everything queued (section 7.1.2).
    ///
    /// The reason is cut to 123 bytes. Closing a connection that is already closing does nothing.
    ///
    /// # Errors
    ///
    /// [`InvalidCloseCode`](SendError::InvalidCloseCode) for a code that must not be sent.
    pub fn close(&mut self, now: Instant, code: CloseCode, reason: &str) -> Result<(), SendError> {
        if !code.is_sendable() {
            return Err(SendError::InvalidCloseCode(()));
        }
        let active = self.active();
        active.now = now;
        let close = Close { code, reason: String::from(reason) };
        active.start_closing(close, now.into());
        Ok(())
    }

    /// Ends the connection at once, without a close frame. Queued messages are dropped and counted.
    pub fn abort(&mut self) {
        self.active().abort();
    }

    /// Takes the next event: [`poll_ready`](Endpoint::poll_ready), then [`event`](Self::event).
    #[must_use]
    #[inline(always)]
    pub fn poll_event(&mut self) -> Option<Event<'_>> {
        let active = self.active.as_deref_mut()?;
        if active.poll_ready() { active.event() } else { None }
    }

    /// Takes the next event together with the sending side, so that it can be answered while it is
    /// lent: without a copy.
    #[must_use]
    #[inline(always)]
    pub fn poll_event_with_sender(&mut self) -> Option<(Event<'_>, Sender<'_>)> {
        let active = self.active.as_deref_mut()?;
        if active.poll_ready() { active.event_with_sender() } else { None }
    }

    /// Takes the event that [`poll_ready`](Endpoint::poll_ready) found; `None` if it was taken, or there is
    /// none.
    ///
    /// Text is judged here (section 8.1): one that is not UTF-8 fails the connection, and its event is
    /// [`Event::Error`]. What is lent stays valid until the connection is used again.
    #[must_use]
    #[inline(always)]
    pub fn event(&mut self) -> Option<Event<'_>> {
        self.active.as_deref_mut()?.event()
    }

    /// The same, with the sending side.
    #[must_use]
    #[inline(always)]
    pub fn event_with_sender(&mut self) -> Option<(Event<'_>, Sender<'_>)> {
        self.active.as_deref_mut()?.event_with_sender()
    }

    /// Replaces the heartbeat's pings (section 5.5.2), or turns them off or on, counted from `now`. For
    /// networks that call for others than the configuration's.
    ///
    /// A connection that shared its [`Config`] with others has one of its own from then on.
    pub fn set_heartbeat(&mut self, now: Instant, heartbeat: Option<Heartbeat>) {
        self.active().set_heartbeat(now, heartbeat);
        self.rest();
    }

    /// The state of the connection.
    #[must_use]
    pub const fn state(&self) -> State {
        match &self.active {
            Some(active) => match active.closing.phase() {
                Phase::Open => State::Open,
                Phase::CloseSent | Phase::Exchanged | Phase::Failing => State::Closing,
                Phase::Over => State::Closed,
            },
            None => State::Open,
        }
    }

    /// Bytes that were accepted and that the transport has not taken.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.active.as_ref().map_or(0, |active| active.transmitter.buffered())
    }

    /// Messages whose last byte the transport has taken, of all that were ever sent.
    #[must_use]
    pub const fn transmitted_messages(&self) -> u64 {
        match &self.active {
            Some(active) => active.transmitter.taken_messages(),
            None => self.idle.taken,
        }
    }

    /// Whether [`buffered`](Self::buffered) is at most [`Config::send_soft_limit`]: whoever can wait
    /// for the transport should, until it is.
    #[must_use]
    #[inline]
    pub fn has_room(&self) -> bool {
        self.active.as_ref().is_none_or(|active| active.transmitter.has_room())
    }

    /// How long pings took, if any was answered.
    #[must_use]
    pub const fn round_trip(&self) -> Option<RoundTrip> {
        self.heartbeat().round_trip()
    }

    /// The limits and intervals in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        match &self.active {
            Some(active) => &active.config,
            None => &self.idle.config,
        }
    }

    /// Memory held for bytes in and out, and for compressing them.
    #[must_use]
    pub fn buffer_capacity(&self) -> usize {
        match &self.active {
            Some(active) => active
                .inbox
                .capacity()
                .saturating_add(active.transmitter.outbox().capacity())
                .saturating_add(active.transmitter.compression_memory())
                .saturating_add(active.receiver.compression_memory()),
            None => self.idle.outgoing.memory().saturating_add(self.idle.incoming.memory()),
        }
    }

    const fn heartbeat(&self) -> &heartbeat::Heartbeat {
        match &self.active {
            Some(active) => &active.heartbeat,
            None => &self.idle.heartbeat,
        }
    }
}

impl Sending for Connection {
    #[inline(always)]
    fn transmitter(&mut self) -> Option<&mut Transmitter> {
        self.active.as_mut().map(|active| &mut active.transmitter)
    }

    #[inline(never)]
    fn send_queued<'m>(&mut self, message: Message<'m>) -> Result<(), SendError<Message<'m>>> {
        self.active().transmitter.send_queued(message)
    }
}
