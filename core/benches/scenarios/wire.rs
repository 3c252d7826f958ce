//! Frames and texts to work on, and the frames that came of it.

use bytes::Buf;
use longwire::frame::{FrameHeader, Mask, Opcode};
use longwire::{Connection, Endpoint, Instant};

/// Numbers that look like chance and are always the same.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn fill(&mut self, dest: &mut [u8]) {
        for chunk in dest.chunks_mut(8) {
            let number = self.next().to_le_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.fill(&mut bytes);
        bytes
    }
}

/// `len` bytes of text in many scripts: a third ASCII, the rest characters of two to four bytes.
pub(super) fn mixed_text(len: usize) -> String {
    let pattern = "Привет, wörld! 你好，世界 — καλημέρα 🙂 ok; ";
    let mut text = String::with_capacity(len);
    for character in pattern.chars().cycle() {
        if text.len() + character.len_utf8() > len {
            break;
        }
        text.push(character);
    }
    text.extend(std::iter::repeat_n('.', len - text.len()));
    text
}

/// `len` bytes of ASCII.
pub(super) fn ascii_text(len: usize) -> String {
    "The quick brown fox jumps over the lazy dog; ".chars().cycle().take(len).collect()
}

/// Appends a frame as a client sends it.
pub(super) fn masked(
    wire: &mut Vec<u8>,
    numbers: &mut Numbers,
    fin: bool,
    opcode: Opcode,
    payload: &[u8],
) {
    let mut key = [0; 4];
    numbers.fill(&mut key);
    let header = FrameHeader {
        fin,
        rsv1: false,
        opcode,
        mask: Some(Mask(key)),
        payload_len: payload.len() as u64,
    };
    wire.extend_from_slice(&header.encode());
    // Not with `Mask::apply`: what prepares the work must not share its mistakes.
    wire.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// A frame that was sent, unmasked.
pub(super) struct Sent {
    pub(super) header: FrameHeader,
    pub(super) payload: Vec<u8>,
}

/// The frames in `wire`, which holds nothing else.
pub(super) fn frames(mut wire: &[u8]) -> Vec<Sent> {
    let mut frames = Vec::new();
    while !wire.is_empty() {
        let parsed = FrameHeader::parse(wire).expect("what is sent is in order");
        let (header, len) = parsed.expect("headers are whole");
        let end = len + usize::try_from(header.payload_len).expect("it is in memory");
        let mask = header.mask.map_or([0; 4], |mask| mask.0);
        let payload = wire[len..end].iter().zip(mask.iter().cycle());
        frames.push(Sent { header, payload: payload.map(|(byte, key)| byte ^ key).collect() });
        wire = &wire[end..];
    }
    frames
}

/// Reads as much of `bytes` as there is room for, as a socket does, and says how much that was.
pub(super) fn read(endpoint: &mut impl Endpoint, now: Instant, bytes: &[u8]) -> usize {
    let spare = endpoint.recv_buffer();
    let n = bytes.len().min(spare.len());
    assert!(n > 0, "there is no room for {} bytes", bytes.len());
    spare[..n].copy_from_slice(&bytes[..n]);
    endpoint.received(now, n);
    n
}

/// Transmits everything, and says in how many writes.
pub(super) fn write(connection: &mut Connection, now: Instant, mut seen: impl FnMut(&[u8])) -> u32 {
    let mut writes = 0;
    loop {
        let outbox = connection.send_buffer();
        if !outbox.has_remaining() {
            return writes;
        }
        let n = outbox.gather(|slices| {
            slices.iter().for_each(|slice| seen(slice));
            slices.iter().map(|slice| slice.len()).sum::<usize>()
        });
        connection.sent(now, n);
        writes += 1;
    }
}
