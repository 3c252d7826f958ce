//! G: permessage-deflate, RFC 7692, once it is agreed on.

use super::*;
use crate::connection::Receive;
use crate::deflate::{Compress, Deflate, WindowBits};
use crate::frame::FrameHeader;
use crate::message::{DataKind, PreparedMessage};

pub(super) const COMPRESSED_TEXT: u8 = 0xc1;
pub(super) const COMPRESSED_TEXT_BEGIN: u8 = 0x41;
pub(super) const COMPRESSED_BINARY: u8 = 0xc2;

/// RFC 7692 section 7.2.3.1.
pub(super) const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
/// Section 7.2.3.2: the same again, by reference to the first.
pub(super) const HELLO_AGAIN: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];

pub(super) fn agreed() -> Deflate {
    Deflate { threshold: 0, ..Deflate::DEFAULT }
}

pub(super) fn open(side: Side, config: Config, deflate: Deflate) -> Connection {
    side.open(config).with_deflate(&deflate)
}

/// Runs `check` for both sides and every way of handing in what `script` says.
#[track_caller]
pub(super) fn every_way(
    config: Config,
    script: &Script,
    check: impl Fn(&mut Connection, Vec<Event<'static>>),
) {
    for side in SIDES {
        for split in SPLITS {
            let mut connection = open(side, config, agreed());
            let seen = feed(&mut connection, START, &script.wire(side), split);
            let _context = Context(side, split);
            check(&mut connection, seen);
        }
    }
}

#[track_caller]
pub(super) fn receives(config: Config, script: &Script, expected: &[Event<'static>]) {
    every_way(config, script, |connection, seen| {
        same(&seen, expected);
        assert_eq!(connection.state(), State::Open);
    });
}

#[track_caller]
pub(super) fn fails(
    config: Config,
    script: &Script,
    expected: &[Event<'static>],
    error: ProtocolError,
) {
    every_way(config, script, |connection, mut seen| {
        assert_eq!(seen.pop(), Some(Event::Error(ConnectionError::Protocol(error))));
        same(&seen, expected);
        let close = Close { code: error.close_code(), reason: error.as_str().into() };
        failed(connection, ConnectionError::Protocol(error), &close);
    });
}

/// What `send` makes of both ends of a connection: the frames, and the events of the other end.
pub(super) fn sent(
    side: Side,
    config: Config,
    deflate: Deflate,
    send: impl Fn(&mut Connection),
) -> (Vec<(u8, Vec<u8>)>, Vec<Event<'static>>) {
    let other = if side == Side::Client { Side::Server } else { Side::Client };
    let mut connection = open(side, config, deflate);
    let mut peer = open(other, Config::client(), deflate);
    send(&mut connection);
    let wire = output(&mut connection, START);
    (parse(&wire), hear(&mut peer, START, &wire))
}

/// Text that can be compressed, and differs with `seed`.
pub(super) fn prose(seed: usize, len: usize) -> String {
    let words = ["socket", "stays", "open", "while", "nobody", "looks", "at", "it"];
    let mut text = String::new();
    let mut state = seed;
    while text.len() < len {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        text.push_str(words[state / 65_536 % words.len()]);
        text.push(' ');
    }
    text.truncate(len);
    text
}

/// Bytes that cannot be compressed.
pub(super) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn s7_2_3_the_examples_of_the_rfc_are_read() {
    let session = script()
        .frame(COMPRESSED_TEXT, HELLO)
        .frame(COMPRESSED_TEXT, HELLO_AGAIN)
        // 7.2.3.1, in fragments, with a ping between them.
        .frame(COMPRESSED_TEXT_BEGIN, &HELLO[..3])
        .ping("between")
        .frame(LAST, &HELLO[3..])
        // 7.2.3.3: a block that is not compressed.
        .frame(COMPRESSED_TEXT, b"\x00\x05\x00\xfa\xffHello\x00")
        // 7.2.3.4: a block that says it is the last one.
        .frame(COMPRESSED_TEXT, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00")
        // 7.2.3.5: two blocks.
        .frame(COMPRESSED_TEXT, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")
        // 7.2.3.6: an empty message; and one that is not compressed.
        .frame(COMPRESSED_TEXT, [0])
        .text("plain");
    let hello = text("Hello");
    let expected = [
        hello.clone(),
        hello.clone(),
        ping(b"between"),
        hello.clone(),
        hello.clone(),
        hello.clone(),
        hello,
        text(""),
        text("plain"),
    ];
    receives(Config::server(), &session, &expected);
}

#[test]
fn f10_rsv1_is_refused_unless_agreed_and_then_but_on_the_first_frame_of_a_message() {
    let error = ProtocolError::ReservedBits;
    super::fails(Config::server(), &script().frame(COMPRESSED_TEXT, HELLO), &[], error);
    for first in [0xc9, 0xca, 0xc8, 0xc0, 0x40, 0xa1, 0x91, 0xe1, 0xd2] {
        fails(Config::server(), &script().frame(first, HELLO), &[], error);
    }
    let continued = script().frame(COMPRESSED_TEXT_BEGIN, &HELLO[..3]).frame(0xc0, &HELLO[3..]);
    fails(Config::server(), &continued, &[], error);
    let plain = script().frame(TEXT_BEGIN, "plain").frame(0xc0, HELLO);
    fails(Config::server(), &plain, &[], error);
}

#[test]
fn d7_a_message_is_compressed_from_the_threshold_on_if_it_gets_shorter() {
    for side in SIDES {
        let deflate = Deflate { threshold: 100, ..agreed() };
        let (short, long, noise) = (prose(1, 99), prose(2, 100), noise(2_000));
        let (frames, events) = sent(side, Config::server(), deflate, |connection| {
            connection.send(Message::from(&*short)).unwrap();
            connection.send(Message::from(&*long)).unwrap();
            connection.send(Message::from(&noise[..])).unwrap();
            connection.send(Message::from(&*long)).unwrap();
        });
        let firsts: Vec<_> = frames.iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [TEXT, COMPRESSED_TEXT, BINARY, COMPRESSED_TEXT]);
        assert_eq!((&*frames[0].1, &*frames[2].1), (short.as_bytes(), &noise[..]));
        assert!(frames[1].1.len() < 100);
        assert!(frames[3].1.len() < 20, "the context is there still: {}", frames[3].1.len());
        same(&events, &[text(short), text(&*long), binary(noise), text(long)]);
    }
}

#[test]
fn compress_always_and_never_are_obeyed() {
    for side in SIDES {
        let prose = prose(1, 5_000);
        let noise = noise(15_000);
        let (first, rest) = noise.split_at(5_000);
        let (second, third) = rest.split_at(5_000);
        let (frames, events) = sent(side, Config::server(), Deflate::DEFAULT, |connection| {
            for (compress, noise) in
                [(Compress::Always, first), (Compress::Never, second), (Compress::Auto, third)]
            {
                connection.send_with(Message::from(&*prose), compress).unwrap();
                connection.send_with(Message::from(noise), compress).unwrap();
                connection.send_with(Message::from(""), compress).unwrap();
            }
        });
        let firsts: Vec<_> = frames.iter().map(|(first, _)| *first).collect();
        let expected = [
            [COMPRESSED_TEXT, COMPRESSED_BINARY, COMPRESSED_TEXT],
            [TEXT, BINARY, TEXT],
            [COMPRESSED_TEXT, BINARY, TEXT],
        ];
        assert_eq!(firsts, expected.concat());
        assert_eq!(frames[2].1, [0], "section 7.2.3.6");
        let each = |noise| [text(&*prose), binary(noise), text("")];
        same(&events, &[each(first), each(second), each(third)].concat());
    }
}

#[test]
fn never_is_not_compressed_without_an_agreement_either() {
    let mut connection = server(Config::server());
    connection.send_with(Message::from(prose(1, 5_000)), Compress::Always).unwrap();
    assert_eq!(frames(&mut connection, START)[0].0, TEXT);
}

#[test]
fn s6_1_a_long_compressed_message_leaves_in_frames_and_only_the_first_says_so() {
    for side in SIDES {
        let config = Config { fragment_size: 125, ..Config::server() };
        let message = prose(3, 20_000);
        let (frames, events) = sent(side, config, agreed(), |connection| {
            connection.send(Message::from(&*message)).unwrap();
        });
        assert!(frames.len() > 3);
        let (last, begin) = frames.split_last().unwrap();
        assert_eq!((begin[0].0, last.0), (COMPRESSED_TEXT_BEGIN, LAST));
        assert!(begin[1..].iter().all(|(first, payload)| (*first, payload.len()) == (MORE, 125)));
        same(&events, &[text(message)]);
    }
}

#[test]
fn a_message_in_fragments_is_compressed_as_one_and_each_fragment_can_be_read_at_once() {
    for side in SIDES {
        let other = if side == Side::Client { Side::Server } else { Side::Client };
        let mut connection = open(side, Config::server(), agreed());
        let pieces = Config { receive: Receive::Pieces, ..Config::server() };
        let mut peer = open(other, pieces, agreed());
        for round in 0..3 {
            let mut got = Vec::new();
            let mut writer = connection.fragments(DataKind::Text).unwrap();
            for (n, last) in [(1, false), (2, false), (3, true)] {
                let part = prose(round + n, 700);
                if last {
                    writer.finish(part.as_bytes()).unwrap();
                } else {
                    writer.write(part.as_bytes()).unwrap();
                    writer.pause();
                }
                connection.ping(b"between").unwrap();
                let wire = output(&mut connection, START);
                let (header, _) = FrameHeader::parse(&wire).unwrap().unwrap();
                assert_eq!((header.rsv1, header.fin), (n == 1, last));
                for event in hear(&mut peer, START, &wire) {
                    if let Event::Piece(piece) = event {
                        got.extend_from_slice(&piece.payload);
                        assert_eq!((piece.first, piece.last), (n == 1, last));
                    }
                }
                let whole: String = (1..=n).map(|n| prose(round + n, 700)).collect();
                assert_eq!(str::from_utf8(&got), Ok(&*whole), "after fragment {n}");
                if !last {
                    writer = connection.resume_fragments().unwrap();
                } else {
                    break;
                }
            }
        }
    }
}

#[test]
fn d7_what_waits_for_an_open_message_is_compressed_behind_it() {
    for side in SIDES {
        let shared = prose(7, 600);
        let (frames, events) = sent(side, Config::server(), agreed(), |connection| {
            let mut writer = connection.fragments(DataKind::Text).unwrap();
            writer.write(shared.as_bytes()).unwrap();
            writer.pause();
            connection.send(Message::from(&*shared)).unwrap();
            connection.send_with(Message::from(&*shared), Compress::Never).unwrap();
            connection.resume_fragments().unwrap().finish(shared.as_bytes()).unwrap();
            connection.send(Message::from(&*shared)).unwrap();
        });
        let firsts: Vec<_> = frames.iter().map(|(first, _)| *first).collect();
        let expected = [COMPRESSED_TEXT_BEGIN, LAST, COMPRESSED_TEXT, TEXT, COMPRESSED_TEXT];
        assert_eq!(firsts, expected);
        assert!(frames[2].1.len() < 30, "it refers to what is before it");
        let twice = text([&*shared, &*shared].concat());
        same(&events, &[twice, text(&*shared), text(&*shared), text(&*shared)]);
    }
}

#[test]
fn d4_without_takeover_each_message_stands_for_itself() {
    for (side, deflate) in [
        (Side::Server, Deflate { server_no_context_takeover: true, ..agreed() }),
        (Side::Client, Deflate { client_no_context_takeover: true, ..agreed() }),
    ] {
        let message = prose(9, 3_000);
        let (frames, events) = sent(side, Config::server(), deflate, |connection| {
            connection.send(Message::from(&*message)).unwrap();
            connection.send(Message::from(&*message)).unwrap();
        });
        assert_eq!(frames[0], frames[1]);
        same(&events, &[text(&*message), text(message)]);
    }
    // The other end's is another matter.
    let deflate = Deflate { client_no_context_takeover: true, ..agreed() };
    let message = prose(9, 3_000);
    let (frames, _) = sent(Side::Server, Config::server(), deflate, |connection| {
        connection.send(Message::from(&*message)).unwrap();
        connection.send(Message::from(&*message)).unwrap();
    });
    let (first, second) = (frames[0].1.len(), frames[1].1.len());
    assert!(second * 4 < first, "the server's context is kept: {first}, {second}");
}

#[test]
fn d4_a_peer_that_was_to_forget_and_refers_back_is_1007() {
    let deflate = Deflate { client_no_context_takeover: true, ..agreed() };
    let mut connection = open(Side::Server, Config::server(), deflate);
    let wire = script().frame(COMPRESSED_TEXT, HELLO).frame(COMPRESSED_TEXT, HELLO_AGAIN);
    let seen = hear(&mut connection, START, &wire.wire(Side::Server));
    let error = ConnectionError::Protocol(ProtocolError::InvalidDeflate);
    same(&seen, &[text("Hello"), Event::Error(error)]);
}

#[test]
fn d1_garbage_is_1007_wherever_it_comes() {
    let error = ProtocolError::InvalidDeflate;
    for garbage in [&[0xff][..], &[0x06, 0xff, 0xff], &[0xf2, 0x48, 0xff, 0xff, 0xff, 0xff, 0xff]] {
        fails(Config::server(), &script().frame(COMPRESSED_BINARY, garbage), &[], error);
    }
    let second = script().frame(COMPRESSED_TEXT, HELLO).frame(COMPRESSED_TEXT, [0xff]);
    fails(Config::server(), &second, &[text("Hello")], error);
    // Ends within a block.
    fails(Config::server(), &script().frame(COMPRESSED_TEXT, &HELLO[..4]), &[], error);
}

#[test]
fn u4_what_is_not_text_comes_before_what_is_not_deflate_also_in_the_last_part() {
    // Stored blocks: their length, its complement, and they are not the last.
    let stored = |bytes: &[u8]| {
        let len = (bytes.len() as u16).to_le_bytes();
        [&[0, len[0], len[1], !len[0], !len[1]][..], bytes].concat()
    };
    let begin = || script().frame(COMPRESSED_TEXT_BEGIN, stored(b"ab\xe2\x82"));
    let (text_error, deflate_error) = (ProtocolError::InvalidUtf8, ProtocolError::InvalidDeflate);
    for (last, error) in [
        ([&stored(b"\xacz")[..], &[0xff]].concat(), deflate_error),
        ([&stored(b"\xac\xff")[..], &[0xff]].concat(), text_error),
        ([&stored(b"z\xac")[..], &[0xff]].concat(), text_error),
        ([&stored(b"\xac\xff")[..], &[0]].concat(), text_error),
        ([&stored(b"\xac\xf0")[..], &[0]].concat(), text_error),
        ([0].to_vec(), text_error),
    ] {
        fails(Config::server(), &begin().frame(LAST, &last), &[], error);
    }
    let whole = begin().frame(LAST, [&stored(b"\xacz")[..], &[0]].concat());
    receives(Config::server(), &whole, &[text("ab\u{20ac}z")]);
}

#[test]
fn a_prepared_message_is_compressed_once_and_read_by_all_whatever_they_agreed_on() {
    let message = prose(4, 8_000);
    let own = prose(5, 2_000);
    let prepared = PreparedMessage::compressed_by(&Message::from(&*message), &agreed());
    let narrow = WindowBits::new(10).unwrap();
    let deflates = [
        agreed(),
        Deflate { threshold: 0, ..Deflate::SHARED },
        Deflate { server_max_window_bits: narrow, client_max_window_bits: narrow, ..agreed() },
    ];
    for side in SIDES {
        for deflate in deflates {
            let (frames, events) = sent(side, Config::server(), deflate, |connection| {
                connection.send(Message::from(&*own)).unwrap();
                connection.send_prepared(&prepared).unwrap();
                connection.send(Message::from(&*own)).unwrap();
                connection.send_prepared(&prepared).unwrap();
                connection.send(Message::from(&*message)).unwrap();
            });
            let fits = deflate.server_max_window_bits != narrow;
            let expected = if fits { COMPRESSED_TEXT } else { TEXT };
            assert_eq!((frames[1].0, frames[3].0), (expected, expected));
            assert_eq!(frames[1].1, frames[3].1);
            let all = [text(&*own), text(&*message), text(&*own), text(&*message), text(&*message)];
            same(&events, &all);
        }
        let mut plain = side.open(Config::server());
        plain.send_prepared(&prepared).unwrap();
        assert_eq!(frames(&mut plain, START), [(TEXT, message.clone().into_bytes())]);
    }
}

#[test]
fn a_prepared_message_that_waits_for_an_open_one_is_sent_as_it_was_prepared() {
    for side in SIDES {
        let secret = prose(2, 3_000);
        let plain = PreparedMessage::new(&Message::from(&*secret));
        let compressed = PreparedMessage::compressed_by(&Message::from(&*secret), &agreed());
        let (frames, events) = sent(side, Config::server(), agreed(), |connection| {
            let mut writer = connection.fragments(DataKind::Text).unwrap();
            writer.write(b"open").unwrap();
            writer.pause();
            for prepared in [&plain, &compressed, &plain] {
                connection.send_prepared(prepared).unwrap();
            }
            connection.resume_fragments().unwrap().finish(b"").unwrap();
        });
        let firsts: Vec<_> = frames.iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [COMPRESSED_TEXT_BEGIN, LAST, TEXT, COMPRESSED_TEXT, TEXT]);
        same(&events, &[text("open"), text(&*secret), text(&*secret), text(&*secret)]);
    }
}

#[test]
fn d4_what_one_connection_sent_is_not_referred_to_by_the_next() {
    // They take turns with one compressor, which is not reset in between.
    for level in 0..=9 {
        for (server_no_context_takeover, bits) in [(true, 15), (true, 9), (false, 12), (false, 15)]
        {
            let server_max_window_bits = WindowBits::new(bits).unwrap();
            let deflate =
                Deflate { level, server_no_context_takeover, server_max_window_bits, ..agreed() };
            for seed in 0..3 {
                let message = prose(seed / 2, 4_000);
                let (_, events) = sent(Side::Server, Config::server(), deflate, |connection| {
                    connection.send(Message::from(&*message)).unwrap();
                });
                same(&events, &[text(message)]);
            }
        }
    }
}

#[test]
fn a_long_prepared_message_is_shared_compressed() {
    let noisy: String = noise(60_000).iter().map(|byte| char::from(byte & 0x3f | 0x40)).collect();
    let prepared = PreparedMessage::compressed_by(&Message::from(&*noisy), &agreed());
    let mut room: Vec<_> = (0..3).map(|_| open(Side::Server, Config::server(), agreed())).collect();
    let place = |member: &mut Connection| {
        member.send_prepared(&prepared).unwrap();
        member.send_buffer().chunk().as_ptr()
    };
    let places: Vec<_> = room.iter_mut().map(place).collect();
    assert!(places.iter().all(|at| *at == places[0]), "one copy");
    assert_eq!(frames(&mut room[0], START)[0].0, COMPRESSED_TEXT);
}
