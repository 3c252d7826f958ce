use std::collections::VecDeque;

use longwire::buffer::Stage;
use longwire::error::TransportFailure;
use longwire::time::Duration;
use longwire::{CloseCode, ConnectionError, Endpoint, ProtocolError, State};

use super::operations::finish;
use super::side;
use super::source::{Side, Source};
use super::wire::Transcript;

/// A client and a server over two pipes, every schedule of bytes, commands, time and faults: what
/// was sent arrives once and in order or is reported, whatever happens is over at some time, and
/// what each end reports fits what the other one did.
pub fn pair(input: &[u8]) {
    let mut source = Source::new(input);
    let pair = Pair::new(&mut source);
    pair.run(source);
}

/// The same, of two ends that agreed on compression, whatever they agreed on.
pub fn pair_compressed(input: &[u8]) {
    let mut source = Source::new(input);
    let deflate = source.deflate();
    let mut pair = Pair::new(&mut source);
    pair.ends = pair.ends.map(|side| side.with_deflate(&deflate));
    pair.run(source);
}

/// What is on its way from one end to the other.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    /// No more will be written.
    eof: bool,
    /// The reader was told so.
    eof_told: bool,
    /// What arrives may not be what was sent.
    tainted: bool,
    /// Written bytes vanish, or writing failed.
    broken: bool,
}

const ROOM: usize = 100_000;

struct Pair {
    /// The client and the server.
    ends: [side::Side; 2],
    /// From the client, and from the server.
    pipes: [Pipe; 2],
    /// Both take turns with it.
    stage: Stage,
    /// Whether time or the application may have cut something short.
    hurried: bool,
}

impl Pair {
    fn new(source: &mut Source<'_>) -> Self {
        let (client, server) = (source.config(Side::Client), source.config(Side::Server));
        Self {
            ends: [
                side::Side::new(Side::Client, client, 1),
                side::Side::new(Side::Server, server, 2),
            ],
            pipes: Default::default(),
            stage: Stage::new(),
            hurried: false,
        }
    }

    fn run(mut self, mut source: Source<'_>) {
        while !source.is_empty() {
            self.step(&mut source);
            for side in &mut self.ends {
                side.check();
            }
        }
        self.settle();
        self.end();
    }

    fn step(&mut self, source: &mut Source<'_>) {
        let at = usize::from(source.flag());
        let side = &mut self.ends[at];
        match source.below(32) {
            0..=4 => self.write(at, source.amount()),
            5..=9 => self.read(at, source.amount()),
            10 | 11 => {
                side.take(source.flag());
            }
            12 => while side.take(false) {},
            13 => {
                let _ = side.connection.poll_ready();
            }
            14..=17 => side.send(source.kind(), source.length()),
            18 | 19 => side.fragment(source.kind(), source.length(), false),
            20 => side.fragment(source.kind(), source.length(), true),
            21 => side.ping(&source.short().to_be_bytes()),
            22 => side.stall(),
            23 => match source.below(4) {
                0 => side.connection.release_buffers(),
                1 | 2 => side.connection.lend(&mut self.stage),
                _ => side.connection.reclaim(&mut self.stage),
            },
            24 | 25 => self.advance(Duration::from_millis(u64::from(source.short()))),
            26 => self.advance(source.pause()),
            // Endings, rarely.
            _ if source.below(6) != 0 => {
                if source.below(8) == 1 {
                    side.send(source.kind(), source.long_length());
                }
            }
            27 => side.close(source.close_code(), ""),
            28 => side.close(source.close_code(), &"why ".repeat(40)),
            29 => match source.below(3) {
                0 => side.abort(),
                1 => side.abandon(),
                _ => side.fragment(source.kind(), 3, false),
            },
            30 => {
                side.fail_write();
                self.pipes[at].broken = true;
                // The peer may see the end of the stream, or nothing ever.
                self.pipes[at].eof |= source.flag();
            }
            _ => match source.below(3) {
                0 => {
                    side.end(Some(TransportFailure::Reset));
                    self.pipes[1 - at].broken = true;
                    self.pipes[1 - at].eof_told = true;
                }
                1 => {
                    if let Some(byte) = self.pipes[at].bytes.back_mut() {
                        *byte ^= source.byte();
                        self.pipes[at].tainted = true;
                    }
                }
                _ => {
                    self.pipes[at].bytes.clear();
                    self.pipes[at].broken = true;
                    self.pipes[at].eof = true;
                }
            },
        }
    }

    /// As a driver whose transport takes up to `n` bytes.
    fn write(&mut self, at: usize, n: usize) {
        let (side, pipe) = (&mut self.ends[at], &mut self.pipes[at]);
        let room = ROOM.saturating_sub(pipe.bytes.len());
        if room == 0 && !pipe.broken {
            side.stall();
            return;
        }
        if side.connection.is_finished() {
            pipe.eof = true;
            return;
        }
        let taken = side.transmit(n.min(if pipe.broken { n } else { room }));
        if !pipe.broken {
            pipe.bytes.extend(&taken);
        }
        let empty = !bytes::Buf::has_remaining(side.connection.send_buffer());
        pipe.eof |= empty && side.connection.is_send_finished();
    }

