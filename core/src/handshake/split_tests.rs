//! No byte panics, and no cut makes a difference: every byte of a head is replaced in turn, and the
//! outcome compared whole and byte by byte.

use alloc::{format, string::String, vec::Vec};

use super::*;
use crate::endpoint::Endpoint;
use crate::time::Instant;

const T0: Instant = Instant::EPOCH;

const REPLACEMENTS: [u8; 16] = *b"\0\t\n\r \",/0:;=A\x7f\x80\xff";

fn deliver(endpoint: &mut dyn Endpoint, input: &[u8], step: usize) {
    for mut piece in input.chunks(step) {
        while !piece.is_empty() {
            match endpoint.receive(T0, piece) {
                0 => return,
                n => piece = piece.get(n..).unwrap_or_default(),
            }
        }
    }
}

fn serve(input: &[u8], step: usize) -> String {
    let mut server = ServerHandshake::new(Limits::DEFAULT, T0);
    deliver(&mut server, input, step);
    match server.request(T0) {
        Ok(incoming) => {
            let request = incoming.request().clone();
            let acceptance = Acceptance::new().subprotocol("b").unwrap();
            #[cfg(feature = "deflate")]
            let acceptance = acceptance.deflate(Deflate::SHARED);
            let answer = incoming.accept(&acceptance, T0);
            format!("{request:?} {:?}", answer.map(|a| a.agreement).map_err(|r| r.error()))
        }
        Err(rejection) => format!("{:?}", rejection.error()),
    }
}

fn connect(input: &[u8], step: usize) -> String {
    let request = Request::parse("ws://a").unwrap().subprotocol("b").unwrap();
    #[cfg(feature = "deflate")]
    let request = request.deflate(Deflate::DEFAULT);
    let mut rng = |dest: &mut [u8]| dest.copy_from_slice(b"the sample nonce");
    let mut client = ClientHandshake::new(&request, Limits::DEFAULT, &mut rng, T0);
    client.sent(T0, usize::MAX);
    deliver(&mut client, input, step);
    client.received_eof(T0);
    assert!(client.poll_ready());
    format!("{:?}", client.finish().map(|opened| (opened.response, opened.agreement)))
}

fn replace_every_byte(input: &str, run: fn(&[u8], usize) -> String) {
    let intact = run(input.as_bytes(), usize::MAX);
    let mut differs: usize = 0;
    for at in 0..input.len() {
        for byte in REPLACEMENTS {
            let mut bytes: Vec<u8> = input.into();
            bytes[at] = byte;
            let whole = run(&bytes, usize::MAX);
            assert_eq!(run(&bytes, 1), whole, "{byte:#x} at {at}");
            differs += usize::from(whole != intact);
        }
        assert_eq!(
            run(&input.as_bytes()[..at], 1),
            run(&input.as_bytes()[..at], usize::MAX),
            "cut at {at}"
        );
    }
    assert!(differs > input.len() * REPLACEMENTS.len() / 2);
}

#[test]
fn h12_any_byte_of_a_request_may_be_wrong() {
    let head = "GET http://a:1/b?c HTTP/1.1\r\nHost: a:1\r\nUpgrade: websocket\r\nConnection: x, Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://a:1\r\n\
        Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: a;b=\"c\", d;e=f\r\nContent-Length: 0\r\n\r\n";
    replace_every_byte(head, serve);
}

#[test]
fn h12_any_byte_of_a_response_may_be_wrong() {
    let head = "HTTP/1.1 103 x\r\n\r\nHTTP/1.1 101 y\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: b\r\n\r\n";
    replace_every_byte(head, connect);
    let refusal = "HTTP/1.1 401 x\r\nRetry-After: 1\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: u\r\n\r\n";
    replace_every_byte(refusal, connect);
    let refusal = "HTTP/1.1 500 x\r\nContent-Length: 5\r\n\r\nabcde";
    replace_every_byte(refusal, connect);
}

#[cfg(feature = "deflate")]
#[test]
fn h6_any_byte_of_a_list_of_extensions_may_be_wrong() {
    let list = "permessage-deflate; server_max_window_bits=9; client_max_window_bits=\"1\\0\", x";
    let head = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Extensions: {list}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    );
    replace_every_byte(&head, serve);
    let answer = list.strip_suffix(", x").unwrap();
    let head = format!(
        "HTTP/1.1 101 y\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Sec-WebSocket-Extensions: {answer}; client_no_context_takeover\r\n\r\n"
    );
    replace_every_byte(&head, connect);
}
