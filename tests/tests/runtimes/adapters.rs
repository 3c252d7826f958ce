//! What both adapters promise by having the same names.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::collections::BTreeSet;
use std::io;

use smol::io::{AsyncRead, AsyncWrite};
use tokio::io::{AsyncRead as _, AsyncWrite as _, DuplexStream, ReadBuf};

/// Compiles only if `$adapter` has every name, with futures that are `Send`; and talks over a pipe.
macro_rules! adapter {
    ($module:ident, $adapter:ident, $runtime:ident, $pipe:expr) => {
        mod $module {
            use $adapter::longwire::handshake::Acceptance;
            use $adapter::*;

            fn send<T: Send>(value: T) -> T {
                value
            }

            /// Never run: that this compiles is the test.
            #[expect(dead_code, reason = "see above")]
            async fn futures_are_send(
                [mut websocket, a, b, c]: [WebSocket; 4],
                (mut sender, mut receiver): (Sender, Receiver),
                request: &Request,
                config: Config,
            ) -> Option<Closed> {
                let message = || Message::from("hello");
                let stream = |websocket: WebSocket| Some(websocket.into_parts().1?.0);
                let decide = |_: &_| Answer::Accept(Acceptance::new());
                let _: Option<Event<'_>> = send(websocket.next()).await;
                drop(send(websocket.next_with_sender()));
                drop(send(websocket.feed(message())));
                drop(send(websocket.send(message())));
                drop(send(websocket.flush()));
                drop(send(receiver.next()));
                drop(send(sender.feed(message())));
                drop(send(sender.send(message())));
                drop(send(sender.flush()));
                let _: Result<_, ConnectError> = send(connect("ws://localhost")).await;
                let _: (WebSocket, Response) = send(connect_with(request, config)).await.ok()?;
                let _: Result<WebSocket, AcceptError> = send(accept(stream(a)?)).await;
                let _: Result<WebSocket, AcceptError> =
                    send(accept_with(stream(b)?, config, decide)).await;
                let accept: Accept = send(receive_request(stream(c)?, config)).await.ok()?;
                drop(send(accept.accept(Acceptance::new())));
                let _: Instant = longwire::driver::Timer::now(&Timer::default());
                send(websocket.finish(CloseCode::NORMAL, "")).await.ok()?
            }

            /// As above.
            #[expect(dead_code, reason = "see above")]
            async fn sessions_are_send(request: Request) -> Option<()> {
                let over = move |_: session::Attempt| {
                    let request = request.clone();
                    async move { Ok((dial(&request).await?, request)) }
                };
                let one: Line = line("ws://localhost", SessionConfig::DEFAULT).ok()?;
                let other: Line = line_over(over, SessionConfig::browser());
                drop(other);
                let (client, mut events, driving): (Client, Events, Driving) = one.share();
                drop(send(client.send(Message::from("hello"))));
                drop(send(events.next()));
                let _: session::Stopped = send(driving).await;
                let _: BrowserWebSocket = BrowserWebSocket::new(events);
                let mut server: Line = adopting(SessionConfig::DEFAULT);
                let _: Option<session::Event<'_>> = send(server.next()).await;
                let _: Option<(Connector<()>, Connecting<()>)> = None;
                Some(())
            }

            /// A stream of the caller's own: nothing of the runtime's sockets is involved.
            #[test]
            fn a_pipe_will_do() {
                use crate::support::{echo, end, run, welcome};

                let (near, far) = tokio::io::duplex(1000);
                let request = Request::parse("wss://example.com/").expect("a URL");
                let config = Config::client();
                let client = async {
                    let connecting = send(connect_over($pipe(near), &request, config));
                    let mut websocket: WebSocket<_> = connecting.await.expect("a connection").0;
                    assert!(websocket.transport().is_some_and(|Io(_)| true));
                    assert!(websocket.send(Message::from(vec![1; 100_000])).await.is_ok());
                    let echoed = crate::support::message(&mut websocket).await;
                    assert_eq!(echoed.len(), 100_000);
                    assert!(websocket.close(CloseCode::NORMAL, "").is_ok());
                    end(&mut websocket).await.clean
                };
                let server = async {
                    let accepting = send(accept_over($pipe(far), Config::server(), welcome));
                    echo(&mut accepting.await.expect("an upgrade")).await.clean
                };
                let both = futures_util::future::join(client, server);
                assert_eq!(run::<longwire_tests::runtime::$runtime, _>(both), (true, true));
            }
        }
    };
}

adapter!(tokio_adapter, longwire_tokio, Tokio, core::convert::identity);
adapter!(smol_adapter, longwire_smol, Smol, crate::adapters::Futures);

#[test]
fn neither_adapter_has_a_name_that_the_other_lacks() {
    let tokio = names(include_str!("../../../runtime-tokio/src/lib.rs"));
    let smol = names(include_str!("../../../runtime-smol/src/lib.rs"));
    assert!(tokio.len() >= 15, "{tokio:?}");
    assert_eq!(tokio, smol);
}

/// The public items of a crate's root; of one that is defined there, only the name.
fn names(source: &str) -> BTreeSet<&str> {
    let items = source.lines().filter(|line| line.starts_with("pub "));
    items
        .map(|line| {
            let end =
                if line.starts_with("pub use ") { None } else { line.find(['(', '<', '=', ';']) };
            line[..end.unwrap_or(line.len())].trim()
        })
        .collect()
}

/// tokio's pipe needs no runtime, so smol's adapter can have it too.
struct Futures(DuplexStream);

impl AsyncRead for Futures {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        let read = Pin::new(&mut self.0).poll_read(cx, &mut buf);
        read.map_ok(|()| buf.filled().len())
    }
}

impl AsyncWrite for Futures {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
