//! The long connection: one logical connection over as many transports as it takes.
//!
//! ```text
//!              connect                 opened, handshake
//!      Idle ───────────► Connecting ────────────────────► Open ◄───────────────┐
//!                          ▲    │ failed                   │ lost              │ adopt
//!             time, online │    ▼                          ▼                   │
//!                        Waiting, Offline ◄──── verdict: retry ────────────────┤
//!                                                                              │
//!      close, in any state ─► (Closing) ─► Stopped ◄── verdict: stop           │
//!      suspend, in any state ─► (Closing) ─► Suspended ─ resume ─► Connecting ─┘
//! ```
//!
//! [`Session`] says when to connect, when to give up, what to send again, and what became of every
//! message. It opens no transport, reads no clock and draws no entropy: it asks for transports by
//! [`Action`]s, and is an [`Endpoint`] for the bytes of the one it has.
//!
//! # Driving it
//!
//! As any [`Endpoint`]; and after every call, do what [`poll_action`](Session::poll_action) orders:
//!
//! - [`Connect`](Action::Connect): open a transport. Then [`opened`](Session::opened), or
//!   [`failed`](Session::failed). From then on its bytes are the session's.
//! - [`Disconnect`](Action::Disconnect): drop the transport, or what is opening it.
//!
//! Every report names its [`Attempt`]; one that comes late, for an attempt that is over, is counted
//! and ignored. Who has several transports at once asks [`endpoint`](Session::endpoint) for the
//! session, with the attempt that the bytes are of.
//!
//! # Delivery
//!
//! A message is sent with a [`Delivery`] and has exactly one [`Outcome`]. What waits for its outcome
//! survives the connection: what had not left whole is sent again, and so is what had, if it asked to
//! be confirmed and was not. The order is that in which messages were accepted, always.
//!
//! # What is promised
//!
//! One [`Event::Closed`] for each [`Event::Connecting`], one outcome for each message, order kept,
//! nothing lost silently, no attempt after a deliberate close, and no state that lasts for ever: save
//! those that wait for somebody, who are then the network, or the application.

mod adaptive;
mod backoff;
mod browser;
mod config;
mod delegate;
mod delivery;
mod endpoint;
mod event;
mod fences;
mod link;
mod liveness;
mod message;
mod news;
mod parting;
mod patience;
mod pings;
mod questions;
mod queue;
mod reachability;
mod statistics;
mod timer;
mod transition;
mod verdict;

#[cfg(test)]
mod tests;

use alloc::{boxed::Box, collections::VecDeque, string::String};

pub use backoff::{Backoff, Spread};
pub use browser::{BrowserError, BrowserEvent, CloseEvent, check_close};
pub use config::{Adaptive, MessageHeartbeat, Overflow, SessionConfig};
pub use delegate::Delegate;
pub use event::{Action, Attempt, Closed, Event, Next, Opened, Pong, Reachability, State, Stopped};
pub use message::{Delivery, Loss, MessageId, Outcome, SendOptions, Settled};
pub use statistics::Statistics;
pub use verdict::{Cancelled, ConnectFailure, Failure, Policy, Verdict};

use crate::buffer::Outbox;
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::error::SendError;
use crate::frame::{Close, CloseCode};
use crate::handshake::{Agreement, Request};
use crate::message::Message;
use crate::rng::Rng;
use crate::time::{Duration, Instant};

use fences::Fences;
use link::Link;
use liveness::Liveness;
use news::News;
use parting::{Farewell, Then};
use patience::Patience;
use pings::Pings;
use queue::Queue;
use reachability::Network;
use timer::{Timer, TimerTable};

