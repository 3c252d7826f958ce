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

/// Of which 30 s of silence have held, and 60 s are tried.
fn adaptive(heartbeat: Option<MessageHeartbeat>) -> World {
    let mut config = SessionConfig::socket_rocket();
    config.message_heartbeat = heartbeat;
    config.adaptive = Some(Adaptive::new(secs(30), secs(120), secs(30)));
    let mut world = open(config);
    world.pass(secs(31));
    assert_eq!(interval(&world), 60);
    world
}

fn interval(world: &World) -> u64 {
    world.session.connection().unwrap().config().heartbeat.unwrap().interval.as_secs()
}

#[test]
fn the_interval_shortens_whatever_finds_that_the_network_forgot() {
    for cause in 0..6 {
        let asked = MessageHeartbeat::new(Message::from("?"), secs(35), secs(5));
        let mut world = adaptive((cause == 2).then_some(asked));
        match cause {
            0 | 1 => world.pass(secs(29)),
            2 => world.say("news"),
            3 | 4 => world.pass(secs(31)),
            _ => world.pass(secs(10)),
        }
        let silent = world.now;
        match cause {
            // A message that is not confirmed.
            0 => {
                world.vanish();
                world.send("m", Delivery::Received);
            }
            // A transport that takes nothing.
            1 => {
                world.vanish();
                world.stalled = true;
                world.send("m", Delivery::Received);
            }
            // A heartbeat of messages.
            2 => world.vanish(),
            // A reset, and an end.
            3 => world.reset(),
            4 => {
                world.vanish();
                let now = world.now;
                world.session.received_eof(now);
                world.settle();
            }
            // A probe.
            _ => {
                world.report(Reachability::Offline);
                world.pass(secs(40));
                world.vanish();
                world.report(Reachability::Online);
            }
        }
        while world.closings().is_empty() {
            world.pass(secs(1));
            assert!(world.now < silent + secs(50));
        }
        let failure = world.last_closing().failure;
        let error = if let Failure::Closed(closed) = &failure { closed.error } else { None };
        let expected = match cause {
            0 => matches!(failure, Failure::Unconfirmed(_)),
            1 => error == Some(ConnectionError::Timeout(TimeoutKind::WriteStalled)),
            2 => failure == Failure::Unanswered,
            3 => error == Some(ConnectionError::Transport(TransportFailure::Reset)),
            4 => error == Some(ConnectionError::UnexpectedEof),
            _ => failure == Failure::ProbeLost,
        };
        assert!(expected, "{cause}: {failure:?}");
        world.stalled = false;
        world.pass(secs(2));
        assert_eq!((world.session.state(), interval(&world)), (State::Open, 30), "{cause}");
    }
}

#[test]
fn the_interval_learns_nothing_from_other_ends() {
    // Soon after traffic; of another network; without one; on purpose.
    for case in 0..5 {
        let mut world = adaptive(None);
        world.pass(secs(35));
        let mut expected = 60;
        match case {
            0 => {
                world.say("news");
                world.pass(secs(20));
                world.reset();
            }
            1 => {
                world.vanish();
                world.report(Reachability::Changed);
                world.pass(secs(4));
                assert_eq!(world.closings()[0].failure, Failure::ProbeLost);
                expected = 30;
            }
            2 => {
                world.report(Reachability::Offline);
                world.pass(secs(100));
                world.reset();
                world.report(Reachability::Online);
            }
            3 => {
                world.suspend();
                world.resume();
            }
            _ => world.server_closes(1001, ""),
        }
        world.pass(secs(2));
        assert_eq!((world.session.state(), interval(&world)), (State::Open, expected), "{case}");
        // What was tried is tried still.
        world.pass(secs(61));
        assert_eq!(interval(&world), expected + 30, "{case}");
    }
}

#[test]
fn where_messages_come_in_pieces_any_of_them_is_an_answer() {
    let heartbeat = MessageHeartbeat::new(Message::from("?"), secs(10), secs(5))
        .reply(|message| message.as_text() == Some("!"));
    let mut config = SessionConfig::socket_rocket().with_message_heartbeat(heartbeat);
    config.connection.receive = connection::Receive::Pieces;
    let mut world = open(config);
    for _ in 0..3 {
        world.pass(secs(12));
        world.say("!");
    }
    assert_eq!((world.opened, world.session.state()), (1, State::Open));
    let pieces = world.seen.iter().filter(|event| matches!(event, Event::Piece(_))).count();
    assert_eq!(pieces, 3, "none of them is kept from the application");
    world.pass(secs(16));
    assert_eq!(world.last_closing().failure, Failure::Unanswered);
}

#[test]
fn a_heartbeat_without_patience_lets_a_loop_get_on_while_messages_wait() {
    let mut config = SessionConfig::DEFAULT;
    config.connection.heartbeat = Some(Heartbeat::new(secs(1), Duration::ZERO));
    let mut world = open(config);
    world.session.pause(true);
    world.idle = true;
    // A message that nobody takes.
    assert_eq!(world.session.receive(world.now, &[0x81, 1, b'x']), 3);
    assert!(!world.session.poll_ready());
    let now = world.now + secs(2);
    world.session.handle_timeout(now);
    let ping = bytes::Buf::remaining(world.session.send_buffer());
    assert!(ping > 0);
    world.session.sent(now, ping);
    for _ in 0..10 {
        world.session.handle_timeout(now);
    }
    assert!(world.session.poll_timeout().is_some_and(|at| at > now), "due for ever");
}
