//! What a transport took, held back and lost.

use super::*;
use crate::connection::Config;
use crate::handshake::Acceptance;

fn plain() -> SessionConfig {
    SessionConfig::socket_rocket()
}

/// Sends one of each delivery, of which the transport takes all and holds all back.
fn held(world: &mut World) -> [MessageId; 3] {
    world.asleep = true;
    let now = world.now;
    let ids = [Delivery::Transmitted, Delivery::Received, Delivery::Acknowledged]
        .map(|delivery| world.session.send(now, Message::from("m"), delivery).unwrap());
    let taken = bytes::Buf::chunk(world.session.send_buffer()).to_vec();
    world.session.sent(now, taken.len());
    world.session.held_back(now, true);
    world.settle();
    world.to_server.extend(taken);
    ids
}

#[test]
fn what_the_transport_holds_back_has_not_left() {
    let mut world = open(plain());
    let ids = held(&mut world);
    assert!(world.outcomes().is_empty());
    assert_eq!(world.session.buffered_amount(), 3);
    world.session.held_back(world.now, false);
    world.settle();
    assert_eq!(world.outcomes(), [(ids[0].get(), Outcome::Transmitted)]);
    assert_eq!(world.session.buffered_amount(), 0);
}

#[test]
fn what_it_held_back_when_it_failed_is_in_doubt() {
    for released in [false, true] {
        let mut world = open(plain());
        let ids = held(&mut world);
        let now = world.now;
        if released {
            // As a driver does before it reports the failure of a flush.
            world.session.held_back(now, false);
        }
        world.session.send_failed(now, TransportFailure::Reset);
        world.reset();
        assert_eq!(world.outcome(ids[0]), Some(Outcome::Lost(Loss::Disconnected)));
        assert_eq!(world.session.statistics().messages_sent, 0);
        world.pass(secs(1));
        assert_eq!(world.repeated(), [ids[1].get(), ids[2].get()], "they may have arrived");
        assert_eq!(world.texts(), ["m", "m"]);
    }
}

#[test]
fn what_leaves_after_it_let_go_is_in_no_doubt() {
    let mut world = open(plain());
    let ids = held(&mut world);
    let now = world.now;
    world.session.held_back(now, false);
    let later = world.session.send(now, Message::from("n"), Delivery::Transmitted).unwrap();
    let n = bytes::Buf::remaining(world.session.send_buffer());
    world.session.sent(now, n);
    world.session.send_failed(now, TransportFailure::Reset);
    world.reset();
    for id in [ids[0], later] {
        assert_eq!(world.outcome(id), Some(Outcome::Transmitted));
    }
}

#[test]
fn a_pong_proves_that_nothing_is_held_back_any_more() {
    let mut world = open(plain());
    let ids = held(&mut world);
    let ping = world.intercept_pings().remove(0);
    world.inject(&hand_made::frame(hand_made::PONG, &ping));
    assert_eq!(world.outcome(ids[1]), Some(Outcome::Received));
    let Some(Event::Settled(settled)) = world.seen.last() else { panic!() };
    assert_eq!(settled.transmissions, 1);
    world.session.held_back(world.now, false);
    world.settle();
    assert_eq!(world.outcome(ids[0]), Some(Outcome::Transmitted));
}

#[test]
fn what_is_held_back_ends_as_a_stalled_write_and_does_not_outlive_the_connection() {
    let mut config = plain();
    config.connection.heartbeat = None;
    let mut world = open(config);
    held(&mut world);
    world.pass(secs(29));
    assert_eq!(world.session.state(), State::Open, "not the peer's fault");
    world.pass(secs(1));
    let Failure::Closed(closed) = world.last_closing().failure else { panic!() };
    assert_eq!(closed.error, Some(ConnectionError::Timeout(TimeoutKind::WriteStalled)));
    world.session.held_back(world.now, true);
    world.pass(secs(1));
    let id = world.send("n", Delivery::Transmitted);
    assert_eq!(world.outcome(id), Some(Outcome::Transmitted));
}

