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
    fn nanoseconds_survive_the_round_trip() {
        let d = Duration::new(17, 123_456_789);
        assert_eq!(Instant::from_epoch(d).since_epoch(), d);
    }
}
