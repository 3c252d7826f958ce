//! The client against scripted servers: each answer whole, byte by byte, in threes, and with
//! trailing bytes.

use alloc::{format, string::String, vec::Vec};

use bytes::Buf;

use super::*;
use crate::endpoint::Endpoint;
use crate::error::TransportFailure;
use crate::time::{Duration, Instant};

const T0: Instant = Instant::EPOCH;
/// Of the key that the generator below makes: RFC 6455 section 1.3.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

type Outcome = Result<Opened, Refusal>;

fn request() -> Request {
    Request::parse("ws://example.com/chat").unwrap()
}

fn client(request: &Request, limits: Limits) -> ClientHandshake {
    let mut rng = |dest: &mut [u8]| dest.copy_from_slice(b"the sample nonce");
    let mut client = ClientHandshake::new(request, limits, &mut rng, T0);
    let n = client.send_buffer().remaining();
    client.sent(T0, n);
    client
}

/// Delivers all of `input`, or as much as is asked for: the rest, which stayed with the transport.
fn deliver<'a>(endpoint: &mut dyn Endpoint, input: &'a [u8], step: usize) -> &'a [u8] {
    let mut rest = input;
    while !rest.is_empty() {
        let piece = &rest[..rest.len().min(step)];
        match endpoint.receive(T0, piece) {
            0 => break,
            n => rest = &rest[n..],
        }
    }
    rest
}

fn run(
    request: &Request,
    limits: Limits,
    input: &[u8],
    step: usize,
    eof: bool,
) -> (Outcome, Vec<u8>) {
    let mut client = client(request, limits);
    let rest = deliver(&mut client, input, step);
    if eof {
        client.received_eof(T0);
    }
    let outcome = client.poll_ready().then(|| client.finish());
    let outcome =
        outcome.unwrap_or(Err(Refusal { error: HandshakeError::Incomplete, response: None }));
    let leftover =
        outcome.as_ref().map_or_else(|_| Vec::new(), |opened| [&opened.leftover, rest].concat());
    (outcome, leftover)
}

/// The outcome, which may not depend on how the answer was cut, nor on what follows it.
fn outcome_of(request: &Request, input: &str) -> Result<(Response, Agreement), Refusal> {
    let shown = |(outcome, leftover): (Outcome, Vec<u8>)| {
        (outcome.map(|o| (o.response, o.agreement)), leftover)
    };
    let whole = shown(run(request, Limits::DEFAULT, input.as_bytes(), usize::MAX, false));
    for step in [1, 3, 100] {
        assert_eq!(
            shown(run(request, Limits::DEFAULT, input.as_bytes(), step, false)),
            whole,
            "{input:?}"
        );
    }
    if whole.0.is_ok() {
        let trailing = [input.as_bytes(), b"\x81\x00\r\n\r\n\xff"].concat();
        for step in [1, 3, usize::MAX] {
            let (outcome, leftover) = shown(run(request, Limits::DEFAULT, &trailing, step, false));
            assert_eq!(
                (outcome, &leftover[..]),
                (whole.0.clone(), &b"\x81\x00\r\n\r\n\xff"[..]),
                "{input:?}"
            );
        }
    }
    whole.0
}

fn answer_to(request: &Request, headers: &str) -> Result<(Response, Agreement), HandshakeError> {
    let input = format!("HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n");
    outcome_of(request, &input).map_err(|refusal| refusal.error)
}

fn upgrade(more: &str) -> String {
    format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n{more}")
}

fn error_of(headers: &str) -> Option<HandshakeError> {
    answer_to(&request(), headers).err()
}

