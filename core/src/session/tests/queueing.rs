//! The queue: what it takes, what gives way, what is taken back, what expires.

use super::*;

fn limited(overflow: Overflow) -> SessionConfig {
    let mut config = SessionConfig::socket_rocket();
    (config.max_queued_messages, config.max_queued_bytes, config.overflow) = (3, 30, overflow);
    config
}

fn filled(overflow: Overflow) -> World {
    let mut world = World::new(limited(overflow));
    for text in ["a", "b", "c"] {
        world.send(text, Delivery::Transmitted);
    }
    world
}

const OVERFLOWN: Outcome = Outcome::Lost(Loss::Overflow);

#[test]
fn refuse_gives_the_message_back() {
    let mut world = filled(Overflow::Refuse);
    let refused = world.session.send(world.now, Message::from("d"), Delivery::Transmitted);
    assert_eq!(refused, Err(SendError::Full(Message::from("d"))));
    world.connect();
    assert_eq!(world.texts(), ["a", "b", "c"]);
}

#[test]
fn drop_oldest_tells_of_each_that_gives_way() {
    let mut world = filled(Overflow::DropOldest);
    world.send("d", Delivery::Transmitted);
    assert_eq!(world.outcomes(), [(1, OVERFLOWN)]);
    // Of bytes, as many as it takes.
    world.send(&"x".repeat(29), Delivery::Transmitted);
    assert_eq!(world.outcomes(), [(1, OVERFLOWN), (2, OVERFLOWN), (3, OVERFLOWN)]);
    assert_eq!(world.session.buffered_amount(), 30);
    // What can never fit has nothing dropped for it.
    let refused =
        world.session.send(world.now, Message::from("x".repeat(31)), Delivery::Transmitted);
    assert!(matches!(refused, Err(SendError::Full(_))));
    assert_eq!((world.session.queued_messages(), world.outcomes().len()), (2, 3));
}

#[test]
fn drop_oldest_drops_nothing_where_that_makes_no_room() {
    let mut world = open(limited(Overflow::DropOldest));
    world.asleep = true;
    for _ in 0..2 {
        world.send(&"x".repeat(10), Delivery::Received);
    }
    world.stalled = true;
    world.session.connection().unwrap();
    // On its way, and one that would have to wait but for the room in the outbox.
    let refused = world.session.send(world.now, Message::from("y".repeat(11)), Delivery::Received);
    assert!(matches!(refused, Err(SendError::Full(_))), "what is on its way does not give way");
    assert!(world.outcomes().is_empty());
    let third = world.session.send(world.now, Message::from("z"), Delivery::Received).unwrap();
    let refused = world.session.send(world.now, Message::from("y".repeat(11)), Delivery::Received);
    assert!(matches!(refused, Err(SendError::Full(_))));
    assert_eq!(world.outcome(third), None, "it would not have been enough");
}

#[test]
fn drop_newest_takes_it_and_says_so() {
    let mut world = filled(Overflow::DropNewest);
    let id = world.send("d", Delivery::Transmitted);
    assert_eq!((id.get(), world.outcome(id)), (4, Some(OVERFLOWN)));
    world.connect();
    assert_eq!(world.texts(), ["a", "b", "c"]);
}

#[test]
fn what_waits_expires_and_what_is_on_its_way_does_not() {
    let mut world = World::new(limited(Overflow::Refuse));
    let options = SendOptions::new(Delivery::Received).expires_in(secs(5));
    let late = world.send("late", options);
    assert_eq!(world.session.poll_timeout(), Some(at(5)));
    world.pass(secs(5));
    assert_eq!(world.outcome(late), Some(Outcome::Expired));
    world.connect();
    world.asleep = true;
    let sent = world.send("sent", options);
    world.pass(secs(8));
    assert_eq!(world.outcome(sent), None);
    // It waits again: its time counts from when it was accepted.
    world.reset();
    world.pass(secs(1));
    assert_eq!(world.outcome(sent), Some(Outcome::Expired));
    assert!(world.texts().is_empty());
    // Also if there is no connection by then.
    world.asleep = true;
    let sent = world.send("sent", options);
    world.answers = [Answer::Hang].into();
    world.reset();
    world.pass(secs(4));
    assert_eq!(world.outcome(sent), None);
    world.pass(secs(1));
    assert_eq!(world.outcome(sent), Some(Outcome::Expired));
}

#[test]
fn what_has_expired_is_not_handed_over_before_its_timer_is_looked_at() {
    let mut world = open(limited(Overflow::Refuse));
    world.stalled = true;
    let now = world.now;
    let options = SendOptions::new(Delivery::Received).expires_in(secs(5));
    let id = world.session.send(now, Message::from("m"), options).unwrap();
    world.now = now + secs(5);
    world.session.sent(world.now, 0);
    world.stalled = false;
    world.settle();
    assert_eq!((world.outcome(id), world.texts().len()), (Some(Outcome::Expired), 0));
}

