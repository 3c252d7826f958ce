//! E: connections that fail, by the peer's fault or the transport's.

use super::*;

const RESET: ConnectionError = ConnectionError::Transport(TransportFailure::Reset);

fn violation(side: Side) -> Vec<u8> {
    script().frame(0x83, "reserved").wire(side)
}

#[test]
fn e_protocol_error_is_said_to_the_peer_then_the_stream_is_drained() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send(Message::from(pattern(300_000))).unwrap();
        connection.send_buffer();
        let seen = hear(&mut connection, START, &violation(side));
        let error = ConnectionError::Protocol(ProtocolError::ReservedOpcode);
        assert_eq!(seen, [Event::Error(error)]);
        assert_eq!(connection.poll_timeout(), Some(after(5)), "until the close frame has left");
        let sent = frames(&mut connection, after(1));
        assert_eq!(sent.len(), 5, "the frames on their way, and the close frame");
        assert_eq!((sent[0].0, sent[3].0, sent[4].0), (BINARY_BEGIN, MORE, CLOSE));
        assert!(sent[4].1.starts_with(&1002_u16.to_be_bytes()) && sent[4].1.len() > 2);
        assert!(connection.is_send_finished(), "half-close, so that the peer can read it");
        assert_eq!(connection.poll_timeout(), Some(after(2)), "then a second");
        connection.sent(after(1) + millis(500), 0);
        assert_eq!(connection.poll_timeout(), Some(after(2)), "and no more");
        assert!(
            hear(&mut connection, after(1), &script().text("x").close(1002, "").wire(side))
                .is_empty()
        );
        connection.handle_timeout(after(2));
        let closed = closed(events(&mut connection));
        assert_eq!((closed.clean, closed.unsent_messages), (false, 1));
        assert_eq!((closed.error, closed.initiator), (Some(error), Initiator::Local));
        assert_eq!((closed.code, closed.received), (CloseCode::ABNORMAL, None));
        over(&mut connection);
    }
}

#[test]
fn c8_every_fault_has_its_code() {
    let table = [
        (1002, script().frame(0x83, "")),
        (1002, script().frame(LAST, "")),
        (1002, script().frame(TEXT_BEGIN, "").frame(TEXT, "")),
        (1002, script().frame(CLOSE, [3])),
        (1002, script().frame(TEXT | 0x40, "")),
        (1007, script().text([0xff])),
        (1009, script().binary(pattern(101))),
        (1008, (0..9).fold(script().frame(TEXT_BEGIN, "a"), |s, _| s.frame(MORE, "a"))),
    ];
    let config = Config { max_fragments: 8, ..Config::server().with_message_limit(100) };
    for (number, script) in table {
        every_way(config, &script, |connection, seen| {
            assert_eq!(seen.len(), 1);
            let sent = frames(connection, START);
            assert_eq!(sent[0].1[..2], u16::to_be_bytes(number), "{seen:?}");
            assert!(str::from_utf8(&sent[0].1[2..]).is_ok_and(|reason| !reason.is_empty()));
        });
    }
}

#[test]
fn e_protocol_error_inside_a_large_message_lets_its_memory_go_and_says_why() {
    for side in SIDES {
        let config = Config::server().with_message_limit(1 << 20);
        let mut connection = side.open(config);
        let wire = script().frame(BINARY_BEGIN, pattern(900_000)).wire(side);
        assert!(hear(&mut connection, START, &wire).is_empty());
        assert!(connection.buffer_capacity() >= 900_000);
        let over_limit = header_to(side, MORE, 200_000);
        let seen = hear(&mut connection, START, &over_limit);
        let error = ConnectionError::Protocol(ProtocolError::MessageTooBig);
        assert_eq!(seen, [Event::Error(error)]);
        assert!(connection.buffer_capacity() <= 130 << 10, "{}", connection.buffer_capacity());
        // The limit on draining counts from here on, not the 900,000 bytes before.
        assert!(hear(&mut connection, START, &[0; 60_000]).is_empty());
        let sent = frames(&mut connection, START);
        assert_eq!(sent[0].1[..2], 1009_u16.to_be_bytes());
        assert_eq!(connection.state(), State::Closing);
        connection.received_eof(START);
        assert!(!closed(events(&mut connection)).clean);
    }
}

