use bytes::Buf;
use longwire::deflate::{Deflate, WindowBits};
use longwire::handshake::{
    Acceptance, Agreement, ClientHandshake, Extension, HandshakeError, Headers, Limits,
    OriginPolicy, Rejection, Request, Response, ServerHandshake, SubprotocolPolicy, Target,
};
use longwire::time::Duration;
use longwire::{Endpoint, Instant};

use super::source::{Lcg, Source};

const NOW: Instant = Instant::EPOCH;

/// Of any bytes: a server makes the same of them however they are cut, loses none behind the head,
/// and answers what it refuses.
pub fn handshake_request(input: &[u8]) {
    let mut source = Source::new(input);
    let (choice, seed) = (source.byte(), u64::from(source.byte()));
    let limits = limits(choice);
    let stream = source.rest();

    let mut acceptance = Acceptance::new()
        .subprotocol("chat")
        .and_then(|acceptance| acceptance.subprotocol("b"))
        .expect("tokens");
    if choice & 32 != 0 {
        acceptance = acceptance.deflate(wanted(choice));
    }

    let whole = serve(stream, &acceptance, limits, &mut |left| left);
    assert_eq!(whole, serve(stream, &acceptance, limits, &mut |_| 1), "byte by byte");
    for longest in [5, 300] {
        let mut lcg = Lcg(seed);
        let mut cut = |left: usize| (1 + lcg.below(longest)).min(left);
        let cut_up = serve(stream, &acceptance, limits, &mut cut);
        assert_eq!(whole, cut_up, "in pieces of up to {longest}");
    }
}

/// Of any bytes: a client makes the same of them however they are cut, and loses none behind the
/// head.
pub fn handshake_response(input: &[u8]) {
    let mut source = Source::new(input);
    let (choice, seed) = (source.byte(), u64::from(source.byte()));
    let limits = limits(choice);
    let mut request = Request::parse("ws://example.com/chat").expect("a legal URI");
    if choice & 8 != 0 {
        request = request.subprotocol("chat").expect("a token");
    }
    if choice & 16 != 0 {
        request = request.subprotocol_policy(SubprotocolPolicy::Whatwg);
    }
    if choice & 32 != 0 {
        request = request.deflate(wanted(choice));
    }
    let stream = source.rest();

    let whole = dial(&request, stream, limits, &mut |left| left);
    assert_eq!(whole, dial(&request, stream, limits, &mut |_| 1), "byte by byte");
    for longest in [5, 300] {
        let mut lcg = Lcg(seed);
        let mut cut = |left: usize| (1 + lcg.below(longest)).min(left);
        let cut_up = dial(&request, stream, limits, &mut cut);
        assert_eq!(whole, cut_up, "in pieces of up to {longest}");
    }
}

/// permessage-deflate as a byte says: each parameter by bits of its own.
pub(super) fn wanted(choice: u8) -> Deflate {
    let bits = |bits: u8| WindowBits::new([15, 8, 9, 12][usize::from(bits & 3)]).expect("8 to 15");
    let mut deflate = Deflate::DEFAULT;
    deflate.server_no_context_takeover = choice & 1 != 0;
    deflate.client_no_context_takeover = choice & 2 != 0;
    deflate.server_max_window_bits = bits(choice >> 2);
    deflate.client_max_window_bits = bits(choice >> 6);
    deflate
}

fn limits(choice: u8) -> Limits {
    let mut limits = Limits::DEFAULT;
    if choice & 1 != 0 {
        (limits.head_bytes, limits.request_line, limits.header_lines) = (300, 60, 8);
    }
    if choice & 2 != 0 {
        limits.error_body = 10;
    }
    limits
}

/// Feeds `endpoint` until it has news or nothing is left. Returns what is left.
fn feed<'a>(
    endpoint: &mut impl Endpoint,
    stream: &'a [u8],
    cut: &mut dyn FnMut(usize) -> usize,
) -> &'a [u8] {
    let mut left = stream;
    while !left.is_empty() && !endpoint.poll_ready() {
        let n = endpoint.receive(NOW, &left[..cut(left.len())]);
        assert!(n > 0, "no room and no outcome, {} bytes to come", left.len());
        left = &left[n..];
    }
    left
}

/// What a server made of a request.
#[derive(Debug, PartialEq, Eq)]
enum Served {
    Accepted { request: String, answer: Vec<u8>, agreement: Agreement, rest: Vec<u8> },
    Refused { error: HandshakeError, answer: Vec<u8> },
}

