use alloc::{collections::VecDeque, vec::Vec};
use core::mem;

use bytes::{Buf, Bytes};

use super::Stage;
use crate::frame::FrameHeader;

/// Bytes to transmit, in order.
///
/// Short pieces are copied into one run; a long [`Bytes`] is queued as it is. Read it through
/// [`Buf`]: `chunk` or `chunks_vectored` to transmit; then report what left to
/// [`Endpoint::sent`](crate::Endpoint::sent).
///
/// ```text
///   run     [ sent | header ^ header, payload, header ^ ... ]
///   shared                  payload                   payload
/// ```
#[derive(Debug, Default)]
pub struct Outbox {
    run: Vec<u8>,
    /// How much of the run has been transmitted.
    sent: usize,
    shared: VecDeque<Segment>,
    len: usize,
    /// Bytes ever queued.
    queued: u64,
    /// How long runs are of late: the size of the next one, so that it need not grow.
    usual: usize,
}

#[derive(Debug)]
struct Segment {
    /// Where in the run it goes: before the byte there.
    at: usize,
    bytes: Bytes,
}

/// An empty run longer than this is given back.
const KEEP: usize = 16 * 1024;

/// The shortest and the longest run that is begun with.
const MIN_RUN: usize = 256;
const MAX_RUN: usize = 256 * 1024;

impl Outbox {
    /// Payloads up to this length are copied rather than queued as a segment of their own: below
    /// it a vectored write costs more than the copy.
    pub const COALESCE: usize = 4096;

    /// Appends a header and a copy of its payload.
    #[inline]
    pub(crate) fn frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        let len = payload.len().wrapping_add(FrameHeader::MAX_LEN);
        if self.run.capacity().wrapping_sub(self.run.len()) < len {
            self.make_room(len);
        }
        let start = self.run.len();
        header.append(&mut self.run);
        match header.mask {
            None => self.run.extend_from_slice(payload),
            Some(mask) => mask.append(payload, &mut self.run),
        }
        self.count(self.run.len().wrapping_sub(start));
    }

    /// Appends a header, and its payload, which is masked if it is to be, without copying that.
    pub(crate) fn frame_shared(&mut self, header: &FrameHeader, payload: Bytes) {
        self.frame(header, &[]);
        self.push(payload);
    }

    /// Appends a copy of `bytes`.
    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.run.extend_from_slice(bytes);
        self.count(bytes.len());
    }

    fn make_room(&mut self, len: usize) {
        if self.run.capacity().saturating_sub(self.run.len()) < len
            && self.sent > self.run.len() / 2
        {
            // A transport that is never quite done: more was transmitted than is moved, so this
            // costs O(1) a byte.
            self.run.drain(..self.sent);
            for segment in &mut self.shared {
                segment.at = segment.at.saturating_sub(self.sent);
            }
            self.sent = 0;
        }
        if self.run.capacity() == 0 {
            self.run.reserve_exact(len.max(self.usual.clamp(MIN_RUN, MAX_RUN)));
        } else {
            self.run.reserve(len);
        }
    }

    /// Appends `bytes` without copying them.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.count(bytes.len());
            self.shared.push_back(Segment { at: self.run.len(), bytes });
        }
    }

    #[inline]
    fn count(&mut self, n: usize) {
        // What is in memory does not wrap, nor do 2^64 bytes.
        self.len = self.len.wrapping_add(n);
        self.queued = self.queued.wrapping_add(n as u64);
    }

    /// Drops everything that has not been transmitted.
    pub(crate) fn clear(&mut self) {
        *self = Self { queued: self.transmitted(), usual: self.usual, ..Self::default() };
    }

    /// Takes the stage's run, if it has none.
    #[inline]
    pub(crate) fn lend(&mut self, stage: &mut Stage) {
        if self.run.capacity() == 0 {
            mem::swap(&mut self.run, &mut stage.run);
        }
    }

    /// Hands on the run, if everything was transmitted.
    #[inline]
    pub(crate) fn reclaim(&mut self, stage: &mut Stage) {
        if self.len == 0 && stage.run.capacity() == 0 {
            mem::swap(&mut self.run, &mut stage.run);
        }
    }

    /// Gives back the run, if everything was transmitted.
    pub(crate) fn release(&mut self) {
        if self.len == 0 {
            if self.run.capacity() > 0 {
                self.run = Vec::new();
            }
            if self.shared.capacity() > 0 {
                self.shared = VecDeque::new();
            }
        }
    }

    /// Bytes ever queued.
    #[inline]
    pub(crate) const fn queued(&self) -> u64 {
        self.queued
    }

    /// Bytes ever transmitted.
    #[inline]
    pub(crate) const fn transmitted(&self) -> u64 {
        self.queued.saturating_sub(self.len as u64)
    }

    /// Memory held, in bytes, shared segments included.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let shared: usize = self.shared.iter().map(|segment| segment.bytes.len()).sum();
        self.run.capacity().saturating_add(shared)
    }

    /// The run from `from` to the next segment, or its end.
    fn run_to(&self, from: usize, next: Option<&Segment>) -> &[u8] {
        let to = next.map_or(self.run.len(), |segment| segment.at);
        self.run.get(from..to).unwrap_or_default()
    }
}

