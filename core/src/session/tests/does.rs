//! "What it does", 1 to 8, of the issue that asked for it.

use super::*;

fn plain() -> SessionConfig {
    SessionConfig::socket_rocket()
}

#[test]
fn does_1_states_and_attempts() {
    let mut world = World::new(plain()).answering([
        Answer::Hang,
        Answer::Fail(ConnectFailure::Refused),
        Answer::Accept,
    ]);
    let mut states = alloc::vec![(world.session.state(), world.session.attempt())];
    world.connect();
    let mut note = |world: &World| {
        states.push((world.session.state(), world.session.attempt()));
    };
    note(&world);
    world.pass(secs(10));
    note(&world);
    world.pass(secs(1));
    note(&world);
    world.report(Reachability::Offline);
    note(&world);
    world.report(Reachability::Online);
    world.pass(secs(1));
    note(&world);
    world.suspend();
    note(&world);
    world.resume();
    world.asleep = true;
    world.close();
    note(&world);
    world.pass(secs(10));
    note(&world);
    let states: Vec<_> = states
        .into_iter()
        .map(|(state, attempt)| (state, state.ready_state(), attempt.map_or(0, Attempt::get)))
        .collect();
    assert_eq!(
        states,
        [
            (State::Idle, 3, 0),
            (State::Connecting, 0, 1),
            (State::Waiting, 0, 1),
            (State::Waiting, 0, 2),
            (State::Offline, 0, 2),
            (State::Open, 1, 3),
            (State::Suspended, 3, 3),
            (State::Closing, 2, 4),
            (State::Stopped, 3, 4),
        ]
    );
}

#[test]
fn does_2_reconnection() {
    let mut world = open(SessionConfig::DEFAULT);
    for _ in 0..20 {
        world.pass(secs(6));
        world.vanish();
        let before = world.attempts.len();
        // Dead after at most 20 s and 20 s and a second; open again within 5 s.
        world.pass(secs(46));
        assert_eq!((world.session.state(), world.attempts.len()), (State::Open, before + 1));
    }
    assert!(world.stopped().is_empty());
}

#[test]
fn does_3_heartbeat() {
    let mut world = open(SessionConfig::DEFAULT);
    world.pass(secs(21));
    assert!(world.session.round_trip().is_some());
    let round_trip = world.session.statistics().round_trip.unwrap();
    assert!(round_trip.min <= round_trip.last && round_trip.min <= round_trip.smoothed);
    world.reset();
    assert_eq!(world.session.statistics().round_trip, Some(round_trip), "of the last connection");
}

#[test]
fn does_4_reachability() {
    let mut world = World::new(plain()).answering([Answer::Hang, Answer::Accept]);
    world.connect();
    world.report(Reachability::Offline);
    assert_eq!(world.session.poll_timeout(), None);
    world.pass(secs(100));
    world.report(Reachability::Online);
    let from = world.now;
    world.pass(secs(1));
    let delay = world.attempts[1].saturating_since(from);
    assert!(delay >= millis(300) && delay <= millis(600), "{delay:?}");
    assert_eq!((world.session.state(), world.session.retries()), (State::Open, 0));
}

#[test]
fn does_5_queue() {
    let mut world = World::new(plain());
    let texts = ["a", "b", "c", "d"];
    let ids = texts.map(|text| world.send(text, Delivery::Transmitted));
    assert!(world.session.cancel(world.now, ids[1]));
    let expiring = world.send("e", SendOptions::default().expires_in(secs(1)));
    world.pass(secs(2));
    world.connect();
    assert_eq!(world.texts(), ["a", "c", "d"]);
    assert_eq!(world.outcome(expiring), Some(Outcome::Expired));
    assert_eq!(world.outcomes().len(), 5, "an outcome each");
}

#[test]
fn does_6_delivery() {
    let mut world = open(plain());
    let ids = [Delivery::Transmitted, Delivery::Received, Delivery::Acknowledged]
        .map(|delivery| world.send("m", delivery));
    assert!(world.session.acknowledge(world.now, ids[2]));
    world.settle();
    let outcomes = ids.map(|id| world.outcome(id).unwrap());
    assert_eq!(outcomes, [Outcome::Transmitted, Outcome::Received, Outcome::Acknowledged]);
    assert!(outcomes.into_iter().all(Outcome::is_delivered));
    let lost = [Outcome::Expired, Outcome::Cancelled, Outcome::Lost(Loss::Stopped)];
    assert!(!lost.into_iter().any(Outcome::is_delivered));
}

#[test]
fn does_7_suspend_and_resume() {
    let mut world = open(plain());
    world.suspend();
    let id = world.send("in the background", Delivery::Received);
    world.pass(secs(3_600));
    assert_eq!((world.outcome(id), world.session.queued_messages()), (None, 1));
    world.resume();
    assert_eq!(world.outcome(id), Some(Outcome::Received));
}

#[test]
fn does_8_observation() {
    let mut world =
        World::new(plain()).answering([Answer::Fail(ConnectFailure::Other), Answer::Accept]);
    world.connect();
    world.pass(secs(1));
    world.say("hello");
    world.asleep = true;
    world.send("m", Delivery::Received);
    world.left = Some(3);
    world.send("n", Delivery::Received);
    world.asleep = false;
    world.pass(secs(4));
    let statistics = world.session.statistics();
    assert_eq!((statistics.attempts, statistics.opened), (3, 2));
    assert_eq!(statistics.downtime, secs(3), "1 s, and 2 s");
    assert_eq!((statistics.messages_sent, statistics.messages_received), (3, 1));
    assert_eq!((statistics.repeated, statistics.requeued), (1, 1));
    assert!(statistics.bytes_sent > 200 && statistics.bytes_received > 200);
    let Some(Event::Opened(opened)) =
        world.seen.iter().rfind(|event| matches!(event, Event::Opened(_)))
    else {
        panic!("it opened");
    };
    assert_eq!((opened.queued, opened.repeated, opened.downtime), (2, 1, secs(2)));
    assert_eq!(opened.response.as_ref().unwrap().status(), 101);
    let closed = &world.closings()[1];
    assert_eq!((closed.opened, closed.attempt.get()), (Some(Duration::ZERO), 2));
}
