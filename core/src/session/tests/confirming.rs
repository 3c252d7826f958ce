//! Ping fences and acknowledgements.

use super::hand_made::*;
use super::*;

fn plain() -> SessionConfig {
    let mut config = SessionConfig::socket_rocket();
    config.connection.heartbeat = None;
    config
}

const RECEIVED: Delivery = Delivery::Received;

#[test]
fn one_ping_a_batch_and_never_ahead_of_what_it_confirms() {
    let mut world = open(plain());
    world.asleep = true;
    for _ in 0..10 {
        world.session.send(world.now, Message::from("m"), RECEIVED).unwrap();
    }
    let firsts = |world: &mut World| -> Vec<u8> {
        world.intercept().into_iter().map(|(first, _)| first).collect()
    };
    let batches = [&[TEXT, PING][..], &[TEXT; 2], &[PING], &[TEXT; 4], &[PING], &[TEXT; 3]];
    assert_eq!(firsts(&mut world), batches.concat(), "batches double");
    for _ in 0..4 {
        world.send("m", RECEIVED);
    }
    assert_eq!(firsts(&mut world), [TEXT; 4], "what makes no batch waits for a pong");
    world.send("m", RECEIVED);
    assert_eq!(firsts(&mut world), [TEXT, PING]);
    // And no more than six of them, however many messages.
    for _ in 0..300 {
        world.session.send(world.now, Message::from("m"), RECEIVED).unwrap();
    }
    let more = firsts(&mut world);
    assert_eq!(more.into_iter().filter(|first| *first == PING).count(), 2);
}

#[test]
fn each_pong_confirms_its_batch_and_the_last_one_all() {
    for answered in [1, 2, 3] {
        let mut world = open(plain());
        world.asleep = true;
        for _ in 0..7 {
            world.session.send(world.now, Message::from("m"), RECEIVED).unwrap();
        }
        let pings = world.intercept_pings();
        assert_eq!(pings.len(), 3);
        world.inject(&frame(PONG, &pings[answered - 1]));
        assert_eq!(world.outcomes().len(), (1 << answered) - 1);
        // The next is late from when it left.
        world.pass(secs(21));
        let late = MessageId(1 << answered);
        let failures: Vec<_> = world.closings().into_iter().map(|closed| closed.failure).collect();
        let expected =
            if answered < 3 { [Failure::Unconfirmed(late)].to_vec() } else { [].to_vec() };
        assert_eq!(failures, expected);
    }
}

#[test]
fn however_soon_connections_are_cut_each_confirms_something() {
    let mut world = open(plain().with_hold_until_ready());
    for _ in 0..30 {
        world.send("m", RECEIVED);
    }
    world.step = Some(30);
    let mut connections = 0;
    while world.session.queued_messages() > 0 {
        let before = world.session.queued_messages();
        world.left = Some(60);
        world.session.ready();
        world.settle();
        assert!(world.session.queued_messages() < before, "{before} wait");
        connections += 1;
        while world.session.state() != State::Open {
            world.pass(secs(1));
        }
        world.pass(secs(6));
    }
    assert!(connections > 5, "it was cut often enough: {connections}");
}

#[test]
fn pings_have_a_pace_however_short_the_round_trip() {
    let mut world = open(plain());
    let pings = |world: &World| world.session.connection().unwrap().pings();
    // A round trip takes no time at all here.
    for n in 0..=500 {
        let id = world.send("m", RECEIVED);
        assert_eq!((world.outcome(id), pings(&world)), (Some(Outcome::Received), n + 1));
    }
    let early: Vec<_> = (0..100).map(|_| world.send("m", RECEIVED)).collect();
    assert_eq!((world.outcome(early[0]), pings(&world)), (None, 501), "too soon");
    world.pass(millis(1));
    assert!(early.iter().all(|id| world.outcome(*id) == Some(Outcome::Received)));
    assert_eq!(pings(&world), 502, "one for all of them");
    let before = pings(&world);
    for _ in 0..1_000 {
        for _ in 0..20 {
            world.send("m", RECEIVED);
        }
        world.pass(millis(1));
    }
    assert!((3_900..=4_000).contains(&(pings(&world) - before)), "{}", pings(&world) - before);
    world.pass(millis(1));
    assert_eq!(world.session.queued_messages(), 0);
    assert_eq!(world.closings().len(), 0);
}

