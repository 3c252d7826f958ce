//! Close, finish, abort, suspend and resume, in every state.

use super::*;

pub(super) const STATES: [State; 8] = [
    State::Idle,
    State::Connecting,
    State::Open,
    State::Closing,
    State::Waiting,
    State::Offline,
    State::Suspended,
    State::Stopped,
];

fn plain() -> SessionConfig {
    SessionConfig::socket_rocket()
}

/// A session in this state, with nothing in its queue.
pub(super) fn in_state(state: State) -> World {
    let mut world = World::new(plain());
    match state {
        State::Idle => {}
        State::Connecting => {
            world.answers = [Answer::Hang].into();
            world.connect();
        }
        State::Open => world.connect(),
        State::Closing => {
            world.connect();
            world.asleep = true;
            world.suspend();
            world.asleep = false;
        }
        State::Waiting => {
            world.answers = [Answer::Fail(ConnectFailure::Other)].into();
            world.connect();
        }
        State::Offline => {
            world.session.reachability(world.now, Reachability::Offline);
            world.connect();
        }
        State::Suspended => {
            world.connect();
            world.suspend();
        }
        State::Stopped => {
            world.connect();
            world.session.abort();
            world.settle();
        }
    }
    assert_eq!(world.session.state(), state);
    world
}

#[test]
fn a_close_cancels_what_is_being_opened() {
    for answer in [Answer::Hang, Answer::Mute] {
        let mut world = World::new(plain()).answering([answer]);
        world.connect();
        let id = world.send("m", Delivery::Received);
        world.close();
        assert_eq!(world.last_closing().failure, Failure::Cancelled(Cancelled::Closed));
        assert_eq!(world.last_closing().next, Next::Stop);
        assert_eq!(world.stopped(), [Stopped::Closed]);
        assert_eq!(world.outcome(id), Some(Outcome::Lost(Loss::Stopped)));
        assert!(matches!(
            world.session.send(world.now, Message::from("m"), Delivery::Received),
            Err(SendError::Closed(_))
        ));
    }
}

#[test]
fn a_close_lets_leave_what_waits_and_be_confirmed_what_can_be() {
    let mut world = open(plain());
    let ids: Vec<_> = (0..3)
        .map(|n| {
            let delivery = [Delivery::Transmitted, Delivery::Received, Delivery::Acknowledged][n];
            world.session.send(world.now, Message::from("m"), delivery).unwrap()
        })
        .collect();
    world.close();
    assert_eq!((world.texts().len(), world.stopped()), (3, [Stopped::Closed].to_vec()));
    let expected =
        [Outcome::Transmitted, Outcome::Received, Outcome::Lost(Loss::Stopped)].map(Some);
    assert_eq!(ids.iter().map(|id| world.outcome(*id)).collect::<Vec<_>>(), expected);
    let Failure::Closed(closed) = world.last_closing().failure else { panic!() };
    assert!(closed.clean && closed.sent.unwrap().reason == "bye");
}

#[test]
fn a_close_waits_for_a_silent_peer_within_its_two_deadlines() {
    let mut world = open(plain());
    world.asleep = true;
    let id = world.send("m", Delivery::Received);
    world.close();
    assert_eq!(world.session.state(), State::Closing);
    world.pass(millis(4_999));
    assert!(world.intercept().iter().all(|(first, _)| *first != hand_made::CLOSE));
    world.pass(millis(1));
    assert_eq!(world.intercept().len(), 1, "now the close frame");
    world.pass(secs(5));
    assert_eq!(
        (world.session.state(), world.outcome(id)),
        (State::Stopped, Some(Outcome::Lost(Loss::Stopped)))
    );
    assert_eq!(world.stopped(), [Stopped::Aborted], "it did not end in order");
    assert_eq!(world.session.poll_timeout(), None);
}

#[test]
fn a_close_is_not_cut_short_by_what_the_peer_owed_before() {
    let heartbeat = MessageHeartbeat::new(Message::from("?"), secs(1), secs(4));
    let mut config = plain().with_message_heartbeat(heartbeat);
    config.confirm_timeout = secs(3);
    let mut world = open(config);
    world.asleep = true;
    world.send("m", Delivery::Received);
    world.send("n", Delivery::Acknowledged);
    world.pass(secs(2));
    world.report(Reachability::Changed);
    world.close();
    world.pass(millis(4_900));
    assert_eq!(world.session.state(), State::Closing);
    assert!(world.closings().is_empty());
}

