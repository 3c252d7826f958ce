//! Pings, pongs and heartbeats: P1 to P11, as far as they concern a session.

use super::hand_made::*;
use super::*;
use crate::connection::{Config, HeartbeatMode, Role};
use crate::rng::Jitter;

const RECEIVED: Delivery = Delivery::Received;
const ACKNOWLEDGED: Delivery = Delivery::Acknowledged;

fn plain() -> SessionConfig {
    SessionConfig::socket_rocket()
}

fn ends(world: &World) -> Vec<Failure> {
    world.closings().into_iter().map(|closed| closed.failure).collect()
}

#[test]
fn p1_a_pong_answers_all_pings_up_to_its_own_and_others_are_only_told() {
    let mut world = open(plain());
    world.asleep = true;
    let id = world.send("m", RECEIVED);
    let fence = world.intercept_pings().remove(0);
    world.session.ping(b"later").unwrap();
    world.inject(&frame(PONG, b"never sent"));
    world.inject(&frame(PONG, b"lw: \0\0\0\0\0\0\0\x09"));
    assert_eq!(world.outcome(id), None);
    world.intercept();
    world.inject(&frame(PONG, b"later"));
    assert_eq!(world.outcome(id), None, "the application's pings may look alike");
    let again = world.intercept_pings().remove(0);
    world.inject(&frame(PONG, &again));
    assert_eq!(world.outcome(id), Some(Outcome::Received), "an answer to a later ping does");
    world.inject(&frame(PONG, &fence));
    let told: Vec<_> = world.pongs().into_iter().map(|pong| pong.payload.to_vec()).collect();
    assert_eq!(
        told,
        [&b"never sent"[..], b"lw: \0\0\0\0\0\0\0\x09", b"later"],
        "but not to its own"
    );
    let timed: Vec<_> = world.pongs().iter().map(|pong| pong.round_trip.is_some()).collect();
    assert_eq!(timed, [false, false, true]);
}

#[test]
fn p2_pongs_are_bounded_while_the_transport_takes_nothing() {
    let mut world = open(plain());
    world.stalled = true;
    for n in 0..2_000_u64 {
        world.to_client.extend(frame(PING, &n.to_be_bytes()));
    }
    world.settle();
    let capacity = world.session.connection().unwrap().buffer_capacity();
    assert!(capacity < 200 << 10, "{capacity}");
    // And before what waits in the queue, however much that is.
    for _ in 0..500 {
        world.session.send(world.now, Message::from("x".repeat(1_000)), RECEIVED).unwrap();
    }
    world.asleep = true;
    world.stalled = false;
    let sent = world.intercept();
    let is_pong = |frame: &&(u8, Vec<u8>)| frame.0 == PONG;
    assert!(sent.iter().filter(is_pong).count() <= 32);
    let last = sent.iter().rposition(|(first, _)| *first == PONG).unwrap();
    assert_eq!(sent[last].1, 1_999_u64.to_be_bytes(), "the newest is answered");
    assert!(last < 150, "{last} frames before it of {}", sent.len());
}

#[test]
fn p3_the_peers_time_starts_when_the_ping_has_left() {
    let mut config = plain();
    config.connection.heartbeat = None;
    let mut world = open(config.clone());
    world.stalled = true;
    let id = world.send("m", RECEIVED);
    world.asleep = true;
    world.pass(secs(25));
    assert_eq!(world.session.state(), State::Open, "a ping that has not left says nothing");
    world.stalled = false;
    world.settle();
    world.to_server.clear();
    world.inject(&frame(TEXT, b"alive"));
    world.pass(secs(19));
    assert_eq!(world.session.state(), State::Open);
    world.pass(secs(12));
    assert_eq!(world.closings()[0].failure, Failure::Unconfirmed(id));
    // A transport that takes nothing is another reason.
    let mut world = open(config);
    world.stalled = true;
    world.send("m", RECEIVED);
    world.pass(secs(32));
    let Failure::Closed(closed) = world.closings().remove(0).failure else { panic!() };
    assert_eq!(closed.error, Some(ConnectionError::Timeout(TimeoutKind::WriteStalled)));
}