#[test]
fn a_message_is_taken_back_while_it_waits_also_to_be_sent_again() {
    let mut world = open(limited(Overflow::Refuse));
    world.asleep = true;
    let id = world.send("m", Delivery::Received);
    assert!(!world.session.cancel(world.now, id), "it is on its way");
    world.reset();
    assert_eq!(world.session.buffered_amount(), 1, "it counts again");
    assert!(world.session.cancel(world.now, id));
    world.pass(secs(5));
    assert_eq!((world.outcome(id), world.texts().len()), (Some(Outcome::Cancelled), 0));
    let Some(Event::Settled(settled)) =
        world.seen.iter().find(|event| matches!(event, Event::Settled(_)))
    else {
        panic!("an outcome");
    };
    assert_eq!(settled.transmissions, 1, "the peer may have it");
}

#[test]
fn volatile_messages_need_an_open_connection() {
    let volatile = SendOptions::default().volatile();
    let lost = Some(Outcome::Lost(Loss::Disconnected));
    let mut world = World::new(limited(Overflow::Refuse));
    let id = world.send("idle", volatile);
    assert_eq!(world.outcome(id), lost);
    world.connect();
    let id = world.send("open", volatile);
    assert_eq!(world.outcome(id), Some(Outcome::Transmitted));
    world.stalled = true;
    let id = world.send("stalled", volatile);
    world.reset();
    assert_eq!(world.outcome(id), lost);
    // Not while others are held back either.
    let mut world = open(limited(Overflow::Refuse).with_hold_until_ready());
    let id = world.send("early", volatile);
    assert_eq!(world.outcome(id), lost);
    assert!(world.texts().is_empty());
}

#[test]
fn first_is_for_the_connection_that_is_open() {
    let first = SendOptions::default().first();
    let mut world = World::new(limited(Overflow::Refuse).with_hold_until_ready());
    let refused = world.session.send(world.now, Message::from("login"), first);
    assert_eq!(refused, Err(SendError::NotOpen(Message::from("login"))));
    world.send("m", Delivery::Transmitted);
    world.connect();
    world.stalled = true;
    let id = world.send("login", first);
    world.reset();
    assert_eq!(world.outcome(id), Some(Outcome::Lost(Loss::Disconnected)));
    world.stalled = false;
    world.pass(secs(1));
    world.session.ready();
    world.settle();
    assert_eq!(world.texts(), ["m"]);
    assert_eq!(world.session.queued_messages(), 0);
}

#[test]
fn with_a_queue_of_none_only_what_leaves_at_once_is_taken() {
    let mut config = limited(Overflow::DropOldest);
    config.max_queued_messages = 0;
    let mut world = World::new(config);
    let send =
        |world: &mut World| world.session.send(world.now, Message::from("m"), Delivery::Received);
    assert!(matches!(send(&mut world), Err(SendError::Full(_))));
    world.connect();
    assert!(send(&mut world).is_ok());
    assert!(matches!(send(&mut world), Err(SendError::Full(_))), "one waits to be handed over");
    world.settle();
    assert!(send(&mut world).is_ok());
    world.settle();
    assert_eq!(world.texts(), ["m", "m"]);
}

#[test]
fn buffered_amount_is_what_was_accepted_and_has_not_left() {
    let mut world = World::new(SessionConfig::socket_rocket());
    world.send("12345", Delivery::Received);
    assert_eq!(world.session.buffered_amount(), 5);
    world.connect();
    assert_eq!(world.session.buffered_amount(), 0);
    world.stalled = true;
    world.send(&"x".repeat(1_000), Delivery::Received);
    world.send("y", Delivery::Received);
    assert_eq!(world.session.buffered_amount(), 1_001);
    world.session.sent(world.now, 1_007);
    let _ = world.session.poll_ready();
    assert_eq!(world.session.buffered_amount(), 1_001, "not whole");
    world.session.sent(world.now, 1);
    let _ = world.session.poll_ready();
    assert_eq!(world.session.buffered_amount(), 1);
}

#[test]
fn outcomes_that_nobody_takes_are_bounded() {
    let mut config = limited(Overflow::DropNewest);
    config.max_queued_messages = 1;
    let mut session = Session::new(config, world::random(1), at(0));
    let mut accepted = 0;
    for _ in 0..10_000 {
        accepted +=
            u32::from(session.send(at(0), Message::from("m"), SendOptions::default()).is_ok());
    }
    assert!(accepted < 1_100, "{accepted}");
    while session.poll_event().is_some() {}
    assert!(session.send(at(0), Message::from("m"), SendOptions::default()).is_ok());
}

#[test]
fn control_frames_do_not_wait_behind_the_queue() {
    let mut config = SessionConfig::socket_rocket();
    config.max_queued_bytes = 64 << 20;
    let mut world = open(config);
    world.asleep = true;
    world.stalled = true;
    for _ in 0..100 {
        world
            .session
            .send(world.now, Message::from("x".repeat(100_000)), Delivery::Transmitted)
            .unwrap();
    }
    world.settle();
    assert!(world.session.connection().unwrap().buffered() < 300_000);
    world.session.ping(b"now").unwrap();
    world.stalled = false;
    let sent = world.intercept();
    let at = sent.iter().position(|(first, _)| *first == hand_made::PING).unwrap();
    assert!(at < 8, "{at} frames before it of {}", sent.len());
}
