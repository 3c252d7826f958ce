//! F: the heartbeat and its verdict on a silent peer, in virtual time.

use super::*;
use crate::connection::{Evidence, Heartbeat, HeartbeatMode, Lifetime};
use crate::rng::Jitter;

/// A ping after 20 s, dead 10 s after it left.
pub(super) const BEAT: Heartbeat = Heartbeat::new(secs(20), secs(10));

const DEAD: ConnectionError = ConnectionError::Timeout(TimeoutKind::Heartbeat);

pub(super) fn with(heartbeat: Heartbeat) -> Config {
    Config { heartbeat: Some(heartbeat), ..Config::server() }
}

pub(super) const PONG_ONLY: Heartbeat = Heartbeat { evidence: Evidence::PongOnly, ..BEAT };
const PERIODIC: Heartbeat = Heartbeat { mode: HeartbeatMode::Periodic, ..BEAT };

/// Lets time pass to `now`, acting on every timer when it is due.
pub(super) fn until(connection: &mut Connection, now: Instant) {
    while let Some(due) = connection.poll_timeout().filter(|due| *due <= now) {
        connection.handle_timeout(due);
    }
}

/// The payload of the ping that leaves at `now`, which is all that leaves.
#[track_caller]
pub(super) fn beat(connection: &mut Connection, now: Instant) -> Vec<u8> {
    let mut sent = frames(connection, now);
    assert_eq!((sent.len(), sent[0].0), (1, PING), "{sent:?}");
    sent.remove(0).1
}

pub(super) fn answer(
    connection: &mut Connection,
    side: Side,
    now: Instant,
    payload: &[u8],
) -> Event<'static> {
    let mut seen = hear(connection, now, &script().pong(payload).wire(side));
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

#[test]
fn p6_there_is_no_heartbeat_unless_asked_for() {
    assert_eq!(Config::server().heartbeat, None);
    assert_eq!(server(Config::server()).poll_timeout(), None);
    let config = Config::client().with_heartbeat();
    assert_eq!(config.heartbeat, Some(Heartbeat::new(secs(20), secs(20))));
    assert_eq!(server(config).poll_timeout(), Some(after(20)));
}

#[test]
fn p3_a_silent_peer_is_pinged_and_given_up_when_it_stays_silent() {
    for side in SIDES {
        let mut connection = side.open(with(BEAT));
        connection.handle_timeout(after(19));
        assert!(output(&mut connection, after(19)).is_empty(), "not a moment early");
        connection.handle_timeout(after(20));
        assert_eq!(beat(&mut connection, after(20)).len(), 8);
        assert_eq!(connection.poll_timeout(), Some(after(30)));
        connection.handle_timeout(after(30));
        assert_eq!(events(&mut connection), [Event::Error(DEAD)]);
        // P9: 1011 on the wire, and a second for a peer that will not answer.
        let sent = frames(&mut connection, after(30));
        assert_eq!(sent, [(CLOSE, [&1011_u16.to_be_bytes()[..], b"keepalive timeout"].concat())]);
        until(&mut connection, after(31));
        let closed = closed(events(&mut connection));
        assert_eq!((closed.code, closed.clean), (CloseCode::ABNORMAL, false));
        assert_eq!((closed.initiator, closed.error), (Initiator::Timeout, Some(DEAD)));
        over(&mut connection);
    }
}

#[test]
fn p9_a_dead_peer_that_takes_no_bytes_has_a_second_or_less() {
    for (close_timeout, expected) in [(secs(5), secs(1)), (millis(300), millis(300))] {
        let mut connection = server(Config { close_timeout, ..with(BEAT) });
        until(&mut connection, after(20));
        beat(&mut connection, after(20));
        connection.handle_timeout(after(30));
        assert_eq!(connection.poll_timeout(), Some(after(30) + expected));
        until(&mut connection, after(32));
        assert_eq!(broken(events(&mut connection), DEAD).initiator, Initiator::Timeout);
    }
}

#[test]
fn p3_the_peers_time_starts_when_the_last_byte_of_the_ping_left() {
    for side in SIDES {
        let mut connection = side.open(with(BEAT));
        connection.send(Message::from(pattern(1_000))).unwrap();
        connection.handle_timeout(after(20));
        let waiting = connection.send_buffer().remaining();
        connection.sent(after(21), waiting - 1);
        assert_eq!(connection.poll_timeout(), Some(after(51)), "only the write stall");
        connection.sent(after(49), 1);
        assert_eq!(connection.poll_timeout(), Some(after(59)), "10 s from the last byte");
    }
}

