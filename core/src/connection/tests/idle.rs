//! A connection in which nothing is under way: what is put aside, and that nobody can tell.

use core::mem::size_of;

use super::heartbeat::{BEAT, answer, beat, until, with};
use super::*;
use crate::buffer::Stage;
use crate::connection::Lifetime;
use crate::message::DataKind;
use crate::rng::Jitter;

/// Gives back what it can, and says whether that was all. What it put aside another connection uses then.
#[track_caller]
fn rests(connection: &mut Connection) -> bool {
    connection.release_buffers();
    if !connection.is_resting() {
        return false;
    }
    let now = after(1_000_000);
    let jitter = Jitter::draw(&mut |dest: &mut [u8]| dest.fill(7));
    let config = Config { max_control_rate: 1, ..with(BEAT).with_message_limit(1) };
    let mut other = Connection::new(Role::Server, config, now).with_jitter(jitter, now);
    assert_eq!(hear(&mut other, now, &script().ping("").text("a").wire(Side::Server)).len(), 2);
    other.send(Message::from("another")).unwrap();
    assert_eq!(frames(&mut other, now).len(), 2);
    other.release_buffers();
    assert!(other.is_resting());
    true
}

/// One message each way.
#[track_caller]
fn echo(connection: &mut Connection, side: Side, text: &str) {
    let seen = hear(connection, START, &script().text(text).wire(side));
    same(&seen, &[Event::Message(Message::from(text).into_owned())]);
    connection.send(Message::from(text)).unwrap();
    same_frames(&frames(connection, START), &[(TEXT, text)]);
}

#[track_caller]
fn same_frames(sent: &[(u8, Vec<u8>)], expected: &[(u8, &str)]) {
    let sent: Vec<_> = sent.iter().map(|(first, payload)| (*first, &payload[..])).collect();
    let expected: Vec<_> = expected.iter().map(|(first, text)| (*first, text.as_bytes())).collect();
    assert_eq!(sent, expected);
}

#[test]
fn one_that_waits_is_small_and_holds_nothing() {
    assert!(size_of::<Connection>() <= 128, "{} bytes", size_of::<Connection>());
    for side in SIDES {
        let mut connection = side.open(Config::server().with_heartbeat());
        assert!(connection.is_resting(), "a new one has nothing under way");
        echo(&mut connection, side, "hello");
        assert!(rests(&mut connection));
        assert_eq!(connection.buffer_capacity(), 0);
        echo(&mut connection, side, "again");
        assert!(rests(&mut connection));
        assert_eq!(connection.transmitted_messages(), 2);
    }
}

#[test]
fn one_that_gives_its_stage_back_rests_if_it_can() {
    let mut stage = Stage::new();
    let mut connection = server(Config::server());
    let wire = script().text("hello").wire(Side::Server);
    for _ in 0..3 {
        connection.lend(&mut stage);
        assert_eq!(connection.receive(START, &wire), wire.len());
        connection.reclaim(&mut stage);
        assert!(!connection.is_resting(), "a message waits to be taken");
        assert_eq!(events(&mut connection).len(), 1);
        connection.release_buffers();
        assert!(connection.is_resting());
        connection.lend(&mut stage);
        assert!(!connection.is_resting());
        connection.reclaim(&mut stage);
        assert!(connection.is_resting());
    }
}

#[test]
fn asking_or_telling_one_that_rests_what_changes_nothing_does_not_wake_it() {
    let mut connection = server(with(BEAT));
    connection.handle_timeout(after(1));
    connection.received(after(1), 0);
    connection.received(after(1), 17);
    connection.sent(after(1), 0);
    connection.held_back(after(1), false);
    assert!(!connection.poll_ready());
    assert!(connection.event().is_none() && connection.event_with_sender().is_none());
    assert!(connection.poll_event().is_none() && connection.poll_event_with_sender().is_none());
    assert!(connection.resume_fragments().is_none());
    assert!(!connection.send_buffer().has_remaining());
    assert!(!connection.is_finished() && !connection.is_send_finished());
    assert_eq!((connection.state(), connection.buffered()), (State::Open, 0));
    assert!(connection.has_room());
    assert_eq!(connection.poll_timeout(), Some(after(20)));
    assert_eq!(connection.config().heartbeat, Some(BEAT));
    assert_eq!(connection.round_trip(), None);
    assert!(connection.close(after(1), CloseCode::NO_STATUS, "").is_err());
    assert!(connection.is_resting());
}

