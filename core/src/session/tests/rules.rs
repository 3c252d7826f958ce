//! Reconnecting, the queue, acknowledgements: R1 to R12.

use super::*;

const RECEIVED: Delivery = Delivery::Received;
const ACKNOWLEDGED: Delivery = Delivery::Acknowledged;

fn plain() -> SessionConfig {
    SessionConfig::socket_rocket()
}

#[test]
fn r1_whatever_is_late_for_an_attempt_that_is_over_is_counted_and_ignored() {
    let mut session = Session::new(plain(), world::random(1), at(0));
    session.connect(at(0));
    let Some(Action::Connect(first)) = session.poll_action() else { panic!("an order") };
    session.handle_timeout(at(10));
    assert_eq!(session.poll_action(), Some(Action::Disconnect(first)), "it took too long");
    session.handle_timeout(at(11));
    let Some(Action::Connect(second)) = session.poll_action() else { panic!("another order") };
    assert!(second > first);
    // Everything that the first can still report.
    let request = Request::parse("ws://a").unwrap();
    assert!(!session.opened(at(11), first, &request, world::random(1)));
    session.failed(at(11), first, ConnectFailure::Refused);
    assert!(session.endpoint(first).is_none());
    assert_eq!(session.statistics().stale_ignored, 3);
    assert_eq!(session.state(), State::Connecting);
    assert!(session.opened(at(11), second, &request, world::random(1)));
    assert!(!session.opened(at(11), second, &request, world::random(1)), "once");
    session.failed(at(11), second, ConnectFailure::Refused);
    assert_eq!(session.state(), State::Connecting, "its bytes are the session's now");
    assert!(session.endpoint(second).is_some());
    // What comes while there is no transport, for those with one at a time.
    session.abort();
    let before = session.statistics().stale_ignored;
    session.received(at(12), 5);
    session.sent(at(12), 5);
    session.received_eof(at(12));
    session.held_back(at(12), true);
    session.send_failed(at(12), TransportFailure::Reset);
    session.receive_failed(at(12), TransportFailure::Reset);
    assert!(!session.acknowledge(at(12), MessageId(9)));
    assert_eq!(session.statistics().stale_ignored, before + 7);
}

#[test]
fn r2_the_back_off_starts_over_only_after_a_stable_connection() {
    let mut world = open(plain());
    let mut delays = Vec::new();
    for open_for in [1, 1, 4, 6, 1] {
        world.pass(secs(open_for));
        world.reset();
        let Next::Retry { after, retry } = world.last_closing().next else { panic!("a retry") };
        delays.push((after.as_secs(), retry));
        world.pass(after);
        assert_eq!(world.session.state(), State::Open);
    }
    assert_eq!(delays, [(1, 1), (2, 2), (4, 3), (1, 1), (2, 2)]);
}

#[test]
fn r3_the_first_attempt_comes_at_once_and_the_others_double_up_to_the_cap() {
    let mut config = plain();
    config.backoff.cap = secs(16);
    let mut world = World::new(config).answering([Answer::Fail(ConnectFailure::Refused)]);
    world.connect();
    world.pass(secs(2_000));
    assert_eq!(world.attempts_at(), [0, 1, 3, 7, 15, 31, 47, 63, 79, 95, 111]);
    assert_eq!(world.stopped(), [Stopped::Exhausted]);
}

#[test]
fn r3_retry_after_and_service_restart_are_waited_for() {
    let busy = crate::handshake::Response::new(503).unwrap().header("Retry-After", "40").unwrap();
    let mut world = World::new(plain()).answering([Answer::Decline(busy), Answer::Accept]);
    world.connect();
    world.pass(secs(39));
    assert_eq!(world.session.state(), State::Waiting);
    world.pass(secs(1));
    assert_eq!(world.session.state(), State::Open);
    for code in [1012, 1013] {
        let from = world.now;
        world.server_closes(code, "");
        world.pass(secs(60));
        assert_eq!(*world.attempts.last().unwrap(), from + secs(5), "{code}");
    }
}

