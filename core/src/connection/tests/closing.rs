//! E: the closing handshake, each row of its table and both sides.

use super::*;
use crate::error::SendError;

/// A connection that closed with 1000 and whose close frame has left.
fn closing(side: Side, config: Config) -> Connection {
    let mut connection = side.open(config);
    connection.close(START, CloseCode::NORMAL, "bye").unwrap();
    assert_eq!(frames(&mut connection, START), [close_frame(1000, "bye")]);
    connection
}

fn close_frame(code: u16, reason: &str) -> (u8, Vec<u8>) {
    (CLOSE, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
}

fn close(number: u16, reason: &str) -> Option<Close> {
    Some(Close { code: code(number), reason: reason.into() })
}

#[test]
fn e_we_close_while_open_what_was_accepted_leaves_first() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send(Message::from(pattern(200_000))).unwrap();
        connection.close(START, CloseCode::GOING_AWAY, "moving").unwrap();
        assert_eq!(connection.state(), State::Closing);
        assert_eq!(connection.poll_timeout(), Some(after(5)), "armed at once");
        let late = Message::from("late");
        assert_eq!(connection.send(late.clone()), Err(SendError::Closed(late)));
        assert_eq!(connection.ping(b""), Err(SendError::Closed(())));
        assert!(!connection.is_send_finished());
        let sent = frames(&mut connection, START);
        let data: Vec<u8> = sent[..sent.len() - 1].iter().flat_map(|f| f.1.clone()).collect();
        assert!(data == pattern(200_000));
        assert_eq!(sent[sent.len() - 1], close_frame(1001, "moving"));

        hear(&mut connection, after(1), &script().close(3000, "theirs").wire(side));
        assert!(!connection.is_finished(), "the end of the stream is waited for");
        // 7.1.1: the server closes the transport, a client waits for it.
        assert_eq!(connection.is_send_finished(), side == Side::Server);
        connection.received_eof(after(1));
        let closed = closed(events(&mut connection));
        assert_eq!((closed.code, &closed.reason[..]), (code(3000), "theirs"));
        assert_eq!((closed.clean, closed.initiator), (true, Initiator::Local));
        assert_eq!((closed.sent, closed.received), (close(1001, "moving"), close(3000, "theirs")));
        assert_eq!((closed.error, closed.unsent_messages), (None, 0));
        over(&mut connection);
    }
}

#[test]
fn e_peer_close_while_open_is_answered_with_its_code_before_what_is_queued() {
    for number in [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
        every_way(
            Config::server(),
            &script().text("a").close(number, "réason"),
            |connection, seen| {
                assert_eq!(seen, [text("a")]);
                assert_eq!(connection.state(), State::Closing);
                assert_eq!(frames(connection, START), [close_frame(number, "")]);
                connection.received_eof(START);
                let closed = closed(events(connection));
                assert_eq!((closed.code, &closed.reason[..]), (code(number), "réason"));
                assert_eq!((closed.clean, closed.initiator), (true, Initiator::Remote));
                assert_eq!(
                    (closed.sent, closed.received),
                    (close(number, ""), close(number, "réason"))
                );
                over(connection);
            },
        );
    }
}

#[test]
fn s5_5_2_pings_that_came_before_the_peers_close_are_answered_and_those_behind_are_not() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        // More than the transport is given at once: the answers go in front of what can wait.
        connection.send(Message::from(pattern(3 << 20))).unwrap();
        assert!(connection.send_buffer().has_remaining());
        let wire = script().ping("a").ping("b").close(1000, "").ping("c").wire(side);
        assert_eq!(hear(&mut connection, START, &wire), [ping(b"a"), ping(b"b")]);
        let sent = frames(&mut connection, START);
        let (message, rest) = sent.split_at(sent.len() - 3);
        assert_eq!(rest, [(PONG, b"a".to_vec()), (PONG, b"b".to_vec()), close_frame(1000, "")]);
        assert!(message.iter().all(|frame| frame.0 < 3), "{}", message.len());
    }
}

#[test]
fn e_peer_close_while_open_drops_and_counts_what_has_not_begun_to_leave() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send(Message::from("in the outbox")).unwrap();
        connection.send(Message::from(pattern(300_000))).unwrap();
        connection.send(Message::from("queued")).unwrap();
        assert!(connection.send_buffer().has_remaining());
        hear(&mut connection, START, &script().close(1000, "").wire(side));
        let sent = frames(&mut connection, START);
        assert_eq!(sent[0], (TEXT, b"in the outbox".to_vec()));
        assert_eq!(sent[1].0, BINARY_BEGIN, "and no frame with FIN: the peer has half of it");
        assert_eq!(sent[sent.len() - 1], close_frame(1000, ""));
        assert!(!sent.iter().any(|frame| frame.0 == LAST) && sent.len() == 6);
        connection.received_eof(START);
        assert_eq!(closed(events(&mut connection)).unsent_messages, 2);
    }
}

