//! The rules of `connection`, each test named after the rule it proves: a letter and number of the
//! project's rules (`f5`, `u3`, `p3`), a section of RFC 6455 (`s5_4`), or `e` for a row of the closing
//! handshake's table.

mod ahead;
mod closing;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(feature = "deflate")]
mod deflate_limits;
mod failing;
mod fragmentation;
mod framing;
mod heartbeat;
mod idle;
mod limits;
mod pongs;
mod prepared;
mod sending;
mod text;
mod timers;
mod writer;

use alloc::{string::String, vec::Vec};
use core::fmt::Debug;

use bytes::Buf;

use super::{Closed, Config, Connection, Event, Initiator, Role, State};
use crate::endpoint::Endpoint;
use crate::error::{ConnectionError, ProtocolError, TimeoutKind, TransportFailure};
use crate::frame::{Close, CloseCode, FrameHeader, Mask};
use crate::message::Message;
use crate::time::{Duration, Instant};

// First bytes of frames.
const TEXT: u8 = 0x81;
const TEXT_BEGIN: u8 = 0x01;
const BINARY: u8 = 0x82;
const BINARY_BEGIN: u8 = 0x02;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

const START: Instant = Instant::from_epoch(Duration::from_secs(1_000));

fn after(seconds: u64) -> Instant {
    START + Duration::from_secs(seconds)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Which end is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

const SIDES: [Side; 2] = [Side::Client, Side::Server];

impl Side {
    fn open(self, config: Config) -> Connection {
        Connection::new(self.role(), config, START)
    }

    fn role(self) -> Role {
        match self {
            Self::Server => Role::Server,
            Self::Client => {
                let mut n = 0_u8;
                Role::client(move |key: &mut [u8]| {
                    for byte in key {
                        n = n.wrapping_mul(5).wrapping_add(0x37);
                        *byte = n;
                    }
                })
            }
        }
    }
}

fn server(config: Config) -> Connection {
    Side::Server.open(config)
}

/// What a peer sends: frames, and then perhaps bytes that are not.
#[derive(Clone, Default)]
struct Script {
    frames: Vec<(u8, Vec<u8>)>,
    tail: Vec<u8>,
}

fn script() -> Script {
    Script::default()
}

impl Script {
    fn frame(mut self, first: u8, payload: impl AsRef<[u8]>) -> Self {
        assert!(self.tail.is_empty(), "raw bytes come last");
        self.frames.push((first, payload.as_ref().to_vec()));
        self
    }

    fn text(self, text: impl AsRef<[u8]>) -> Self {
        self.frame(TEXT, text)
    }

    fn binary(self, payload: impl AsRef<[u8]>) -> Self {
        self.frame(BINARY, payload)
    }

    fn ping(self, payload: impl AsRef<[u8]>) -> Self {
        self.frame(PING, payload)
    }

    fn pong(self, payload: impl AsRef<[u8]>) -> Self {
        self.frame(PONG, payload)
    }

    fn close(self, code: u16, reason: &str) -> Self {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        self.frame(CLOSE, payload)
    }

    /// Bytes as they are, whatever the side.
    fn raw(mut self, bytes: &[u8]) -> Self {
        self.tail.extend_from_slice(bytes);
        self
    }

    /// The bytes on the wire to `side`, each frame with a mask of its own if that is the server.
    fn wire(&self, side: Side) -> Vec<u8> {
        let mut wire = Vec::new();
        for (n, (first, payload)) in self.frames.iter().enumerate() {
            let key = [0x11, 0x80 ^ n as u8, 0xff, 7_u8.wrapping_mul(n as u8)];
            let mask = (side == Side::Server).then_some(Mask(key));
            wire.extend(header(*first, mask, payload.len() as u64));
            let start = wire.len();
            wire.extend_from_slice(payload);
            if let Some(mask) = mask {
                mask.apply(&mut wire[start..]);
            }
        }
        wire.extend_from_slice(&self.tail);
        wire
    }
}

/// A header built by hand, for the one under test must not judge itself.
fn header(first: u8, mask: Option<Mask>, len: u64) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut header = [first].to_vec();
    match len {
        0..=125 => header.push(masked | len as u8),
        126..=0xffff => {
            header.push(masked | 126);
            header.extend((len as u16).to_be_bytes());
        }
        _ => {
            header.push(masked | 127);
            header.extend(len.to_be_bytes());
        }
    }
    header.extend(mask.iter().flat_map(|mask| mask.0));
    header
}

/// The header of a frame to `side`, masked with zeros if that is the server.
fn header_to(side: Side, first: u8, len: u64) -> Vec<u8> {
    header(first, (side == Side::Server).then_some(Mask([0; 4])), len)
}

