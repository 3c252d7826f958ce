//! The opening handshake between ends that mean well.

use longwire::driver::{Answer, ConnectError};
use longwire::handshake::{Acceptance, Request};
use longwire::{CloseCode, Message};
use longwire_tests::runtime::{Runtime, WebSocket};

use crate::support::{
    REQUEST, Raw, TEXT, client_config, connected, dialled, echo, end, frame, meet, message, run,
    server_config, welcome,
};

on_all_pairs!(subprotocol_and_headers_go_both_ways, the_server_may_speak_first);

fn subprotocol_and_headers_go_both_ways<C: Runtime, S: Runtime>() {
    let decide = |incoming: &longwire::handshake::Incoming| {
        let request = incoming.request();
        assert_eq!((request.path(), request.query()), ("/rooms/1", Some("as=me")));
        assert_eq!(request.headers().get_str("Cookie"), Some("session=f00"));
        assert_eq!(request.subprotocols(), ["chat.v1", "chat.v2"]);
        let acceptance = Acceptance::new().subprotocol("chat.v3").expect("a token");
        let acceptance = acceptance.subprotocol("chat.v2").expect("a token");
        Answer::Accept(acceptance.header("X-Session", "bar").expect("a header"))
    };
    meet::<S, _, _>(
        async |stream| {
            let accepting = S::accept(stream, server_config(), decide);
            echo(&mut accepting.await.expect("an upgrade")).await
        },
        |url| {
            run::<C, _>(async {
                let request = Request::parse(&format!("{url}rooms/1?as=me")).expect("a URL");
                let request = request.subprotocol("chat.v1").expect("a token");
                let request = request.subprotocol("chat.v2").expect("a token");
                let request = request.header("Cookie", "session=f00").expect("a header");
                let connecting = C::connect(&request, client_config());
                let (_, response) = connecting.await.expect("a connection");
                assert_eq!(response.status(), 101);
                assert_eq!(response.headers().get_str("X-Session"), Some("bar"));
                let chosen = response.headers().get_str("Sec-WebSocket-Protocol");
                assert_eq!(chosen, Some("chat.v2"));
            });
        },
    );
}

/// H7: its first frames may come in one segment with the answer.
fn the_server_may_speak_first<C: Runtime, S: Runtime>() {
    connected::<C, S, _, _>(
        async |mut websocket| {
            for n in 0..100 {
                assert_eq!(message(&mut websocket).await, Message::from(format!("{n}")));
            }
        },
        async |mut websocket| {
            for n in 0..100 {
                assert!(websocket.feed(Message::from(format!("{n}"))).await.is_ok());
            }
            assert!(websocket.flush().await.is_ok());
            end(&mut websocket).await
        },
    );
}

on_each!(
    frames_right_behind_the_request_are_read,
    frames_right_behind_the_answer_are_read,
    a_request_may_come_byte_by_byte,
    small_writes_leave_at_once,
    a_request_can_wait_for_its_answer,
    nobody_listens,
    a_name_that_does_not_resolve,
    wss_needs_tls,
    a_silent_server_is_given_up,
);

fn frames_right_behind_the_request_are_read<S: Runtime>() {
    meet::<S, _, _>(
        async |stream| {
            let accepting = S::accept(stream, server_config(), welcome);
            let mut websocket = accepting.await.expect("an upgrade");
            assert_eq!(message(&mut websocket).await, Message::from("impatient"));
            assert_eq!(message(&mut websocket).await, Message::from("very"));
            assert!(websocket.send(Message::from("well")).await.is_ok());
        },
        |url| {
            let mut raw = Raw::connect(url);
            let mut bytes = REQUEST.as_bytes().to_vec();
            bytes.extend(frame(TEXT, b"impatient", true));
            bytes.extend(frame(TEXT, b"very", true));
            raw.write(&bytes);
            assert!(raw.head().starts_with("HTTP/1.1 101 "));
            assert_eq!(raw.receive(), (TEXT, b"well".to_vec()));
        },
    );
}