#[test]
fn p4_any_byte_is_a_sign_of_life() {
    let mut config = plain();
    config.connection.heartbeat = Some(Heartbeat::new(secs(10), secs(40)));
    let sending = |first: &[u8], then: &[u8]| {
        let mut world = open(config.clone());
        world.asleep = true;
        let id = world.send("m", RECEIVED);
        world.to_client.extend(first);
        let mut alive = 0;
        while world.closings().is_empty() {
            if alive < 180 {
                world.inject(then);
            }
            world.pass(secs(9));
            alive += 9;
            assert!(alive < 300);
        }
        assert_eq!(ends(&world), [Failure::Unconfirmed(id)]);
        alive
    };
    // Of a message of the peer's a byte arrives every 9 s: its pong is behind it.
    let alive = sending(&[0x82, 20], b"x");
    assert!((190..200).contains(&alive), "20 s after the last byte: {alive}");
    // There are other messages, and its pong could have been in front of one.
    let alive = sending(&[], &[0x82, 1, b'x']);
    assert!((60..70).contains(&alive), "neither 20 s nor for ever: {alive}");
}

#[test]
fn p4_nothing_can_be_said_in_the_midst_of_a_message() {
    let acknowledged = |world: &mut World| {
        world.send("m", Delivery::Acknowledged);
    };
    let heartbeat = MessageHeartbeat::new(Message::from("?"), secs(10), secs(5));
    let nothing = |_: &mut World| {};
    for (config, send, patience) in [
        (plain(), &acknowledged as &dyn Fn(&mut World), 20),
        (plain().with_message_heartbeat(heartbeat), &nothing, 15),
    ] {
        let mut world = open(config);
        // It reads, and answers nothing while it sends this.
        world.asleep = true;
        send(&mut world);
        world.to_client.extend([0x02, 10]);
        for byte in 0..50 {
            world.to_client.extend([7]);
            if byte % 10 == 9 && byte < 49 {
                world.to_client.extend([if byte == 39 { 0x80 } else { 0x00 }, 10]);
            }
            world.settle();
            world.pass(secs(2));
            assert!(world.closings().is_empty(), "byte {byte}");
        }
        world.pass(secs(patience));
        assert_eq!(world.closings().len(), 1, "once it is silent it is lost as ever");
    }
}

#[test]
fn p5_one_heartbeat_at_a_time_and_other_pings_do_not_disturb_it() {
    let mut config = plain();
    config.connection.heartbeat =
        Some(Heartbeat { mode: HeartbeatMode::Periodic, ..Heartbeat::new(secs(5), secs(12)) });
    let mut world = open(config);
    world.asleep = true;
    world.pass(secs(5));
    for n in 0..100_u8 {
        world.session.ping(&[n]).unwrap();
    }
    world.pass(secs(11));
    let beats = world.intercept_pings().into_iter().filter(|payload| payload.len() == 8).count();
    assert_eq!((beats, world.session.state()), (1, State::Open));
    world.pass(secs(2));
    let Failure::Closed(closed) = world.last_closing().failure else { panic!() };
    assert_eq!(closed.error, Some(ConnectionError::Timeout(TimeoutKind::Heartbeat)));
    // The fence is not forgotten for them either.
    let mut world = open(plain());
    world.asleep = true;
    let id = world.send("m", RECEIVED);
    for n in 0..100_u8 {
        world.session.ping(&[n]).unwrap();
    }
    let fence = world.intercept_pings().remove(0);
    world.inject(&frame(PONG, &fence));
    assert_eq!(world.outcome(id), Some(Outcome::Received));
}

#[test]
fn p6_no_heartbeat_before_open_nor_while_closing() {
    let heartbeat = MessageHeartbeat::new(Message::from("ping"), secs(1), secs(1));
    let mut config = plain().with_message_heartbeat(heartbeat);
    config.connection.heartbeat = Some(Heartbeat::new(secs(1), secs(1)));
    let mut world = World::new(config).answering([Answer::Mute, Answer::Accept]);
    world.connect();
    world.asleep = true;
    world.pass(secs(9));
    assert!(world.to_server.ends_with(b"\r\n\r\n"), "the request and nothing else");
    world.pass(secs(2));
    assert_eq!(world.session.state(), State::Open);
    world.asleep = true;
    world.close();
    world.pass(secs(4));
    let firsts: Vec<_> = world.intercept().into_iter().map(|(first, _)| first).collect();
    assert_eq!(firsts, [CLOSE]);
}

