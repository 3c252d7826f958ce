use longwire::DataKind;
use longwire::deflate::{Compressor, DecompressError, Decompressor, Deflate, WindowBits};

use super::payloads::payload;
use super::source::{Lcg, Source};
use crate::reference_inflater::{Fault, ReferenceInflater};

/// Whatever is compressed, and however, is read back by an inflater that knows no more than the
/// agreed window, and by ours, however it arrives; what would grow leaves no trace.
pub fn deflate(schedule: &[u8]) {
    let source = &mut Source::new(schedule);
    let (window, takeover) = (window(source), !source.flag());
    let mut config = Deflate::DEFAULT;
    (config.level, config.memory_level) = (source.choose(&LEVELS), source.choose(&MEMORY_LEVELS));

    let mut sender = Compressor::new(window, takeover, &config);
    let mut peer = Peer {
        window,
        takeover,
        inflater: Decompressor::new(window, takeover),
        reference: ReferenceInflater::new(window.bytes()),
    };
    let mut said = Vec::new();
    for _ in 0..12 {
        if source.is_empty() || said.len() > ENOUGH {
            break;
        }
        let message = message(source, &said);
        match source.below(6) {
            0 => {
                let (mut parts, mut rest) = (Vec::new(), &message[..]);
                while !rest.is_empty() && parts.len() < 5 {
                    let (part, more) = rest.split_at(source.length().min(rest.len()));
                    parts.push(sender.fragment(part, false));
                    rest = more;
                }
                parts.push(sender.fragment(rest, true));
                peer.read(&parts, &message, source);
            }
            1 => {
                // Compressed for many connections, as it is for those without takeover.
                let mut elsewhere = Compressor::new(window, false, &config);
                let compressed = elsewhere.message(&message, true).expect("forced");
                sender.forget();
                peer.read(&[compressed], &message, source);
            }
            how => {
                let force = how == 2;
                let Some(compressed) = sender.message(&message, force) else {
                    assert!(!force);
                    continue;
                };
                assert!(force || compressed.len() < message.len());
                peer.read(&[compressed], &message, source);
            }
        }
        said.extend_from_slice(&message);
        if !takeover {
            assert_eq!(sender.memory(), 0);
        }
    }
}

struct Peer {
    window: WindowBits,
    takeover: bool,
    inflater: Decompressor,
    reference: ReferenceInflater,
}

impl Peer {
    fn read(&mut self, parts: &[Vec<u8>], message: &[u8], source: &mut Source<'_>) {
        let payload = parts.concat();
        if !self.takeover {
            self.reference.forget();
        }
        let read = self.reference.message(&payload).expect("DEFLATE within the window");
        assert!(read == message);
        assert!(self.reference.farthest() <= self.window.bytes());

        let step = source.amount();
        let mut out = Vec::new();
        for piece in payload.chunks(step) {
            self.inflater.push(piece, &mut out, message.len()).expect("DEFLATE within the limit");
        }
        self.inflater.finish(&mut out).expect("whole");
        assert!(out == message);

        if !self.takeover && !message.is_empty() {
            let mut strict = Decompressor::new(self.window, false);
            let limit = message.len() - 1;
            assert_eq!(inflated(&mut strict, &payload, step, limit), Err(DecompressError::TooBig));
        }
    }
}

/// Any bytes are read as the reference reads them, however they arrive and never beyond the limit, or
/// are corrupt.
pub fn inflate(input: &[u8]) {
    let source = &mut Source::new(input);
    let (window, takeover) = (window(source), !source.flag());
    let (step, limit) = (source.amount(), source.length());
    let mut inflater = Decompressor::new(window, takeover);
    let mut reference = ReferenceInflater::new(window.bytes());
    while !source.is_empty() {
        let len = usize::from(source.short());
        let payload = source.take(len);
        if !takeover {
            reference.forget();
        }
        let expected = reference.message(payload);
        let read = inflated(&mut inflater, payload, step, limit);
        match (&expected, &read) {
            (Ok(message), Ok(out)) => assert!(message == out),
            (Ok(message), Err(DecompressError::TooBig)) => assert!(message.len() > limit),
            // References behind a last block.
            (Ok(_), Err(_)) => assert!(reference.last_blocks() > 0),
            // Ours has a window of 32 KiB, whatever was agreed.
            (Err(Fault::Distance(_)), Ok(_)) => {}
            // Within a block's code lengths a state that is kept cannot tell yet.
            (Err(fault), Ok(_)) => {
                assert!(matches!(fault, Fault::End | Fault::Code), "{fault:?}");
                assert!(takeover && window.get() > 12);
            }
            (Err(_), Err(_)) => {}
        }
        if expected.is_err() || read.is_err() {
            assert!(read.is_ok() || inflater.memory() == 0);
            return;
        }
    }
}

fn inflated(
    inflater: &mut Decompressor,
    payload: &[u8],
    step: usize,
    limit: usize,
) -> Result<Vec<u8>, DecompressError> {
    let mut out = Vec::new();
    for piece in payload.chunks(step) {
        let pushed = inflater.push(piece, &mut out, limit);
        assert!(out.len() <= limit && out.capacity() <= limit);
        pushed?;
    }
    inflater.finish(&mut out)?;
    assert!(out.len() <= limit);
    Ok(out)
}

/// Text, noise, a run, or what was said before, at a distance.
fn message(source: &mut Source<'_>, said: &[u8]) -> Vec<u8> {
    let (seed, len) = (source.below(256), source.length());
    match source.below(5) {
        0 => noise(seed, len),
        1 => vec![seed as u8; len],
        2 => payload(DataKind::Binary, seed, len),
        3 => payload(DataKind::Text, seed, len),
        _ => {
            // Up to the window's edge, and beyond it.
            let back = usize::from(source.short()).min(said.len());
            let old = &said[said.len() - back..];
            [noise(seed, seed), old[..len.min(old.len())].to_vec()].concat()
        }
    }
}

fn noise(seed: usize, len: usize) -> Vec<u8> {
    let mut random = Lcg(seed as u64);
    (0..len).map(|_| random.draw() as u8).collect()
}

fn window(source: &mut Source<'_>) -> WindowBits {
    WindowBits::new(15 - source.below(8) as u8).expect("8 to 15")
}

/// A window, and what does not fit into it any more.
const ENOUGH: usize = 50_000;
const LEVELS: [u8; 10] = [6, 1, 9, 2, 3, 4, 5, 7, 8, 0];
const MEMORY_LEVELS: [u8; 4] = [8, 1, 9, 5];
