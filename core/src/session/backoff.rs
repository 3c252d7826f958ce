//! How long to wait before trying again (RFC 6455 section 7.2.3).

use crate::rng::Rng;
use crate::time::Duration;

/// When to try again: truncated exponential back-off.
///
/// The delay before the n-th retry in a row is `base` grown n - 1 times, at most `cap`, and then
/// spread at random, so that clients that failed together do not come back together. It starts over
/// only once a connection has been open for
/// [`SessionConfig::stable_after`](super::SessionConfig::stable_after).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The delay before the first retry, before it is spread.
    pub base: Duration,
    /// Added to `base` at random, once a session: of clients that failed together, some stay slower
    /// than others. Together at most `cap`.
    pub base_spread: Duration,
    /// The longest delay, before it is spread.
    pub cap: Duration,
    /// What each delay is of the one before, in percent: 200 doubles. Below 100 counts as 100.
    pub growth: u32,
    /// How delays are spread.
    pub spread: Spread,
    /// Section 7.2.3: "a random amount of time". A connection that was open and that the peer, or
    /// the network, ended may have ended for many at once: the next attempt comes at a random time
    /// within this, if that is longer than its delay; at most `cap`. Zero is off.
    pub first: Duration,
    /// How many retries in a row may fail; none is no limit.
    pub max_retries: Option<u32>,
}

/// How a delay is spread at random, after it was capped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spread {
    /// Not at all.
    None,
    /// Anywhere from nothing to the delay.
    Full,
    /// Anywhere from half the delay to the delay.
    Equal,
    /// Anywhere from `base` to three times the delay drawn before, at most `cap`.
    Decorrelated,
}

impl Backoff {
    /// From 0.5 s, doubling up to 30 s, each anywhere up to that, the first after a mass disconnect
    /// anywhere within 5 s, for ever.
    pub const DEFAULT: Self = Self {
        base: Duration::from_millis(500),
        base_spread: Duration::ZERO,
        cap: Duration::from_secs(30),
        growth: 200,
        spread: Spread::Full,
        first: Duration::from_secs(5),
        max_retries: None,
    };

    /// The same, from `base` to `cap`; `base_spread` is shortened to what is between them.
    #[must_use]
    pub const fn between(self, base: Duration, cap: Duration) -> Self {
        let most = cap.saturating_sub(base);
        let wider = self.base_spread.as_nanos() > most.as_nanos();
        let base_spread = if wider { most } else { self.base_spread };
        Self { base, base_spread, cap, ..self }
    }

    /// A random time within [`first`](Self::first), and `cap`.
    pub(super) fn first(&self, rng: &mut dyn Rng) -> Duration {
        uniform(rng, self.first.min(self.cap))
    }
}

/// Where a session is in its back-off.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Retries begun since a connection was last stable.
    retries: u32,
    /// What this session adds to the base.
    extra: Duration,
    /// What was drawn last, for [`Spread::Decorrelated`].
    drawn: Duration,
}

impl Progress {
    pub(super) fn new(backoff: &Backoff, rng: &mut dyn Rng) -> Self {
        let spread = backoff.base_spread;
        let extra = if spread.is_zero() { spread } else { uniform(rng, spread) };
        Self { extra, ..Self::default() }
    }

    pub(super) const fn retries(&self) -> u32 {
        self.retries
    }

    pub(super) fn reset(&mut self) {
        *self = Self { extra: self.extra, ..Self::default() };
    }

    /// A retry has begun.
    pub(super) fn count(&mut self) {
        self.retries = self.retries.saturating_add(1);
    }

    /// It was given up for no fault of the peer's.
    pub(super) fn uncount(&mut self) {
        self.retries = self.retries.saturating_sub(1);
    }

    pub(super) fn is_exhausted(&self, backoff: &Backoff) -> bool {
        backoff.max_retries.is_some_and(|most| self.retries >= most)
    }

    /// Draws the delay before the next retry.
    pub(super) fn draw(&mut self, backoff: &Backoff, rng: &mut dyn Rng) -> Duration {
        let base = backoff.base.saturating_add(self.extra).min(backoff.cap);
        let delay = backoff.delay(base, self.retries);
        // R3: spread after the cap, lest all delays end up equal.
        match backoff.spread {
            Spread::None => delay,
            Spread::Full => uniform(rng, delay),
            Spread::Equal => {
                let half = delay.checked_div(2).unwrap_or_default();
                half.saturating_add(uniform(rng, delay.saturating_sub(half)))
            }
            Spread::Decorrelated => {
                let most = self.drawn.max(base).saturating_mul(3);
                let more = uniform(rng, most.saturating_sub(base));
                self.drawn = base.saturating_add(more).min(backoff.cap);
                self.drawn
            }
        }
    }
}

impl Backoff {
    /// The delay before the retry that has `retries` before it, and grows from `base`.
    fn delay(&self, base: Duration, retries: u32) -> Duration {
        let mut delay = base;
        for _ in 0..retries {
            let next = grown(delay, self.growth).min(self.cap);
            if next == delay {
                break;
            }
            delay = next;
        }
        delay
    }
}