#[test]
fn p3_a_ping_stuck_in_a_blocked_transport_is_a_write_stall() {
    for side in SIDES {
        let mut connection = side.open(with(BEAT));
        connection.send(Message::from("stuck")).unwrap();
        connection.send_buffer();
        connection.sent(after(10), 0);
        until(&mut connection, after(60));
        let error = timeout(TimeoutKind::WriteStalled);
        assert_eq!(broken(events(&mut connection), error).initiator, Initiator::Timeout);
    }
}

#[test]
fn p4_any_byte_is_a_sign_of_life_even_a_part_of_a_header() {
    for side in SIDES {
        let mut connection = side.open(with(BEAT));
        until(&mut connection, after(20));
        let nonce = beat(&mut connection, after(20));
        assert!(hear(&mut connection, after(29), &[BINARY]).is_empty());
        until(&mut connection, after(48));
        assert!(output(&mut connection, after(48)).is_empty());
        assert_eq!(connection.state(), State::Open);
        until(&mut connection, after(49));
        assert_ne!(beat(&mut connection, after(49)), nonce, "a new ping, 20 s after that byte");
        // And then silence: a frame that will never be whole does not keep its sender alive.
        until(&mut connection, after(59));
        assert_eq!(events(&mut connection), [Event::Error(DEAD)]);
    }
}

#[test]
fn p4_bytes_postpone_the_ping() {
    for side in SIDES {
        let mut connection = side.open(with(BEAT));
        for n in 1..100 {
            until(&mut connection, after(n * 19));
            hear(&mut connection, after(n * 19), &script().text("x").wire(side));
            assert!(output(&mut connection, after(n * 19)).is_empty());
        }
        until(&mut connection, after(99 * 19 + 20));
        beat(&mut connection, after(99 * 19 + 20));
    }
}

#[test]
fn p4_with_pong_only_evidence_other_bytes_are_none() {
    for side in SIDES {
        let mut connection = side.open(with(PONG_ONLY));
        until(&mut connection, after(20));
        let nonce = beat(&mut connection, after(20));
        let noise = script().text("x").pong("other").ping("y").wire(side);
        assert_eq!(hear(&mut connection, after(25), &noise).len(), 3);
        output(&mut connection, after(25));
        let mut other = side.open(with(PONG_ONLY));
        until(&mut other, after(20));
        assert_eq!(beat(&mut other, after(20)), nonce);
        assert_eq!(answer(&mut other, side, after(25), &nonce), pong(&nonce, Some(secs(5))));
        until(&mut other, after(44));
        assert!(output(&mut other, after(44)).is_empty() && other.state() == State::Open);
        until(&mut other, after(45));
        beat(&mut other, after(45));
        until(&mut connection, after(30));
        assert_eq!(events(&mut connection), [Event::Error(DEAD)]);
    }
}

#[test]
fn p5_a_periodic_heartbeat_pings_on_time_whatever_arrives_and_one_at_a_time() {
    for side in SIDES {
        let mut connection = side.open(with(PERIODIC));
        for n in 1..5 {
            until(&mut connection, after(n * 20));
            let nonce = beat(&mut connection, after(n * 20));
            answer(&mut connection, side, after(n * 20 + 1), &nonce);
            hear(&mut connection, after(n * 20 + 19), &script().text("x").wire(side));
        }
        // A timeout longer than the interval: the second ping must not reset the first's verdict.
        let slow = Heartbeat { timeout: secs(50), ..PERIODIC };
        let mut connection = side.open(with(slow));
        until(&mut connection, after(20));
        beat(&mut connection, after(20));
        until(&mut connection, after(69));
        assert!(output(&mut connection, after(69)).is_empty(), "one outstanding ping");
        until(&mut connection, after(70));
        assert_eq!(events(&mut connection), [Event::Error(DEAD)]);
    }
}