/// How bytes are handed in, and when events are taken. None of it may matter.
#[derive(Clone, Copy, Debug)]
enum Split {
    Whole,
    ByteByByte,
    Sevens,
    /// Followed by the first byte of a next frame.
    Trailing,
    /// Byte by byte, an event being taken only after more bytes have arrived behind it.
    Untaken,
    /// Byte by byte, giving memory back in between.
    Released,
}

const SPLITS: [Split; 6] = [
    Split::Whole,
    Split::ByteByByte,
    Split::Sevens,
    Split::Trailing,
    Split::Untaken,
    Split::Released,
];

/// Hands `wire` in, at `now`, and takes all events.
fn feed(
    connection: &mut Connection,
    now: Instant,
    wire: &[u8],
    split: Split,
) -> Vec<Event<'static>> {
    let mut wire = wire.to_vec();
    let step = match split {
        Split::Whole => usize::MAX,
        Split::ByteByByte | Split::Untaken | Split::Released => 1,
        Split::Sevens => 7,
        Split::Trailing => {
            wire.push(BINARY);
            usize::MAX
        }
    };
    let mut seen = Vec::new();
    let mut rest = &wire[..];
    while !rest.is_empty() {
        let before = seen.len();
        let late = matches!(split, Split::Untaken) && connection.poll_ready();
        let n = connection.receive(now, &rest[..step.min(rest.len())]);
        rest = &rest[n..];
        if matches!(split, Split::Untaken) {
            if late || n == 0 {
                assert!(connection.poll_ready() || n == 0, "what was ready stays ready");
                seen.extend(connection.event().map(Event::into_owned));
            }
            let _ = connection.poll_ready();
        } else {
            seen.extend(events(connection));
        }
        if matches!(split, Split::Released) {
            connection.release_buffers();
        }
        if n == 0 && seen.len() == before && !connection.poll_ready() {
            break;
        }
    }
    seen.extend(events(connection));
    seen
}

/// Takes all events.
fn events(connection: &mut Connection) -> Vec<Event<'static>> {
    let mut events = Vec::new();
    while connection.poll_ready() {
        assert!(connection.poll_ready(), "asking twice changes nothing");
        events.push(connection.event().expect("there is news").into_owned());
    }
    assert!(connection.event().is_none());
    events
}

fn hear(connection: &mut Connection, now: Instant, wire: &[u8]) -> Vec<Event<'static>> {
    feed(connection, now, wire, Split::Whole)
}

/// Runs `check` for both sides and every way of handing in what `script` says.
#[track_caller]
fn every_way(
    config: Config,
    script: &Script,
    check: impl Fn(&mut Connection, Vec<Event<'static>>),
) {
    for side in SIDES {
        for split in SPLITS {
            let mut connection = side.open(config);
            let seen = feed(&mut connection, START, &script.wire(side), split);
            let _context = Context(side, split);
            check(&mut connection, seen);
        }
    }
}

/// Says in which case a check failed.
struct Context(Side, Split);

impl Drop for Context {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::eprintln!("as {:?}, {:?}", self.0, self.1);
        }
    }
}

