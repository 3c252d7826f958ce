use longwire::{CloseCode, DataKind, Endpoint};

use super::operations::finish;
use super::side;
use super::source::{Side, Source};
use super::wire::{self, Frame};

/// Frames of long messages wait in front of a slow transport until this many bytes do, as far as they
/// cannot be taken back.
const LOW_WATER: usize = 256 << 10;

/// A server's long messages, of which many frames go ahead, and pings, pongs and closes that pass them:
/// none has more before it than the mark and one frame, and everything that is true of any connection
/// is true of this one.
pub fn ahead(input: &[u8]) {
    let mut source = Source::new(input);
    let mut config = source.config(Side::Server);
    config.fragment_size = source.choose(&[4_097, 16_000, 64 << 10, 100_000]);
    config.send_hard_limit = source.choose(&[1 << 20, 3000, 400_000, 4 << 20]);
    config.send_soft_limit = config.send_soft_limit.min(config.send_hard_limit);
    let bound = LOW_WATER + config.fragment_size + 10;
    let mut side = side::Side::new(Side::Server, config, 1);
    // What was sent or asked for, and what had left by then.
    let mut pings = Vec::new();
    let mut asked = Vec::new();
    let mut hurried = None;
    while !source.is_empty() {
        match source.below(16) {
            0 => side.send(source.kind(), source.long_length()),
            1 => side.send(DataKind::Binary, source.length()),
            2 => {
                let len = source.choose(&[90_000, 0, 400_000, 5_000]);
                side.fragment(source.kind(), len, source.flag());
            }
            3..=5 => write(&mut side, 1 + source.amount().min(70_000)),
            6 => write(&mut side, usize::from(source.short()) * 6),
            7 => write(&mut side, 10),
            8..=10 => {
                let id = [b'?', pings.len() as u8, (pings.len() >> 8) as u8];
                pings.push((id.to_vec(), side.wire.len()));
                side.ping(&id);
            }
            11 | 12 => {
                let id = [b'!', asked.len() as u8, (asked.len() >> 8) as u8];
                asked.push((id.to_vec(), side.wire.len()));
                hear(&mut side, wire::PING, &id);
            }
            13 => side.stall(),
            14 => side.advance(source.pause()),
            _ => match source.below(6) {
                0 => side.close(CloseCode::NORMAL, ""),
                1 | 2 => {
                    let (opcode, payload) =
                        if source.flag() { (wire::CLOSE, &[3, 232][..]) } else { (11, &[][..]) };
                    hurried.get_or_insert(side.wire.len());
                    hear(&mut side, opcode, payload);
                }
                3 => side.abandon(),
                4 => side.connection.release_buffers(),
                _ => {}
            },
        }
        side.check();
    }
    if Source::new(input).flag() {
        write(&mut side, usize::MAX);
    }
    finish(&mut side);
    let transcript = side.transcript();
    side.check_end(&transcript);
    let frames = &transcript.frames;
    for (frame, since) in &pings {
        assert!(data_before(frames, wire::PING, frame, *since) <= bound, "{frame:?}");
    }
    for (frame, since) in &asked {
        // Perhaps it waited for one that was on its way.
        assert!(data_before(frames, wire::PONG, frame, *since) <= 2 * bound, "{frame:?}");
    }
    if let (Some(since), Some(close)) = (hurried, &transcript.close) {
        assert!(data_before(frames, wire::CLOSE, close, since) <= bound, "{close:?}");
    }
}

/// How many bytes of data left from `since` on until that frame did, if it did.
fn data_before(frames: &[Frame], opcode: u8, payload: &[u8], since: usize) -> usize {
    let (mut end, mut data) = (0, 0);
    for frame in frames {
        if frame.opcode == opcode && frame.payload == payload {
            return data;
        }
        let header = match frame.payload.len() {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        let begin = end;
        end += header + frame.payload.len();
        if frame.opcode < 8 {
            data += end.saturating_sub(since.max(begin));
        }
    }
    0
}

fn hear(side: &mut side::Side, opcode: u8, payload: &[u8]) {
    side.receive(&wire::encode(true, opcode, Some([1, 2, 3, 4]), payload));
    while side.take(false) {}
}

/// A transport that takes `n` bytes, in as many pieces as they come in.
fn write(side: &mut side::Side, mut n: usize) {
    while n > 0 {
        match side.transmit(n).len() {
            0 => break,
            taken => n -= taken,
        }
    }
}