#[test]
fn what_left_before_an_abort_is_said_to_have_left() {
    let mut world = open(plain());
    let now = world.now;
    let id = world.session.send(now, Message::from("m"), Delivery::Transmitted).unwrap();
    let n = bytes::Buf::remaining(world.session.send_buffer());
    world.session.sent(now, n);
    world.session.abort();
    world.settle();
    assert_eq!(world.outcome(id), Some(Outcome::Transmitted));
}

#[test]
fn cut_at_every_byte_nothing_is_missing_or_out_of_order_and_duplicates_are_announced() {
    // 5 messages of 7 bytes, and 2 pings of 18.
    for cut in 1..=71 {
        let mut world = open(plain());
        world.left = Some(cut);
        // What the link took arrives, and so does what is answered, or not.
        world.asleep = cut % 2 == 0;
        for n in 0..5 {
            let message = Message::from(n.to_string());
            world.session.send(world.now, message, Delivery::Received).unwrap();
        }
        world.pass(secs(2));
        assert_eq!(world.outcomes().len(), 5, "cut after {cut}");
        let mut once = world.texts();
        let repeated = world.repeated().len();
        assert!(once.len() - 5 <= repeated, "{once:?}, {repeated} announced");
        if let Some(again) = world.read.iter().position(|(connection, _)| *connection == 2) {
            assert!(world.read[again..].is_sorted(), "{:?}", world.read);
            once.truncate(again);
        }
        assert!(once.is_sorted());
    }
}

#[test]
fn what_is_held_back_in_the_handshake_is_waited_for_before_the_connection_is_open() {
    let mut world = World::new(plain());
    world.asleep = true;
    world.session.connect(world.now);
    let Some(Action::Connect(attempt)) = world.session.poll_action() else { panic!("an order") };
    let request = Request::parse("ws://a").unwrap();
    let mut session = world.session;
    assert!(session.opened(at(0), attempt, &request, world::random(1)));
    let request = bytes::Buf::chunk(session.send_buffer()).to_vec();
    session.sent(at(0), request.len());
    session.held_back(at(0), true);
    let mut server = crate::handshake::ServerHandshake::new(Config::server().handshake, at(0));
    server.receive(at(0), &request);
    let accepted = server.request(at(0)).unwrap().accept(&Acceptance::new(), at(0)).unwrap();
    session.receive(at(0), bytes::Buf::chunk(&accepted.outbox));
    session.send(at(0), Message::from("m"), Delivery::Transmitted).unwrap();
    assert_eq!(session.state(), State::Connecting, "frames would be in the midst of the request");
    session.held_back(at(1), false);
    assert!(session.poll_ready());
    assert_eq!(session.state(), State::Open);
    let settled = |session: &mut Session| {
        let mut events = core::iter::from_fn(|| session.poll_event().map(Event::into_owned));
        events.any(|event| matches!(event, Event::Settled(_)))
    };
    let n = bytes::Buf::remaining(session.send_buffer());
    session.sent(at(1), n);
    session.held_back(at(1), true);
    assert!(!settled(&mut session));
    session.held_back(at(2), false);
    assert!(settled(&mut session));
}

/// A session that is paused, with this many messages unread, from the server.
fn paused(messages: usize) -> World {
    let mut world = open(plain());
    world.pass(secs(6));
    world.session.pause(true);
    for n in 0..messages {
        world.server().send(Message::from(n.to_string())).unwrap();
    }
    world.settle();
    assert!(world.messages().is_empty());
    world
}

fn numbers(n: usize) -> Vec<String> {
    (0..n).map(|n| n.to_string()).collect()
}

