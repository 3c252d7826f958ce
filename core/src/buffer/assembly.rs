use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

use super::recycled::Ahead;
use super::{page, recycled};

/// The message under assembly: what was received of it, in memory of its own.
///
/// ```text
///   [ | received | granted | claimed ]     grows as the peer earns it
/// ```
///
/// A long one begins at its [place](page::PAYLOAD).
#[derive(Debug, Default)]
pub(super) struct Assembly {
    memory: Vec<u8>,
    /// Where in it the message begins.
    front: u16,
    /// Where it ends, as far as it was received.
    received: usize,
    /// What is still to be received straight into it.
    outstanding: usize,
    /// Whether the memory is lent to the application, and no message is under assembly.
    on_loan: bool,
    /// While the peer has not earned the memory.
    ahead: Option<Ahead>,
}

/// How much memory a peer is granted beyond what it has already filled.
pub(super) const GRANT: usize = 64 * 1024;

/// However much it has filled: what is granted is cleared, and should still be in the cache when it
/// is received into.
const MAX_GRANT: usize = 128 * 1024;

/// How many times that is claimed.
pub(super) const CLAIM: usize = 16;

/// How much memory is claimed behind `received` bytes.
const fn claim_behind(received: usize) -> usize {
    let claim = received.saturating_mul(CLAIM);
    if claim > GRANT { claim } else { GRANT }
}

impl Assembly {
    /// Whether nothing is under assembly, and no memory held for it.
    pub(super) fn is_idle(&self) -> bool {
        self.memory.capacity() == 0 && self.outstanding == 0 && self.received == 0 && !self.on_loan
    }

