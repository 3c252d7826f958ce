//! On which terms a server accepts, and what it answers with.

use bytes::Buf;

use super::HandshakeError as E;
use super::server_tests::{answer_to, incoming, receive, request, text_of};
use super::*;
use crate::endpoint::Endpoint;
use crate::time::Instant;

const T0: Instant = Instant::EPOCH;

#[test]
fn h5_as_many_subprotocols_as_fit_are_offered_but_none_twice() {
    let names: alloc::vec::Vec<_> = (0..2_000).map(|n| alloc::format!("v{n}")).collect();
    let acceptance = Acceptance::new().subprotocol("v1999").unwrap();
    let offer = |names: &[String]| {
        let line = alloc::format!("Sec-WebSocket-Protocol: {}", names.join(","));
        answer_to(&request(&line), &acceptance)
    };
    assert_eq!(offer(&names).subprotocol.as_deref(), Some("v1999"));
    for twice in [0, 1_000, 1_999] {
        let names = [&names[..], &names[twice..=twice]].concat();
        assert_eq!(offer(&names).error, Some(E::InvalidSubprotocol));
    }
}

#[test]
fn h5_one_subprotocol_is_answered_or_none() {
    let acceptance = Acceptance::new().subprotocol("v2").unwrap().subprotocol("v1").unwrap();
    let answer = answer_to(&request("Sec-WebSocket-Protocol: v0, v1, v2"), &acceptance);
    assert_eq!(answer.subprotocol.as_deref(), Some("v2"));
    assert!(answer.text.ends_with("\r\nSec-WebSocket-Protocol: v2\r\n\r\n"));
    for lines in ["", "Sec-WebSocket-Protocol: V1"] {
        let answer = answer_to(&request(lines), &acceptance);
        assert_eq!((answer.error, answer.subprotocol), (None, None));
        assert!(!answer.text.contains("Protocol:"));
        let answer = answer_to(&request(lines), &acceptance.clone().require_subprotocol());
        assert_eq!(answer.error, Some(E::NoCommonSubprotocol));
        assert!(answer.text.starts_with("HTTP/1.1 400 "));
    }
}

#[test]
fn h21_the_origin_decides_by_policy() {
    let list = OriginPolicy::List(alloc::vec!["https://friend.example".into()]);
    for (origin, same_host, listed) in [
        ("-Origin", true, true),
        ("Origin: http://EXAMPLE.com:80", true, false),
        ("Origin: https://friend.example", false, true),
        ("Origin: null", false, false),
        ("Origin: http://evil.example", false, false),
    ] {
        for (policy, allowed) in
            [(OriginPolicy::Any, true), (OriginPolicy::SameHost, same_host), (list.clone(), listed)]
        {
            let answer = answer_to(&request(origin), &Acceptance::new().origin(policy.clone()));
            assert_eq!(answer.error, (!allowed).then_some(E::OriginRefused), "{origin} {policy:?}");
            assert!(allowed || answer.text.starts_with("HTTP/1.1 403 Forbidden\r\n"));
        }
    }
    assert_eq!(
        Acceptance::default(),
        Acceptance::new().origin(OriginPolicy::SameHost),
        "the default"
    );
}

#[test]
fn an_ordinary_get_can_be_answered_with_a_page() {
    for lines in [
        "-Upgrade\n-Connection\n-Sec-WebSocket-Key",
        "Upgrade: h2c\n-Sec-WebSocket-Key\n-Sec-WebSocket-Version",
    ] {
        let ordinary = request(lines);
        let offer = incoming(&ordinary);
        assert_eq!(offer.upgrade_error(), Some(E::NotAnUpgrade));
        let page = Response::new(200)
            .unwrap()
            .header("Content-Type", "text/html")
            .unwrap()
            .body("<p>hello");
        let mut rejection = offer.reject(&page, T0);
        assert_eq!(rejection.error(), E::Declined(200));
        let text = text_of(&mut rejection);
        assert!(
            text.starts_with("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 8\r\n")
                && text.ends_with("<p>hello")
        );
        let answer = answer_to(&ordinary, &Acceptance::new());
        assert_eq!(answer.error, Some(E::NotAnUpgrade));
        assert!(answer.text.starts_with("HTTP/1.1 426 "));
    }
    assert_eq!(incoming(&request("")).upgrade_error(), None);
}

#[test]
fn h15_an_acceptance_adds_headers_but_not_those_of_the_handshake() {
    let acceptance = Acceptance::new().header("Set-Cookie", "a=1").unwrap();
    assert!(answer_to(&request(""), &acceptance).text.ends_with("\r\nSet-Cookie: a=1\r\n\r\n"));
    for name in
        ["Upgrade", "connection", "Sec-WebSocket-Protocol", "Content-Length", "Transfer-Encoding"]
    {
        assert_eq!(
            Acceptance::new().header(name, "x"),
            Err(InvalidHeader::Reserved.into()),
            "{name}"
        );
    }
    assert_eq!(Acceptance::new().header("X", "a\r\nb: c"), Err(InvalidHeader::Value.into()));
    assert_eq!(Acceptance::new().subprotocol("a b"), Err(InvalidSubprotocol::NotAToken.into()));
}

#[test]
fn h22_what_our_client_sends_our_server_accepts() {
    let request = Request::parse("wss://u:p@example.com/x?y").unwrap().subprotocol("chat").unwrap();
    let request = request.header("Origin", "https://example.com").unwrap();
    let mut rng = |dest: &mut [u8]| dest.fill(9);
    let mut client = ClientHandshake::new(&request, Limits::DEFAULT, &mut rng, T0);
    let (incoming, _) = receive(Limits::DEFAULT, client.send_buffer().chunk(), 1);
    let n = client.send_buffer().remaining();
    client.sent(T0, n);
    let acceptance = Acceptance::new().subprotocol("chat").unwrap();
    let accepted = incoming
        .and_then(|incoming| incoming.accept(&acceptance, T0))
        .map_err(|r| r.error())
        .unwrap();
    assert_eq!(accepted.request.headers().get_str("Authorization"), Some("Basic dTpw"));
    for byte in accepted.outbox.chunk() {
        client.receive(T0, &[*byte]);
    }
    assert!(client.poll_ready());
    assert_eq!(client.finish().unwrap().agreement.subprotocol.as_deref(), Some("chat"));
}
