//! The bytes that every connection sends: frames encoded once, shared, and repeated for ever.

use std::io::IoSlice;

use crate::message::{BLOCK, Payload};

/// An endless stream of encoded messages, in the space of a few of them, or of a part of a large one.
#[derive(Debug)]
pub(crate) struct Script {
    store: Vec<u8>,
    segments: Vec<Segment>,
    /// After how many bytes the stream repeats itself: a whole number of messages.
    period: u64,
    /// How many bytes a message has with its headers.
    message_size: u64,
}

/// A stretch of the stream, and where its bytes are.
#[derive(Debug)]
struct Segment {
    at: u64,
    start: usize,
    len: usize,
}

impl Script {
    /// Lays out messages; as many as are written at once, if they are small, in one piece.
    pub(crate) fn new(payload: &Payload, at_once: u32) -> Self {
        let pieces = Self::pieces(payload);
        let message_size = pieces.period;
        // Short fragments one by one would fill few bytes of each write: that would be measured.
        let short = message_size / pieces.segments.len() as u64;
        if message_size > FLAT && short > SHORT {
            return pieces;
        }
        let copies = u64::from(at_once).clamp(1, (FLAT / message_size).max(1)) as usize;
        let mut one = Vec::with_capacity(message_size as usize);
        for segment in &pieces.segments {
            one.extend_from_slice(&pieces.store[segment.start..segment.start + segment.len]);
        }
        let store = one.repeat(copies);
        let len = store.len();
        let segments = vec![Segment { at: 0, start: 0, len }];
        Self { store, segments, period: len as u64, message_size }
    }

    /// One message, in as many segments as it takes.
    fn pieces(payload: &Payload) -> Self {
        let message = payload.message;
        let mut store: Vec<u8> =
            payload.block().iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        let mut segments = Vec::new();
        let mut at = 0;
        let mut left = message.size;
        for fragment in 1..=message.fragments {
            let size = left.min(message.fragment_size());
            left -= size;
            let opcode = if fragment == 1 { message.kind.opcode() } else { CONTINUATION };
            let fin = if fragment == message.fragments { FIN } else { 0 };
            let start = store.len();
            push_header(&mut store, fin | opcode, size);
            let mut push = |start: usize, len: usize| {
                segments.push(Segment { at, start, len });
                at += len as u64;
            };
            push(start, store.len() - start);
            let mut rest = size;
            while rest > 0 {
                let len = rest.min(BLOCK as u64) as usize;
                push(0, len);
                rest -= len as u64;
            }
        }
        Self { store, segments, period: at, message_size: at }
    }

    /// How many bytes a message has with its headers.
    pub(crate) fn message_size(&self) -> u64 {
        self.message_size
    }

    /// The bytes from `position` on, as far as they are contiguous.
    pub(crate) fn at(&self, position: u64) -> &[u8] {
        let phase = position % self.period;
        let segment = &self.segments[self.segments.partition_point(|it| it.at <= phase) - 1];
        let skip = (phase - segment.at) as usize;
        &self.store[segment.start + skip..segment.start + segment.len]
    }

    /// The bytes from `position` to `target`, as many as fit; says how many slices it filled.
    pub(crate) fn slices<'a>(
        &'a self,
        position: u64,
        target: u64,
        slices: &mut [IoSlice<'a>],
    ) -> usize {
        let mut at = position;
        let mut count = 0;
        while at < target && count < slices.len() {
            let bytes = self.at(at);
            let len = (bytes.len() as u64).min(target - at) as usize;
            slices[count] = IoSlice::new(&bytes[..len]);
            count += 1;
            at += len as u64;
        }
        count
    }
}

/// A frame with a payload of up to 125 bytes, for what is not prepared.
pub(crate) fn push_control(to: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    push_header(to, FIN | opcode, payload.len() as u64);
    to.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
}

