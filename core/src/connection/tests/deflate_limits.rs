//! What compression must not cost: limits, memory, checks.

use super::deflate::{COMPRESSED_BINARY, agreed, fails, noise, open, prose, receives, sent};
use super::*;
use crate::buffer::Stage;
use crate::connection::Receive;
use crate::deflate::{Compress, Deflate};
use crate::message::DataKind;

/// A message of `len` bytes as a peer compresses it.
fn compressed(len: usize) -> Vec<u8> {
    let (frames, _) = sent(Side::Server, Config::server(), agreed(), |connection| {
        connection.send_with(Message::from(std::vec![b'x'; len]), Compress::Always).unwrap();
    });
    frames.into_iter().flat_map(|(_, payload)| payload).collect()
}

#[test]
fn d3_a_decompressed_message_of_exactly_the_limit_passes_and_one_byte_more_is_1009() {
    for limit in [1, 125, 5_000, 66_000] {
        let config = Config::server().with_message_limit(limit as u64);
        let at = script().frame(COMPRESSED_BINARY, compressed(limit));
        receives(config, &at, &[binary(std::vec![b'x'; limit])]);
        let over = script()
            .frame(COMPRESSED_BINARY, compressed(limit))
            .frame(COMPRESSED_BINARY, compressed(limit + 1));
        // Its first message is in the context of the second: both were compressed without one.
        let seen = [binary(std::vec![b'x'; limit])];
        fails(config, &over, &seen, ProtocolError::MessageTooBig);
    }
}

#[test]
fn d3_a_message_that_compression_made_longer_than_the_limit_passes_if_it_is_not() {
    let noise = noise(3_000);
    let (frames, _) = sent(Side::Server, Config::server(), agreed(), |connection| {
        connection.send_with(Message::from(&noise[..]), Compress::Always).unwrap();
    });
    assert!(frames[0].1.len() > 3_000);
    let config = Config::server().with_message_limit(3_000);
    receives(config, &script().frame(COMPRESSED_BINARY, &frames[0].1), &[binary(noise)]);
    let announced = script().raw(&header(COMPRESSED_BINARY, Some(Mask([0; 4])), 4_000));
    let mut connection = open(Side::Server, config, agreed());
    let seen = hear(&mut connection, START, &announced.wire(Side::Server));
    let error = ConnectionError::Protocol(ProtocolError::FrameTooBig);
    assert_eq!(
        seen,
        [Event::Error(error)],
        "judged by its header, before anything is decompressed"
    );
}

#[test]
fn d3_a_bomb_is_refused_at_the_limit_with_bounded_memory() {
    let bomb = compressed(16 << 20);
    assert!(bomb.len() * 900 < 16 << 20, "a thousandfold, nearly: {}", bomb.len());
    for limit in [1 << 15, 1 << 20] {
        let config = Config::server().with_message_limit(limit);
        let mut connection = open(Side::Server, config, agreed());
        let wire = script().frame(COMPRESSED_BINARY, &bomb).wire(Side::Server);
        let mut most = 0;
        for part in wire.chunks(1_000) {
            connection.receive(START, part);
            let _ = connection.poll_ready();
            most = most.max(connection.buffer_capacity());
        }
        let error = ConnectionError::Protocol(ProtocolError::MessageTooBig);
        assert_eq!(connection.poll_event(), Some(Event::Error(error)));
        assert!(most < 2 * limit as usize + (512 << 10), "{most} held");
    }
}

