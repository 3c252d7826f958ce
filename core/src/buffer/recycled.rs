//! Long buffers that are used again.
//!
//! What an allocator is given back it may give back to the system, and then every page of the next one
//! is a fault: that costs several times what receiving into it does. So a thread keeps a few of
//! those that messages were dropped with, whoever dropped them, and receives the next into them.

use alloc::vec::Vec;
use core::ops::Range;

use bytes::{Buf, Bytes};

/// Shorter buffers are the allocator's.
pub(crate) const MIN_LEN: usize = 128 * 1024;

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
        put(core::mem::take(&mut self.memory));
    }
}

/// The message that is in `memory`, as far as there is any.
pub(crate) fn share(mut memory: Vec<u8>, message: Range<usize>) -> Bytes {
    let len = message.len();
    let is_fitting = memory.capacity() <= len.saturating_add(message.start).saturating_mul(2);
    if len >= MIN_LEN && is_fitting {
        return Bytes::from_owner(Recycled { memory, message });
    }
    if !is_fitting {
        // Kept by an application, it is to hold at most twice its size.
        let copied = Bytes::copy_from_slice(memory.get(message).unwrap_or_default());
        put(memory);
        return copied;
    }
    memory.truncate(message.end);
    let mut shared = Bytes::from(memory);
    shared.advance(message.start.min(shared.len()));
    shared
}

/// A copy of `bytes`: of long ones in memory that was used before, if there is any that fits.
pub(crate) fn copy(bytes: &[u8]) -> Bytes {
    let len = bytes.len();
    let mut memory = take(len);
    if memory.is_empty() || memory.capacity() > len.saturating_mul(2) {
        put(memory);
        return Bytes::copy_from_slice(bytes);
    }
    if let Some(place) = memory.get_mut(..len) {
        place.copy_from_slice(bytes);
    }
    share(memory, 0..len)
}

/// A buffer for about `len` bytes, all of it initialised with whatever was in it. Empty if there is
/// none.
pub(crate) fn take(len: usize) -> Vec<u8> {
    #[cfg(feature = "std")]
    if len >= MIN_LEN {
        return thread::take(len);
    }
    let _ = len;
    Vec::new()
}

/// The longest buffer of `len` to `most` bytes, as by [`take`]: for a message that grows, nobody knows how far.
pub(crate) fn take_to_grow(len: usize, most: usize) -> Vec<u8> {
    #[cfg(feature = "std")]
    return thread::take_to_grow(len, most);
    #[cfg(not(feature = "std"))]
    {
        let _ = (len, most);
        Vec::new()
    }
}

/// Has `memory` used again, if it is worth it and there is room.
pub(crate) fn put(memory: Vec<u8>) {
    #[cfg(feature = "std")]
    if memory.len() >= MIN_LEN {
        thread::put(memory);
        return;
    }
    drop(memory);
}

/// Where there are threads, each keeps some.
#[cfg(feature = "std")]
mod thread {
    use alloc::vec::Vec;
    use core::cell::Cell;

    /// How many bytes a thread keeps, and in how many buffers.
    const MAX_BYTES: usize = 4 << 20;
    const MAX_BUFFERS: usize = 8;

    std::thread_local! {
        static IDLE: Cell<Vec<Vec<u8>>> = const { Cell::new(Vec::new()) };
    }

    pub(super) fn take(len: usize) -> Vec<u8> {
        // The last one in: it is in the cache.
        let fits = |buffer: &Vec<u8>| buffer.len() >= len && buffer.len() / 2 <= len;
        take_by(|buffers| buffers.iter().rposition(fits))
    }

    pub(super) fn take_to_grow(len: usize, most: usize) -> Vec<u8> {
        let fits = |buffer: &Vec<u8>| (len..=most).contains(&buffer.len());
        take_by(|buffers| {
            let fitting = buffers.iter().enumerate().filter(|(_, buffer)| fits(buffer));
            fitting.max_by_key(|(_, buffer)| buffer.len()).map(|(at, _)| at)
        })
    }

