//! Either end sends.

use std::hint::black_box;

use bytes::Bytes;
use longwire::frame::Opcode;
use longwire::{Config, Connection, Instant, Message, Payload, Role};

use super::wire::{Numbers, frames, write};
use super::{Outcome, Work};

struct Encode {
    connection: Connection,
    payload: Payload<'static>,
    /// How many messages are queued before they are transmitted.
    gathered: u64,
}

impl Encode {
    #[inline]
    fn once(&mut self, seen: impl FnMut(&[u8])) -> (u64, u32) {
        let mut accepted = 0;
        for _ in 0..self.gathered {
            let payload = match &self.payload {
                Payload::Borrowed(bytes) => Payload::Borrowed(bytes),
                Payload::Owned(bytes) => Payload::Owned(bytes.clone()),
            };
            accepted += u64::from(self.connection.send(Message::Binary(payload)).is_ok());
        }
        (accepted, write(&mut self.connection, Instant::EPOCH, seen))
    }
}

impl Work for Encode {
    fn run(&mut self, iterations: u64) -> Outcome {
        let mut outcome = Outcome::default();
        for _ in 0..iterations {
            let (accepted, _) = self.once(|bytes| outcome.bytes += black_box(bytes).len() as u64);
            outcome.events += accepted;
        }
        outcome
    }

    fn verify(&mut self) {
        let mut wire = Vec::new();
        let (accepted, writes) = self.once(|bytes| wire.extend_from_slice(bytes));
        assert_eq!(accepted, self.gathered);
        assert!(self.gathered == 1 || writes == 1, "{writes} writes for what was gathered");
        let mut messages: Vec<Vec<u8>> = Vec::new();
        for frame in frames(&wire) {
            if frame.header.opcode == Opcode::Binary {
                messages.push(frame.payload);
            } else {
                assert_eq!(frame.header.opcode, Opcode::Continuation);
                messages.last_mut().expect("something to continue").extend(frame.payload);
            }
        }
        assert_eq!(messages.len() as u64, self.gathered);
        assert!(messages.iter().all(|message| message[..] == self.payload[..]));
    }
}

/// Lent if short, shared if long.
fn encode(role: Role, config: Config, len: usize, gathered: u64) -> Box<dyn Work> {
    let bytes = Numbers::new().bytes(len);
    let payload = if len <= 4 << 10 {
        Payload::Borrowed(bytes.leak())
    } else {
        Payload::Owned(Bytes::from(bytes))
    };
    let connection = Connection::new(role, config.with_heartbeat(), Instant::EPOCH);
    Box::new(Encode { connection, payload, gathered })
}

fn client() -> Role {
    let mut numbers = Numbers::new();
    Role::client(move |dest: &mut [u8]| numbers.fill(dest))
}

pub(super) fn server_128() -> Box<dyn Work> {
    encode(Role::Server, Config::server(), 128, 64)
}

pub(super) fn server_16k() -> Box<dyn Work> {
    encode(Role::Server, Config::server(), 16 << 10, 4)
}

pub(super) fn server_1m() -> Box<dyn Work> {
    encode(Role::Server, Config::server(), 1 << 20, 1)
}

pub(super) fn client_128() -> Box<dyn Work> {
    encode(client(), Config::client(), 128, 64)
}

pub(super) fn client_1k() -> Box<dyn Work> {
    encode(client(), Config::client(), 1 << 10, 64)
}

pub(super) fn client_1m() -> Box<dyn Work> {
    encode(client(), Config::client(), 1 << 20, 1)
}
