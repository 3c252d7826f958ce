use alloc::collections::VecDeque;
use core::mem;

#[cfg(feature = "std")]
use std::io::IoSlice;

use bytes::{Buf, Bytes};

use super::Stage;
use super::run::Run;
use crate::frame::{FrameHeader, Opcode, Unmasked};

/// Bytes to transmit, in order.
///
/// Short pieces are copied into one run; a long [`Bytes`] is queued as it is. [`gather`](Self::gather)
/// gives a write what it takes, or [`Buf`] does, by `chunk` and `chunks_vectored`; then report what left
/// to [`Endpoint::sent`](crate::Endpoint::sent).
///
/// ```text
///   run     [ sent | header ^ header, payload, header ^ header ^ ... ]
///   shared                  payload                   first    second frame's of one payload
/// ```
#[derive(Debug, Default)]
pub struct Outbox {
    run: Run,
    /// How much of the run has been transmitted.
    sent: usize,
    shared: VecDeque<Segment>,
    /// Bytes ever queued, and of them those that have left. What is between is here.
    queued: u64,
    transmitted: u64,
    /// How long runs are of late: the size of the next one, so that it need not grow.
    usual: usize,
}

/// A payload, or several frames of one.
#[derive(Debug)]
struct Segment {
    /// Where in the run it goes: before the byte there.
    at: usize,
    bytes: Bytes,
    /// How many of the bytes go there. The rest goes behind the headers that follow.
    here: usize,
    frames: Frames,
}

/// The frames behind the first that one payload makes.
#[derive(Clone, Copy, Debug)]
struct Frames {
    /// The payload of each but the last.
    len: usize,
    /// The header of each but the last, and the last one's.
    header: usize,
    last: usize,
}

impl Frames {
    const NONE: Self = Self { len: 0, header: 0, last: 0 };

    /// How much of the payload the next frame takes when `left` is left of it, and its header's length.
    #[inline]
    fn next(self, left: usize) -> (usize, usize) {
        if left > self.len { (self.len, self.header) } else { (left, self.last) }
    }
}

/// What of the last frames can be taken back.
struct Excess {
    payload: usize,
    headers: usize,
}

/// An empty run longer than this is given back.
const KEEP: usize = 128 * 1024;

/// The shortest and the longest run that is begun with.
const MIN_RUN: usize = 256;
const MAX_RUN: usize = 256 * 1024;

impl Outbox {
    /// Payloads up to this length are copied rather than queued as a segment of their own: below
    /// it a vectored write costs more than the copy.
    pub const COALESCE: usize = 4096;

    pub(crate) const fn new() -> Self {
        Self {
            run: Run::new(),
            sent: 0,
            shared: VecDeque::new(),
            queued: 0,
            transmitted: 0,
            usual: 0,
        }
    }

