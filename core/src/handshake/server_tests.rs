//! The server against scripted clients: each request whole, byte by byte, in threes, and with
//! trailing bytes.

use alloc::{format, string::String, vec::Vec};

use bytes::{Buf, Bytes};

use super::HandshakeError as E;
use super::*;
use crate::endpoint::Endpoint;
use crate::error::TransportFailure;
use crate::time::{Duration, Instant};

const T0: Instant = Instant::EPOCH;

/// What a server made of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// `None` if the WebSocket was accepted.
    pub(super) error: Option<HandshakeError>,
    pub(super) text: String,
    pub(super) subprotocol: Option<String>,
    pub(super) leftover: Bytes,
}

pub(super) fn receive(
    limits: Limits,
    input: &[u8],
    step: usize,
) -> (Result<Incoming, Rejection>, usize) {
    let mut server = ServerHandshake::new(limits, T0);
    let mut taken = 0;
    while taken < input.len() {
        match server.receive(T0, &input[taken..input.len().min(taken.saturating_add(step))]) {
            0 => break,
            n => taken += n,
        }
    }
    assert!(server.poll_ready() || taken == input.len());
    (server.request(T0), taken)
}

pub(super) fn text_of(outbox: &mut dyn Endpoint) -> String {
    String::from_utf8(outbox.send_buffer().chunk().to_vec()).unwrap()
}

fn answer(input: &[u8], step: usize, acceptance: &Acceptance) -> Answer {
    let (incoming, taken) = receive(Limits::DEFAULT, input, step);
    match incoming.and_then(|incoming| incoming.accept(acceptance, T0)) {
        Ok(accepted) => Answer {
            error: None,
            text: String::from_utf8(accepted.outbox.chunk().to_vec()).unwrap(),
            subprotocol: accepted.agreement.subprotocol,
            leftover: [&accepted.leftover, &input[taken..]].concat().into(),
        },
        Err(mut rejection) => Answer {
            error: Some(rejection.error()),
            text: text_of(&mut rejection),
            subprotocol: None,
            leftover: Bytes::new(),
        },
    }
}

/// The answer, which may not depend on how the request was cut, nor on what follows it.
pub(super) fn answer_to(input: &str, acceptance: &Acceptance) -> Answer {
    let whole = answer(input.as_bytes(), usize::MAX, acceptance);
    for step in [1, 3, 100] {
        assert_eq!(answer(input.as_bytes(), step, acceptance), whole, "{input:?}");
    }
    let trailing = [input.as_bytes(), b"\x81\x80\r\n\r\n\xff\0\0"].concat();
    if whole.error != Some(HandshakeError::Incomplete) {
        for step in [1, 3, usize::MAX] {
            let followed = answer(&trailing, step, acceptance);
            assert_eq!((followed.error, &followed.text), (whole.error, &whole.text), "{input:?}");
            assert!(whole.error.is_some() || followed.leftover == trailing[input.len()..]);
        }
    }
    whole
}

fn error_of(input: &str) -> Option<HandshakeError> {
    answer_to(input, &Acceptance::new()).error
}

/// A valid request with `lines` in place of the headers of the same names, which `lines` may leave empty.
pub(super) fn request(lines: &str) -> String {
    let mut head = String::from("GET /chat HTTP/1.1\r\n");
    for line in [
        "Host: example.com",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ] {
        let name = &line[..=line.find(':').unwrap()];
        if !lines.lines().any(|other| {
            other.starts_with(name) || other.strip_prefix('-') == name.strip_suffix(':')
        }) {
            head.push_str(&format!("{line}\r\n"));
        }
    }
    for line in lines.lines().filter(|line| !line.starts_with('-')) {
        head.push_str(&format!("{line}\r\n"));
    }
    head.push_str("\r\n");
    head
}

pub(super) fn incoming(input: &str) -> Incoming {
    receive(Limits::DEFAULT, input.as_bytes(), usize::MAX).0.map_err(|r| r.error()).unwrap()
}

#[test]
fn h3_the_answer_of_rfc_6455_section_1_3() {
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let answer = answer_to(&request(""), &Acceptance::new());
    assert_eq!((answer.error, answer.text.as_str()), (None, expected));
}

#[test]
fn h1_connection_is_a_token_list_over_all_lines() {
    for good in [
        "Connection: keep-alive, Upgrade",
        "Connection: keep-alive\nConnection: ,UPGRADE ,",
        "Upgrade: foo, WebSocket",
        "Upgrade: h2c\nUpgrade: websocket",
    ] {
        assert_eq!(error_of(&request(good)), None, "{good}");
    }
    for (bad, error) in [
        ("Connection: notupgradeable", E::MissingConnection),
        ("Connection: keep-alive", E::MissingConnection),
        ("-Connection", E::MissingConnection),
        ("-Connection\n-Sec-WebSocket-Key", E::MissingConnection),
        ("Upgrade: websockets", E::MissingUpgrade),
        ("Upgrade: h2c", E::MissingUpgrade),
        ("-Upgrade", E::MissingUpgrade),
        ("-Upgrade\n-Connection", E::MissingUpgrade),
    ] {
        assert_eq!(error_of(&request(bad)), Some(error), "{bad}");
    }
}