    fn take_by(choose: impl FnOnce(&[Vec<u8>]) -> Option<usize>) -> Vec<u8> {
        let found = IDLE.try_with(|idle| {
            let mut buffers = idle.take();
            let found = choose(&buffers).map(|at| buffers.remove(at));
            idle.set(buffers);
            found
        });
        found.ok().flatten().unwrap_or_default()
    }

    pub(super) fn put(memory: Vec<u8>) {
        // The thread may be ending: then it is freed.
        let _ = IDLE.try_with(|idle| {
            let mut buffers = idle.take();
            let kept: usize = buffers.iter().map(Vec::capacity).sum();
            let sum = kept.saturating_add(memory.capacity());
            if buffers.len() < MAX_BUFFERS && sum <= MAX_BYTES {
                buffers.push(memory);
            }
            idle.set(buffers);
        });
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_nobody_shares_any_more_is_used_again_and_fits() {
        let message = share(vec![7; MIN_LEN], 0..MIN_LEN);
        let place = message.as_ptr();
        let shared = message.clone();
        drop(message);
        assert!(take(MIN_LEN).is_empty(), "somebody still reads it");
        drop(shared);
        assert!(take(2 * MIN_LEN + 1).is_empty(), "too short");
        assert!(take(MIN_LEN / 2).is_empty(), "short buffers are the allocator's");
        let again = take(MIN_LEN);
        assert_eq!((again.as_ptr(), again.len()), (place, MIN_LEN));
        assert!(take(MIN_LEN).is_empty());
    }

    #[test]
    fn a_long_copy_is_in_memory_that_was_used_before() {
        let used = vec![7; MIN_LEN + 9];
        let place = used.as_ptr();
        for bytes in [&b""[..], b"short", &[1; MIN_LEN - 1]] {
            assert_eq!(copy(bytes), bytes);
        }
        assert_eq!(copy(&[1; MIN_LEN]), &[1; MIN_LEN][..], "there is none yet");
        put(used);
        let copied = copy(&[2; MIN_LEN]);
        assert_eq!(copied.as_ptr(), place);
        assert_eq!(copied, &[2; MIN_LEN][..]);
        drop(copied);
        assert_eq!(take(MIN_LEN).len(), MIN_LEN + 9, "all of it comes back");
        let mut roomy = Vec::with_capacity(2 * MIN_LEN + 1);
        roomy.resize(MIN_LEN, 7);
        let place = roomy.as_ptr();
        put(roomy);
        let copied = copy(&[3; MIN_LEN]);
        assert!(
            copied.as_ptr() != place && copied == [3; MIN_LEN][..],
            "no more than twice its size"
        );
        let again = take(MIN_LEN);
        assert_eq!(again.as_ptr(), place, "it is there for the next");
    }

    #[test]
    fn a_message_that_grows_takes_the_longest_it_may() {
        for times in [2, 8, 3, 4] {
            put(vec![0; times * MIN_LEN]);
        }
        let taken = |len, most| take_to_grow(len, most).len() / MIN_LEN;
        assert_eq!(taken(1, 2 * MIN_LEN - 1), 0);
        assert_eq!(taken(1, 4 * MIN_LEN), 4);
        assert_eq!(taken(1, 4 * MIN_LEN), 3);
        assert_eq!(taken(5 * MIN_LEN, 7 * MIN_LEN), 0);
        assert_eq!(taken(5 * MIN_LEN, usize::MAX), 8);
        assert_eq!(taken(1, usize::MAX), 2);
        assert_eq!(taken(0, usize::MAX), 0);
    }

    #[test]
    fn a_message_holds_at_most_twice_its_size() {
        let message = share(vec![1; 1 << 20], 0..MIN_LEN);
        assert_eq!(message.len(), MIN_LEN);
        assert_eq!(take(1 << 20).len(), 1 << 20, "it was copied, and its memory given back");
    }

    #[test]
    fn a_thread_keeps_a_bounded_amount() {
        for _ in 0..100 {
            put(vec![0; 1 << 20]);
        }
        let kept = core::iter::from_fn(|| Some(take(1 << 20)).filter(|b| !b.is_empty()));
        assert_eq!(kept.count(), 4);
    }
}