    /// Whether it is as a new one, but for how much was ever queued, and how long its runs are.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_empty() && self.run.capacity() == 0 && self.shared.capacity() == 0
    }

    /// Takes how long the runs of an [idle](Self::is_idle) one are, gives its own, and counts from the
    /// beginning.
    pub(crate) fn swap_usual(&mut self, usual: &mut u32) {
        let before = u32::try_from(self.usual).unwrap_or(u32::MAX);
        self.usual = mem::replace(usual, before) as usize;
        (self.queued, self.transmitted) = (0, 0);
    }

    /// Has `write` transmit, and returns what it returns. It is given the only chunk there is, or the next
    /// ones in order, up to 64; of an outbox in which nothing waits, one of no bytes.
    ///
    /// Nothing is taken out by that: tell [`Endpoint::sent`](crate::Endpoint::sent) how many bytes left.
    ///
    /// ```
    /// # use longwire::{Config, Connection, Endpoint, Instant, Message, Role};
    /// # let mut connection = Connection::new(Role::Server, Config::server(), Instant::EPOCH);
    /// # let mut socket = Vec::new();
    /// use std::io::Write;
    ///
    /// connection.send(Message::from("hello")).unwrap();
    /// let written = connection.send_buffer().gather(|slices| match slices {
    ///     [only] => socket.write(only),
    ///     many => socket.write_vectored(many),
    /// });
    /// connection.sent(Instant::EPOCH, written.unwrap());
    /// assert_eq!(socket, b"\x81\x05hello");
    /// ```
    #[cfg(feature = "std")]
    #[inline]
    pub fn gather<R>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let first = IoSlice::new(self.chunk());
        if first.len() == self.remaining() {
            return write(&[first]);
        }
        // Slices have to be initialised, and 64 cost more than a frame does.
        let single = |segment: &Segment| segment.here == segment.bytes.len();
        match self.shared.len() {
            1 if self.shared.iter().all(single) => self.gather_up_to::<3, R>(first, write),
            2..=8 if self.shared.iter().all(single) => self.gather_up_to::<17, R>(first, write),
            _ => self.gather_up_to::<64, R>(first, write),
        }
    }

    #[cfg(feature = "std")]
    #[inline]
    fn gather_up_to<'a, const N: usize, R>(
        &'a self,
        first: IoSlice<'a>,
        write: impl FnOnce(&[IoSlice<'_>]) -> R,
    ) -> R {
        let mut slices = [first; N];
        let n = self.chunks_vectored(&mut slices);
        write(slices.get(..n).unwrap_or_default())
    }

    /// Appends a header and a copy of its payload.
    #[inline(always)]
    pub(crate) fn frame(&mut self, header: &FrameHeader, payload: &[u8]) {
        let place = self.place(payload.len().wrapping_add(FrameHeader::MAX_LEN));
        let header_len = header.write(place);
        let end = header_len.wrapping_add(payload.len());
        if let Some(out) = place.get_mut(header_len..end) {
            match header.mask {
                None => out.copy_from_slice(payload),
                Some(mask) => mask.copy_to(payload, out),
            }
        }
        self.wrote(end);
    }

    /// Appends a header, and its payload, which is masked if it is to be, without copying that.
    #[inline(always)]
    pub(crate) fn frame_shared(&mut self, header: &FrameHeader, payload: Bytes) {
        let place = self.place(Unmasked::ROOM);
        let header_len = match header.mask {
            None => Unmasked::new(header).write(place),
            Some(_) => header.write(place),
        };
        self.wrote(header_len);
        self.push(payload);
    }

    /// Appends `payload` as frames of `len` bytes and a last one of what is left, without masks and
    /// without copying it: all of them share it, and are one segment.
    pub(crate) fn frames_shared(&mut self, mut first: FrameHeader, len: usize, payload: Bytes) {
        if payload.len() <= len {
            return self.frame_shared(&first, payload);
        }
        let more = payload.len().saturating_sub(1).checked_div(len).unwrap_or_default();
        let last_len = payload.len().saturating_sub(len.saturating_mul(more));
        let fin = mem::take(&mut first.fin);
        first.payload_len = len as u64;
        let rest = FrameHeader { rsv1: false, opcode: Opcode::Continuation, ..first };
        let last = FrameHeader { fin, payload_len: last_len as u64, ..rest };
        let (first, rest, last) =
            (Unmasked::new(&first), Unmasked::new(&rest), Unmasked::new(&last));
        let place = self.place(Unmasked::ROOM.saturating_mul(more.saturating_add(1)));
        let mut end = first.write(place);
        for _ in 1..more {
            end = end.wrapping_add(rest.write(place.get_mut(end..).unwrap_or_default()));
        }
        end = end.wrapping_add(last.write(place.get_mut(end..).unwrap_or_default()));
        let at = self.run.len().wrapping_add(first.len());
        self.wrote(end);
        self.count(payload.len());
        let frames = Frames { len, header: rest.len(), last: last.len() };
        self.shared.push_back(Segment { at, bytes: payload, here: len, frames });
    }

    /// Appends a copy of `bytes`.
    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        if let Some(place) = self.place(bytes.len()).get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
        }
        self.wrote(bytes.len());
    }

    /// Where the run goes on: for `len` bytes or more.
    #[inline(always)]
    fn place(&mut self, len: usize) -> &mut [u8] {
        if self.run.would_grow(len) && self.sent > self.run.len() / 2 {
            self.forget_sent();
        }
        self.run.place(len, self.usual.clamp(MIN_RUN, MAX_RUN))
    }

    /// For a transport that is never quite done: more was transmitted than is moved, so this costs O(1)
    /// a byte.
    #[cold]
    fn forget_sent(&mut self) {
        self.run.forget(self.sent);
        for segment in &mut self.shared {
            segment.at = segment.at.saturating_sub(self.sent);
        }
        self.sent = 0;
    }

    /// The first `n` bytes of a [place](Self::place) were written.
    #[inline(always)]
    fn wrote(&mut self, n: usize) {
        self.run.wrote(n);
        self.count(n);
    }

    /// Appends `bytes` without copying them.
    #[inline(always)]
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            let (at, here) = (self.run.len(), bytes.len());
            self.count(here);
            self.shared.push_back(Segment { at, bytes, here, frames: Frames::NONE });
        }
    }

    #[inline]
    fn count(&mut self, n: usize) {
        // 2^64 bytes are more than there will be.
        self.queued = self.queued.wrapping_add(n as u64);
    }

    /// Takes back the last frames that [`frames_shared`](Self::frames_shared) appended and of which nothing
    /// is within the next `mark` bytes, and gives their payload. A frame that anything is behind stays.
    pub(crate) fn take_back(&mut self, mark: usize) -> Option<Bytes> {
        let Excess { payload, headers } = self.excess(mark)?;
        let segment = self.shared.back_mut()?;
        let taken = segment.bytes.split_off(segment.bytes.len().checked_sub(payload)?);
        // The last is now one that was not.
        segment.frames.last = segment.frames.header;
        self.run.take_back(headers);
        let n = payload.saturating_add(headers);
        self.queued = self.queued.saturating_sub(n as u64);
        Some(taken)
    }

    /// Whether [`take_back`](Self::take_back) would.
    pub(crate) fn can_take_back(&self, mark: usize) -> bool {
        self.excess(mark).is_some()
    }

    fn excess(&self, mark: usize) -> Option<Excess> {
        let segment = self.shared.back()?;
        if self.remaining() <= mark {
            return None;
        }
        let Frames { len, header, last } = segment.frames;
        let payload = segment.bytes.len().saturating_sub(segment.here);
        let frames = payload.div_ceil(len.max(1));
        let headers = frames.checked_sub(1)?.saturating_mul(header).saturating_add(last);
        if segment.at.saturating_add(headers) != self.run.len() {
            return None;
        }
        let begin = self.remaining().saturating_sub(payload.saturating_add(headers));
        let stay = mark.saturating_sub(begin).div_ceil(len.saturating_add(header).max(1));
        // Each that stays is whole: if none goes there is nothing left.
        let payload = payload.saturating_sub(stay.saturating_mul(len));
        let headers = headers.saturating_sub(stay.saturating_mul(header));
        (payload > 0).then_some(Excess { payload, headers })
    }

    /// Drops everything that has not been transmitted.
    pub(crate) fn clear(&mut self) {
        let (queued, transmitted) = (self.transmitted, self.transmitted);
        *self = Self { queued, transmitted, usual: self.usual, ..Self::default() };
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
        if self.is_empty() && stage.run.capacity() == 0 {
            mem::swap(&mut self.run, &mut stage.run);
        }
    }

    /// Gives back the run, if everything was transmitted.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            if self.run.capacity() > 0 {
                self.run = Run::new();
            }
            if self.shared.capacity() > 0 {
                self.shared = VecDeque::new();
            }
        }
    }

    #[inline]
    const fn is_empty(&self) -> bool {
        self.queued == self.transmitted
    }

    /// Bytes ever queued.
    #[inline]
    pub(crate) const fn queued(&self) -> u64 {
        self.queued
    }

    /// Bytes ever transmitted.
    #[inline]
    pub(crate) const fn transmitted(&self) -> u64 {
        self.transmitted
    }

    /// Memory held, in bytes, shared segments included.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let shared: usize = self.shared.iter().map(|segment| segment.bytes.len()).sum();
        self.run.capacity().saturating_add(shared)
    }

    /// Everything was transmitted.
    fn restart(&mut self) {
        self.shared.clear();
        self.usual = self.run.len().max(self.usual / 2);
        self.sent = 0;
        if self.run.capacity() > KEEP {
            self.run = Run::new();
        } else {
            self.run.clear();
        }
    }
}