#[test]
fn h2_the_key_occurs_once_and_is_16_bytes_in_base64() {
    for (lines, error) in [
        ("-Sec-WebSocket-Key", Some(E::MissingKey)),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZf==", None),
        ("Sec-WebSocket-Key: \t dGhlIHNhbXBsZSBub25jZQ== ", None),
        ("Sec-WebSocket-Key: abc", Some(E::InvalidKey)),
        ("Sec-WebSocket-Key:", Some(E::InvalidKey)),
        (
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
            Some(E::InvalidKey),
        ),
        (
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            Some(E::DuplicateKey),
        ),
    ] {
        assert_eq!(error_of(&request(lines)), error, "{lines}");
    }
}

#[test]
fn h4_another_version_is_answered_426_with_ours() {
    for (lines, error) in [
        ("Sec-WebSocket-Version: 8", E::UnsupportedVersion),
        ("Sec-WebSocket-Version: 013", E::UnsupportedVersion),
        ("Sec-WebSocket-Version:", E::UnsupportedVersion),
        ("-Sec-WebSocket-Version", E::UnsupportedVersion),
    ] {
        let answer = answer_to(&request(lines), &Acceptance::new());
        assert_eq!(answer.error, Some(error), "{lines}");
        assert!(answer.text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"));
        assert!(answer.text.contains("\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"));
    }
    for lines in
        ["Sec-WebSocket-Version: 13, 8", "Sec-WebSocket-Version: 13\nSec-WebSocket-Version: 13"]
    {
        assert_eq!(error_of(&request(lines)), Some(E::DuplicateVersion), "{lines}");
    }
}

#[test]
fn h5_subprotocols_are_offered_over_lines_and_lists() {
    let lines = "Sec-WebSocket-Protocol: a, b,\nX: y\nSec-WebSocket-Protocol: ,c";
    let offer = incoming(&request(lines));
    assert_eq!(offer.request().subprotocols(), ["a", "b", "c"]);
    assert_eq!(offer.select_subprotocol(&["x", "c", "a"]), Some("c"), "the server's preference");
    assert_eq!((offer.select_subprotocol(&["A"]), offer.select_subprotocol(&[])), (None, None));
    for bad in ["a, a", "a b", "a/b", "a\nSec-WebSocket-Protocol: a", "\"a\""] {
        let lines = format!("Sec-WebSocket-Protocol: {bad}");
        assert_eq!(error_of(&request(&lines)), Some(E::InvalidSubprotocol), "{bad}");
    }
}

#[test]
fn h6_extension_offers_are_parsed_and_declined() {
    let lines = "Sec-WebSocket-Extensions: permessage-deflate; a=\"10\"; b, foo\nSec-WebSocket-Extensions: bar";
    let input = request(lines);
    let offer = incoming(&input);
    let names: Vec<_> = offer.request().extensions().into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["permessage-deflate", "foo", "bar"]);
    assert!(!answer_to(&input, &Acceptance::new()).text.contains("Extensions"));
    assert_eq!(
        error_of(&request("Sec-WebSocket-Extensions: a;b=\"x y\"")),
        Some(E::InvalidExtensions)
    );
}

#[test]
fn h7_frames_behind_the_request_are_kept() {
    let head = request("");
    let input = [head.as_bytes(), &[0x81; 30_000]].concat();
    for step in [1, 1000, usize::MAX] {
        let answer = answer(&input, step, &Acceptance::new());
        assert_eq!((answer.error, &answer.leftover[..]), (None, &[0x81; 30_000][..]));
    }
}

#[test]
fn h9_a_request_with_a_body_is_refused() {
    assert_eq!(error_of(&request("Content-Length: 0")), None, "real devices send it");
    for bad in [
        "Content-Length: 1",
        "Content-Length: 00",
        "Content-Length:",
        "Content-Length: 0\nContent-Length: 5",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Content-Length: 0\nTransfer-Encoding:",
    ] {
        assert_eq!(error_of(&request(bad)), Some(E::RequestBody), "{bad}");
        let ordinary = format!("-Upgrade\n-Connection\n-Sec-WebSocket-Key\n{bad}");
        assert_eq!(error_of(&request(&ordinary)), Some(E::RequestBody), "{bad}, for a page");
    }
}

