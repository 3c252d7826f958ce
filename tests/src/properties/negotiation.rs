use bytes::Buf;
use longwire::deflate::{Deflate, WindowBits};
use longwire::handshake::{
    Acceptance, ClientHandshake, Extension, Headers, Limits, Request, ServerHandshake,
};
use longwire::{Endpoint, Instant};

use super::handshakes::wanted;
use super::source::Source;

const NOW: Instant = Instant::EPOCH;
const HEADER: &str = "Sec-WebSocket-Extensions";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Of any list, legal or not: a server takes the first offer that is valid and answers within it, and
/// a client takes as an answer only what is one, within what it offered.
pub fn negotiation(input: &[u8]) {
    let mut source = Source::new(input);
    let own = wanted(source.byte());
    let lines = lines(&mut source);
    let mut headers = Headers::new();
    for line in &lines {
        headers.append(HEADER, line).expect("printable");
    }
    let list = Extension::parse_list(&headers).ok();
    serve(&own, &lines, list.as_deref());
    dial(&own, &lines, list.as_deref());
}

/// Elements over one line or several, most of them permessage-deflate, and many valid.
fn lines(source: &mut Source<'_>) -> Vec<String> {
    let mut lines = vec![String::new()];
    for _ in 0..source.below(4) {
        let mut element = String::from("permessage-deflate");
        if source.byte() > 230 {
            element = source.choose(&["x", "", "x-webkit-deflate-frame"]).into();
        }
        for _ in 0..source.below(4) {
            element += source.choose(&[
                "; server_no_context_takeover",
                "; client_no_context_takeover",
                "; server_max_window_bits",
                "; client_max_window_bits",
                "; server_max_window_bits=8",
                "; server_max_window_bits=9",
                "; server_max_window_bits=\"12\"",
                " ;client_max_window_bits = 9",
                ";client_max_window_bits=\"1\\2\"",
                "; client_max_window_bits=15",
            ]);
            if source.byte() > 230 {
                element += source.choose(&["=16", "=08", "=1", "; x", ";", " y", "=\""]);
            }
        }
        match lines.last_mut() {
            Some(line) if source.flag() => *line += &format!("{element} ,"),
            Some(_) | None => lines.push(element),
        }
    }
    lines
}

/// The value of a parameter: none if it is not there, `Some(None)` if it has no value.
fn value<'a>(extension: &'a Extension, name: &str) -> Option<Option<&'a str>> {
    let found = extension.parameters.iter().find(|parameter| parameter.name == name);
    found.map(|parameter| parameter.value.as_deref())
}

fn bits(text: &str) -> Option<WindowBits> {
    let bits = WindowBits::new(text.parse().ok()?)?;
    (text == bits.get().to_string()).then_some(bits)
}

/// RFC 7692 section 7.1, said once more.
fn is_valid(extension: &Extension, in_answer: bool) -> bool {
    let parameters = &extension.parameters;
    let known = parameters.iter().all(|parameter| {
        let value = parameter.value.as_deref();
        match parameter.name.as_str() {
            "server_no_context_takeover" | "client_no_context_takeover" => value.is_none(),
            "server_max_window_bits" => value.and_then(bits).is_some(),
            "client_max_window_bits" => value.map_or(!in_answer, |value| bits(value).is_some()),
            _ => false,
        }
    });
    let names = parameters.iter().map(|parameter| &parameter.name);
    let distinct = names.clone().collect::<std::collections::BTreeSet<_>>().len() == names.len();
    extension.name == "permessage-deflate" && known && distinct
}

