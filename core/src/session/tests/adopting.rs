//! Sessions that are given their connections.

use super::*;
use crate::connection::{Config, Role};

fn adopting() -> Session {
    Session::adopting(SessionConfig::socket_rocket(), world::random(1), at(0))
}

fn server() -> Connection {
    Connection::new(Role::Server, Config::server(), at(0))
}

/// A client's text of one letter, with a mask of zeros.
fn text(letter: u8) -> [u8; 7] {
    [0x81, 0x81, 0, 0, 0, 0, letter]
}

fn events(session: &mut Session) -> Vec<Event<'static>> {
    core::iter::from_fn(|| session.poll_event().map(Event::into_owned)).collect()
}

fn output(session: &mut Session, now: Instant) -> Vec<u8> {
    let bytes = bytes::Buf::chunk(session.send_buffer()).to_vec();
    session.sent(now, bytes.len());
    bytes
}

#[test]
fn it_waits_and_stops_when_nobody_comes() {
    let mut session = adopting();
    assert_eq!((session.state(), session.retry_at()), (State::Waiting, None));
    session.connect(at(1));
    session.reachability(at(1), Reachability::Changed);
    assert_eq!(session.poll_action(), None);
    assert_eq!(session.poll_timeout(), Some(at(300)));
    session.handle_timeout(at(300));
    assert_eq!(events(&mut session), [Event::Stopped(Stopped::Exhausted)]);
}

#[test]
fn messages_wait_for_the_next_connection() {
    let mut session = adopting();
    session.send(at(0), Message::from("a"), Delivery::Received).unwrap();
    let first = session.adopt(at(1), server(), Agreement::default());
    assert_eq!(output(&mut session, at(1))[..3], *b"\x81\x01a");
    session.received_eof(at(2));
    let closed = events(&mut session).pop().unwrap();
    let Event::Closed(closed) = closed else { panic!("{closed:?}") };
    assert_eq!((closed.attempt, closed.next), (first, Next::Adoption));
    assert_eq!(session.poll_action(), Some(Action::Disconnect(first)));
    let second = session.adopt(at(3), server(), Agreement::default());
    assert!(second > first && session.endpoint(first).is_none());
    assert_eq!(output(&mut session, at(3))[..3], *b"\x81\x01a", "again");
    assert!(events(&mut session).contains(&Event::Repeated(MessageId(1))));
}

#[test]
fn a_new_connection_takes_the_place_of_the_old_and_nothing_that_arrived_is_lost() {
    let mut session = adopting();
    let first = session.adopt(at(1), server(), Agreement::default());
    session.send(at(1), Message::from("m"), Delivery::Received).unwrap();
    let sent = output(&mut session, at(1));
    assert_eq!(sent[3], 0x89);
    // Two messages and the pong, which nobody has looked at yet.
    let pong = [&[0x8a, 0x8c, 0, 0, 0, 0][..], &sent[5..]].concat();
    session.receive(at(2), &[&text(b'x')[..], &text(b'y'), &pong].concat());
    let second = session.adopt(at(2), server(), Agreement::default());
    let seen = events(&mut session);
    let messages = seen.iter().filter(|event| matches!(event, Event::Message(_))).count();
    assert_eq!(messages, 2);
    assert!(seen.iter().any(
        |event| matches!(event, Event::Settled(settled) if settled.outcome == Outcome::Received)
    ));
    let ends: Vec<_> = seen
        .iter()
        .filter(|event| matches!(event, Event::Connecting(_) | Event::Closed(_)))
        .map(|event| if let Event::Closed(closed) = event { closed.attempt.get() + 100 } else { 0 })
        .collect();
    assert_eq!(ends, [0, 101, 0]);
    // Both transports are ordered to be dropped, also if nobody asks in between.
    let third = session.adopt(at(3), server(), Agreement::default());
    assert_eq!(session.poll_action(), Some(Action::Disconnect(first)));
    assert_eq!(session.poll_action(), Some(Action::Disconnect(second)));
    assert_eq!(session.poll_action(), None);
    assert!(session.endpoint(third).is_some());
}

#[test]
fn what_the_connection_had_to_send_before_is_not_the_sessions() {
    let mut connection = server();
    connection.send(Message::from("theirs")).unwrap();
    let mut session = adopting();
    session.adopt(at(0), connection, Agreement::default());
    let id = session.send(at(0), Message::from("ours"), Delivery::Transmitted).unwrap();
    let _ = session.send_buffer();
    session.sent(at(0), 8);
    let settled = |session: &mut Session| {
        events(session)
            .iter()
            .any(|event| matches!(event, Event::Settled(settled) if settled.id == id))
    };
    assert!(!settled(&mut session), "only theirs has left");
    session.sent(at(0), 6);
    assert!(settled(&mut session));
}

