//! Reachability, in every state.

use super::parting::{STATES, in_state};
use super::*;

fn plain() -> SessionConfig {
    SessionConfig::socket_rocket()
}

#[test]
fn reports_that_are_no_news_do_nothing_in_any_state() {
    for state in STATES {
        let mut world = in_state(state);
        world.asleep = true;
        let same =
            if state == State::Offline { Reachability::Offline } else { Reachability::Online };
        // The first one may be news.
        world.report(same);
        let (timeout, attempts) = (world.session.poll_timeout(), world.attempts.len());
        for _ in 0..1_000 {
            world.report(same);
        }
        assert_eq!(world.session.state(), state);
        assert_eq!((world.session.poll_timeout(), world.attempts.len()), (timeout, attempts));
    }
}

#[test]
fn a_network_that_was_only_assumed_is_news_once() {
    let mut world = in_state(State::Waiting);
    world.asleep = true;
    let retry = world.session.retry_at().expect("it waits");
    world.report(Reachability::Online);
    let sooner = world.session.retry_at().expect("it waits");
    assert!(sooner < retry && world.session.state() == State::Waiting);
    world.report(Reachability::Online);
    assert_eq!(world.session.retry_at(), Some(sooner));
}

#[test]
fn offline_and_back_in_every_state() {
    for state in STATES {
        let mut world = in_state(state);
        world.answers = [Answer::Accept].into();
        world.report(Reachability::Offline);
        let expected = match state {
            State::Connecting | State::Waiting => State::Offline,
            State::Idle | State::Open | State::Offline | State::Suspended | State::Stopped => state,
            State::Closing => State::Suspended,
        };
        assert_eq!(world.session.state(), expected, "{state:?}");
        world.pass(secs(5_000));
        assert_eq!(world.session.state(), expected, "{state:?}");
        world.report(Reachability::Online);
        world.pass(millis(600));
        let expected = match expected {
            State::Offline => State::Open,
            State::Idle
            | State::Connecting
            | State::Open
            | State::Closing
            | State::Waiting
            | State::Suspended
            | State::Stopped => expected,
        };
        assert_eq!(world.session.state(), expected, "{state:?}");
    }
}

#[test]
fn what_fails_while_offline_waits_for_the_network() {
    let mut world = open(plain());
    world.pass(secs(6));
    world.report(Reachability::Offline);
    world.reset();
    assert_eq!((world.session.state(), world.last_closing().next), (State::Offline, Next::Offline));
    world.session.connect(world.now);
    assert_eq!(world.session.state(), State::Offline);
    world.pass(secs(100));
    world.report(Reachability::Online);
    world.pass(secs(1));
    assert_eq!((world.session.state(), world.session.retries()), (State::Open, 0));
    let downtime = world.session.statistics().downtime;
    assert!(downtime > secs(100) && downtime < secs(101));
}

#[test]
fn a_network_that_flaps_uses_up_no_attempts_and_keeps_the_back_off() {
    let mut world = World::new(plain()).answering([Answer::Fail(ConnectFailure::Refused)]);
    world.connect();
    world.pass(secs(7));
    assert_eq!(world.session.retries(), 3);
    for _ in 0..200 {
        world.report(Reachability::Offline);
        world.pass(millis(100));
        world.report(Reachability::Online);
        world.pass(secs(2));
        assert_eq!((world.session.state(), world.session.retries()), (State::Waiting, 3));
        assert_eq!(world.last_closing().next, Next::Retry { after: secs(8), retry: 4 });
    }
    assert_eq!(world.attempts.len(), 204);
    world.pass(secs(10_000));
    assert_eq!(world.stopped(), [Stopped::Exhausted], "by the others");
    assert_eq!(world.attempts.len(), 211);
}

#[test]
fn a_report_never_puts_off_an_attempt_that_is_due_sooner() {
    let mut world =
        World::new(plain()).answering([Answer::Fail(ConnectFailure::Refused), Answer::Accept]);
    world.connect();
    world.pass(millis(900));
    for _ in 0..10 {
        world.report(Reachability::Changed);
        world.pass(millis(10));
    }
    assert_eq!(world.session.state(), State::Open);
    assert_eq!(world.session.retries(), 1, "the back-off's own");
}

#[test]
fn a_change_probes_the_open_connection_and_moves_on_if_it_is_dead() {
    let mut world = open(plain());
    world.pass(secs(6));
    world.report(Reachability::Changed);
    world.pass(secs(5));
    assert!(world.closings().is_empty() && world.pongs().is_empty(), "it survived");
    world.vanish();
    // Again and again: that puts the verdict off no further.
    for _ in 0..4 {
        world.report(Reachability::Changed);
        world.pass(millis(500));
    }
    assert_eq!(world.last_closing().failure, Failure::ProbeLost);
    world.pass(millis(300));
    assert_eq!(world.session.state(), State::Open, "at once: there is another path");
}

#[test]
fn a_probe_behind_a_long_message_waits_while_the_transport_takes_bytes() {
    let mut config = plain();
    config.connection.heartbeat = None;
    let mut world = open(config);
    world.asleep = true;
    world.stalled = true;
    world.send(&"x".repeat(200_000), Delivery::Transmitted);
    world.report(Reachability::Changed);
    for _ in 0..10 {
        world.pass(secs(1));
        assert_eq!(world.session.state(), State::Open);
        world.session.sent(world.now, 10_000);
    }
    world.pass(secs(4));
    assert_eq!(world.closings()[0].failure, Failure::ProbeLost, "it takes none any more");
}

#[test]
fn a_probe_does_not_take_from_the_application_what_arrived() {
    let mut world = open(plain());
    world.idle = true;
    world.say("one");
    world.say("two");
    world.asleep = true;
    world.report(Reachability::Changed);
    world.pass(secs(9));
    assert_eq!(world.session.state(), State::Open);
    world.idle = false;
    world.pass(secs(9));
    assert_eq!(world.messages(), ["one", "two"]);
    assert_eq!(world.last_closing().failure, Failure::ProbeLost);
}

#[test]
fn offline_rests_the_deadlines_of_an_open_connection_and_online_starts_them_again() {
    let heartbeat = MessageHeartbeat::new(Message::from("?"), secs(10), secs(10));
    let mut config = plain().with_message_heartbeat(heartbeat);
    config.connection.heartbeat = Some(Heartbeat::new(secs(10), secs(10)));
    let mut world = open(config);
    world.asleep = true;
    let fenced = world.send("m", Delivery::Received);
    let awaited = world.send("m", Delivery::Acknowledged);
    world.pass(secs(5));
    world.report(Reachability::Offline);
    world.pass(secs(3_000));
    assert_eq!((world.session.state(), world.session.poll_timeout()), (State::Open, None));
    world.report(Reachability::Online);
    world.asleep = false;
    world.settle();
    world.pass(secs(15));
    assert_eq!(world.outcome(fenced), Some(Outcome::Received));
    assert!(world.session.acknowledge(world.now, awaited));
    assert!(world.closings().is_empty());
    // If nobody answers then, it is over soon.
    world.asleep = true;
    world.report(Reachability::Offline);
    world.pass(secs(3_000));
    world.report(Reachability::Online);
    world.pass(secs(2));
    assert_eq!(world.last_closing().failure, Failure::ProbeLost);
}
