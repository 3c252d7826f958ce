//! D: messages, pings and pongs on their way out, and the limits of the queue.

use bytes::Bytes;

use super::*;
use crate::error::SendError;

/// More than this is not serialised ahead of the transport.
const LOW_WATER: usize = 256 << 10;

/// What leaves when the transport takes `n` bytes.
fn take(connection: &mut Connection, n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < n && connection.send_buffer().has_remaining() {
        let chunk = connection.send_buffer().chunk();
        let chunk = chunk[..chunk.len().min(n - bytes.len())].to_vec();
        connection.sent(START, chunk.len());
        bytes.extend(chunk);
    }
    bytes
}

fn payload(frame: &(u8, Vec<u8>)) -> &[u8] {
    &frame.1
}

#[test]
fn s6_1_messages_leave_in_order_whatever_the_transport_takes() {
    for side in SIDES {
        for step in [1, 7, 1_000, 65_535, usize::MAX] {
            let mut connection = side.open(Config::client());
            let mut expected = Vec::new();
            for len in [0, 5, 200, 5_000, 4_096, 4_097, 65_536, 3] {
                connection.send(Message::from(&pattern(len)[..])).unwrap();
                connection.send(Message::from(pattern(len))).unwrap();
                expected.extend([(BINARY, pattern(len)), (BINARY, pattern(len))]);
            }
            connection.send(Message::from("téxt")).unwrap();
            expected.push((TEXT, "téxt".into()));
            let mut wire = Vec::new();
            while connection.send_buffer().has_remaining() {
                wire.extend(take(&mut connection, step));
            }
            same(&parse(&wire), &expected);
            assert_eq!(connection.buffered(), 0);
        }
    }
}

#[test]
fn s5_4_frames_are_bounded_and_exactly_the_bound_is_one_frame() {
    for side in SIDES {
        let config = Config { fragment_size: 1_000, ..Config::server() };
        let whole = pattern(3_001);
        for (len, expected) in [
            (999, [(TEXT, 0..999)].to_vec()),
            (1_000, [(TEXT, 0..1_000)].to_vec()),
            (1_001, [(TEXT_BEGIN, 0..1_000), (LAST, 1_000..1_001)].to_vec()),
            (2_000, [(TEXT_BEGIN, 0..1_000), (LAST, 1_000..2_000)].to_vec()),
            (2_001, [(TEXT_BEGIN, 0..1_000), (MORE, 1_000..2_000), (LAST, 2_000..2_001)].to_vec()),
        ] {
            let ascii: Vec<u8> = whole.iter().map(|byte| byte & 0x7f).collect();
            let mut connection = side.open(config);
            let text = str::from_utf8(&ascii[..len]).unwrap();
            connection.send(Message::from(text)).unwrap();
            let expected: Vec<_> =
                expected.into_iter().map(|(first, at)| (first, ascii[at].to_vec())).collect();
            same(&frames(&mut connection, START), &expected);
        }
    }
}

#[test]
fn s5_4_a_long_message_leaves_in_bounded_frames_whatever_the_transport_takes() {
    for side in SIDES {
        for (bound, lens) in [
            (5_000, &[4_999, 5_000, 5_001, 9_999, 10_000, 10_001, 300_000, 300_001][..]),
            (70_000, &[70_000, 70_001, 70_125, 70_126, 135_535, 135_536, 500_000]),
            (200_000, &[200_001, 600_000]),
        ] {
            let config = Config { fragment_size: bound, ..Config::client() };
            let mut expected = Vec::new();
            for len in lens {
                let payload = pattern(*len);
                let parts: Vec<_> = payload.chunks(bound).collect();
                for (n, part) in parts.iter().enumerate() {
                    let fin = if n + 1 == parts.len() { 0x80 } else { 0 };
                    let opcode = if n == 0 { BINARY_BEGIN } else { MORE };
                    expected.push((fin | opcode, part.to_vec()));
                }
            }
            for step in [1_111, 65_535, 65_546, usize::MAX] {
                let mut connection = side.open(config);
                let mut wire = Vec::new();
                for len in lens {
                    let message = Bytes::from(pattern(*len));
                    while connection.send(Message::from(message.clone())).is_err() {
                        wire.extend(take(&mut connection, step));
                    }
                }
                while connection.send_buffer().has_remaining() {
                    wire.extend(take(&mut connection, step));
                }
                same(&parse(&wire), &expected);
                assert_eq!(connection.buffered(), 0);
            }
        }
    }
}