#[test]
fn p7_after_a_jump_of_the_clock_the_peer_is_asked_before_it_is_judged() {
    // A fence, an acknowledgement, the heartbeat, one of messages, a probe.
    for case in 0..5 {
        let mut config = plain();
        config.connection.heartbeat = (case == 2).then_some(Heartbeat::new(secs(10), secs(10)));
        if case == 3 {
            let heartbeat = MessageHeartbeat::new(Message::from("ping"), secs(10), secs(10));
            config = config.with_message_heartbeat(heartbeat);
        }
        let mut world = open(config);
        world.asleep = true;
        match case {
            0 => drop(world.send("m", RECEIVED)),
            1 => drop(world.send("m", ACKNOWLEDGED)),
            2 | 3 => world.pass(secs(11)),
            _ => world.report(Reachability::Changed),
        }
        world.jump(secs(7_200));
        assert_eq!(world.session.state(), State::Open, "case {case}");
        world.pass(secs(1));
        world.asleep = false;
        world.settle();
        if case == 1 {
            assert!(world.session.acknowledge(world.now, MessageId(1)));
        }
        if case == 3 {
            world.say("pong");
        }
        world.pass(secs(15));
        assert_eq!(world.session.state(), State::Open, "it answers, case {case}");
        assert!(world.closings().is_empty());
    }
}

#[test]
fn p7_a_peer_that_stays_silent_after_the_jump_is_given_up() {
    let mut world = open(plain());
    world.asleep = true;
    let id = world.send("m", RECEIVED);
    world.session.config.connection.heartbeat = None;
    world.jump(secs(7_200));
    world.pass(secs(25));
    let failures = ends(&world);
    let dead = matches!(&failures[0], Failure::Closed(closed) if closed.error.is_some());
    assert!(dead || failures[0] == Failure::Unconfirmed(id), "{failures:?}");
}

#[test]
fn p7_a_long_timeout_that_is_late_by_more_than_a_short_interval_is_no_jump() {
    let heartbeat = MessageHeartbeat::new(Message::from("?"), secs(1), secs(600));
    let mut world = open(plain().with_message_heartbeat(heartbeat));
    world.pass(secs(1));
    world.jump(secs(604));
    assert_eq!(ends(&world), [Failure::Unanswered]);
}

#[test]
fn p8_late_early_and_repeated_timeouts_do_no_harm() {
    let mut world = open(plain());
    world.pass(secs(3));
    for _ in 0..100 {
        world.session.handle_timeout(world.now);
    }
    world.settle();
    assert!(world.pongs().is_empty() && world.closings().is_empty());
    world.reset();
    let due = world.session.poll_timeout().unwrap();
    for _ in 0..100 {
        world.session.handle_timeout(world.now);
    }
    assert_eq!((world.session.poll_timeout(), world.attempts.len()), (Some(due), 1), "early");
    world.pass(secs(1));
    assert_eq!(world.attempts.len(), 2);
    for _ in 0..100 {
        world.session.handle_timeout(due);
    }
    world.settle();
    assert_eq!((world.attempts.len(), world.session.state()), (2, State::Open), "repeated");
    world.jump(secs(5_000));
    assert_eq!(world.session.state(), State::Open, "late");
}

#[test]
fn p9_a_dead_peer_is_told_1011_and_has_a_second() {
    let mut world = open(plain());
    world.asleep = true;
    world.pass(millis(20_500));
    let (first, payload) = world.intercept().pop().unwrap();
    assert_eq!((first, &payload[..2]), (CLOSE, &1011_u16.to_be_bytes()[..]));
    assert!(world.closings().is_empty());
    world.pass(millis(500));
    let Failure::Closed(closed) = world.last_closing().failure else { panic!() };
    assert_eq!(closed.error, Some(ConnectionError::Timeout(TimeoutKind::Heartbeat)));
    assert_eq!(closed.code, CloseCode::ABNORMAL);
    assert!(matches!(world.last_closing().next, Next::Retry { retry: 1, .. }));
}

