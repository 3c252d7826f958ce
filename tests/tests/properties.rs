//! Every property over random inputs: the same ones each time, and each failure with its input.

use longwire_tests::properties::{self, Property};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The seed of every run. Another one finds other failures: `LONGWIRE_SEED=n cargo test`.
fn seed() -> u64 {
    std::env::var("LONGWIRE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(6455)
}

/// Runs `property` over `cases` inputs. A failure prints the smallest input found, and the seed.
fn check(property: Property, cases: u32, inputs: impl Strategy<Value = Vec<u8>>) {
    let config =
        Config { cases, max_shrink_iters: 4000, failure_persistence: None, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed().to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let outcome = TestRunner::new_with_rng(config, rng).run(&inputs, |input| {
        property(&input);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("seed {}: {failure}", seed());
    }
}

fn any_bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

/// `seed` with a few bytes of `alphabet` written over it, cut off, or put in.
fn mutated(
    seeds: &'static [&'static [u8]],
    alphabet: &'static [u8],
) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<Index>(), any::<Index>(), 0..4_u8);
    (0..seeds.len(), vec(edit, 0..4), any::<[u8; 2]>()).prop_map(move |(at, edits, head)| {
        let mut bytes = seeds[at].to_vec();
        for (place, letter, what) in edits {
            let letter = alphabet[letter.index(alphabet.len())];
            let place = place.index(bytes.len() + 1);
            match what {
                0 => bytes.insert(place, letter),
                1 => bytes.truncate(place),
                _ => {
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte = letter;
                    }
                }
            }
        }
        [&head[..], &bytes].concat()
    })
}

/// Frames of every sort, most of them legal, to either role.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        6 => vec(any::<u8>(), 0..8),
        2 => "[a-z\u{e9}\u{2713}\u{1f600}]{0,40}".prop_map(String::into_bytes),
        1 => (120..135_usize).prop_map(|len| vec![b'x'; len]),
        1 => (2000..5000_usize).prop_map(|len| vec![b'y'; len]),
        1 => Just(vec![0x03, 0xe8, b'o', b'k']),
        1 => Just(vec![0xe2, 0x9c]),
    ];
    let first = prop_oneof![
        8 => prop::sample::select(&[0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a][..]),
        1 => Just(0x88),
        1 => any::<u8>(),
    ];
    let repeats = prop_oneof![12 => Just(1), 1 => 15..25_usize];
    (any::<[u8; 4]>(), vec((first, payload, 0..40_u8, repeats), 0..12)).prop_map(
        |(head, frames)| {
            let mut stream = head.to_vec();
            for (first, payload, odd, repeats) in frames {
                let masked = (head[0] & 1 == 0) != (odd == 0);
                let mut frame = vec![first];
                let bit = if masked { 0x80 } else { 0 };
                if payload.len() < 126 {
                    frame.push(bit | payload.len() as u8);
                } else {
                    frame.extend([bit | 126, (payload.len() >> 8) as u8, payload.len() as u8]);
                }
                if masked {
                    frame.extend([0; 4]);
                }
                frame.extend(payload);
                stream.extend(frame.repeat(repeats));
            }
            stream
        },
    )
}

#[test]
fn frame_headers() {
    check(properties::frame_header, 20_000, any_bytes(18));
}

#[test]
fn masks() {
    check(properties::masking, 2_000, any_bytes(400));
}

#[test]
fn close_payloads() {
    let inputs = prop_oneof![
        any_bytes(140),
        (1000..1020_u16, ".{0,60}").prop_map(|(code, reason)| [
            &code.to_be_bytes()[..],
            reason.as_bytes()
        ]
        .concat()),
    ];
    check(properties::close_payload, 4_000, inputs);
}

#[test]
fn utf8() {
    let inputs = prop_oneof![
        any_bytes(60),
        (any::<[u8; 2]>(), ".{0,40}", any::<Index>(), any::<u8>()).prop_map(
            |(head, text, at, byte)| {
                let mut bytes = text.into_bytes();
                let at = at.index(bytes.len() + 1);
                if let Some(slot) = bytes.get_mut(at) {
                    *slot = byte;
                }
                [&head[..], &bytes].concat()
            }
        ),
    ];
    check(properties::utf8, 6_000, inputs);
}

#[test]
fn inbound_streams() {
    check(properties::inbound_stream, 250, frames());
    check(properties::inbound_stream, 250, any_bytes(200));
}

#[test]
fn valid_streams() {
    check(properties::valid_stream, 400, any_bytes(120));
}

#[test]
fn pairs() {
    check(properties::pair, 400, any_bytes(600));
}

#[test]
fn outputs_that_are_never_drained() {
    let cycled = vec(any::<u8>(), 1..40).prop_map(|bytes| bytes.repeat(1300 / bytes.len()));
    check(properties::never_drained, 60, cycled);
}

#[test]
fn operations_on_a_client() {
    check(properties::connection_client, 400, any_bytes(400));
}

#[test]
fn operations_on_a_server() {
    check(properties::connection_server, 400, any_bytes(400));
}

const REQUESTS: &[&[u8]] = &[
    b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
      Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\x81\x80",
    b"GET http://b/x?y HTTP/1.1\r\nHost: a:80\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\
      Origin: http://b\r\nSec-WebSocket-Protocol: b, chat\r\nSec-WebSocket-Version: 13\r\n\
      Sec-WebSocket-Extensions: x; y=\"z\"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
];

const RESPONSES: &[&[u8]] = &[
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi",
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 101 \r\nupgrade: WebSocket\r\n\
      connection: a, upgrade\r\nSec-WebSocket-Protocol: chat\r\n\
      sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n9\r\ndefghijkl\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end of the stream",
];

const ODD: &[u8] = b"\0\t\n\r \",/0:;=A\x7f\x80\xff";

#[test]
fn handshake_requests() {
    check(properties::handshake_request, 800, mutated(REQUESTS, ODD));
    check(properties::handshake_request, 200, any_bytes(100));
}

#[test]
fn handshake_responses() {
    check(properties::handshake_response, 800, mutated(RESPONSES, ODD));
    check(properties::handshake_response, 200, any_bytes(100));
}

#[test]
fn handshake_round_trips() {
    check(properties::handshake_round_trip, 600, any_bytes(40));
}

#[test]
fn targets() {
    let inputs = prop_oneof![
        any_bytes(60),
        "(ws|wss|http|ftp)://([a-z%:]{0,6}@)?[a-zA-Z0-9.:\\[\\]-]{0,12}[/?#a-z%]{0,8}"
            .prop_map(String::into_bytes),
    ];
    check(properties::target, 4_000, inputs);
}

#[test]
fn extensions() {
    let inputs = prop_oneof![
        any_bytes(40),
        "[a-c]{1,2}([ ;=,\"a-c\\\\\n]{0,12})".prop_map(String::into_bytes),
    ];
    check(properties::extensions, 4_000, inputs);
}
