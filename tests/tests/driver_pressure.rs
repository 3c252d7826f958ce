//! The driver under pressure: full queues, full inboxes, alarms that ring at once.

use core::task::{Context, Poll};

use longwire::connection::{Heartbeat, HeartbeatMode};
use longwire::driver::Transport;
use longwire::error::TimeoutKind;
use longwire::time::Duration;
use longwire::{Config, ConnectionError, Event, Message, SendError};
use longwire_tests::properties::Side;
use longwire_tests::scripted::{
    Call, Clock, Fault, Flag, Script, Socket, What, link, once, open, pair,
};

const WHOLE: [Script; 2] = [Script::WHOLE; 2];

/// A frame of a client whose masking key is zero.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).expect("a short one");
    [&[first, 0x80 | len, 0, 0, 0, 0], payload].concat()
}

#[test]
fn s7_feed_waits_for_room_whichever_limit_is_the_lower() {
    let clock = Clock::default();
    let config = Config::server();
    for (soft, hard) in [(64 << 10, 16 << 10), (16 << 10, 64 << 10), (0, 0)] {
        let mut limited = config;
        (limited.send_soft_limit, limited.send_hard_limit) = (soft, hard);
        let (_peer, server) = pair(&clock, [Config::client(), limited], WHOLE, 100);
        let (_, waker) = Flag::new();
        let (mut sender, receiver) = server.split();
        let message = || Message::from(vec![7; 8_000]);
        let fed = (0..20).take_while(|_| once(sender.feed(message()), &waker).is_ready()).count();
        assert!(
            (1..20).contains(&fed),
            "{fed} accepted, then it waits: it neither spins nor fails"
        );
        drop(receiver);
    }
}

#[test]
fn s3_splitting_gives_up_a_message_that_no_half_could_finish() {
    let clock = Clock::default();
    let (_peer, mut server) = pair(&clock, [Config::client(), Config::server()], WHOLE, 1 << 20);
    let (_, waker) = Flag::new();
    server.endpoint_mut().fragments(longwire::DataKind::Text).expect("it is open").pause();
    let (mut sender, _receiver) = server.split();
    let refused = once(sender.feed(Message::from("late")), &waker);
    assert!(matches!(refused, Poll::Ready(Err(SendError::Closed(_)))), "{refused:?}");
}

#[test]
fn a3_a_pong_leaves_while_messages_of_the_same_read_are_still_taken() {
    let clock = Clock::default();
    let (peer, transport) = link(WHOLE, 1 << 20);
    let mut server: Socket = open(&clock, Side::Server, Config::server(), transport);
    let (_, waker) = Flag::new();
    peer.inject(&masked(0x89, b"now?"));
    for _ in 0..500 {
        peer.inject(&masked(0x82, b"x"));
    }
    let mut taken = 0;
    while peer.take_arrived().is_empty() {
        if let Poll::Ready(event) = once(server.next(), &waker) {
            assert!(matches!(event, Some(Event::Ping(_) | Event::Message(_))), "{event:?}");
            taken += 1;
        }
    }
    assert!(taken <= 2 * 128, "the pong waited behind {taken} events");
}

#[test]
fn an_interval_of_nothing_does_not_keep_the_task() {
    let clock = Clock::default();
    let mut config = Config::server();
    let mut heartbeat = Heartbeat::new(Duration::ZERO, Duration::ZERO);
    heartbeat.mode = HeartbeatMode::Periodic;
    config.heartbeat = Some(heartbeat);
    let (_peer, mut server) = pair(&clock, [Config::client(), config], WHOLE, 0);
    let (flag, waker) = Flag::new();
    assert!(once(server.next(), &waker).is_pending(), "and it does come back");
    assert!(flag.take(), "to go on after others had their turn");
    assert!(once(server.flush(), &waker).is_pending());
}

#[test]
fn p3_a_flush_that_never_ends_counts_as_a_stalled_write() {
    let clock = Clock::default();
    let hang = Fault { call: Call::Flush, nth: 0, what: What::Hang };
    let script = Script { buffered: true, ..Script::WHOLE }.with(hang);
    let configs = [Config::client(), Config::server()];
    let (_peer, mut server) = pair(&clock, configs, [Script::WHOLE, script], 1 << 20);
    let (_, waker) = Flag::new();
    assert!(once(server.send(Message::from("kept inside")), &waker).is_pending());
    clock.advance(Config::server().write_stall);
    let stalled = ConnectionError::Timeout(TimeoutKind::WriteStalled);
    assert_eq!(once(server.next(), &waker), Poll::Ready(Some(Event::Error(stalled))));
    assert!(matches!(once(server.next(), &waker), Poll::Ready(Some(Event::Closed(_)))));
    assert_eq!(once(server.flush(), &waker), Poll::Ready(Err(SendError::Closed(()))));
}

#[test]
fn answers_leave_before_the_end_of_the_stream_is_concluded() {
    let clock = Clock::default();
    let (mut peer, transport) = link(WHOLE, 10);
    let mut server: Socket = open(&clock, Side::Server, Config::server(), transport);
    let (_, waker) = Flag::new();
    peer.inject(&masked(0x82, b"question"));
    assert!(peer.poll_shutdown(&mut Context::from_waker(&waker)).is_ready());
    server.endpoint_mut().send(Message::from("two in one")).expect("there is room");
    // Not all of it fits, so it receives: the question, and the end of the stream behind it.
    assert!(once(server.flush(), &waker).is_pending());
    let mut arrived = peer.take_arrived();
    assert!(matches!(once(server.next(), &waker), Poll::Ready(Some(Event::Message(_)))));
    arrived.extend(peer.take_arrived());
    assert_eq!(once(server.feed(Message::from("answer")), &waker), Poll::Ready(Ok(())));
    assert!(matches!(once(server.next(), &waker), Poll::Ready(Some(Event::Error(_)))));
    let Poll::Ready(Some(Event::Closed(end))) = once(server.next(), &waker) else {
        panic!("an end")
    };
    assert_eq!(end.unsent_messages, 0);
    arrived.extend(peer.take_arrived());
    assert_eq!(arrived, b"\x81\x0atwo in one\x81\x06answer");
}
