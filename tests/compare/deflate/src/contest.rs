//! What a contender has to be able to do, and the proof that it does it before it is timed.

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;

use crate::STAGING;
use crate::chat::{self, Text};
use crate::frames::{self, messages};
use crate::neutral::{Compressor, Decompressor};
use crate::pipe::{Pipe, Sink};
use crate::row::{DEFAULT_LEVEL, Row, Work};

/// One end of a connection, a server, after its handshake.
pub trait Server {
    /// Sends a text message and flushes.
    fn send(&mut self, message: &Text);

    /// Receives `count` text messages, validates and shows each.
    fn receive(&mut self, count: usize, visit: &mut dyn FnMut(&[u8]));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// Not a WebSocket, but a limit.
    Yardstick,
    Longwire,
    Peer,
}

/// What both ends agreed on: windows of 15 bits, and this.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// In both directions.
    pub takeover: bool,
    pub level: u8,
}

/// Who takes part.
pub struct Peer {
    pub name: &'static str,
    pub rank: Rank,
    /// None: it can be chosen.
    pub only_level: Option<u8>,
    /// Whether it can keep its context, and whether it can do without.
    pub takeover: bool,
    pub no_takeover: bool,
    pub open: fn(Terms, Pipe) -> Box<dyn Server>,
}

impl Peer {
    pub const fn new(
        name: &'static str,
        rank: Rank,
        open: fn(Terms, Pipe) -> Box<dyn Server>,
    ) -> Self {
        Self { name, rank, only_level: None, takeover: true, no_takeover: true, open }
    }

    pub fn takes(&self, takeover: bool) -> bool {
        if takeover { self.takeover } else { self.no_takeover }
    }
}

/// A peer, doing one row's work.
pub struct Contender {
    pub name: &'static str,
    pub rank: Rank,
    pub level: u8,
    /// Messages a call of `run`.
    pub units: usize,
    pub run: Box<dyn FnMut()>,
    /// Bytes on the wire, all messages together.
    pub wire: usize,
}

/// What that peer does in that row, if it takes part.
pub fn contender(peer: &Peer, row: Row) -> Option<Contender> {
    if !peer.takes(row.takeover) {
        return None;
    }
    match row.work {
        Work::Decompress => Some(decompress(peer, row)),
        // Who has no choice is shown beside those who have the default.
        Work::Compress { level: DEFAULT_LEVEL } => {
            Some(compress(peer, row, peer.only_level.unwrap_or(DEFAULT_LEVEL)))
        }
        Work::Compress { level } => {
            peer.only_level.is_none_or(|only| only == level).then(|| compress(peer, row, level))
        }
    }
}

fn compress(peer: &Peer, row: Row, level: u8) -> Contender {
    let name = peer.name;
    let texts = chat::messages(row.len, row.count());
    let terms = Terms { takeover: row.takeover, level };
    let sink = Arc::new(Sink::default());
    let mut server = (peer.open)(terms, Pipe::once(Bytes::new(), Arc::clone(&sink)));
    let mut neutral = Decompressor::new(row.takeover);
    let mut bytes = 0;
    // Twice: the second time as all that are timed, with the messages before it still in the window.
    for _ in 0..2 {
        let (wire, _) = sink.capture(|| texts.iter().for_each(|text| server.send(text)));
        let written = messages(&wire);
        assert_eq!(written.len(), texts.len(), "{name}: another number of messages");
        for (written, text) in written.iter().zip(&texts) {
            assert!(written.is_compressed, "{name}: it did not compress");
            assert!(neutral.decompress(&written.payload) == text.bytes, "{name}: a wrong message");
        }
        bytes = wire.len();
    }
    let units = texts.len();
    let run = Box::new(move || texts.iter().for_each(|text| server.send(black_box(text))));
    Contender { name, rank: peer.rank, level, units, run, wire: bytes }
}

fn decompress(peer: &Peer, row: Row) -> Contender {
    let name = peer.name;
    let texts = chat::messages(row.len, row.count());
    let wire = incoming(&texts, row.takeover);
    let bytes = wire.len();
    let level = peer.only_level.unwrap_or(DEFAULT_LEVEL);
    let terms = Terms { takeover: row.takeover, level };
    let mut server = (peer.open)(terms, Pipe::repeating(wire, STAGING, Arc::default()));
    for _ in 0..2 {
        let mut expected = texts.iter();
        server.receive(texts.len(), &mut |message| {
            let text = expected.next().unwrap_or_else(|| panic!("{name}: too many messages"));
            assert!(text.bytes == message, "{name}: a wrong message");
        });
        assert_eq!(expected.len(), 0, "{name}: messages are missing");
    }
    let units = texts.len();
    let run = Box::new(move || {
        server.receive(units, &mut |message| {
            black_box(message);
        });
    });
    Contender { name, rank: peer.rank, level, units, run, wire: bytes }
}

/// The masked frames of a client. The first message refers to nothing before it, so that all of
/// them may come again and again; the rest do, if the context is kept.
pub fn incoming(texts: &[Text], takeover: bool) -> Bytes {
    let mut compressor = Compressor::new(DEFAULT_LEVEL, takeover);
    let mut wire = Vec::new();
    let mut key = 0x9e37_79b9_u32;
    for text in texts {
        key = key.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
        frames::write(&mut wire, compressor.compress(&text.bytes), Some(key.to_ne_bytes()));
    }
    wire.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::floor;

    const ROW: Row =
        Row { work: Work::Compress { level: DEFAULT_LEVEL }, takeover: false, len: 1 << 10 };

    fn keeps_context(terms: Terms, pipe: Pipe) -> Box<dyn Server> {
        (floor("").open)(Terms { takeover: true, ..terms }, pipe)
    }

    /// Sends every message as it is, and receives none.
    struct Plain(Pipe);

    impl Server for Plain {
        fn send(&mut self, message: &Text) {
            let mut wire = Vec::new();
            frames::write(&mut wire, &message.bytes, None);
            wire[0] &= !0x40;
            self.0.put(&wire);
        }

        fn receive(&mut self, _: usize, _: &mut dyn FnMut(&[u8])) {}
    }

    fn plain(_: Terms, pipe: Pipe) -> Box<dyn Server> {
        Box::new(Plain(pipe))
    }

    #[test]
    fn the_floor_is_a_contender_in_every_row() {
        for row in crate::row::rows().into_iter().filter(|row| row.len <= 16 << 10) {
            assert!(contender(&floor("floor"), row).is_some());
        }
    }

    #[test]
    #[should_panic = "valid deflate"]
    fn who_keeps_context_where_none_is_agreed_is_noticed() {
        contender(&Peer::new("keeps context", Rank::Peer, keeps_context), ROW);
    }

    #[test]
    #[should_panic = "it did not compress"]
    fn who_does_not_compress_is_noticed() {
        contender(&Peer::new("plain", Rank::Peer, plain), ROW);
    }

    #[test]
    #[should_panic = "messages are missing"]
    fn who_does_not_decompress_is_noticed() {
        let row = Row { work: Work::Decompress, ..ROW };
        contender(&Peer::new("plain", Rank::Peer, plain), row);
    }

    #[test]
    fn who_cannot_keep_context_does_not_take_part_where_it_is_kept() {
        let peer = Peer { takeover: false, ..floor("") };
        assert!(contender(&peer, Row { takeover: true, ..ROW }).is_none());
    }
}