#[test]
fn s5_5_1_an_empty_close_is_answered_with_an_empty_one_and_means_1005() {
    every_way(Config::server(), &script().frame(CLOSE, ""), |connection, seen| {
        assert!(seen.is_empty());
        assert_eq!(frames(connection, START), [(CLOSE, Vec::new())]);
        connection.received_eof(START);
        let closed = closed(events(connection));
        assert_eq!((closed.code, closed.clean), (CloseCode::NO_STATUS, true));
        assert_eq!(closed.sent.unwrap().code, CloseCode::NO_STATUS);
    });
}

#[test]
fn e_peer_close_that_is_malformed_fails_the_connection() {
    fails(Config::server(), &script().frame(CLOSE, [3]), &[], ProtocolError::InvalidCloseLength);
    for number in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        fails(Config::server(), &script().close(number, ""), &[], ProtocolError::InvalidCloseCode);
    }
    let bad = script().frame(CLOSE, b"\x03\xe8\xff");
    fails(Config::server(), &bad, &[], ProtocolError::InvalidUtf8);
}

#[test]
fn e_simultaneous_close_has_no_third_close_frame() {
    let (mut a, mut b) = (Side::Client.open(Config::client()), server(Config::server()));
    a.close(START, code(3001), "a").unwrap();
    b.close(START, code(3002), "b").unwrap();
    let (to_b, to_a) = (output(&mut a, START), output(&mut b, START));
    assert!(hear(&mut a, START, &to_a).is_empty());
    assert!(hear(&mut b, START, &to_b).is_empty());
    assert!(output(&mut a, START).is_empty() && output(&mut b, START).is_empty());
    assert!(b.is_send_finished() && !a.is_send_finished(), "the server ends the stream first");
    a.received_eof(START);
    assert!(a.is_finished() || a.poll_ready() && a.is_finished());
    b.received_eof(START);
    let (a, b) = (closed(events(&mut a)), closed(events(&mut b)));
    assert_eq!((a.code, a.clean, a.initiator), (code(3002), true, Initiator::Local));
    assert_eq!((b.code, b.clean, b.initiator), (code(3001), true, Initiator::Local));
}

#[test]
fn e_simultaneous_close_does_not_wait_for_what_is_queued() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send(Message::from(pattern(300_000))).unwrap();
        connection.send(Message::from("never")).unwrap();
        assert!(connection.send_buffer().has_remaining());
        connection.close(START, CloseCode::NORMAL, "ours").unwrap();
        hear(&mut connection, START, &script().close(1001, "").wire(side));
        let sent = frames(&mut connection, START);
        assert_eq!((sent.len(), &sent[4]), (5, &close_frame(1000, "ours")));
        connection.received_eof(START);
        let closed = closed(events(&mut connection));
        assert_eq!((closed.code, closed.unsent_messages, closed.clean), (code(1001), 2, true));
    }
}

#[test]
fn e_close_inside_a_fragmented_message_drops_it_and_is_clean() {
    let session = script().frame(TEXT_BEGIN, b"half a char \xc3").close(1000, "");
    every_way(Config::server(), &session, |connection, seen| {
        assert!(seen.is_empty());
        assert_eq!(frames(connection, START), [close_frame(1000, "")]);
        connection.received_eof(START);
        let closed = closed(events(connection));
        assert_eq!((closed.clean, closed.error), (true, None));
    });
}

#[test]
fn e_data_and_pings_after_the_peers_close_are_ignored() {
    let session = script().close(1000, "").text("x").ping("y").frame(0x83, "bad").close(1001, "");
    every_way(Config::server(), &session, |connection, seen| {
        assert!(seen.is_empty());
        assert_eq!(frames(connection, START), [close_frame(1000, "")], "no pong, no other close");
        connection.received_eof(START);
        let closed = closed(events(connection));
        assert_eq!((closed.code, closed.clean), (CloseCode::NORMAL, true));
    });
}