fn serve(
    stream: &[u8],
    acceptance: &Acceptance,
    limits: Limits,
    cut: &mut dyn FnMut(usize) -> usize,
) -> Served {
    let mut server = ServerHandshake::new(limits, NOW);
    assert!(server.poll_timeout().is_some(), "bounded in time");
    let left = feed(&mut server, stream, cut);
    if !server.poll_ready() {
        let deadline = server.poll_timeout().expect("it waits");
        server.handle_timeout(deadline);
        assert!(server.poll_ready());
    }
    let incoming = match server.request(NOW) {
        Ok(incoming) => incoming,
        Err(rejection) => return refused(rejection),
    };
    let request = format!("{:?}", incoming.request());
    assert!(incoming.request().target().starts_with('/'));
    let chosen = incoming.select_subprotocol(&["chat", "b"]).map(String::from);
    match incoming.accept(acceptance, NOW) {
        Ok(accepted) => {
            assert_eq!(accepted.agreement.subprotocol, chosen);
            let rest = [&accepted.leftover[..], left].concat();
            assert!(stream.ends_with(&rest), "what follows the head is kept as it is");
            assert!(stream[..stream.len() - rest.len()].ends_with(b"\r\n\r\n"));
            let answer = accepted.outbox.chunk().to_vec();
            assert!(answer.starts_with(b"HTTP/1.1 101 ") && answer.ends_with(b"\r\n\r\n"));
            Served::Accepted { request, answer, agreement: accepted.agreement, rest }
        }
        Err(rejection) => refused(rejection),
    }
}

/// Drives a refusal to its end, with a peer that reads the answer and says nothing.
fn refused(mut rejection: Rejection) -> Served {
    let error = rejection.error();
    let mut answer = Vec::new();
    while rejection.send_buffer().has_remaining() {
        let n = rejection.send_buffer().chunk().len().min(100);
        answer.extend_from_slice(&rejection.send_buffer().chunk()[..n]);
        rejection.sent(NOW, n);
    }
    match error.status() {
        Some(status) => {
            assert!(answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()));
            let text = String::from_utf8(answer.clone()).expect("our words are text");
            let (head, _) = text.split_once("\r\n\r\n").expect("a whole head");
            let connection = head.lines().find_map(|line| line.strip_prefix("Connection: "));
            assert!(
                connection.is_some_and(|value| value.split(", ").any(|token| token == "close"))
            );
        }
        None => assert!(answer.is_empty() && rejection.is_finished()),
    }
    for _ in 0..3 {
        let Some(deadline) = rejection.poll_timeout() else { break };
        assert!(deadline <= NOW + Duration::from_secs(60));
        rejection.handle_timeout(deadline);
    }
    assert!(rejection.is_finished(), "bounded in time");
    Served::Refused { error, answer }
}

/// What a client made of an answer.
#[derive(Debug, PartialEq, Eq)]
enum Dialled {
    Opened { response: Response, agreement: Agreement, rest: Vec<u8> },
    Refused { error: HandshakeError, response: Option<Response> },
}

fn dial(
    request: &Request,
    stream: &[u8],
    limits: Limits,
    cut: &mut dyn FnMut(usize) -> usize,
) -> Dialled {
    // The key of RFC 6455 section 1.3, so that corpora can hold its answer.
    let mut rng = |dest: &mut [u8]| {
        dest.iter_mut().zip(b"the sample nonce").for_each(|(slot, byte)| *slot = *byte);
    };
    let mut client = ClientHandshake::new(request, limits, &mut rng, NOW);
    let n = client.send_buffer().remaining();
    client.sent(NOW, n);
    let left = feed(&mut client, stream, cut);
    if !client.poll_ready() {
        assert!(client.poll_timeout().is_some(), "bounded in time");
        client.received_eof(NOW);
        assert!(client.poll_ready());
    }
    match client.finish() {
        Ok(opened) => {
            let rest = [&opened.leftover[..], left].concat();
            assert!(stream.ends_with(&rest), "what follows the head is kept as it is");
            assert_eq!(opened.response.status(), 101);
            Dialled::Opened { response: opened.response, agreement: opened.agreement, rest }
        }
        Err(refusal) => {
            if let Some(response) = &refusal.response {
                assert!(response.body_bytes().len() <= limits.error_body);
            }
            Dialled::Refused { error: refusal.error, response: refusal.response }
        }
    }
}