#[test]
fn h1_upgrade_and_connection_are_token_lists_over_all_lines() {
    let accept = format!("Sec-WebSocket-Accept: {ACCEPT}\r\n");
    for good in [
        "upgrade: WebSocket\r\nCONNECTION: keep-alive, Upgrade\r\n",
        "Upgrade: foo,\t websocket ,\r\nConnection: keep-alive\r\nConnection: ,upgrade\r\n",
        "Upgrade: h2c\r\nUpgrade: websocket, foo\r\nConnection: UPGRADE\r\n",
    ] {
        assert_eq!(error_of(&format!("{good}{accept}")), None, "{good}");
    }
    for bad in [
        "",
        "Upgrade: websockets\r\n",
        "Upgrade: notwebsocket\r\n",
        "Upgrade: web socket\r\n",
        "Upgrade:\r\n",
    ] {
        let error = error_of(&format!("{bad}Connection: Upgrade\r\n{accept}"));
        assert_eq!(error, Some(HandshakeError::MissingUpgrade), "{bad}");
    }
    for bad in
        ["", "Connection: notupgradeable\r\n", "Connection: close\r\n", "Connection: up, grade\r\n"]
    {
        let error = error_of(&format!("Upgrade: websocket\r\n{bad}{accept}"));
        assert_eq!(error, Some(HandshakeError::MissingConnection), "{bad}");
    }
}

#[test]
fn h3_accept_occurs_once_and_proves_the_key() {
    let with =
        |accept: &str| error_of(&format!("Upgrade: websocket\r\nConnection: Upgrade\r\n{accept}"));
    assert_eq!(with(&format!("sec-websocket-accept: \t{ACCEPT} \r\n")), None);
    assert_eq!(with(""), Some(HandshakeError::MissingAccept));
    let twice = format!("Sec-WebSocket-Accept: {ACCEPT}\r\n").repeat(2);
    assert_eq!(with(&twice), Some(HandshakeError::DuplicateAccept));
    for wrong in [
        "",
        "x",
        &ACCEPT.to_lowercase(),
        &ACCEPT[..27],
        &format!("{ACCEPT}, {ACCEPT}"),
        &format!("\"{ACCEPT}\""),
    ] {
        assert_eq!(
            with(&format!("Sec-WebSocket-Accept: {wrong}\r\n")),
            Some(HandshakeError::WrongAccept),
            "{wrong}"
        );
    }
}

#[test]
fn h5_the_server_may_choose_one_of_the_subprotocols_offered() {
    let offering = request().subprotocol("chat").unwrap().subprotocol("v2").unwrap();
    let chosen = |lines: &str| {
        answer_to(&offering, &upgrade(lines)).map(|(_, agreement)| agreement.subprotocol)
    };
    assert_eq!(chosen("Sec-WebSocket-Protocol: v2 \r\n"), Ok(Some("v2".into())));
    assert_eq!(chosen(""), Ok(None));
    for wrong in ["V2", "v3", "chat, v2", "", "chat,"] {
        let line = format!("Sec-WebSocket-Protocol: {wrong}\r\n");
        assert_eq!(chosen(&line), Err(HandshakeError::UnexpectedSubprotocol), "{wrong}");
    }
    let twice = "Sec-WebSocket-Protocol: v2\r\n".repeat(2);
    assert_eq!(chosen(&twice), Err(HandshakeError::DuplicateSubprotocol));
    assert_eq!(
        error_of(&upgrade("Sec-WebSocket-Protocol: v2\r\n")),
        Some(HandshakeError::UnexpectedSubprotocol)
    );
}

#[test]
fn h5_a_browsers_policy_fails_without_a_choice() {
    let browser = |request: Request| request.subprotocol_policy(SubprotocolPolicy::Whatwg);
    let offering = browser(request().subprotocol("chat").unwrap());
    assert_eq!(answer_to(&offering, &upgrade("")), Err(HandshakeError::MissingSubprotocol));
    assert!(answer_to(&offering, &upgrade("Sec-WebSocket-Protocol: chat\r\n")).is_ok());
    assert!(answer_to(&browser(request()), &upgrade("")).is_ok(), "nothing was offered");
}

#[test]
fn h6_an_extension_that_was_not_offered_fails() {
    let with = |line: &str| error_of(&upgrade(&format!("Sec-WebSocket-Extensions: {line}\r\n")));
    assert_eq!(with("permessage-deflate"), Some(HandshakeError::UnexpectedExtension));
    assert_eq!(with("a;b=\"x y\""), Some(HandshakeError::InvalidExtensions));
    assert_eq!(with(""), None);
}

#[test]
fn h7_bytes_behind_the_head_are_frames() {
    let input =
        [format!("HTTP/1.1 101 x\r\n{}\r\n", upgrade("")).as_bytes(), &[0x82; 9_000]].concat();
    for step in [1, 7, 4096, usize::MAX] {
        let (outcome, leftover) = run(&request(), Limits::DEFAULT, &input, step, false);
        assert!(outcome.is_ok());
        assert_eq!(leftover, [0x82; 9_000], "kept, or left with the transport");
    }
}

