//! zlib-rs with a header, a mask and a check of the text by hand, and nothing else: no limits, no
//! fragments, no control frames.

use crate::STAGING;
use crate::chat::Text;
use crate::contest::{Peer, Rank, Server, Terms};
use crate::frames::{self, read};
use crate::neutral::{Compressor, Decompressor};
use crate::pipe::Pipe;

/// The yardstick, under the name that says how zlib-rs was built.
pub const fn floor(name: &'static str) -> Peer {
    Peer::new(name, Rank::Yardstick, open)
}

fn open(terms: Terms, pipe: Pipe) -> Box<dyn Server> {
    Box::new(Floor {
        compressor: Compressor::new(terms.level, terms.takeover),
        decompressor: Decompressor::new(terms.takeover),
        output: Vec::new(),
        input: Input::default(),
        pipe,
    })
}

struct Floor {
    compressor: Compressor,
    decompressor: Decompressor,
    output: Vec<u8>,
    input: Input,
    pipe: Pipe,
}

impl Server for Floor {
    fn send(&mut self, message: &Text) {
        self.output.clear();
        frames::write(&mut self.output, self.compressor.compress(&message.bytes), None);
        self.pipe.put(&self.output);
    }

    fn receive(&mut self, count: usize, visit: &mut dyn FnMut(&[u8])) {
        for _ in 0..count {
            let message = self.decompressor.decompress(self.input.next_payload(&mut self.pipe));
            simdutf8::basic::from_utf8(message).expect("valid text");
            visit(message);
        }
    }
}

/// The bytes that were read and not yet used.
#[derive(Default)]
pub struct Input {
    bytes: Vec<u8>,
    used: usize,
}

impl Input {
    /// The payload of the next frame, unmasked.
    pub fn next_payload(&mut self, pipe: &mut Pipe) -> &[u8] {
        loop {
            if let Some(head) = read(&self.bytes[self.used..])
                && let end = self.used + head.end
                && end <= self.bytes.len()
            {
                let payload = &mut self.bytes[self.used + head.start..end];
                self.used = end;
                unmask(payload, head.key.expect("a client masks"));
                return payload;
            }
            self.bytes.drain(..self.used);
            self.used = 0;
            self.bytes.extend_from_slice(pipe.next_bytes(STAGING));
        }
    }
}

fn unmask(payload: &mut [u8], key: [u8; 4]) {
    let wide = u64::from_ne_bytes([key, key].concat().try_into().expect("eight bytes"));
    let mut words = payload.chunks_exact_mut(8);
    for word in &mut words {
        let unmasked = u64::from_ne_bytes(word.try_into().expect("eight bytes")) ^ wide;
        word.copy_from_slice(&unmasked.to_ne_bytes());
    }
    words.into_remainder().iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
}
