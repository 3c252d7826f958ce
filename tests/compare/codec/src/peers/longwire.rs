//! Longwire's core, driven as `docs/loop.md` says, with the heartbeat that the adapters turn on.

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

/// As the adapters do.
fn transmit(connection: &mut Connection, pipe: &Pipe) {
    loop {
        let outbox = connection.send_buffer();
        if !outbox.has_remaining() {
            break;
        }
        let written = if outbox.chunk().len() == outbox.remaining() {
            pipe.put(outbox.chunk())
        } else {
            let mut slices = [std::io::IoSlice::new(&[]); 64];
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

impl Longwire {
    // Two loops that are compiled apart, as an application has one of them.
    #[inline(never)]
    fn send_lent(&mut self, payload: &[u8], count: usize) {
        for _ in 0..count {
            self.connection.send(Message::binary(payload)).expect("there is room");
        }
    }

    #[inline(never)]
    fn send_shared(&mut self, payload: &Bytes, count: usize) {
        for _ in 0..count {
            self.connection.send(Message::binary(payload.clone())).expect("there is room");
        }
    }
}

impl Encode for Longwire {
    /// A payload that is copied is lent, as to any peer that takes it so; one that is not is shared.
    fn encode(&mut self, payload: &Bytes, count: usize) {
        if payload.len() <= COPIED {
            self.send_lent(payload, count);
        } else {
            self.send_shared(payload, count);
        }
        transmit(&mut self.connection, &self.pipe);
    }
}
