//! zlib-rs by itself, as the other end: it makes what is decompressed and reads what was compressed.

use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status};

/// What a sync flush ends with, and a message leaves out (RFC 7692 section 7.2.1).
pub const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

const WINDOW_BITS: u8 = 15;

pub struct Compressor {
    deflate: Deflate,
    takeover: bool,
    output: Vec<u8>,
}

impl Compressor {
    pub fn new(level: u8, takeover: bool) -> Self {
        let deflate = Deflate::new(level.into(), false, WINDOW_BITS);
        Self { deflate, takeover, output: Vec::new() }
    }

    /// The payload of a message's frame.
    pub fn compress(&mut self, message: &[u8]) -> &[u8] {
        // Deflate adds 5 bytes to 16 KiB that it cannot compress, and the tail to all of it.
        let bound = message.len() + message.len() / 1024 + 64;
        if self.output.len() < bound {
            self.output.resize(bound, 0);
        }
        let before = self.deflate.total_out();
        let status = self.deflate.compress(message, &mut self.output, DeflateFlush::SyncFlush);
        assert_eq!(status, Ok(Status::Ok), "there is room for all of it");
        let len = (self.deflate.total_out() - before) as usize;
        assert!(len < bound, "there was room for all of it");
        if !self.takeover {
            self.deflate.reset();
        }
        self.output[..len].strip_suffix(&TAIL).expect("a sync flush ends like this")
    }
}

pub struct Decompressor {
    inflate: Inflate,
    takeover: bool,
    output: Vec<u8>,
}

impl Decompressor {
    pub fn new(takeover: bool) -> Self {
        Self { inflate: Inflate::new(false, WINDOW_BITS), takeover, output: vec![0; 4096] }
    }

    /// The message of a frame's payload.
    ///
    /// # Panics
    ///
    /// If it is not valid, or refers to what it must not refer to.
    pub fn decompress(&mut self, payload: &[u8]) -> &[u8] {
        let mut len = 0;
        for mut input in [payload, &TAIL] {
            loop {
                let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
                let room = &mut self.output[len..];
                let status = self.inflate.decompress(input, room, InflateFlush::SyncFlush);
                status.expect("valid deflate");
                len += (self.inflate.total_out() - before_out) as usize;
                input = &input[(self.inflate.total_in() - before_in) as usize..];
                if len < self.output.len() {
                    break;
                }
                self.output.resize(2 * len, 0);
            }
            assert!(input.is_empty(), "trailing garbage");
        }
        if !self.takeover {
            self.inflate.reset(false);
        }
        &self.output[..len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::messages;

    #[test]
    fn what_was_compressed_is_read_back() {
        for takeover in [true, false] {
            let mut compressor = Compressor::new(6, takeover);
            let mut decompressor = Decompressor::new(takeover);
            for message in messages(16 << 10, 4) {
                let payload = compressor.compress(&message.bytes);
                assert_eq!(decompressor.decompress(payload), message.bytes);
            }
        }
    }

    #[test]
    #[should_panic = "valid deflate"]
    fn a_reference_to_an_earlier_message_is_noticed() {
        let mut compressor = Compressor::new(6, true);
        let mut decompressor = Decompressor::new(false);
        for message in messages(1 << 10, 4) {
            decompressor.decompress(compressor.compress(&message.bytes));
        }
    }
}
