//! What is compared.

use std::hint::black_box;

use bytes::Bytes;
use longwire::message::Utf8Validator;

use crate::contest::{Incoming, acceptor, decoder, encoder, function};
use crate::measure::{Contender, Rank};
use crate::peers::{
    fastwebsockets, floor, longwire as ours, sockudo, soketto, tokio_tungstenite, tokio_websockets,
    tungstenite, websocket_sans_io, yawc,
};
use crate::wire::{Kind, Noise, Sample, Side, ascii, binary, masked, mixed};

pub struct Row {
    pub key: &'static str,
    pub title: &'static str,
    pub contenders: fn() -> Vec<Contender>,
}

const MANY: usize = 64 << 10;
const MIB: usize = 1 << 20;

#[rustfmt::skip]
pub const ROWS: [Row; 14] = [
    Row { key: "decode-binary-16", title: "decode, masked binary, 16 B, 64 KiB of frames a read",
        contenders: || decode(binary, 16, MANY / 22, Reads::Many) },
    Row { key: "decode-text-128", title: "decode, masked text (ASCII), 128 B, 64 KiB of frames a read",
        contenders: || decode(ascii, 128, MANY / 136, Reads::Many) },
    Row { key: "decode-text-1k", title: "decode, masked text (ASCII), 1 KiB, a frame a read",
        contenders: || decode(ascii, 1 << 10, 63, Reads::OneFrame) },
    Row { key: "decode-text-mixed-16k", title: "decode, masked text (mixed scripts), 16 KiB, a frame a read",
        contenders: || decode(mixed, 16 << 10, 4, Reads::OneFrame) },
    Row { key: "decode-binary-16k", title: "decode, masked binary, 16 KiB, a frame a read",
        contenders: || decode(binary, 16 << 10, 4, Reads::OneFrame) },
    Row { key: "decode-binary-1m", title: "decode, masked binary, 1 MiB, no read beyond its frame",
        contenders: || decode(binary, MIB, 2, Reads::OneFrame) },
    Row { key: "encode-server-128", title: "encode as server, 128 B, 64 gathered",
        contenders: || encode(Side::Server, 128, 64) },
    Row { key: "encode-server-16k", title: "encode as server, 16 KiB, 64 gathered",
        contenders: || encode(Side::Server, 16 << 10, 64) },
    Row { key: "encode-server-1m", title: "encode as server, 1 MiB, one by one",
        contenders: || encode(Side::Server, MIB, 1) },
    Row { key: "encode-client-128", title: "encode as client, 128 B, 64 gathered",
        contenders: || encode(Side::Client, 128, 64) },
    Row { key: "encode-client-1k", title: "encode as client, 1 KiB, 64 gathered",
        contenders: || encode(Side::Client, 1 << 10, 64) },
    Row { key: "encode-client-1m", title: "encode as client, 1 MiB, one by one",
        contenders: || encode(Side::Client, MIB, 1) },
    Row { key: "handshake", title: "server handshake: a browser's request to the open connection",
        contenders: handshake },
    Row { key: "utf8", title: "UTF-8 alone, 16 KiB of mixed scripts",
        contenders: utf8 },
];

enum Reads {
    Many,
    OneFrame,
}

fn decode(
    sample: fn(&mut Noise, usize) -> Sample,
    len: usize,
    count: usize,
    reads: Reads,
) -> Vec<Contender> {
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let samples: Vec<Sample> = (0..count).map(|_| sample(&mut noise, len)).collect();
    let wire = masked(&samples, &mut noise);
    let frame = wire.len() / count;
    let piece = match reads {
        Reads::Many => wire.len(),
        Reads::OneFrame => frame,
    };
    let is_binary = samples[0].kind == Kind::Binary;
    let from = Incoming { samples, wire, piece };
    let copy = floor::copy_in(from.pipe(), from.wire.len());
    let copy = Contender { units: count, ..function("memcpy", Rank::Yardstick, copy) };
    let mut contenders = vec![
        copy,
        decoder("floor", Rank::Yardstick, &from, |pipe| floor::decoder::<false>(pipe, frame)),
        decoder("floor, wide vectors", Rank::Yardstick, &from, |pipe| {
            floor::decoder::<true>(pipe, frame)
        }),
        decoder("longwire", Rank::Longwire, &from, ours::decoder),
        decoder("tungstenite", Rank::Peer, &from, tungstenite::decoder),
        decoder("tungstenite, 16 KiB reads", Rank::Peer, &from, tungstenite::small_reads_decoder),
        decoder("tokio-tungstenite", Rank::Peer, &from, tokio_tungstenite::decoder),
        decoder("fastwebsockets", Rank::Peer, &from, fastwebsockets::decoder),
        decoder("tokio-websockets", Rank::Peer, &from, tokio_websockets::decoder),
        decoder("yawc", Rank::Peer, &from, yawc::decoder),
        decoder("yawc, tuned", Rank::Peer, &from, yawc::tuned_decoder),
        decoder("yawc, codec", Rank::Peer, &from, yawc::codec_decoder),
        decoder("sockudo-ws", Rank::Peer, &from, sockudo::decoder),
        decoder("sockudo-ws, sans-IO", Rank::Peer, &from, sockudo::parts_decoder),
        decoder("soketto", Rank::Peer, &from, soketto::decoder),
    ];
    if is_binary {
        let name = "websocket-sans-io";
        contenders.push(decoder(name, Rank::Peer, &from, websocket_sans_io::decoder));
    }
    contenders
}

