//! What a line does that no other test would miss.

use super::*;

fn plain() -> SessionConfig {
    SessionConfig::socket_rocket()
}

/// A session of this configuration and this seed that is open.
fn seeded(config: SessionConfig, seed: u64) -> World {
    let mut world = World::of(Session::new(config, world::random(seed), at(0)));
    world.connect();
    assert_eq!(world.session.state(), State::Open);
    world
}

fn next_retry(world: &World) -> (Duration, u32) {
    let Next::Retry { after, retry } = world.last_closing().next else { panic!("a retry") };
    (after, retry)
}

/// So many that waits from `least` to `most` are seen to be spread over all of that.
#[track_caller]
fn assert_spread(waits: &[Duration], least: Duration, most: Duration) {
    assert!(waits.iter().all(|wait| (least..=most).contains(wait)), "{waits:?}");
    let third = (most - least) / 3;
    for n in 0..3 {
        let within = least + third * n..=least + third * (n + 1);
        let count = waits.iter().filter(|wait| within.contains(wait)).count();
        assert!(count >= waits.len() / 6, "{count} within {within:?}");
    }
}

#[test]
fn r6_a_network_that_is_back_for_many_is_not_tried_by_all_at_once() {
    let waits = (0..120).map(|seed| {
        let mut world = World::of(Session::new(plain(), world::random(seed), at(0)));
        world.report(Reachability::Offline);
        world.connect();
        world.report(Reachability::Online);
        world.session.retry_at().expect("it waits").saturating_since(world.now)
    });
    let delay = plain().online_delay;
    assert_spread(&waits.collect::<Vec<_>>(), delay, delay * 2);
}

#[test]
fn r6_nor_is_another_network_by_all_that_moved_to_it() {
    let waits = (0..120).map(|seed| {
        let mut world = seeded(plain(), seed);
        world.vanish();
        world.report(Reachability::Changed);
        world.pass(plain().probe_timeout);
        assert_eq!(world.last_closing().failure, Failure::ProbeLost);
        next_retry(&world).0
    });
    assert_spread(&waits.collect::<Vec<_>>(), Duration::ZERO, plain().online_delay);
}

#[test]
fn r3_a_heartbeat_that_is_not_answered_is_no_mass_disconnect() {
    let config = SessionConfig::DEFAULT;
    let waits = (0..120).map(|seed| {
        let mut world = seeded(config.clone(), seed);
        world.vanish();
        let heartbeat = config.connection.heartbeat.expect("it has one");
        world.pass(heartbeat.interval + heartbeat.timeout + secs(5));
        let Failure::Closed(closed) = world.last_closing().failure else { panic!("it was open") };
        assert_eq!(closed.error, Some(ConnectionError::Timeout(TimeoutKind::Heartbeat)));
        next_retry(&world).0
    });
    assert_spread(&waits.collect::<Vec<_>>(), Duration::ZERO, config.backoff.base);
}

#[test]
fn r11_an_acknowledgement_that_is_due_after_the_network_is_back_has_its_time_again() {
    let mut world = open(plain());
    let id = world.send("m", Delivery::Acknowledged);
    world.pass(secs(15));
    world.report(Reachability::Offline);
    world.pass(secs(10));
    world.report(Reachability::Online);
    world.pass(millis(19_999));
    assert!(world.closings().is_empty(), "45 s after it left");
    world.pass(millis(1));
    assert_eq!(world.last_closing().failure, Failure::Unconfirmed(id));
}

#[test]
fn r11_so_does_the_ping_behind_a_message() {
    let mut world = open(plain());
    world.asleep = true;
    let id = world.send("m", Delivery::Received);
    world.pass(secs(15));
    world.report(Reachability::Offline);
    world.pass(secs(10));
    world.report(Reachability::Online);
    world.pass(secs(1));
    assert!(world.closings().is_empty(), "25 s after it left");
    world.asleep = false;
    world.settle();
    assert_eq!(world.outcome(id), Some(Outcome::Received));
}

/// Three retries have failed.
fn discouraged() -> World {
    let mut world = World::new(plain()).answering([Answer::Fail(ConnectFailure::Refused)]);
    world.connect();
    world.pass(secs(8));
    assert_eq!(next_retry(&world), (secs(8), 4));
    world
}

#[test]
fn r5_connecting_after_having_stopped_begins_with_a_fresh_back_off() {
    let mut world = discouraged();
    world.close();
    assert_eq!(world.session.state(), State::Stopped);
    world.connect();
    assert_eq!(next_retry(&world), (secs(1), 1));
}

#[test]
fn r12_so_does_coming_back() {
    let mut world = discouraged();
    world.suspend();
    assert_eq!(world.session.state(), State::Suspended);
    world.resume();
    assert_eq!(next_retry(&world), (secs(1), 1));
    // And before it has even gone.
    let mut world = discouraged();
    world.answers = [Answer::Accept, Answer::Fail(ConnectFailure::Refused)].into();
    world.pass(secs(8));
    assert_eq!((world.session.state(), world.session.retries()), (State::Open, 4));
    world.asleep = true;
    world.suspend();
    world.resume();
    assert_eq!(world.session.state(), State::Closing);
    world.asleep = false;
    world.pass(millis(1));
    assert_eq!(next_retry(&world), (secs(1), 1));
}

#[test]
fn r12_time_that_is_spent_suspended_is_no_downtime() {
    let mut world =
        World::new(plain()).answering([Answer::Fail(ConnectFailure::Refused), Answer::Accept]);
    world.connect();
    world.pass(millis(500));
    world.suspend();
    world.pass(secs(10_000));
    assert_eq!(world.session.statistics().downtime, millis(500));
    world.resume();
    assert_eq!(world.session.state(), State::Open);
    assert_eq!(world.session.statistics().downtime, millis(500));
}
