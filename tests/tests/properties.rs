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

/// What a compressed message may look like, whole, cut or spoilt.
fn compressed_payload() -> impl Strategy<Value = Vec<u8>> {
    const WHOLE: [&[u8]; 7] = [
        // RFC 7692 section 7.2.3: Hello, again, stored, marked as last, in two blocks, nothing.
        &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        &[0xf2, 0x00, 0x11, 0x00, 0x00],
        b"\x00\x05\x00\xfa\xffHello\x00",
        &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        &[0x00],
        // Stored, and no UTF-8.
        b"\x00\x02\x00\xfd\xff\xe2\x28\x00",
    ];
    (0..WHOLE.len(), any::<Index>(), any::<[u8; 2]>()).prop_map(|(at, place, [what, byte])| {
        let mut payload = WHOLE[at].to_vec();
        let place = place.index(payload.len());
        match what % 8 {
            0 => payload.truncate(place),
            1 => payload[place] = byte,
            2 => payload.insert(place, byte),
            _ => {}
        }
        payload
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
        2 => compressed_payload(),
    ];
    let first = prop_oneof![
        8 => prop::sample::select(&[0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a][..]),
        3 => prop::sample::select(&[0xc1_u8, 0xc2, 0x41, 0x42][..]),
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
fn compressed_pairs() {
    check(properties::pair_compressed, 400, any_bytes(600));
}

#[test]
fn sessions() {
    check(properties::session, 1_000, any_bytes(600));
}

#[test]
fn compressors() {
    check(properties::deflate, 150, any_bytes(160));
}

#[test]
fn decompressors() {
    check(properties::inflate, 4_000, any_bytes(200));
    check(properties::inflate, 4_000, payloads());
}

/// Payloads that are blocks, of each sort and most of them whole, for `properties::inflate`.
fn payloads() -> impl Strategy<Value = Vec<u8>> {
    let block = prop_oneof![
        // "Hello" in a block, and in one marked as last, and again by reference to it.
        3 => Just(vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
        2 => Just(vec![0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]),
        3 => Just(vec![0x02, 0x13, 0x00, 0x00, 0x00, 0xff, 0xff]),
        1 => Just(vec![0x03, 0x13, 0x00]),
        1 => Just(vec![0x03, 0x00]),
        2 => vec(any::<u8>(), 0..300).prop_map(|data| {
            let len = (data.len() as u16).to_le_bytes();
            [&[0, len[0], len[1], !len[0], !len[1]], &data[..]].concat()
        }),
        2 => Just(DYNAMIC.to_vec()),
        2 => Just(vec![0x00, 0x00, 0x00, 0xff, 0xff]),
        1 => vec(any::<u8>(), 0..4),
    ];
    let edit = (any::<Index>(), any::<u8>());
    let ending = prop_oneof![4 => Just(vec![0x00]), 1 => Just(vec![])];
    let message = (vec(block, 0..6), ending, vec(edit, 0..2), 0..3_u8).prop_map(
        |(blocks, ending, edits, edited)| {
            let mut payload = [blocks.concat(), ending].concat();
            if edited == 0 {
                for (at, byte) in edits {
                    let at = at.index(payload.len() + 1);
                    payload.iter_mut().skip(at).take(1).for_each(|slot| *slot = byte);
                }
            }
            [&(payload.len() as u16).to_be_bytes(), &payload[..]].concat()
        },
    );
    (any::<[u8; 4]>(), vec(message, 1..5))
        .prop_map(|(head, messages)| [&head[..], &messages.concat()].concat())
}

/// A block with a code of its own.
const DYNAMIC: &[u8] = &[
    0xec, 0xcc, 0x31, 0x0e, 0xc0, 0x40, 0x08, 0x03, 0xc1, 0xb7, 0x1a, 0x5b, 0x70, 0x98, 0xff, 0xf7,
    0x21, 0x52, 0x7e, 0x90, 0xf6, 0xb6, 0x1e, 0x2d, 0x80, 0xa0, 0xf2, 0x18, 0x2a, 0xb3, 0x46, 0xcd,
    0xc3, 0x96, 0x33, 0x3a, 0x39, 0x27, 0x15, 0x18, 0xf7, 0xe6, 0x41, 0xac, 0x1b, 0x66, 0x47, 0xfa,
    0x63, 0x53, 0x74, 0x09, 0x5e, 0xc7, 0xc0, 0xdb, 0x9d, 0xfd, 0x9b, 0x3d, 0x00, 0x00, 0x00, 0xff,
    0xff,
];

#[test]
fn outputs_that_are_never_drained() {
    let cycled = vec(any::<u8>(), 1..40).prop_map(|bytes| bytes.repeat(1300 / bytes.len()));
    check(properties::never_drained, 60, cycled);
}

#[test]
fn frames_that_go_ahead() {
    check(properties::ahead, 200, any_bytes(160));
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
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
      Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
      Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
      permessage-deflate; client_no_context_takeover\r\n\r\n",
];

const RESPONSES: &[&[u8]] = &[
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi",
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 101 \r\nupgrade: WebSocket\r\n\
      connection: a, upgrade\r\nSec-WebSocket-Protocol: chat\r\n\
      sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
      Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10; \
      client_max_window_bits=10\r\n\r\n",
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
fn negotiations() {
    check(properties::negotiation, 4_000, any_bytes(40));
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

#[test]
fn what_rests_is_told_from_what_does_not_by_nothing() {
    check(properties::resting, 600, any_bytes(400));
}
