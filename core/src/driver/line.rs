//! A [`Session`] driven by whoever waits on it: transports are opened and dropped as it orders.

use alloc::boxed::Box;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};

use super::{Driver, Timer, Transport, WebSocket};
use crate::endpoint::Endpoint;
use crate::error::SendError;
use crate::frame::CloseCode;
use crate::handshake::{Agreement, Request};
use crate::message::Message;
use crate::rng::Rng;
use crate::session::{
    Action, Attempt, ConnectFailure, Event, MessageId, SendOptions, Session, SessionConfig, Stopped,
};
use crate::time::Instant;

/// Opens transports for a session: name resolution, TCP, TLS, a proxy.
///
/// Any `FnMut(Attempt)` that returns such a future does. It is asked anew at each attempt, so that the
/// address, the headers and the token in them may be new ones; and is dropped when the session gives
/// the attempt up, at [`SessionConfig::connect_timeout`](crate::SessionConfig::connect_timeout) at
/// the latest.
pub trait Connect {
    /// What it opens.
    type Transport: Transport;
    /// A transport that is being opened.
    type Connecting: Future<Output = Result<Dialled<Self::Transport>, ConnectFailure>>;

    /// Begins to open a transport for `attempt`.
    fn connect(&mut self, attempt: Attempt) -> Self::Connecting;
}

impl<T, F, K> Connect for K
where
    T: Transport,
    F: Future<Output = Result<Dialled<T>, ConnectFailure>>,
    K: FnMut(Attempt) -> F,
{
    type Transport = T;
    type Connecting = F;

    fn connect(&mut self, attempt: Attempt) -> F {
        self(attempt)
    }
}

/// A transport, and what to ask for on it.
#[expect(clippy::exhaustive_structs, reason = "whoever opens transports makes them")]
pub struct Dialled<T> {
    /// Open, for bytes of the opening handshake.
    pub transport: T,
    /// What the opening handshake asks for.
    pub request: Request,
    /// Where masking keys come from: cryptographic (RFC 6455 section 10.3).
    pub rng: Random,
}

/// A generator of a connection's own.
pub type Random = Box<dyn FnMut(&mut [u8]) + Send>;

/// What opens transports, and the one that is being opened.
pub(super) struct Dial<K: Connect> {
    connector: K,
    connecting: Option<(Attempt, Pin<Box<K::Connecting>>)>,
}

/// How opening a transport went.
pub(super) type Report<T> = (Attempt, Result<Dialled<T>, ConnectFailure>);

impl<K: Connect> Dial<K> {
    pub(super) const fn new(connector: K) -> Self {
        Self { connector, connecting: None }
    }

    /// Does what concerns it.
    pub(super) fn obey(&mut self, action: Action) {
        self.connecting = match action {
            Action::Connect(attempt) => Some((attempt, Box::pin(self.connector.connect(attempt)))),
            Action::Disconnect(_) => None,
        };
    }

