//! Two ends, each in a thread of its own with a runtime of its own, or one and a raw socket.

use core::pin::pin;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use futures_util::future::{Either, select};
use longwire::driver::{self, Answer, Timer, Transport};
use longwire::handshake::{Acceptance, Request, accept_key};
use longwire::{Closed, Config, Event, Message, SendError};
use longwire_tests::runtime::{Runtime, WebSocket};

/// How long a test may hang before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The tests of this file, for each runtime.
macro_rules! on_each {
    ($($test:ident),* $(,)?) => {
        mod tokio { $(#[test] fn $test() { super::$test::<longwire_tests::runtime::Tokio>() })* }
        mod smol { $(#[test] fn $test() { super::$test::<longwire_tests::runtime::Smol>() })* }
    };
}

/// The tests of this file, for each client and each server.
macro_rules! on_all_pairs {
    ($($test:ident),* $(,)?) => {
        on_all_pairs!(@ tokio_to_tokio, Tokio, Tokio: $($test)*);
        on_all_pairs!(@ tokio_to_smol, Tokio, Smol: $($test)*);
        on_all_pairs!(@ smol_to_tokio, Smol, Tokio: $($test)*);
        on_all_pairs!(@ smol_to_smol, Smol, Smol: $($test)*);
    };
    (@ $pair:ident, $client:ident, $server:ident: $($test:ident)*) => {
        mod $pair {
            use longwire_tests::runtime::*;
            $(#[test] fn $test() { super::$test::<$client, $server>() })*
        }
    };
}

/// Runs `future`, or fails the test if that takes for ever.
pub(crate) fn run<R: Runtime, T>(future: impl Future<Output = T>) -> T {
    R::block_on(async {
        match select(pin!(future), pin!(R::sleep(PATIENCE))).await {
            Either::Left((value, _)) => value,
            Either::Right(_) => panic!("hangs on {}", R::NAME),
        }
    })
}

/// Runs `future` as a task of its own.
pub(crate) async fn task<R: Runtime, T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> T {
    let (done, finished) = smol::channel::bounded(1);
    R::spawn(async move {
        let _ = done.send(future.await).await;
    });
    finished.recv().await.expect("the task panicked")
}

/// Limits that are in nobody's way.
pub(crate) fn client_config() -> Config {
    Config::client().with_message_limit(64 << 20)
}

/// The same, of a server.
pub(crate) fn server_config() -> Config {
    Config::server().with_message_limit(64 << 20)
}

pub(crate) fn welcome(_: &longwire::handshake::Incoming) -> Answer {
    Answer::Accept(Acceptance::new())
}

/// A TCP connection is accepted by `server`; `client` gets the URL. The server has its own thread.
pub(crate) fn meet<S: Runtime, A: Send, B>(
    server: impl AsyncFnOnce(S::Stream) -> A + Send,
    client: impl FnOnce(&str) -> B,
) -> (A, B) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    thread::scope(|scope| {
        let server = scope.spawn(move || {
            run::<S, _>(async {
                let listener = S::listener(listener).expect("a listener");
                server(S::next_stream(&listener).await.expect("a connection")).await
            })
        });
        let client = client(&url);
        (server.join().expect("the server panicked"), client)
    })
}

/// A client and a server, connected.
pub(crate) fn connected<C: Runtime, S: Runtime, A: Send, B>(
    client: impl AsyncFnOnce(WebSocket<C>) -> B,
    server: impl AsyncFnOnce(WebSocket<S>) -> A + Send,
) -> (B, A) {
    let (server, client) = meet::<S, _, _>(
        async |stream| {
            server(S::accept(stream, server_config(), welcome).await.expect("an upgrade")).await
        },
        |url| {
            run::<C, _>(async {
                let request = Request::parse(url).expect("a URL");
                let connecting = C::connect(&request, client_config());
                client(connecting.await.expect("a connection").0).await
            })
        },
    );
    (client, server)
}

/// A server of ours with a raw client, which is connected already.
pub(crate) fn served<S: Runtime, A: Send, B>(
    config: Config,
    server: impl AsyncFnOnce(WebSocket<S>) -> A + Send,
    client: impl FnOnce(Raw) -> B,
) -> (A, B) {
    meet::<S, _, _>(
        async |stream| server(S::accept(stream, config, welcome).await.expect("an upgrade")).await,
        |url| {
            let mut raw = Raw::connect(url);
            raw.upgrade();
            client(raw)
        },
    )
}

/// A client of ours with a raw server, which has not yet read the request.
pub(crate) fn dialled<C: Runtime, A, B: Send>(
    client: impl AsyncFnOnce(&str) -> A,
    server: impl FnOnce(Raw) -> B + Send,
) -> (A, B) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    thread::scope(|scope| {
        let server = scope.spawn(move || server(Raw::accept(&listener)));
        let client = run::<C, _>(client(&url));
        (client, server.join().expect("the raw server panicked"))
    })
}

/// The next message.
pub(crate) async fn message<T: Transport, C: Timer>(
    websocket: &mut driver::WebSocket<T, C>,
) -> Message<'static> {
    loop {
        match websocket.next().await {
            Some(Event::Message(message)) => return message.into_owned(),
            Some(Event::Ping(_) | Event::Pong(_)) => {}
            other => panic!("{other:?} instead of a message"),
        }
    }
}

/// How it ends; messages are dropped. Fails unless the end comes once, and last.
pub(crate) async fn end<T: Transport, C: Timer>(websocket: &mut driver::WebSocket<T, C>) -> Closed {
    loop {
        if let Event::Closed(closed) = websocket.next().await.expect("an end") {
            assert!(websocket.next().await.is_none(), "it ends once");
            return *closed;
        }
    }
}

/// Answers while the message is lent, to the end.
pub(crate) async fn echo<T: Transport, C: Timer>(
    websocket: &mut driver::WebSocket<T, C>,
) -> Closed {
    loop {
        match websocket.next_with_sender().await.expect("an end") {
            (Event::Message(message), mut sender) => {
                if let Err(refused) = sender.send(message) {
                    assert_eq!(refused.kind(), SendError::Closed(()), "there is room");
                }
            }
            (Event::Closed(closed), _) => return *closed,
            _ => {}
        }
    }
}

/// A peer that does as it is told: a blocking socket and frames by hand.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
    masks: bool,
}

/// `Sec-WebSocket-Key` of RFC 6455 section 1.2.
pub(crate) const REQUEST: &str = "GET /raw HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

impl Raw {
    fn new(stream: TcpStream, masks: bool) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, masks }
    }

    pub(crate) fn connect(url: &str) -> Self {
        let address = url.trim_start_matches("ws://").trim_end_matches('/');
        Self::new(TcpStream::connect(address).expect("a connection"), true)
    }

    /// The server's end of the next connection.
    pub(crate) fn accept(listener: &TcpListener) -> Self {
        Self::new(listener.accept().expect("a connection").0, false)
    }

    /// Opens the connection as a server, unless the client has gone.
    pub(crate) fn try_welcome(&mut self) -> bool {
        let there = self.stream.peek(&mut [0]).is_ok_and(|n| n > 0);
        if there {
            self.welcome();
        }
        there
    }

    /// Reads until the client has gone.
    pub(crate) fn await_end(&mut self) {
        let _ = self.rest();
    }

    /// Opens the connection as a client.
    pub(crate) fn upgrade(&mut self) {
        self.write(REQUEST.as_bytes());
        let head = self.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    }

    /// Reads the request and returns the answer that opens the connection.
    pub(crate) fn answer(&mut self) -> Vec<u8> {
        self.request().1
    }

    /// The same, with the head of the request before it.
    pub(crate) fn request(&mut self) -> (String, Vec<u8>) {
        let request = self.head();
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = accept_key(key.expect("a key").as_bytes());
        let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Accept: ";
        let answer = [&head[..], &accept[..], b"\r\n\r\n"].concat();
        (request, answer)
    }

    /// Opens the connection as a server.
    pub(crate) fn welcome(&mut self) {
        let answer = self.answer();
        self.write(&answer);
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the peer reads");
    }

    pub(crate) fn send(&mut self, first: u8, payload: &[u8]) {
        let frame = frame(first, payload, self.masks);
        self.write(&frame);
    }

    /// The head of a request or response, and not a byte more.
    pub(crate) fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("a whole head");
            head.extend(byte);
        }
        String::from_utf8(head).expect("a head of ASCII")
    }

    /// The next frame: its first byte and its payload.
    pub(crate) fn receive(&mut self) -> (u8, Vec<u8>) {
        let mut start = [0; 2];
        self.stream.read_exact(&mut start).expect("a frame");
        assert_eq!(start[1] & 0x80 != 0, !self.masks, "clients mask, servers do not");
        let len = match start[1] & 0x7f {
            126 => self.number(2),
            127 => self.number(8),
            short => u64::from(short),
        };
        let mut mask = [0; 4];
        if !self.masks {
            self.stream.read_exact(&mut mask).expect("a mask");
        }
        let mut payload = vec![0; usize::try_from(len).expect("a length")];
        self.stream.read_exact(&mut payload).expect("a whole frame");
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        (start[0], payload)
    }

    fn number(&mut self, bytes: usize) -> u64 {
        let mut number = [0; 8];
        self.stream.read_exact(&mut number[8 - bytes..]).expect("a length");
        u64::from_be_bytes(number)
    }

    /// Everything up to the end of the stream.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// Waits for something to read and leaves it unread, so that dropping this resets the stream.
    pub(crate) fn await_unread(&self) {
        assert_ne!(self.stream.peek(&mut [0]).expect("something to read"), 0);
    }
}

/// A frame, its first byte as given.
pub(crate) fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mut frame = vec![first];
    let flag = if masked { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..126 => frame.push(flag | len as u8),
        len @ 126..0x1_0000 => {
            frame.push(flag | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(flag | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    let key = if masked { [0x37, 0xfa, 0x21, 0x3d] } else { [0; 4] };
    if masked {
        frame.extend(key);
    }
    frame.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}