#[test]
fn p6_the_heartbeat_stops_when_closing() {
    for side in SIDES {
        let config = Config { close_timeout: secs(1_000), ..with(BEAT) };
        let mut connection = side.open(config);
        until(&mut connection, after(20));
        connection.close(after(20), CloseCode::NORMAL, "").unwrap();
        // The ping that was queued leaves, and starts no timer.
        assert_eq!(frames(&mut connection, after(20)).len(), 2);
        assert_eq!(connection.poll_timeout(), Some(after(1_020)));
        hear(&mut connection, after(30), &script().text("x").pong(1_u64.to_be_bytes()).wire(side));
        assert_eq!(connection.poll_timeout(), Some(after(1_020)));
        let mut connection = side.open(config);
        until(&mut connection, after(20));
        beat(&mut connection, after(20));
        hear(&mut connection, after(21), &script().close(1000, "").wire(side));
        assert_eq!(frames(&mut connection, after(21)).len(), 1);
        assert_eq!(connection.poll_timeout(), Some(after(1_021)));
    }
}

#[test]
fn p7_after_a_jump_of_the_clock_the_peer_is_asked_again() {
    for heartbeat in [BEAT, PONG_ONLY, PERIODIC] {
        for side in SIDES {
            let mut connection = side.open(with(heartbeat));
            until(&mut connection, after(20));
            let first = beat(&mut connection, after(20));
            connection.handle_timeout(after(3_600));
            assert_eq!(connection.state(), State::Open);
            assert_ne!(beat(&mut connection, after(3_600)), first);
            until(&mut connection, after(3_609));
            assert_eq!(connection.state(), State::Open, "with its full time");
            until(&mut connection, after(3_610));
            assert_eq!(events(&mut connection), [Event::Error(DEAD)], "and no more than that");
        }
    }
}

#[test]
fn p7_a_timer_late_by_no_more_than_the_interval_or_the_timeout_is_no_jump() {
    for (heartbeat, late) in [(BEAT, 20), (Heartbeat::new(secs(1), secs(600)), 5)] {
        let mut connection = server(with(heartbeat));
        let left = START + heartbeat.interval;
        until(&mut connection, left);
        beat(&mut connection, left);
        connection.handle_timeout(left + heartbeat.timeout + secs(late));
        assert_eq!(events(&mut connection), [Event::Error(DEAD)]);
    }
}

#[test]
fn p7_time_that_runs_backwards_breaks_nothing() {
    let mut connection = server(with(BEAT));
    until(&mut connection, after(20));
    beat(&mut connection, after(20));
    connection.handle_timeout(Instant::EPOCH);
    hear(&mut connection, Instant::EPOCH, &script().text("x").wire(Side::Server));
    connection.handle_timeout(after(25));
    assert_eq!(connection.state(), State::Open);
}

#[test]
fn p8_early_late_and_repeated_timeouts_are_no_ops() {
    for side in SIDES {
        let mut connection = side.open(with(BEAT));
        for n in 0..200 {
            connection.handle_timeout(START + millis(n * 99));
            assert_eq!(connection.poll_timeout(), Some(after(20)));
        }
        for _ in 0..3 {
            connection.handle_timeout(after(20));
        }
        beat(&mut connection, after(20));
        for n in 0..99 {
            connection.handle_timeout(after(20) + millis(n * 100));
        }
        assert!(output(&mut connection, after(29)).is_empty());
        assert_eq!(connection.poll_timeout(), Some(after(30)));
        for _ in 0..3 {
            connection.handle_timeout(after(30));
        }
        assert_eq!(events(&mut connection), [Event::Error(DEAD)]);
        assert_eq!(frames(&mut connection, after(30)).len(), 1);
    }
}

#[test]
fn p3_the_verdict_waits_for_what_has_arrived_and_not_been_taken() {
    for side in SIDES {
        let mut connection = side.open(with(PONG_ONLY));
        until(&mut connection, after(20));
        let nonce = beat(&mut connection, after(20));
        let wire = script().text("slow").text("application").pong(&nonce).wire(side);
        connection.receive(after(21), &wire);
        connection.handle_timeout(after(30));
        assert_eq!(connection.state(), State::Open, "the silence is ours");
        let expected = [text("slow"), text("application"), pong(&nonce, Some(secs(1)))];
        assert_eq!(events(&mut connection), expected);
        until(&mut connection, after(40));
        assert_eq!(connection.state(), State::Open, "the pong was there");
        until(&mut connection, after(50));
        assert_eq!(frames(&mut connection, after(50)).len(), 1, "and the heartbeat goes on");
    }
}

