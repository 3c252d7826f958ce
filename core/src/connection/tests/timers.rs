//! Deadlines other than the heartbeat's, and that every state has one.

use super::*;
use crate::connection::{Heartbeat, Lifetime, Receive};

#[test]
fn write_stall_starts_when_the_transport_takes_nothing_and_ends_when_it_takes_a_byte() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send(Message::from("wait")).unwrap();
        assert_eq!(connection.poll_timeout(), None, "nobody has tried yet");
        connection.send_buffer();
        connection.sent(after(10), 0);
        assert_eq!(connection.poll_timeout(), Some(after(40)));
        connection.sent(after(20), 0);
        assert_eq!(connection.poll_timeout(), Some(after(40)), "it is still the same stall");
        connection.sent(after(39), 1);
        assert_eq!(connection.poll_timeout(), Some(after(69)), "progress");
        connection.handle_timeout(after(68));
        assert_eq!(connection.state(), State::Open);
        output(&mut connection, after(68));
        assert_eq!(connection.poll_timeout(), None, "nothing waits");
    }
}

#[test]
fn write_stall_ends_the_connection_without_a_close_frame() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.send(Message::from("wait")).unwrap();
        connection.send_buffer();
        connection.sent(START, 0);
        connection.handle_timeout(after(30));
        let closed = broken(events(&mut connection), timeout(TimeoutKind::WriteStalled));
        assert_eq!((closed.code, closed.unsent_messages), (CloseCode::ABNORMAL, 1));
        assert_eq!((closed.initiator, closed.sent), (Initiator::Timeout, None));
        over(&mut connection);
    }
}

#[test]
fn write_stall_goes_on_while_closing() {
    for side in SIDES {
        let config = Config { close_timeout: secs(100), ..Config::server() };
        let mut connection = side.open(config);
        connection.send(Message::from("wait")).unwrap();
        connection.send_buffer();
        connection.sent(START, 0);
        connection.close(after(1), CloseCode::NORMAL, "").unwrap();
        assert_eq!(connection.poll_timeout(), Some(after(30)));
        connection.handle_timeout(after(30));
        let closed = broken(events(&mut connection), timeout(TimeoutKind::WriteStalled));
        assert_eq!((closed.initiator, closed.unsent_messages), (Initiator::Local, 1));
        over(&mut connection);
    }
}

#[test]
fn messages_that_had_arrived_when_time_was_up_are_delivered_before_the_end() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.receive(START, &script().text("one").binary("two").wire(side));
        connection.send(Message::from("wait")).unwrap();
        connection.send_buffer();
        connection.sent(START, 0);
        connection.handle_timeout(after(30));
        assert_eq!(connection.state(), State::Closing, "nothing more is sent");
        assert_eq!(connection.send_buffer().remaining(), 0);
        assert!(connection.send(Message::from("late")).is_err());
        assert!(connection.recv_buffer().is_empty(), "nothing more is received");
        assert_eq!(connection.poll_timeout(), None);
        let mut news = events(&mut connection);
        same(&news.drain(..2).collect::<Vec<_>>(), &[text("one"), binary("two")]);
        let closed = broken(news, timeout(TimeoutKind::WriteStalled));
        assert_eq!((closed.initiator, closed.unsent_messages), (Initiator::Timeout, 1));
        over(&mut connection);
    }
}

#[test]
fn a_close_frame_that_had_arrived_when_time_was_up_is_read_but_not_clean() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.close(START, CloseCode::NORMAL, "").unwrap();
        output(&mut connection, START);
        connection.receive(after(1), &script().text("last").close(4000, "bye").wire(side));
        connection.handle_timeout(after(5));
        let mut news = events(&mut connection);
        same(&news.drain(..1).collect::<Vec<_>>(), &[text("last")]);
        let closed = broken(news, timeout(TimeoutKind::Close));
        assert_eq!((closed.code, closed.reason.as_str()), (code(4000), "bye"));
        assert_eq!((closed.clean, closed.initiator), (false, Initiator::Timeout));
        over(&mut connection);
    }
}

#[test]
fn an_application_that_is_late_does_not_make_an_orderly_end_unclean() {
    for side in SIDES {
        for flushed in [true, false] {
            let mut connection = side.open(Config::server());
            connection.close(START, CloseCode::NORMAL, "").unwrap();
            if flushed {
                output(&mut connection, START);
            }
            connection.receive(after(1), &script().text("last").close(1000, "").wire(side));
            connection.received_eof(after(2));
            connection.handle_timeout(after(5));
            let mut news = events(&mut connection);
            same(&news.drain(..1).collect::<Vec<_>>(), &[text("last")]);
            let closed = closed(news.split_off(news.len() - 1));
            assert_eq!((closed.clean, closed.error.is_none()), (flushed, flushed));
        }
    }
}

fn slow_messages() -> Config {
    Config { message_timeout: Some(secs(3)), ..Config::server() }
}