#[test]
fn f5_1_control_frames_have_one_fragment_however_small_the_bound() {
    let mut connection = server(Config { fragment_size: 0, ..Config::server() });
    connection.ping(&[7; 125]).unwrap();
    connection.send(Message::from(pattern(126))).unwrap();
    let sent = frames(&mut connection, START);
    let shape: Vec<_> = sent.iter().map(|(first, payload)| (*first, payload.len())).collect();
    assert_eq!(shape, [(PING, 125), (BINARY_BEGIN, 125), (LAST, 1)]);
}

#[test]
fn s4_a_control_frame_never_waits_behind_more_than_the_low_water_mark_and_one_frame() {
    for side in SIDES {
        let config = Config { fragment_size: 16_000, ..Config::client() };
        let mut connection = side.open(config);
        connection.send(Message::from(pattern(2_000_000))).unwrap();
        let mut wire = take(&mut connection, 100_000);
        connection.ping(b"now").unwrap();
        hear(&mut connection, START, &script().ping("asks").wire(side));
        let bound = LOW_WATER + 16_000 + 3 * 140;
        wire.extend(take(&mut connection, bound));
        let early = wire.len();
        wire.extend(output(&mut connection, START));
        let sent = parse(&wire);
        let mut at = 0;
        for (first, payload) in &sent {
            at += payload.len() + 14;
            if matches!(*first, PING | PONG) {
                assert!(at <= early, "{first:#x} left {} bytes too late", at - early);
            }
        }
        assert_eq!(sent.iter().filter(|(first, _)| matches!(*first, PING | PONG)).count(), 2);
        let data: Vec<u8> =
            sent.iter().filter(|f| !matches!(f.0, PING | PONG)).flat_map(|f| f.1.clone()).collect();
        assert!(data == pattern(2_000_000));
        assert!(sent.iter().all(|(_, payload)| payload.len() <= 16_000));
    }
}

#[test]
fn s5_the_hard_limit_is_inclusive_and_full_gives_the_message_back() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        assert_eq!(connection.config().send_hard_limit, 1 << 20);
        connection.send(Message::from(pattern(500_000))).unwrap();
        let overhead = {
            let before = connection.buffered();
            connection.send(Message::from("")).unwrap();
            connection.buffered() - before
        };
        let room = (1 << 20) - connection.buffered() - overhead;
        connection.send(Message::from(pattern(room))).unwrap();
        assert_eq!(connection.buffered(), 1 << 20, "exactly the limit waits");
        connection.send(Message::from("x")).unwrap();
        let before = connection.buffered();
        assert!(before > 1 << 20);
        let kept = Bytes::from(pattern(1_000));
        let refused = connection.send(Message::from(kept.clone())).unwrap_err();
        assert_eq!(refused.kind(), SendError::Full(()));
        let Message::Binary(payload) = refused.into_inner() else { panic!() };
        assert_eq!(payload.into_bytes().as_ptr(), kept.as_ptr(), "the message itself, no copy");
        assert_eq!(connection.buffered(), before, "nothing was queued");
        assert!(connection.send(Message::from("")).is_err(), "empty ones are no exception");
        let data: usize =
            frames(&mut connection, START).iter().map(|(_, payload)| payload.len()).sum();
        assert_eq!(data, 500_000 + room + 1);
        connection.send(Message::from("x")).unwrap();
    }
}

