//! Buffers that are used again.
//!
//! What an allocator is given back it may give back to the system, and then every page of the next one
//! is a fault: that costs several times what receiving into it does. So a thread keeps a few of
//! those that messages were dropped with, whoever dropped them, and receives the next into them. Those
//! need not be cleared, and a message is given its [place](page) in them.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, Bytes};

use super::page;

/// A message of as many bytes has a place, if it is received into memory of its own or copied. Shorter
/// buffers are the allocator's.
pub(crate) const MIN_LEN: usize = 8 * 1024;

/// Also without a place it is used again from this length on. Such are kept apart, since it costs most when
/// there is none, and there are many more of the others.
const LONG: usize = 128 * 1024;

/// The memory of a message, to be used again when nobody shares it any more.
struct Recycled {
    memory: Vec<u8>,
    message: Range<usize>,
}

impl AsRef<[u8]> for Recycled {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(self.message.clone()).unwrap_or_default()
    }
}

impl Drop for Recycled {
    fn drop(&mut self) {
        put(core::mem::take(&mut self.memory), true);
    }
}

/// The message that is in `memory`, as far as there is any.
pub(crate) fn share(mut memory: Vec<u8>, message: Range<usize>) -> Bytes {
    let len = message.len();
    if memory.capacity() > most_for(len) {
        let copied = Bytes::copy_from_slice(memory.get(message.clone()).unwrap_or_default());
        put(memory, message.start > 0);
        return copied;
    }
    if len >= least(message.start > 0) {
        return Bytes::from_owner(Recycled { memory, message });
    }
    // Of that nobody else knows, so that a client can mask it where it is.
    memory.truncate(message.end);
    let mut shared = Bytes::from(memory);
    shared.advance(message.start.min(shared.len()));
    shared
}

/// How much memory a message of `len` bytes may hold: kept by an application, at most twice its size.
const fn most_for(len: usize) -> usize {
    len.saturating_mul(2)
}

/// A copy of `bytes`: of long ones in memory that was used before, if there is any that fits.
pub(crate) fn copy(bytes: &[u8]) -> Bytes {
    let len = bytes.len();
    if len < MIN_LEN {
        return Bytes::copy_from_slice(bytes);
    }
    let mut memory = take(len);
    if memory.is_empty() {
        memory = claim(len);
    }
    let start = page::before(page::PAYLOAD, &memory);
    let message = start..start.saturating_add(len);
    if let Some(place) = memory.get_mut(message.clone()) {
        place.copy_from_slice(bytes);
    } else {
        memory.resize(start, 0);
        memory.extend_from_slice(bytes);
    }
    share(memory, message)
}

/// New memory, in which nothing is initialised, for a message of `len` bytes at its [place](page::PAYLOAD).
pub(crate) fn claim(len: usize) -> Vec<u8> {
    Vec::with_capacity(len.saturating_add(page::LEN))
}

/// A buffer for a message of `len` bytes at its [place](page::PAYLOAD), all of it initialised with whatever
/// was in it. Empty if there is none.
pub(crate) fn take(len: usize) -> Vec<u8> {
    #[cfg(feature = "std")]
    if len >= MIN_LEN {
        return thread::take(len);
    }
    let _ = len;
    Vec::new()
}

/// As [`take`], for a message of which `received` bytes have arrived. A buffer that the peer has not earned by
/// those is counted as long as the second value lives, and there are not many of them: somebody who only
/// announces messages would otherwise have all that others leave.
pub(crate) fn take_ahead(len: usize, received: usize) -> (Vec<u8>, Option<Ahead>) {
    let memory = take(len);
    if is_earned(memory.capacity(), received) {
        return (memory, None);
    }
    #[cfg(feature = "std")]
    if let Some(ahead) = thread::count_ahead(memory.capacity()) {
        return (memory, Some(ahead));
    }
    put(memory, true);
    (Vec::new(), None)
}

/// Whether a peer of whose message `received` bytes have arrived may have so much memory for it.
pub(crate) const fn is_earned(capacity: usize, received: usize) -> bool {
    capacity <= received.saturating_mul(2).saturating_add(LONG + page::LEN)
}

