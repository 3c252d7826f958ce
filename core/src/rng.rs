//! Randomness, as an argument.

use crate::time::Duration;

/// A source of unpredictable bytes.
///
/// RFC 6455 section 10.3 asks that masking keys cannot be predicted by the application: hand in a
/// cryptographic generator seeded by the operating system. Tests hand in whatever they like.
pub trait Rng {
    /// Fills `dest` with unpredictable bytes.
    fn fill(&mut self, dest: &mut [u8]);
}

impl<F: FnMut(&mut [u8])> Rng for F {
    fn fill(&mut self, dest: &mut [u8]) {
        self(dest);
    }
}

/// `interval`, made up to 10 % shorter or longer at random.
///
/// For heartbeats and lifetimes of a server's connections: peers that arrived together must not be
/// pinged, or sent away, together.
#[must_use]
pub fn jittered(interval: Duration, rng: &mut dyn Rng) -> Duration {
    let mut draw = [0; 2];
    rng.fill(&mut draw);
    // 0.9 + 0.2 * draw / 65_536, in whole parts of 655_360.
    let parts = 589_824_u128.saturating_add(u128::from(u16::from_ne_bytes(draw)).saturating_mul(2));
    let nanos = interval.as_nanos().saturating_mul(parts) / 655_360;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_a_tenth_and_reaches_both_ends() {
        let base = Duration::from_secs(10);
        let with = |byte: u8| jittered(base, &mut move |dest: &mut [u8]| dest.fill(byte));
        assert_eq!(with(0), Duration::from_secs(9));
        assert!(with(0xff) > Duration::from_millis(10_999) && with(0xff) < Duration::from_secs(11));
        assert_eq!(jittered(Duration::ZERO, &mut |dest: &mut [u8]| dest.fill(7)), Duration::ZERO);
    }
}