#[test]
fn s5_whoever_has_room_has_room_for_the_longest_message() {
    let mut connection =
        server(Config { send_hard_limit: 100, send_soft_limit: 100, ..Config::server() });
    connection.send(Message::from(pattern(98))).unwrap();
    assert!(connection.has_room());
    connection.send(Message::from(pattern(5_000_000))).unwrap();
    assert!(!connection.has_room());
    assert!(connection.send(Message::from("x")).is_err());
    output(&mut connection, START);
    connection.send(Message::from(pattern(101))).unwrap();
}

#[test]
fn s5_room_is_up_to_the_soft_limit_and_no_more() {
    let config = Config { send_soft_limit: 100, ..Config::server() };
    let mut connection = server(config);
    connection.send(Message::from(pattern(98))).unwrap();
    assert_eq!(connection.buffered(), 100);
    assert!(connection.has_room());
    connection.ping(b"").unwrap();
    assert!(!connection.has_room());
    take(&mut connection, 2);
    assert!(connection.has_room());
    let mut connection = server(Config::server());
    connection.send(Message::from(pattern(65_536 - 4))).unwrap();
    assert!(connection.has_room(), "64 KiB by default");
    connection.send(Message::from("")).unwrap();
    assert!(!connection.has_room());
}

#[test]
fn s1_messages_of_no_or_few_bytes_cannot_fill_memory() {
    for side in SIDES {
        for len in [0, 1] {
            let mut connection = side.open(Config::server());
            let mut accepted = 0;
            while connection.send(Message::from(&pattern(len)[..])).is_ok() {
                accepted += 1;
                assert!(accepted < 200_000, "the queue never fills");
            }
            assert_eq!(frames(&mut connection, START).len(), accepted);
            assert_eq!(connection.buffered(), 0);
        }
    }
}

#[test]
fn a_transport_that_is_never_quite_done_does_not_grow_the_outbox() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        let mut wire = Vec::new();
        for n in 0..3_000_u32 {
            connection.send(Message::from(&[n as u8; 1_000][..])).unwrap();
            if n >= 20 {
                wire.extend(take(
                    &mut connection,
                    1_000 + if side == Side::Client { 8 } else { 4 },
                ));
            }
            let held = connection.buffer_capacity();
            assert!(held <= 4 * 21_000, "{held} bytes held for {}", connection.buffered());
        }
        wire.extend(output(&mut connection, START));
        let sent = parse(&wire);
        assert_eq!(sent.len(), 3_000);
        assert!((0..3_000).all(|n| sent[n].1 == [n as u8; 1_000]));
    }
}

#[test]
fn f7_masking_never_writes_into_bytes_that_others_see() {
    let mut connection = Side::Client.open(Config::client());
    let shared = Bytes::from(pattern(200_000));
    let part = shared.slice(10..5_000);
    connection.send(Message::from(shared.clone())).unwrap();
    connection.send(Message::from(part.clone())).unwrap();
    let sent = frames(&mut connection, START);
    let whole: Vec<u8> = sent[..sent.len() - 1].iter().flat_map(|f| f.1.clone()).collect();
    assert!(whole == pattern(200_000) && sent[sent.len() - 1].1 == part);
    assert!(shared == pattern(200_000), "the application's copy was masked");
}

#[test]
fn p2_pongs_are_bounded_to_the_16_newest_while_the_transport_is_stuck() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send(Message::from("data")).unwrap();
        let mut pings = script();
        for n in 0..100_u8 {
            pings = pings.ping([n]);
        }
        assert_eq!(hear(&mut connection, START, &pings.wire(side)).len(), 100, "all are reported");
        let held = connection.buffered();
        assert!(held < 100, "{held}");
        let sent = frames(&mut connection, START);
        assert_eq!(sent[0], (TEXT, b"data".to_vec()), "it was first");
        let pongs: Vec<_> = sent[1..].iter().map(|frame| frame.1[0]).collect();
        assert!(sent[1..].iter().all(|frame| frame.0 == PONG));
        assert_eq!(pongs, (84..100).collect::<Vec<_>>());
    }
}