fn frames_right_behind_the_answer_are_read<C: Runtime>() {
    dialled::<C, _, _>(
        async |url| {
            let mut websocket = open::<C>(url).await;
            assert_eq!(message(&mut websocket).await, Message::from("impatient"));
            assert!(websocket.send(Message::from("well")).await.is_ok());
        },
        |mut raw| {
            let mut bytes = raw.answer();
            bytes.extend(frame(TEXT, b"impatient", false));
            raw.write(&bytes);
            assert_eq!(raw.receive(), (TEXT, b"well".to_vec()));
        },
    );
}

fn a_request_may_come_byte_by_byte<S: Runtime>() {
    meet::<S, _, _>(
        async |stream| S::accept(stream, server_config(), welcome).await.is_ok(),
        |url| {
            let mut raw = Raw::connect(url);
            for byte in REQUEST.bytes() {
                raw.write(&[byte]);
            }
            assert!(raw.head().starts_with("HTTP/1.1 101 "));
        },
    );
}

/// A6.
fn small_writes_leave_at_once<R: Runtime>() {
    let nodelay = |websocket: &WebSocket<R>| {
        websocket.transport().is_some_and(|transport| R::nodelay(transport).unwrap_or(false))
    };
    let (client, server) = connected::<R, R, _, _>(
        async |websocket| nodelay(&websocket),
        async |websocket| nodelay(&websocket),
    );
    assert!(client && server);
}

fn a_request_can_wait_for_its_answer<R: Runtime>() {
    meet::<R, _, _>(
        async |stream| {
            let receiving = R::receive_request(stream, server_config());
            let accept = receiving.await.expect("a request");
            assert_eq!(accept.incoming().request().path(), "/");
            R::sleep(core::time::Duration::from_millis(5)).await;
            let mut websocket = accept.accept(Acceptance::new()).await.expect("an upgrade");
            assert!(end(&mut websocket).await.clean);
        },
        |url| {
            run::<R, _>(async {
                let mut websocket = open::<R>(url).await;
                assert!(websocket.finish(CloseCode::NORMAL, "").await.is_ok());
            });
        },
    );
}

fn nobody_listens<C: Runtime>() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let error = run::<C, _>(refused::<C>(&url));
    assert!(matches!(error, ConnectError::Dial(_)), "{error}");
}

fn a_name_that_does_not_resolve<C: Runtime>() {
    // RFC 6761 section 6.4: "guaranteed to be invalid".
    let error = run::<C, _>(refused::<C>("ws://longwire.invalid/"));
    assert!(matches!(error, ConnectError::Dial(_)), "{error}");
}

fn wss_needs_tls<C: Runtime>() {
    let error = run::<C, _>(refused::<C>("wss://127.0.0.1:1/"));
    assert!(matches!(error, ConnectError::NeedsTls), "{error}");
}

/// H19: one deadline for the whole, which no byte postpones.
fn a_silent_server_is_given_up<C: Runtime>() {
    let ((), ended) = dialled::<C, _, _>(
        async |url| {
            let mut config = client_config();
            config.handshake.deadline = core::time::Duration::from_millis(500);
            let request = Request::parse(url).expect("a URL");
            let refusal = C::connect(&request, config).await.err().expect("no answer");
            let expected = longwire::handshake::HandshakeError::TimedOut;
            assert!(matches!(&refusal, ConnectError::Handshake(e, None) if *e == expected));
        },
        |mut raw| {
            raw.head();
            raw.write(b"HTTP/1.1 101 Switching");
            raw.rest()
        },
    );
    assert!(ended.is_ok_and(|rest| rest.is_empty()));
}

async fn open<C: Runtime>(url: &str) -> WebSocket<C> {
    let request = Request::parse(url).expect("a URL");
    C::connect(&request, client_config()).await.expect("a connection").0
}

async fn refused<C: Runtime>(url: &str) -> longwire_tests::runtime::ConnectError {
    let request = Request::parse(url).expect("a URL");
    C::connect(&request, client_config()).await.err().expect("no connection")
}
