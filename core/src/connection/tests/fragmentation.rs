//! D: fragments received, whole and in pieces, and the memory they take.

use super::*;
use crate::connection::Receive;
use crate::message::DataKind;

fn pieces() -> Config {
    Config { receive: Receive::Pieces, ..Config::server() }
}

#[test]
fn s5_4_the_first_fragment_says_the_kind() {
    for (first, expected) in [(TEXT_BEGIN, text("abc")), (BINARY_BEGIN, binary("abc"))] {
        let fragments = script().frame(first, "a").frame(MORE, "b").frame(LAST, "c");
        receives(Config::server(), &fragments, &[expected]);
    }
}

#[test]
fn s5_4_fragments_of_every_size_make_one_message() {
    for len in [1, 124, 126, 2_033, 2_034, 2_035, 4_095, 4_097, 66_000] {
        let part = pattern(len);
        let fragments = script().frame(BINARY_BEGIN, &part).frame(MORE, &part).frame(LAST, &part);
        let whole = [&part[..], &part, &part].concat();
        receives(Config::server(), &fragments.text("z"), &[binary(whole), text("z")]);
    }
}

#[test]
fn s1_many_tiny_fragments_cost_no_more_than_twice_their_payload() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        hear(&mut connection, START, &script().frame(BINARY_BEGIN, "").wire(side));
        let wire = script().frame(MORE, "x").wire(side);
        for payload in 1..=60_000 {
            connection.receive(START, &wire);
            assert!(!connection.poll_ready());
            let held = connection.buffer_capacity();
            // A vector begins with room for eight bytes.
            assert!(held <= 2 * payload.max(4) + 4096, "{held} bytes held for {payload}");
        }
        let seen = hear(&mut connection, START, &script().frame(LAST, "").wire(side));
        same(&seen, &[binary("x".repeat(60_000))]);
        connection.release_buffers();
        assert_eq!(connection.buffer_capacity(), 0, "nothing is kept of a message handed out");
    }
}

#[test]
fn nothing_is_held_once_idle() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        assert_eq!(connection.buffer_capacity(), 0, "nor before the first byte");
        for len in [10, 3_000, 100_000] {
            hear(&mut connection, START, &script().ping("p").binary(pattern(len)).wire(side));
            connection.send(Message::from(pattern(len))).unwrap();
            output(&mut connection, START);
            connection.release_buffers();
            assert_eq!(connection.buffer_capacity(), 0);
        }
        connection.send(Message::from("waits")).unwrap();
        connection.receive(START, &script().text("waits").wire(side));
        connection.release_buffers();
        assert_eq!(events(&mut connection), [text("waits")], "unread bytes are not given back");
        assert_eq!(frames(&mut connection, START), [(TEXT, b"waits".to_vec())]);
    }
}

#[test]
fn s6_events_not_taken_are_back_pressure_and_nothing_is_lost() {
    for side in SIDES {
        let config = Config { receive_buffer: 4096, ..Config::server() };
        let mut connection = side.open(config);
        let (mut wire, mut expected) = (script(), Vec::new());
        for n in 0..2_000 {
            wire = wire.text(std::format!("message {n}"));
            expected.push(text(std::format!("message {n}")));
        }
        let wire = wire.wire(side);
        let mut arrived = 0;
        while let n @ 1.. = connection.receive(START, &wire[arrived..]) {
            arrived += n;
            assert!(connection.poll_ready());
        }
        assert!(arrived <= 8192, "{arrived} bytes were let in");
        let mut seen = events(&mut connection);
        seen.extend(hear(&mut connection, START, &wire[arrived..]));
        same(&seen, &expected);
    }
}

/// Checks the flags of pieces, and puts them together.
fn messages(seen: Vec<Event<'static>>) -> Vec<Event<'static>> {
    let (mut whole, mut open) = (Vec::new(), None);
    for event in seen {
        let Event::Piece(piece) = event else {
            whole.push(event);
            continue;
        };
        assert_eq!(piece.first, open.is_none(), "first says that a message begins");
        assert!(piece.last || !piece.payload.is_empty(), "only the last may be empty");
        let (kind, bytes) = open.get_or_insert((piece.kind, Vec::new()));
        assert_eq!(*kind, piece.kind);
        bytes.extend_from_slice(&piece.payload);
        if piece.last {
            let (kind, bytes) = open.take().unwrap();
            whole.push(match kind {
                DataKind::Text => text(String::from_utf8(bytes).unwrap()),
                DataKind::Binary => binary(bytes),
            });
        }
    }
    assert!(open.is_none());
    whole
}

#[test]
fn s5_4_pieces_together_are_the_message() {
    let session = script()
        .text("héllo")
        .binary("")
        .frame(TEXT_BEGIN, b"a\xe2")
        .ping("p")
        .frame(MORE, b"\x82")
        .frame(MORE, "")
        .frame(LAST, b"\xacb")
        .frame(BINARY_BEGIN, "")
        .frame(MORE, "")
        .frame(LAST, "")
        .frame(BINARY_BEGIN, "")
        .frame(LAST, pattern(9_000))
        .binary(pattern(150_000))
        .pong("q")
        .text("z");
    let expected = [
        text("héllo"),
        binary(""),
        ping(b"p"),
        text("a\u{20ac}b"),
        binary(""),
        binary(pattern(9_000)),
        binary(pattern(150_000)),
        unsolicited(b"q"),
        text("z"),
    ];
    every_way(pieces(), &session, |_, seen| same(&messages(seen), &expected));
}

#[test]
fn s5_4_a_piece_is_handed_out_as_soon_as_it_arrives() {
    for side in SIDES {
        let mut connection = side.open(pieces().with_message_limit(1 << 40));
        hear(&mut connection, START, &header_to(side, BINARY_BEGIN, 1 << 39));
        for n in 0..100 {
            let seen = hear(&mut connection, START, &pattern(1_000));
            let [Event::Piece(piece)] = &seen[..] else { panic!("{seen:?}") };
            assert_eq!(
                (piece.first, piece.last, &piece.payload[..]),
                (n == 0, false, &*pattern(1_000))
            );
            assert!(connection.buffer_capacity() <= 64 << 10, "no more than the receive buffer");
        }
    }
}

#[test]
fn s1_limits_hold_for_pieces_too() {
    let config = pieces().with_message_limit(5);
    for side in SIDES {
        let mut connection = side.open(config);
        let wire = script().frame(BINARY_BEGIN, "abc").frame(MORE, "def").wire(side);
        let seen = hear(&mut connection, START, &wire);
        assert_eq!(seen.len(), 2);
        let error = ConnectionError::Protocol(ProtocolError::MessageTooBig);
        assert_eq!(seen[1], Event::Error(error));
        let mut connection = side.open(config);
        let wire = script().frame(BINARY_BEGIN, "abc").frame(TEXT, "d").wire(side);
        let error = ConnectionError::Protocol(ProtocolError::ExpectedContinuation);
        assert_eq!(hear(&mut connection, START, &wire)[1], Event::Error(error));
    }
}