#[test]
fn nothing_takes_a_close_back() {
    let mut world = open(plain());
    world.asleep = true;
    world.close();
    world.suspend();
    world.resume();
    world.connect();
    world.report(Reachability::Changed);
    world.session.finish(world.now, CloseCode::NORMAL, "", secs(1_000)).unwrap();
    assert_eq!(world.session.state(), State::Closing);
    world.pass(secs(10));
    assert_eq!((world.session.state(), world.last_closing().next), (State::Stopped, Next::Stop));
    world.pass(secs(10_000));
    assert_eq!(world.attempts.len(), 1);
}

#[test]
fn a_close_while_the_peer_closes_stops_whatever_the_peer_said() {
    let mut world = open(plain());
    world.asleep = true;
    let frame = hand_made::frame(hand_made::CLOSE, &1012_u16.to_be_bytes());
    world.inject(&frame);
    assert_eq!(world.session.state(), State::Open, "until it is over");
    world.close();
    world.pass(secs(20));
    assert_eq!((world.session.state(), world.attempts.len()), (State::Stopped, 1));
}

#[test]
fn a_close_code_that_must_not_be_sent_is_refused() {
    let mut world = open(plain());
    let now = world.now;
    for code in [CloseCode::ABNORMAL, CloseCode::NO_STATUS] {
        let refused = Err(SendError::InvalidCloseCode(()));
        assert_eq!(world.session.close(now, code, ""), refused);
        assert_eq!(world.session.finish(now, code, "", secs(1)), refused);
    }
    assert_eq!(world.session.state(), State::Open);
}

#[test]
fn held_back_messages_can_still_be_let_go_while_closing() {
    let mut world = open(plain().with_hold_until_ready());
    let id = world.send("m", Delivery::Received);
    world.close();
    assert_eq!(world.session.state(), State::Closing);
    world.session.ready();
    world.settle();
    assert_eq!(
        (world.outcome(id), world.stopped()),
        (Some(Outcome::Received), [Stopped::Closed].to_vec())
    );
}

#[test]
fn finishing_waits_for_every_outcome_through_reconnections() {
    let mut world = open(plain());
    world.asleep = true;
    let id = world.send("m", Delivery::Received);
    world.session.finish(world.now, CloseCode::NORMAL, "done", secs(60)).unwrap();
    world.settle();
    assert_eq!(world.session.state(), State::Open);
    let more = world.session.send(world.now, Message::from("more"), Delivery::Received);
    assert!(matches!(more, Err(SendError::Closed(_))));
    world.reset();
    world.pass(secs(1));
    assert_eq!(world.outcome(id), Some(Outcome::Received));
    assert_eq!(
        (world.session.state(), world.stopped()),
        (State::Stopped, [Stopped::Closed].to_vec())
    );
}

#[test]
fn finishing_ends_within_one_close_timeout_of_its_deadline_in_every_state() {
    for state in STATES {
        let mut world = in_state(state);
        if state != State::Stopped && state != State::Closing {
            let delivery = Delivery::Acknowledged;
            world.session.send(world.now, Message::from("m"), delivery).unwrap();
        }
        world.asleep = true;
        world.answers = [Answer::Hang].into();
        world.session.finish(world.now, CloseCode::NORMAL, "", secs(60)).unwrap();
        world.session.finish(world.now, CloseCode::NORMAL, "", secs(600)).unwrap();
        world.pass(secs(59));
        if !matches!(state, State::Stopped | State::Closing) {
            assert_ne!(world.session.state(), State::Stopped, "{state:?}");
        }
        world.pass(secs(6));
        assert_eq!(world.session.state(), State::Stopped, "{state:?}");
        assert_eq!((world.stopped().len(), world.session.poll_timeout()), (1, None));
        assert_eq!(
            world.outcomes().len(),
            usize::from(!matches!(state, State::Stopped | State::Closing))
        );
    }
}

#[test]
fn finishing_says_the_last_word_at_its_deadline() {
    let mut config = plain();
    config.connection.heartbeat = None;
    config.confirm_timeout = secs(1_000);
    let mut world = open(config);
    world.asleep = true;
    let id = world.send("m", Delivery::Received);
    world.session.finish(world.now, CloseCode::NORMAL, "", secs(60)).unwrap();
    world.pass(millis(59_999));
    assert!(world.intercept().iter().all(|(first, _)| *first != hand_made::CLOSE));
    world.pass(millis(1));
    assert_eq!(world.intercept().pop().unwrap().0, hand_made::CLOSE, "without another deadline");
    world.pass(secs(5));
    assert_eq!(
        (world.session.state(), world.outcome(id)),
        (State::Stopped, Some(Outcome::Lost(Loss::Stopped)))
    );
}

