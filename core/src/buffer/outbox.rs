use alloc::{collections::VecDeque, vec::Vec};
use core::mem;

use bytes::{Buf, Bytes};

use crate::frame::FrameHeader;

/// Bytes to transmit, in order.
///
/// Short pieces are coalesced into one run; a long [`Bytes`] is queued as it is. Read it through
/// [`Buf`]: `chunk` or `chunks_vectored` to transmit; then report what left to
/// [`Endpoint::sent`](crate::Endpoint::sent).
#[derive(Debug, Default)]
pub struct Outbox {
    sealed: VecDeque<Bytes>,
    open: Vec<u8>,
    /// How much of `open` has been transmitted.
    open_sent: usize,
    len: usize,
    /// Bytes ever queued.
    queued: u64,
    /// How long runs are of late: the size of the next one, so that it need not grow.
    run: usize,
}

/// An empty run longer than this is given back.
const KEEP: usize = 16 * 1024;

/// The shortest and the longest run that is begun with.
const MIN_RUN: usize = 256;
const MAX_RUN: usize = 64 * 1024;

impl Outbox {
    /// Payloads up to this length are copied rather than queued as a segment of their own: below
    /// it a vectored write costs more than the copy.
    pub const COALESCE: usize = 4096;

    /// Appends a header and a copy of its payload.
    #[inline]
    pub(crate) fn frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        let len = payload.len().saturating_add(FrameHeader::MAX_LEN);
        if self.open.capacity().saturating_sub(self.open.len()) < len {
            self.make_room(len);
        }
        let start = self.open.len();
        header.append(&mut self.open);
        match header.mask {
            None => self.open.extend_from_slice(payload),
            Some(mask) => mask.append(payload, &mut self.open),
        }
        self.count(self.open.len().saturating_sub(start));
    }

    /// Appends a header without its payload.
    pub(crate) fn header(&mut self, header: &FrameHeader) {
        self.make_room(FrameHeader::MAX_LEN);
        let start = self.open.len();
        header.append(&mut self.open);
        self.count(self.open.len().saturating_sub(start));
    }

    /// Appends a copy of `bytes`.
    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.open.extend_from_slice(bytes);
        self.count(bytes.len());
    }

    fn make_room(&mut self, len: usize) {
        if self.open.capacity().saturating_sub(self.open.len()) < len
            && self.open_sent > self.open.len() / 2
        {
            // A transport that is never quite done: more was transmitted than is moved, so this
            // costs O(1) a byte.
            self.open.drain(..self.open_sent);
            self.open_sent = 0;
        }
        if self.open.capacity() == 0 {
            self.open.reserve_exact(len.max(self.run.clamp(MIN_RUN, MAX_RUN)));
        } else {
            self.open.reserve(len);
        }
    }

    /// Appends `bytes` without copying them.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        if self.open.len() > self.open_sent {
            let mut run = Bytes::from(mem::take(&mut self.open));
            run.advance(self.open_sent);
            self.sealed.push_back(run);
        }
        self.open.clear();
        self.open_sent = 0;
        self.count(bytes.len());
        self.sealed.push_back(bytes);
    }

    #[inline]
    fn count(&mut self, n: usize) {
        self.len = self.len.saturating_add(n);
        self.queued = self.queued.saturating_add(n as u64);
    }

    /// Drops everything that has not been transmitted.
    pub(crate) fn clear(&mut self) {
        *self = Self { queued: self.transmitted(), run: self.run, ..Self::default() };
    }

    /// Gives back the run, if everything was transmitted.
    pub(crate) fn release(&mut self) {
        if self.len == 0 {
            self.open = Vec::new();
            self.sealed = VecDeque::new();
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
        let sealed: usize = self.sealed.iter().map(Bytes::len).sum();
        self.open.capacity().saturating_add(sealed)
    }
}

impl Buf for Outbox {
    #[inline]
    fn remaining(&self) -> usize {
        self.len
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        match self.sealed.front() {
            Some(segment) => segment,
            None => self.open.get(self.open_sent..).unwrap_or_default(),
        }
    }

    /// Drops the first `n` bytes; all, if there are fewer.
    fn advance(&mut self, n: usize) {
        let mut n = n.min(self.len);
        self.len = self.len.saturating_sub(n);
        while let Some(front) = self.sealed.front_mut() {
            if n < front.len() {
                front.advance(n);
                return;
            }
            n = n.saturating_sub(front.len());
            self.sealed.pop_front();
        }
        self.open_sent = self.open_sent.saturating_add(n);
        if self.open_sent >= self.open.len() {
            self.run = self.open_sent.max(self.run / 2);
            self.open_sent = 0;
            if self.open.capacity() > KEEP {
                self.open = Vec::new();
            } else {
                self.open.clear();
            }
        }
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, dst: &mut [std::io::IoSlice<'a>]) -> usize {
        let run = self.open.get(self.open_sent..).filter(|run| !run.is_empty());
        let chunks = self.sealed.iter().map(|segment| &segment[..]).chain(run);
        let mut n: usize = 0;
        for (slot, chunk) in dst.iter_mut().zip(chunks) {
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
