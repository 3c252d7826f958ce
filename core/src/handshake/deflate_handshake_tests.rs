//! permessage-deflate in whole handshakes, however their heads are cut.

use alloc::format;

use bytes::Buf;

use super::HandshakeError as E;
use super::InvalidDeflate as D;
use super::deflate_tests::{Four, NAME, four, want};
use super::server_tests::{answer_to, receive, request};
use super::*;
use crate::buffer::Outbox;
use crate::endpoint::Endpoint;
use crate::time::Instant;

const T0: Instant = Instant::EPOCH;

const OFFER: &str =
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nX-After: 1";

#[test]
fn h6_nothing_is_accepted_or_offered_unless_it_was_asked_for() {
    let answer = answer_to(&request(OFFER), &Acceptance::new());
    assert_eq!(answer.error, None);
    assert!(!answer.text.contains("Extensions"));
    let answer = answer_to(&request(OFFER), &Acceptance::new().deflate(Deflate::DEFAULT));
    assert!(answer.text.ends_with("\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"));

    let plain = Request::parse("ws://a").unwrap();
    let mut wire = Outbox::default();
    plain.queue(b"", &mut wire);
    assert!(!wire.chunk().windows(10).any(|part| part == b"Extensions"));
    let offering = plain.deflate(Deflate::DEFAULT).subprotocol("chat").unwrap();
    let mut wire = Outbox::default();
    offering.queue(b"", &mut wire);
    let expected = b"\r\nSec-WebSocket-Protocol: chat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    assert!(wire.chunk().ends_with(expected));
}

#[test]
fn h6_a_server_answers_over_all_lines_and_refuses_what_is_malformed() {
    let acceptance = Acceptance::new().subprotocol("chat").unwrap().header("X", "y").unwrap();
    let acceptance = acceptance.deflate(Deflate::SHARED);
    let lines = "Sec-WebSocket-Extensions: foo, permessage-deflate; bar\n\
        Sec-WebSocket-Protocol: chat\n\
        sec-websocket-extensions: permessage-deflate; server_max_window_bits=\"10\"";
    let answer = answer_to(&request(lines), &acceptance);
    let expected = "\r\nSec-WebSocket-Protocol: chat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
        client_no_context_takeover; server_max_window_bits=10\r\nX: y\r\n\r\n";
    assert!(answer.text.ends_with(expected), "{}", answer.text);
    for declined in ["", "permessage-deflate; foo", "bar"] {
        let line = format!("Sec-WebSocket-Extensions: {declined}");
        let answer = answer_to(&request(&line), &acceptance);
        assert_eq!(answer.error, None, "the handshake goes on without: {declined}");
        assert!(!answer.text.contains("Extensions"), "{declined}");
    }
    for malformed in
        ["permessage-deflate;", "permessage-deflate, a=b", "permessage-deflate; a=\"\""]
    {
        let line = format!("Sec-WebSocket-Extensions: {malformed}");
        assert_eq!(answer_to(&request(&line), &acceptance).error, Some(E::InvalidExtensions));
    }
}

/// What both ends hold to, however the heads are cut; `None` where there is no extension.
fn handshake(client: Option<Four>, server: Option<Four>) -> Option<Four> {
    let mut request = Request::parse("ws://example.com/chat").unwrap();
    let mut acceptance = Acceptance::new();
    if let Some(own) = client {
        request = request.deflate(want(own));
    }
    if let Some(own) = server {
        acceptance = acceptance.deflate(want(own));
    }
    let outcomes = [1, 7, usize::MAX].map(|step| {
        let mut rng = |dest: &mut [u8]| dest.fill(7);
        let mut client = ClientHandshake::new(&request, Limits::DEFAULT, &mut rng, T0);
        let (incoming, _) = receive(Limits::DEFAULT, client.send_buffer().chunk(), step);
        let n = client.send_buffer().remaining();
        client.sent(T0, n);
        let accepted = incoming.and_then(|incoming| incoming.accept(&acceptance, T0));
        let accepted = accepted.map_err(|rejection| rejection.error()).unwrap();
        for piece in accepted.outbox.chunk().chunks(step) {
            assert_eq!(client.receive(T0, piece), piece.len());
        }
        let opened = client.finish().unwrap();
        assert_eq!(opened.agreement, accepted.agreement);
        opened.agreement.deflate.map(|agreed| four(&agreed))
    });
    assert_eq!(outcomes, [outcomes[0]; 3], "the cut makes no difference");
    outcomes[0]
}

#[test]
fn h6_both_ends_agree_over_whole_handshakes() {
    let shared = four(&Deflate::SHARED);
    let default = four(&Deflate::DEFAULT);
    assert_eq!(handshake(None, None), None);
    assert_eq!(handshake(Some(default), None), None);
    assert_eq!(handshake(None, Some(default)), None);
    assert_eq!(handshake(Some(default), Some(default)), Some(default));
    assert_eq!(handshake(Some(default), Some(shared)), Some(shared));
    assert_eq!(handshake(Some(shared), Some(default)), Some(shared));
    assert_eq!(
        handshake(Some((true, false, 12, 10)), Some((false, false, 9, 15))),
        Some((true, false, 9, 10))
    );
    assert_eq!(
        handshake(Some((false, false, 8, 15)), Some((false, true, 15, 8))),
        Some((false, true, 8, 8))
    );
}

#[test]
fn d5_a_client_fails_a_handshake_whose_answer_does_not_fit() {
    let head = |line: &str| {
        format!(
            "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{line}\r\n\r\n"
        )
    };
    let request = Request::parse("ws://a").unwrap().deflate(Deflate::SHARED);
    let dial = |line: &str, step: usize| {
        let mut rng = |dest: &mut [u8]| dest.copy_from_slice(b"the sample nonce");
        let mut client = ClientHandshake::new(&request, Limits::DEFAULT, &mut rng, T0);
        client.sent(T0, usize::MAX);
        for piece in head(line).as_bytes().chunks(step) {
            client.receive(T0, piece);
        }
        client.finish()
    };
    for step in [1, usize::MAX] {
        for (line, error) in [
            (NAME, D::MissingServerNoContextTakeover.into()),
            ("permessage-deflate; server_max_window_bits=07", D::InvalidValue.into()),
            ("foo", E::UnexpectedExtension),
            (";", E::InvalidExtensions),
        ] {
            let refusal = dial(&format!("Sec-WebSocket-Extensions: {line}"), step).unwrap_err();
            assert_eq!(refusal.error, error, "{line}");
            assert!(refusal.response.is_some());
        }
        let granted = "Sec-WebSocket-Extensions: permessage-deflate\t;server_no_context_takeover";
        let opened = dial(granted, step).unwrap();
        assert_eq!(opened.agreement.deflate, Some(Deflate::SHARED), "the hint is kept");
        assert_eq!(dial("X: y", step).unwrap().agreement.deflate, None, "declined");
    }
}
