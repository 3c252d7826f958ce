//! Time, as an argument.

use core::ops::Add;

pub use core::time::Duration;

/// A point in time, in nanoseconds since an epoch chosen by whoever drives the connection.
///
/// `core` never reads a clock: a driver picks an epoch once and reports the time since. The range
/// is 584 years. Plain data, so that a failing schedule can be printed, shrunk and pasted into a
/// test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

/// Alarms of the systems there are go off by the millisecond.
const MIN_GRID: u64 = 1_000_000;

/// The least time until something is looked at again, whatever is configured: a loop must get on.
pub(crate) const SOON: Duration = Duration::from_millis(1);

impl Instant {
    /// The epoch itself.
    pub const EPOCH: Self = Self(0);

    /// The instant `elapsed` after the epoch, saturating at the end of the range.
    #[must_use]
    pub const fn from_epoch(elapsed: Duration) -> Self {
        let seconds = elapsed.as_secs().saturating_mul(1_000_000_000);
        Self(seconds.saturating_add(elapsed.subsec_nanos() as u64))
    }

    /// Time since the epoch.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// The instant `after` later, saturating at the end of the range.
    #[must_use]
    pub const fn saturating_add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(Self::from_epoch(after).0))
    }

    /// This deadline, seen from `now`, or one that is later by up to a 128th of the time until then: on a
    /// grid since the epoch, so that the alarms of many who share that go off together. What is less than
    /// an eighth of a second away stays.
    #[must_use]
    pub const fn gathered(self, now: Self) -> Self {
        // A power of two, so that a deadline a little nearer or farther has the same grid.
        let Some(exponent) = (self.0.saturating_sub(now.0) / 128).checked_ilog2() else {
            return self;
        };
        let behind = !u64::MAX.unbounded_shl(exponent);
        match self.0.checked_add(behind) {
            Some(end) if behind >= MIN_GRID => Self(end & !behind),
            _ => self,
        }
    }

    /// Time since `earlier`, or zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// As [`saturating_add`](Self::saturating_add).
    fn add(self, rhs: Duration) -> Self {
        self.saturating_add(rhs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        let end = Instant::from_epoch(Duration::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
        assert_eq!(Instant::EPOCH.saturating_since(end), Duration::ZERO);
        assert_eq!(Instant::EPOCH + Duration::MAX, end);
    }

    #[test]
    fn a_gathered_deadline_is_never_earlier_and_hardly_later() {
        let at = |millis: u64| Instant::from_epoch(Duration::from_millis(millis));
        for left in [0, 1, 100, 127, 128, 1_000, 9_999, 20_000, 3_600_000, u64::MAX / 1_000_000] {
            for now in [0, 1, 999, 123_456_789] {
                let deadline = at(now) + Duration::from_millis(left);
                let gathered = deadline.gathered(at(now));
                assert!(gathered >= deadline);
                let later = gathered.saturating_since(deadline);
                assert!(later <= Duration::from_millis(left / 128), "{later:?} of {left} ms");
            }
        }
        let times = (0..10_000).map(|n| at(20_000 + n).gathered(at(n)));
        let mut times: alloc::vec::Vec<_> = times.collect();
        times.dedup();
        assert!(times.len() < 120, "{} times in ten seconds", times.len());
        assert_eq!(Instant(u64::MAX).gathered(Instant::EPOCH), Instant(u64::MAX));
    }

    #[test]
    fn nanoseconds_survive_the_round_trip() {
        let d = Duration::new(17, 123_456_789);
        assert_eq!(Instant::from_epoch(d).since_epoch(), d);
    }
}