#[test]
fn finishing_with_nothing_to_wait_for_closes_at_once() {
    for state in STATES {
        let mut world = in_state(state);
        world.session.finish(world.now, CloseCode::NORMAL, "", secs(60)).unwrap();
        world.pass(secs(1));
        assert_eq!(world.session.state(), State::Stopped, "{state:?}");
    }
}

#[test]
fn aborting_ends_every_state_at_once() {
    for state in STATES {
        let mut world = in_state(state);
        world.session.abort();
        world.session.abort();
        world.settle();
        assert_eq!(
            (world.session.state(), world.stopped()),
            (State::Stopped, [Stopped::Aborted].to_vec())
        );
        assert_eq!(world.session.poll_timeout(), None);
        assert_eq!(world.session.poll_action(), None);
    }
}

#[test]
fn suspending_and_resuming_in_every_state() {
    for state in STATES {
        let mut world = in_state(state);
        world.suspend();
        world.suspend();
        world.pass(secs(20));
        let idle = matches!(state, State::Idle | State::Stopped);
        let expected = if idle { state } else { State::Suspended };
        assert_eq!(world.session.state(), expected, "{state:?}");
        assert_eq!(world.session.poll_timeout(), None);
        let attempts = world.attempts.len();
        world.pass(secs(10_000));
        world.report(Reachability::Changed);
        world.pass(secs(10_000));
        assert_eq!(world.attempts.len(), attempts);
        world.answers = [Answer::Accept].into();
        world.resume();
        world.resume();
        let expected = if idle { state } else { State::Open };
        assert_eq!(world.session.state(), expected, "{state:?}");
    }
}

#[test]
fn resuming_while_being_suspended_connects_again_at_once() {
    let mut world = in_state(State::Closing);
    world.asleep = true;
    world.session.resume(world.now);
    world.pass(secs(6));
    assert_eq!(world.closings()[0].next, Next::Retry { after: Duration::ZERO, retry: 1 });
    assert_eq!((world.session.state(), world.session.retries()), (State::Open, 0));
    // Unless there is no network.
    let mut world = in_state(State::Closing);
    world.asleep = true;
    world.session.resume(world.now);
    world.report(Reachability::Offline);
    world.pass(secs(6));
    assert_eq!((world.session.state(), world.last_closing().next), (State::Offline, Next::Offline));
    world.report(Reachability::Online);
    world.pass(secs(1));
    assert_eq!(world.session.state(), State::Open);
    // And suspended again, and closed.
    let mut world = in_state(State::Closing);
    world.session.resume(world.now);
    world.session.suspend(world.now);
    world.settle();
    assert_eq!(world.session.state(), State::Suspended);
    let mut world = in_state(State::Closing);
    world.session.resume(world.now);
    world.close();
    assert_eq!(world.session.state(), State::Stopped);
}

#[test]
fn suspended_while_offline_resumes_offline() {
    let mut world = in_state(State::Offline);
    world.suspend();
    world.resume();
    assert_eq!(world.session.state(), State::Offline);
    world.report(Reachability::Online);
    world.pass(secs(1));
    assert_eq!(world.session.state(), State::Open);
}

#[test]
fn a_message_can_be_sent_and_taken_back_in_every_state() {
    for state in STATES {
        let mut world = in_state(state);
        world.asleep = true;
        let sent = world.session.send(world.now, Message::from("m"), Delivery::Received);
        if state == State::Stopped {
            assert!(matches!(sent, Err(SendError::Closed(_))));
            continue;
        }
        assert!(world.session.cancel(world.now, sent.clone().unwrap()), "{state:?}");
        assert!(!world.session.cancel(world.now, sent.unwrap()));
        assert_eq!(world.session.buffered_amount(), 0);
    }
}

#[test]
fn the_last_outcome_starts_the_closing_handshakes_time_however_long_nothing_happened() {
    for cancelled in [true, false] {
        let mut config = plain().with_hold_until_ready();
        config.connection.heartbeat = None;
        config.confirm_timeout = secs(1_000);
        let mut world = open(config);
        if !cancelled {
            world.session.ready();
        }
        let id = world.send("m", Delivery::Acknowledged);
        world.session.finish(world.now, CloseCode::NORMAL, "", secs(600)).unwrap();
        world.pass(secs(100));
        let settled = if cancelled {
            world.session.cancel(world.now, id)
        } else {
            world.session.acknowledge(world.now, id)
        };
        assert!(settled);
        world.session.handle_timeout(world.now);
        world.settle();
        assert_eq!(world.stopped(), [Stopped::Closed]);
    }
}