#[test]
fn s2_a_message_that_takes_too_long_fails_by_timer_not_on_arrival() {
    for side in SIDES {
        let mut connection = side.open(slow_messages());
        assert_eq!(connection.poll_timeout(), None);
        hear(&mut connection, after(1), &script().frame(TEXT_BEGIN, "slow").wire(side));
        assert_eq!(connection.poll_timeout(), Some(after(4)));
        // Neither fragments nor pings of it make it younger.
        hear(&mut connection, after(3), &script().ping("").frame(MORE, "ly").wire(side));
        connection.handle_timeout(after(4));
        let error = ConnectionError::Protocol(ProtocolError::MessageTooSlow);
        assert_eq!(events(&mut connection), [Event::Error(error)]);
        let sent = frames(&mut connection, after(4));
        assert_eq!(sent[sent.len() - 1].1[..2], 1008_u16.to_be_bytes());
    }
}

#[test]
fn s2_every_message_has_its_own_time_and_whole_ones_need_none() {
    for side in SIDES {
        for config in [slow_messages(), Config { receive: Receive::Pieces, ..slow_messages() }] {
            let mut connection = side.open(config);
            hear(&mut connection, START, &script().text("whole").wire(side));
            assert_eq!(connection.poll_timeout(), None);
            hear(&mut connection, START, &script().frame(TEXT_BEGIN, "1").wire(side));
            hear(
                &mut connection,
                after(2),
                &script().frame(LAST, "").frame(TEXT_BEGIN, "2").wire(side),
            );
            connection.handle_timeout(after(2));
            assert_eq!(connection.poll_timeout(), Some(after(5)), "counts from its own beginning");
            hear(&mut connection, after(4), &script().frame(LAST, "").wire(side));
            assert_eq!(connection.poll_timeout(), None);
            connection.handle_timeout(after(100));
            assert_eq!(connection.state(), State::Open);
        }
    }
}

#[test]
fn s2_a_message_that_has_arrived_but_was_not_looked_at_is_not_late() {
    for side in SIDES {
        let mut connection = side.open(slow_messages());
        hear(&mut connection, START, &script().frame(TEXT_BEGIN, "a").wire(side));
        let wire = script().frame(LAST, "b").text("c").frame(TEXT_BEGIN, "d").wire(side);
        connection.receive(after(1), &wire);
        connection.handle_timeout(after(3));
        assert_eq!(events(&mut connection), [text("ab"), text("c")]);
        connection.handle_timeout(after(3));
        assert_eq!(connection.state(), State::Open);
        assert_eq!(connection.poll_timeout(), Some(after(6)), "the last one is timed from here");
    }
}

#[test]
fn s2_the_time_an_application_took_is_not_the_messages() {
    for side in SIDES {
        let mut connection = side.open(slow_messages());
        connection.receive(START, &script().text("x").frame(TEXT_BEGIN, "a").wire(side));
        assert_eq!(events(&mut connection).len(), 1);
        connection.handle_timeout(after(60));
        assert_eq!(connection.state(), State::Open);
        assert_eq!(connection.poll_timeout(), Some(after(63)));
        // Late by as much as it is long is not yet a jump.
        connection.handle_timeout(after(66));
        assert_eq!(events(&mut connection).len(), 1);
    }
}

#[test]
fn s2_a_message_not_finished_after_our_close_leaves_the_close_deadline_as_it_is() {
    for side in SIDES {
        let mut connection = side.open(slow_messages());
        connection.close(START, CloseCode::NORMAL, "").unwrap();
        output(&mut connection, START);
        hear(&mut connection, after(1), &script().frame(TEXT_BEGIN, "a").wire(side));
        connection.handle_timeout(after(4));
        assert_eq!(events(&mut connection).len(), 1);
        assert!(connection.poll_timeout().unwrap() <= after(5));
        connection.handle_timeout(after(5));
        closed(events(&mut connection));
    }
}

#[test]
fn a_lifetime_ends_with_its_code_and_messages_first() {
    let lifetime = Lifetime { after: secs(60), code: CloseCode::SERVICE_RESTART };
    for side in SIDES {
        let config = Config { max_lifetime: Some(lifetime), ..Config::server() };
        let mut connection = side.open(config);
        assert_eq!(connection.poll_timeout(), Some(after(60)));
        connection.send(Message::from("last")).unwrap();
        hear(&mut connection, after(59), &script().text("x").wire(side));
        connection.handle_timeout(after(60));
        let sent = frames(&mut connection, after(60));
        assert_eq!(sent[0], (TEXT, b"last".to_vec()));
        assert_eq!((sent[1].0, &sent[1].1[..2]), (CLOSE, &1012_u16.to_be_bytes()[..]));
        hear(&mut connection, after(61), &script().close(1012, "").wire(side));
        connection.received_eof(after(61));
        let closed = closed(events(&mut connection));
        assert_eq!((closed.clean, closed.initiator), (true, Initiator::Local));
    }
}

