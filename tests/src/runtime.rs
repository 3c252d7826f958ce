//! What the suite asks of a runtime, so that code is written once and runs on both.

use core::time::Duration;
use std::{io, net};

use longwire::driver;
use longwire::handshake::{Incoming, Request, Response};
use longwire::{Config, SessionConfig};
use smol::net as smol_net;
use smol::stream::StreamExt as _;
use tokio::net as tokio_net;

/// An open WebSocket over `R`'s TCP.
pub type WebSocket<R> = driver::WebSocket<<R as Runtime>::Transport, <R as Runtime>::Timer>;
/// A session over `R`'s TCP, driven inline.
pub type Line<R> = driver::Line<<R as Runtime>::Connector, <R as Runtime>::Timer>;
/// A request that waits for its answer.
pub type Accept<R> = driver::Accept<<R as Runtime>::Transport, <R as Runtime>::Timer>;
/// Why a client could not open a connection.
pub type ConnectError = driver::ConnectError<io::Error>;
/// Why a server did not open a connection.
pub type AcceptError = driver::AcceptError<io::Error>;

/// A runtime, with longwire's adapter to it.
///
/// Sockets, sleeping and spawning work inside [`block_on`](Self::block_on) only.
pub trait Runtime: Sized + 'static {
    /// What `--runtime` calls it.
    const NAME: &'static str;
    /// An open TCP connection.
    type Stream: Send + 'static;
    /// A socket that accepts them.
    type Listener: Send + Sync + 'static;
    /// The adapter's transport over TCP.
    type Transport: driver::Transport<Error = io::Error> + Unpin + Send + 'static;
    /// The adapter's clock.
    type Timer: driver::Timer + Default + Unpin + Send + 'static;
    /// What opens the adapter's transports for a session.
    type Connector: driver::Connect<Transport = Self::Transport, Connecting: Send> + Send + 'static;

    /// Runs `future`, and what it spawns, until it is done.
    fn block_on<F: Future>(future: F) -> F::Output;

    /// Runs `future` beside the caller.
    fn spawn(future: impl Future<Output = ()> + Send + 'static);

    /// Waits.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send;

    /// Takes over a listening socket.
    ///
    /// # Errors
    ///
    /// As the runtime says.
    fn listener(listener: net::TcpListener) -> io::Result<Self::Listener>;

    /// Waits for a TCP connection.
    fn next_stream(
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Listens for SIGTERM from now on, and waits for it.
    ///
    /// # Errors
    ///
    /// As the runtime says.
    fn terminated() -> io::Result<impl Future<Output = ()> + Send>;

    /// The adapter's `accept_with`.
    fn accept(
        stream: Self::Stream,
        config: Config,
        decide: impl FnOnce(&Incoming) -> driver::Answer + Send,
    ) -> impl Future<Output = Result<WebSocket<Self>, AcceptError>> + Send;

    /// The adapter's `receive_request`.
    fn receive_request(
        stream: Self::Stream,
        config: Config,
    ) -> impl Future<Output = Result<Accept<Self>, AcceptError>> + Send;

    /// The adapter's `connect_with`.
    fn connect(
        request: &Request,
        config: Config,
    ) -> impl Future<Output = Result<(WebSocket<Self>, Response), ConnectError>> + Send;

    /// The adapter's `line_over`, with the same request at each attempt.
    fn line(request: Request, config: SessionConfig) -> Line<Self> {
        Self::line_with(move || request.clone(), config)
    }

    /// The adapter's `line_over`, with a request that is asked for at each attempt.
    fn line_with(
        request: impl FnMut() -> Request + Send + 'static,
        config: SessionConfig,
    ) -> Line<Self>;

    /// The adapter's `adopting`.
    fn adopting(config: SessionConfig) -> Line<Self>;

    /// Whether small writes leave at once.
    ///
    /// # Errors
    ///
    /// As the runtime says.
    fn nodelay(transport: &Self::Transport) -> io::Result<bool>;
}

/// What is the same for both, because the adapters' names are.
macro_rules! over {
    ($adapter:ident, $net:ident) => {
        type Stream = $net::TcpStream;
        type Listener = $net::TcpListener;
        type Transport = $adapter::Io<Self::Stream>;
        type Timer = $adapter::Timer;
        type Connector = $adapter::Connector<Self::Stream>;

        async fn next_stream(listener: &Self::Listener) -> io::Result<Self::Stream> {
            listener.accept().await.map(|(stream, _)| stream)
        }

        fn accept(
            stream: Self::Stream,
            config: Config,
            decide: impl FnOnce(&Incoming) -> driver::Answer + Send,
        ) -> impl Future<Output = Result<WebSocket<Self>, AcceptError>> + Send {
            $adapter::accept_with(stream, config, decide)
        }

        fn receive_request(
            stream: Self::Stream,
            config: Config,
        ) -> impl Future<Output = Result<Accept<Self>, AcceptError>> + Send {
            $adapter::receive_request(stream, config)
        }

        fn connect(
            request: &Request,
            config: Config,
        ) -> impl Future<Output = Result<(WebSocket<Self>, Response), ConnectError>> + Send {
            $adapter::connect_with(request, config)
        }

        fn line_with(
            mut request: impl FnMut() -> Request + Send + 'static,
            config: SessionConfig,
        ) -> Line<Self> {
            let connect = move |_| {
                let request = request();
                async move { Ok(($adapter::dial(&request).await?, request)) }
            };
            $adapter::line_over(connect, config)
        }

        fn adopting(config: SessionConfig) -> Line<Self> {
            $adapter::adopting(config)
        }

        fn nodelay(transport: &Self::Transport) -> io::Result<bool> {
            transport.0.nodelay()
        }
    };
}

/// tokio, on the thread that calls [`block_on`](Runtime::block_on).
#[derive(Debug)]
pub enum Tokio {}

impl Runtime for Tokio {
    const NAME: &'static str = "tokio";

    over!(longwire_tokio, tokio_net);

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a tokio runtime can be built").block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(future);
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }

    fn listener(listener: net::TcpListener) -> io::Result<Self::Listener> {
        listener.set_nonblocking(true)?;
        tokio_net::TcpListener::from_std(listener)
    }

    fn terminated() -> io::Result<impl Future<Output = ()> + Send> {
        let mut signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        Ok(async move {
            signal.recv().await;
        })
    }
}

/// smol, with its global executor.
#[derive(Debug)]
pub enum Smol {}

impl Runtime for Smol {
    const NAME: &'static str = "smol";

    over!(longwire_smol, smol_net);

    fn block_on<F: Future>(future: F) -> F::Output {
        smol::block_on(future)
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(future).detach();
    }

    async fn sleep(duration: Duration) {
        smol::Timer::after(duration).await;
    }

    fn listener(listener: net::TcpListener) -> io::Result<Self::Listener> {
        listener.try_into()
    }

    fn terminated() -> io::Result<impl Future<Output = ()> + Send> {
        let mut signals = async_signal::Signals::new([async_signal::Signal::Term])?;
        Ok(async move {
            signals.next().await;
        })
    }
}
