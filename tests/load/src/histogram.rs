//! A histogram of times, log-linear: 128 buckets for each power of two.

use std::fmt;
use std::time::Duration;

/// Times, in nanoseconds, each known to one part in 128; the largest is known exactly.
///
/// It has always the same size (58 KiB), and two of them can be merged without loss.
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Histogram {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, max: 0 }
    }

    /// Adds `count` times of the same length.
    pub fn record(&mut self, time: Duration, count: u64) {
        self.record_ns(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), count);
    }

    /// Adds what another one has.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// How many times there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest, exactly. Zero if there is none.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The time that the share `quantile` of all (0.0 to 1.0) does not exceed, rounded up by less
    /// than one part in 128. Zero if there is none.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Duration {
        let rank = ((self.count as f64 * quantile).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(last_of(index).min(self.max));
            }
        }
        Duration::ZERO
    }

    fn record_ns(&mut self, ns: u64, count: u64) {
        if count > 0 {
            self.buckets[index_of(ns)] += count;
            self.count += count;
            self.max = self.max.max(ns);
        }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count)
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.max())
            .finish()
    }
}

/// Below twice `LINEAR` each value has its bucket; above, each power of two has `LINEAR` of them.
fn index_of(ns: u64) -> usize {
    let shift = (u64::BITS - ns.leading_zeros()).saturating_sub(BITS + 1);
    (shift as usize) * LINEAR + (ns >> shift) as usize
}

/// The largest value of a bucket.
fn last_of(index: usize) -> u64 {
    let shift = (index / LINEAR).saturating_sub(1);
    let first = ((index - shift * LINEAR) as u64) << shift;
    first + ((1 << shift) - 1)
}

const BITS: u32 = 7;
const LINEAR: usize = 1 << BITS;
const BUCKETS: usize = (64 - BITS as usize + 1) * LINEAR;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_bounded_and_the_order_kept() {
        let mut values: Vec<u64> = (0..64).flat_map(|bit| [1 << bit, (1 << bit) + 1]).collect();
        values.extend((0..64).map(|bit| (1_u64 << bit) - 1));
        values.extend([255, 256, 257, 1_000_003, u64::MAX]);
        values.sort_unstable();
        for value in &values {
            let last = last_of(index_of(*value));
            assert!(last >= *value && last - value <= value / LINEAR as u64, "{value}: {last}");
        }
        assert!(values.windows(2).all(|pair| index_of(pair[0]) <= index_of(pair[1])));
        assert_eq!(index_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(0.5), Duration::ZERO);
        (1..=1000).for_each(|us| histogram.record(Duration::from_micros(us), 1));
        for (quantile, us) in [(0.5, 500), (0.99, 990), (0.999, 999), (0.0, 1)] {
            let (found, exact) = (histogram.quantile(quantile), Duration::from_micros(us));
            assert!(found >= exact && found <= exact + exact / 128, "{quantile}: {found:?}");
        }
        assert_eq!(histogram.quantile(1.0), Duration::from_millis(1));
        assert_eq!(histogram.max(), Duration::from_millis(1));
    }

    #[test]
    fn merged_is_the_same_as_recorded_together() {
        let (mut a, mut b, mut both) = (Histogram::new(), Histogram::new(), Histogram::new());
        for i in 0..10_000_u64 {
            let ns = i * i * i;
            if i % 3 == 0 {
                a.record_ns(ns, i % 5)
            } else {
                b.record_ns(ns, i % 5)
            }
            both.record_ns(ns, i % 5);
        }
        a.merge(&b);
        assert_eq!(a, both);
        assert_eq!(a.count(), 20_000);
    }
}