#[test]
fn p3_a_pong_that_the_verdict_itself_finds_settles_it() {
    let mut connection = server(with(PONG_ONLY));
    until(&mut connection, after(20));
    let nonce = beat(&mut connection, after(20));
    connection.receive(after(21), &script().pong(&nonce).wire(Side::Server));
    connection.handle_timeout(after(30));
    assert_eq!(connection.poll_timeout(), Some(after(41)), "no verdict, but the next ping");
}

#[test]
fn p3_the_verdict_comes_when_what_has_arrived_was_no_pong() {
    for side in SIDES {
        let mut connection = side.open(with(PONG_ONLY));
        until(&mut connection, after(20));
        beat(&mut connection, after(20));
        connection.receive(after(21), &script().text("x").wire(side));
        until(&mut connection, after(35));
        assert_eq!(events(&mut connection), [text("x")]);
        until(&mut connection, after(40));
        assert_eq!(events(&mut connection), [Event::Error(DEAD)]);
    }
}

#[test]
fn p3_the_verdict_finds_a_close_or_a_fault_that_had_arrived() {
    for side in SIDES {
        let mut connection = side.open(with(PONG_ONLY));
        until(&mut connection, after(20));
        beat(&mut connection, after(20));
        connection.receive(after(21), &script().close(1000, "").wire(side));
        connection.handle_timeout(after(30));
        assert_eq!(frames(&mut connection, after(30))[0].1, 1000_u16.to_be_bytes());
        connection.received_eof(after(30));
        assert!(closed(events(&mut connection)).clean);

        let mut connection = side.open(with(PONG_ONLY));
        until(&mut connection, after(20));
        beat(&mut connection, after(20));
        connection.received_eof(after(21));
        connection.handle_timeout(after(30));
        assert_eq!(connection.poll_timeout(), None);
        broken(events(&mut connection), ConnectionError::UnexpectedEof);
    }
}

#[test]
fn p3_a_heartbeat_that_finds_the_queue_full_tries_again() {
    for side in SIDES {
        let config = Config { send_hard_limit: 100, write_stall: secs(500), ..with(BEAT) };
        let mut connection = side.open(config);
        connection.send(Message::from(pattern(5_000))).unwrap();
        until(&mut connection, after(20));
        let sent = frames(&mut connection, after(21));
        assert_eq!(sent.len(), 1, "no room for a ping");
        until(&mut connection, after(40));
        beat(&mut connection, after(40));
        until(&mut connection, after(50));
        assert_eq!(events(&mut connection), [Event::Error(DEAD)]);
    }
}

#[test]
fn p10_a_jittered_heartbeat_and_lifetime_stay_within_a_tenth() {
    let after = START + millis(100_000);
    let lifetime = Lifetime { after: millis(10_000), code: CloseCode::SERVICE_RESTART };
    let config = Config { heartbeat: Some(BEAT), ..Config::server() };
    let aging = Config { max_lifetime: Some(lifetime), ..Config::server() };
    for (byte, tenths) in [(0, 9_000..=9_000), (0xff, 10_990..=11_000), (0x80, 10_000..=10_010)] {
        let jitter = Jitter::draw(&mut move |dest: &mut [u8]| dest.fill(byte));
        let due = |config: Config| {
            let connection =
                Connection::new(Role::Server, config, START).with_jitter(jitter, after);
            connection.poll_timeout().unwrap().saturating_since(after).as_millis()
        };
        assert!(tenths.contains(&(due(config) / 2)), "{}", due(config));
        assert!(tenths.contains(&due(aging)), "{}", due(aging));
        // And the next one as the first.
        let mut connection =
            Connection::new(Role::Server, config, START).with_jitter(jitter, after);
        let first = connection.poll_timeout().unwrap();
        connection.handle_timeout(first);
        let _ = frames(&mut connection, first);
        let pong = first + millis(10);
        answer(&mut connection, Side::Server, pong, &1_u64.to_be_bytes());
        let next = connection.poll_timeout().unwrap();
        assert_eq!(next.saturating_since(pong).as_millis(), due(config));
    }
}

#[test]
fn an_interval_of_nothing_is_not_an_endless_loop() {
    for heartbeat in [BEAT, PONG_ONLY, PERIODIC] {
        let none = Heartbeat { interval: Duration::ZERO, timeout: Duration::ZERO, ..heartbeat };
        let mut connection = server(with(none));
        connection.receive(START, &script().text("untaken").wire(Side::Server));
        for _ in 0..5 {
            connection.handle_timeout(START);
            output(&mut connection, START);
        }
    }
}