#[test]
fn what_is_under_way_is_kept() {
    type Begin = fn(&mut Connection);
    let under_way: [(&str, Begin); 13] = [
        ("part of a header", |c| {
            hear(c, START, &[TEXT]);
        }),
        ("part of a payload", |c| {
            hear(c, START, &header_to(Side::Server, TEXT, 2));
        }),
        ("part of a message", |c| {
            hear(c, START, &script().frame(TEXT_BEGIN, "a").wire(Side::Server));
        }),
        ("bytes not looked at", |c| {
            c.receive(START, &script().text("a").wire(Side::Server));
        }),
        ("a message not taken", |c| {
            c.receive(START, &script().text("a").wire(Side::Server));
            assert!(c.poll_ready());
        }),
        ("a message not sent", |c| c.send(Message::from("a")).unwrap()),
        ("a message not begun", |c| c.send(Message::from(std::vec![0; 1 << 20])).unwrap()),
        ("a message open", |c| c.fragments(DataKind::Text).unwrap().pause()),
        ("a ping not sent", |c| c.ping(b"a").unwrap()),
        ("a pong not sent", |c| {
            hear(c, START, &script().ping("a").wire(Side::Server));
        }),
        ("bytes held back", |c| c.held_back(START, true)),
        ("the end of the stream", |c| c.received_eof(START)),
        ("the closing handshake", |c| c.close(START, CloseCode::NORMAL, "").unwrap()),
    ];
    for (what, begin) in under_way {
        let mut connection = server(Config::server());
        begin(&mut connection);
        assert!(!rests(&mut connection), "{what}");
        assert!(!rests(&mut connection), "{what}, still");
    }
}

#[test]
fn it_rests_after_whatever_it_sent_and_received() {
    for side in SIDES {
        for len in [0, 125, 4_096, 4_097, 65_536, 65_537, 262_144, 1 << 20, (1 << 20) + 1] {
            let text = "x".repeat(len);
            let config = Config::client();
            let mut connection = side.open(config);
            connection.send(Message::from(&*text)).unwrap();
            assert!(!rests(&mut connection));
            let sent = frames(&mut connection, START);
            assert_eq!(sent.iter().map(|(_, payload)| payload.len()).sum::<usize>(), len);
            assert!(rests(&mut connection), "{side:?} sent {len}");
            let seen = hear(&mut connection, START, &script().text(&text).wire(side));
            same(&seen, &[Event::Message(Message::from(text))]);
            assert!(rests(&mut connection), "{side:?} received {len}");
        }
        let mut connection = side.open(Config::client());
        let mut writer = connection.fragments(DataKind::Text).unwrap();
        writer.write(&b"a"[..]).unwrap();
        writer.pause();
        connection.send(Message::from("held")).unwrap();
        connection.ping(b"b").unwrap();
        connection.resume_fragments().unwrap().finish(&b"c"[..]).unwrap();
        let kinds: Vec<_> = frames(&mut connection, START).iter().map(|frame| frame.0).collect();
        assert_eq!(kinds, [TEXT_BEGIN, PING, LAST, TEXT]);
        assert!(rests(&mut connection));
    }
}

#[test]
fn how_long_its_buffers_were_is_remembered() {
    let mut connection = server(Config::server());
    assert_eq!(connection.recv_buffer().len(), 4 << 10);
    let message = script().text("x".repeat(8_000)).wire(Side::Server);
    // More than a buffer at a time: it grows.
    for _ in 0..8 {
        for chunk in message.repeat(20).chunks(100_000) {
            hear(&mut connection, START, chunk);
        }
        connection.release_buffers();
    }
    assert!(rests(&mut connection));
    let grown = connection.recv_buffer().len();
    assert!(grown >= 32 << 10, "{grown}");
    assert!(rests(&mut connection));
    assert_eq!(server(Config::server()).recv_buffer().len(), 4 << 10, "another one's were not");
    // And shrinks, though it rests after each read.
    for _ in 0..1_000 {
        hear(&mut connection, START, &script().text("x").wire(Side::Server));
        assert!(rests(&mut connection));
    }
    assert_eq!(connection.recv_buffer().len(), 4 << 10);
}