impl Buf for Outbox {
    #[inline]
    fn remaining(&self) -> usize {
        usize::try_from(self.queued.wrapping_sub(self.transmitted)).unwrap_or(usize::MAX)
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        let chunk = match self.shared.front() {
            Some(segment) if segment.at == self.sent => segment.bytes.get(..segment.here),
            next => Some(self.run.get(self.sent, next.map_or(usize::MAX, |segment| segment.at))),
        };
        chunk.unwrap_or_default()
    }

    /// Drops the first `n` bytes; all, if there are fewer.
    fn advance(&mut self, n: usize) {
        let mut n = n.min(self.remaining());
        self.transmitted = self.transmitted.wrapping_add(n as u64);
        if self.is_empty() {
            return self.restart();
        }
        while let Some(segment) = self.shared.front_mut() {
            let before = n.min(segment.at.saturating_sub(self.sent));
            self.sent = self.sent.saturating_add(before);
            n = n.saturating_sub(before);
            if self.sent < segment.at {
                return;
            }
            if n < segment.here {
                segment.here = segment.here.saturating_sub(n);
                segment.bytes.advance(n);
                return;
            }
            n = n.saturating_sub(segment.here);
            segment.bytes.advance(segment.here);
            if segment.bytes.is_empty() {
                self.shared.pop_front();
            } else {
                let (here, header) = segment.frames.next(segment.bytes.len());
                segment.here = here;
                segment.at = segment.at.saturating_add(header);
            }
        }
        self.sent = self.sent.saturating_add(n);
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        let most = dst.len();
        let mut slots = dst.iter_mut();
        let mut put = |chunk: &'a [u8]| match slots.next() {
            Some(slot) => {
                *slot = IoSlice::new(chunk);
                Some(())
            }
            None => None,
        };
        // `None` is no more slots.
        let mut fill = || {
            let mut sent = self.sent;
            for segment in &self.shared {
                let (mut at, mut here) = (segment.at, segment.here);
                let mut bytes = &segment.bytes[..];
                loop {
                    if sent < at {
                        put(self.run.get(sent, at))?;
                        sent = at;
                    }
                    let (chunk, left) = bytes.split_at_checked(here).unwrap_or((bytes, &[]));
                    put(chunk)?;
                    if left.is_empty() {
                        break;
                    }
                    bytes = left;
                    let (next, header) = segment.frames.next(left.len());
                    here = next;
                    at = at.wrapping_add(header);
                }
            }
            match self.run.get(sent, usize::MAX) {
                [] => Some(()),
                rest => put(rest),
            }
        };
        let _ = fill();
        most.saturating_sub(slots.len())
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
