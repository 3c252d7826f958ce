//! A server receives.

use std::hint::black_box;

use longwire::frame::Opcode;
use longwire::time::Duration;
use longwire::{Config, Connection, Event, Instant, Message, Role};

use super::wire::{Numbers, ascii_text, frames, masked, mixed_text, read, write};
use super::{Outcome, Work};

/// What arrives is copied into the receive buffer, as the operating system would: the copy is part
/// of what is measured, and what is unmasked in place is fresh every time.
struct Decode {
    connection: Connection,
    now: Instant,
    wire: Vec<u8>,
    /// What a read brings at most.
    most: usize,
    expected: Vec<Message<'static>>,
}

impl Decode {
    fn boxed(most: usize, expected: Vec<Message<'static>>, wire: Vec<u8>) -> Box<dyn Work> {
        let now = Instant::EPOCH;
        let connection = Connection::new(Role::Server, Config::server().with_heartbeat(), now);
        Box::new(Self { connection, now, wire, most, expected })
    }

    /// One frame a message.
    fn whole(most: usize, expected: Vec<Message<'static>>) -> Box<dyn Work> {
        let mut numbers = Numbers::new();
        let mut wire = Vec::new();
        for message in &expected {
            masked(&mut wire, &mut numbers, true, message.kind().opcode(), message.as_bytes());
        }
        Self::boxed(most, expected, wire)
    }

    #[inline]
    fn once(&mut self, mut seen: impl FnMut(Message<'_>)) {
        let mut rest = &self.wire[..];
        while !rest.is_empty() {
            self.now = self.now + Duration::from_micros(1);
            let n = read(&mut self.connection, self.now, &rest[..rest.len().min(self.most)]);
            rest = &rest[n..];
            while let Some(event) = self.connection.poll_event() {
                let Event::Message(message) = event else { panic!("{event:?}") };
                seen(message);
            }
        }
    }
}

impl Work for Decode {
    fn run(&mut self, iterations: u64) -> Outcome {
        let mut outcome = Outcome::default();
        for _ in 0..iterations {
            self.once(|message| {
                outcome.events += 1;
                outcome.bytes += black_box(message.as_bytes()).len() as u64;
            });
        }
        outcome
    }

    fn verify(&mut self) {
        let mut received = Vec::new();
        self.once(|message| received.push(message.into_owned()));
        assert!(received == self.expected, "what was received is not what was sent");
    }
}

pub(super) fn binary_16() -> Box<dyn Work> {
    let mut numbers = Numbers::new();
    Decode::whole(usize::MAX, (0..64).map(|_| Message::from(numbers.bytes(16))).collect())
}

pub(super) fn text_128() -> Box<dyn Work> {
    Decode::whole(usize::MAX, vec![Message::from(ascii_text(128)); 64])
}

pub(super) fn text_1k() -> Box<dyn Work> {
    Decode::whole(usize::MAX, vec![Message::from(ascii_text(1 << 10))])
}

pub(super) fn mixed_1k() -> Box<dyn Work> {
    Decode::whole(usize::MAX, vec![Message::from(mixed_text(1 << 10))])
}

pub(super) fn binary_16k() -> Box<dyn Work> {
    Decode::whole(usize::MAX, vec![Message::from(Numbers::new().bytes(16 << 10))])
}

pub(super) fn binary_1m() -> Box<dyn Work> {
    Decode::whole(64 << 10, vec![Message::from(Numbers::new().bytes(1 << 20))])
}

pub(super) fn fragments() -> Box<dyn Work> {
    let text = mixed_text(64 << 10);
    let mut numbers = Numbers::new();
    let mut wire = Vec::new();
    for (i, piece) in text.as_bytes().chunks(64).enumerate() {
        let opcode = if i == 0 { Opcode::Text } else { Opcode::Continuation };
        masked(&mut wire, &mut numbers, i == 1_023, opcode, piece);
    }
    Decode::boxed(usize::MAX, vec![Message::from(text)], wire)
}

/// Short ones, which cost what a fragment costs rather than what its bytes do.
pub(super) fn fragments_16() -> Box<dyn Work> {
    let mut numbers = Numbers::new();
    let payload = numbers.bytes(16 << 10);
    let mut wire = Vec::new();
    for (i, piece) in payload.chunks(16).enumerate() {
        let opcode = if i == 0 { Opcode::Binary } else { Opcode::Continuation };
        masked(&mut wire, &mut numbers, i == 1_023, opcode, piece);
    }
    Decode::boxed(usize::MAX, vec![Message::from(payload)], wire)
}

struct Ping {
    connection: Connection,
    now: Instant,
    wire: Vec<u8>,
}

const PING: &[u8; 8] = b"are you?";

impl Ping {
    #[inline]
    fn once(&mut self, mut pinged: impl FnMut(&[u8]), answered: impl FnMut(&[u8])) {
        // The most that a server puts up with is ten in a millisecond.
        self.now = self.now + Duration::from_millis(1);
        read(&mut self.connection, self.now, &self.wire);
        while let Some(event) = self.connection.poll_event() {
            let Event::Ping(payload) = event else { panic!("{event:?}") };
            pinged(&payload);
        }
        write(&mut self.connection, self.now, answered);
    }
}

impl Work for Ping {
    fn run(&mut self, iterations: u64) -> Outcome {
        let mut outcome = Outcome::default();
        for _ in 0..iterations {
            self.once(
                |payload| outcome.events += u64::from(black_box(payload).len() == PING.len()),
                |bytes| outcome.bytes += black_box(bytes).len() as u64,
            );
        }
        outcome
    }

    fn verify(&mut self) {
        let (mut pings, mut wire) = (Vec::new(), Vec::new());
        self.once(|payload| pings.push(payload.to_vec()), |bytes| wire.extend_from_slice(bytes));
        assert_eq!(pings, [PING]);
        let [pong] = &frames(&wire)[..] else { panic!("one answer: {wire:x?}") };
        assert_eq!((pong.header.opcode, &pong.payload[..]), (Opcode::Pong, &PING[..]));
    }
}

pub(super) fn ping() -> Box<dyn Work> {
    let now = Instant::EPOCH;
    let connection = Connection::new(Role::Server, Config::server().with_heartbeat(), now);
    let mut wire = Vec::new();
    masked(&mut wire, &mut Numbers::new(), true, Opcode::Ping, PING);
    Box::new(Ping { connection, now, wire })
}