#[test]
fn e_protocol_error_while_closing_sends_no_other_close_and_keeps_the_deadline() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send(Message::from(pattern(300_000))).unwrap();
        connection.send_buffer();
        connection.close(START, CloseCode::NORMAL, "").unwrap();
        let seen = hear(&mut connection, after(4), &violation(side));
        assert_eq!(seen.len(), 1);
        assert_eq!(connection.poll_timeout(), Some(after(5)), "five seconds from our close");
        let sent = frames(&mut connection, after(4));
        assert_eq!(sent.len(), 5);
        assert_eq!(sent[4], (CLOSE, 1000_u16.to_be_bytes().to_vec()));
        connection.received_eof(after(4));
        let closed = closed(events(&mut connection));
        assert_eq!((closed.initiator, closed.unsent_messages), (Initiator::Local, 1));
        assert_eq!(closed.sent.unwrap().code, CloseCode::NORMAL);
        assert!(closed.error.is_some() && !closed.clean);
        over(&mut connection);
    }
}

#[test]
fn e_protocol_error_and_a_close_frame_that_never_leaves_ends_with_the_close_timer() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        hear(&mut connection, START, &violation(side));
        connection.received_eof(START);
        assert!(events(&mut connection).is_empty(), "our last word is still to be sent");
        connection.handle_timeout(after(5));
        let closed = closed(events(&mut connection));
        let error = ConnectionError::Protocol(ProtocolError::ReservedOpcode);
        assert_eq!((closed.error, closed.initiator), (Some(error), Initiator::Local));
        over(&mut connection);
    }
}

#[test]
fn e_drained_past_the_limit_before_the_close_frame_left_still_sends_it() {
    for side in SIDES {
        let config = Config { drain_limit: 100, ..Config::server() };
        let mut connection = side.open(config);
        hear(&mut connection, START, &violation(side));
        assert!(hear(&mut connection, START, &[0; 101]).is_empty());
        assert!(connection.recv_buffer().is_empty());
        assert_eq!(frames(&mut connection, START).len(), 1);
        closed(events(&mut connection));
        over(&mut connection);
    }
}

#[test]
fn e_write_failure_while_open_what_the_peer_sent_is_still_delivered() {
    for side in SIDES {
        for split in SPLITS {
            let mut connection = side.open(Config::server());
            connection.send(Message::from("a")).unwrap();
            connection.send(Message::from(pattern(300_000))).unwrap();
            connection.receive(START, &script().text("before").wire(side));
            connection.send_failed(START, TransportFailure::Reset);
            assert_eq!(connection.state(), State::Closing);
            assert!(connection.send(Message::from("b")).is_err());
            assert!(!connection.send_buffer().has_remaining());
            let wire = script().text("after").ping("p").wire(side);
            let seen = feed(&mut connection, START, &wire, split);
            assert_eq!(seen, [text("before"), text("after"), ping(b"p")]);
            connection.received_eof(START);
            let closed = broken(events(&mut connection), RESET);
            assert_eq!((closed.unsent_messages, closed.initiator), (2, Initiator::Transport));
            over(&mut connection);
        }
    }
}

#[test]
fn e_write_failure_then_silence_ends_with_the_drain_timer() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send_failed(START, TransportFailure::Reset);
        assert_eq!(connection.poll_timeout(), Some(after(1)));
        connection.send_failed(START + millis(900), TransportFailure::Other);
        assert_eq!(connection.poll_timeout(), Some(after(1)), "a second report changes nothing");
        connection.handle_timeout(after(1));
        assert_eq!(broken(events(&mut connection), RESET).initiator, Initiator::Transport);
        over(&mut connection);
    }
}

#[test]
fn e_write_failure_keeps_its_place_as_the_reason() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send_failed(START, TransportFailure::Reset);
        // A violation afterwards ends the receiving, but is not why it failed.
        let mut seen = hear(&mut connection, START, &violation(side));
        connection.received_eof(START);
        seen.extend(events(&mut connection));
        broken(seen, RESET);
        over(&mut connection);
    }
}