fn push_header(to: &mut Vec<u8>, first: u8, size: u64) {
    to.push(first);
    if size < 126 {
        to.push(MASKED | size as u8);
    } else if let Ok(size) = u16::try_from(size) {
        to.push(MASKED | 126);
        to.extend_from_slice(&size.to_be_bytes());
    } else {
        to.push(MASKED | 127);
        to.extend_from_slice(&size.to_be_bytes());
    }
    to.extend_from_slice(&KEY);
}

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
const CONTINUATION: u8 = 0;
/// One key for all: what it is makes no difference to a server, as long as it is not zero.
const KEY: [u8; 4] = [0x3a, 0xc5, 0x91, 0x6e];
/// Up to which size all that is written at once is laid out in one piece.
const FLAT: u64 = 256 * 1024;
/// Up to which size segments, on average, are laid out in one piece whatever they add up to.
const SHORT: u64 = 2 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Kind, Message};

    /// What the script says, decoded by the book.
    fn messages(script: &Script, count: u64) -> Vec<(u8, usize, Vec<u8>)> {
        let total = count * script.message_size();
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < total {
            let mut slices = [IoSlice::new(&[]); 3];
            let filled = script.slices(bytes.len() as u64, total, &mut slices);
            slices[..filled].iter().for_each(|slice| bytes.extend_from_slice(slice));
        }
        let mut messages = Vec::new();
        let mut rest = &bytes[..];
        let mut kind = 0;
        let mut frames = 0;
        let mut payload = Vec::new();
        while !rest.is_empty() {
            let (first, second) = (rest[0], rest[1]);
            assert_eq!(second & MASKED, MASKED);
            assert_eq!(first & 0x0f == CONTINUATION, frames > 0);
            let (size, header) = match second & 0x7f {
                126 => (usize::from(u16::from_be_bytes(rest[2..4].try_into().unwrap())), 4),
                127 => (u64::from_be_bytes(rest[2..10].try_into().unwrap()) as usize, 10),
                size => (usize::from(size), 2),
            };
            let key = &rest[header..header + 4];
            let body = &rest[header + 4..header + 4 + size];
            payload.extend(body.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
            rest = &rest[header + 4 + size..];
            kind = kind.max(first & 0x0f);
            frames += 1;
            if first & FIN != 0 {
                messages.push((kind, frames, std::mem::take(&mut payload)));
                (kind, frames) = (0, 0);
            }
        }
        messages
    }

    #[test]
    fn every_size_and_number_of_fragments_is_encoded_as_the_payload_says() {
        for (size, fragments) in
            [(0, 1), (16, 1), (125, 1), (126, 1), (65_535, 1), (65_536, 3), (1_000_000, 1)]
                .into_iter()
                .chain([(1_000_000, 7), (5, 4), (3, 8), (300_000, 2), (200_000, 1_000)])
        {
            let message = Message { fragments, ..Message::new(Kind::Text, size) };
            let payload = Payload::new(message);
            let mut expected = Vec::new();
            while (expected.len() as u64) < size {
                let bytes = payload.at(expected.len() as u64);
                let len = bytes.len().min(size as usize - expected.len());
                expected.extend_from_slice(&bytes[..len]);
            }
            for at_once in [1, 3] {
                let script = Script::new(&payload, at_once);
                let said = messages(&script, 4);
                assert_eq!(said.len(), 4);
                for (kind, frames, payload) in said {
                    assert_eq!((kind, frames), (1, fragments as usize));
                    assert!(payload == expected, "{size} in {fragments}");
                    assert!(payload.is_ascii());
                }
            }
        }
    }

    #[test]
    fn a_batch_of_small_messages_is_one_piece_and_a_large_one_takes_little_space() {
        let small = Script::new(&Payload::new(Message::new(Kind::Binary, 16)), 64);
        assert_eq!(small.at(0).len(), 64 * 22);
        let large = Script::new(&Payload::new(Message::new(Kind::Binary, 64 << 20)), 4);
        assert_eq!(large.message_size(), (64 << 20) + 14);
        assert!(large.store.len() < 2 * BLOCK);
    }
}
