//! What the work itself costs: header, mask, UTF-8 in place, by hand, and nothing of what makes a
//! WebSocket of it: no fragments, no control frames, no limits, no errors. And the bare copy.

use std::io::IoSlice;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha1::{Digest, Sha1};

use super::STAGING;
use crate::contest::{Decode, Encode};
use crate::pipe::Pipe;
use crate::wire::{Kind, Noise, Side};

/// `WIDE`: with the widest vectors of this processor, where the payload is long enough to ask for
/// them; else with those that the program was built for.
pub struct FloorDecoder<const WIDE: bool> {
    pipe: Pipe,
    buffer: Vec<u8>,
    vectors: pulp::Arch,
}

/// A frame whose header has arrived.
struct Frame {
    kind: Kind,
    key: [u8; 4],
    body: usize,
    len: usize,
    unmasked: usize,
}

/// `longest` is the longest frame there will be.
pub fn decoder<const WIDE: bool>(pipe: Pipe, longest: usize) -> FloorDecoder<WIDE> {
    let vectors = pulp::Arch::new();
    FloorDecoder { pipe, buffer: vec![0; longest.max(STAGING)], vectors }
}

impl<const WIDE: bool> Decode for FloorDecoder<WIDE> {
    fn decode(&mut self, count: usize, mut visit: impl FnMut(Kind, &[u8])) {
        let buffer = &mut self.buffer[..];
        let (mut start, mut filled, mut seen) = (0, 0, 0);
        let mut frame: Option<Frame> = None;
        while seen < count {
            let room = (buffer.len() - filled).min(STAGING);
            filled += self.pipe.fill(&mut buffer[filled..filled + room]);
            while let Some(mut current) = frame.take().or_else(|| parse(&buffer[..filled], start)) {
                let have = (filled - current.body).min(current.len);
                let payload = &mut buffer[current.body..current.body + have];
                let (rest, key, done) =
                    (&mut payload[current.unmasked..], current.key, current.unmasked);
                if WIDE && rest.len() > 128 {
                    self.vectors.dispatch(|| mask(rest, key, done));
                } else {
                    mask(rest, key, done);
                }
                current.unmasked = have;
                if have < current.len {
                    frame = Some(current);
                    break;
                }
                if current.kind == Kind::Text {
                    simdutf8::basic::from_utf8(payload).expect("valid text");
                }
                visit(current.kind, payload);
                seen += 1;
                start = current.body + current.len;
            }
            if start == filled {
                (start, filled) = (0, 0);
            } else if filled == buffer.len() {
                buffer.copy_within(start..filled, 0);
                frame = frame.map(|it| Frame { body: it.body - start, ..it });
                (start, filled) = (0, filled - start);
            }
        }
    }
}

