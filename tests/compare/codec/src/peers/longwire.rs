//! Longwire's core, driven as `docs/loop.md` says, with the heartbeat that the adapters turn on.

use std::io::IoSlice;

use bytes::{Buf, Bytes};
use longwire::buffer::Outbox;
use longwire::handshake::{Acceptance, Accepted, ServerHandshake};
use longwire::{Config, Connection, DataKind, Endpoint, Event, Instant, Message, Role};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};

use super::LIMIT;
use crate::contest::{Decode, Encode};
use crate::pipe::Pipe;
use crate::wire::{Kind, Side};

pub struct Longwire {
    connection: Connection,
    pipe: Pipe,
}

/// No time passes: reading a clock is the adapter's work.
const NOW: Instant = Instant::EPOCH;

/// As many as the adapters put into a write.
const SEGMENTS: usize = 64;

/// Payloads up to this length are copied into the outbox anyway: `Message::binary(&bytes[..])` then spares
/// their sharing.
const COPIED: usize = Outbox::COALESCE;

pub fn decoder(pipe: Pipe) -> Longwire {
    Longwire { connection: Connection::new(Role::Server, config(Side::Server), NOW), pipe }
}

pub fn encoder(side: Side, pipe: Pipe) -> Longwire {
    let role = match side {
        Side::Server => Role::Server,
        Side::Client => {
            let mut rng = StdRng::try_from_rng(&mut SysRng).expect("the system has entropy");
            Role::client(move |dest: &mut [u8]| rng.fill_bytes(dest))
        }
    };
    Longwire { connection: Connection::new(role, config(side), NOW), pipe }
}

pub fn accept(mut pipe: Pipe) -> Connection {
    let config = config(Side::Server);
    let mut handshake = ServerHandshake::new(config.handshake, NOW);
    while !handshake.poll_ready() {
        let n = pipe.fill(handshake.recv_buffer());
        assert!(n > 0, "the request is whole");
        handshake.received(NOW, n);
    }
    let incoming = handshake.request(NOW).expect("the request is valid");
    let accepted: Accepted = incoming.accept(&Acceptance::new(), NOW).expect("and acceptable");
    let mut connection = Connection::from_accepted(accepted, config, NOW);
    transmit(&mut connection, &pipe);
    connection
}

fn config(side: Side) -> Config {
    let config = match side {
        Side::Server => Config::server(),
        Side::Client => Config::client(),
    };
    config.with_message_limit(LIMIT as u64).with_heartbeat()
}

/// As the adapters do: one write for one chunk, a vectored one for several.
fn transmit(connection: &mut Connection, pipe: &Pipe) {
    loop {
        let outbox = connection.send_buffer();
        let written = if !outbox.has_remaining() {
            break;
        } else if outbox.chunk().len() == outbox.remaining() {
            pipe.put(outbox.chunk())
        } else {
            let mut slices = [IoSlice::new(&[]); SEGMENTS];
            let n = outbox.chunks_vectored(&mut slices);
            pipe.put_vectored(&slices[..n])
        };
        connection.sent(NOW, written);
    }
}

impl Decode for Longwire {
    fn decode(&mut self, count: usize, mut visit: impl FnMut(Kind, &[u8])) {
        let mut seen = 0;
        while seen < count {
            let n = self.pipe.fill(self.connection.recv_buffer());
            assert!(n > 0, "the connection reads on");
            self.connection.received(NOW, n);
            while let Some(event) = self.connection.poll_event() {
                let Event::Message(message) = event else { panic!("{event:?}") };
                let kind = match message.kind() {
                    DataKind::Text => Kind::Text,
                    DataKind::Binary => Kind::Binary,
                };
                visit(kind, message.as_bytes());
                seen += 1;
            }
        }
    }
}

impl Encode for Longwire {
    /// A payload that is copied is lent, as to any peer that takes it so; one that is not is shared.
    fn encode(&mut self, payload: &Bytes, count: usize) {
        let lent = payload.len() <= COPIED;
        for _ in 0..count {
            let message =
                if lent { Message::binary(&payload[..]) } else { Message::binary(payload.clone()) };
            self.connection.send(message).expect("there is room");
        }
        transmit(&mut self.connection, &self.pipe);
    }
}
