use alloc::{vec, vec::Vec};
use core::mem;

use bytes::Bytes;

use super::assembly::{Assembly, GRANT};
use super::{Stage, page};
use crate::frame::FrameHeader;

/// Received bytes, and the place for the next ones.
///
/// Short frames are received into a staging area and lent out from there. A payload that does not
/// fit is received straight into the message it belongs to, so a large message is never copied.
///
/// ```text
///   stage    [ | taken | unread | spare ]     lent for a read, or its own; none while nothing is unread
///   message  [ | received       | spare ]     an [`Assembly`]
/// ```
///
/// What is received into a stage that is lent begins at its [place](page::STAGE).
///
/// What is unread stays where it is until taken, so bytes that were found ready cannot be
/// overwritten by a later read.
#[derive(Debug)]
pub(crate) struct Inbox {
    stage: Vec<u8>,
    head: usize,
    tail: usize,
    message: Assembly,
    /// The size of the next staging area of its own.
    size: u32,
    max_size: u32,
    /// What the frame that is waited for needs.
    needed: u32,
    /// Reads in a row that used little of the staging area.
    sparse_reads: u8,
    /// Whether the staging area is lent.
    lent: bool,
    /// Whether a long message came last, and the next read takes little: if another one follows, what
    /// is staged of it has to be moved.
    sips: bool,
}

/// The smallest staging area. Also holds any control frame, and any header, twice over.
const MIN_SIZE: u32 = 4 * 1024;

/// Unread bytes up to this many are copied out of a stage that is reclaimed; with more it is kept.
const COPY_OUT: usize = 4 * 1024;

/// How many sparse reads in a row halve the staging area.
const SPARSE_READS: u8 = 64;

impl Inbox {
    /// The size of the first staging area of its own.
    pub(crate) const FIRST_SIZE: u32 = MIN_SIZE;

    /// An inbox whose staging area grows up to `max_size` bytes, and is at least 4 KiB; it already
    /// holds `bytes`, which followed the opening handshake.
    pub(crate) fn new(max_size: usize, bytes: &[u8]) -> Self {
        let mut inbox = Self {
            stage: bytes.to_vec(),
            head: 0,
            tail: bytes.len(),
            message: Assembly::default(),
            size: Self::FIRST_SIZE,
            max_size: MIN_SIZE,
            needed: 0,
            sparse_reads: 0,
            lent: false,
            sips: false,
        };
        inbox.configure(max_size);
        inbox
    }

    /// From now on the staging area grows up to `max_size` bytes.
    pub(crate) fn configure(&mut self, max_size: usize) {
        self.max_size = u32::try_from(max_size).unwrap_or(u32::MAX).max(MIN_SIZE);
    }

    /// Whether it is as a new one that has received nothing, but for the size it begins with.
    pub(crate) fn is_idle(&self) -> bool {
        self.stage.capacity() == 0 && self.message.is_idle()
    }

    /// Takes the size of an [idle](Self::is_idle) one and how it was used of late, and gives its own.
    pub(crate) fn swap_size(&mut self, size: &mut u32, sparse_reads: &mut u8) {
        mem::swap(&mut self.size, size);
        mem::swap(&mut self.sparse_reads, sparse_reads);
        (self.needed, self.sips) = (0, false);
    }

