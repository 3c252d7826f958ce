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

/// Makes intervals up to 10 % shorter or longer at random, one connection's all alike.
///
/// For heartbeats and lifetimes of a server's connections: peers that arrived together must not be
/// pinged, or sent away, together. Need not be unpredictable, only various.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter(u16);

impl Jitter {
    /// Leaves intervals as they are.
    pub const NONE: Self = Self(1 << 15);

    /// Draws two bytes.
    #[must_use]
    pub fn draw(rng: &mut dyn Rng) -> Self {
        let mut draw = [0; 2];
        rng.fill(&mut draw);
        Self(u16::from_ne_bytes(draw))
    }

    /// `interval`, shorter or longer.
    #[must_use]
    pub fn apply(self, interval: Duration) -> Duration {
        // 0.9 + 0.2 * draw / 65_536, in whole parts of 655_360.
        let parts = 589_824_u128.saturating_add(u128::from(self.0).saturating_mul(2));
        let nanos = interval.as_nanos().saturating_mul(parts) / 655_360;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Default for Jitter {
    /// [`NONE`](Self::NONE).
    fn default() -> Self {
        Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_a_tenth_and_reaches_both_ends() {
        let base = Duration::from_secs(10);
        let draw = |byte: u8| Jitter::draw(&mut move |dest: &mut [u8]| dest.fill(byte));
        let with = |byte: u8| draw(byte).apply(base);
        assert_eq!(with(0), Duration::from_secs(9));
        assert!(with(0xff) > Duration::from_millis(10_999) && with(0xff) < Duration::from_secs(11));
        assert_eq!(draw(7).apply(Duration::ZERO), Duration::ZERO);
        assert_eq!(Jitter::NONE.apply(base), base);
    }
}
