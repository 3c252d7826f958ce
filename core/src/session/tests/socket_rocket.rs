//! What chat applications build around SocketRocket, line by line, by the profile of that name.

use super::*;

fn rocket() -> SessionConfig {
    SessionConfig::socket_rocket()
}

#[test]
fn heartbeat_each_10_s() {
    let mut world = open(rocket());
    world.pass(secs(100));
    assert_eq!(world.pongs().len(), 10, "one each ten seconds");
    assert!(world.pongs().iter().all(|pong| pong.round_trip.is_some()));
    assert!(world.session.round_trip().is_some());
}

#[test]
fn stop_the_heartbeat_when_offline() {
    let mut world = open(rocket());
    world.pass(secs(25));
    world.report(Reachability::Offline);
    world.pass(secs(1_000));
    assert_eq!(world.pongs().len(), 2);
    world.report(Reachability::Online);
    world.pass(secs(25));
    assert_eq!(world.pongs().len(), 4);
}

#[test]
fn reconnect_10_times_2_to_the_n() {
    let mut world =
        World::new(rocket()).answering([Answer::Accept, Answer::Fail(ConnectFailure::Refused)]);
    world.connect();
    world.pass(secs(10));
    world.reset();
    world.pass(secs(5_000));
    let gaps: Vec<_> =
        world.attempts_at().windows(2).map(|pair| pair[1] - pair[0]).skip(1).collect();
    assert_eq!(world.attempts_at()[1], 11);
    assert_eq!(gaps, [2, 4, 8, 16, 32, 64, 128, 256, 512]);
    assert_eq!((world.attempts.len(), world.stopped()), (11, [Stopped::Exhausted].to_vec()));
}

#[test]
fn check_the_network_each_second() {
    // Reports each second do no harm: neither attempts nor pings, neither more nor fewer.
    let gaps = |report: bool| {
        let mut world =
            World::new(rocket()).answering([Answer::Accept, Answer::Fail(ConnectFailure::Refused)]);
        world.connect();
        for second in 0..3_000 {
            if report {
                world.report(Reachability::Online);
            }
            world.pass(secs(1));
            if second == 100 {
                world.reset();
            }
        }
        (world.attempts_at(), world.pongs().len(), world.stopped())
    };
    assert_eq!(gaps(true), gaps(false));
    let mut world = World::new(rocket());
    world.connect();
    world.answers = [Answer::Hang].into();
    world.reset();
    for _ in 0..100 {
        world.report(Reachability::Offline);
        world.pass(secs(1));
    }
    assert_eq!((world.session.state(), world.attempts.len()), (State::Offline, 1));
}

#[test]
fn queue_in_order() {
    let mut world = World::new(rocket()).answering([Answer::Hang, Answer::Accept]);
    let mut expected = Vec::new();
    for n in 0..50 {
        if n == 10 {
            world.connect();
        }
        if n == 20 {
            world.pass(secs(12));
        }
        if n == 30 {
            world.reset();
        }
        world.send(&n.to_string(), Delivery::Transmitted);
        expected.push(n.to_string());
    }
    world.pass(secs(10));
    assert_eq!(world.texts(), expected);
    assert_eq!(world.session.statistics().messages_sent, 50);
}

#[test]
fn deliberate_close() {
    let mut world = open(rocket());
    world.close();
    world.pass(secs(5_000));
    assert_eq!((world.attempts.len(), world.stopped()), (1, [Stopped::Closed].to_vec()));
    assert!(world.closings()[0].opened.is_some());
}

#[test]
fn ignore_the_late_callback_of_the_old_socket() {
    let mut world = open(rocket());
    let old = world.session.attempt().unwrap();
    world.reset();
    world.pass(secs(1));
    assert_eq!(world.session.state(), State::Open);
    assert!(world.session.endpoint(old).is_none());
    world.session.failed(world.now, old, ConnectFailure::Refused);
    world.settle();
    assert_eq!((world.session.state(), world.closings().len()), (State::Open, 1));
    assert_eq!(world.session.statistics().stale_ignored, 2);
}

#[test]
fn ack_time_outs() {
    let mut world = open(rocket());
    let id = world.send("m", Delivery::Acknowledged);
    world.pass(secs(21));
    assert_eq!(world.last_closing().failure, Failure::Unconfirmed(id));
    assert_eq!((world.session.state(), world.texts()), (State::Open, ["m", "m"].to_vec()));
    assert!(world.session.acknowledge(world.now, id));
    world.pass(secs(100));
    assert_eq!((world.closings().len(), world.outcome(id)), (1, Some(Outcome::Acknowledged)));
}