#[test]
fn the_next_fence_follows_the_answer_to_the_last() {
    let mut world = open(plain());
    world.asleep = true;
    let first = world.send("a", RECEIVED);
    let fence = world.intercept_pings().remove(0);
    let second = world.send("b", RECEIVED);
    assert!(world.intercept_pings().is_empty());
    world.inject(&frame(PONG, &fence));
    assert_eq!((world.outcome(first), world.outcome(second)), (Some(Outcome::Received), None));
    let next = world.intercept_pings().remove(0);
    assert_ne!(next, fence);
    world.inject(&frame(PONG, &fence));
    assert_eq!(world.outcome(second), None, "the same pong again proves nothing");
    world.inject(&frame(PONG, &next));
    assert_eq!(world.outcome(second), Some(Outcome::Received));
    assert!(world.pongs().is_empty());
}

#[test]
fn a_pong_to_a_ping_before_the_messages_proves_nothing() {
    let mut world = open(plain());
    world.asleep = true;
    world.session.ping(b"before").unwrap();
    world.settle();
    let id = world.send("m", RECEIVED);
    world.inject(&frame(PONG, b"before"));
    assert_eq!(world.outcome(id), None);
}

#[test]
fn pings_of_the_applications_that_look_alike_prove_nothing() {
    let mut world = open(plain());
    world.asleep = true;
    world.session.ping(b"").unwrap();
    // So many that the first is forgotten.
    for n in 0..20 {
        world.session.ping(&[n]).unwrap();
    }
    world.settle();
    let id = world.send("m", RECEIVED);
    world.session.ping(b"").unwrap();
    world.intercept();
    world.inject(&frame(PONG, b""));
    assert_eq!(world.outcome(id), None, "that was perhaps the first one");
    let again = world.intercept_pings();
    assert_eq!(again.len(), 1, "so it is asked again");
    world.inject(&frame(PONG, &again[0]));
    assert_eq!(world.outcome(id), Some(Outcome::Received));
}

#[test]
fn no_two_connections_have_the_same_pings() {
    let mut world = open(plain());
    let mut seen = Vec::new();
    for _ in 0..3 {
        world.asleep = true;
        world.send("m", RECEIVED);
        seen.extend(world.intercept_pings());
        world.reset();
        world.pass(secs(10));
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), count), (3, 3));
}

#[test]
fn a_fence_behind_a_long_message_leaves_behind_it() {
    for len in [70_000, 300_000, 3_000_000] {
        let mut config = plain();
        config.max_queued_bytes = 64 << 20;
        let mut world = open(config);
        world.asleep = true;
        for _ in 0..3 {
            let message = Message::from("x".repeat(len));
            world.session.send(world.now, message, RECEIVED).unwrap();
        }
        let sent = world.intercept();
        let last = sent.iter().position(|(first, _)| *first == PING).unwrap();
        let before: usize = sent[..last].iter().map(|(_, payload)| payload.len()).sum();
        assert_eq!(before % len, 0, "between messages");
        assert!(before > 0);
    }
}

#[test]
fn an_endless_stream_of_long_messages_does_not_starve_the_fence() {
    let mut config = plain();
    config.max_queued_bytes = 64 << 20;
    let mut world = open(config);
    world.asleep = true;
    let mut pings = 0;
    for _ in 0..20 {
        while world.session.queued_messages() < 8 {
            let message = Message::from("x".repeat(1_000_000));
            world.session.send(world.now, message, RECEIVED).unwrap();
        }
        // The transport takes a bit at a time, and there is always more.
        for _ in 0..20 {
            let n = bytes::Buf::chunk(world.session.send_buffer()).len().min(50_000);
            world.to_server.extend_from_slice(&bytes::Buf::chunk(world.session.send_buffer())[..n]);
            world.session.sent(world.now, n);
            let _ = world.session.poll_ready();
        }
        pings = world.session.connection().unwrap().pings();
    }
    assert!(pings > 1);
}

