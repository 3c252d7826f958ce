//! The last window's worth of what was compressed or inflated: a context, for as long as no state
//! holds it.

use alloc::collections::VecDeque;

#[derive(Debug)]
pub(super) struct History {
    bytes: VecDeque<u8>,
    /// The most that is kept.
    window: usize,
}

impl History {
    /// Allocates nothing yet.
    pub(super) const fn new(window: usize) -> Self {
        Self { bytes: VecDeque::new(), window }
    }

    /// `new` comes after what was there; what is further back than the window goes.
    pub(super) fn push(&mut self, new: &[u8]) {
        let new = tail(new, self.window);
        let kept = self.bytes.len().min(self.window.saturating_sub(new.len()));
        self.bytes.drain(..self.bytes.len().saturating_sub(kept));
        let needed = kept.saturating_add(new.len());
        if self.bytes.capacity() < needed {
            // By doubling, to a window and not beyond it.
            let capacity = needed.next_power_of_two().min(self.window);
            self.bytes.reserve_exact(capacity.saturating_sub(kept));
        }
        self.bytes.extend(new);
    }

    pub(super) fn clear(&mut self) {
        self.bytes = VecDeque::new();
    }

    /// What there is: what came first, and what came last.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        self.bytes.as_slices().into()
    }

    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity()
    }
}

/// The last `most` bytes.
pub(super) fn tail(bytes: &[u8], most: usize) -> &[u8] {
    bytes.get(bytes.len().saturating_sub(most)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn the_last_window_is_kept_and_no_more_memory_than_that() {
        let all: Vec<u8> = (0..5000_usize).map(|at| (at * 7 + (at >> 8)) as u8).collect();
        for window in [256, 512, 4096] {
            for step in [1, 3, 255, 256, 257, 700, 5000] {
                let mut history = History::new(window);
                let mut seen = 0;
                for piece in all.chunks(step) {
                    history.push(piece);
                    seen += piece.len();
                    let kept: Vec<u8> = history.parts().concat();
                    assert_eq!(kept, tail(&all[..seen], window), "{window} {step}");
                    assert!(history.memory() <= window);
                }
            }
        }
    }
}