#[test]
fn e_data_after_our_close_is_still_delivered_and_pings_are_not_answered() {
    for side in SIDES {
        for split in SPLITS {
            let mut connection = closing(side, Config::server());
            let wire = script()
                .text("in flight")
                .ping("unanswered")
                .frame(BINARY_BEGIN, pattern(5_000))
                .frame(LAST, "")
                .close(1000, "done")
                .wire(side);
            let seen = feed(&mut connection, START, &wire, split);
            same(&seen, &[text("in flight"), ping(b"unanswered"), binary(pattern(5_000))]);
            assert!(
                output(&mut connection, START).is_empty(),
                "after a close frame nothing is sent"
            );
            connection.received_eof(START);
            let closed = closed(events(&mut connection));
            assert_eq!((closed.clean, &closed.reason[..]), (true, "done"));
        }
    }
}

#[test]
fn e_close_twice_and_after_the_end_is_a_no_op() {
    for side in SIDES {
        let mut connection = closing(side, Config::server());
        connection.close(after(3), code(4000), "again").unwrap();
        assert!(output(&mut connection, START).is_empty());
        assert_eq!(connection.poll_timeout(), Some(after(5)), "the deadline is the first one's");
        hear(&mut connection, START, &script().close(1000, "").wire(side));
        connection.close(after(3), code(4000), "again").unwrap();
        assert!(output(&mut connection, START).is_empty());
        connection.received_eof(START);
        let closed = closed(events(&mut connection));
        assert_eq!(closed.sent, close(1000, "bye"));
        over(&mut connection);
    }
}

#[test]
fn c1_a_code_that_must_not_be_sent_is_refused_and_changes_nothing() {
    let mut connection = server(Config::server());
    for code in [CloseCode::NO_STATUS, CloseCode::ABNORMAL] {
        let refused = connection.close(START, code, "");
        assert_eq!(refused, Err(SendError::InvalidCloseCode(())));
    }
    assert_eq!((connection.state(), connection.poll_timeout()), (State::Open, None));
    connection.send(Message::from("still open")).unwrap();
}

#[test]
fn c2_a_reason_is_cut_to_123_bytes_on_a_character_boundary() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.close(START, CloseCode::NORMAL, &"€".repeat(60)).unwrap();
        let sent = frames(&mut connection, START);
        assert_eq!(sent, [close_frame(1000, &"€".repeat(41))]);
        connection.abort();
        let closed = closed(events(&mut connection));
        assert_eq!(closed.sent, close(1000, &"€".repeat(41)), "what is said is what was sent");
    }
}

#[test]
fn c3_the_end_of_the_stream_before_our_reply_has_left_is_clean_once_it_has() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        hear(&mut connection, START, &script().close(1000, "").wire(side));
        connection.received_eof(START);
        assert!(events(&mut connection).is_empty(), "our reply has not left");
        assert_eq!(connection.state(), State::Closing);
        assert!(connection.recv_buffer().is_empty());
        assert_eq!(connection.send_buffer().remaining(), if side == Side::Server { 4 } else { 8 });
        connection.sent(START, 3);
        assert!(!connection.poll_ready(), "nor all of it");
        output(&mut connection, START);
        let closed = closed(events(&mut connection));
        assert_eq!((closed.clean, closed.error), (true, None));
        over(&mut connection);
    }
}

#[test]
fn c3_the_end_of_the_stream_and_a_reply_that_never_leaves_is_not_clean() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        hear(&mut connection, START, &script().close(1000, "").wire(side));
        connection.received_eof(START);
        assert!(events(&mut connection).is_empty());
        connection.handle_timeout(after(5));
        let closed = broken(events(&mut connection), timeout(TimeoutKind::Close));
        assert_eq!((closed.initiator, closed.code), (Initiator::Timeout, CloseCode::NORMAL));
        over(&mut connection);
    }
}

#[test]
fn c3_the_end_of_the_stream_and_a_reply_given_up_is_not_clean() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        hear(&mut connection, START, &script().close(1000, "").wire(side));
        connection.received_eof(START);
        assert!(events(&mut connection).is_empty());
        connection.abort();
        assert!(!closed(events(&mut connection)).clean);
    }
}

#[test]
fn a5_a_stream_cut_short_after_the_exchange_is_clean_and_a_reset_is_not() {
    let cases = [
        (TransportFailure::Truncated, true),
        (TransportFailure::Reset, false),
        (TransportFailure::Other, false),
    ];
    for side in SIDES {
        for (failure, clean) in cases {
            let mut connection = closing(side, Config::server());
            hear(&mut connection, START, &script().close(1000, "").wire(side));
            connection.receive_failed(START, failure);
            let closed = closed(events(&mut connection));
            assert_eq!((closed.clean, closed.error, closed.code), (clean, None, CloseCode::NORMAL));
        }
    }
}