#[test]
fn p2_pongs_in_the_outbox_are_not_joined_by_more_until_they_have_left() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        for round in 0..50_u8 {
            let pings = (0..16).fold(script(), |pings, _| pings.ping([round; 125]));
            hear(&mut connection, START, &pings.wire(side));
            assert!(connection.send_buffer().remaining() <= 16 * (125 + 6), "one ring's worth");
        }
        let sent = frames(&mut connection, START);
        assert_eq!(sent.len(), 32);
        assert!(sent[..16].iter().all(|frame| payload(frame) == [0; 125]));
        assert!(sent[16..].iter().all(|frame| payload(frame) == [49; 125]));
    }
}

#[test]
fn p1_a_pong_echoes_its_ping_and_passes_queued_messages() {
    for side in SIDES {
        let mut connection = side.open(Config::client());
        connection.send(Message::from(pattern(300_000))).unwrap();
        hear(&mut connection, START, &script().ping(pattern(125)).ping("").wire(side));
        let sent = frames(&mut connection, START);
        let at = sent.iter().position(|frame| frame.0 == PONG).unwrap();
        assert_eq!(sent[at], (PONG, pattern(125)));
        assert_eq!(sent[at + 1], (PONG, Vec::new()));
        assert!(at < 3, "in the middle of the message, not behind it");
    }
}

#[test]
fn s5_5_2_a_ping_before_our_close_is_answered_and_one_after_it_is_not() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        hear(&mut connection, START, &script().ping("before").wire(side));
        connection.close(START, CloseCode::NORMAL, "").unwrap();
        hear(&mut connection, START, &script().ping("after").wire(side));
        let sent = frames(&mut connection, START);
        let expected = [(PONG, b"before".to_vec()), (CLOSE, 1000_u16.to_be_bytes().to_vec())];
        assert_eq!(sent, expected);
    }
}

#[test]
fn s5_5_2_the_payload_of_a_ping_is_limited_to_125_bytes() {
    let mut connection = server(Config::server());
    assert_eq!(connection.ping(&[0; 126]), Err(SendError::OversizedControl(())));
    assert!(output(&mut connection, START).is_empty());
    connection.ping(&[1; 125]).unwrap();
    assert_eq!(frames(&mut connection, START), [(PING, [1; 125].to_vec())]);
}

#[test]
fn s1_pings_stop_at_the_hard_limit_too() {
    let mut connection = server(Config { send_hard_limit: 8 * 127, ..Config::server() });
    let mut queued = 0;
    while connection.ping(&[0; 125]).is_ok() {
        queued += 1;
        assert!(queued < 100);
    }
    assert_eq!(connection.ping(b""), Err(SendError::Full(())));
    assert_eq!(queued, 9, "exactly at the limit there is room for one more");
    output(&mut connection, START);
    connection.ping(b"").unwrap();
}

#[test]
fn an_event_can_be_answered_while_it_is_lent() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.receive(START, &script().text("a").ping("b").binary("c").wire(side));
        let mut echoed = 0;
        while let Some((event, mut sender)) = connection.poll_event_with_sender() {
            if let Event::Message(message) = event {
                let before = sender.buffered();
                sender.send(message).unwrap();
                assert!(sender.buffered() > before);
                echoed += 1;
            }
        }
        assert_eq!(echoed, 2);
        let sent = frames(&mut connection, START);
        assert_eq!(sent, [(TEXT, b"a".to_vec()), (PONG, b"b".to_vec()), (BINARY, b"c".to_vec())]);
    }
}

#[test]
fn two_ends_agree_on_messages_of_every_size() {
    let (mut a, mut b) = (Side::Client.open(Config::client()), server(Config::client()));
    for len in [0, 1, 125, 126, 4_000, 65_535, 65_536, 65_537, 200_000] {
        a.send(Message::from(pattern(len))).unwrap();
        b.send(Message::from(pattern(len))).unwrap();
        let (of_a, of_b) = exchange(START, &mut a, &mut b);
        same(&of_a, &[binary(pattern(len))]);
        same(&of_b, &[binary(pattern(len))]);
    }
}
