//! Longwire on smol: WebSockets that stay up.
//!
//! Every decision is made in [`longwire`]; this crate puts it on smol's sockets and clock. Its
//! names are those of `longwire-tokio`, so that changing runtimes means changing one `use`.
//!
//! ```
//! use longwire_smol::{Event, Message, accept, connect};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
//! let listener = smol::net::TcpListener::bind("127.0.0.1:0").await?;
//! let url = format!("ws://{}/", listener.local_addr()?);
//! let server = async {
//!     let mut websocket = accept(listener.accept().await?.0).await?;
//!     while let Some((event, mut sender)) = websocket.next_with_sender().await {
//!         if let Event::Message(message) = event {
//!             sender.send(message).map_err(|error| error.kind())?;
//!         }
//!     }
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! };
//! let client = async {
//!     let (mut websocket, _response) = connect(&url).await?;
//!     websocket.feed(Message::from("hello")).await.map_err(|error| error.kind())?;
//!     assert!(matches!(websocket.next().await, Some(Event::Message(m)) if m.as_text() == Some("hello")));
//!     websocket.finish(longwire::CloseCode::NORMAL, "done").await?;
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! };
//! let (served, called) = smol::future::zip(server, client).await;
//! served.and(called)
//! # }) }
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod client;

use core::pin::Pin;
use core::task::{Context, Poll};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use async_net::TcpStream;
use futures_io::{AsyncRead, AsyncWrite};
use longwire::buffer::Outbox;
use longwire::driver::{self, Transport};
use longwire::error::TransportFailure;
use longwire::handshake::{Acceptance, Incoming};
use longwire::rng::Jitter;
use rand::rngs::{StdRng, SysRng};
use rand::{Rng as _, SeedableRng};

pub use client::{
    BrowserWebSocket, Client, Connecting, Connector, Driving, Events, Line, adopting, dial, line,
    line_over,
};
pub use longwire;
#[cfg(feature = "deflate")]
pub use longwire::deflate::{Compress, Deflate};
pub use longwire::driver::Answer;
pub use longwire::handshake::{Request, Response};
pub use longwire::session::{self, SessionConfig};
pub use longwire::{CloseCode, Closed, Config, Event, Instant, Message, PreparedMessage};

/// An open WebSocket over a smol stream.
pub type WebSocket<S = TcpStream> = driver::WebSocket<Io<S>, Timer>;
/// The half of a split WebSocket that sends.
pub type Sender<S = TcpStream> = driver::Sender<Io<S>, Timer>;
/// The half of a split WebSocket that receives.
pub type Receiver<S = TcpStream> = driver::Receiver<Io<S>, Timer>;
/// A request that waits for its answer.
pub type Accept<S = TcpStream> = driver::Accept<Io<S>, Timer>;
/// Why a client could not open a connection.
pub type ConnectError = driver::ConnectError<io::Error>;
/// Why a server did not open a connection.
pub type AcceptError = driver::AcceptError<io::Error>;

// The futures of the opening handshake are boxed, so that what holds a connection afterwards does not
// keep the room they took: a task that accepts and then serves would be 1.5 KiB larger for good.

/// Connects to a `ws` URL, with a heartbeat and otherwise the defaults of [`Config::client`].
///
/// # Errors
///
/// See [`ConnectError`]. For `wss` there is [`connect_over`].
pub async fn connect(url: &str) -> Result<(WebSocket, Response), ConnectError> {
    connect_with(&Request::parse(url)?, Config::client().with_heartbeat()).await
}

/// Connects as `request` says: its target, headers and subprotocols.
///
/// # Errors
///
/// See [`ConnectError`].
pub async fn connect_with(
    request: &Request,
    config: impl Into<Arc<Config>>,
) -> Result<(WebSocket, Response), ConnectError> {
    let config = config.into();
    let mut timer = Timer::default();
    let since = driver::Timer::now(&timer);
    let target = request.target();
    if target.secure() {
        return Err(ConnectError::NeedsTls);
    }
    let deadline = since.saturating_add(config.handshake.deadline);
    // Resolving is one more thing that may hang, so it is an attempt of its own.
    let resolve = |()| async_net::resolve((target.host(), target.port()));
    let addresses = driver::dial([()], resolve, deadline, &mut timer).await?;
    let stream = reach(addresses, deadline, &mut timer).await?;
    let rng = generator().map_err(ConnectError::Transport)?;
    Box::pin(driver::connect(Io(stream), timer, request, config, rng, since)).await
}