#[test]
fn h8_a_101_has_no_body_whatever_it_says() {
    for line in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: x\r\n"]
    {
        let (response, _) = answer_to(&request(), &upgrade(line)).unwrap();
        assert!(response.body_bytes().is_empty());
    }
}

#[test]
fn h10_interim_responses_are_skipped_up_to_eight() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\nContent-Length: 9\r\n\r\n";
    let upgraded = format!("HTTP/1.1 101 x\r\n{}\r\n", upgrade(""));
    assert!(outcome_of(&request(), &format!("{}{upgraded}", interim.repeat(8))).is_ok());
    let refusal = outcome_of(&request(), &format!("{}{upgraded}", interim.repeat(9))).unwrap_err();
    assert_eq!(refusal.error, HandshakeError::TooManyInterim);
    let refused =
        outcome_of(&request(), &format!("{interim}HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"));
    assert_eq!(refused.unwrap_err().error, HandshakeError::Declined(403));
}

#[test]
fn h10_interim_responses_count_towards_the_limit() {
    let input = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 x\r\n{}\r\n", upgrade(""));
    for (head_bytes, passes) in [(input.len(), true), (input.len() - 1, false)] {
        let limits = Limits { head_bytes, ..Limits::DEFAULT };
        for step in [1, usize::MAX] {
            let (outcome, _) = run(&request(), limits, input.as_bytes(), step, false);
            assert_eq!(
                outcome.map_err(|r| r.error).err(),
                (!passes).then_some(HandshakeError::HeadTooLarge)
            );
        }
    }
}

#[test]
fn h11_a_101_of_http_1_0_fails() {
    let refusal =
        outcome_of(&request(), &format!("HTTP/1.0 101 x\r\n{}\r\n", upgrade(""))).unwrap_err();
    assert_eq!(refusal.error, HandshakeError::UnsupportedHttpVersion);
    assert_eq!(refusal.response.unwrap().status(), 101, "surfaced all the same");
    let refusal =
        outcome_of(&request(), "HTTP/1.0 503 Busy\r\nContent-Length: 0\r\n\r\n").unwrap_err();
    assert_eq!(refusal.error, HandshakeError::Declined(503));
}

#[test]
fn h12_a_malformed_head_fails_at_its_first_bad_byte() {
    for (input, error) in [
        ("HTTP/1.1 101 x\nUpgrade: websocket\n\n", HandshakeError::BareLineFeed),
        ("HTTP/1.1 101 x\r\nA: b\r\n c\r\n", HandshakeError::ObsoleteFolding),
        ("HTTP/1.1 101 x\r\nA : b\r\n\r\n", HandshakeError::MalformedHeader),
        ("HTTP/1.1 101 x\r\nA: \0", HandshakeError::ControlCharacter),
        ("\x15\x03\x01", HandshakeError::MalformedStartLine),
        ("SSH-2.0-OpenSSH", HandshakeError::MalformedStartLine),
    ] {
        // TLS's alert is a control character, and the first byte of a line that is not HTTP.
        let got = outcome_of(&request(), input).unwrap_err();
        let expected =
            if input.starts_with('\x15') { HandshakeError::ControlCharacter } else { error };
        assert_eq!((got.error, got.response), (expected, None), "{input:?}");
    }
}

