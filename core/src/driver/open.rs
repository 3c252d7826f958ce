//! The opening handshake, driven: a transport in, a [`WebSocket`] out.

use alloc::sync::Arc;
use core::fmt;
use core::future::poll_fn;

use super::{DialError, Driver, Timer, Transport, WebSocket};
use crate::connection::{Config, Connection};
use crate::error::TransportFailure;
use crate::handshake::{
    Acceptance, ClientHandshake, HandshakeError, Incoming, InvalidRequest, Rejection, Request,
    Response, ServerHandshake,
};
use crate::rng::{Jitter, Rng};
#[cfg(feature = "std")]
use crate::session::ConnectFailure;
use crate::time::Instant;

/// Why a client could not open a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError<E> {
    /// The request cannot be made: its address is not one of a WebSocket (section 3).
    Request(InvalidRequest),
    /// The address asks for TLS: bring a TLS stream of your own.
    NeedsTls,
    /// No transport could be opened.
    Dial(DialError<E>),
    /// The transport failed before the handshake was complete.
    Transport(E),
    /// The server refused, or what it answered is not an acceptance. With the answer, if there was
    /// one.
    Handshake(HandshakeError, Option<Response>),
}

impl<E> ConnectError<E> {
    /// The transport's own error, if that is what the handshake's is about.
    fn new(error: HandshakeError, response: Option<Response>, transport: Option<E>) -> Self {
        match (error, transport) {
            (HandshakeError::Transport(_), Some(error)) => Self::Transport(error),
            (error, _) => Self::Handshake(error, response),
        }
    }
}

impl<E> From<InvalidRequest> for ConnectError<E> {
    fn from(error: InvalidRequest) -> Self {
        Self::Request(error)
    }
}

impl<E> From<DialError<E>> for ConnectError<E> {
    fn from(error: DialError<E>) -> Self {
        Self::Dial(error)
    }
}

/// What it means for a session whose connector met it.
#[cfg(feature = "std")]
impl From<ConnectError<std::io::Error>> for ConnectFailure {
    fn from(error: ConnectError<std::io::Error>) -> Self {
        match error {
            ConnectError::Request(_) | ConnectError::NeedsTls => Self::Unusable,
            ConnectError::Dial(DialError::NoAddress) => Self::Unresolved,
            ConnectError::Dial(DialError::TimedOut) => Self::TimedOut,
            ConnectError::Dial(DialError::Failed(error)) | ConnectError::Transport(error) => {
                error.kind().into()
            }
            ConnectError::Handshake(..) => Self::Other,
        }
    }
}

impl<E: fmt::Display> fmt::Display for ConnectError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::NeedsTls => f.write_str("wss needs TLS: connect over a TLS stream of your own"),
            Self::Dial(error) => error.fmt(f),
            Self::Transport(error) => {
                write!(f, "the transport failed during the handshake: {error}")
            }
            Self::Handshake(error, Some(response)) => {
                write!(f, "{error} (the server answered {})", response.status())
            }
            Self::Handshake(error, None) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for ConnectError<E> {}

/// Why a server did not open a connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError<E> {
    /// The transport failed before the handshake was complete.
    Transport(E),
    /// The request was refused, and answered so; with [`HandshakeError::Declined`] by the
    /// application's own answer.
    Handshake(HandshakeError),
}

impl<E> AcceptError<E> {
    /// As [`ConnectError::new`].
    fn new(error: HandshakeError, transport: Option<E>) -> Self {
        match (error, transport) {
            (HandshakeError::Transport(_), Some(error)) => Self::Transport(error),
            (error, _) => Self::Handshake(error),
        }
    }
}

