use bytes::Buf;
use longwire::error::TransportFailure;
use longwire::time::Duration;
use longwire::{CloseCode, Connection, Endpoint, Instant, Message, State};

use super::side;
use super::source::{Side, Source};
use super::wire;

/// A client, any commands, any bytes, any order.
pub fn connection_client(input: &[u8]) {
    connection_operations(Side::Client, input);
}

/// A server, any commands, any bytes, any order.
pub fn connection_server(input: &[u8]) {
    connection_operations(Side::Server, input);
}

/// Whatever is done to a connection, in whatever order: no panic, states move forward only, memory
/// is bounded, what leaves is well-formed, `Closed` comes once and last, and comes.
pub fn connection_operations(role: Side, input: &[u8]) {
    let mut source = Source::new(input);
    let config = source.config(role);
    let mut side = side::Side::new(role, config, 1);
    while !source.is_empty() {
        operation(&mut source, &mut side, role);
        side.check();
    }
    finish(&mut side);
    let transcript = side.transcript();
    side.check_end(&transcript);
}

/// A transport that takes a lot and is never quite done: memory is bounded by what waits, not by what
/// has left.
pub fn never_drained(input: &[u8]) {
    let mut source = Source::new(input);
    let role = if source.flag() { Side::Client } else { Side::Server };
    let config = source.config(role);
    let mut connection = Connection::new(role.role(3), config, Instant::EPOCH);
    let mut most = 0;
    for i in 0..600 {
        let body = vec![b'x'; if i % 7 == 6 { 1 } else { source.length() }];
        // Refused now and then, if the limit is small.
        let _ = connection.send(Message::from(body));
        most = most.max(connection.buffered());
        let left = 1 + source.below(200);
        while Buf::remaining(connection.send_buffer()) > left {
            let chunk = Buf::chunk(connection.send_buffer()).len();
            let waiting = Buf::remaining(connection.send_buffer());
            connection.sent(Instant::EPOCH, chunk.min(waiting - left));
        }
        let held = connection.buffer_capacity();
        assert!(held <= 4 * most + (32 << 10), "{held} bytes held, {most} waited at most");
    }
}

pub(super) fn operation(source: &mut Source<'_>, side: &mut side::Side, role: Side) {
    match source.below(24) {
        // The peer.
        0..=4 => {
            // A frame that may well be legal.
            let masked = (role == Side::Server) != (source.byte() >= 250);
            let key = masked.then_some([7, 0, source.byte(), 255]);
            let first = source.choose(&[0x81, 0x82, 0x89, 0x8a, 0x88, 0x01, 0x02, 0x00, 0x80]);
            let len = source.length();
            let payload = match first & 0x0f {
                wire::CLOSE => source.take(len).to_vec(),
                wire::PING | wire::PONG => vec![b'p'; len % 127],
                _ => vec![b'd'; len],
            };
            let frame = wire::encode(first & 0x80 != 0, first & 0x0f, key, &payload);
            let cut = source.amount();
            receive(side, &frame[..cut.min(frame.len())], source.flag());
        }
        5 => {
            let n = source.below(64);
            let bytes = source.take(n);
            receive(side, bytes, true);
        }
        6 if source.below(8) == 0 => side.end(None),
        6 => side.connection.received(side.now, 0),
        7 if source.below(8) == 0 => side.end(Some(TransportFailure::Truncated)),
        7 => match source.below(4) {
            0 => side.connection.release_buffers(),
            1 | 2 => side.connection.lend(&mut side.stage),
            _ => side.connection.reclaim(&mut side.stage),
        },
        // The transport.
        8 | 9 => {
            side.transmit(source.amount());
        }
        10 => side.stall(),
        11 if source.below(8) == 0 => side.fail_write(),
        11 => {
            let _ = side.connection.is_send_finished();
        }
        // The application.
        12 | 13 => {
            side.take(source.flag());
        }
        14 => while side.take(false) {},
        15 => {
            let _ = side.connection.poll_ready();
        }
        16 => side.send(source.kind(), source.length()),
        17 => side.fragment(source.kind(), source.length(), false),
        18 => side.fragment(source.kind(), source.length(), true),
        19 => side.ping(&vec![b'p'; source.below(130)]),
        20 if source.below(8) == 0 => side.close(source.close_code(), "done"),
        20 => side.close(CloseCode::NO_STATUS, "never"),
        21 if source.below(8) == 0 => side.abort(),
        21 if source.below(8) == 0 => side.abandon(),
        21 if source.below(4) == 1 => side.send(source.kind(), source.long_length()),
        // Time.
        22 => side.advance(Duration::from_millis(u64::from(source.short()))),
        _ => side.advance(source.pause()),
    }
}

/// Hands over all of `bytes`, taking news where there is no room, and some anyway if `eager`.
fn receive(side: &mut side::Side, mut bytes: &[u8], eager: bool) {
    while !bytes.is_empty() {
        let n = side.receive(bytes);
        bytes = &bytes[n..];
        if n == 0 && !side.take(false) && side.connection.recv_buffer().is_empty() {
            // No room and no news: nothing that arrives can matter any more.
            assert!(side.ended || side.connection.state() != State::Open);
            return;
        }
        if eager {
            side.take(false);
        }
        side.check();
    }
}

/// The application closes and obeys the timers, the peer and the transport do nothing more.
pub(super) fn finish(side: &mut side::Side) {
    side.close(CloseCode::NORMAL, "");
    for _ in 0..100 {
        while side.take(false) {}
        side.stall();
        side.check();
        if side.closed.is_some() {
            return;
        }
        let deadline = side.connection.poll_timeout().expect("every state has a deadline");
        assert!(deadline.saturating_since(side.now) <= Duration::from_secs(60));
        side.now = side.now.max(deadline);
        side.time();
    }
    panic!("obeying the timers does not end {:?}", side.connection.state());
}
