//! flate2 with a header, a mask and a check of the text by hand, over the zlib that this package has.

use compare_deflate::chat::Text;
use compare_deflate::contest::{Peer, Rank, Server, Terms};
use compare_deflate::floor::Input;
use compare_deflate::frames;
use compare_deflate::neutral::TAIL;
use compare_deflate::pipe::Pipe;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

pub const fn flate2(name: &'static str) -> Peer {
    Peer::new(name, Rank::Yardstick, open)
}

fn open(terms: Terms, pipe: Pipe) -> Box<dyn Server> {
    Box::new(Flate2 {
        compress: Compress::new(Compression::new(terms.level.into()), false),
        decompress: Decompress::new(false),
        takeover: terms.takeover,
        message: Vec::new(),
        output: Vec::new(),
        input: Input::default(),
        pipe,
    })
}

struct Flate2 {
    compress: Compress,
    decompress: Decompress,
    takeover: bool,
    /// Compressed when sending, decompressed when receiving.
    message: Vec<u8>,
    output: Vec<u8>,
    input: Input,
    pipe: Pipe,
}

impl Server for Flate2 {
    fn send(&mut self, message: &Text) {
        let before = self.compress.total_in();
        self.message.clear();
        self.message.reserve(message.bytes.len() + message.bytes.len() / 1024 + 64);
        self.compress
            .compress_vec(&message.bytes, &mut self.message, FlushCompress::Sync)
            .expect("it can be compressed");
        assert_eq!(self.compress.total_in() - before, message.bytes.len() as u64, "all of it");
        if !self.takeover {
            self.compress.reset();
        }
        let payload = self.message.strip_suffix(&TAIL).expect("a sync flush ends like this");
        self.output.clear();
        frames::write(&mut self.output, payload, None);
        self.pipe.put(&self.output);
    }

    fn receive(&mut self, count: usize, visit: &mut dyn FnMut(&[u8])) {
        for _ in 0..count {
            let payload = self.input.next_payload(&mut self.pipe);
            self.message.clear();
            self.message.reserve(1024);
            for mut input in [payload, &TAIL] {
                while !input.is_empty() || self.message.len() == self.message.capacity() {
                    if self.message.len() == self.message.capacity() {
                        self.message.reserve(self.message.len());
                    }
                    let before = self.decompress.total_in();
                    self.decompress
                        .decompress_vec(input, &mut self.message, FlushDecompress::Sync)
                        .expect("valid deflate");
                    input = &input[(self.decompress.total_in() - before) as usize..];
                }
            }
            if !self.takeover {
                self.decompress.reset(false);
            }
            simdutf8::basic::from_utf8(&self.message).expect("valid text");
            visit(&self.message);
        }
    }
}