/// One logical connection over many transports.
///
/// ```
/// use longwire::session::{Action, ConnectFailure, Event, Next, SendOptions, Session, SessionConfig};
/// use longwire::{Endpoint, Instant, Message};
/// # fn random(bytes: &mut [u8]) { bytes.fill(0x5a) }
///
/// let now = Instant::EPOCH;
/// let mut session = Session::new(SessionConfig::socket_rocket(), random, now);
/// session.connect(now);
/// session.send(now, Message::from("How are you?"), SendOptions::default()).unwrap();
///
/// // It asks for a transport. There is none to be had:
/// let Some(Action::Connect(attempt)) = session.poll_action() else { panic!() };
/// session.failed(now, attempt, ConnectFailure::Refused);
/// assert!(matches!(session.poll_event(), Some(Event::Connecting(_))));
/// let Some(Event::Closed(closed)) = session.poll_event() else { panic!() };
/// let Next::Retry { after, retry: 1 } = closed.next else { panic!() };
///
/// // So it asks again, when it is time. The message waits.
/// session.handle_timeout(now + after);
/// assert!(matches!(session.poll_action(), Some(Action::Connect(_))));
/// assert_eq!(session.buffered_amount(), 12);
/// ```
pub struct Session {
    config: SessionConfig,
    rng: Box<dyn Rng + Send>,
    state: State,
    link: Link,
    /// The latest.
    attempt: Attempt,
    /// It counts as a retry.
    counted: bool,
    /// The next one will not: it is the network, or the application, that calls for it.
    prompted: bool,
    /// It asks for transports.
    dials: bool,
    /// Somebody opens, or has, a transport for it.
    has_transport: bool,
    /// The transport that is to be opened.
    connect: Option<Attempt>,
    /// Those that are not needed any more.
    disconnect: VecDeque<Attempt>,
    farewell: Option<Farewell>,
    /// Close once every message has its outcome.
    finishing: Option<Close>,
    network: Network,
    /// What waits may leave.
    ready: bool,
    /// The application takes no messages now.
    paused: bool,
    /// What the messages take that became events since.
    moved: usize,
    progress: backoff::Progress,
    queue: Queue,
    news: News,
    pings: Pings,
    fences: Fences,
    /// Messages of this connection that are known to have left, and those that were on their way
    /// before it was the session's.
    transmitted: u64,
    /// The transport has not passed on all that it took.
    held_back: bool,
    /// It had not when it last said so, and nobody has looked since.
    was_held_back: bool,
    patience: Patience,
    /// The connection there was last was closed, and had said everything.
    send_finished: bool,
    liveness: Liveness,
    timers: TimerTable,
    statistics: Statistics,
    agreement: Agreement,
    opened_at: Option<Instant>,
    down_since: Option<Instant>,
    /// The time told last.
    now: Instant,
    nothing: Outbox,
}

impl Session {
    /// A session that connects when it is told to. `rng` is for delays; it need not be cryptographic.
    #[must_use]
    pub fn new(config: SessionConfig, mut rng: impl Rng + Send + 'static, now: Instant) -> Self {
        let liveness = Liveness::new(&config);
        let progress = backoff::Progress::new(&config.backoff, &mut rng);
        Self {
            ready: !config.hold_until_ready,
            config,
            rng: Box::new(rng),
            state: State::Idle,
            link: Link::None,
            attempt: Attempt(0),
            counted: false,
            prompted: false,
            dials: true,
            has_transport: false,
            connect: None,
            disconnect: VecDeque::new(),
            farewell: None,
            finishing: None,
            network: Network::Assumed,
            paused: false,
            moved: 0,
            progress,
            queue: Queue::default(),
            news: News::default(),
            pings: Pings::default(),
            fences: Fences::default(),
            transmitted: 0,
            held_back: false,
            was_held_back: false,
            patience: Patience::default(),
            send_finished: false,
            liveness,
            timers: TimerTable::default(),
            statistics: Statistics::default(),
            agreement: Agreement::default(),
            opened_at: None,
            down_since: None,
            now,
            nothing: Outbox::default(),
        }
    }

    /// A session that does not connect by itself, but is given its connections: the server's end of a
    /// long connection, one for each client that is known by more than its address.
    ///
    /// It begins by waiting, and stops when it has waited for [`SessionConfig::adoption_timeout`].
    #[must_use]
    pub fn adopting(config: SessionConfig, rng: impl Rng + Send + 'static, now: Instant) -> Self {
        let mut session = Self::new(config, rng, now);
        session.dials = false;
        session.await_adoption(now);
        session
    }

    /// Begins, or begins again after having stopped; while it waits, tries at once.
    pub fn connect(&mut self, now: Instant) {
        self.now = now;
        match self.state {
            State::Idle | State::Stopped => {
                self.progress.reset();
                self.restart(now);
            }
            State::Waiting if self.dials => self.retry(now),
            State::Waiting
            | State::Connecting
            | State::Open
            | State::Closing
            | State::Offline
            | State::Suspended => {}
        }
    }