/// Counts a buffer that is lent ahead of what was received.
#[derive(Debug)]
pub(crate) struct Ahead {
    /// What the thread has lent so that lent this one.
    lent: Arc<AtomicUsize>,
    size: usize,
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.lent.fetch_sub(self.size, Ordering::Relaxed);
    }
}

/// The longest of the long buffers of up to `most` bytes, as by [`take`]: for a message that grows, nobody knows
/// how far.
pub(crate) fn take_to_grow(len: usize, most: usize) -> Vec<u8> {
    #[cfg(feature = "std")]
    if most >= LONG {
        return thread::take_to_grow(len, most);
    }
    let _ = (len, most);
    Vec::new()
}

/// The least that is used again: if a message has a place in it, or else if it is long. What is neither grew, and
/// the allocator lets the next one grow where it is.
const fn least(is_placed: bool) -> usize {
    if is_placed { MIN_LEN } else { LONG }
}

/// Has `memory` used again, if it is worth it.
pub(crate) fn put(memory: Vec<u8>, is_placed: bool) {
    if memory.len() >= least(is_placed) {
        #[cfg(feature = "std")]
        thread::put(memory);
    }
}

/// Where there are threads, each keeps some.
#[cfg(feature = "std")]
pub(super) mod thread {
    use alloc::sync::Arc;
    use alloc::vec::Vec;
    use core::cell::Cell;
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::LocalKey;

    use super::{Ahead, LONG, most_for, page};

    /// How many bytes a thread keeps, and in how many buffers: of the long ones, and of the others.
    const MAX_BYTES: usize = 4 << 20;
    const MAX_BUFFERS: usize = 8;

    type Buffers = LocalKey<Cell<Vec<Vec<u8>>>>;

    std::thread_local! {
        static LONG_ONES: Cell<Vec<Vec<u8>>> = const { Cell::new(Vec::new()) };
        static OTHERS: Cell<Vec<Vec<u8>>> = const { Cell::new(Vec::new()) };
        static AHEAD: Arc<AtomicUsize> = Arc::new(AtomicUsize::new(0));
    }

    /// If no more is then lent ahead than the thread keeps.
    pub(super) fn count_ahead(size: usize) -> Option<Ahead> {
        let lent = AHEAD.try_with(Arc::clone).ok()?;
        let ahead = Ahead { size, lent };
        // Only this thread adds.
        let before = ahead.lent.fetch_add(size, Ordering::Relaxed);
        (before.saturating_add(size) <= MAX_BYTES).then_some(ahead)
    }

    /// Whether a message of `len` bytes at its place is within `buffer`, which has no more than `most`.
    fn fits(buffer: &Vec<u8>, len: usize, most: usize) -> bool {
        let needed = page::before(page::PAYLOAD, buffer).saturating_add(len);
        buffer.len() >= needed && buffer.capacity() <= most
    }

    pub(super) fn take(len: usize) -> Vec<u8> {
        let most = most_for(len);
        // The last one in: it is in the cache.
        let choose = |buffers: &[Vec<u8>]| buffers.iter().rposition(|it| fits(it, len, most));
        take_from(&OTHERS, choose).or_else(|| take_from(&LONG_ONES, choose)).unwrap_or_default()
    }

    pub(super) fn take_to_grow(len: usize, most: usize) -> Vec<u8> {
        let choose = |buffers: &[Vec<u8>]| {
            let fitting = buffers.iter().enumerate().filter(|(_, it)| fits(it, len, most));
            fitting.max_by_key(|(_, buffer)| buffer.len()).map(|(at, _)| at)
        };
        take_from(&LONG_ONES, choose).unwrap_or_default()
    }

    /// How many are kept.
    #[cfg(test)]
    pub(in super::super) fn kept() -> usize {
        let count = |idle: &Cell<Vec<Vec<u8>>>| {
            let buffers = idle.take();
            let count = buffers.len();
            idle.set(buffers);
            count
        };
        LONG_ONES.with(count) + OTHERS.with(count)
    }