/// A legal request over any cut is accepted, its answer over any cut opens the connection, both ends
/// agree, and frames that follow either head arrive.
pub fn handshake_round_trip(input: &[u8]) {
    let mut source = Source::new(input);
    let scheme = source.choose(&["ws", "wss", "http", "HTTPS"]);
    let host = source.choose(&["example.com", "127.0.0.1", "[::1]", "a_b-c.d", "LOCALHOST"]);
    let port = source.choose(&["", ":", ":80", ":443", ":65535"]);
    let path = source.choose(&["", "/", "/chat?x=1&y=%20", "?q", "/a//b/../c"]);
    let user = source.choose(&["", "u@", "u:p%40@"]);
    let names = ["chat", "v2.chat", "b", "CHAT"];
    let uri = format!("{scheme}://{user}{host}{port}{path}");
    let mut request = Request::parse(&uri).expect("a legal URI");
    let mut acceptance = Acceptance::new().origin(OriginPolicy::Any);
    for name in names {
        if source.flag() {
            request = request.subprotocol(name).expect("a token");
        }
        if source.flag() {
            acceptance = acceptance.subprotocol(name).expect("a token");
        }
    }
    if source.flag() {
        request = request.deflate(wanted(source.byte()));
    }
    if source.flag() {
        acceptance = acceptance.deflate(wanted(source.byte()));
    }
    for _ in 0..source.below(4) {
        let value = vec![b'v'; source.length().min(500)];
        request = request.header("X-Header", value).expect("a legal header");
    }
    if source.flag() {
        request = request.header("Origin", "null").expect("a legal header");
    }
    let mut lcg = Lcg(u64::from(source.byte()));
    let (early, late) = (vec![0x81; source.length()], vec![0x82; source.length()]);

    let mut rng = |dest: &mut [u8]| dest.fill(7);
    let mut client = ClientHandshake::new(&request, Limits::DEFAULT, &mut rng, NOW);
    let mut sent = client.send_buffer().chunk().to_vec();
    client.sent(NOW, sent.len());
    sent.extend(&early);
    let longest = [1, 7, 900, 9000][lcg.below(4)];
    let mut cut = |left: usize| (1 + lcg.below(longest)).min(left);
    let mut server = ServerHandshake::new(Limits::DEFAULT, NOW);
    let left = feed(&mut server, &sent, &mut cut);
    let incoming = server.request(NOW).map_err(|r| r.error()).expect("a legal request");
    assert_eq!(incoming.request().target(), request.target().resource());
    assert_eq!(incoming.request().subprotocols(), request.subprotocols());
    assert_eq!(incoming.upgrade_error(), None);
    let accepted = incoming.accept(&acceptance, NOW).map_err(|r| r.error()).expect("acceptable");
    assert!([&accepted.leftover[..], left].concat() == early, "frames behind the request");

    let mut answer = accepted.outbox.chunk().to_vec();
    answer.extend(&late);
    let left = feed(&mut client, &answer, &mut cut);
    let opened = client.finish().expect("the server accepted");
    assert_eq!(opened.agreement, accepted.agreement);
    assert!([&opened.leftover[..], left].concat() == late, "frames behind the answer");
}

/// Any text as a URI: refused, or one that is the same when written and read again.
pub fn target(input: &[u8]) {
    let uri = String::from_utf8_lossy(input);
    let Ok(target) = Target::parse(&uri) else { return };
    let again = Target::parse(&target.to_string()).expect("our own spelling");
    assert_eq!(again.to_string(), target.to_string());
    assert_eq!(
        (again.secure(), again.host(), again.port(), again.resource()),
        (target.secure(), target.host(), target.port(), target.resource())
    );
    assert!(target.resource().starts_with('/') && !target.host().is_empty() && target.port() > 0);
    let writable = |text: &str| text.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
    assert!(writable(target.resource()) && writable(&target.host_header()));
    assert!(target.authorization().is_none_or(|value| value.starts_with("Basic ")));
}

/// Any bytes as a header, and as a list of extensions: refused, or the same when written again.
pub fn extensions(input: &[u8]) {
    let mut headers = Headers::new();
    for line in input.split(|byte| *byte == b'\n') {
        if headers.append("Sec-WebSocket-Extensions", line).is_err() {
            assert!(!line.iter().all(|byte| matches!(byte, b'!'..=b'~')) || line.is_empty());
            return;
        }
    }
    let Ok(list) = Extension::parse_list(&headers) else { return };
    let spelled: Vec<String> = list.iter().map(spell).collect();
    let mut again = Headers::new();
    again.append("Sec-WebSocket-Extensions", spelled.join(", ")).expect("tokens");
    assert_eq!(Extension::parse_list(&again), Ok(list));
}

fn spell(extension: &Extension) -> String {
    let mut text = extension.name.clone();
    for parameter in &extension.parameters {
        text += &format!("; {}", parameter.name);
        if let Some(value) = &parameter.value {
            text += &format!("=\"{value}\"");
        }
    }
    text
}