impl Buf for Outbox {
    #[inline]
    fn remaining(&self) -> usize {
        self.len
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        match self.shared.front() {
            Some(segment) if segment.at == self.sent => &segment.bytes,
            next => self.run_to(self.sent, next),
        }
    }

    /// Drops the first `n` bytes; all, if there are fewer.
    fn advance(&mut self, n: usize) {
        let mut n = n.min(self.len);
        self.len = self.len.saturating_sub(n);
        while let Some(segment) = self.shared.front_mut() {
            let before = n.min(segment.at.saturating_sub(self.sent));
            self.sent = self.sent.saturating_add(before);
            n = n.saturating_sub(before);
            if self.sent < segment.at || n < segment.bytes.len() {
                segment.bytes.advance(n);
                return;
            }
            n = n.saturating_sub(segment.bytes.len());
            self.shared.pop_front();
        }
        self.sent = self.sent.saturating_add(n);
        if self.sent >= self.run.len() {
            self.usual = self.sent.max(self.usual / 2);
            self.sent = 0;
            if self.run.capacity() > KEEP {
                self.run = Vec::new();
            } else {
                self.run.clear();
            }
        }
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, dst: &mut [std::io::IoSlice<'a>]) -> usize {
        let mut at = self.sent;
        let mut shared = self.shared.iter();
        let mut next = shared.next();
        let mut n: usize = 0;
        for slot in dst {
            let chunk = match next {
                Some(segment) if segment.at == at => {
                    next = shared.next();
                    &segment.bytes[..]
                }
                _ => {
                    let chunk = self.run_to(at, next);
                    at = at.saturating_add(chunk.len());
                    chunk
                }
            };
            if chunk.is_empty() {
                break;
            }
            *slot = std::io::IoSlice::new(chunk);
            n = n.saturating_add(1);
        }
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a4_any_short_write_leaves_the_rest_in_order() {
        let mut whole = Vec::new();
        let build = |whole: &mut Vec<u8>| {
            let mut outbox = Outbox::default();
            for i in 0..9u8 {
                if i % 3 == 2 {
                    let segment = Bytes::from(alloc::vec![i; 7]);
                    whole.extend_from_slice(&segment);
                    outbox.push(segment);
                } else {
                    outbox.copy(&[i; 5]);
                    whole.extend_from_slice(&[i; 5]);
                }
            }
            outbox
        };
        let total = build(&mut whole).remaining();
        for step in 1..=total {
            let mut expected = Vec::new();
            let mut outbox = build(&mut expected);
            let mut got = Vec::new();
            while outbox.has_remaining() {
                let mut left = step.min(outbox.remaining());
                let mut peek = Vec::new();
                #[cfg(feature = "std")]
                {
                    let mut slices = [std::io::IoSlice::new(&[]); 16];
                    let n = outbox.chunks_vectored(&mut slices);
                    for slice in &slices[..n] {
                        peek.extend_from_slice(slice);
                    }
                    assert_eq!(peek.len(), outbox.remaining());
                }
                while left > 0 {
                    let n = left.min(outbox.chunk().len());
                    got.extend_from_slice(&outbox.chunk()[..n]);
                    outbox.advance(n);
                    left -= n;
                }
            }
            assert_eq!(got, expected, "step {step}");
            assert_eq!(outbox.transmitted(), outbox.queued());
        }
    }

    #[test]
    fn a_long_run_is_given_back_when_transmitted() {
        let mut outbox = Outbox::default();
        outbox.copy(&[0; 4 * KEEP]);
        outbox.advance(usize::MAX);
        assert_eq!((outbox.remaining(), outbox.capacity()), (0, 0));
    }

    #[test]
    fn clearing_keeps_the_count_of_what_left() {
        let mut outbox = Outbox::default();
        outbox.copy(&[1; 10]);
        outbox.advance(4);
        outbox.clear();
        assert_eq!((outbox.queued(), outbox.transmitted(), outbox.remaining()), (4, 4, 0));
    }
}
