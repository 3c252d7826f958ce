//! Attempts, their deadlines and their delays.

use super::*;

fn plain() -> SessionConfig {
    SessionConfig::socket_rocket()
}

#[test]
fn one_deadline_for_opening_and_for_the_handshake() {
    for answer in [Answer::Hang, Answer::Mute] {
        let mut world = World::new(plain()).answering([answer.clone()]);
        world.connect();
        world.pass(millis(9_999));
        assert_eq!(world.session.state(), State::Connecting);
        world.pass(millis(1));
        assert_eq!(world.session.state(), State::Waiting, "{answer:?}");
    }
    // Opened late: what is left is for the handshake.
    let mut session = Session::new(plain(), world::random(1), at(0));
    session.connect(at(0));
    let Some(Action::Connect(attempt)) = session.poll_action() else { panic!() };
    let request = Request::parse("ws://a").unwrap();
    assert!(session.opened(at(8), attempt, &request, world::random(1)));
    assert_eq!(session.poll_timeout(), Some(at(10)));
    session.handle_timeout(at(10));
    assert_eq!(session.poll_action(), Some(Action::Disconnect(attempt)));
}

#[test]
fn a_transport_that_failed_is_not_ordered_to_be_dropped() {
    let mut session = Session::new(plain(), world::random(1), at(0));
    session.connect(at(0));
    let Some(Action::Connect(attempt)) = session.poll_action() else { panic!() };
    session.failed(at(0), attempt, ConnectFailure::Refused);
    assert_eq!(session.poll_action(), None);
    // Nor is one that nobody has heard of.
    session.handle_timeout(at(1));
    session.close(at(1), CloseCode::NORMAL, "").unwrap();
    assert_eq!(session.poll_action(), None);
}

#[test]
fn connecting_while_waiting_tries_at_once() {
    let mut world =
        World::new(plain()).answering([Answer::Fail(ConnectFailure::Unresolved), Answer::Accept]);
    world.connect();
    assert_eq!(world.session.retry_at(), Some(at(1)));
    world.connect();
    assert_eq!((world.session.state(), world.session.retry_at()), (State::Open, None));
    for _ in 0..3 {
        world.connect();
    }
    assert_eq!(world.attempts.len(), 2);
}

#[test]
fn a_number_of_retries_or_none_at_all() {
    for most in [0, 1, 3] {
        let mut config = plain();
        config.backoff.max_retries = Some(most);
        let mut world = World::new(config).answering([Answer::Fail(ConnectFailure::Other)]);
        world.connect();
        world.pass(secs(10_000));
        assert_eq!(world.attempts.len() as u32, most + 1);
        assert_eq!(
            (world.stopped(), world.last_closing().next),
            ([Stopped::Exhausted].to_vec(), Next::Stop)
        );
    }
    let mut world =
        World::new(SessionConfig::DEFAULT).answering([Answer::Fail(ConnectFailure::Other)]);
    world.connect();
    world.pass(secs(100_000));
    assert!(world.attempts.len() > 5_000 && world.stopped().is_empty());
}

#[test]
fn after_a_mass_disconnect_the_first_delay_is_random_within_a_window() {
    let mut delays = Vec::new();
    for seed in 0..200 {
        let mut session = Session::new(SessionConfig::DEFAULT, world::random(seed), at(0));
        session.connect(at(0));
        let mut world = World::of(session);
        world.pass(secs(20));
        world.reset();
        delays.push(world.session.retry_at().unwrap().saturating_since(world.now));
    }
    assert!(delays.iter().all(|delay| *delay <= secs(5)));
    for fifth in 0..5_u64 {
        let within = delays.iter().filter(|delay| delay.as_secs() == fifth).count();
        assert!((20..=60).contains(&within), "{within} in second {fifth}");
    }
}

#[test]
fn an_open_connection_that_ends_in_the_handshakes_own_bytes_is_read_to_its_end() {
    // The server accepts, speaks, and closes, all in one go.
    let mut world = World::new(plain());
    world.connect();
    world.asleep = true;
    let bytes = [
        hand_made::frame(hand_made::TEXT, b"hello"),
        hand_made::frame(hand_made::CLOSE, &1000_u16.to_be_bytes()),
    ]
    .concat();
    world.inject(&bytes);
    assert_eq!(world.messages(), ["hello"]);
    world.asleep = false;
    world.pass(secs(6));
    assert_eq!(world.closings().len(), 1);
}

#[test]
fn nothing_is_tried_any_more_while_nobody_takes_the_news() {
    let mut config = SessionConfig::DEFAULT;
    config.backoff = config.backoff.between(Duration::ZERO, Duration::ZERO);
    let mut world = World::new(config).answering([Answer::Fail(ConnectFailure::Refused)]);
    world.idle = true;
    world.session.connect(world.now);
    for _ in 0..10_000 {
        world.now = world.session.poll_timeout().unwrap_or(world.now).max(world.now);
        world.session.handle_timeout(world.now);
        while let Some(action) = world.session.poll_action() {
            if let Action::Connect(attempt) = action {
                world.session.failed(world.now, attempt, ConnectFailure::Refused);
            }
        }
    }
    assert!(world.session.news.len() <= news::UNTAKEN + 2);
    assert_eq!(world.session.state(), State::Waiting);
    while world.session.poll_event().is_some() {}
    world.session.handle_timeout(world.now + secs(1));
    assert!(world.session.poll_action().is_some(), "it goes on");
}

#[test]
fn r2_a_connection_whose_end_nobody_looked_at_was_not_stable() {
    let refused = || Answer::Fail(ConnectFailure::Refused);
    let mut world = World::new(SessionConfig::socket_rocket()).answering([
        refused(),
        refused(),
        refused(),
        Answer::Accept,
    ]);
    world.connect();
    world.pass(secs(8));
    assert_eq!((world.session.state(), world.session.retries()), (State::Open, 3));
    world.idle = true;
    world.reset();
    world.pass(secs(10));
    world.idle = false;
    world.settle();
    let Next::Retry { retry, .. } = world.last_closing().next else { panic!() };
    assert_eq!(retry, 4);
}
