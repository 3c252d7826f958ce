//! A message that was encoded before leaves as one that was not.

use super::*;
use crate::error::SendError;
use crate::message::{DataKind, PreparedMessage};

#[test]
fn a_prepared_message_leaves_as_any_other_of_every_length_on_both_sides() {
    for side in SIDES {
        for len in [0, 1, 125, 126, 4_094, 4_095, 4_096, 4_097, 65_535, 65_536, 65_537, 300_000] {
            for text in [false, true] {
                let payload: Vec<u8> = pattern(len).iter().map(|byte| byte & 0x7f).collect();
                let message = if text {
                    Message::from(str::from_utf8(&payload).unwrap())
                } else {
                    Message::from(&payload[..])
                };
                let prepared = PreparedMessage::new(&message);
                assert_eq!((prepared.kind(), prepared.len()), (message.kind(), len));
                let (mut plain, mut shared) =
                    (side.open(Config::server()), side.open(Config::server()));
                for _ in 0..3 {
                    plain.send(message.clone()).unwrap();
                    shared.send_prepared(&prepared).unwrap();
                    assert_eq!(shared.buffered(), plain.buffered());
                }
                let expected = frames(&mut plain, START);
                same(&frames(&mut shared, START), &expected);
            }
        }
    }
}

#[test]
fn a_long_prepared_message_is_shared_by_a_servers_connections() {
    let prepared = PreparedMessage::from(Message::from(pattern(60_000)));
    let mut room: Vec<_> = (0..3).map(|_| server(Config::server())).collect();
    for member in &mut room {
        member.send_prepared(&prepared).unwrap();
    }
    let place = |member: &mut Connection| member.send_buffer().chunk().as_ptr();
    let places: Vec<_> = room.iter_mut().map(place).collect();
    assert!(places.iter().all(|at| *at == places[0]), "one copy");
}

#[test]
fn a_prepared_message_keeps_its_place_behind_pongs_messages_and_fragments() {
    for side in SIDES {
        let prepared = PreparedMessage::new(&Message::from("prepared"));
        let mut connection = side.open(Config::server());
        hear(&mut connection, START, &script().ping("first").wire(side));
        connection.send_prepared(&prepared).unwrap();
        let mut writer = connection.fragments(DataKind::Text).unwrap();
        writer.write(&b"a"[..]).unwrap();
        writer.pause();
        connection.send_prepared(&prepared).unwrap();
        connection.resume_fragments().unwrap().finish(&b"b"[..]).unwrap();
        let sent = frames(&mut connection, START);
        let shape: Vec<_> = sent.iter().map(|(first, _)| *first).collect();
        assert_eq!(shape, [PONG, TEXT, TEXT_BEGIN, LAST, TEXT]);
        assert_eq!((&sent[1].1[..], &sent[4].1[..]), (&b"prepared"[..], &b"prepared"[..]));
    }
}

#[test]
fn a_prepared_message_is_refused_as_any_other_and_counted_if_it_does_not_leave() {
    for side in SIDES {
        let prepared = PreparedMessage::new(&Message::from(pattern(5_000)));
        let mut connection = side.open(Config { send_hard_limit: 9_000, ..Config::server() });
        connection.send_prepared(&prepared).unwrap();
        connection.send_prepared(&prepared).unwrap();
        assert_eq!(connection.send_prepared(&prepared), Err(SendError::Full(())));
        connection.abort();
        assert_eq!(connection.send_prepared(&prepared), Err(SendError::Closed(())));
        assert_eq!(closed(events(&mut connection)).unsent_messages, 2);
    }
}