#[test]
fn h11_http_other_than_1_1_is_answered_505() {
    for version in ["HTTP/1.0", "HTTP/2.0"] {
        let answer = answer_to(&request("").replace("HTTP/1.1", version), &Acceptance::new());
        assert_eq!(answer.error, Some(E::UnsupportedHttpVersion));
        assert!(answer.text.starts_with("HTTP/1.1 505 HTTP Version Not Supported\r\n"));
    }
}

#[test]
fn h12_a_malformed_head_is_answered_400() {
    for (line, error) in [
        ("X: a\r\n b\r\n", E::ObsoleteFolding),
        ("X: a\n", E::BareLineFeed),
        ("X : a\r\n", E::MalformedHeader),
        ("X: a\0\r\n", E::ControlCharacter),
        ("X: \u{e9}\r\n", E::NonAscii),
    ] {
        let input = request("").replacen(
            "Upgrade: websocket\r\n",
            &format!("Upgrade: websocket\r\n{line}"),
            1,
        );
        let answer = answer_to(&input, &Acceptance::new());
        assert_eq!(answer.error, Some(error), "{line:?}");
        assert!(answer.text.starts_with("HTTP/1.1 400 Bad Request\r\n"));
    }
}

#[test]
fn h13_host_occurs_once() {
    assert_eq!(error_of(&request("-Host")), Some(E::MissingHost));
    assert_eq!(error_of(&request("Host: a\nHost: a")), Some(E::DuplicateHost));
    for bad in ["", "a b", "a, b", "a/b", "u@a", "a:b", "[::1"] {
        assert_eq!(error_of(&request(&format!("Host: {bad}"))), Some(E::InvalidHost), "{bad}");
    }
    for good in ["a:80", "[::1]:9000", "a_b.c", "127.0.0.1:"] {
        assert_eq!(error_of(&request(&format!("Host: {good}"))), None, "{good}");
    }
}

#[test]
fn h13_other_duplicates_are_kept() {
    let offer = incoming(&request("Cookie: a=1\nX: y\ncookie: b=2"));
    assert_eq!(offer.request().headers().get_all("Cookie").collect::<Vec<_>>(), [b"a=1", b"b=2"]);
}

#[test]
fn h14_an_absolute_target_is_reduced_and_names_the_host() {
    let to = |target: &str| request("").replacen("/chat", target, 1);
    let r = incoming(&to("http://Other.example:8080/a/b?c=d?e"));
    let r = r.request();
    assert_eq!((r.target(), r.path(), r.query()), ("/a/b?c=d?e", "/a/b", Some("c=d?e")));
    assert_eq!(
        (r.host(), r.method()),
        ("other.example:8080", "GET"),
        "RFC 9112, 3.2.2: not the header's"
    );
    let r = incoming(&to("wss://[::1]"));
    assert_eq!((r.request().target(), r.request().host()), ("/", "[::1]"));
    let r = incoming(&to("//x"));
    assert_eq!(
        (r.request().path(), r.request().host(), r.request().query()),
        ("//x", "example.com", None)
    );
    for bad in [
        "*",
        "chat",
        "example.com:80",
        "ftp://a/",
        "http://u:p@a/",
        "/a#b",
        "http://a/#b",
        "http://",
    ] {
        assert_eq!(error_of(&to(bad)), Some(E::InvalidRequestTarget), "{bad}");
    }
}

#[test]
fn h20_every_refusal_is_a_real_answer() {
    let answer = answer_to(&request("-Sec-WebSocket-Key"), &Acceptance::new());
    let expected = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 71\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\r\n\
        The Sec-WebSocket-Key header is missing (RFC 6455, 4.2.1): send it\n";
    let body = expected.split("\r\n\r\n").nth(1).unwrap();
    assert_eq!(answer.text, expected.replace("71", &format!("{}", body.len())));
    let posted = request("").replacen("GET", "POST", 1);
    let answer = answer_to(&posted, &Acceptance::new());
    assert_eq!(answer.error, Some(E::MethodNotAllowed));
    assert!(answer.text.contains("\r\nAllow: GET\r\n") && answer.text.ends_with("use GET\n"));
    let answer = answer_to(&request("").replacen("GET", "HEAD", 1), &Acceptance::new());
    assert!(
        answer.text.starts_with("HTTP/1.1 405") && answer.text.ends_with("\r\n\r\n"),
        "no body for HEAD"
    );
}

