//! Frames by hand, for a server that does what ours would not.

use super::*;

pub(super) const TEXT: u8 = 0x81;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;
pub(super) const PONG: u8 = 0x8a;

/// A short frame of a server.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, payload.len() as u8], payload].concat()
}

/// The frames of a client, unmasked.
pub(super) fn frames(mut wire: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = wire {
        let (len, rest) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 => (u64::from_be_bytes(rest[..8].try_into().unwrap()) as usize, &rest[8..]),
            len => (usize::from(len), rest),
        };
        let (key, rest) = rest.split_at(4);
        let (payload, rest) = rest.split_at(len);
        let payload = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        frames.push((*first, payload.collect()));
        wire = rest;
    }
    frames
}

impl World {
    /// Takes what the client sent: the server does not get it.
    pub(super) fn intercept(&mut self) -> Vec<(u8, Vec<u8>)> {
        assert!(self.asleep, "or the server would have got it");
        self.settle();
        let frames = frames(&self.to_server);
        self.to_server.clear();
        frames
    }

    /// The payloads of the pings among it.
    pub(super) fn intercept_pings(&mut self) -> Vec<Vec<u8>> {
        let pings = self.intercept().into_iter().filter(|(first, _)| *first == PING);
        pings.map(|(_, payload)| payload).collect()
    }

    pub(super) fn inject(&mut self, frame: &[u8]) {
        self.to_client.extend_from_slice(frame);
        self.settle();
    }
}
