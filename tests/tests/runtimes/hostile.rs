//! Peers that vanish, fall silent, do not read, or do not stop.

use core::iter;
use core::time::Duration;
use std::io::Write;

use longwire::connection::Heartbeat;
use longwire::error::TimeoutKind;
use longwire::{
    CloseCode, Closed, Config, ConnectionError, Event, Initiator, Message, ProtocolError,
};
use longwire_tests::runtime::{Runtime, WebSocket};

use crate::support::{
    BINARY, CLOSE, PING, PONG, Raw, TEXT, echo, end, frame, message, served, server_config,
};

on_each!(
    a_peer_that_goes_without_a_close_is_reported_once,
    a_peer_that_resets_is_reported_once,
    a_violation_is_answered_and_the_stream_ends,
    a_silent_peer_is_pinged_and_given_up,
    a_peer_that_answers_pings_is_kept,
    a_peer_that_does_not_read_stalls_writes_and_is_still_heard,
    a_peer_that_never_stops_talking_cannot_hold_up_the_close,
    a_peer_that_floods_pings_is_refused,
    a_message_over_the_limit_is_refused,
);

/// The error and the end, each exactly once and in this order; messages before them are dropped.
async fn failure<R: Runtime>(mut websocket: WebSocket<R>) -> (ConnectionError, Closed) {
    let mut error = None;
    loop {
        match websocket.next().await {
            Some(Event::Error(reported)) => assert!(error.replace(reported).is_none()),
            Some(Event::Closed(closed)) => {
                assert!(websocket.next().await.is_none(), "it ends once");
                assert!(!closed.clean);
                assert_eq!(error, closed.error);
                return (error.expect("an error before the end"), *closed);
            }
            other => assert!(error.is_none() && other.is_some(), "{other:?} before the end"),
        }
    }
}

fn fails<R: Runtime>(config: Config, peer: impl FnOnce(Raw)) -> (ConnectionError, Closed) {
    served::<R, _, _>(config, async |websocket| failure::<R>(websocket).await, peer).0
}

fn a_peer_that_goes_without_a_close_is_reported_once<S: Runtime>() {
    let (error, closed) = fails::<S>(server_config(), |mut raw| raw.send(TEXT, b"last words"));
    assert_eq!(error, ConnectionError::UnexpectedEof);
    assert_eq!((closed.code, closed.initiator), (CloseCode::ABNORMAL, Initiator::Transport));
}

fn a_peer_that_resets_is_reported_once<S: Runtime>() {
    let sends = async |mut websocket: WebSocket<S>| {
        assert!(websocket.send(Message::from("never read")).await.is_ok());
        failure::<S>(websocket).await
    };
    let ((error, closed), ()) = served::<S, _, _>(server_config(), sends, |raw| raw.await_unread());
    assert!(matches!(error, ConnectionError::Transport(_)), "{error}");
    assert_eq!((closed.code, closed.initiator), (CloseCode::ABNORMAL, Initiator::Transport));
}

/// C4: the close frame is not destroyed by a reset, although there is more to read.
fn a_violation_is_answered_and_the_stream_ends<S: Runtime>() {
    let (error, closed) = fails::<S>(server_config(), |mut raw| {
        let mut bytes = frame(0x83, b"", true);
        bytes.extend(frame(BINARY, &[0; 10_000], true));
        raw.write(&bytes);
        let (first, payload) = raw.receive();
        assert_eq!((first, &payload[..2]), (CLOSE, &[3, 234][..]));
        assert!(raw.rest().expect("an end, not a reset").is_empty());
    });
    assert_eq!(error, ConnectionError::Protocol(ProtocolError::ReservedOpcode));
    assert_eq!(closed.initiator, Initiator::Local);
}