    /// Where the next bytes from the transport belong.
    ///
    /// Empty while unread frames fill the staging area: stop reading, and let the transport push back.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        if self.message.outstanding() > 0 {
            return self.message.spare();
        }
        let size = self.size.max(self.needed) as usize;
        if self.head == self.tail {
            if self.room() != size && !(self.lent && self.room() > size) {
                // A fresh allocation: zeroed by the allocator, nothing to carry over.
                self.stage = vec![0; size];
                self.lent = false;
            }
            self.head = self.begin();
            self.tail = self.head;
        } else if self.room() < size {
            // What was copied out of a stage, or followed the opening handshake.
            let mut stage = vec![0; size.max(self.unread().len())];
            self.carry_over(&mut stage, 0);
            self.stage = stage;
            self.lent = false;
        } else if self.head.saturating_sub(self.begin()) >= self.len() / 2 {
            // At least as many bytes were taken as are moved, so this costs O(1) a byte.
            let begin = self.begin();
            self.stage.copy_within(self.head..self.tail, begin);
            let unread = self.tail.saturating_sub(self.head);
            (self.head, self.tail) = (begin, begin.saturating_add(unread));
        }
        let end = self.end();
        self.stage.get_mut(self.tail..end).unwrap_or_default()
    }

    /// Where the next read into the stage ends.
    #[inline]
    fn end(&self) -> usize {
        let end = self.begin().saturating_add(self.len());
        if self.sips { end.min(self.tail.saturating_add(MIN_SIZE as usize)) } else { end }
    }

    /// Where in the stage is received.
    #[inline]
    fn begin(&self) -> usize {
        if self.lent { page::before(page::STAGE, &self.stage) } else { 0 }
    }

    /// For how much.
    #[inline]
    fn room(&self) -> usize {
        if self.lent { self.stage.len().saturating_sub(page::LEN) } else { self.stage.len() }
    }

    /// How much of the stage may be used.
    #[inline]
    fn len(&self) -> usize {
        // One of its own is no longer than that, unless a frame needs it.
        if self.lent { self.room().min(self.max_size as usize) } else { self.stage.len() }
    }

    /// Copies what is unread to `begin` in `stage`, and counts from there.
    fn carry_over(&mut self, stage: &mut [u8], begin: usize) {
        let unread = self.stage.get(self.head..self.tail).unwrap_or_default();
        let end = begin.saturating_add(unread.len());
        if let Some(place) = stage.get_mut(begin..end) {
            place.copy_from_slice(unread);
        }
        (self.head, self.tail) = (begin, end);
    }

    /// Receives into `stage` from now on, if that is worth while.
    #[inline]
    pub(crate) fn lend(&mut self, stage: &mut Stage) {
        let unread = self.tail.saturating_sub(self.head);
        if self.message.outstanding() > 0 || self.lent || unread > COPY_OUT {
            return;
        }
        if stage.bytes.is_empty() {
            stage.bytes = vec![0; Stage::LEN];
        }
        self.lent = true;
        let begin = page::before(page::STAGE, &stage.bytes);
        if unread == 0 {
            (self.head, self.tail) = (begin, begin);
            mem::swap(&mut self.stage, &mut stage.bytes);
            let own = mem::take(&mut stage.bytes);
            if (1..=COPY_OUT).contains(&own.capacity()) {
                stage.spare = own;
            }
            return;
        }
        let mut lent = mem::take(&mut stage.bytes);
        self.carry_over(&mut lent, begin);
        self.stage = lent;
    }

    /// Whether [`reclaim`](Self::reclaim) would leave the stage here.
    #[inline]
    pub(crate) fn keeps(&self) -> bool {
        self.lent && self.unread().len() > COPY_OUT
    }

    /// Gives a stage that was lent back, unless much is unread in it.
    #[inline]
    pub(crate) fn reclaim(&mut self, stage: &mut Stage) {
        if !self.lent || self.keeps() {
            return;
        }
        self.lent = false;
        stage.bytes = if self.head == self.tail {
            (self.head, self.tail) = (0, 0);
            mem::take(&mut self.stage)
        } else {
            // Its size, or not much more: with one message in flight that is what the last one had.
            let unread = self.unread();
            let (n, spare) = (unread.len(), mem::take(&mut stage.spare));
            let mut own = if (n..=n.saturating_mul(2)).contains(&spare.capacity()) {
                spare
            } else {
                Vec::with_capacity(n)
            };
            own.clear();
            own.extend_from_slice(unread);
            (self.head, self.tail) = (0, n);
            mem::replace(&mut self.stage, own)
        };
    }

    /// Records that the transport filled the first `n` bytes of [`spare`](Self::spare), and returns
    /// how many that can have been.
    pub(crate) fn advance(&mut self, n: usize) -> usize {
        if self.message.outstanding() > 0 {
            return self.message.advance(n);
        }
        let spare = self.end().saturating_sub(self.tail);
        let n = n.min(spare);
        self.tail = self.tail.saturating_add(n);
        self.sips &= n < spare;
        if n == spare && spare >= self.len() / 2 {
            self.size = self.size.saturating_mul(2).min(self.max_size);
            self.sparse_reads = 0;
        } else if n > self.size as usize / 4 {
            self.sparse_reads = 0;
        } else {
            self.sparse_reads = self.sparse_reads.saturating_add(1);
            if self.sparse_reads == SPARSE_READS {
                self.sparse_reads = 0;
                self.size = (self.size / 2).max(MIN_SIZE);
            }
        }
        n
    }

    /// Gives the staging area back, if nothing in it is unread, and a message that was lent.
    pub(crate) fn release(&mut self) {
        self.end_loan();
        if self.head == self.tail {
            (self.head, self.tail) = (0, 0);
            self.stage = Vec::new();
            self.lent = false;
        }
    }

    /// Received bytes that have not been taken.
    #[inline]
    pub(crate) fn unread(&self) -> &[u8] {
        self.stage.get(self.head..self.tail).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn unread_mut(&mut self) -> &mut [u8] {
        self.stage.get_mut(self.head..self.tail).unwrap_or_default()
    }

    /// Takes the first `n` unread bytes. They stay put until more are received.
    #[inline]
    pub(crate) fn take(&mut self, n: usize) -> &[u8] {
        let start = self.head;
        self.head = self.head.saturating_add(n).min(self.tail);
        self.stage.get(start..self.head).unwrap_or_default()
    }

    /// Takes `n` unread bytes and what is before them: the first `before`.
    #[inline(always)]
    pub(crate) fn take_behind(&mut self, before: u8, n: usize) -> &[u8] {
        let start = self.head.wrapping_add(usize::from(before)).min(self.tail);
        self.head = start.wrapping_add(n).min(self.tail);
        self.stage.get(start..self.head).unwrap_or_default()
    }

    /// Drops everything unread, and the message under assembly.
    pub(crate) fn discard(&mut self) {
        self.head = self.tail;
        self.message.discard();
    }

    /// Whether `len` payload bytes can be waited for in the staging area.
    ///
    /// A frame that waits fills at most half of it, so there is always room to read the rest.
    #[inline]
    pub(crate) fn stages(&self, len: usize) -> bool {
        // One that was copied out of a stage grows again before it is read into. One that holds what followed
        // the opening handshake may be longer than any that comes after it.
        let stage = self.len().min(self.max_size as usize).max(self.size as usize);
        len <= (stage / 2).saturating_sub(FrameHeader::MAX_LEN)
    }

    /// No payload is waited for any more.
    #[inline]
    pub(crate) fn expect_nothing(&mut self) {
        self.needed = 0;
    }

    /// Announces a payload of `len` bytes, for which [`stages`](Self::stages) said yes: the staging
    /// area does not become too small for it, even if it is released meanwhile.
    #[inline]
    pub(crate) fn expect(&mut self, len: usize) {
        let needed = len.saturating_add(FrameHeader::MAX_LEN).saturating_mul(2);
        self.needed = u32::try_from(needed).unwrap_or(u32::MAX);
    }

    /// Moves the unread part of a payload of `len` bytes onto the message under assembly, and
    /// routes the rest straight into it.
    pub(crate) fn direct(&mut self, len: usize) {
        let end = self.head.saturating_add(len).min(self.tail);
        self.message.direct(len, self.stage.get(self.head..end).unwrap_or_default());
        self.head = end;
        self.sips = self.message.outstanding() > GRANT;
    }

    /// Moves the first `n` unread bytes onto the message under assembly.
    pub(crate) fn append(&mut self, n: usize) {
        let end = self.head.saturating_add(n).min(self.tail);
        self.message.append(self.stage.get(self.head..end).unwrap_or_default());
        self.head = end;
    }

    /// What is unread, and a place for at least `len` bytes of it behind the message under assembly: what
    /// goes there is told to [`placed`](Self::placed). More only if there is memory for it.
    #[inline]
    pub(crate) fn place(&mut self, len: usize) -> (&[u8], &mut [u8]) {
        let unread = self.stage.get(self.head..self.tail).unwrap_or_default();
        (unread, self.message.place(len, unread.len()))
    }

    /// Takes the first `taken` unread bytes, of which `appended` were written to their [place](Self::place).
    #[inline]
    pub(crate) fn placed(&mut self, taken: usize, appended: usize) {
        self.head = self.head.saturating_add(taken).min(self.tail);
        self.message.placed(appended);
    }

    /// Claims memory for what comes out of compressed bytes: for `needed` more bytes, and if there is
    /// none for those, for `most` or as many as there are, in all for `limit`.
    pub(crate) fn claim_for(&mut self, needed: usize, most: usize, limit: usize) {
        self.message.claim_for(needed, most, limit);
    }

    /// Takes the first `n` unread bytes and has `append` make of them what it adds to the message under
    /// assembly: the memory of that, and how much of it is filled.
    pub(crate) fn append_with<R>(
        &mut self,
        n: usize,
        append: impl FnOnce(&[u8], &mut Vec<u8>, &mut usize) -> R,
    ) -> R {
        let start = self.head;
        self.head = start.saturating_add(n).min(self.tail);
        let bytes = self.stage.get(start..self.head).unwrap_or_default();
        let (memory, filled) = self.message.filled_mut();
        append(bytes, memory, filled)
    }

    /// Payload bytes still to arrive before the directly received frame is whole.
    #[inline]
    pub(crate) fn outstanding(&self) -> usize {
        self.message.outstanding()
    }

    /// What has been received of the message under assembly.
    #[inline]
    pub(crate) fn message_mut(&mut self) -> &mut [u8] {
        self.message.bytes_mut()
    }

    #[inline]
    pub(crate) fn message_len(&self) -> usize {
        self.message.len()
    }

    /// The message under assembly. Its memory is used again.
    pub(crate) fn take_message(&mut self) -> Bytes {
        self.message.take()
    }

    /// Lends the message under assembly, until [`end_loan`](Self::end_loan).
    #[inline(never)]
    pub(crate) fn lend_message(&mut self) -> &[u8] {
        self.message.lend()
    }

    /// The memory of a message that was lent is used again. To be called before the next one is assembled.
    #[inline(always)]
    pub(crate) fn end_loan(&mut self) {
        self.message.end_loan();
    }

    /// Memory claimed for the message under assembly.
    #[cfg(test)]
    pub(crate) fn claimed(&self) -> usize {
        self.message.claimed()
    }

    /// Memory held, in bytes. What is only claimed is not.
    pub(crate) fn capacity(&self) -> usize {
        self.stage.capacity().saturating_add(self.message.held())
    }
}

#[cfg(test)]
#[path = "inbox_tests.rs"]
mod tests;
