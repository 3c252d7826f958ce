//! C: UTF-8.

use super::*;
use crate::connection::Receive;
use crate::error::SendError;

/// What no text begins with, up to the byte that says so.
const INVALID: [&[u8]; 8] = [
    b"\xf4\x90",
    b"\xed\xa0",
    b"\xc0",
    b"\xe0\x80",
    b"\xf5",
    b"\x80",
    b"\xf0\x8f",
    b"\xe2\x82\x41",
];

fn pieces() -> Config {
    Config { receive: Receive::Pieces, ..Config::server() }
}

#[test]
fn u1_a_character_may_be_cut_by_fragments_reads_and_pings() {
    let whole = "aé\u{20ac}\u{1f600}z";
    for cut in 0..=whole.len() {
        let (a, b) = whole.as_bytes().split_at(cut);
        receives(
            Config::server(),
            &script().frame(TEXT_BEGIN, a).ping("p").frame(MORE, "").frame(LAST, b).text(whole),
            &[ping(b"p"), text(whole), text(whole)],
        );
    }
}

#[test]
fn u2_fails_in_the_middle_of_a_frame_before_the_frame_is_whole() {
    // In the staging area, and placed directly, as the only fragment and as a later one.
    for declared in [100, 2_000, 50_000] {
        for offset in [0, 1, 50, 90] {
            for first in [TEXT, TEXT_BEGIN, LAST, MORE] {
                for invalid in INVALID {
                    u2_case(declared, offset, first, invalid);
                }
            }
        }
    }
}

fn u2_case(declared: u64, offset: usize, first: u8, invalid: &[u8]) {
    for side in SIDES {
        for config in [Config::server(), pieces()] {
            let mut connection = side.open(config);
            if first & 0x0f == 0 {
                hear(&mut connection, START, &script().frame(TEXT_BEGIN, "é").wire(side));
            }
            hear(&mut connection, START, &header_to(side, first, declared));
            hear(&mut connection, START, &std::vec![b'a'; offset]);
            let (last, before) = invalid.split_last().unwrap();
            let seen = feed(&mut connection, START, before, Split::ByteByByte);
            assert!(!seen.iter().any(|event| matches!(event, Event::Error(_))), "too early");
            let seen = hear(&mut connection, START, &[*last]);
            let error = ConnectionError::Protocol(ProtocolError::InvalidUtf8);
            assert_eq!(seen, [Event::Error(error)], "{invalid:x?}");
            assert_eq!(frames(&mut connection, START)[0].1[..2], 1007_u16.to_be_bytes());
        }
    }
}

#[test]
fn u2_text_that_is_not_utf8_is_never_delivered() {
    for invalid in INVALID {
        for pad in [0, 10, 5_000] {
            let payload = [&std::vec![b'a'; pad], invalid, b"abc"].concat();
            let after_good = script().text("good").text(&payload).text("never");
            fails(Config::server(), &after_good, &[text("good")], ProtocolError::InvalidUtf8);
            let fragments = script().frame(TEXT_BEGIN, "good").frame(LAST, &payload);
            fails(Config::server(), &fragments, &[], ProtocolError::InvalidUtf8);
        }
    }
}

#[test]
fn u3_a_text_may_not_end_inside_a_character() {
    for end in [&b"\xc3"[..], b"\xe2\x82", b"\xf0\x9f\x98", b"\xf0"] {
        for pad in [0, 10, 5_000] {
            let payload = [&std::vec![b'a'; pad], end].concat();
            let error = ProtocolError::InvalidUtf8;
            fails(Config::server(), &script().text(&payload), &[], error);
            let last = script().frame(TEXT_BEGIN, "a").frame(LAST, &payload);
            fails(Config::server(), &last, &[], error);
            let empty_last = script().frame(TEXT_BEGIN, &payload).ping("").frame(LAST, "");
            fails(Config::server(), &empty_last, &[ping(b"")], error);
        }
    }
}

#[test]
fn u3_a_text_in_pieces_may_not_end_inside_a_character() {
    for side in SIDES {
        for split in SPLITS {
            let mut connection = side.open(pieces());
            let wire = script().frame(TEXT_BEGIN, "a").frame(LAST, b"b\xc3").wire(side);
            let mut seen = feed(&mut connection, START, &wire, split);
            let error = ConnectionError::Protocol(ProtocolError::InvalidUtf8);
            assert_eq!(seen.pop(), Some(Event::Error(error)));
            assert!(seen.iter().all(|event| matches!(event, Event::Piece(p) if !p.last)));
        }
    }
}

#[test]
fn u1_every_message_is_judged_from_its_own_beginning() {
    // The second and third would be valid only behind what the message before left unfinished.
    receives(
        Config::server(),
        &script()
            .frame(TEXT_BEGIN, b"\xc3")
            .frame(LAST, b"\xa9")
            .frame(BINARY_BEGIN, b"\xc3")
            .frame(LAST, b""),
        &[text("é"), binary(b"\xc3")],
    );
    fails(
        Config::server(),
        &script().frame(BINARY_BEGIN, b"\xc3").frame(LAST, b"").frame(TEXT_BEGIN, b"\xa9"),
        &[binary(b"\xc3")],
        ProtocolError::InvalidUtf8,
    );
}

#[test]
fn s5_6_binary_is_arbitrary_bytes() {
    let all: Vec<u8> = (0..=255).collect();
    receives(
        Config::server(),
        &script().binary(&all).frame(BINARY_BEGIN, b"\xff").frame(LAST, b"\xc0"),
        &[binary(&all), binary(b"\xff\xc0")],
    );
}

#[test]
fn u5_a_close_reason_that_is_not_utf8_fails_with_1007() {
    let close = script().text("a").frame(CLOSE, b"\x03\xe8ab\xc3");
    fails(Config::server(), &close, &[text("a")], ProtocolError::InvalidUtf8);
}

#[test]
fn u2_text_found_invalid_as_it_is_handed_out_closes_and_is_reported() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.receive(START, &script().text(b"\xff").text("never").wire(side));
        let (event, mut sender) = connection.poll_event_with_sender().unwrap();
        let error = ConnectionError::Protocol(ProtocolError::InvalidUtf8);
        assert_eq!(event, Event::Error(error));
        let message = Message::from("answer");
        assert_eq!(sender.send(message.clone()), Err(SendError::Closed(message)));
        assert!(events(&mut connection).is_empty());
        let close = Close { code: code(1007), reason: ProtocolError::InvalidUtf8.as_str().into() };
        failed(&mut connection, error, &close);
    }
}

#[test]
fn invalid_text_that_was_ready_when_all_ended_is_replaced_by_the_end() {
    let ends: [fn(&mut Connection); 3] = [
        Connection::abort,
        |connection| {
            connection.close(START, CloseCode::NORMAL, "").unwrap();
            connection.handle_timeout(after(60));
        },
        |connection| connection.send_failed(START, TransportFailure::Reset),
    ];
    for side in SIDES {
        for (n, end) in ends.iter().enumerate() {
            let mut connection = side.open(Config::server());
            connection.receive(START, &script().text(b"\xff").wire(side));
            assert!(connection.poll_ready());
            end(&mut connection);
            let mut seen = events(&mut connection);
            connection.handle_timeout(after(120));
            seen.extend(events(&mut connection));
            assert_eq!(seen.len(), if n == 0 { 1 } else { 2 }, "{seen:?}");
            assert!(matches!(seen.last(), Some(Event::Closed(_))));
            over(&mut connection);
        }
    }
}