#[test]
fn what_was_put_aside_has_heard_of_nothing() {
    let mut stage = Stage::new();
    let [mut first, mut second] = [(); 2].map(|()| server(Config::server()));
    // It rests before it was asked once more.
    first.receive(START, &script().text("a").wire(Side::Server));
    assert!(first.poll_event().is_some());
    first.release_buffers();
    assert!(first.is_resting());
    for _ in 0..2 {
        second.lend(&mut stage);
        second.send(Message::from("a")).unwrap();
        assert_eq!(frames(&mut second, START).len(), 1);
        second.reclaim(&mut stage);
        assert!(second.is_resting());
    }
}

#[test]
fn a_ping_is_remembered_and_its_pong_awaited() {
    let mut connection = server(with(BEAT));
    assert!(rests(&mut connection));
    until(&mut connection, after(20));
    let payload = beat(&mut connection, after(20));
    assert!(rests(&mut connection), "it has left");
    assert_eq!(connection.poll_timeout(), Some(after(30)));
    let pong = answer(&mut connection, Side::Server, after(23), &payload);
    let Event::Pong(pong) = pong else { panic!("{pong:?}") };
    assert_eq!(pong.round_trip, Some(secs(3)));
    assert!(rests(&mut connection));
    assert_eq!(connection.round_trip().map(|trip| trip.last), Some(secs(3)));
    assert_eq!(connection.poll_timeout(), Some(after(43)));
    // The next is another one, and nobody answers.
    until(&mut connection, after(43));
    assert_ne!(beat(&mut connection, after(43)), payload);
    assert!(rests(&mut connection));
    until(&mut connection, after(53));
    assert_eq!(
        events(&mut connection),
        [Event::Error(ConnectionError::Timeout(TimeoutKind::Heartbeat))]
    );
}

#[test]
fn p4_bytes_postpone_the_ping_across_it_and_jitter_stays() {
    let jitter = Jitter::draw(&mut |dest: &mut [u8]| dest.fill(0xff));
    let interval = jitter.apply(BEAT.interval);
    let mut connection = server(with(BEAT)).with_jitter(jitter, START);
    assert_eq!(connection.poll_timeout(), Some(START + interval));
    hear(&mut connection, after(10), &script().text("a").wire(Side::Server));
    assert!(rests(&mut connection));
    connection.handle_timeout(START + interval);
    assert!(rests(&mut connection) && output(&mut connection, START + interval).is_empty());
    assert_eq!(connection.poll_timeout(), Some(after(10) + interval));
}

#[test]
fn the_time_it_was_told_last_is_what_it_goes_by() {
    let mut connection = server(Config::server());
    connection.handle_timeout(after(3));
    assert!(rests(&mut connection));
    // Not told the time: 1011, and its deadline.
    drop(connection.fragments(DataKind::Text).unwrap());
    assert_eq!(connection.poll_timeout(), Some(after(3) + Config::server().close_timeout));
}

#[test]
fn its_age_counts_while_it_rests() {
    let max_lifetime = Some(Lifetime { after: secs(60), code: CloseCode::SERVICE_RESTART });
    let mut connection = server(Config { max_lifetime, ..Config::server() });
    assert!(rests(&mut connection));
    assert_eq!(connection.poll_timeout(), Some(after(60)));
    connection.handle_timeout(after(59));
    assert!(connection.is_resting());
    connection.handle_timeout(after(60));
    assert_eq!(connection.state(), State::Closing);
}

#[test]
fn control_frames_are_counted_across_it() {
    let flood = Event::Error(ConnectionError::Protocol(ProtocolError::ControlFlood));
    for (later, is_flood) in [(999, true), (1_000, false)] {
        let mut connection = server(Config { max_control_rate: 3, ..Config::server() });
        let ping = script().ping("").wire(Side::Server);
        for _ in 0..3 {
            hear(&mut connection, START, &ping);
            assert_eq!(frames(&mut connection, START).len(), 1);
            assert!(rests(&mut connection));
        }
        let seen = hear(&mut connection, START + millis(later), &ping);
        assert_eq!(seen == [flood.clone()], is_flood, "{later} ms: {seen:?}");
    }
}