#[test]
fn e_write_failure_after_our_close_is_queued_keeps_the_peers_code() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.close(START, code(3000), "").unwrap();
        connection.send_failed(START, TransportFailure::Reset);
        let mut seen = hear(&mut connection, START, &script().close(3001, "").wire(side));
        connection.received_eof(START);
        seen.extend(events(&mut connection));
        let closed = broken(seen, RESET);
        assert_eq!((closed.code, closed.initiator), (code(3001), Initiator::Local));
    }
}

#[test]
fn e_write_failure_after_everything_was_exchanged_and_left_loses_nothing() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        hear(&mut connection, START, &script().close(1000, "").wire(side));
        output(&mut connection, START);
        connection.send_failed(START, TransportFailure::Other);
        connection.received_eof(START);
        let closed = closed(events(&mut connection));
        assert_eq!((closed.clean, closed.error), (true, None));
    }
}

#[test]
fn e_write_failure_before_our_reply_left_is_not_clean() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        hear(&mut connection, START, &script().close(1000, "").wire(side));
        connection.send_buffer();
        connection.sent(START, 1);
        connection.send_failed(START, TransportFailure::Reset);
        connection.received_eof(START);
        let closed = broken(events(&mut connection), RESET);
        assert_eq!((closed.code, closed.initiator), (CloseCode::NORMAL, Initiator::Remote));
    }
}

#[test]
fn e_write_failure_does_not_mask_the_violation_before_it() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        let seen = hear(&mut connection, START, &violation(side));
        let error = ConnectionError::Protocol(ProtocolError::ReservedOpcode);
        assert_eq!(seen, [Event::Error(error)]);
        connection.send_failed(START, TransportFailure::Reset);
        connection.handle_timeout(after(1));
        let closed = closed(events(&mut connection));
        assert_eq!((closed.error, closed.initiator), (Some(error), Initiator::Local));
    }
}

#[test]
fn e_a_read_failure_ends_what_the_write_side_still_has() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send(Message::from("a")).unwrap();
        connection.send(Message::from("b")).unwrap();
        connection.send_buffer();
        connection.sent(START, if side == Side::Server { 3 } else { 7 });
        connection.receive_failed(START, TransportFailure::Reset);
        let closed = broken(events(&mut connection), RESET);
        assert_eq!((closed.unsent_messages, closed.initiator), (1, Initiator::Transport));
        over(&mut connection);
    }
}

/// How many messages had not left when its transport fails.
fn unsent(mut connection: Connection) -> u64 {
    connection.send_failed(START, TransportFailure::Reset);
    connection.receive_failed(START, TransportFailure::Reset);
    closed(events(&mut connection)[1..].to_vec()).unsent_messages as u64
}

#[test]
fn what_was_held_back_and_lost_has_not_left() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        for (messages, is_lost) in [(2, false), (1, true)] {
            for _ in 0..messages {
                connection.send(Message::from("hi")).unwrap();
            }
            let n = connection.send_buffer().remaining();
            connection.sent(START, n);
            if is_lost {
                connection.held_back(START, true);
            }
        }
        connection.send(Message::from("and what it had not taken")).unwrap();
        assert_eq!(unsent(connection), 2);
    }
}

#[test]
fn that_a_transport_takes_nothing_does_not_say_that_what_it_took_has_left() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send(Message::from("hi")).unwrap();
        connection.send(Message::from("ho")).unwrap();
        let n = connection.send_buffer().remaining();
        // A write, one that is pending, and a flush that is.
        connection.sent(START, n / 2 + 1);
        connection.sent(START, 0);
        connection.held_back(START, true);
        assert_eq!(unsent(connection), 2);
    }
}

#[cfg(feature = "std")]
#[test]
fn what_left_before_a_rest_is_not_lost_behind_it() {
    for side in SIDES {
        let send = |connection: &mut Connection| {
            connection.send(Message::from("hi")).unwrap();
            let n = connection.send_buffer().remaining();
            connection.sent(START, n);
        };
        // What is put aside was used by one that had sent more.
        let mut other = side.open(Config::server());
        for _ in 0..5 {
            send(&mut other);
        }
        let mut connection = side.open(Config::server());
        send(&mut connection);
        connection.release_buffers();
        other.release_buffers();
        assert!(connection.is_resting() && other.is_resting());
        connection.held_back(START, true);
        assert_eq!(unsent(connection), 0);
    }
}