    /// Takes over a connection that somebody else has opened, in place of the one it has: for
    /// sessions that are [adopting](Self::adopting). The bytes of its transport are the session's from
    /// then on. What had arrived by the one it had, and was not taken, is still told; but once messages
    /// of [`max_queued_bytes`](SessionConfig::max_queued_bytes) wait to be taken, the rest is dropped. One
    /// with a [message](Connection::fragments) that is not finished could send nothing: it is over.
    ///
    /// A session that has stopped, or is suspended, goes on with it; one that is being
    /// [closed](Self::close) closes it.
    pub fn adopt(&mut self, now: Instant, connection: Connection, agreement: Agreement) -> Attempt {
        self.now = now;
        self.replace(now, connection, agreement)
    }

    /// The transport is open: the opening handshake for `request` begins (RFC 6455 section 4.1). `rng`
    /// is for masking keys, and must be cryptographic (section 10.3).
    ///
    /// False if the attempt is over: drop the transport.
    pub fn opened(
        &mut self,
        now: Instant,
        attempt: Attempt,
        request: &Request,
        rng: impl Rng + Send + 'static,
    ) -> bool {
        self.now = now;
        if !(self.is_current(attempt) && matches!(self.link, Link::Dialling)) {
            self.count_stale();
            return false;
        }
        self.shake_hands(now, request, Box::new(rng));
        true
    }

    /// The transport could not be opened.
    pub fn failed(&mut self, now: Instant, attempt: Attempt, failure: ConnectFailure) {
        self.now = now;
        if self.is_current(attempt) && matches!(self.link, Link::Dialling) {
            self.has_transport = false;
            self.end(Failure::Connect(failure));
        } else {
            self.count_stale();
        }
    }