#[test]
fn h19_limits_and_the_deadline_are_answered() {
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(9_000));
    let answer = answer_to(&long, &Acceptance::new());
    assert_eq!(answer.error, Some(E::RequestLineTooLong));
    assert!(answer.text.starts_with("HTTP/1.1 414 "));
    let answer = answer_to(&request(&"X: y\n".repeat(92)), &Acceptance::new());
    assert_eq!(answer.error, Some(E::TooManyHeaders));
    assert!(answer.text.starts_with("HTTP/1.1 431 "));
    let fill = |total: usize| {
        let bare = request("X: ").len();
        request(&format!("X: {}", "x".repeat(total - bare)))
    };
    assert_eq!(fill(16 * 1024).len(), 16 * 1024);
    assert_eq!(error_of(&fill(16 * 1024)), None, "exactly the limit passes");
    assert_eq!(error_of(&fill(16 * 1024 + 1)), Some(E::HeadTooLarge));

    let mut server = ServerHandshake::new(Limits::DEFAULT, T0);
    let deadline = T0 + Duration::from_secs(10);
    for (i, byte) in request("").bytes().take(9).enumerate() {
        let now = T0 + Duration::from_secs(i as u64);
        server.receive(now, &[byte]);
        server.handle_timeout(now);
        assert_eq!(
            (server.poll_ready(), server.poll_timeout()),
            (false, Some(deadline)),
            "no read postpones it"
        );
    }
    server.handle_timeout(deadline);
    assert!(server.poll_ready() && !server.is_finished() && server.recv_buffer().is_empty());
    let mut rejection = server.request(deadline).unwrap_err();
    assert_eq!(rejection.error(), E::TimedOut);
    assert!(
        text_of(&mut rejection)
            .starts_with("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n")
    );
    assert_eq!(rejection.poll_timeout(), Some(deadline + Limits::DEFAULT.answer));
}

#[test]
fn h20_a_client_that_is_gone_is_not_answered() {
    let gone = |end: fn(&mut ServerHandshake)| {
        let mut server = ServerHandshake::new(Limits::DEFAULT, T0);
        server.receive(T0, b"GET / HT");
        end(&mut server);
        assert!(server.poll_ready() && server.is_finished());
        let rejection = server.request(T0).unwrap_err();
        assert!(rejection.is_finished());
        rejection.error()
    };
    assert_eq!(gone(|s| s.received_eof(T0)), E::UnexpectedEof);
    assert_eq!(
        gone(|s| s.receive_failed(T0, TransportFailure::Reset)),
        E::Transport(TransportFailure::Reset)
    );
    let early = ServerHandshake::new(Limits::DEFAULT, T0).request(T0).unwrap_err();
    assert_eq!((early.error(), early.is_finished()), (E::Incomplete, true));
}

#[test]
fn rfc9112_3_2_a_request_without_one_host_is_400_whatever_its_method() {
    for hosts in ["", "Host: a\r\nHost: b\r\n", "Host: a b\r\n"] {
        let answer =
            answer_to(&alloc::format!("POST / HTTP/1.1\r\n{hosts}\r\n"), &Acceptance::new());
        assert!(answer.text.starts_with("HTTP/1.1 400 "), "{}", answer.text);
    }
}

#[test]
fn rfc9110_4_2_4_userinfo_in_a_target_is_refused_also_if_it_is_empty() {
    for target in
        ["http://@example.com/chat", "http://u@example.com/chat", "http://u:p@example.com"]
    {
        let request = request("").replace("GET /chat", &alloc::format!("GET {target}"));
        let answer = answer_to(&request, &Acceptance::new());
        assert_eq!(answer.error, Some(E::InvalidRequestTarget), "{target}");
    }
    let fine = request("").replace("GET /chat", "GET http://example.com/@chat?a@b");
    assert_eq!(answer_to(&fine, &Acceptance::new()).error, None);
}

#[test]
fn rfc9110_9_3_2_no_content_answers_a_head_whatever_is_wrong_with_it() {
    for head in [
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD / HTTP/1.0\r\nHost: a\r\n\r\n",
        "HEAD / HTTP/1.1\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: \0",
    ] {
        let text = answer_to(head, &Acceptance::new()).text;
        assert!(text.ends_with("\r\n\r\n") && !text.contains("Content-Length: 0"), "{text}");
        let text = answer_to(&head.replace("HEAD", "HEAP"), &Acceptance::new()).text;
        assert!(!text.ends_with("\r\n\r\n"), "{text}");
    }
}

#[test]
fn rfc9110_15_3_6_no_content_is_in_a_205() {
    let page = Response::new(205).unwrap().body("x");
    let (incoming, _) = receive(Limits::DEFAULT, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", usize::MAX);
    let text = text_of(&mut incoming.expect("a request").reject(&page, Instant::EPOCH));
    assert!(text.contains("\r\nContent-Length: 0\r\n") && text.ends_with("\r\n\r\n"), "{text}");
}