#[test]
fn a_peer_that_never_answers_fails_the_connection_over() {
    let mut world = open(plain());
    world.asleep = true;
    let id = world.send("m", RECEIVED);
    world.pass(millis(19_999));
    assert_eq!(world.session.state(), State::Open);
    world.pass(millis(1));
    assert_eq!(world.last_closing().failure, Failure::Unconfirmed(id));
    world.pass(secs(1));
    assert_eq!((world.session.state(), world.outcome(id)), (State::Open, Some(Outcome::Received)));
}

#[test]
fn what_has_arrived_and_was_not_taken_may_be_the_answer() {
    let mut world = open(plain());
    world.idle = true;
    world.session.send(world.now, Message::from("m"), RECEIVED).unwrap();
    world.session.send(world.now, Message::from("n"), Delivery::Acknowledged).unwrap();
    world.settle();
    world.say("acknowledged");
    world.pass(secs(300));
    assert_eq!(world.session.state(), State::Open, "the application is late, not the peer");
    world.idle = false;
    world.settle();
    assert!(world.session.acknowledge(world.now, MessageId(2)));
    world.settle();
    assert_eq!(world.outcomes(), [(1, Outcome::Received), (2, Outcome::Acknowledged)]);
    // The same of an application that is paused.
    world.session.pause(true);
    world.send("o", RECEIVED);
    world.say("in front of nothing");
    world.pass(secs(300));
    assert_eq!(world.session.state(), State::Open);
    assert_eq!(world.messages().len(), 1);
    world.session.pause(false);
    world.settle();
    assert_eq!(world.messages().len(), 2);
}

#[test]
fn acknowledgements_in_any_order_and_only_once() {
    let mut world = open(plain());
    let delivery = Delivery::Acknowledged;
    let ids: Vec<_> = (0..5).map(|_| world.send("m", delivery)).collect();
    for at in [3, 1, 4, 0, 2] {
        assert!(world.session.acknowledge(world.now, ids[at]));
        assert!(!world.session.acknowledge(world.now, ids[at]));
    }
    world.settle();
    assert_eq!((world.outcomes().len(), world.session.queued_messages()), (5, 0));
    assert_eq!(world.session.poll_timeout(), Some(at(5)), "only the one that makes it stable");
    // Not of another delivery, nor of one that has not been sent.
    world.stalled = true;
    world.asleep = true;
    let other = world.send("m", RECEIVED);
    assert!(!world.session.acknowledge(world.now, other));
    world.suspend();
    let waiting = world.send("m", delivery);
    assert!(!world.session.acknowledge(world.now, waiting));
}

#[test]
fn an_acknowledgement_may_come_before_the_transport_says_that_the_message_left() {
    let mut world = open(plain());
    world.asleep = true;
    let id = world.session.send(world.now, Message::from("m"), Delivery::Acknowledged).unwrap();
    world.stalled = true;
    world.settle();
    assert!(world.session.acknowledge(world.now, id));
    world.stalled = false;
    world.settle();
    assert_eq!(world.outcomes(), [(1, Outcome::Acknowledged)]);
    let next = world.send("n", Delivery::Transmitted);
    assert_eq!(world.outcome(next), Some(Outcome::Transmitted));
}

#[test]
fn a_message_is_transmitted_only_so_often() {
    let mut config = plain();
    config.max_transmissions = 2;
    let mut world = open(config);
    let id = world.send("m", Delivery::Acknowledged);
    world.pass(secs(20));
    assert_eq!(world.outcome(id), None);
    world.pass(secs(60));
    assert_eq!(world.outcome(id), Some(Outcome::Lost(Loss::Unconfirmed)));
    assert_eq!(world.texts(), ["m", "m"]);
}
