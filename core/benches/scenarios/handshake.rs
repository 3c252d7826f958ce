//! Both ends of the opening handshake, each as far as a connection.

use std::hint::black_box;

use bytes::Buf;
use longwire::handshake::{
    Acceptance, ClientHandshake, Limits, Request, ServerHandshake, accept_key,
};
use longwire::{Config, Connection, Endpoint, Instant, State};

use super::wire::{read, write};
use super::{Outcome, Work};

const NOW: Instant = Instant::EPOCH;

/// What Chromium sends, cookie included.
const REQUEST: &str = "GET /chat?room=1 HTTP/1.1\r\n\
    Host: chat.example.com\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/148.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: https://chat.example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en-US;q=0.9,en;q=0.8\r\n\
    Cookie: session=5f2c8a1e9b7d4c3f8a6e0d1b2c4f5a69; theme=dark\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

struct Server {
    acceptance: Acceptance,
}

impl Server {
    #[inline]
    fn once(&self, seen: impl FnMut(&[u8])) -> bool {
        let mut handshake = ServerHandshake::new(Limits::DEFAULT, NOW);
        let mut rest = black_box(REQUEST).as_bytes();
        while !handshake.poll_ready() {
            let n = read(&mut handshake, NOW, rest);
            rest = &rest[n..];
        }
        let incoming = handshake.request(NOW).expect("a request in order");
        let accepted = incoming.accept(&self.acceptance, NOW).expect("from the same host");
        let config = Config::server().with_heartbeat();
        let mut connection = Connection::from_accepted(accepted, config, NOW);
        write(&mut connection, NOW, seen);
        rest.is_empty() && black_box(&connection).state() == State::Open
    }
}

impl Work for Server {
    fn run(&mut self, iterations: u64) -> Outcome {
        let mut outcome = Outcome::default();
        for _ in 0..iterations {
            let open = self.once(|bytes| outcome.bytes += black_box(bytes).len() as u64);
            outcome.events += u64::from(open);
        }
        outcome
    }

    fn verify(&mut self) {
        let mut wire = Vec::new();
        assert!(self.once(|bytes| wire.extend_from_slice(bytes)));
        let answer = String::from_utf8(wire).expect("an answer is ASCII");
        assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\n"), "{answer}");
        // RFC 6455 section 1.3 gives this key and its answer.
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
        assert!(!answer.contains("permessage-deflate"), "{answer}");
    }
}

pub(super) fn server() -> Box<dyn Work> {
    Box::new(Server { acceptance: Acceptance::new() })
}

struct Client {
    request: Request,
    answer: String,
}

impl Client {
    /// Always the same key, so that there is an answer to it.
    fn start(&self) -> ClientHandshake {
        ClientHandshake::new(
            &self.request,
            Limits::DEFAULT,
            &mut |dest: &mut [u8]| dest.fill(7),
            NOW,
        )
    }

    #[inline]
    fn once(&self, mut seen: impl FnMut(&[u8])) -> bool {
        let mut handshake = self.start();
        while handshake.send_buffer().has_remaining() {
            let bytes = handshake.send_buffer().chunk();
            seen(bytes);
            let n = bytes.len();
            handshake.sent(NOW, n);
        }
        let mut rest = black_box(&self.answer).as_bytes();
        while !handshake.poll_ready() {
            let n = read(&mut handshake, NOW, rest);
            rest = &rest[n..];
        }
        let opened = handshake.finish().expect("an answer in order");
        let rng = |dest: &mut [u8]| dest.fill(7);
        let config = Config::client().with_heartbeat();
        let connection = Connection::from_opened(&opened, rng, config, NOW);
        rest.is_empty() && black_box(&connection).state() == State::Open
    }
}

impl Work for Client {
    fn run(&mut self, iterations: u64) -> Outcome {
        let mut outcome = Outcome::default();
        for _ in 0..iterations {
            let open = self.once(|bytes| outcome.bytes += black_box(bytes).len() as u64);
            outcome.events += u64::from(open);
        }
        outcome
    }

    fn verify(&mut self) {
        let mut wire = Vec::new();
        assert!(self.once(|bytes| wire.extend_from_slice(bytes)));
        let request = String::from_utf8(wire).expect("a request is ASCII");
        assert!(request.starts_with("GET /chat?room=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.ends_with("\r\n\r\n"), "{request}");
        let genuine = std::mem::replace(&mut self.answer, answer(b"another key"));
        let mut handshake = self.start();
        let n = handshake.send_buffer().remaining();
        handshake.sent(NOW, n);
        read(&mut handshake, NOW, self.answer.as_bytes());
        assert!(handshake.finish().is_err(), "the answer to another key");
        self.answer = genuine;
    }
}

fn answer(key: &[u8]) -> String {
    let accept = accept_key(key);
    let accept = str::from_utf8(&accept).expect("Base64 is ASCII");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: {accept}\r\nDate: Sat, 21 Nov 2026 04:00:00 GMT\r\n\
        Server: example\r\n\r\n"
    )
}

pub(super) fn client() -> Box<dyn Work> {
    let request = Request::parse("ws://chat.example.com/chat?room=1").expect("an address in order");
    // Sixteen bytes of 7 in Base64.
    Box::new(Client { request, answer: answer(b"BwcHBwcHBwcHBwcHBwcHBw==") })
}