    fn take_from(
        buffers: &'static Buffers,
        choose: impl FnOnce(&[Vec<u8>]) -> Option<usize>,
    ) -> Option<Vec<u8>> {
        let found = buffers.try_with(|idle| {
            let mut buffers = idle.take();
            let found = choose(&buffers).map(|at| buffers.remove(at));
            idle.set(buffers);
            found
        });
        found.ok().flatten()
    }

    pub(super) fn put(memory: Vec<u8>) {
        let size = memory.capacity();
        if size > MAX_BYTES.min(most_for(memory.len())) {
            return;
        }
        let buffers = if size < LONG { &OTHERS } else { &LONG_ONES };
        // The thread may be ending: then it is freed.
        let _ = buffers.try_with(|idle| {
            let mut buffers = idle.take();
            let mut kept: usize = buffers.iter().map(Vec::capacity).sum();
            // Those that were not used for longest make room: what is received now may be of another size.
            while buffers.len() >= MAX_BUFFERS || kept > MAX_BYTES.saturating_sub(size) {
                kept = kept.saturating_sub(buffers.remove(0).capacity());
            }
            buffers.push(memory);
            idle.set(buffers);
        });
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use alloc::vec;

    const LEN: usize = 128 * 1024;

    fn begins_at_its_place(bytes: &[u8]) -> bool {
        page::before(page::PAYLOAD, bytes) == 0
    }

    #[test]
    fn what_nobody_shares_any_more_is_used_again_and_fits() {
        let memory = vec![7; LEN + page::LEN];
        let place = memory.as_ptr();
        let message = share(memory, 0..LEN);
        let shared = message.clone();
        drop(message);
        assert!(take(LEN).is_empty(), "somebody still reads it");
        drop(shared);
        assert!(take(LEN + page::LEN + 1).is_empty(), "too short");
        assert!(take(LEN / 2).is_empty(), "more than twice as long");
        let again = take(LEN);
        assert_eq!((again.as_ptr(), again.len()), (place, LEN + page::LEN));
        assert!(take(LEN).is_empty());
        let exact = vec![7; LEN];
        let is_there = begins_at_its_place(&exact);
        put(exact, true);
        assert_eq!(take(LEN).len() == LEN, is_there, "the place as well");
        while !take_to_grow(1, usize::MAX).is_empty() {}
        for (len, is_placed, is_kept) in [
            (MIN_LEN - 1, true, false),
            (MIN_LEN, true, true),
            (LEN - 1, false, false),
            (LEN, false, true),
        ] {
            let before = thread::kept();
            let start = usize::from(is_placed);
            drop(share(vec![7; len + 1], start..start + len));
            put(vec![7; len], is_placed);
            let kept = thread::kept() - before;
            assert_eq!(kept, if is_kept { 2 } else { 0 }, "{len}, placed: {is_placed}");
        }
    }

    #[test]
    fn a_long_copy_is_at_its_place_in_memory_that_was_used_before() {
        for bytes in [&b""[..], b"short", &[1; MIN_LEN - 1]] {
            assert_eq!(copy(bytes), bytes);
        }
        for len in [MIN_LEN, 16 << 10, LEN - 1, LEN, 1 << 20] {
            let mut bytes = vec![1; len];
            let first = copy(&bytes);
            assert!(first == bytes && begins_at_its_place(&first));
            bytes.fill(2);
            let second = copy(&bytes);
            assert!(second == bytes && first != second, "the first one is still shared");
            let place = first.as_ptr();
            drop(first);
            bytes.fill(3);
            let third = copy(&bytes);
            assert!(third == bytes && begins_at_its_place(&third));
            assert_eq!(third.as_ptr(), place, "{len}");
        }
    }

    #[test]
    fn a_message_that_grows_takes_the_longest_it_may() {
        for times in [2, 8, 3, 4] {
            put(vec![0; times * LEN], true);
        }
        put(vec![0; LEN / 4], true);
        // Each has to hold its place as well: the lengths are those of the buffers, in quarters.
        let taken = |len, most| take_to_grow(len, most).len() / (LEN / 4);
        assert_eq!(taken(LEN / 2, 2 * LEN - 1), 0);
        assert_eq!(taken(1, LEN), 0, "only long ones");
        assert_eq!(taken(1, 4 * LEN), 16);
        assert_eq!(taken(1, 4 * LEN), 12);
        assert_eq!(taken(5 * LEN, 7 * LEN), 0);
        assert_eq!(taken(5 * LEN, usize::MAX), 32);
        assert_eq!(taken(1, usize::MAX), 8);
        assert_eq!(taken(0, usize::MAX), 0);
    }

    #[test]
    fn a_message_holds_at_most_twice_its_size() {
        let message = share(vec![1; 1 << 20], 0..LEN);
        assert_eq!(message.len(), LEN);
        assert_eq!(
            take((1 << 20) - page::LEN).len(),
            1 << 20,
            "it was copied, and its memory given back"
        );
        for len in [MIN_LEN, LEN] {
            let message = share(vec![1; 2 * len + 1], 1..len + 1);
            assert_eq!(take(2 * len - page::LEN).len(), 2 * len + 1, "copied, so it is free");
            assert!(message == vec![1; len]);
        }
        for len in [1, 100, MIN_LEN - 1] {
            let message = share(vec![1; 2 * len + 1], 0..len);
            let memory = message.try_into_mut().expect("nobody shares it");
            assert_eq!((memory.len(), memory.capacity()), (len, len));
        }
    }

    #[test]
    fn what_nobody_else_has_can_be_changed_where_it_is() {
        for len in [1, MIN_LEN, LEN - 1] {
            let memory = vec![1; len];
            let place = memory.as_ptr();
            let bytes = share(memory, 0..len).try_into_mut().expect("nobody shares it");
            assert_eq!((bytes.as_ptr(), bytes.len()), (place, len));
            let mut roomy = Vec::with_capacity(2 * len + 1);
            roomy.resize(len, 2);
            let place = roomy.as_ptr();
            let bytes = share(roomy, 0..len);
            assert!(
                bytes == vec![2; len] && bytes.as_ptr() != place,
                "no more than twice its size"
            );
        }
        let memory = vec![1; LEN];
        let place = memory.as_ptr();
        drop(share(memory, 0..LEN));
        let kept = take_to_grow(1, usize::MAX);
        assert_eq!(kept.as_ptr(), place, "a long one is used again");
    }

    #[test]
    fn memory_much_of_which_is_not_initialised_is_not_kept() {
        for capacity in [2 * LEN, 2 * LEN + 1] {
            let mut roomy = Vec::with_capacity(capacity);
            roomy.resize(LEN, 7);
            let place = roomy.as_ptr();
            put(roomy, true);
            let kept = take_to_grow(LEN / 2, capacity - 1);
            assert!(kept.is_empty(), "it has more memory than that");
            let kept = take_to_grow(LEN / 2, capacity);
            assert_eq!(kept.as_ptr() == place, capacity == 2 * LEN);
        }
    }

    #[test]
    fn a_thread_keeps_a_bounded_amount_and_of_the_last() {
        let kept = |len| core::iter::from_fn(move || Some(take(len)).filter(|b| !b.is_empty()));
        for len in [16 << 10, 1 << 20] {
            for _ in 0..100 {
                put(vec![0; 4 * len], true);
            }
            for _ in 0..100 {
                put(vec![0; len], true);
            }
            assert_eq!(kept(4 * len - page::LEN).count(), 0, "others took their place");
            assert_eq!(kept(len - page::LEN).count(), if len < LEN { 8 } else { 4 });
        }
        put(vec![0; LEN], true);
        for _ in 0..100 {
            put(vec![0; 16 << 10], true);
        }
        put(vec![0; 8 << 20], true);
        assert_eq!(kept(LEN - page::LEN).count(), 1, "no place is made for one that is too long");
    }
}