#[test]
fn paused_it_finds_the_end_of_a_connection_behind_what_nobody_reads() {
    let mut world = paused(300);
    let now = world.now;
    world.session.received_eof(now);
    world.pass(secs(2));
    assert_eq!((world.closings().len(), world.session.state()), (1, State::Open));
    assert_eq!(world.messages(), numbers(300));
    world.say("on the next");
    assert_eq!(world.messages().len(), 300, "still paused");
    world.session.pause(false);
    world.settle();
    assert_eq!(world.messages().last().map(String::as_str), Some("on the next"));
    // A transport that fails, and one that takes nothing any more.
    let mut world = paused(300);
    world.reset();
    world.pass(secs(2));
    assert_eq!((world.messages(), world.session.state()), (numbers(300), State::Open));
    let mut world = paused(300);
    world.stalled = true;
    world.send("m", Delivery::Received);
    world.pass(secs(32));
    assert_eq!((world.messages(), world.closings().len()), (numbers(300), 1));
}

#[test]
fn paused_it_closes_and_finishes() {
    let mut world = paused(300);
    let id = world.send("m", Delivery::Received);
    world.close();
    assert_eq!(world.stopped(), [Stopped::Closed]);
    assert_eq!((world.outcome(id), world.messages()), (Some(Outcome::Received), numbers(300)));
    let mut world = paused(300);
    world.asleep = true;
    world.close();
    world.pass(secs(10));
    assert_eq!(world.session.state(), State::Stopped);
    let mut world = paused(300);
    world.send("m", Delivery::Acknowledged);
    world.session.finish(world.now, CloseCode::NORMAL, "", secs(10)).unwrap();
    world.pass(secs(20));
    assert_eq!(world.session.state(), State::Stopped);
}

#[test]
fn paused_it_suspends_and_resumes() {
    let mut world = paused(300);
    world.suspend();
    assert_eq!((world.session.state(), world.messages()), (State::Suspended, numbers(300)));
    world.resume();
    assert_eq!(world.session.state(), State::Open);
    let mut world = paused(300);
    world.asleep = true;
    world.session.config.max_queued_bytes = 0;
    world.suspend();
    world.resume();
    world.pass(secs(6));
    assert_eq!((world.session.state(), world.messages()), (State::Open, numbers(300)));
}

#[test]
fn what_becomes_events_although_paused_is_bounded() {
    let mut world = paused(300);
    world.session.config.max_queued_bytes = 4_000;
    let now = world.now;
    world.session.received_eof(now);
    world.pass(secs(60));
    let kept = world.messages().len();
    assert!(kept < 100 && world.closings().is_empty(), "{kept}: it waits for its reader");
    world.session.pause(false);
    world.settle();
    assert_eq!((world.messages(), world.closings().len()), (numbers(300), 1));
    let mut world = paused(300);
    world.session.config.max_queued_bytes = 4_000;
    world.close();
    assert_eq!(world.stopped(), [Stopped::Closed]);
    assert_eq!(world.messages(), numbers(kept), "the rest is dropped");
}

#[test]
fn what_is_acknowledged_was_sent_and_counts_as_that_also_if_nobody_noted_it() {
    for held in [false, true] {
        let mut world = open(plain());
        let now = world.now;
        let other = world.session.send(now, Message::from("a"), Delivery::Transmitted).unwrap();
        let id = world.session.send(now, Message::from("b"), Delivery::Acknowledged).unwrap();
        let n = bytes::Buf::remaining(world.session.send_buffer());
        world.session.sent(now, n);
        if held {
            world.session.held_back(now, true);
        }
        assert!(world.session.acknowledge(now, id));
        let mut settled = Vec::new();
        while let Some(event) = world.session.poll_event() {
            if let Event::Settled(it) = event {
                settled.push((it.id, it.outcome, it.transmissions));
            }
        }
        let first = (other, Outcome::Transmitted, 1);
        let second = (id, Outcome::Acknowledged, 1);
        let expected = [(!held).then_some(first), Some(second)];
        assert_eq!(settled, expected.into_iter().flatten().collect::<Vec<_>>());
    }
}
