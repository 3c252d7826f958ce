//! Frames of a long message that go ahead, and what is sent while they wait.

use bytes::Bytes;

use super::*;

/// No more than this and a frame is before what is sent next.
const LOW_WATER: usize = 256 << 10;

/// What a connection wrote, and where in that each frame begins.
fn transmit(connection: &mut Connection, wire: &mut Vec<u8>, mut n: usize) {
    while n > 0 && connection.send_buffer().has_remaining() {
        let chunk = connection.send_buffer().chunk();
        let chunk = &chunk[..chunk.len().min(n)];
        n -= chunk.len();
        wire.extend_from_slice(chunk);
        let len = chunk.len();
        connection.sent(START, len);
    }
}

fn begins(wire: &[u8], first: u8) -> Option<usize> {
    let mut at = 0;
    for (frame, payload) in parse(wire) {
        if frame == first {
            return Some(at);
        }
        let header = match payload.len() {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        at += header + payload.len();
    }
    None
}

fn data(wire: &[u8]) -> Vec<u8> {
    let frames = parse(wire).into_iter();
    frames.filter(|(first, _)| *first & 8 == 0).flat_map(|(_, payload)| payload).collect()
}

/// Where the transport is when something is sent: at frames' ends, in headers, in payloads.
const TAKEN: [usize; 8] = [0, 1, 10, 16_004, 65_546, 65_548, 300_000, 999_990];

const FRAMES: [usize; 4] = [4_097, 16_000, 65_536, 400_000];

const LONG: usize = 1_000_000;

#[test]
fn a_long_message_goes_ahead_as_one_piece() {
    let mut connection = server(Config::server());
    connection.send(Message::from(pattern(1 << 20))).unwrap();
    assert_eq!(connection.send_buffer().remaining(), (1 << 20) + 16 * 10);
    assert_eq!(connection.buffered(), (1 << 20) + 16 * 10);
    let mut connection = server(Config::server());
    connection.send(Message::from(pattern(5 << 20))).unwrap();
    assert_eq!(connection.send_buffer().remaining(), (2 << 20) + 32 * 10, "up to a bound");
    let mut connection = Side::Client.open(Config::server());
    connection.send(Message::from(pattern(1 << 20))).unwrap();
    assert!(connection.send_buffer().remaining() < LOW_WATER + (64 << 10) + 14, "masked in place");
}

#[test]
fn what_is_sent_next_never_has_more_than_the_low_water_mark_and_one_frame_before_it() {
    let long = Bytes::from(pattern(LONG));
    for fragment_size in FRAMES {
        for taken in TAKEN {
            for what in [PING, PONG] {
                let mut connection = server(Config { fragment_size, ..Config::server() });
                connection.send(Message::from(long.clone())).unwrap();
                let mut wire = Vec::new();
                transmit(&mut connection, &mut wire, taken);
                let before = wire.len();
                match what {
                    PING => connection.ping(b"?").unwrap(),
                    _ => drop(hear(&mut connection, START, &script().ping("!").wire(Side::Server))),
                }
                let rest = connection.buffered();
                transmit(&mut connection, &mut wire, usize::MAX);
                let at = begins(&wire, what).unwrap();
                let context = (fragment_size, taken, what, at, before);
                assert!(at <= before + LOW_WATER + fragment_size + 10, "{context:?}");
                assert!(wire.len() <= before + rest + 14 * LONG.div_ceil(fragment_size));
                assert!(data(&wire) == long, "{context:?}");
                for (first, payload) in parse(&wire) {
                    assert!(first & 8 != 0 || payload.len() == fragment_size || first == LAST);
                }
                assert_eq!(connection.buffered(), 0);
            }
        }
    }
}

#[test]
fn pings_in_a_row_stay_in_order_and_each_passes_what_went_ahead() {
    let mut connection = server(Config { fragment_size: 16_000, ..Config::server() });
    connection.send(Message::from(pattern(LONG))).unwrap();
    let mut wire = Vec::new();
    for n in 0..20 {
        connection.ping(&[n]).unwrap();
        connection.ping(&[n, n]).unwrap();
        transmit(&mut connection, &mut wire, 50_000);
        if n == 10 {
            connection.send(Message::from("behind")).unwrap();
        }
    }
    transmit(&mut connection, &mut wire, usize::MAX);
    let pings: Vec<_> = parse(&wire).into_iter().filter(|(first, _)| *first == PING).collect();
    let expected: Vec<_> =
        (0..20).flat_map(|n| [(PING, [n].into()), (PING, [n, n].into())]).collect();
    assert_eq!(pings, expected);
    assert!(data(&wire) == [pattern(LONG), b"behind".to_vec()].concat());
}

#[test]
fn messages_are_counted_the_same_whether_they_are_taken_back_or_not() {
    for pinged in [false, true] {
        let mut connection = server(Config { send_hard_limit: 9 << 20, ..Config::server() });
        connection.send(Message::from("one")).unwrap();
        connection.send(Message::from(pattern(1 << 20))).unwrap();
        connection.send(Message::from(pattern(1 << 20))).unwrap();
        let mut wire = Vec::new();
        transmit(&mut connection, &mut wire, 100);
        assert_eq!(connection.unsent_messages(), 2);
        if pinged {
            connection.ping(b"").unwrap();
            assert_eq!(connection.unsent_messages(), 2);
        }
        transmit(&mut connection, &mut wire, 1 << 20);
        assert_eq!(connection.unsent_messages(), 2, "the headers are yet to come");
        transmit(&mut connection, &mut wire, usize::MAX);
        assert_eq!((connection.unsent_messages(), connection.buffered()), (0, 0));
        assert_eq!(data(&wire).len(), 3 + (2 << 20));
    }
}

#[test]
fn a_ping_is_not_refused_for_frames_that_it_passes() {
    let mut connection = server(Config::server());
    connection.send(Message::from(pattern(2 << 20))).unwrap();
    assert!(connection.send_buffer().remaining() > connection.config().send_hard_limit);
    connection.ping(b"").unwrap();
}

#[test]
fn a_close_in_reply_or_for_a_failure_passes_what_went_ahead() {
    let long = Bytes::from(pattern(LONG));
    for answered in [true, false] {
        for taken in TAKEN {
            for ours_first in [true, false] {
                let mut connection = server(Config::server());
                connection.send(Message::from(long.clone())).unwrap();
                let mut wire = Vec::new();
                transmit(&mut connection, &mut wire, taken);
                if ours_first {
                    connection.close(START, CloseCode::NORMAL, "").unwrap();
                    connection.send_buffer();
                }
                let before = wire.len();
                let theirs = if answered {
                    script().close(1000, "").wire(Side::Server)
                } else {
                    script().frame(0xff, "").wire(Side::Server)
                };
                connection.receive(START, &theirs);
                let mut news = events(&mut connection);
                news.retain(|event| matches!(event, Event::Closed(_)));
                transmit(&mut connection, &mut wire, usize::MAX);
                let at = begins(&wire, CLOSE).unwrap();
                assert!(at <= before + LOW_WATER + 65_536 + 10, "{answered} {taken} {ours_first}");
                assert_eq!(connection.buffered(), 0);
                connection.received_eof(START);
                news.extend(events(&mut connection));
                let whole = parse(&wire).iter().any(|(first, _)| *first == LAST);
                assert_eq!(closed(news).unsent_messages, usize::from(!whole));
            }
        }
    }
}

#[test]
fn our_close_goes_behind_all_of_it() {
    for pinged in [false, true] {
        let mut connection = server(Config::server());
        connection.send(Message::from(pattern(1_000_000))).unwrap();
        connection.send_buffer();
        connection.close(START, CloseCode::NORMAL, "").unwrap();
        if pinged {
            hear(&mut connection, START, &script().ping("late").wire(Side::Server));
        }
        let sent = frames(&mut connection, START);
        assert_eq!(sent.last().unwrap().0, CLOSE);
        let len: usize = sent.iter().filter(|f| f.0 & 8 == 0).map(|f| f.1.len()).sum();
        assert_eq!(len, 1_000_000);
    }
}
