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
fn a_text_in_fragments_is_lent_and_its_memory_given_up_for_the_next_event() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        let part = "aé".repeat(40_000);
        let fragments = script().frame(TEXT_BEGIN, &part).frame(LAST, &part);
        for next in [fragments.clone(), fragments.clone().text("z"), fragments] {
            let mut wire = &next.wire(side)[..];
            while !connection.poll_ready() {
                let n = connection.receive(START, wire);
                wire = &wire[n..];
            }
            let Some(Event::Message(Message::Text(message))) = connection.event() else { panic!() };
            assert!(*message == part.repeat(2));
            assert!(connection.buffer_capacity() >= 2 * part.len());
            while !wire.is_empty() {
                let n = connection.receive(START, wire);
                wire = &wire[n..];
            }
            // Whatever there is behind it, and before that is taken.
            assert_eq!(connection.poll_ready(), next.frames.len() > 2);
            assert!(connection.buffer_capacity() <= 64 << 10, "{}", connection.buffer_capacity());
            assert_eq!(events(&mut connection).len(), next.frames.len() - 2);
        }
    }
}

#[test]
fn nothing_is_held_once_idle() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        assert_eq!(connection.buffer_capacity(), 0, "nor before the first byte");
        for len in [10, 3_000, 100_000] {
            let fragments = script().frame(TEXT_BEGIN, "a".repeat(len)).frame(LAST, "b");
            hear(&mut connection, START, &fragments.wire(side));
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

/// Fragments that arrive together, of lengths in every form, some of text cut inside a character.
fn many(first: u8) -> (Script, Vec<u8>) {
    let text = "Grüße, 世界 🙂 ".repeat(90);
    let (mut rest, mut script) = (text.as_bytes(), script());
    for (n, len) in [5, 1, 16, 125, 126, 300, 7, 2, 3, 15, 17, 255, 256, 257].iter().enumerate() {
        let (fragment, after) = rest.split_at(*len);
        script = script.frame(if n == 0 { first } else { MORE }, fragment);
        rest = after;
    }
    (script.frame(MORE, rest), text.into_bytes())
}

#[test]
fn s5_4_fragments_that_arrive_together_are_one_message() {
    for first in [TEXT_BEGIN, BINARY_BEGIN] {
        let (fragments, mut whole) = many(first);
        let session = fragments.ping("1").frame(MORE, "").frame(MORE, "más").ping("2");
        let session = session.frame(LAST, "!").text("z").frame(first, "a").frame(LAST, "b");
        whole.extend_from_slice("más!".as_bytes());
        let of = |payload: Vec<u8>| match first {
            TEXT_BEGIN => text(String::from_utf8(payload).unwrap()),
            _ => binary(payload),
        };
        let expected = [ping(b"1"), ping(b"2"), of(whole), text("z"), of(b"ab".to_vec())];
        receives(Config::server(), &session, &expected);
    }
}

#[test]
fn what_is_wrong_behind_fragments_that_arrive_together_is_found_in_order() {
    let config = Config { max_empty_fragments: 2, ..Config::server() };
    let (fragments, whole) = many(TEXT_BEGIN);
    let then = |first: u8, payload: &[u8]| fragments.clone().frame(first, payload);
    for (script, error) in [
        (then(MORE, b"ok\xff"), ProtocolError::InvalidUtf8),
        (then(LAST, b"\xf0\x9f"), ProtocolError::InvalidUtf8),
        (then(MORE, b"\xf0\x9f").frame(LAST, "z"), ProtocolError::InvalidUtf8),
        (then(MORE, b"\xff").frame(TEXT, "z"), ProtocolError::InvalidUtf8),
        (then(MORE, b"\xff").frame(MORE | 0x40, "z"), ProtocolError::InvalidUtf8),
        (then(TEXT, b"z"), ProtocolError::ExpectedContinuation),
        (then(BINARY_BEGIN, b"z"), ProtocolError::ExpectedContinuation),
        (then(MORE | 0x40, b"z"), ProtocolError::ReservedBits),
        (then(LAST | 0x10, b"z"), ProtocolError::ReservedBits),
        (then(LAST | 0x03, b"z"), ProtocolError::ReservedOpcode),
        (then(MORE, b"").frame(MORE, "").frame(LAST, ""), ProtocolError::TooManyEmptyFragments),
        (then(LAST, b"z").frame(LAST, "z"), ProtocolError::UnexpectedContinuation),
    ] {
        let complete = error == ProtocolError::UnexpectedContinuation;
        let message = text(String::from_utf8([&whole[..], b"z"].concat()).unwrap());
        let expected = if complete { &[message][..] } else { &[] };
        fails(config, &script, expected, error);
    }
    for (config, error) in [
        (Config { max_fragments: 15, ..config }, ProtocolError::TooManyFragments),
        (config.with_message_limit(whole.len() as u64), ProtocolError::MessageTooBig),
        (Config { max_frame: 399, ..config }, ProtocolError::FrameTooBig),
    ] {
        fails(config, &then(MORE, &[b'z'; 400]), &[], error);
    }
    for side in SIDES {
        let other = if side == Side::Server { Side::Client } else { Side::Server };
        let mut connection = side.open(config);
        let wrong = script().frame(MORE, "z").wire(other);
        let wire = [fragments.wire(side), wrong].concat();
        let error = ConnectionError::Protocol(ProtocolError::WrongMasking);
        assert_eq!(hear(&mut connection, START, &wire), [Event::Error(error)]);
    }
}

#[test]
fn s1_short_messages_in_fragments_hold_no_more_than_twice_their_size() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        let message = script().frame(TEXT_BEGIN, [b'a'; 20]).frame(LAST, [b'b'; 21]);
        let wire = (0..100).fold(script(), |mut all, _| {
            all.frames.extend(message.frames.clone());
            all
        });
        connection.receive(START, &wire.wire(side));
        let mut seen = 0;
        while connection.poll_ready() {
            let claimed = connection.active().inbox.claimed();
            assert!(claimed <= 2 * 41, "{claimed}");
            assert!(matches!(connection.event(), Some(Event::Message(_))));
            seen += 1;
        }
        assert!(seen > 50, "{seen}");
    }
}