#[test]
fn u4_the_decompressed_bytes_must_be_utf8_and_are_judged_as_they_come() {
    let wire = |parts: &[&[u8]]| {
        let mut peer = open(Side::Client, Config::client(), agreed());
        let mut writer = peer.fragments(DataKind::Text).unwrap();
        let (last, parts) = parts.split_last().unwrap();
        for part in parts {
            writer.write(*part).unwrap();
        }
        writer.finish(*last).unwrap();
        output(&mut peer, START)
    };
    let (euro, rest) = "€".as_bytes().split_at(1);
    let mut connection = open(Side::Server, Config::server(), agreed());
    same(&hear(&mut connection, START, &wire(&[b"a", euro, rest])), &[text("a€")]);
    let invalid = ConnectionError::Protocol(ProtocolError::InvalidUtf8);
    for parts in [&[&b"a"[..], euro][..], &[euro, b"b", b"c"], &[b"\xf4\x90", b"never read"]] {
        let wire = wire(parts);
        // Without the last frame: what is wrong shows before it, unless the end is what is wrong.
        let mut connection = open(Side::Server, Config::server(), agreed());
        let seen = hear(&mut connection, START, &wire);
        assert_eq!(seen, [Event::Error(invalid)], "{parts:?}");
        if parts.len() > 2 || parts[0] != b"a" {
            let (_, frames) =
                parse(&wire).split_last().map(|(l, f)| (l.clone(), f.to_vec())).unwrap();
            let early =
                frames.iter().fold(script(), |s, (first, payload)| s.frame(*first, payload));
            let mut connection = open(Side::Server, Config::server(), agreed());
            let seen = hear(&mut connection, START, &early.wire(Side::Server));
            assert_eq!(seen, [Event::Error(invalid)], "{parts:?} without its end");
        }
    }
}

#[test]
fn messages_too_long_for_memory_are_handed_out_in_pieces_within_the_limit() {
    let payload = std::vec![b'x'; 3 << 20];
    let bytes = compressed(payload.len());
    let config =
        Config { receive: Receive::Pieces, max_message: payload.len() as u64, ..Config::server() };
    let wire = script().frame(COMPRESSED_BINARY, &bytes).wire(Side::Server);
    let mut connection = open(Side::Server, config, agreed());
    let mut got = 0;
    let mut ends = Vec::new();
    for part in wire.chunks(512) {
        for event in hear(&mut connection, START, part) {
            let Event::Piece(piece) = event else { panic!("{event:?}") };
            got += piece.payload.len();
            ends.push((piece.first, piece.last));
        }
    }
    assert_eq!(got, payload.len());
    assert!(ends.len() > 2);
    assert_eq!((ends[0], ends[ends.len() - 1]), ((true, false), (false, true)));
    let config = Config { max_message: payload.len() as u64 - 1, ..config };
    let mut connection = open(Side::Server, config, agreed());
    let seen = hear(&mut connection, START, &wire);
    let error = ConnectionError::Protocol(ProtocolError::MessageTooBig);
    assert_eq!(seen.last(), Some(&Event::Error(error)));
}

#[test]
fn s1_what_is_compressed_and_queued_takes_no_more_memory_than_is_counted() {
    let config = Config { send_hard_limit: 1 << 20, ..Config::server() };
    let mut connection = open(Side::Server, config, agreed());
    let message = std::vec![b'x'; 4_000];
    let mut accepted = 0;
    while connection.send(Message::from(&message[..])).is_ok() {
        accepted += 1;
    }
    assert!(accepted > 1_000);
    let held: usize = connection.active().transmitter.queued_capacity();
    assert!(held <= 2 << 20, "{held} held for {accepted} messages");
}

#[test]
fn memory_for_what_is_decompressed_is_claimed_a_few_times() {
    let noise = noise(1 << 20);
    let (frames, _) = sent(Side::Server, Config::server(), agreed(), |connection| {
        connection.send_with(Message::from(&noise[..]), Compress::Always).unwrap();
    });
    let payload: Vec<u8> = frames.into_iter().flat_map(|(_, payload)| payload).collect();
    let wire = script().frame(COMPRESSED_BINARY, &payload).wire(Side::Server);
    let mut connection = open(Side::Server, Config::server(), agreed());
    let mut claims = 0;
    let mut before = 0;
    let mut stage = Stage::new();
    for part in wire.chunks(5_000) {
        connection.lend(&mut stage);
        assert_eq!(connection.receive(START, part), part.len());
        let _ = connection.poll_ready();
        connection.reclaim(&mut stage);
        let claimed = connection.active().inbox.claimed();
        claims += usize::from(claimed != before);
        before = claimed;
    }
    same(&events(&mut connection), &[binary(&noise)]);
    assert!(claims < 20, "{claims} times");
}