    /// The next order. Ask after every other call, until there is none.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<Action> {
        if let Some(attempt) = self.disconnect.pop_front() {
            return Some(Action::Disconnect(attempt));
        }
        let attempt = self.connect.take()?;
        self.has_transport = true;
        Some(Action::Connect(attempt))
    }

    /// The session as the endpoint of `attempt`'s transport. None if that is over: what was to be
    /// reported is counted and ignored. For loops that have several transports at once.
    pub fn endpoint(&mut self, attempt: Attempt) -> Option<&mut Self> {
        if self.is_current(attempt) {
            return Some(self);
        }
        self.count_stale();
        None
    }

    /// What the platform believes about the network.
    ///
    /// [`Offline`](Reachability::Offline) gives up an attempt without counting it, stops the timers, and
    /// leaves an open connection alone: its heartbeat rests. [`Online`](Reachability::Online), after
    /// that or for the first time, tries again after [`SessionConfig::online_delay`], if there is a
    /// network still, and probes a connection that is open. [`Changed`](Reachability::Changed) does so in
    /// any case.
    ///
    /// What is no news does nothing, so it may be reported as often as one likes. An attempt that a
    /// report called for does not count as a retry, and the back-off goes on from where it was.
    pub fn reachability(&mut self, now: Instant, reachability: Reachability) {
        self.now = now;
        match reachability {
            Reachability::Offline => self.offline(now),
            Reachability::Online => self.online(now, false),
            Reachability::Changed => self.online(now, true),
        }
    }

    /// Accepts a message, to be sent when that is possible, in the order of acceptance.
    ///
    /// # Errors
    ///
    /// [`Closed`](SendError::Closed) once the session is closed or [finishing](Self::finish),
    /// [`Full`](SendError::Full) at [`SessionConfig::max_queued_messages`] or
    /// [`max_queued_bytes`](SessionConfig::max_queued_bytes), or while too many events wait to be
    /// taken, and [`NotOpen`](SendError::NotOpen) for one that is to be
    /// [first](SendOptions::first) on a connection that is not there. The message is given back.
    pub fn send<'m>(
        &mut self,
        now: Instant,
        message: Message<'m>,
        options: impl Into<SendOptions>,
    ) -> Result<MessageId, SendError<Message<'m>>> {
        self.now = now;
        self.accept(message, options.into())
    }

    /// What waits may leave: the application has said what it had to say first on this connection.
    /// Only with [`SessionConfig::hold_until_ready`].
    pub fn ready(&mut self) {
        if matches!(self.state, State::Open | State::Closing) {
            self.ready = true;
        }
    }

    /// Takes a message back that waits to be sent. False if it is on its way, or has its outcome.
    pub fn cancel(&mut self, now: Instant, id: MessageId) -> bool {
        self.now = now;
        let cancelled = self.queue.cancel(id, &mut self.news);
        self.conclude();
        cancelled
    }

    /// The peer has acknowledged a message of [`Delivery::Acknowledged`], in whatever way the
    /// application has. False, and counted, if the message has its outcome or no connection had it to send.
    pub fn acknowledge(&mut self, now: Instant, id: MessageId) -> bool {
        self.now = now;
        self.acknowledged(id)
    }

    /// Sends a ping (RFC 6455 section 5.5.2). Its pong is an [`Event::Pong`].
    ///
    /// # Errors
    ///
    /// [`NotOpen`](SendError::NotOpen), or as [`Connection::ping`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        match &mut self.link {
            Link::Open(connection) => connection.ping(payload),
            Link::None | Link::Dialling | Link::Handshake { .. } => Err(SendError::NotOpen(())),
        }
    }

    /// Closes the session for good (RFC 6455 section 7.1.2), in whatever state it is: nothing is connected
    /// any more.
    ///
    /// What waits still leaves by the connection that is open, and what was to be confirmed by a ping
    /// still can be, within [`Config::close_timeout`](crate::Config::close_timeout); then the closing
    /// handshake, as long again. Every message that has no outcome by then is
    /// [lost](Loss::Stopped). Closing twice does nothing.
    ///
    /// # Errors
    ///
    /// [`InvalidCloseCode`](SendError::InvalidCloseCode) for a code that must not be sent.
    pub fn close(&mut self, now: Instant, code: CloseCode, reason: &str) -> Result<(), SendError> {
        if !code.is_sendable() {
            return Err(SendError::InvalidCloseCode(()));
        }
        self.now = now;
        self.part(now, Close { code, reason: String::from(reason) }, Then::Stop);
        Ok(())
    }

    /// Closes the session once every message has its outcome, or after `within`: until then it stays
    /// connected, and connects again if it must, but accepts nothing more. Then comes the closing
    /// handshake (RFC 6455 section 7.1.2) at once, for at most [`Config::close_timeout`](crate::Config::close_timeout).
    ///
    /// # Errors
    ///
    /// As [`close`](Self::close).
    pub fn finish(
        &mut self,
        now: Instant,
        code: CloseCode,
        reason: &str,
        within: Duration,
    ) -> Result<(), SendError> {
        if !code.is_sendable() {
            return Err(SendError::InvalidCloseCode(()));
        }
        self.now = now;
        if self.finishing.is_none() && !self.is_closing_for_good() {
            self.finishing = Some(Close { code, reason: String::from(reason) });
            self.timers.arm_after(Timer::Shutdown, now, within);
            self.conclude();
        }
        Ok(())
    }

    /// Stops at once, without a word to the peer: for it the connection ends abnormally (RFC 6455 section
    /// 7.1.5). Every message that has no outcome is [lost](Loss::Stopped).
    pub fn abort(&mut self) {
        self.give_up();
    }

    /// Closes the connection with 1001 (RFC 6455 section 7.4.1) behind what is on its way, keeps the queue, and connects no more
    /// until [`resume`](Self::resume): for an application that is put into the background. One that
    /// has not begun, or has stopped, stays as it is.
    pub fn suspend(&mut self, now: Instant) {
        self.now = now;
        let close = Close { code: CloseCode::GOING_AWAY, reason: String::from("suspended") };
        self.part(now, close, Then::Suspend);
    }

    /// Ends being suspended: a new attempt begins.
    pub fn resume(&mut self, now: Instant) {
        self.now = now;
        self.come_back(now);
    }

    /// Whether messages stay where they arrive, and fill the receive buffers, rather than become
    /// events: all else goes on. For whoever has no room for more.
    ///
    /// Those of a connection that is over, or is being closed on purpose, become events all the same,
    /// or its end would never be found: [`max_queued_bytes`](SessionConfig::max_queued_bytes) of them,
    /// then a connection that was lost waits, and one that is closed for good drops the rest.
    pub fn pause(&mut self, paused: bool) {
        if !paused {
            self.moved = 0;
        }
        self.paused = paused;
    }

    /// Takes the next event: [`poll_ready`](Endpoint::poll_ready), then [`event`](Self::event).
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event<'_>> {
        if self.poll_ready() { self.event() } else { None }
    }

    /// Whether the latest attempt is not over.
    const fn is_attempting(&self) -> bool {
        !matches!(self.link, Link::None)
    }

    fn is_current(&self, attempt: Attempt) -> bool {
        self.is_attempting() && self.attempt == attempt
    }

    fn count_stale(&mut self) {
        self.statistics.stale_ignored = self.statistics.stale_ignored.saturating_add(1);
    }
}
