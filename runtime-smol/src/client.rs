//! The long connection on smol: see [`longwire::session`].

use core::future::{Future, pending};
use core::pin::Pin;
use core::time::Duration;
use std::hash::{BuildHasher, RandomState};

use async_net::TcpStream;
use futures_io::{AsyncRead, AsyncWrite};
use longwire::driver::{self, Dialled};
use longwire::handshake::Request;
use longwire::session::{Attempt, ConnectFailure};
use longwire::{Instant, Session, SessionConfig};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng};

use crate::{ConnectError, Io, Timer, generator, reach};

/// A handle to a session that a task drives.
pub type Client<S = TcpStream> = driver::Client<Io<S>, Timer>;
/// The events of such a session.
pub type Events<S = TcpStream> = driver::Events<Io<S>, Timer>;
/// What drives such a session: spawn it.
pub type Driving<S = TcpStream> = driver::Driving<Connector<S>, Timer>;
/// A session that is driven inline; [`share`](driver::Line::share) it for the three above.
pub type Line<S = TcpStream> = driver::Line<Connector<S>, Timer>;
/// Such a session by the names that pages have for a `WebSocket`.
pub type BrowserWebSocket<S = TcpStream> = driver::BrowserWebSocket<Io<S>, Timer>;

/// What opens the transports of a [`Line`].
pub type Connector<S> = Box<dyn FnMut(Attempt) -> Connecting<S> + Send>;
/// A transport that is being opened.
pub type Connecting<S> =
    Pin<Box<dyn Future<Output = Result<Dialled<Io<S>>, ConnectFailure>> + Send>>;

/// A session with the server at a `ws` URL, which begins to connect when it is first waited on.
///
/// ```
/// use longwire_smol::session::{Delivery, Outcome};
/// use longwire_smol::{CloseCode, Event, Message, SessionConfig, accept, line};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { smol::block_on(async {
/// # let listener = smol::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let url = format!("ws://{}/", listener.local_addr()?);
/// # smol::spawn(async move {
/// #     let mut websocket = accept(listener.accept().await.unwrap().0).await.unwrap();
/// #     while websocket.next().await.is_some() {}
/// # }).detach();
/// let (client, _, driving) = line(&url, SessionConfig::DEFAULT)?.share();
/// let driving = smol::spawn(driving);
/// let sent = client.send_with(Message::from("How are you?"), Delivery::Received).await;
/// assert_eq!(sent, Ok(Outcome::Received));
/// client.close(CloseCode::NORMAL, "bye")?;
/// driving.await;
/// # Ok(())
/// # }) }
/// ```
///
/// # Errors
///
/// [`ConnectError::Request`] and, for `wss`, [`ConnectError::NeedsTls`]: see [`line_over`].
pub fn line(url: &str, config: SessionConfig) -> Result<Line, ConnectError> {
    let request = Request::parse(url)?;
    if request.target().secure() {
        return Err(ConnectError::NeedsTls);
    }
    let connect = move |_| {
        let request = request.clone();
        async move { Ok((dial(&request).await?, request)) }
    };
    Ok(line_over(connect, config))
}

/// A session over streams that `connect` opens: TLS, a proxy, a Unix socket; and for requests that it
/// makes, with a token that was fetched for this attempt.
///
/// For `wss`, [`dial`] the request, put a TLS stream over that (`TlsConnector` of `futures-rustls`, with the
/// name of the request's target), and give back `ConnectFailure::from(error.kind())` if that fails: a
/// certificate that is not to be trusted stops the session, what else fails is tried again.
pub fn line_over<S, F>(
    mut connect: impl FnMut(Attempt) -> F + Send + 'static,
    config: SessionConfig,
) -> Line<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Result<(S, Request), ConnectFailure>> + Send + 'static,
{
    let connector: Connector<S> = Box::new(move |attempt| {
        let connecting = connect(attempt);
        Box::pin(async move {
            let (stream, request) = connecting.await?;
            let rng = generator().map_err(|_| ConnectFailure::Other)?;
            Ok(Dialled { transport: Io(stream), request, rng: Box::new(rng) })
        })
    });
    Line::connecting(config, delays(), connector, Timer::default())
}

/// A session that is given its connections: see [`Session::adopting`].
pub fn adopting<S: AsyncRead + AsyncWrite + Unpin + 'static>(config: SessionConfig) -> Line<S> {
    let timer = Timer::default();
    let session = Session::adopting(config, delays(), driver::Timer::now(&timer));
    Line::new(session, Box::new(|_| Box::pin(pending())), timer)
}

/// Opens a TCP connection to where `request` leads, whatever its scheme.
///
/// # Errors
///
/// [`ConnectFailure::Unresolved`], and as the operating system says.
pub async fn dial(request: &Request) -> Result<TcpStream, ConnectFailure> {
    let target = request.target();
    let resolved = async_net::resolve((target.host(), target.port())).await;
    let addresses = resolved.map_err(|_| ConnectFailure::Unresolved)?;
    // The session has the deadline.
    let deadline = Instant::from_epoch(Duration::MAX);
    Ok(reach(addresses, deadline, &mut Timer::default()).await?)
}

/// For delays: not cryptographic, that costs a system call.
fn delays() -> impl FnMut(&mut [u8]) + Send + 'static {
    let mut rng = StdRng::seed_from_u64(RandomState::new().hash_one(()));
    move |dest: &mut [u8]| rng.fill_bytes(dest)
}