#[test]
fn r4_what_would_fail_again_is_not_tried_again() {
    for answer in [
        Answer::decline(401),
        Answer::decline(403),
        Answer::decline(404),
        Answer::Fail(ConnectFailure::Untrusted),
    ] {
        let mut world = World::new(plain()).answering([answer.clone()]);
        world.connect();
        world.pass(secs(10_000));
        assert_eq!((world.attempts.len(), world.stopped()), (1, [Stopped::Refused].to_vec()));
    }
    // Overruled, with another request each time: that is asked for at each attempt.
    let mut config = plain();
    config.policy = Policy::new(|failure, verdict| {
        let declined = crate::handshake::HandshakeError::Declined(401);
        let token_expired =
            matches!(failure, Failure::Handshake(refusal) if refusal.error == declined);
        if token_expired { Verdict::RetryNow } else { verdict }
    });
    let mut world = World::new(config).answering([Answer::decline(401), Answer::Accept]);
    world.connect();
    world.pass(millis(300));
    assert_eq!(world.session.state(), State::Open);
}

#[test]
fn r5_a_deliberate_close_wins_in_every_state_and_connect_begins_anew() {
    for state in parting::STATES {
        let mut world = parting::in_state(state);
        world.close();
        world.session.close(world.now, CloseCode::NORMAL, "").unwrap();
        world.pass(secs(30));
        let attempts = world.attempts.len();
        assert_eq!(
            world.stopped().last(),
            Some(&if state == State::Stopped { Stopped::Aborted } else { Stopped::Closed }),
            "{state:?}"
        );
        world.pass(secs(10_000));
        world.report(Reachability::Offline);
        world.report(Reachability::Online);
        world.suspend();
        world.resume();
        world.pass(secs(10_000));
        assert_eq!((world.session.state(), world.attempts.len()), (State::Stopped, attempts));
        assert_eq!(world.stopped().len(), 1, "{state:?}");
        world.answers = [Answer::Accept].into();
        world.connect();
        assert_eq!(world.session.state(), State::Open, "after {state:?}");
    }
}

#[test]
fn r6_offline_costs_no_attempt_and_online_is_debounced() {
    let mut world = open(plain());
    world.pass(secs(10));
    world.answers = [Answer::Hang].into();
    world.reset();
    world.pass(secs(1));
    for n in 0..100_u64 {
        assert_eq!(
            (world.session.state(), world.session.retries()),
            (State::Connecting, u32::from(n == 0))
        );
        world.report(Reachability::Offline);
        assert_eq!(world.session.retries(), 0, "given up, and not counted");
        assert_eq!(world.last_closing().failure, Failure::Cancelled(Cancelled::Offline));
        assert_eq!(world.session.poll_timeout(), None, "its timers are stopped");
        world.pass(secs(1_000));
        // Up, down, up within the debounce: one attempt, after the last.
        let attempts = world.attempts.len();
        for reachability in [Reachability::Online, Reachability::Offline, Reachability::Online] {
            world.report(reachability);
            world.pass(millis(200));
        }
        assert_eq!(world.attempts.len(), attempts);
        world.pass(millis(400));
        assert_eq!(world.attempts.len(), attempts + 1);
    }
}

#[test]
fn r7_overflow_is_never_silent_and_buffered_amount_counts_what_waits() {
    let mut config = plain();
    (config.max_queued_messages, config.max_queued_bytes) = (3, 10);
    let mut session = Session::new(config.clone(), world::random(1), at(0));
    let mut send = |text| session.send(at(0), Message::from(text), SendOptions::default());
    assert!(send("12345").is_ok() && send("1234").is_ok());
    assert_eq!(send("12"), Err(SendError::Full(Message::from("12"))), "bytes");
    assert!(send("1").is_ok());
    assert_eq!(send(""), Err(SendError::Full(Message::from(""))), "count");
    assert_eq!((session.buffered_amount(), session.queued_messages()), (10, 3));
    // With 0 nothing waits.
    config.max_queued_messages = 0;
    let mut session = Session::new(config, world::random(1), at(0));
    let refused = session.send(at(0), Message::from("x"), SendOptions::default());
    assert_eq!(refused, Err(SendError::Full(Message::from("x"))));
}

#[test]
fn r8_first_then_what_is_sent_again_then_what_is_new() {
    let mut world = open(plain().with_hold_until_ready());
    world.session.ready();
    world.asleep = true;
    for text in ["a", "b"] {
        world.send(text, RECEIVED);
    }
    world.pass(secs(6));
    world.reset();
    for text in ["c", "d"] {
        world.send(text, RECEIVED);
    }
    world.pass(secs(1));
    assert_eq!((world.session.state(), world.texts().len()), (State::Open, 0), "held back");
    world.send("e", RECEIVED);
    world.send("login", SendOptions::default().first());
    world.send("subscribe", SendOptions::default().first());
    assert_eq!(world.texts(), ["login", "subscribe"]);
    world.session.ready();
    world.settle();
    assert_eq!(world.texts(), ["login", "subscribe", "a", "b", "c", "d", "e"]);
    assert_eq!(world.repeated(), [1, 2]);
}

