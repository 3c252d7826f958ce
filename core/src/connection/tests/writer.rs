//! D: messages sent in fragments.

use super::*;
use crate::connection::FragmentWriter;
use crate::error::SendError;
use crate::message::DataKind;

#[test]
fn s5_4_fragments_are_one_message_and_control_frames_pass_between_them() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        let mut writer = connection.fragments(DataKind::Text).unwrap();
        writer.write(b"one ").unwrap();
        writer.pause();
        connection.ping(b"between").unwrap();
        hear(&mut connection, START, &script().ping("asks").wire(side));
        let mut sent = frames(&mut connection, START);
        let mut writer = connection.resume_fragments().unwrap();
        writer.write(b"").unwrap();
        writer.finish(b"two").unwrap();
        sent.extend(frames(&mut connection, START));
        assert_eq!(
            sent,
            [
                (TEXT_BEGIN, b"one ".to_vec()),
                (PING, b"between".to_vec()),
                (PONG, b"asks".to_vec()),
                (MORE, Vec::new()),
                (LAST, b"two".to_vec()),
            ]
        );
        assert!(connection.resume_fragments().is_none());
    }
}

#[test]
fn s5_4_a_message_may_be_one_fragment_or_none() {
    let mut connection = server(Config::server());
    connection.fragments(DataKind::Binary).unwrap().finish(b"all").unwrap();
    connection.fragments(DataKind::Text).unwrap().finish(b"").unwrap();
    let sent = frames(&mut connection, START);
    assert_eq!(sent, [(BINARY, b"all".to_vec()), (TEXT, Vec::new())]);
}

#[test]
fn s4_other_messages_wait_for_the_open_one_in_their_order() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send(Message::from("before")).unwrap();
        let mut writer = connection.fragments(DataKind::Binary).unwrap();
        writer.write(b"a").unwrap();
        writer.pause();
        connection.send(Message::from("first")).unwrap();
        connection.send(Message::from("second")).unwrap();
        assert_eq!(frames(&mut connection, START).len(), 2);
        assert_eq!(connection.fragments(DataKind::Text).err(), Some(SendError::MessageOpen(())));
        connection.resume_fragments().unwrap().finish(b"b").unwrap();
        connection.send(Message::from("third")).unwrap();
        let sent = frames(&mut connection, START);
        assert_eq!(
            sent,
            [
                (LAST, b"b".to_vec()),
                (TEXT, b"first".to_vec()),
                (TEXT, b"second".to_vec()),
                (TEXT, b"third".to_vec()),
            ]
        );
        assert_eq!(connection.buffered(), 0);
    }
}

#[test]
fn s5_4_a_long_fragment_is_cut_like_a_long_message() {
    for side in SIDES {
        let mut connection = side.open(Config { fragment_size: 1_000, ..Config::server() });
        let mut writer = connection.fragments(DataKind::Text).unwrap();
        writer.write(&[b'a'; 2_500]).unwrap();
        writer.finish(&[b'b'; 1_500]).unwrap();
        let shape: Vec<_> =
            frames(&mut connection, START).iter().map(|f| (f.0, f.1.len(), f.1[0])).collect();
        assert_eq!(
            shape,
            [
                (TEXT_BEGIN, 1_000, b'a'),
                (MORE, 1_000, b'a'),
                (MORE, 500, b'a'),
                (MORE, 1_000, b'b'),
                (LAST, 500, b'b'),
            ]
        );
    }
}