#[test]
fn e_eof_without_close_is_1006_and_an_error_first() {
    for side in SIDES {
        for (end, error) in [
            (None, ConnectionError::UnexpectedEof),
            (
                Some(TransportFailure::Truncated),
                ConnectionError::Transport(TransportFailure::Truncated),
            ),
            (Some(TransportFailure::Reset), ConnectionError::Transport(TransportFailure::Reset)),
        ] {
            for ours in [None, close(1000, "bye")] {
                let mut connection = if ours.is_some() {
                    closing(side, Config::server())
                } else {
                    side.open(Config::server())
                };
                match end {
                    None => connection.received_eof(START),
                    Some(failure) => connection.receive_failed(START, failure),
                }
                // Only the first end counts.
                connection.received_eof(START);
                let closed = broken(events(&mut connection), error);
                assert_eq!((closed.code, closed.received), (CloseCode::ABNORMAL, None));
                let initiator =
                    if ours.is_some() { Initiator::Local } else { Initiator::Transport };
                assert_eq!((closed.initiator, closed.sent), (initiator, ours));
                over(&mut connection);
            }
        }
    }
}

#[test]
fn e_what_arrived_whole_before_the_end_of_the_stream_is_delivered_first() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        let wire = script().text("1").ping("2").frame(TEXT_BEGIN, "3").frame(LAST, "4").binary("5");
        connection.receive(START, &wire.frame(TEXT_BEGIN, "unfinished").wire(side));
        connection.received_eof(START);
        let mut seen = events(&mut connection);
        let end = seen.split_off(4);
        assert_eq!(seen, [text("1"), ping(b"2"), text("34"), binary("5")]);
        broken(end, ConnectionError::UnexpectedEof);

        let mut connection = side.open(Config::server());
        connection.receive(START, &script().text("1").close(1000, "").wire(side));
        connection.received_eof(START);
        assert_eq!(events(&mut connection), [text("1")]);
        output(&mut connection, START);
        assert!(closed(events(&mut connection)).clean);
    }
}

#[test]
fn e_abort_ends_at_once_and_counts_what_was_lost() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send(Message::from("left")).unwrap();
        output(&mut connection, START);
        connection.send(Message::from("in the outbox")).unwrap();
        connection.send(Message::from(pattern(300_000))).unwrap();
        connection.send(Message::from("queued")).unwrap();
        connection.send_buffer();
        connection.sent(START, 1);
        connection.abort();
        assert!(connection.is_finished(), "whether or not the event is taken");
        let closed = closed(events(&mut connection));
        assert_eq!((closed.unsent_messages, closed.initiator), (3, Initiator::Local));
        assert_eq!((closed.clean, closed.error, closed.sent), (false, None, None));
        over(&mut connection);
    }
}

#[test]
fn e_abort_after_the_exchange_keeps_what_was_exchanged_but_is_not_clean() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        hear(&mut connection, START, &script().close(1000, "r").wire(side));
        connection.abort();
        let closed = closed(events(&mut connection));
        assert_eq!((closed.clean, closed.initiator), (false, Initiator::Remote));
        assert_eq!((closed.code, &closed.reason[..]), (CloseCode::NORMAL, "r"));
    }
}

#[test]
fn c5_closed_comes_once_and_last_whatever_is_pending() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.receive(START, &script().ping("p").text("later").wire(side));
        assert!(connection.poll_ready());
        connection.receive_failed(START, TransportFailure::Reset);
        let seen = events(&mut connection);
        assert_eq!(seen[..2], [ping(b"p"), text("later")]);
        broken(seen[2..].to_vec(), ConnectionError::Transport(TransportFailure::Reset));
        over(&mut connection);
    }
}

#[test]
fn e_a_reply_counts_from_when_the_time_is_told_not_from_when_the_close_arrived() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        // The application takes its time, and the close is found only then.
        connection.receive(START, &script().text("slow").close(1000, "").wire(side));
        assert_eq!(connection.poll_event(), Some(text("slow")));
        assert!(connection.poll_event().is_none());
        let now = after(60);
        assert_eq!(frames(&mut connection, now).len(), 1);
        connection.handle_timeout(now);
        assert_eq!(connection.state(), State::Closing, "the peer had no time to answer");
        assert_eq!(connection.poll_timeout(), Some(now + secs(5)));
        connection.received_eof(now);
        assert!(closed(events(&mut connection)).clean);
    }
}