#[test]
fn r9_transmitted_is_at_most_once_received_at_least_once() {
    let mut world = open(plain());
    world.asleep = true;
    let once = world.send("once", Delivery::Transmitted);
    let least = world.send("at least once", RECEIVED);
    assert_eq!(world.outcome(once), Some(Outcome::Transmitted), "which says no more than that");
    assert_eq!(world.outcome(least), None);
    world.reset();
    world.pass(secs(1));
    assert_eq!(world.texts(), ["at least once"]);
    assert_eq!(world.outcome(least), Some(Outcome::Received));
    assert_eq!(world.repeated(), [least.get()]);
    let Some(Event::Settled(settled)) = world.seen.last() else { panic!("the outcome is last") };
    assert_eq!(settled.transmissions, 2);
}

#[test]
fn r10_a_message_is_put_back_unless_its_last_byte_was_handed_over() {
    // "hello" and "world" masked, 11 bytes each; with a ping of 18 in between.
    for (delivery, length) in [(Delivery::Transmitted, 22), (RECEIVED, 40), (ACKNOWLEDGED, 22)] {
        for cut in 1..=length {
            let mut world = open(plain());
            world.asleep = true;
            world.left = Some(cut);
            let first = world.session.send(world.now, Message::from("hello"), delivery).unwrap();
            let second = world.session.send(world.now, Message::from("world"), delivery).unwrap();
            world.settle();
            assert_eq!(world.session.state(), State::Waiting, "{cut}");
            let whole =
                [first, second].into_iter().zip([11, length]).filter(|(_, end)| *end <= cut);
            let whole: Vec<_> = whole.map(|(id, _)| id.get()).collect();
            assert_eq!(world.session.statistics().messages_sent, whole.len() as u64);
            let transmitted: Vec<_> = world.outcomes().iter().map(|(id, _)| *id).collect();
            world.pass(secs(1));
            if delivery == Delivery::Transmitted {
                assert_eq!(transmitted, whole, "cut after {cut}");
                assert_eq!(world.texts(), ["hello", "world"][whole.len()..]);
                assert!(world.repeated().is_empty(), "what is put back cannot have arrived");
            } else {
                assert!(transmitted.is_empty());
                assert_eq!(world.texts(), ["hello", "world"]);
                assert_eq!(world.repeated(), whole, "cut after {cut}");
            }
        }
    }
}

#[test]
fn r11_an_acknowledgement_is_timed_from_when_the_message_left() {
    let mut world = open(plain());
    world.stalled = true;
    let id = world.send("m", ACKNOWLEDGED);
    world.pass(secs(15));
    world.stalled = false;
    world.settle();
    world.pass(secs(19));
    assert_eq!(
        world.session.state(),
        State::Open,
        "19 s after it left, 34 s after it was accepted"
    );
    world.pass(secs(1));
    assert_eq!(world.last_closing().failure, Failure::Unconfirmed(id));
    world.pass(secs(2));
    assert_eq!((world.session.state(), world.texts()), (State::Open, ["m", "m"].to_vec()));
    assert!(world.session.acknowledge(world.now, id), "whichever of the two it answers");
    assert!(!world.session.acknowledge(world.now, id), "late, and counted");
    assert_eq!(world.session.statistics().stale_ignored, 1);
}

#[test]
fn r12_suspend_flushes_closes_with_1001_and_keeps_the_queue() {
    let mut world = open(plain());
    let now = world.now;
    world.session.send(now, Message::from("before"), RECEIVED).unwrap();
    let _ = world.session.send_buffer();
    let kept = world.session.send(now, Message::from("after"), RECEIVED).unwrap();
    world.suspend();
    assert_eq!((world.session.state(), world.texts()), (State::Suspended, ["before"].to_vec()));
    let Failure::Closed(closed) = world.last_closing().failure else { panic!("closed in order") };
    assert!(closed.clean && closed.sent.unwrap().code == CloseCode::GOING_AWAY);
    assert_eq!(world.last_closing().next, Next::Suspended);
    world.pass(secs(10_000));
    assert_eq!((world.attempts.len(), world.session.poll_timeout()), (1, None));
    world.resume();
    assert_eq!((world.session.state(), world.attempts.len()), (State::Open, 2));
    assert_eq!(
        (world.outcome(kept), world.session.attempt().unwrap().get()),
        (Some(Outcome::Received), 2)
    );
    assert_eq!(world.session.statistics().downtime, Duration::ZERO, "there need not have been any");
}