#[test]
fn d8_nothing_is_held_before_the_first_message_nor_without_takeover_after_it() {
    let message = prose(6, 3_000);
    for deflate in [agreed(), Deflate { threshold: 0, ..Deflate::SHARED }] {
        let mut a = open(Side::Client, Config::client(), deflate);
        let mut b = open(Side::Server, Config::server(), deflate);
        assert_eq!((a.buffer_capacity(), b.buffer_capacity()), (0, 0));
        a.send(Message::from(&*message)).unwrap();
        same(&exchange(START, &mut a, &mut b).1, &[text(&*message)]);
        a.release_buffers();
        b.release_buffers();
        let held = deflate == agreed();
        assert_eq!((a.buffer_capacity() > 0, b.buffer_capacity() > 0), (held, held));
    }
}

#[test]
fn d8_windows_of_4_kib_hold_that_and_no_more() {
    let deflate = Deflate { threshold: 0, ..Deflate::COMPACT };
    let mut a = open(Side::Client, Config::client(), deflate);
    let mut b = open(Side::Server, Config::server(), deflate);
    let repeated = prose(8, 1_500);
    for round in 0..20 {
        let message = if round % 2 == 0 { repeated.clone() } else { prose(round, 2_000) };
        a.send(Message::from(&*message)).unwrap();
        b.send(Message::from(&*message)).unwrap();
        let (of_a, of_b) = exchange(START, &mut a, &mut b);
        same(&of_a, &[text(&*message)]);
        same(&of_b, &[text(message)]);
        for connection in [&mut a, &mut b] {
            connection.release_buffers();
            assert!(connection.buffer_capacity() <= 8 << 10);
        }
    }
    a.send(Message::from(&*repeated)).unwrap();
    assert!(frames(&mut a, START)[0].1.len() < 1_500 / 10, "it refers to what was said before");
}

#[test]
fn f9_nothing_is_decompressed_behind_a_close_frame_or_an_error() {
    let bomb = compressed(1 << 20);
    let session = script().close(1000, "").frame(COMPRESSED_BINARY, &bomb);
    for side in SIDES {
        let mut connection = open(side, Config::server(), agreed());
        let seen = hear(&mut connection, START, &session.wire(side));
        assert!(seen.iter().all(|event| !matches!(event, Event::Message(_))), "{seen:?}");
        connection.release_buffers();
        assert_eq!(
            connection.buffer_capacity(),
            connection.active().transmitter.outbox().capacity()
        );
    }
}

#[test]
fn f3_a_message_within_the_limit_passes_however_often_its_sender_flushes() {
    let wires = |pieces: &[&[u8]]| {
        let (frames, _) = sent(Side::Server, Config::server(), agreed(), |connection| {
            let mut writer = connection.fragments_with(DataKind::Binary, Compress::Always).unwrap();
            for piece in pieces {
                writer.write(*piece).unwrap();
            }
            writer.finish(b"").unwrap();
        });
        frames.into_iter().fold(script(), |script, (first, payload)| script.frame(first, payload))
    };
    let noise = noise(1_000);
    for size in [1, 2, 8, 100] {
        let config = Config::server().with_message_limit(1_000);
        let pieces: Vec<&[u8]> = noise.chunks(size).collect();
        receives(config, &wires(&pieces), &[binary(&noise)]);
        let over = wires(&[&pieces[..], &[b"x"]].concat());
        fails(config, &over, &[], ProtocolError::MessageTooBig);
    }
}