    fn read(&mut self, at: usize, n: usize) {
        let (side, pipe) = (&mut self.ends[at], &mut self.pipes[1 - at]);
        if pipe.bytes.is_empty() && pipe.eof && !pipe.eof_told {
            side.end(None);
            pipe.eof_told = true;
        }
        if pipe.eof_told {
            return;
        }
        let (front, _) = pipe.bytes.as_slices();
        let front = front[..n.min(front.len())].to_vec();
        let n = side.receive(&front);
        pipe.bytes.drain(..n);
    }

    /// Time is the same for both.
    fn advance(&mut self, by: Duration) {
        for (side, pipe) in self.ends.iter_mut().zip(&self.pipes) {
            side.advance(by);
            self.hurried |= pipe.broken || side.connection.state() != State::Open;
        }
    }

    /// The pipes work from now on, and both applications take everything.
    fn settle(&mut self) {
        for _ in 0..20_000 {
            let mut moved = false;
            for at in 0..2 {
                let before = (self.ends[at].wire.len(), self.pipes[1 - at].bytes.len());
                self.write(at, usize::MAX);
                // As a driver, which reads when there is no news, and then there is room.
                moved |= self.ends[at].take(false);
                self.read(at, usize::MAX);
                while self.ends[at].take(false) {
                    moved = true;
                }
                self.ends[at].check();
                moved |= before != (self.ends[at].wire.len(), self.pipes[1 - at].bytes.len());
            }
            if !moved {
                break;
            }
        }
        let transcripts = self.transcripts();
        self.check_exchange(&transcripts);
        let undisturbed = self.pipes.iter().all(|pipe| !pipe.tainted && !pipe.broken && !pipe.eof);
        if undisturbed && self.ends.iter().all(|side| side.connection.state() == State::Open) {
            self.check_open(&transcripts);
        }
    }

    fn transcripts(&self) -> [Transcript; 2] {
        self.ends.each_ref().map(side::Side::transcript)
    }

    /// Both are open and nothing is on its way: everything sent has arrived.
    fn check_open(&self, transcripts: &[Transcript; 2]) {
        for (at, transcript) in transcripts.iter().enumerate() {
            let (side, peer) = (&self.ends[at], &self.ends[1 - at]);
            assert_eq!(transcript.pongs.last(), side.pings.last(), "the newest is answered");
            assert_eq!(peer.pings, transcript.pings, "every ping arrives");
            assert_eq!(peer.received.len(), transcript.messages.len());
            // With its header, a message costs up to 14 bytes more than its payload.
            let (held, bytes) = side.held();
            assert!(side.connection.buffered() <= bytes + 14 * held, "something did not leave");
        }
    }

    /// What arrived is what was sent, as far as it arrived.
    fn check_exchange(&self, transcripts: &[Transcript; 2]) {
        for (at, transcript) in transcripts.iter().enumerate() {
            let peer = &self.ends[1 - at];
            if self.pipes[at].tainted {
                continue;
            }
            let sent = &transcript.messages;
            assert!(peer.received.len() <= sent.len(), "more arrived than was sent");
            assert!(sent.starts_with(&peer.received), "once, and in order");
            for error in &peer.errors {
                assert!(
                    !matches!(error, ConnectionError::Protocol(e) if *e != ProtocolError::MessageTooSlow),
                    "we violate the protocol: {error}"
                );
            }
        }
    }

    fn end(&mut self) {
        // Close both, and see them through; then whoever is left obeys its timers.
        for side in &mut self.ends {
            side.close(CloseCode::GOING_AWAY, "end");
        }
        self.settle();
        for side in &mut self.ends {
            finish(side);
        }
        let transcripts = self.transcripts();
        for (side, transcript) in self.ends.iter_mut().zip(&transcripts) {
            side.check_end(transcript);
        }
        self.check_exchange(&transcripts);
        for at in 0..2 {
            let closed = self.ends[at].closed.as_ref().expect("checked");
            let peer = self.ends[1 - at].closed.as_ref().expect("checked");
            if let (Some(received), false) = (&closed.received, self.pipes[1 - at].tainted) {
                let sent = peer.sent.as_ref().expect("what was received was sent");
                assert_eq!(received.code, sent.code);
                assert!(sent.reason.starts_with(&received.reason));
            }
            let faulty = self.pipes.iter().any(|pipe| pipe.tainted || pipe.broken);
            let told = self.ends.iter().all(|side| side.errors.is_empty());
            if !faulty && told && !self.hurried && !self.ends.iter().any(|side| side.aborted) {
                assert!(closed.clean, "{closed:?}");
            }
        }
    }
}
