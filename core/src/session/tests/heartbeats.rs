//! Heartbeats of messages, and those that follow the network.

use super::*;

fn beating(interval: u64, timeout: u64) -> SessionConfig {
    let heartbeat = MessageHeartbeat::new(Message::from("?"), secs(interval), secs(timeout));
    SessionConfig::socket_rocket().with_message_heartbeat(heartbeat)
}

#[test]
fn only_a_reply_answers_and_it_is_nobodys_else() {
    let heartbeat = MessageHeartbeat::new(Message::from("?"), secs(10), secs(5))
        .reply(|message| message.as_text() == Some("!"));
    let mut world = open(SessionConfig::socket_rocket().with_message_heartbeat(heartbeat));
    world.pass(secs(12));
    world.say("news");
    world.say("!");
    assert_eq!(
        (world.messages(), world.texts()),
        (["news"].map(String::from).to_vec(), ["?"].to_vec())
    );
    assert_eq!(world.session.statistics().messages_received, 2);
    world.pass(secs(10));
    assert_eq!(world.texts(), ["?", "?"]);
    world.say("news");
    world.pass(secs(5));
    assert_eq!(world.last_closing().failure, Failure::Unanswered);
}

#[test]
fn a_message_between_asking_and_leaving_is_an_answer_to_nothing_pending() {
    let mut world = open(beating(10, 5));
    world.stalled = true;
    world.pass(secs(10));
    world.say("news");
    world.stalled = false;
    world.settle();
    world.pass(secs(4));
    world.say("more");
    world.pass(secs(9));
    assert_eq!(world.session.state(), State::Open);
    assert_eq!(world.texts(), ["?"]);
}

#[test]
fn a_heartbeat_waits_until_the_application_is_ready() {
    let mut world = open(beating(10, 5).with_hold_until_ready());
    world.pass(secs(25));
    assert!(world.texts().is_empty(), "nothing leaves before what goes first");
    world.send("login", SendOptions::default().first());
    world.session.ready();
    world.pass(secs(6));
    assert_eq!(world.texts(), ["login", "?"]);
}

#[test]
fn no_interval_is_a_busy_loop() {
    for (interval, timeout) in [(0, 0), (0, 5), (5, 0)] {
        let mut config = beating(interval, timeout);
        (config.confirm_timeout, config.probe_timeout) = (Duration::ZERO, Duration::ZERO);
        let mut world = open(config);
        world.idle = true;
        world.session.send(world.now, Message::from("m"), Delivery::Received).unwrap();
        world.settle();
        world.say("untaken");
        world.report(Reachability::Changed);
        world.pass(millis(50));
    }
}

#[test]
fn the_interval_follows_the_network() {
    let mut config = SessionConfig::socket_rocket();
    config.adaptive = Some(Adaptive::new(secs(30), secs(120), secs(30)));
    let mut world = open(config);
    let interval = |world: &World| {
        let heartbeat = world.session.connection().unwrap().config().heartbeat;
        heartbeat.unwrap().interval.as_secs()
    };
    assert_eq!(interval(&world), 30);
    world.pass(secs(31));
    assert_eq!(interval(&world), 60);
    world.pass(secs(61));
    assert_eq!(interval(&world), 90);
    // The network forgets a connection that is silent for so long.
    world.vanish();
    world.pass(secs(102));
    assert_eq!(world.closings().len(), 1);
    assert_eq!((world.session.state(), interval(&world)), (State::Open, 60));
    world.pass(secs(500));
    assert_eq!(interval(&world), 60, "what did not hold is not tried again");
    world.report(Reachability::Changed);
    assert_eq!(interval(&world), 30, "of another network nothing is known");
}