    /// Drops what is being opened and not waited for: another connection has taken its place.
    pub(super) fn forget(&mut self, is_waited_for: impl FnOnce(Attempt) -> bool) {
        if let Some((attempt, _)) = self.connecting
            && !is_waited_for(attempt)
        {
            self.connecting = None;
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Report<K::Transport>> {
        let Some((attempt, connecting)) = &mut self.connecting else { return Poll::Pending };
        let attempt = *attempt;
        connecting.as_mut().poll(cx).map(|result| {
            self.connecting = None;
            (attempt, result)
        })
    }
}

impl<T: Transport, C: Timer> Driver<Session, T, C> {
    /// Tells the session how opening a transport went, and goes on with that transport. Gives back
    /// what the session has no use for any more.
    pub(super) fn report(&mut self, (attempt, result): Report<T>) -> Option<Dialled<T>> {
        let now = self.timer().now();
        match result {
            Ok(dialled) if !self.endpoint().is_dialling(attempt) => {
                // It counts what comes too late, and that is all.
                self.endpoint_mut().failed(now, attempt, ConnectFailure::Other);
                return Some(dialled);
            }
            Ok(Dialled { transport, request, rng }) => {
                if self.endpoint_mut().opened(now, attempt, &request, rng) {
                    self.attach(Some(transport));
                }
            }
            Err(failure) => self.endpoint_mut().failed(now, attempt, failure),
        }
        None
    }

    /// Goes on with an open connection of somebody else's, whose timer has this one's epoch. Whether it
    /// did, which it does not if that is over; and what is left over, for the caller to drop.
    pub(super) fn adopt(&mut self, websocket: WebSocket<T, C>) -> (bool, impl Sized + use<T, C>) {
        let (ended, failed) = (websocket.0.ended, websocket.0.failed);
        let (unflushed, held_back) = (websocket.0.unflushed, websocket.0.held_back);
        let (connection, transport, timer, error) = websocket.into_parts();
        let Some(transport) = transport else {
            return (false, (Some(connection), None, timer, error));
        };
        let now = self.timer().now();
        self.endpoint_mut().adopt(now, connection, Agreement::default());
        while self.endpoint_mut().poll_action().is_some() {}
        let replaced = self.attach(Some(transport));
        (self.0.ended, self.0.failed) = (ended, failed);
        (self.0.unflushed, self.0.held_back) = (unflushed, held_back);
        self.endpoint_mut().held_back(now, held_back);
        (true, (None, replaced, timer, error))
    }

    /// Lets go of the transport, having said goodbye if that takes no time.
    pub(super) fn detach(&mut self, cx: &mut Context<'_>) -> Option<T> {
        let _ = self.poll_transmit(cx);
        self.attach(None)
    }
}

/// A [`Session`] over whatever `K` connects to, driven inline: it moves while somebody waits on it.
///
/// For handles that several tasks share, and a task that drives it, [`share`](Self::share) it.
/// Dropping it drops the transport without a closing handshake.
pub struct Line<K: Connect, C> {
    pub(super) driver: Driver<Session, K::Transport, C>,
    pub(super) dial: Dial<K>,
    /// Why it stopped, if that was told.
    pub(super) stopped: Option<Stopped>,
}

impl<K: Connect, C: Timer> Line<K, C> {
    /// Drives `session`, over transports of `connector`.
    pub fn new(session: Session, connector: K, timer: C) -> Self {
        let driver = Driver::without_transport(session, timer);
        Self { driver, dial: Dial::new(connector), stopped: None }
    }

    /// Drives a new session that begins to connect when it is first waited on. `rng` is for delays: it
    /// need not be cryptographic.
    pub fn connecting(
        config: SessionConfig,
        rng: impl Rng + Send + 'static,
        connector: K,
        timer: C,
    ) -> Self {
        let now = timer.now();
        let mut session = Session::new(config, rng, now);
        session.connect(now);
        Self::new(session, connector, timer)
    }

    /// Waits for the next event, and does meanwhile what there is to do. `None` once the session has
    /// stopped.
    ///
    /// The event is lent: [`Event::into_owned`] keeps it. Cancel safe: an event is only taken when it
    /// is returned.
    pub async fn next(&mut self) -> Option<Event<'_>> {
        poll_fn(|cx| self.poll_ready(cx)).await;
        let event = self.driver.endpoint_mut().event();
        if let Some(Event::Stopped(stopped)) = &event {
            self.stopped = Some(*stopped);
        }
        event
    }

    /// Ready once the session has news, or never will again.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.dial.forget(|attempt| self.driver.endpoint().is_dialling(attempt));
            if let Poll::Ready(report) = self.dial.poll(cx) {
                drop(self.driver.report(report));
            }
            let ready = self.driver.poll_ready(cx);
            let Some(action) = self.driver.endpoint_mut().poll_action() else { return ready };
            if let Action::Disconnect(_) = action {
                drop(self.driver.detach(cx));
            }
            self.dial.obey(action);
        }
    }

    /// Accepts a message: see [`Session::send`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send<'m>(
        &mut self,
        message: Message<'m>,
        options: impl Into<SendOptions>,
    ) -> Result<MessageId, SendError<Message<'m>>> {
        let now = self.now();
        self.session_mut().send(now, message, options)
    }

    /// Closes the session for good: see [`Session::close`]. Wait on it until it has stopped.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        let now = self.now();
        self.session_mut().close(now, code, reason)
    }

    /// Takes over an open connection, whose timer must have the same epoch as this one's: see
    /// [`Session::adopt`]. False if that connection is over.
    #[must_use = "a connection that is over is not taken over"]
    pub fn adopt(&mut self, websocket: WebSocket<K::Transport, C>) -> bool {
        self.driver.adopt(websocket).0
    }

    /// The session.
    pub fn session(&self) -> &Session {
        self.driver.endpoint()
    }

    /// The session, for its commands. What they bring about happens while somebody waits.
    pub fn session_mut(&mut self) -> &mut Session {
        self.driver.endpoint_mut()
    }

    /// The time, for its commands.
    pub fn now(&self) -> Instant {
        self.driver.timer().now()
    }
}