#[track_caller]
fn receives(config: Config, script: &Script, expected: &[Event<'static>]) {
    every_way(config, script, |connection, seen| {
        same(&seen, expected);
        assert_eq!(connection.state(), State::Open);
    });
}

/// That the connection is failed after `expected`: 7.1.7 in full.
#[track_caller]
fn fails(config: Config, script: &Script, expected: &[Event<'static>], error: ProtocolError) {
    every_way(config, script, |connection, mut seen| {
        assert_eq!(seen.pop(), Some(Event::Error(ConnectionError::Protocol(error))));
        same(&seen, expected);
        let close = Close { code: error.close_code(), reason: error.as_str().into() };
        failed(connection, ConnectionError::Protocol(error), &close);
    });
}

/// That what is left is `close`, the end of the stream, and [`Event::Closed`].
#[track_caller]
fn failed(connection: &mut Connection, error: ConnectionError, close: &Close) {
    assert_eq!(connection.state(), State::Closing);
    let sent = frames(connection, START);
    assert_eq!(sent.last(), Some(&(CLOSE, close.encode().to_vec())));
    assert!(sent.iter().all(|(first, _)| *first != CLOSE || *first == sent[sent.len() - 1].0));
    assert_eq!(sent.iter().filter(|(first, _)| *first == CLOSE).count(), 1);
    assert!(connection.is_send_finished() && !connection.is_finished());
    connection.received_eof(START);
    let closed = closed(events(connection));
    assert_eq!((closed.clean, closed.error), (false, Some(error)));
    assert_eq!((closed.code, closed.received), (CloseCode::ABNORMAL, None));
    assert_eq!((closed.initiator, closed.sent.as_ref()), (Initiator::Local, Some(close)));
    over(connection);
}

/// The only event, which says that the connection is closed.
#[track_caller]
fn closed(mut events: Vec<Event<'static>>) -> Closed {
    assert_eq!(events.len(), 1, "{events:?}");
    match events.pop() {
        Some(Event::Closed(closed)) => *closed,
        other => panic!("{other:?}"),
    }
}

/// An error, and that the connection is closed because of it.
#[track_caller]
fn broken(mut events: Vec<Event<'static>>, error: ConnectionError) -> Closed {
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events.remove(0), Event::Error(error));
    let closed = closed(events);
    assert_eq!((closed.error, closed.clean), (Some(error), false));
    closed
}

/// That nothing happens any more, whatever is tried.
#[track_caller]
fn over(connection: &mut Connection) {
    assert_eq!(connection.state(), State::Closed);
    assert!(connection.is_finished() && connection.is_send_finished());
    for _ in 0..2 {
        assert!(connection.recv_buffer().is_empty());
        assert_eq!(connection.receive(after(1), &[BINARY, 0]), 0);
        connection.received(after(1), 9);
        connection.received_eof(after(1));
        connection.receive_failed(after(1), TransportFailure::Reset);
        connection.send_failed(after(1), TransportFailure::Reset);
        connection.sent(after(1), 9);
        connection.sent(after(1), 0);
        connection.handle_timeout(after(1_000_000));
        connection.abort();
        connection.close(after(1), CloseCode::NORMAL, "").unwrap();
        assert!(connection.send(Message::from("late")).is_err());
        assert!(connection.ping(b"late").is_err());
        assert!(!connection.send_buffer().has_remaining());
        assert_eq!((connection.poll_timeout(), connection.buffered()), (None, 0));
        assert!(!connection.poll_ready(), "Closed is the last event, and there is one");
        assert!(connection.event().is_none());
    }
}

/// Compares without printing megabytes.
#[track_caller]
fn same<T: PartialEq + Debug>(got: &[T], expected: &[T]) {
    if got != expected {
        let short = |all: &[T]| {
            let mut text = std::format!("{all:?}");
            text.truncate(text.char_indices().nth(500).map_or(text.len(), |(at, _)| at));
            text
        };
        panic!("got {}\nexpected {}", short(got), short(expected));
    }
}

/// What leaves, all of it.
fn output(connection: &mut Connection, now: Instant) -> Vec<u8> {
    let mut bytes = Vec::new();
    while connection.send_buffer().has_remaining() {
        let chunk = connection.send_buffer().chunk().to_vec();
        connection.sent(now, chunk.len());
        bytes.extend(chunk);
    }
    bytes
}

/// What leaves, as the first byte and the unmasked payload of each frame.
fn frames(connection: &mut Connection, now: Instant) -> Vec<(u8, Vec<u8>)> {
    parse(&output(connection, now))
}

fn parse(mut wire: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while !wire.is_empty() {
        let (header, len) = FrameHeader::parse(wire).unwrap().expect("whole frames leave");
        let (payload, rest) = wire[len..].split_at(header.payload_len as usize);
        let mut payload = payload.to_vec();
        if let Some(mask) = header.mask {
            mask.apply(&mut payload);
        }
        frames.push((wire[0], payload));
        wire = rest;
    }
    frames
}

/// Passes bytes between two ends until neither has any, and returns the events of each.
fn exchange(
    now: Instant,
    a: &mut Connection,
    b: &mut Connection,
) -> (Vec<Event<'static>>, Vec<Event<'static>>) {
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    loop {
        let (to_b, to_a) = (output(a, now), output(b, now));
        if to_a.is_empty() && to_b.is_empty() {
            return (of_a, of_b);
        }
        of_b.extend(hear(b, now, &to_b));
        of_a.extend(hear(a, now, &to_a));
    }
}

fn text(text: impl Into<String>) -> Event<'static> {
    Event::Message(Message::from(text.into()))
}

fn binary(payload: impl AsRef<[u8]>) -> Event<'static> {
    Event::Message(Message::from(payload.as_ref().to_vec()))
}

fn ping(payload: &[u8]) -> Event<'static> {
    Event::Ping(payload.to_vec().into())
}

fn unsolicited(payload: &[u8]) -> Event<'static> {
    pong(payload, None)
}

fn pong(payload: &[u8], round_trip: Option<Duration>) -> Event<'static> {
    Event::Pong(super::Pong { payload: payload.to_vec().into(), round_trip })
}

fn timeout(kind: TimeoutKind) -> ConnectionError {
    ConnectionError::Timeout(kind)
}

fn code(code: u16) -> CloseCode {
    CloseCode::from_wire(code).unwrap()
}

/// Bytes that differ from their neighbours, so that a shift shows.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}
