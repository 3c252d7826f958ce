//! Longwire's core, driven as `docs/loop.md` says, with the heartbeat that the adapters turn on.

use ::longwire::deflate::{Deflate, WindowBits};
use ::longwire::{Config, Connection, DataKind, Endpoint, Event, Instant, Message, Role};
use bytes::Buf;
use compare_deflate::LIMIT;
use compare_deflate::chat::Text;
use compare_deflate::contest::{Peer, Rank, Server, Terms};
use compare_deflate::pipe::Pipe;

pub const LONGWIRE: Peer = Peer::new("Longwire", Rank::Longwire, open);

/// For the memory, which depends on the windows.
pub const NARROW: [Peer; 3] = [
    Peer::new("Longwire, windows of 13 bits", Rank::Longwire, open_within::<13>),
    Peer::new("Longwire, windows of 12 bits", Rank::Longwire, open_within::<12>),
    Peer::new("Longwire, windows of 9 bits", Rank::Longwire, open_within::<9>),
];

/// No time passes: reading a clock is the adapter's work.
const NOW: Instant = Instant::EPOCH;

struct Longwire {
    connection: Connection,
    pipe: Pipe,
}

fn open(terms: Terms, pipe: Pipe) -> Box<dyn Server> {
    open_within::<15>(terms, pipe)
}

fn open_within<const BITS: u8>(terms: Terms, pipe: Pipe) -> Box<dyn Server> {
    let config = Config::server().with_message_limit(LIMIT as u64).with_heartbeat();
    let mut deflate = if terms.takeover { Deflate::DEFAULT } else { Deflate::SHARED };
    deflate.level = terms.level;
    let window = WindowBits::new(BITS).expect("from 8 to 15");
    (deflate.client_max_window_bits, deflate.server_max_window_bits) = (window, window);
    deflate.threshold = 0;
    let connection = Connection::new(Role::Server, config, NOW).with_deflate(&deflate);
    Box::new(Longwire { connection, pipe })
}

impl Longwire {
    /// As the adapters do.
    fn transmit(&mut self) {
        loop {
            let outbox = self.connection.send_buffer();
            if !outbox.has_remaining() {
                break;
            }
            let pipe = &mut self.pipe;
            let written = outbox.gather(|slices| match slices {
                [only] => pipe.put(only),
                many => pipe.put_vectored(many),
            });
            self.connection.sent(NOW, written);
        }
    }
}

impl Server for Longwire {
    fn send(&mut self, message: &Text) {
        self.connection.send(Message::text(message.text.as_str())).expect("there is room");
        self.transmit();
    }

    fn receive(&mut self, count: usize, visit: &mut dyn FnMut(&[u8])) {
        let mut seen = 0;
        while seen < count {
            let n = self.pipe.fill(self.connection.recv_buffer());
            assert!(n > 0, "the connection reads on");
            self.connection.received(NOW, n);
            while let Some(event) = self.connection.poll_event() {
                let Event::Message(message) = event else { panic!("{event:?}") };
                assert_eq!(message.kind(), DataKind::Text);
                visit(message.as_bytes());
                seen += 1;
            }
        }
    }
}