fn parse(filled: &[u8], start: usize) -> Option<Frame> {
    let head = &filled[start..];
    let (len, at) = match head.get(1)? & 0x7f {
        126 => (usize::from(u16::from_be_bytes(head.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(head.get(2..10)?.try_into().ok()?) as usize, 10),
        len => (usize::from(len), 2),
    };
    let key = head.get(at..at + 4)?.try_into().ok()?;
    let kind = if head[0] == 0x81 { Kind::Text } else { Kind::Binary };
    Some(Frame { kind, key, body: start + at + 4, len, unmasked: 0 })
}

/// By words, which the compiler turns into vectors. `offset` is where in the payload `bytes` begin.
#[inline(always)]
fn mask(bytes: &mut [u8], mut key: [u8; 4], offset: usize) {
    key.rotate_left(offset % 4);
    let [a, b, c, d] = key;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = bytes.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

pub struct FloorEncoder {
    side: Side,
    pipe: Pipe,
    noise: Noise,
    out: Vec<u8>,
    filled: usize,
    /// The headers in `out` whose payload is not there.
    bare: Vec<Range<usize>>,
}

/// Payloads up to here are copied behind their header, longer ones written from where they are.
const COPIED: usize = 4096;

/// `longest` is the most there will be to write at a time.
pub fn encoder(side: Side, pipe: Pipe, longest: usize) -> FloorEncoder {
    let out = vec![0; longest];
    FloorEncoder { side, pipe, noise: Noise(1), out, filled: 0, bare: Vec::new() }
}

impl Encode for FloorEncoder {
    fn encode(&mut self, payload: &Bytes, count: usize) {
        for _ in 0..count {
            self.frame(payload);
        }
        if self.bare.is_empty() {
            self.pipe.put(&self.out[..self.filled]);
        }
        for headers in self.bare.chunks(32) {
            let mut slices = [IoSlice::new(&[]); 64];
            for (pair, header) in slices.chunks_mut(2).zip(headers) {
                pair[0] = IoSlice::new(&self.out[header.clone()]);
                pair[1] = IoSlice::new(payload);
            }
            self.pipe.put_vectored(&slices[..2 * headers.len()]);
        }
        self.filled = 0;
        self.bare.clear();
    }
}

impl FloorEncoder {
    fn frame(&mut self, payload: &[u8]) {
        let start = self.filled;
        let masked = if self.side == Side::Client { 0x80 } else { 0 };
        match payload.len() {
            len @ 0..=125 => self.append(&[0x82, masked | len as u8]),
            len @ 126..=0xffff => {
                let [a, b] = (len as u16).to_be_bytes();
                self.append(&[0x82, masked | 126, a, b]);
            }
            len => {
                let [a, b, c, d, e, f, g, h] = (len as u64).to_be_bytes();
                self.append(&[0x82, masked | 127, a, b, c, d, e, f, g, h]);
            }
        }
        match self.side {
            Side::Server if payload.len() > COPIED => self.bare.push(start..self.filled),
            Side::Server => self.append(payload),
            Side::Client => {
                let key = ((self.noise.next() >> 16) as u32).to_ne_bytes();
                self.append(&key);
                self.append_masked(payload, key);
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        self.out[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    /// Copies and masks in one pass.
    fn append_masked(&mut self, bytes: &[u8], key: [u8; 4]) {
        let place = &mut self.out[self.filled..self.filled + bytes.len()];
        let [a, b, c, d] = key;
        let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let (words, tail) = bytes.as_chunks::<8>();
        let (word_places, tail_places) = place.as_chunks_mut::<8>();
        for (place, bytes) in word_places.iter_mut().zip(words) {
            *place = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        }
        for ((place, byte), key) in tail_places.iter_mut().zip(tail).zip(key.iter().cycle()) {
            *place = byte ^ key;
        }
        self.filled += bytes.len();
    }
}

/// httparse, the headers that matter, one digest.
pub fn accept(mut pipe: Pipe) {
    let mut buffer = [0; 2048];
    let n = pipe.fill(&mut buffer);
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(&buffer[..n]).expect("a valid request");
    assert!(parsed.is_complete() && request.method == Some("GET"));
    let (mut key, mut is_upgrade, mut is_version, mut is_connection) = (None, false, false, false);
    for header in request.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        match header.name.len() {
            17 if is("Sec-WebSocket-Key") => key = Some(header.value),
            21 if is("Sec-WebSocket-Version") => is_version = header.value == b"13",
            7 if is("Upgrade") => is_upgrade = header.value.eq_ignore_ascii_case(b"websocket"),
            10 if is("Connection") => is_connection = header.value.eq_ignore_ascii_case(b"upgrade"),
            _ => {}
        }
    }
    assert!(is_upgrade && is_version && is_connection);
    let mut digest = Sha1::new();
    digest.update(key.expect("a key"));
    digest.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: ";
    let mut answer = [0; HEAD.len() + 28 + 4];
    answer[..HEAD.len()].copy_from_slice(HEAD);
    let accept = &mut answer[HEAD.len()..HEAD.len() + 28];
    STANDARD.encode_slice(digest.finalize(), accept).expect("28 characters");
    answer[HEAD.len() + 28..].copy_from_slice(b"\r\n\r\n");
    pipe.put(&answer);
}

/// Copies what a decoder would read.
pub fn copy_in(mut pipe: Pipe, total: usize) -> impl FnMut() {
    let mut buffer = vec![0; STAGING];
    move || {
        let mut copied = 0;
        while copied < total {
            copied += pipe.fill(&mut buffer);
            std::hint::black_box(&mut buffer);
        }
    }
}

/// Copies what an encoder is given, one after the other.
pub fn copy_out(payload: Bytes, count: usize) -> impl FnMut() {
    let mut out = vec![0; payload.len() * count];
    move || {
        for place in out.chunks_exact_mut(payload.len()) {
            place.copy_from_slice(&payload);
        }
        std::hint::black_box(&mut out);
    }
}
