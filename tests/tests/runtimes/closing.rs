//! How connections end in order.

use core::time::Duration;
use std::io::{ErrorKind, Read};
use std::net::Shutdown;

use longwire::handshake::Request;
use longwire::{CloseCode, Closed, Initiator, Message};
use longwire_tests::runtime::Runtime;

use crate::support::{
    CLOSE, PATIENCE, client_config, connected, dialled, echo, end, message, served, server_config,
};

on_all_pairs!(
    the_client_closes,
    the_server_closes,
    both_close_at_once,
    what_was_queued_arrives_before_the_close,
);

const AWAY: CloseCode = CloseCode::GOING_AWAY;

/// Who began knows its peer's echo, whose reason is empty.
fn check(closer: &Closed, other: &Closed) {
    assert_eq!((closer.initiator, closer.clean, closer.code), (Initiator::Local, true, AWAY));
    assert_eq!((other.initiator, other.clean, other.code), (Initiator::Remote, true, AWAY));
    assert_eq!((closer.reason.as_str(), other.reason.as_str()), ("", "gone f\u{fc}r now"));
    assert_eq!((closer.error, other.error), (None, None));
}

fn the_client_closes<C: Runtime, S: Runtime>() {
    let (client, server) = connected::<C, S, _, _>(
        async |mut websocket| websocket.finish(AWAY, "gone f\u{fc}r now").await,
        async |mut websocket| end(&mut websocket).await,
    );
    check(&client.expect("it can").expect("an end"), &server);
}

fn the_server_closes<C: Runtime, S: Runtime>() {
    let (client, server) = connected::<C, S, _, _>(
        async |mut websocket| end(&mut websocket).await,
        async |mut websocket| websocket.finish(AWAY, "gone f\u{fc}r now").await,
    );
    check(&server.expect("it can").expect("an end"), &client);
}

fn both_close_at_once<C: Runtime, S: Runtime>() {
    let (client, server) = connected::<C, S, _, _>(
        async |mut websocket| websocket.finish(CloseCode::NORMAL, "client").await,
        async |mut websocket| websocket.finish(AWAY, "server").await,
    );
    let (client, server) = (client.expect("it can"), server.expect("it can"));
    assert!(client.expect("an end").clean && server.expect("an end").clean);
}

fn what_was_queued_arrives_before_the_close<C: Runtime, S: Runtime>() {
    connected::<C, S, _, _>(
        async |mut websocket| {
            for n in 0..50 {
                assert!(websocket.feed(Message::from(vec![n; 100_000])).await.is_ok());
            }
            let closed = websocket.finish(CloseCode::NORMAL, "").await.expect("it can");
            assert!(closed.is_some_and(|closed| closed.clean && closed.unsent_messages == 0));
        },
        async |mut websocket| {
            for n in 0..50 {
                assert_eq!(message(&mut websocket).await.as_bytes()[..1], [n]);
            }
            assert!(end(&mut websocket).await.clean);
        },
    );
}

on_each!(
    c3_the_server_ends_the_stream_first,
    c3_the_client_waits_for_the_servers_end,
    dropping_a_websocket_closes_the_stream,
    a_close_that_is_not_answered_times_out,
    a_server_that_never_ends_the_stream_is_left,
);

fn c3_the_server_ends_the_stream_first<S: Runtime>() {
    let (closed, ()) = served::<S, _, _>(
        server_config(),
        async |mut ws| echo(&mut ws).await,
        |mut raw| {
            raw.send(CLOSE, &[3, 232]);
            assert_eq!(raw.receive(), (CLOSE, vec![3, 232]));
            // We have not ended ours.
            assert!(raw.rest().expect("an end").is_empty());
        },
    );
    assert!(closed.clean);
}

fn c3_the_client_waits_for_the_servers_end<C: Runtime>() {
    let (closed, ()) = dialled::<C, _, _>(
        async |url| {
            let request = Request::parse(url).expect("a URL");
            let connecting = C::connect(&request, client_config());
            let mut websocket = connecting.await.expect("a connection").0;
            websocket.finish(CloseCode::NORMAL, "").await.expect("it can").expect("an end")
        },
        |mut raw| {
            raw.welcome();
            assert_eq!(raw.receive(), (CLOSE, vec![3, 232]));
            raw.send(CLOSE, &[3, 232]);
            raw.stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
            let kind = raw.stream.read(&mut [0]).map_err(|error| error.kind());
            assert!(matches!(kind, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "{kind:?}");
            raw.stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            raw.stream.shutdown(Shutdown::Write).expect("an end");
            assert!(raw.rest().expect("an end").is_empty());
        },
    );
    assert!(closed.clean);
}

fn dropping_a_websocket_closes_the_stream<S: Runtime>() {
    served::<S, _, _>(
        server_config(),
        async |websocket| drop(websocket),
        |mut raw| {
            assert!(raw.rest().expect("an end").is_empty());
        },
    );
    let halves = async |websocket: longwire_tests::runtime::WebSocket<S>| {
        let (sender, receiver) = websocket.split();
        drop(sender.clone());
        drop((receiver, sender));
    };
    served::<S, _, _>(server_config(), halves, |mut raw| {
        assert!(raw.rest().expect("an end").is_empty());
    });
}

fn a_close_that_is_not_answered_times_out<S: Runtime>() {
    let mut config = server_config();
    config.close_timeout = Duration::from_millis(50);
    let closing = async |mut websocket: longwire_tests::runtime::WebSocket<S>| {
        websocket.finish(AWAY, "").await.expect("it can").expect("an end")
    };
    let (closed, ()) = served::<S, _, _>(config, closing, |mut raw| {
        assert_eq!(raw.receive(), (CLOSE, vec![3, 233]));
        assert!(raw.rest().expect("an end").is_empty());
    });
    assert_eq!((closed.initiator, closed.clean), (Initiator::Timeout, false));
    assert_eq!(closed.code, CloseCode::ABNORMAL);
}

fn a_server_that_never_ends_the_stream_is_left<C: Runtime>() {
    let (closed, ()) = dialled::<C, _, _>(
        async |url| {
            let mut config = client_config();
            config.close_timeout = Duration::from_millis(50);
            let request = Request::parse(url).expect("a URL");
            let mut websocket = C::connect(&request, config).await.expect("a connection").0;
            end(&mut websocket).await
        },
        |mut raw| {
            raw.welcome();
            raw.send(CLOSE, &[3, 232]);
            assert_eq!(raw.receive(), (CLOSE, vec![3, 232]));
            assert!(raw.rest().expect("an end").is_empty());
        },
    );
    assert_eq!((closed.initiator, closed.clean), (Initiator::Timeout, false));
    assert_eq!(closed.code, CloseCode::NORMAL);
}
