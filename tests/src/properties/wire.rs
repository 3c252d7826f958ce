//! Frames, the naive way: an encoder and a parser that share nothing with the code under test.

use longwire::DataKind;

use crate::reference_inflater::ReferenceInflater;

/// A whole frame as it was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) fin: bool,
    pub(super) rsv1: bool,
    pub(super) opcode: u8,
    pub(super) payload: Vec<u8>,
}

pub(super) const CONTINUATION: u8 = 0;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

pub(super) const fn opcode(kind: DataKind) -> u8 {
    match kind {
        DataKind::Text => 1,
        DataKind::Binary => 2,
    }
}

/// A frame, masked if there is a key.
pub(super) fn encode(fin: bool, opcode: u8, key: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
    let mask_bit = if key.is_some() { 0x80 } else { 0 };
    let mut wire = vec![if fin { 0x80 } else { 0 } | opcode];
    match payload.len() {
        len @ 0..=125 => wire.push(mask_bit | len as u8),
        len @ 126..=0xffff => {
            wire.push(mask_bit | 126);
            wire.extend((len as u16).to_be_bytes());
        }
        len => {
            wire.push(mask_bit | 127);
            wire.extend((len as u64).to_be_bytes());
        }
    }
    wire.extend(key.unwrap_or_default().iter().filter(|_| key.is_some()));
    let key = key.unwrap_or([0; 4]);
    wire.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
    wire
}

/// What a connection transmitted, taken apart. Panics at anything that must not be sent.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    pub(super) frames: Vec<Frame>,
    /// Messages of which the last byte left, in order.
    pub(super) messages: Vec<(u8, Vec<u8>)>,
    pub(super) pongs: Vec<Vec<u8>>,
    pub(super) pings: Vec<Vec<u8>>,
    pub(super) close: Option<Vec<u8>>,
}

/// What one end may do to its messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compression {
    /// In bytes.
    pub(super) window: usize,
    pub(super) takeover: bool,
}

/// A message of which the last frame is to come.
struct Open {
    opcode: u8,
    compressed: bool,
    payload: Vec<u8>,
}

impl Transcript {
    pub(super) fn of(wire: &[u8], masked: bool, compression: Option<Compression>) -> Self {
        let mut transcript = Self::default();
        let mut inflater = compression.map(|agreed| ReferenceInflater::new(agreed.window));
        let mut open: Option<Open> = None;
        let mut rest = wire;
        while let Some((frame, after)) = parse(rest, masked) {
            assert!(transcript.close.is_none(), "5.5.1: nothing follows a close frame");
            rest = after;
            transcript.frames.push(frame.clone());
            let Frame { fin, rsv1, opcode, payload } = frame;
            let may_be_compressed = inflater.is_some() && matches!(opcode, 1 | 2);
            assert!(may_be_compressed || !rsv1, "nothing was agreed on that sets it here");
            match opcode {
                CONTINUATION => {
                    let open = open.as_mut().expect("a continuation has a beginning");
                    open.payload.extend(payload);
                }
                1 | 2 => {
                    assert!(open.is_none(), "5.4: messages are not interleaved");
                    open = Some(Open { opcode, compressed: rsv1, payload });
                }
                _ => {
                    assert!(fin && payload.len() <= 125, "5.5: control frames are whole and short");
                    match opcode {
                        CLOSE => transcript.close = Some(payload),
                        PING => transcript.pings.push(payload),
                        PONG => transcript.pongs.push(payload),
                        other => panic!("reserved opcode {other}"),
                    }
                    continue;
                }
            }
            if fin && let Some(mut open) = open.take() {
                if let (true, Some(inflater)) = (open.compressed, &mut inflater) {
                    if compression.is_some_and(|agreed| !agreed.takeover) {
                        inflater.forget();
                    }
                    open.payload = inflater.message(&open.payload).expect("what was compressed");
                }
                transcript.messages.push((open.opcode, open.payload));
            }
        }
        if transcript.close.is_some() {
            assert!(rest.is_empty(), "5.5.1: nothing follows a close frame");
        }
        transcript
    }
}

/// The frame at the front of `wire`, if it is whole, and what follows it.
pub(super) fn parse(wire: &[u8], masked: bool) -> Option<(Frame, &[u8])> {
    let &[first, second, ref rest @ ..] = wire else { return None };
    assert_eq!(first & 0x30, 0, "nothing was negotiated that uses these reserved bits");
    assert_eq!(second & 0x80 != 0, masked, "5.1: clients mask, servers do not");
    let (len, rest) = match second & 0x7f {
        126 => {
            let (len, rest) = rest.split_first_chunk()?;
            let len = u64::from(u16::from_be_bytes(*len));
            assert!(len > 125, "5.2: minimal length");
            (len, rest)
        }
        127 => {
            let (len, rest) = rest.split_first_chunk()?;
            let len = u64::from_be_bytes(*len);
            assert!(len > 0xffff, "5.2: minimal length");
            (len, rest)
        }
        len => (u64::from(len), rest),
    };
    let (key, rest) = if masked { rest.split_first_chunk()? } else { (&[0; 4], rest) };
    let (payload, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    let mut payload = payload.to_vec();
    for word in payload.chunks_mut(4) {
        word.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    }
    let (fin, rsv1) = (first & 0x80 != 0, first & 0x40 != 0);
    Some((Frame { fin, rsv1, opcode: first & 0x0f, payload }, rest))
}

/// Whether `part` can be made of `whole` by leaving elements out.
pub(super) fn is_subsequence(part: &[Vec<u8>], whole: &[Vec<u8>]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|element| whole.any(|other| other == element))
}