fn serve(own: &Deflate, lines: &[String], list: Option<&[Extension]>) {
    let mut request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
    );
    lines.iter().for_each(|line| request += &format!("{HEADER}: {line}\r\n"));
    request += "\r\n";
    let mut server = ServerHandshake::new(Limits::DEFAULT, NOW);
    feed(&mut server, request.as_bytes());
    let incoming = server.request(NOW);
    let Some(list) = list else {
        assert!(incoming.is_err(), "malformed");
        return;
    };
    let incoming = incoming.map_err(|rejection| rejection.error()).expect("a legal request");
    assert_eq!(incoming.request().extensions(), list);
    let acceptance = Acceptance::new().deflate(*own);
    let accepted = incoming.accept(&acceptance, NOW).map_err(|r| r.error()).expect("acceptable");

    let head = String::from_utf8(accepted.outbox.chunk().to_vec()).expect("our words are text");
    let answer = head.lines().find_map(|line| line.strip_prefix(HEADER)?.strip_prefix(": "));
    let offer = list.iter().find(|extension| is_valid(extension, false));
    let agreed = accepted.agreement.deflate;
    assert_eq!((answer.is_some(), agreed.is_some()), (offer.is_some(), offer.is_some()));
    let (Some(answer), Some(agreed), Some(offer)) = (answer, agreed, offer) else { return };

    let mut headers = Headers::new();
    headers.append(HEADER, answer).expect("printable");
    let answers = Extension::parse_list(&headers).expect("our own spelling");
    let [answer] = &answers[..] else { panic!("one offer is answered") };
    assert!(is_valid(answer, true), "{answer:?}");

    let flag = |name, own| own || value(offer, name).is_some();
    let server_no = flag("server_no_context_takeover", own.server_no_context_takeover);
    let client_no = flag("client_no_context_takeover", own.client_no_context_takeover);
    assert_eq!(agreed.server_no_context_takeover, server_no);
    assert_eq!(agreed.client_no_context_takeover, client_no);
    assert_eq!(value(answer, "server_no_context_takeover").is_some(), server_no);
    assert_eq!(value(answer, "client_no_context_takeover").is_some(), client_no);

    let offered = |name| value(offer, name).flatten().and_then(bits).unwrap_or(WindowBits::MAX);
    let answered = |name| value(answer, name).flatten().and_then(bits).unwrap_or(WindowBits::MAX);
    let [server, client] = ["server_max_window_bits", "client_max_window_bits"];
    assert_eq!(agreed.server_max_window_bits, own.server_max_window_bits.min(offered(server)));
    assert_eq!(answered(server), agreed.server_max_window_bits);
    assert!(value(offer, server).is_none() || value(answer, server).is_some());
    if value(offer, client).is_some() {
        assert_eq!(agreed.client_max_window_bits, own.client_max_window_bits.min(offered(client)));
        assert_eq!(answered(client), agreed.client_max_window_bits);
    } else {
        assert_eq!(agreed.client_max_window_bits, WindowBits::MAX);
        assert_eq!(value(answer, client), None);
    }
}

fn dial(own: &Deflate, lines: &[String], list: Option<&[Extension]>) {
    let mut response = format!(
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n"
    );
    lines.iter().for_each(|line| response += &format!("{HEADER}: {line}\r\n"));
    response += "\r\n";
    let request = Request::parse("ws://a").expect("a legal URI").deflate(*own);
    let mut rng = |dest: &mut [u8]| dest.copy_from_slice(b"the sample nonce");
    let mut client = ClientHandshake::new(&request, Limits::DEFAULT, &mut rng, NOW);
    client.sent(NOW, usize::MAX);
    feed(&mut client, response.as_bytes());
    let outcome = client.finish().map(|opened| opened.agreement.deflate);

    let largest = |answer: &Extension, name| {
        value(answer, name).flatten().and_then(bits).unwrap_or(WindowBits::MAX)
    };
    match list {
        Some([]) => assert_eq!(outcome, Ok(None), "declined"),
        Some([answer]) if is_valid(answer, true) => {
            let server_no = value(answer, "server_no_context_takeover").is_some();
            let server_bits = largest(answer, "server_max_window_bits");
            let client_bits = largest(answer, "client_max_window_bits");
            let granted = (server_no || !own.server_no_context_takeover)
                && server_bits <= own.server_max_window_bits
                && (client_bits <= own.client_max_window_bits
                    || value(answer, "client_max_window_bits").is_none());
            assert_eq!(outcome.is_ok(), granted, "{answer:?}");
            if let Ok(agreed) = outcome {
                let mut expected = *own;
                expected.server_no_context_takeover = server_no;
                expected.client_no_context_takeover |=
                    value(answer, "client_no_context_takeover").is_some();
                expected.server_max_window_bits = server_bits;
                expected.client_max_window_bits = client_bits.min(own.client_max_window_bits);
                assert_eq!(agreed, Some(expected));
            }
        }
        Some(_) | None => assert!(outcome.is_err(), "not offered, or malformed: {lines:?}"),
    }
}

fn feed(endpoint: &mut impl Endpoint, stream: &[u8]) {
    for piece in stream.chunks(100) {
        assert_eq!(endpoint.receive(NOW, piece), piece.len());
    }
    assert!(endpoint.poll_ready());
}
