//! A connection on which nothing happens but the heartbeat.

use std::hint::black_box;

use longwire::frame::{Mask, Opcode};
use longwire::time::Duration;
use longwire::{Config, Connection, Endpoint, Event, Instant, Role};

use super::wire::{frames, read, write};
use super::{Outcome, Work};

struct Idle {
    connection: Connection,
    /// The peer's answer: its payload is overwritten with that of the ping.
    pong: [u8; 14],
}

const KEY: Mask = Mask([0x37, 0xfa, 0x21, 0x3d]);
const TRAVEL: Duration = Duration::from_millis(30);

impl Idle {
    #[inline]
    fn once(&mut self, mut seen: impl FnMut(&[u8])) -> Option<Duration> {
        let due = self.connection.poll_timeout().expect("a heartbeat is on");
        self.connection.handle_timeout(due);
        let pong = &mut self.pong;
        write(&mut self.connection, due, |bytes| {
            seen(bytes);
            if let Some(payload) = bytes.get(2..10) {
                pong[6..].copy_from_slice(payload);
                KEY.apply(&mut pong[6..]);
            }
        });
        read(&mut self.connection, due + TRAVEL, &self.pong);
        let Some(Event::Pong(pong)) = self.connection.poll_event() else { return None };
        let round_trip = pong.round_trip;
        assert!(self.connection.poll_event().is_none());
        self.connection.release_buffers();
        round_trip
    }
}

impl Work for Idle {
    fn run(&mut self, iterations: u64) -> Outcome {
        let mut outcome = Outcome::default();
        for _ in 0..iterations {
            let round_trip = self.once(|bytes| outcome.bytes += black_box(bytes).len() as u64);
            outcome.events += u64::from(round_trip == Some(TRAVEL));
        }
        outcome
    }

    fn verify(&mut self) {
        let mut wire = Vec::new();
        assert_eq!(self.once(|bytes| wire.extend_from_slice(bytes)), Some(TRAVEL));
        let [ping] = &frames(&wire)[..] else { panic!("one ping: {wire:x?}") };
        assert_eq!((ping.header.opcode, ping.payload.len()), (Opcode::Ping, 8));
        assert_eq!(self.connection.buffer_capacity(), 0, "an idle connection holds no bytes");
    }
}

pub(super) fn idle() -> Box<dyn Work> {
    let config = Config::server().with_heartbeat();
    let connection = Connection::new(Role::Server, config, Instant::EPOCH);
    let mut pong = [0; 14];
    pong[..2].copy_from_slice(&[0x8a, 0x88]);
    pong[2..6].copy_from_slice(&KEY.0);
    Box::new(Idle { connection, pong })
}