fn a_silent_peer_is_pinged_and_given_up<S: Runtime>() {
    let mut config = server_config();
    config.heartbeat = Some(Heartbeat::new(Duration::from_millis(30), Duration::from_millis(60)));
    config.close_timeout = Duration::from_millis(100);
    let (error, closed) = fails::<S>(config, |mut raw| {
        assert_eq!(raw.receive().0, PING);
        // One more, if we were late ourselves.
        let (first, payload) =
            iter::repeat_with(|| raw.receive()).find(|(first, _)| *first != PING).expect("no end");
        assert_eq!((first, &payload[..2]), (CLOSE, &[3, 243][..]));
        let _ = raw.rest();
    });
    assert_eq!(error, ConnectionError::Timeout(TimeoutKind::Heartbeat));
    assert_eq!(closed.initiator, Initiator::Timeout);
}

fn a_peer_that_answers_pings_is_kept<S: Runtime>() {
    let mut config = server_config();
    config.heartbeat = Some(Heartbeat::new(Duration::from_millis(20), Duration::from_secs(20)));
    let (closed, ()) = served::<S, _, _>(
        config,
        async |mut ws| echo(&mut ws).await,
        |mut raw| {
            for _ in 0..3 {
                let (first, payload) = raw.receive();
                assert_eq!(first, PING);
                raw.send(PONG, &payload);
            }
            raw.send(CLOSE, &[]);
            while raw.receive().0 != CLOSE {}
        },
    );
    assert!(closed.clean);
}

/// S7, P3: what it says still arrives, and what is wrong is named.
fn a_peer_that_does_not_read_stalls_writes_and_is_still_heard<S: Runtime>() {
    let mut config = server_config();
    config.write_stall = Duration::from_secs(1);
    let server = async |mut websocket: WebSocket<S>| {
        // More than the two sockets hold.
        let large = Message::from(vec![0; 32 << 20]);
        assert!(websocket.feed(large).await.is_ok());
        for n in 0..10 {
            assert_eq!(message(&mut websocket).await, Message::from(format!("{n}")));
        }
        failure::<S>(websocket).await
    };
    let ((error, closed), _open) = served::<S, _, _>(config, server, |mut raw| {
        raw.await_unread();
        for n in 0..10 {
            raw.send(TEXT, format!("{n}").as_bytes());
        }
        raw
    });
    assert_eq!(error, ConnectionError::Timeout(TimeoutKind::WriteStalled));
    assert_eq!((closed.initiator, closed.unsent_messages), (Initiator::Timeout, 1));
}

/// What is readable without end must not stop the clock.
fn a_peer_that_never_stops_talking_cannot_hold_up_the_close<S: Runtime>() {
    let mut config = server_config();
    config.close_timeout = Duration::from_millis(100);
    let server = async |mut websocket: WebSocket<S>| {
        message(&mut websocket).await;
        assert!(websocket.close(CloseCode::GOING_AWAY, "enough").is_ok());
        end(&mut websocket).await
    };
    let (closed, ()) = served::<S, _, _>(config, server, |mut raw| {
        let burst: Vec<u8> = (0..1000).flat_map(|_| frame(BINARY, &[1; 10], true)).collect();
        while raw.stream.write_all(&burst).is_ok() {}
    });
    assert_eq!((closed.initiator, closed.clean), (Initiator::Timeout, false));
}

fn a_peer_that_floods_pings_is_refused<S: Runtime>() {
    let mut config = server_config();
    config.max_control_rate = 100;
    let (error, _) = fails::<S>(config, |mut raw| {
        let burst: Vec<u8> = (0..1000).flat_map(|_| frame(PING, b"", true)).collect();
        raw.write(&burst);
        while raw.receive().0 != CLOSE {}
        let _ = raw.rest();
    });
    assert_eq!(error, ConnectionError::Protocol(ProtocolError::ControlFlood));
}

fn a_message_over_the_limit_is_refused<S: Runtime>() {
    let config = server_config().with_message_limit(1000);
    let (error, _) = fails::<S>(config, |mut raw| {
        raw.send(BINARY, &[0; 1000]);
        raw.send(BINARY, &[0; 1001]);
        let (first, payload) = raw.receive();
        assert_eq!((first, &payload[..2]), (CLOSE, &[3, 241][..]));
        let _ = raw.rest();
    });
    assert_eq!(error, ConnectionError::Protocol(ProtocolError::FrameTooBig));
}
