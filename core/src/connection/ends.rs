use alloc::collections::VecDeque;
use core::mem;

/// Where the messages in the outbox end, counted in bytes ever queued there.
///
/// Messages of one size, which a burst mostly is, cost the memory of one.
#[derive(Debug, Default)]
pub(super) struct Ends {
    earlier: VecDeque<Run>,
    latest: Run,
    /// How many messages the transport has ever taken whole.
    taken: u64,
}

/// Ends at equal distances.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    /// The last of them.
    end: u64,
    distance: u64,
    count: u64,
}

impl Run {
    /// Forgets the ends up to `transmitted`, and says how many that were.
    fn forget(&mut self, transmitted: u64) -> u64 {
        let beyond = self.end.saturating_sub(transmitted);
        // The only one of its run has no distance.
        let left = self.count.min(beyond.div_ceil(self.distance.max(1)));
        let taken = self.count.saturating_sub(left);
        self.count = left;
        taken
    }
}

impl Ends {
    /// A message ends at `end`, behind all others.
    #[inline]
    pub(super) fn push(&mut self, end: u64) {
        let distance = end.wrapping_sub(self.latest.end);
        let run = &mut self.latest;
        if run.count > 1 && distance == run.distance {
            (run.end, run.count) = (end, run.count.wrapping_add(1));
        } else if run.count == 1 {
            *run = Run { end, distance, count: 2 };
        } else {
            let next = Run { end, distance: 0, count: 1 };
            let before = mem::replace(run, next);
            if before.count > 0 {
                self.earlier.push_back(before);
            }
        }
    }

    /// Takes back the last end, if it is at `end`, and says whether it was.
    pub(super) fn take_back(&mut self, end: u64) -> bool {
        let run = &mut self.latest;
        let is_there = run.count > 0 && run.end == end;
        if is_there {
            run.count = run.count.saturating_sub(1);
            run.end = run.end.saturating_sub(run.distance);
        }
        is_there
    }

    /// The transport has taken everything up to `transmitted`.
    pub(super) fn transmitted(&mut self, transmitted: u64) {
        while let Some(run) = self.earlier.front_mut() {
            self.taken = self.taken.wrapping_add(run.forget(transmitted));
            if run.count > 0 {
                return;
            }
            self.earlier.pop_front();
        }
        self.taken = self.taken.wrapping_add(self.latest.forget(transmitted));
    }

    /// The transport has taken everything.
    #[inline]
    pub(super) fn all_transmitted(&mut self) {
        self.taken = self.taken.wrapping_add(self.latest.count);
        for run in &self.earlier {
            self.taken = self.taken.wrapping_add(run.count);
        }
        self.clear();
    }

    /// Whether it is as a new one, but for how many were ever taken.
    pub(super) fn is_idle(&self) -> bool {
        self.latest.count == 0 && self.earlier.capacity() == 0
    }

    /// Takes how many an [idle](Self::is_idle) one has taken, and gives its own.
    pub(super) fn swap_taken(&mut self, taken: &mut u64) {
        mem::swap(&mut self.taken, taken);
    }

    /// How many messages the transport has ever taken whole.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    /// The transport takes nothing more.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.latest.count = 0;
        if self.earlier.capacity() > 0 {
            self.earlier = VecDeque::new();
        }
    }

    /// How many messages the transport has not taken whole.
    pub(super) fn count(&self) -> usize {
        let runs = self.earlier.iter().chain([&self.latest]);
        let count = runs.fold(0_u64, |count, run| count.saturating_add(run.count));
        usize::try_from(count).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn the_last_end_is_taken_back_as_if_it_had_not_been_there() {
        for sizes in [&[5_u64][..], &[5, 5], &[5, 9], &[5, 5, 5], &[5, 5, 9], &[9, 5, 5, 5]] {
            let (mut ends, mut at, mut all) = (Ends::default(), 0, Vec::new());
            for size in sizes {
                at += size;
                all.push(at);
                ends.push(at);
            }
            assert!(!ends.take_back(at - 1) && !ends.take_back(at + 1));
            assert!(ends.take_back(at));
            all.pop();
            assert_eq!(ends.count(), all.len());
            for more in [0, 5, 10, 17] {
                ends.push(at + more);
                all.push(at + more);
            }
            for transmitted in 0..=at + 17 {
                ends.transmitted(transmitted);
                let left = all.iter().filter(|end| **end > transmitted).count();
                assert_eq!(ends.count(), left, "{sizes:?}, {transmitted} transmitted");
            }
        }
    }

    #[test]
    fn counts_as_a_list_of_all_ends_would() {
        for pattern in [&[5_u64][..], &[5, 9], &[5, 5, 9], &[1, 2, 3, 4], &[7, 7, 7, 1, 7, 7]] {
            let mut all = Vec::new();
            let mut ends = Ends::default();
            let mut at = 0;
            for size in pattern.iter().cycle().take(40) {
                at += size;
                all.push(at);
                ends.push(at);
            }
            assert_eq!(ends.count(), all.len());
            for transmitted in 0..=at {
                ends.transmitted(transmitted);
                let left = all.iter().filter(|end| **end > transmitted).count();
                assert_eq!(ends.count(), left, "{pattern:?}, {transmitted} transmitted");
                assert_eq!(ends.taken(), (all.len() - left) as u64);
            }
            for more in [3, 6, 9, 10] {
                ends.push(at + more);
            }
            assert_eq!(ends.count(), 4);
            ends.all_transmitted();
            assert_eq!((ends.count(), ends.taken()), (0, 44));
            ends.push(at + 20);
            ends.clear();
            assert_eq!((ends.count(), ends.taken()), (0, 44), "what is dropped was not taken");
        }
    }
}