/// Connects over a stream of the caller's own: TLS, a proxy, a Unix socket, a pipe.
///
/// # Errors
///
/// See [`ConnectError`].
pub async fn connect_over<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: &Request,
    config: impl Into<Arc<Config>>,
) -> Result<(WebSocket<S>, Response), ConnectError> {
    let timer = Timer::default();
    let since = driver::Timer::now(&timer);
    let rng = generator().map_err(ConnectError::Transport)?;
    Box::pin(driver::connect(Io(stream), timer, request, config, rng, since)).await
}

/// Accepts a connection, with a heartbeat and otherwise the defaults of [`Config::server`].
///
/// Requests of other sites' pages are refused ([`OriginPolicy`](longwire::handshake::OriginPolicy)).
///
/// # Errors
///
/// See [`AcceptError`]; a client that is refused has been answered.
pub async fn accept(stream: TcpStream) -> Result<WebSocket, AcceptError> {
    static CONFIG: LazyLock<Arc<Config>> =
        LazyLock::new(|| Arc::new(Config::server().with_heartbeat()));
    accept_with(stream, CONFIG.clone(), |_| Answer::Accept(Acceptance::default())).await
}

/// Accepts a connection, or not, as `decide` says when it has seen the request.
///
/// # Errors
///
/// See [`AcceptError`].
pub async fn accept_with(
    stream: TcpStream,
    config: impl Into<Arc<Config>>,
    decide: impl FnOnce(&Incoming) -> Answer,
) -> Result<WebSocket, AcceptError> {
    stream.set_nodelay(true).map_err(AcceptError::Transport)?;
    accept_over(stream, config, decide).await
}

/// The same, over a stream of the caller's own.
///
/// # Errors
///
/// See [`AcceptError`].
pub async fn accept_over<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: impl Into<Arc<Config>>,
    decide: impl FnOnce(&Incoming) -> Answer,
) -> Result<WebSocket<S>, AcceptError> {
    Box::pin(driver::accept(Io(stream), Timer::default(), config, jitter(), decide)).await
}

/// Receives a request, for an answer that takes time to decide.
///
/// # Errors
///
/// See [`AcceptError`].
pub async fn receive_request<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    config: impl Into<Arc<Config>>,
) -> Result<Accept<S>, AcceptError> {
    Box::pin(driver::receive_request(Io(stream), Timer::default(), config, jitter())).await
}

/// A cryptographic generator, seeded by the operating system.
fn generator() -> io::Result<impl FnMut(&mut [u8]) + Send + 'static> {
    let mut rng = StdRng::try_from_rng(&mut SysRng).map_err(io::Error::other)?;
    Ok(move |dest: &mut [u8]| rng.fill_bytes(dest))
}

/// Not cryptographic: that costs a system call.
fn jitter() -> Jitter {
    let various = RandomState::new().hash_one(()).to_ne_bytes();
    Jitter::draw(&mut |dest: &mut [u8]| dest.copy_from_slice(&various[..dest.len()]))
}

/// Connects to the first of `addresses` that answers.
async fn reach(
    addresses: impl IntoIterator<Item = SocketAddr>,
    deadline: Instant,
    timer: &mut Timer,
) -> Result<TcpStream, ConnectError> {
    let addresses = driver::interleave(addresses);
    let stream = driver::dial(addresses, TcpStream::connect, deadline, timer).await?;
    stream.set_nodelay(true).map_err(ConnectError::Transport)?;
    Ok(stream)
}

/// Any futures-io byte stream: TCP, TLS, a Unix socket, a pipe.
#[derive(Debug)]
pub struct Io<S>(pub S);

impl<S: AsyncRead + AsyncWrite + Unpin> Transport for Io<S> {
    type Error = io::Error;

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, outbox: &Outbox) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.0);
        outbox.gather(|slices| match slices {
            [only] => stream.poll_write(cx, only),
            many => stream.poll_write_vectored(cx, many),
        })
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }

    fn failure(error: &io::Error) -> TransportFailure {
        error.kind().into()
    }
}

/// smol's clock, and one of its alarms.
///
/// The alarm is moved when the deadline is. That is rare: a byte that is received moves none. It goes off
/// up to a 128th of its time late, so that those of many connections share a wake-up.
pub struct Timer {
    epoch: std::time::Instant,
    alarm: async_io::Timer,
    armed: Option<Instant>,
}

impl Default for Timer {
    /// A timer whose epoch is that of all others of the process.
    fn default() -> Self {
        static EPOCH: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
        Self { epoch: *EPOCH, alarm: async_io::Timer::never(), armed: None }
    }
}

impl driver::Timer for Timer {
    fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if self.armed != Some(deadline) {
            let at = deadline.gathered(driver::Timer::now(self));
            self.alarm.set_at(self.epoch + at.since_epoch());
            self.armed = Some(deadline);
        }
        Pin::new(&mut self.alarm).poll(cx).map(|_| self.armed = None)
    }
}