#[test]
fn h16_a_refusal_surfaces_status_headers_and_body() {
    let input = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nRetry-After: 7\r\n\
        Content-Length: 5\r\n\r\nsorry";
    let refusal = outcome_of(&request(), input).unwrap_err();
    let response = refusal.response.unwrap();
    assert_eq!((refusal.error, response.status()), (HandshakeError::Declined(401), 401));
    assert_eq!(response.www_authenticate(), Some("Basic realm=\"x\""));
    assert_eq!(response.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!((&response.body_bytes()[..], response.body_truncated()), (&b"sorry"[..], false));
    let chunked =
        "HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsor\r\n2\r\nry\r\n0\r\n\r\n";
    let response = outcome_of(&request(), chunked).unwrap_err().response.unwrap();
    assert_eq!(&response.body_bytes()[..], b"sorry");
}

#[test]
fn h16_a_body_is_kept_up_to_the_limit() {
    for (length, truncated) in [(4096, false), (4097, true), (1_000_000, true)] {
        let input =
            format!("HTTP/1.1 500 x\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length));
        let response = outcome_of(&request(), &input).unwrap_err().response.unwrap();
        assert_eq!(
            (response.body_bytes().len(), response.body_truncated()),
            (length.min(4096), truncated)
        );
        let input = format!("HTTP/1.1 500 x\r\n\r\n{}", "x".repeat(length));
        for step in [13, usize::MAX] {
            let refusal =
                run(&request(), Limits::DEFAULT, input.as_bytes(), step, true).0.unwrap_err();
            let response = refusal.response.unwrap();
            assert_eq!(
                (response.body_bytes().len(), response.body_truncated()),
                (length.min(4096), truncated)
            );
        }
    }
}

#[test]
fn h16_a_body_does_not_delay_a_refusal_beyond_the_deadline() {
    let mut c = client(&request(), Limits::DEFAULT);
    deliver(&mut c, b"HTTP/1.1 403 x\r\nContent-Length: 9\r\n\r\nsorr", 1);
    assert!(!c.poll_ready());
    let deadline = c.poll_timeout().unwrap();
    assert_eq!(deadline, T0 + Duration::from_secs(10));
    c.handle_timeout(deadline);
    assert!(c.poll_ready() && c.is_finished());
    let refusal = c.finish().unwrap_err();
    let response = refusal.response.unwrap();
    assert_eq!(
        (refusal.error, &response.body_bytes()[..]),
        (HandshakeError::Declined(403), &b"sorr"[..])
    );
    assert!(response.body_truncated());
}

#[test]
fn h4_a_426_surfaces_the_servers_versions() {
    let input = "HTTP/1.1 426 x\r\nSec-WebSocket-Version: 8, 7\r\nContent-Length: 0\r\n\r\n";
    let refusal = outcome_of(&request(), input).unwrap_err();
    assert_eq!(refusal.error, HandshakeError::Declined(426));
    assert_eq!(refusal.response.unwrap().supported_versions().collect::<Vec<_>>(), [8, 7]);
}

#[test]
fn h19_one_deadline_for_the_whole_handshake() {
    let mut c = client(&request(), Limits::DEFAULT);
    for second in 1..10 {
        let now = T0 + Duration::from_secs(second);
        c.receive(now, b"H".get(usize::from(second > 1)..).unwrap_or_default());
        c.handle_timeout(now);
        assert!(!c.poll_ready(), "early calls do nothing");
    }
    assert_eq!(c.poll_timeout(), Some(T0 + Duration::from_secs(10)), "no read postpones it");
    c.handle_timeout(T0 + Duration::from_secs(10));
    assert!(c.poll_ready() && c.poll_timeout().is_none() && c.recv_buffer().is_empty());
    assert_eq!(c.finish().unwrap_err().error, HandshakeError::TimedOut);
}

#[test]
fn the_end_of_the_transport_ends_the_handshake() {
    let run = |input: &[u8], end: fn(&mut ClientHandshake)| {
        let mut c = client(&request(), Limits::DEFAULT);
        deliver(&mut c, input, usize::MAX);
        end(&mut c);
        assert!(c.poll_ready() && c.is_finished() && c.is_send_finished());
        c.finish().unwrap_err()
    };
    let eof = |c: &mut ClientHandshake| c.received_eof(T0);
    let reset = |c: &mut ClientHandshake| c.receive_failed(T0, TransportFailure::Reset);
    for input in [&b""[..], b"HTTP/1.1 101 x\r\n"] {
        assert_eq!(run(input, eof).error, HandshakeError::UnexpectedEof);
        assert_eq!(run(input, reset).error, HandshakeError::Transport(TransportFailure::Reset));
    }
    let body = b"HTTP/1.1 500 x\r\n\r\nsorry";
    assert!(!run(body, eof).response.unwrap().body_truncated());
    let refusal = run(body, reset);
    assert_eq!(refusal.error, HandshakeError::Declined(500));
    assert!(refusal.response.unwrap().body_truncated());
}

#[test]
fn an_early_refusal_is_read_although_sending_failed() {
    let mut rng = |dest: &mut [u8]| dest.fill(1);
    let mut c = ClientHandshake::new(&request(), Limits::DEFAULT, &mut rng, T0);
    c.sent(T0, 10);
    c.send_failed(T0, TransportFailure::Reset);
    assert!(!c.poll_ready());
    deliver(&mut c, b"HTTP/1.1 414 x\r\nContent-Length: 0\r\n\r\n", 1);
    assert!(c.poll_ready());
    assert_eq!(c.finish().unwrap_err().error, HandshakeError::Declined(414));
}

#[test]
fn an_early_101_waits_until_the_request_has_left() {
    let early = || {
        let mut rng = |dest: &mut [u8]| dest.copy_from_slice(b"the sample nonce");
        let mut c = ClientHandshake::new(&request(), Limits::DEFAULT, &mut rng, T0);
        deliver(&mut c, format!("HTTP/1.1 101 x\r\n{}\r\n", upgrade("")).as_bytes(), usize::MAX);
        assert!(!c.poll_ready() && c.poll_timeout().is_some());
        c
    };
    let mut c = early();
    let n = c.send_buffer().remaining();
    c.sent(T0, n);
    assert!(c.poll_ready() && c.poll_timeout().is_none() && c.finish().is_ok());
    let mut c = early();
    c.handle_timeout(T0 + Duration::from_secs(10));
    assert!(c.poll_ready());
    assert_eq!(c.finish().unwrap_err().error, HandshakeError::TimedOut);
    let mut c = early();
    c.send_failed(T0, TransportFailure::Other);
    assert_eq!(c.finish().unwrap_err().error, HandshakeError::Transport(TransportFailure::Other));
}

#[test]
fn a_new_key_for_every_attempt_and_too_early_is_an_error() {
    let mut byte = 0;
    let mut rng = |dest: &mut [u8]| {
        byte += 1;
        dest.fill(byte);
    };
    let r = request();
    let mut first = ClientHandshake::new(&r, Limits::DEFAULT, &mut rng, T0);
    let mut second = ClientHandshake::new(&r, Limits::DEFAULT, &mut rng, T0);
    assert_ne!(first.send_buffer().chunk(), second.send_buffer().chunk());
    assert_eq!(first.finish().unwrap_err().error, HandshakeError::Incomplete);
}

#[test]
fn what_the_transport_keeps_of_the_request_has_not_left() {
    let answered = |kept: bool| {
        let mut client = client(&request(), Limits::DEFAULT);
        client.held_back(T0, kept);
        let answer = format!("HTTP/1.1 101 Switching Protocols\r\n{}\r\n", upgrade(""));
        deliver(&mut client, answer.as_bytes(), usize::MAX);
        client
    };
    assert!(answered(false).poll_ready() && answered(false).finish().is_ok());
    let mut client = answered(true);
    assert!(
        !client.poll_ready() && client.poll_timeout().is_some(),
        "frames would be in its midst"
    );
    client.held_back(T0, false);
    assert!(client.poll_ready() && client.finish().is_ok());
    let mut client = answered(true);
    client.send_failed(T0, TransportFailure::Reset);
    let error = HandshakeError::Transport(TransportFailure::Reset);
    assert_eq!(client.finish().unwrap_err().error, error);
}

#[test]
fn a_stream_that_ends_before_the_request_has_left_is_not_forgotten() {
    let answer = format!("HTTP/1.1 101 Switching Protocols\r\n{}\r\n", upgrade(""));
    for fails in [false, true] {
        let mut client = client(&request(), Limits::DEFAULT);
        client.held_back(T0, true);
        deliver(&mut client, answer.as_bytes(), usize::MAX);
        let expected = if fails {
            client.receive_failed(T0, TransportFailure::Reset);
            HandshakeError::Transport(TransportFailure::Reset)
        } else {
            client.received_eof(T0);
            HandshakeError::UnexpectedEof
        };
        client.held_back(T0, false);
        let refusal = client.finish().unwrap_err();
        assert_eq!((refusal.error, refusal.response.map(|it| it.status())), (expected, Some(101)));
    }
}