/// RFC 6455 section 5.2.
const LONGEST_HEADER: usize = 14;

fn encode(side: Side, len: usize, count: usize) -> Vec<Contender> {
    let payload = binary(&mut Noise(0x2545_f491_4f6c_dd1d), len).payload;
    let what = (&payload, count);
    let copy = floor::copy_out(payload.clone(), count);
    let copy = Contender { units: count, ..function("memcpy", Rank::Yardstick, copy) };
    vec![
        copy,
        encoder("floor", Rank::Yardstick, side, what, |side, pipe| {
            floor::encoder(side, pipe, count * (len + LONGEST_HEADER))
        }),
        encoder("longwire", Rank::Longwire, side, what, ours::encoder),
        encoder("tungstenite", Rank::Peer, side, what, tungstenite::encoder),
        encoder("tokio-tungstenite", Rank::Peer, side, what, tokio_tungstenite::encoder),
        encoder("fastwebsockets", Rank::Peer, side, what, fastwebsockets::encoder),
        encoder("tokio-websockets", Rank::Peer, side, what, tokio_websockets::encoder),
        encoder("yawc", Rank::Peer, side, what, yawc::encoder),
        encoder("yawc, tuned", Rank::Peer, side, what, yawc::tuned_encoder),
        encoder("yawc, codec", Rank::Peer, side, what, yawc::codec_encoder),
        encoder("sockudo-ws", Rank::Peer, side, what, sockudo::encoder),
        encoder("sockudo-ws, sans-IO", Rank::Peer, side, what, sockudo::parts_encoder),
        encoder("soketto", Rank::Peer, side, what, soketto::encoder),
    ]
}

/// What Chromium sends to a page's own server.
const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: localhost:9001\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/140.0.0.0 Safari/537.36\r\n\
    Upgrade: websocket\r\n\
    Origin: http://localhost:9001\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    \r\n";

/// The answer to that key (RFC 6455 section 1.3).
const ACCEPT_KEY: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn handshake() -> Vec<Contender> {
    let request = Bytes::from_static(REQUEST);
    let mut buffer = vec![0; request.len()];
    let source = request.clone();
    let copy = move || black_box(&mut buffer).copy_from_slice(black_box(&source));
    vec![
        function("memcpy", Rank::Yardstick, copy),
        acceptor("floor", Rank::Yardstick, &request, ACCEPT_KEY, floor::accept),
        acceptor("longwire", Rank::Longwire, &request, ACCEPT_KEY, ours::accept),
        acceptor("tungstenite", Rank::Peer, &request, ACCEPT_KEY, tungstenite::accept),
        acceptor("tokio-tungstenite", Rank::Peer, &request, ACCEPT_KEY, tokio_tungstenite::accept),
        acceptor(
            "fastwebsockets (hyper)",
            Rank::Peer,
            &request,
            ACCEPT_KEY,
            fastwebsockets::accept,
        ),
        acceptor("tokio-websockets", Rank::Peer, &request, ACCEPT_KEY, tokio_websockets::accept),
        acceptor("yawc (hyper)", Rank::Peer, &request, ACCEPT_KEY, yawc::accept),
        acceptor("sockudo-ws", Rank::Peer, &request, ACCEPT_KEY, sockudo::accept),
        acceptor("sockudo-ws, sans-IO", Rank::Peer, &request, ACCEPT_KEY, sockudo::parts_accept),
        acceptor("soketto", Rank::Peer, &request, ACCEPT_KEY, soketto::accept),
    ]
}

fn utf8() -> Vec<Contender> {
    let text = mixed(&mut Noise(0x1234_5678_9abc_def1), 16 << 10).payload;
    let valid = |name, rank, is_valid: fn(&[u8]) -> bool| {
        let cut = text.iter().rposition(|&byte| byte >= 0xc0).expect("it is not ASCII") + 1;
        assert!(is_valid(&text) && !is_valid(&text[..cut]), "{name} judges wrongly");
        let text = text.clone();
        function(name, rank, move || assert!(black_box(is_valid(black_box(&text)))))
    };
    let mut buffer = vec![0; text.len()];
    let source = text.clone();
    let copy = move || black_box(&mut buffer).copy_from_slice(black_box(&source));
    vec![
        function("memcpy", Rank::Yardstick, copy),
        valid("longwire, Utf8Validator", Rank::Longwire, |bytes| {
            let mut validator = Utf8Validator::new();
            validator.push(bytes).is_ok() && validator.is_complete()
        }),
        valid("simdutf8", Rank::Yardstick, |bytes| simdutf8::basic::from_utf8(bytes).is_ok()),
        valid("std", Rank::Yardstick, |bytes| std::str::from_utf8(bytes).is_ok()),
    ]
}