#[test]
fn a_lifetime_with_a_code_that_cannot_be_sent_closes_without_one() {
    let lifetime = Lifetime { after: secs(60), code: CloseCode::ABNORMAL };
    let mut connection = server(Config { max_lifetime: Some(lifetime), ..Config::server() });
    connection.handle_timeout(after(60));
    assert_eq!(frames(&mut connection, after(60)), [(CLOSE, Vec::new())]);
    connection.abort();
    assert_eq!(closed(events(&mut connection)).sent.unwrap().code, CloseCode::NO_STATUS);
}

#[test]
fn e_the_close_timer_ends_the_wait_for_the_peers_close() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.close(START, CloseCode::NORMAL, "").unwrap();
        output(&mut connection, after(3));
        hear(&mut connection, after(4), &script().text("still talking").wire(side));
        assert_eq!(connection.poll_timeout(), Some(after(5)), "from when it was queued");
        connection.handle_timeout(after(5));
        let closed = broken(events(&mut connection), timeout(TimeoutKind::Close));
        assert_eq!((closed.code, closed.initiator), (CloseCode::ABNORMAL, Initiator::Timeout));
        over(&mut connection);
    }
}

#[test]
fn e_the_close_timer_ends_the_wait_for_the_end_of_the_stream() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        hear(&mut connection, START, &script().close(1000, "").wire(side));
        output(&mut connection, START);
        connection.handle_timeout(after(5));
        let closed = broken(events(&mut connection), timeout(TimeoutKind::Close));
        assert_eq!((closed.code, closed.initiator), (CloseCode::NORMAL, Initiator::Timeout));
        assert!(closed.sent.is_some() && closed.received.is_some());
        over(&mut connection);
    }
}

/// What brings a connection into a state, the transport being as it is.
type Way = (&'static str, fn(&mut Connection, Side));

#[test]
fn obeying_poll_timeout_ends_every_state_with_a_silent_peer() {
    let ways: [Way; 9] = [
        ("open", |_, _| {}),
        ("inside a header", |c, _| drop(hear(c, START, &[BINARY]))),
        ("inside a frame", |c, side| drop(hear(c, START, &header_to(side, BINARY, 1_000)))),
        ("inside a large frame", |c, side| drop(hear(c, START, &header_to(side, BINARY, 100_000)))),
        ("we closed", |c, _| c.close(START, CloseCode::NORMAL, "").unwrap()),
        ("peer closed", |c, side| drop(hear(c, START, &script().close(1000, "").wire(side)))),
        ("failing", |c, side| drop(hear(c, START, &script().frame(0x83, "").wire(side)))),
        ("write failed", |c, _| c.send_failed(START, TransportFailure::Reset)),
        ("abandoned a message", |c, _| {
            drop(c.fragments(crate::message::DataKind::Text).unwrap());
        }),
    ];
    for (name, way) in ways {
        for side in SIDES {
            for works in [true, false] {
                let heartbeat = Some(Heartbeat::new(secs(20), secs(20)));
                let mut connection = side.open(Config { heartbeat, ..Config::server() });
                connection.send(Message::from(pattern(200_000))).unwrap();
                way(&mut connection, side);
                let mut now = START;
                for _ in 0..20 {
                    if works {
                        output(&mut connection, now);
                    } else if connection.send_buffer().has_remaining() {
                        connection.sent(now, 0);
                    }
                    let _ = events(&mut connection);
                    let Some(due) = connection.poll_timeout() else { break };
                    now = now.max(due);
                    connection.handle_timeout(now);
                }
                let _ = events(&mut connection);
                assert_eq!(connection.state(), State::Closed, "{name}, {side:?}, {works}");
                assert!(now <= after(60), "{name}, {side:?}, {works}: {now:?}");
                over(&mut connection);
            }
        }
    }
}

#[test]
fn p8_timers_that_are_due_together_are_each_acted_on() {
    let lifetime = Lifetime { after: secs(20), code: CloseCode::GOING_AWAY };
    let config = Config {
        heartbeat: Some(Heartbeat::new(secs(20), secs(20))),
        max_lifetime: Some(lifetime),
        ..Config::server()
    };
    let mut connection = server(config);
    connection.handle_timeout(after(20));
    let sent = frames(&mut connection, after(20));
    assert_eq!(sent.iter().map(|frame| frame.0).collect::<Vec<_>>(), [PING, CLOSE]);
    assert_eq!(connection.poll_timeout(), Some(after(25)));
}

#[test]
fn a_deadline_without_end_never_comes() {
    let config = Config { close_timeout: Duration::MAX, ..Config::server() };
    let mut connection = server(config);
    connection.close(START, CloseCode::NORMAL, "").unwrap();
    connection.handle_timeout(Instant::from_epoch(secs(1 << 33)));
    assert_eq!(connection.state(), State::Closing);
}