#[test]
fn s3_a_writer_dropped_or_aborted_closes_with_1011() {
    let ends: [fn(FragmentWriter<'_>); 2] = [|writer| drop(writer), |writer| writer.abort()];
    for side in SIDES {
        for end in ends {
            let mut connection = side.open(Config::server());
            let mut writer = connection.fragments(DataKind::Text).unwrap();
            writer.write(b"half").unwrap();
            writer.pause();
            connection.send(Message::from("held")).unwrap();
            end(connection.resume_fragments().unwrap());
            assert_eq!(connection.state(), State::Closing);
            let sent = frames(&mut connection, START);
            assert_eq!(sent[0], (TEXT_BEGIN, b"half".to_vec()));
            assert_eq!((sent.len(), sent[1].0, &sent[1].1[..2]), (2, CLOSE, &[0x03, 0xf3][..]));
            hear(&mut connection, START, &script().close(1011, "").wire(side));
            connection.received_eof(START);
            let closed = closed(events(&mut connection));
            assert_eq!((closed.unsent_messages, closed.clean), (2, true));
            assert_eq!(closed.sent.unwrap().code, CloseCode::INTERNAL_ERROR);
            over(&mut connection);
        }
    }
}

#[test]
fn s3_the_deadline_of_a_dropped_writer_counts_from_when_the_time_is_next_told() {
    let mut connection = server(Config::server());
    drop(connection.fragments(DataKind::Text).unwrap());
    let now = after(3_600);
    assert!(connection.poll_timeout().is_some_and(|at| at <= now + secs(5)));
    assert_eq!(frames(&mut connection, now).len(), 1);
    connection.handle_timeout(now);
    assert_eq!(connection.state(), State::Closing, "an hour passed before it was dropped");
    assert_eq!(connection.poll_timeout(), Some(now + secs(5)));
}

#[test]
fn s5_a_full_queue_refuses_the_fragment_and_leaves_the_message_open() {
    for side in SIDES {
        let config = Config { send_hard_limit: 1_000, ..Config::server() };
        let mut connection = side.open(config);
        let mut writer = connection.fragments(DataKind::Binary).unwrap();
        writer.write(&[1; 1_001]).unwrap();
        assert_eq!(writer.write(&[2; 200]), Err(SendError::Full(())));
        assert_eq!(writer.finish(&[2; 200]), Err(SendError::Full(())));
        let mut sent = frames(&mut connection, START);
        connection.resume_fragments().expect("it is still open").finish(&[2; 200]).unwrap();
        sent.extend(frames(&mut connection, START));
        assert_eq!(sent, [(BINARY_BEGIN, [1; 1_001].to_vec()), (LAST, [2; 200].to_vec())]);
    }
}

#[test]
fn s5_messages_that_wait_for_the_open_one_cannot_keep_it_from_ending() {
    for side in SIDES {
        let config = Config { send_hard_limit: 1_000, send_soft_limit: 500, ..Config::server() };
        let mut connection = side.open(config);
        let mut writer = connection.fragments(DataKind::Binary).unwrap();
        writer.write(b"a").unwrap();
        writer.pause();
        while connection.send(Message::from(&[0; 90][..])).is_ok() {}
        output(&mut connection, START);
        let mut writer = connection.resume_fragments().unwrap();
        assert!(writer.has_room(), "the transport has caught up");
        writer.write(&[1; 1_001]).unwrap();
        assert_eq!(writer.write(&[1; 300]), Err(SendError::Full(())), "it has not");
        writer.pause();
        output(&mut connection, START);
        connection.resume_fragments().unwrap().finish(&[2; 300]).unwrap();
        let next = connection.fragments(DataKind::Binary).unwrap();
        assert!(!next.has_room(), "what waited is ahead of the next one");
        next.pause();
        let sent = frames(&mut connection, START);
        assert_eq!(sent[0], (LAST, [2; 300].to_vec()));
        assert!(sent.len() > 5 && connection.buffered() == 0);
    }
}

#[test]
fn s5_a_writer_has_room_up_to_the_soft_limit() {
    let mut connection = server(Config { send_soft_limit: 100, ..Config::server() });
    let mut writer = connection.fragments(DataKind::Binary).unwrap();
    writer.write(&[0; 98]).unwrap();
    assert!(writer.has_room());
    writer.write(b"").unwrap();
    assert!(!writer.has_room());
    writer.pause();
}

#[test]
fn s7_1_2_a_close_in_the_middle_of_a_fragmented_message_leaves_it_unfinished() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        let mut writer = connection.fragments(DataKind::Text).unwrap();
        writer.write(&[b'a'; 200]).unwrap();
        writer.pause();
        connection.send(Message::from("held")).unwrap();
        connection.close(START, CloseCode::GOING_AWAY, "").unwrap();
        assert!(connection.resume_fragments().is_none());
        assert_eq!(connection.fragments(DataKind::Text).err(), Some(SendError::Closed(())));
        let sent = frames(&mut connection, START);
        assert_eq!(sent[0].0, TEXT_BEGIN);
        assert_eq!(sent[1..], [(CLOSE, 1001_u16.to_be_bytes().to_vec())]);
        assert_eq!(connection.buffered(), 0);
        connection.abort();
        assert_eq!(closed(events(&mut connection)).unsent_messages, 2);
    }
}

#[test]
fn an_open_message_and_those_that_wait_for_it_are_counted_as_unsent() {
    let mut connection = server(Config::server());
    let mut writer = connection.fragments(DataKind::Text).unwrap();
    writer.write(b"a").unwrap();
    writer.pause();
    connection.send(Message::from("held")).unwrap();
    output(&mut connection, START);
    connection.abort();
    assert_eq!(closed(events(&mut connection)).unsent_messages, 2);
}

#[test]
fn writing_to_a_closing_connection_is_refused_and_closes_nothing_twice() {
    let mut connection = server(Config::server());
    let mut writer = connection.fragments(DataKind::Text).unwrap();
    writer.write(b"a").unwrap();
    writer.pause();
    connection.receive(START, &script().close(1000, "").wire(Side::Server));
    assert!(!connection.poll_ready());
    assert!(connection.resume_fragments().is_none());
    let sent = frames(&mut connection, START);
    assert_eq!(sent.iter().filter(|frame| frame.0 == CLOSE).count(), 1);
}

#[test]
fn s5_what_waits_and_the_message_it_waits_for_have_the_limit_together() {
    for side in SIDES {
        let config = Config { send_hard_limit: 100_000, ..Config::server() };
        for held_first in [true, false] {
            let mut connection = side.open(config);
            connection.fragments(DataKind::Binary).unwrap().pause();
            let hold = |connection: &mut Connection| {
                while connection.send(Message::from(&[0; 900][..])).is_ok() {}
            };
            let write = |connection: &mut Connection| loop {
                let mut writer = connection.resume_fragments().unwrap();
                let is_full = writer.write(&[1; 900]).is_err();
                writer.pause();
                if is_full {
                    break;
                }
            };
            if held_first {
                hold(&mut connection);
                write(&mut connection);
            } else {
                write(&mut connection);
                hold(&mut connection);
            }
            let buffered = connection.buffered();
            assert!((100_000..102_000).contains(&buffered), "{held_first}: {buffered}");
        }
    }
}

#[test]
fn s5_whoever_has_room_is_not_refused() {
    for side in SIDES {
        let limit = 100_000;
        let config = Config { send_soft_limit: limit, send_hard_limit: limit, ..Config::server() };
        let mut connection = side.open(config);
        connection.fragments(DataKind::Binary).unwrap().pause();
        let mut held = 0;
        while connection.has_room() {
            connection.send(Message::from(&[0; 900][..])).expect("it said so");
            held += 1;
        }
        assert!(held > 50);
        let mut written = 0;
        loop {
            let mut writer = connection.resume_fragments().unwrap();
            let has_room = writer.has_room();
            if has_room {
                writer.write(&[1; 900]).expect("it said so");
            }
            writer.pause();
            if !has_room {
                break;
            }
            written += 1;
        }
        assert!(written > 50);
    }
}