#[test]
fn s5_3_keys_go_on_where_they_were() {
    let mut rested = Side::Client.open(Config::client());
    let mut other = Side::Client.open(Config::client());
    for n in 0..40_u8 {
        let wires = [&mut rested, &mut other].map(|connection| {
            connection.send(Message::from(&[n][..])).unwrap();
            output(connection, START)
        });
        assert!(rests(&mut rested));
        assert_eq!(wires[0], wires[1], "the keys are the same as without rest");
    }
}

#[test]
fn connections_that_take_turns_are_not_mistaken_for_one_another() {
    let strict = Config::server().with_message_limit(3);
    let mut server = Side::Server.open(strict);
    let mut client = Side::Client.open(Config::client());
    for _ in 0..3 {
        echo(&mut client, Side::Client, "longer than three");
        assert!(rests(&mut client));
        echo(&mut server, Side::Server, "abc");
        assert!(rests(&mut server));
    }
    // Each goes by its own limits, and expects the masks that it should.
    let seen = hear(&mut server, START, &script().text("abcd").wire(Side::Server));
    let too_big = ConnectionError::Protocol(ProtocolError::FrameTooBig);
    assert_eq!(seen, [Event::Error(too_big)]);
    let seen = hear(&mut client, START, &script().text("abcd").wire(Side::Server));
    let masked = ConnectionError::Protocol(ProtocolError::WrongMasking);
    assert_eq!(seen, [Event::Error(masked)]);
    // One that failed leaves nothing behind in the next.
    drop((server, client));
    let mut next = Side::Server.open(Config::server());
    echo(&mut next, Side::Server, "hello");
    assert!(rests(&mut next));
    assert_eq!((next.state(), next.transmitted_messages()), (State::Open, 1));
}

#[test]
fn a_configuration_is_not_kept_by_what_was_put_aside() {
    let config = alloc::sync::Arc::new(Config::server());
    let mut connection = Connection::new(Role::Server, config.clone(), START);
    echo(&mut connection, Side::Server, "hello");
    assert!(rests(&mut connection));
    drop(connection);
    assert_eq!(alloc::sync::Arc::strong_count(&config), 1);
}

#[test]
fn another_heartbeat_is_set_without_waking_it_for_long() {
    let mut connection = server(with(BEAT));
    connection.set_heartbeat(START, None);
    assert!(connection.is_resting());
    assert_eq!(connection.poll_timeout(), None);
    connection.set_heartbeat(after(1), Some(BEAT));
    assert!(connection.is_resting());
    assert_eq!(connection.poll_timeout(), Some(after(21)));
}

#[cfg(feature = "deflate")]
#[test]
fn g_the_context_of_compression_outlasts_it() {
    use super::deflate::{COMPRESSED_TEXT, HELLO, HELLO_AGAIN, agreed, open};
    use crate::deflate::Compress;

    let mut connection = open(Side::Server, Config::server(), agreed());
    let mut lengths = Vec::new();
    for payload in [HELLO, HELLO_AGAIN] {
        let wire = script().frame(COMPRESSED_TEXT, payload).wire(Side::Server);
        same(&hear(&mut connection, START, &wire), &[Event::Message(Message::from("Hello"))]);
        let text = "Sphinx of black quartz, judge my vow";
        connection.send_with(Message::from(text), Compress::Always).unwrap();
        let sent = frames(&mut connection, START);
        assert_eq!((sent.len(), sent[0].0), (1, COMPRESSED_TEXT));
        lengths.push(sent[0].1.len());
        assert!(rests(&mut connection));
        assert!(connection.buffer_capacity() > 0, "the contexts");
        // Nobody else's, who uses what was put aside.
        let mut plain = server(Config::server());
        let reserved = ConnectionError::Protocol(ProtocolError::ReservedBits);
        assert_eq!(hear(&mut plain, START, &wire), [Event::Error(reserved)]);
        let mut plain = server(Config::server());
        plain.send(Message::from(text.repeat(9))).unwrap();
        assert_eq!(frames(&mut plain, START)[0].0, TEXT);
        assert!(rests(&mut plain));
    }
    assert!(lengths[1] < lengths[0] / 2, "the second refers to the first: {lengths:?}");
}
