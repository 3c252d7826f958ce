use alloc::vec::Vec;

/// Bytes one behind the other, in memory that is initialised once and then written to again and again: a
/// place is one slice, in which nothing has to be cleared, grown or asked for once more.
#[derive(Debug, Default)]
pub(super) struct Run {
    memory: Vec<u8>,
    len: usize,
}

/// How much is initialised at once beyond what is needed now.
const STEP: usize = 64 * 1024;

impl Run {
    pub(super) const fn new() -> Self {
        Self { memory: Vec::new(), len: 0 }
    }

    /// A place for `len` bytes or more behind those that are there. One that has no memory begins with
    /// `first` bytes, if that is enough.
    #[inline(always)]
    pub(super) fn place(&mut self, len: usize, first: usize) -> &mut [u8] {
        if self.memory.len().wrapping_sub(self.len) < len {
            self.grow(len, first);
        }
        self.memory.get_mut(self.len..).unwrap_or_default()
    }

    /// The first `n` bytes of the place were written.
    #[inline(always)]
    pub(super) fn wrote(&mut self, n: usize) {
        self.len = self.len.wrapping_add(n);
    }

    #[inline(never)]
    fn grow(&mut self, len: usize, first: usize) {
        let needed = self.len.saturating_add(len);
        if self.memory.capacity() == 0 {
            self.memory.reserve_exact(len.max(first));
        } else {
            self.memory.reserve(needed.saturating_sub(self.memory.len()));
        }
        let most = self.memory.capacity().min(needed.saturating_add(STEP));
        self.memory.resize(most.max(needed), 0);
    }

    /// Whether a place for `len` bytes takes more memory.
    pub(super) fn would_grow(&self, len: usize) -> bool {
        self.memory.len().saturating_sub(self.len) < len
    }

    /// Forgets the first `n` bytes.
    pub(super) fn forget(&mut self, n: usize) {
        let n = n.min(self.len);
        self.memory.copy_within(n..self.len, 0);
        self.len = self.len.saturating_sub(n);
    }

    /// Forgets the last `n` bytes.
    pub(super) const fn take_back(&mut self, n: usize) {
        self.len = self.len.saturating_sub(n);
    }

    /// Forgets all bytes, and keeps the memory.
    pub(super) const fn clear(&mut self) {
        self.len = 0;
    }

    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) const fn capacity(&self) -> usize {
        self.memory.capacity()
    }

    /// The bytes from `start` to `end`, if they are there.
    #[inline]
    pub(super) fn get(&self, start: usize, end: usize) -> &[u8] {
        self.memory.get(start..end.min(self.len)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_there_and_nothing_else_is() {
        let mut run = Run::new();
        let mut expected = Vec::new();
        for n in 0..300_usize {
            let place = run.place(n, 16);
            assert!(place.len() >= n);
            place.fill(0xff);
            place[..n].fill(n as u8);
            run.wrote(n);
            expected.extend(core::iter::repeat_n(n as u8, n));
            if n % 7 == 0 {
                run.forget(n / 2);
                expected.drain(..n / 2);
            }
            assert_eq!(run.get(0, usize::MAX), &expected[..]);
            assert_eq!(run.len(), expected.len());
        }
        let capacity = run.capacity();
        run.clear();
        assert_eq!((run.get(0, 9), run.len(), run.capacity()), (&[][..], 0, capacity));
    }

    #[test]
    fn memory_is_initialised_as_it_is_needed_and_grows_by_doubling() {
        let mut run = Run::new();
        run.place(1, 200_000);
        assert!(run.capacity() >= 200_000 && run.memory.len() <= 1 + STEP);
        let mut moved = 0;
        for _ in 0..1_000_000 {
            let before = run.capacity();
            run.place(1, 0);
            run.wrote(1);
            moved += usize::from(run.capacity() != before);
        }
        assert!(moved < 5, "{moved}");
    }
}