    /// Where the next of the bytes that are [outstanding](Self::outstanding) belong.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        if self.memory.len() == self.received {
            self.claim();
        }
        if self.memory.len() == self.received {
            let grant = self.outstanding.min(self.len().clamp(GRANT, MAX_GRANT));
            // No more than is claimed, or it would be moved.
            let end = self.received.saturating_add(grant).min(self.memory.capacity());
            self.memory.resize(end, 0);
        }
        let end = self.memory.len().min(self.received.saturating_add(self.outstanding));
        self.memory.get_mut(self.received..end).unwrap_or_default()
    }

    /// Records that the first `n` bytes of [`spare`](Self::spare) were filled, and returns how many that can
    /// have been.
    pub(super) fn advance(&mut self, n: usize) -> usize {
        let n = n.min(self.memory.len().saturating_sub(self.received)).min(self.outstanding);
        self.outstanding = self.outstanding.saturating_sub(n);
        self.received = self.received.saturating_add(n);
        if self.ahead.is_some() && recycled::is_earned(self.memory.capacity(), self.len()) {
            self.ahead = None;
        }
        n
    }

    /// Claims memory for what is to arrive. It is not touched before it is granted, so it costs no
    /// more than addresses; and a message that need not move as it grows costs much less.
    ///
    /// If there is a buffer that was used before, that is taken: it is neither cleared nor faulted in.
    fn claim(&mut self) {
        let claim = self.outstanding.min(claim_behind(self.len()));
        if self.memory.capacity().saturating_sub(self.received) >= claim.min(GRANT) {
            return;
        }
        let len = self.len().saturating_add(self.outstanding);
        let (used, ahead) = recycled::take_ahead(len, self.len());
        if self.move_to(used) {
            self.ahead = ahead;
            return;
        }
        let is_placed = len >= recycled::MIN_LEN;
        let room = if is_placed { page::LEN } else { 0 };
        if claim == self.outstanding {
            self.memory.reserve_exact(claim.saturating_add(room));
        } else {
            self.memory.reserve(claim.saturating_add(room));
        }
        if is_placed {
            self.put_in_place();
        }
    }

    /// Moves the message to its [place](page::PAYLOAD), if it is elsewhere: its memory may have been moved.
    fn put_in_place(&mut self) {
        let (from, front) = (usize::from(self.front), page::before(page::PAYLOAD, &self.memory));
        if from != front {
            let end = front.saturating_add(self.len());
            self.memory.resize(self.memory.len().max(end), 0);
            self.memory.copy_within(from..self.received, front);
            // What is granted next is not what is left of what was.
            self.memory.truncate(end);
            self.begin_at(front);
            self.received = end;
        }
    }

    /// Has room for a message to grow by `len` bytes in memory that was used before, if it has to be moved
    /// anyway and there is some: no more than twice what was received, and not so little more that it would
    /// have to be moved again soon.
    #[inline]
    fn make_room(&mut self, len: usize) {
        let received = self.len();
        let is_full = self.received.saturating_add(len) > self.memory.capacity();
        if is_full && received > 0 {
            let least = received.saturating_add(len.max(received / 2));
            let most = received.saturating_mul(2);
            self.move_to(recycled::take_to_grow(least, most));
        }
    }

    /// Moves the message to its [place](page::PAYLOAD) in `used`, if that is any memory.
    fn move_to(&mut self, mut used: Vec<u8>) -> bool {
        if used.is_empty() {
            return false;
        }
        let front = page::before(page::PAYLOAD, &used);
        let end = front.saturating_add(self.len());
        if let Some(place) = used.get_mut(front..end) {
            place.copy_from_slice(self.bytes_mut());
            let is_placed = self.front > 0;
            self.begin_at(front);
            self.received = end;
            recycled::put(mem::replace(&mut self.memory, used), is_placed);
        }
        true
    }

    /// The message begins there.
    fn begin_at(&mut self, front: usize) {
        // It is within a page.
        self.front = u16::try_from(front).unwrap_or_default();
    }

    /// Appends `staged`, the beginning of a payload of `len` bytes, the rest of which is received straight
    /// into the message. A long message has its [place](page::PAYLOAD).
    pub(super) fn direct(&mut self, len: usize, staged: &[u8]) {
        debug_assert!(!self.on_loan);
        let n = staged.len();
        if self.received == 0 && len >= recycled::MIN_LEN {
            (self.memory, self.ahead) = recycled::take_ahead(len, n);
            if self.memory.is_empty() {
                let rest = len.saturating_sub(n).min(claim_behind(n));
                self.memory = recycled::claim(n.saturating_add(rest));
            }
            self.received = page::before(page::PAYLOAD, &self.memory);
            self.begin_at(self.received);
            if self.memory.len() < self.received {
                self.memory.resize(self.received, 0);
            }
        }
        self.append(staged);
        self.outstanding = len.saturating_sub(n);
    }

    /// Appends `bytes`.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        let start = self.received;
        self.received = start.saturating_add(bytes.len());
        if let Some(place) = self.memory.get_mut(start..self.received) {
            place.copy_from_slice(bytes);
        } else {
            self.memory.truncate(start);
            self.memory.extend_from_slice(bytes);
        }
    }

    /// A place for at least `len` bytes behind the message; for up to `most`, if there is memory for it. What
    /// goes there is told to [`placed`](Self::placed).
    #[inline]
    pub(super) fn place(&mut self, len: usize, most: usize) -> &mut [u8] {
        self.make_room(len.min(most));
        let needed = self.received.saturating_add(len);
        if self.memory.len() < needed {
            self.memory.truncate(self.received);
            self.memory.reserve(len);
            let most = self.received.saturating_add(most);
            self.memory.resize(self.memory.capacity().min(most).max(needed), 0);
        }
        self.memory.get_mut(self.received..).unwrap_or_default()
    }

    /// The first `n` bytes of a [place](Self::place) were written.
    #[inline]
    pub(super) fn placed(&mut self, n: usize) {
        self.received = self.received.saturating_add(n).min(self.memory.len());
    }

    /// As [`Inbox::claim_for`](super::Inbox::claim_for).
    pub(super) fn claim_for(&mut self, needed: usize, most: usize, limit: usize) {
        let left = limit.saturating_sub(self.received);
        if self.memory.capacity().saturating_sub(self.received) >= needed.min(left) {
            return;
        }
        if self.memory.capacity() == 0 {
            // What is decompressed is four times what arrived, as a rule.
            (self.memory, self.ahead) = recycled::take_ahead(most.min(left), needed / 4);
        }
        if self.memory.capacity() == 0 {
            self.memory.reserve_exact(most.min(left));
        } else if self.memory.capacity().saturating_sub(self.received) < needed {
            // By doubling, so that this costs O(1) a byte.
            let more = most.max(self.memory.capacity()).min(left);
            self.memory.truncate(self.received);
            self.memory.reserve_exact(more);
        }
    }

    /// The memory of a message that grows by what is decompressed, and how much of it is filled.
    pub(super) fn filled_mut(&mut self) -> (&mut Vec<u8>, &mut usize) {
        (&mut self.memory, &mut self.received)
    }

    /// Payload bytes still to arrive before the directly received frame is whole.
    #[inline]
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// What has been received of the message.
    #[inline]
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(usize::from(self.front)..self.received).unwrap_or_default()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.received.saturating_sub(usize::from(self.front))
    }

    /// The message. Its memory is used again.
    pub(super) fn take(&mut self) -> Bytes {
        let front = usize::from(mem::take(&mut self.front));
        let end = mem::take(&mut self.received);
        self.ahead = None;
        recycled::share(mem::take(&mut self.memory), front..end)
    }

    /// Lends the message, until [`end_loan`](Self::end_loan).
    #[inline]
    pub(super) fn lend(&mut self) -> &[u8] {
        let front = usize::from(self.front);
        let end = mem::take(&mut self.received);
        self.ahead = None;
        self.on_loan = true;
        self.memory.get(front..end).unwrap_or_default()
    }

    /// The memory of a message that was lent is used again. To be called before the next one is assembled.
    #[inline(always)]
    pub(super) fn end_loan(&mut self) {
        if self.on_loan {
            self.put_back();
        }
    }

    /// Drops the message.
    pub(super) fn discard(&mut self) {
        (self.outstanding, self.received) = (0, 0);
        self.put_back();
    }

    #[cold]
    fn put_back(&mut self) {
        self.on_loan = false;
        self.ahead = None;
        let is_placed = mem::take(&mut self.front) > 0;
        recycled::put(mem::take(&mut self.memory), is_placed);
    }

    #[cfg(test)]
    pub(super) fn memory(&self) -> &[u8] {
        &self.memory
    }

    /// Memory claimed.
    #[cfg(test)]
    pub(super) fn claimed(&self) -> usize {
        self.memory.capacity()
    }

    /// Memory held, in bytes. What is only claimed is not.
    pub(super) fn held(&self) -> usize {
        self.memory.len()
    }
}

// What is received into it is tested with the inbox.
#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_message_whose_memory_moved_is_moved_to_its_place() {
        for from in [0, 1, 500, 2_000, 4_095] {
            let mut assembly = Assembly { memory: vec![9; 30_000], ..Assembly::default() };
            assembly.begin_at(from);
            assembly.received = from + 10_000;
            let expected: Vec<u8> = (0..10_000_usize).map(|n| n as u8).collect();
            assembly.bytes_mut().copy_from_slice(&expected);
            assembly.put_in_place();
            assert_eq!(page::before(page::PAYLOAD, assembly.bytes_mut()), 0, "from {from}");
            assert!(assembly.bytes_mut() == expected);
            let is_moved = from != usize::from(assembly.front);
            assert!(!is_moved || assembly.memory.len() == assembly.received);
        }
    }
}
