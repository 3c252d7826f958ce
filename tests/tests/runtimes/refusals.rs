//! Answers other than a WebSocket.

use core::time::Duration;

use longwire::driver::{AcceptError, Answer, ConnectError};
use longwire::handshake::{HandshakeError, Incoming, Request, Response};
use longwire_tests::runtime::Runtime;

use crate::support::{REQUEST, Raw, client_config, meet, run, server_config, welcome};

on_all_pairs!(
    a_refusal_reaches_the_client_with_headers_and_body,
    a_long_refusal_is_cut_off,
    another_sites_page_is_refused,
);

/// What `decide` answers, seen from both ends.
fn refusal<C: Runtime, S: Runtime>(
    request: impl FnOnce(Request) -> Request,
    decide: impl FnOnce(&Incoming) -> Answer + Send,
) -> (HandshakeError, Response) {
    let (server, client) = meet::<S, _, _>(
        async |stream| S::accept(stream, server_config(), decide).await.err(),
        |url| {
            run::<C, _>(async {
                let request = request(Request::parse(url).expect("a URL"));
                C::connect(&request, client_config()).await.err()
            })
        },
    );
    let Some(AcceptError::Handshake(error)) = server else { panic!("{server:?}") };
    match client {
        Some(ConnectError::Handshake(_, Some(response))) => (error, response),
        other => panic!("{other:?}"),
    }
}

fn a_refusal_reaches_the_client_with_headers_and_body<C: Runtime, S: Runtime>() {
    let (error, response) = refusal::<C, S>(
        |request| request,
        |_| {
            let response = Response::new(403).expect("a status").body("members only");
            Answer::Reject(response.header("Retry-After", "7").expect("a header"))
        },
    );
    assert_eq!(error, HandshakeError::Declined(403));
    assert_eq!((response.status(), &response.body_bytes()[..]), (403, &b"members only"[..]));
    assert_eq!(response.retry_after(), Some(Duration::from_secs(7)));
    assert!(!response.body_truncated());
}

/// H16: what is kept is bounded, and arrives although there is more.
fn a_long_refusal_is_cut_off<C: Runtime, S: Runtime>() {
    let (_, response) = refusal::<C, S>(
        |request| request,
        |_| Answer::Reject(Response::new(503).expect("a status").body(vec![b'x'; 100_000])),
    );
    assert_eq!((response.status(), response.body_bytes().len()), (503, 4096));
    assert!(response.body_truncated());
}

/// H21.
fn another_sites_page_is_refused<C: Runtime, S: Runtime>() {
    let evil = |request: Request| request.header("Origin", "http://evil.example").expect("valid");
    let (error, response) = refusal::<C, S>(evil, welcome);
    assert_eq!((error, response.status()), (HandshakeError::OriginRefused, 403));
}

on_each!(
    an_ordinary_get_is_answered_426,
    an_ordinary_get_is_answered_with_a_page,
    a_malformed_request_is_answered_400,
    another_version_is_answered_426,
    a_request_with_a_body_is_answered_400,
    a_slow_request_is_answered_408,
    a_client_that_goes_without_a_request,
);

/// What a raw client reads, to the end of the stream, and what the server makes of it.
fn answered<S: Runtime>(request: &str) -> (HandshakeError, String) {
    answered_within::<S>(request, server_config().handshake.deadline)
}

fn answered_within<S: Runtime>(request: &str, deadline: Duration) -> (HandshakeError, String) {
    let (error, answer) = meet::<S, _, _>(
        async |stream| {
            let mut config = server_config();
            config.handshake.deadline = deadline;
            S::accept(stream, config, welcome).await.err()
        },
        |url| {
            let mut raw = Raw::connect(url);
            raw.write(request.as_bytes());
            raw.rest().expect("an answer and an end, not a reset")
        },
    );
    let Some(AcceptError::Handshake(error)) = error else { panic!("{error:?}") };
    (error, String::from_utf8(answer).expect("text"))
}

fn an_ordinary_get_is_answered_426<S: Runtime>() {
    let (error, answer) = answered::<S>("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(error, HandshakeError::NotAnUpgrade);
    assert!(answer.starts_with("HTTP/1.1 426 ") && answer.contains("\r\nUpgrade: websocket\r\n"));
}

fn an_ordinary_get_is_answered_with_a_page<S: Runtime>() {
    let page = "<p>Hello</p>\n".repeat(100_000);
    let body = page.clone();
    meet::<S, _, _>(
        async |stream| {
            let decide = |incoming: &Incoming| {
                assert!(incoming.upgrade_error().is_some());
                let response = Response::new(200).expect("a status").body(body);
                Answer::Reject(response.header("Content-Type", "text/html").expect("a header"))
            };
            let answered = S::accept(stream, server_config(), decide).await;
            let declined = HandshakeError::Declined(200);
            assert!(matches!(answered, Err(AcceptError::Handshake(e)) if e == declined));
        },
        |url| {
            let mut raw = Raw::connect(url);
            // And something it does not wait for: unread, it would reset the connection.
            raw.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /favicon.ico HTTP/1.1\r\n");
            let head = raw.head();
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", page.len())));
            assert!(raw.rest().expect("an end, not a reset") == page.as_bytes());
        },
    );
}

fn a_malformed_request_is_answered_400<S: Runtime>() {
    let (error, answer) = answered::<S>(&REQUEST.replace("dGhlIHNhbXBsZSBub25jZQ==", "short"));
    assert_eq!(error, HandshakeError::InvalidKey);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let (_, answer) = answered::<S>("hello\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

fn another_version_is_answered_426<S: Runtime>() {
    let (error, answer) = answered::<S>(&REQUEST.replace("Version: 13", "Version: 8"));
    assert_eq!(error, HandshakeError::UnsupportedVersion);
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert!(answer.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{answer}");
}

fn a_request_with_a_body_is_answered_400<S: Runtime>() {
    let head = REQUEST.replace("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\nhello");
    let (error, answer) = answered::<S>(&head);
    assert_eq!(error, HandshakeError::RequestBody);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

fn a_slow_request_is_answered_408<S: Runtime>() {
    let deadline = Duration::from_millis(100);
    let (error, answer) = answered_within::<S>("GET / HTTP/1.1\r\nHost: local", deadline);
    assert_eq!(error, HandshakeError::TimedOut);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

fn a_client_that_goes_without_a_request<S: Runtime>() {
    let (error, ()) = meet::<S, _, _>(
        async |stream| S::accept(stream, server_config(), welcome).await.err(),
        |url| drop(Raw::connect(url)),
    );
    let gone = HandshakeError::UnexpectedEof;
    assert!(matches!(&error, Some(AcceptError::Handshake(e)) if *e == gone), "{error:?}");
}