#[test]
fn p10_a_servers_sessions_do_not_ping_together() {
    let mut first = Vec::new();
    for byte in [0, 0x40, 0x80, 0xc0, 0xff] {
        let mut session = Session::adopting(plain(), world::random(1), at(0));
        let jitter = Jitter::draw(&mut move |dest: &mut [u8]| dest.fill(byte));
        let connection = Connection::new(Role::Server, Config::server(), at(0));
        session.adopt(at(0), connection.with_jitter(jitter, at(0)), Agreement::default());
        while let Some(due) = session.poll_timeout()
            && !bytes::Buf::has_remaining(session.send_buffer())
        {
            session.handle_timeout(due);
            first.retain(|other| *other != due);
            if bytes::Buf::has_remaining(session.send_buffer()) {
                first.push(due);
            }
        }
    }
    assert_eq!(first.len(), 5, "each at a time of its own: {first:?}");
    assert!(first.iter().all(|due| *due >= at(9) && *due <= at(11)));
}

#[test]
fn p11_a_heartbeat_of_messages_for_paths_that_swallow_pings() {
    let heartbeat = MessageHeartbeat::new(Message::from("?"), secs(10), secs(5));
    let mut world = open(plain().with_message_heartbeat(heartbeat));
    world.pass(secs(9));
    assert!(world.read.is_empty());
    world.pass(secs(1));
    assert_eq!(world.texts(), ["?"]);
    world.pass(secs(4));
    world.say("!");
    assert_eq!(world.messages(), ["!"]);
    world.pass(secs(9));
    world.say("news");
    world.pass(secs(9));
    assert_eq!(world.texts(), ["?"], "any message puts it off");
    world.pass(secs(6));
    assert_eq!(ends(&world), [Failure::Unanswered]);
    assert!(world.outcomes().is_empty(), "it is nobody's message");
}

#[test]
fn p4_a_peer_that_hangs_in_the_midst_of_a_message_is_given_up_although_it_pings() {
    let heartbeat = MessageHeartbeat::new(Message::from("?"), secs(10), secs(5));
    for is_beat in [true, false] {
        let config =
            if is_beat { plain().with_message_heartbeat(heartbeat.clone()) } else { plain() };
        let mut world = open(config);
        world.asleep = true;
        if !is_beat {
            world.send("m", Delivery::Acknowledged);
        }
        // Only its library goes on.
        world.inject(&[0x02, 1, b'x']);
        let mut alive = 0;
        while world.closings().is_empty() {
            world.inject(&[0x89, 0]);
            world.pass(secs(4));
            alive += 4;
            assert!(alive < 60, "beat: {is_beat}");
        }
    }
}

#[test]
fn p4_frames_that_follow_one_another_do_not_put_off_a_pong_for_ever() {
    for (delivery, rests) in
        [(RECEIVED, false), (RECEIVED, true), (ACKNOWLEDGED, false), (ACKNOWLEDGED, true)]
    {
        let mut world = open(plain());
        world.asleep = true;
        let id = world.send("m", delivery);
        // Messages of 13 bytes, a byte a second: it could have come between any two of them.
        let messages = [0x82, 13].into_iter().chain([b'x'; 13]).cycle();
        let mut alive = 0;
        for byte in messages {
            if !world.closings().is_empty() {
                break;
            }
            world.inject(&[byte]);
            world.pass(secs(1));
            if rests {
                // And another connection of the thread has what it puts aside.
                world.session.release_buffers();
                let mut other = Connection::new(Role::Server, Config::server(), world.now);
                other.receive(world.now, &[0x81]);
            }
            alive += 1;
            assert!(alive < 100, "{delivery:?}, rests: {rests}");
        }
        assert_eq!(ends(&world), [Failure::Unconfirmed(id)]);
    }
}

#[test]
fn p4_a_question_has_patience_of_its_own() {
    let heartbeat = MessageHeartbeat::new(Message::from("?"), secs(10), secs(5))
        .reply(|message| message.as_text() == Some("!"));
    let mut world = open(plain().with_message_heartbeat(heartbeat));
    world.asleep = true;
    // The first is waited for behind a message, and then the network goes.
    world.inject(&[0x02, 1, b'x']);
    world.pass(secs(12));
    world.inject(&[0x00, 1, b'x']);
    world.pass(secs(4));
    world.report(Reachability::Offline);
    world.pass(secs(1));
    world.inject(&[0x80, 1, b'x']);
    world.pass(secs(1));
    world.report(Reachability::Online);
    // The second is waited for behind another one.
    world.inject(&[0x02, 1, b'x']);
    for second in 0..60 {
        assert!(world.closings().is_empty(), "after {second} s: {:?}", ends(&world));
        world.inject(&[0x00, 1, b'x']);
        world.pass(secs(1));
    }
}