impl<E: fmt::Display> fmt::Display for AcceptError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => {
                write!(f, "the transport failed during the handshake: {error}")
            }
            Self::Handshake(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for AcceptError<E> {}

/// Opens a connection over `transport`, whose deadline counts from `since`.
///
/// Returns it with the server's answer. Cancel safe in that dropping the future drops the transport.
///
/// # Errors
///
/// [`ConnectError::Handshake`] and [`ConnectError::Transport`].
pub async fn connect<T: Transport, C: Timer>(
    transport: T,
    timer: C,
    request: &Request,
    config: impl Into<Arc<Config>>,
    mut rng: impl Rng + Send + 'static,
    since: Instant,
) -> Result<(WebSocket<T, C>, Response), ConnectError<T::Error>> {
    let config = config.into();
    let handshake = ClientHandshake::new(request, config.handshake, &mut rng, since);
    let mut driver = Driver::new(handshake, transport, timer);
    poll_fn(|cx| driver.poll_ready(cx)).await;
    let (handshake, transport, timer, error) = driver.into_parts();
    let lost = HandshakeError::Transport(TransportFailure::Other);
    match (handshake.finish(), transport) {
        (Ok(opened), Some(transport)) => {
            let now = timer.now();
            let connection = Connection::from_opened(&opened, rng, config, now);
            Ok((Driver::new(connection, transport, timer), opened.response))
        }
        (Ok(_), None) => Err(ConnectError::new(lost, None, error)),
        // What the server said tells more than how the transport failed behind it.
        (Err(refusal), _) => Err(ConnectError::new(refusal.error, refusal.response, error)),
    }
}

/// What a server answers.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "yes or no")]
pub enum Answer {
    /// Open the connection.
    Accept(Acceptance),
    /// Do not, and say this instead: any HTTP response.
    Reject(Response),
}

/// A request that waits for its answer.
pub struct Accept<T, C> {
    incoming: Incoming,
    transport: T,
    timer: C,
    config: Arc<Config>,
    jitter: Jitter,
}

/// Receives a client's request. The connection's heartbeat and lifetime get the `jitter`.
///
/// Requests that are not well-formed HTTP are answered here, and come back as errors. Cancel safe
/// in that dropping the future drops the transport.
///
/// # Errors
///
/// [`AcceptError::Handshake`] and [`AcceptError::Transport`].
pub async fn receive_request<T: Transport, C: Timer>(
    transport: T,
    timer: C,
    config: impl Into<Arc<Config>>,
    jitter: Jitter,
) -> Result<Accept<T, C>, AcceptError<T::Error>> {
    let config = config.into();
    let handshake = ServerHandshake::new(config.handshake, timer.now());
    let mut driver = Driver::new(handshake, transport, timer);
    poll_fn(|cx| driver.poll_ready(cx)).await;
    let (handshake, transport, timer, error) = driver.into_parts();
    match (handshake.request(timer.now()), transport) {
        (Ok(incoming), Some(transport)) => {
            Ok(Accept { incoming, transport, timer, config, jitter })
        }
        (Err(rejection), Some(transport)) => Err(answer(rejection, transport, timer).await),
        (Err(rejection), None) => Err(AcceptError::new(rejection.error(), error)),
        (Ok(_), None) => {
            Err(AcceptError::new(HandshakeError::Transport(TransportFailure::Other), error))
        }
    }
}

/// Sends a refusal and lets the peer read it (H20).
async fn answer<T: Transport, C: Timer>(
    rejection: Rejection,
    transport: T,
    timer: C,
) -> AcceptError<T::Error> {
    let error = rejection.error();
    let mut driver = Driver::new(rejection, transport, timer);
    poll_fn(|cx| driver.poll_ready(cx)).await;
    AcceptError::Handshake(error)
}

impl<T: Transport, C: Timer> Accept<T, C> {
    /// The request.
    pub const fn incoming(&self) -> &Incoming {
        &self.incoming
    }

    /// Opens the connection.
    ///
    /// A request that is no upgrade, or comes from an origin that is not allowed, is answered so.
    /// Cancel safe in that dropping the future drops the transport.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Handshake`] and [`AcceptError::Transport`].
    pub async fn accept(
        self,
        acceptance: Acceptance,
    ) -> Result<WebSocket<T, C>, AcceptError<T::Error>> {
        let Self { incoming, transport, timer, config, jitter } = self;
        let now = timer.now();
        match incoming.accept(&acceptance, now) {
            Ok(accepted) => {
                let connection =
                    Connection::from_accepted(accepted, config, now).with_jitter(jitter, now);
                let mut websocket = Driver::new(connection, transport, timer);
                // The client waits for this, whatever the application does first.
                let _ = websocket.flush().await;
                Ok(websocket)
            }
            Err(rejection) => Err(answer(rejection, transport, timer).await),
        }
    }

    /// Answers with `response` and closes the transport, once the peer has had time to read it.
    pub async fn reject(self, response: Response) -> AcceptError<T::Error> {
        let Self { incoming, transport, timer, .. } = self;
        let rejection = incoming.reject(&response, timer.now());
        answer(rejection, transport, timer).await
    }
}

/// Receives a client's request and answers it as `decide` says, as [`receive_request`] and
/// [`Accept`] do.
///
/// # Errors
///
/// See [`AcceptError`]; every refusal has been answered.
pub async fn accept<T: Transport, C: Timer>(
    transport: T,
    timer: C,
    config: impl Into<Arc<Config>>,
    jitter: Jitter,
    decide: impl FnOnce(&Incoming) -> Answer,
) -> Result<WebSocket<T, C>, AcceptError<T::Error>> {
    let accept = receive_request(transport, timer, config, jitter).await?;
    match decide(accept.incoming()) {
        Answer::Accept(acceptance) => accept.accept(acceptance).await,
        Answer::Reject(response) => Err(accept.reject(response).await),
    }
}