#[test]
fn closing_for_good_wins_over_a_new_connection() {
    let mut session = adopting();
    session.adopt(at(1), server(), Agreement::default());
    session.send(at(1), Message::from("m"), Delivery::Received).unwrap();
    session.close(at(1), CloseCode::NORMAL, "").unwrap();
    session.adopt(at(2), server(), Agreement::default());
    assert_eq!(session.state(), State::Closing);
    assert_eq!(output(&mut session, at(2))[..3], *b"\x81\x01m", "it has another chance to be sent");
    session.handle_timeout(at(7));
    assert_eq!(output(&mut session, at(7))[0], 0x88);
    session.handle_timeout(at(12));
    assert!(events(&mut session).iter().any(|event| matches!(event, Event::Stopped(_))));
    assert_eq!(session.state(), State::Stopped);
    // One that has stopped begins again.
    session.adopt(at(20), server(), Agreement::default());
    assert_eq!(session.state(), State::Open);
    session.suspend(at(21));
    output(&mut session, at(21));
    session.received_eof(at(21));
    let _ = events(&mut session);
    assert_eq!(session.state(), State::Suspended);
    session.adopt(at(22), server(), Agreement::default());
    assert_eq!(session.state(), State::Open);
}

#[test]
fn a_connection_that_is_over_is_over() {
    let mut connection = server();
    connection.received_eof(at(0));
    while connection.poll_event().is_some() {}
    let mut session = adopting();
    session.adopt(at(1), connection, Agreement::default());
    let seen = events(&mut session);
    assert!(seen.iter().any(|event| matches!(event, Event::Closed(_))), "{seen:?}");
    assert_eq!(session.state(), State::Waiting);
}

#[test]
fn adopted_while_offline_its_heartbeat_rests() {
    let mut session = adopting();
    session.reachability(at(0), Reachability::Offline);
    session.adopt(at(1), server(), Agreement::default());
    session.handle_timeout(at(6));
    assert_eq!(session.poll_timeout(), None);
    session.reachability(at(100), Reachability::Online);
    assert!(session.poll_timeout().is_some());
}

#[test]
fn what_arrived_is_bounded_however_often_another_connection_takes_its_place() {
    for paused in [false, true] {
        let mut config = SessionConfig::socket_rocket();
        config.max_queued_bytes = 1_000;
        let mut session = Session::adopting(config, world::random(1), at(0));
        session.pause(paused);
        for _ in 0..100 {
            session.adopt(at(1), server(), Agreement::default());
            session.receive(at(1), &text(b'a').repeat(10));
        }
        let told = events(&mut session);
        let messages = told.iter().filter(|event| matches!(event, Event::Message(_))).count();
        // Those of the last are still with it.
        assert!((10..40).contains(&messages), "{messages}");
        assert_eq!(told.iter().filter(|event| matches!(event, Event::Closed(_))).count(), 99);
        session.pause(false);
        session.adopt(at(2), server(), Agreement::default());
        session.receive(at(2), &text(b'b').repeat(3));
        session.adopt(at(3), server(), Agreement::default());
        let told = events(&mut session);
        assert!(told.contains(&Event::Message(Message::from("b"))), "there is room again");
    }
}

#[test]
fn a_connection_whose_message_nobody_can_finish_is_over() {
    for paused in [false, true] {
        let mut connection = server();
        let mut writer = connection.fragments(crate::message::DataKind::Text).unwrap();
        writer.write(&b"a part"[..]).unwrap();
        writer.pause();
        connection.receive(at(0), &text(b'a'));
        let mut session = adopting();
        session.pause(paused);
        session.send(at(0), Message::from("m"), Delivery::Received).unwrap();
        let attempt = session.adopt(at(1), connection, Agreement::default());
        let told = events(&mut session);
        assert!(told.contains(&Event::Message(Message::from("a"))), "{told:?}");
        assert!(matches!(told.last(), Some(Event::Closed(_))), "{told:?}");
        assert_eq!(session.poll_action(), Some(Action::Disconnect(attempt)));
        assert_eq!(session.state(), State::Waiting);
        session.adopt(at(2), server(), Agreement::default());
        assert_eq!(output(&mut session, at(2))[..3], *b"\x81\x01m");
    }
}