fn grown(delay: Duration, percent: u32) -> Duration {
    let nanos = delay.as_nanos().saturating_mul(u128::from(percent.max(100))) / 100;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Anywhere from nothing to `most`, that included.
pub(super) fn uniform(rng: &mut dyn Rng, most: Duration) -> Duration {
    let mut draw = [0; 8];
    rng.fill(&mut draw);
    let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    let span = u128::from(nanos).saturating_add(1);
    let drawn = u128::from(u64::from_le_bytes(draw)).saturating_mul(span) >> 64;
    Duration::from_nanos(u64::try_from(drawn).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn seconds(backoff: &Backoff, n: usize, byte: u8) -> Vec<u64> {
        let mut rng = move |dest: &mut [u8]| dest.fill(byte);
        let mut progress = Progress::default();
        let mut next = || {
            let delay = progress.draw(backoff, &mut rng).as_secs();
            progress.count();
            delay
        };
        (0..n).map(|_| next()).collect()
    }

    const PLAIN: Backoff = Backoff {
        base: Duration::from_secs(1),
        base_spread: Duration::ZERO,
        cap: Duration::from_secs(1024),
        growth: 200,
        spread: Spread::None,
        first: Duration::ZERO,
        max_retries: Some(10),
    };

    #[test]
    fn r3_delays_double_up_to_the_cap_and_saturate() {
        assert_eq!(
            seconds(&PLAIN, 13, 0),
            [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024]
        );
        let huge = PLAIN.between(Duration::MAX, Duration::MAX);
        assert!(seconds(&huge, 200, 0).iter().all(|delay| *delay >= u64::MAX / 1_000_000_000));
        let tiny = PLAIN.between(Duration::from_secs(5), Duration::from_secs(2));
        assert_eq!(seconds(&tiny, 2, 0), [2, 2]);
    }

    #[test]
    fn r3_jitter_comes_after_the_cap() {
        for (spread, least) in [(Spread::Full, 0), (Spread::Equal, 512)] {
            let backoff = Backoff { spread, ..PLAIN };
            assert_eq!(seconds(&backoff, 20, 0).last(), Some(&least));
            assert_eq!(seconds(&backoff, 20, 0xff).last(), Some(&1024));
        }
        let backoff = Backoff { spread: Spread::Decorrelated, ..PLAIN };
        assert_eq!(seconds(&backoff, 20, 0).last(), Some(&1));
        assert_eq!(seconds(&backoff, 20, 0xff).last(), Some(&1024));
    }

    #[test]
    fn r3_retries_are_counted_and_a_reset_starts_over() {
        let mut rng = |dest: &mut [u8]| dest.fill(0);
        let mut progress = Progress::default();
        for _ in 0..10 {
            assert!(!progress.is_exhausted(&PLAIN));
            progress.count();
        }
        assert!(progress.is_exhausted(&PLAIN));
        progress.uncount();
        assert_eq!(progress.draw(&PLAIN, &mut rng), Duration::from_secs(512));
        assert!(!progress.is_exhausted(&Backoff { max_retries: None, ..PLAIN }));
        progress.reset();
        assert_eq!(progress.draw(&PLAIN, &mut rng), Duration::from_secs(1));
    }

    #[test]
    fn a_growth_of_130_percent_is_as_reconnecting_websocket_has_it() {
        let backoff = Backoff { growth: 130, ..PLAIN };
        let delays: Vec<_> = (0..4).map(|retries| backoff.delay(backoff.base, retries)).collect();
        assert_eq!(delays, [1000, 1300, 1690, 2197].map(Duration::from_millis));
    }

    #[test]
    fn the_base_is_spread_once_a_session_and_capped() {
        let spread = |backoff: &Backoff, byte: u8| {
            let mut rng = move |dest: &mut [u8]| dest.fill(byte);
            let mut progress = Progress::new(backoff, &mut rng);
            let first = progress.draw(backoff, &mut rng).as_secs();
            progress.count();
            let second = progress.draw(backoff, &mut rng).as_secs();
            progress.reset();
            assert_eq!(progress.draw(backoff, &mut rng).as_secs(), first, "kept");
            (first, second)
        };
        let backoff = Backoff { base_spread: Duration::from_secs(4), ..PLAIN };
        assert_eq!((spread(&backoff, 0), spread(&backoff, 0xff)), ((1, 2), (5, 10)));
        let low = Backoff { cap: Duration::from_secs(3), ..backoff };
        assert_eq!((spread(&low, 0), spread(&low, 0xff)), ((1, 2), (3, 3)));
        let between = backoff.between(Duration::from_secs(2), Duration::from_secs(3));
        assert_eq!(between.base_spread, Duration::from_secs(1));
        assert_eq!(
            backoff.between(Duration::from_secs(3), Duration::ZERO).base_spread,
            Duration::ZERO
        );
    }

    #[test]
    fn uniform_reaches_both_ends() {
        let most = Duration::from_secs(5);
        assert_eq!(uniform(&mut |dest: &mut [u8]| dest.fill(0), most), Duration::ZERO);
        assert_eq!(uniform(&mut |dest: &mut [u8]| dest.fill(0xff), most), most);
        assert_eq!(uniform(&mut |dest: &mut [u8]| dest.fill(0xff), Duration::ZERO), Duration::ZERO);
    }
}
