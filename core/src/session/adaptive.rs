use super::config::Adaptive;
use crate::time::Duration;

/// The heartbeat's interval, as the network allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    limits: Adaptive,
    current: Duration,
    /// The longest that held.
    proven: Duration,
    /// The longest that is tried.
    ceiling: Duration,
}

impl Interval {
    pub(super) fn new(limits: Adaptive) -> Self {
        let shortest = limits.shortest;
        let ceiling = limits.longest.max(shortest);
        Self { limits, current: shortest, proven: shortest, ceiling }
    }

    pub(super) const fn current(&self) -> Duration {
        self.current
    }

    /// Whether a loss after so much silence shows that the network does not allow it.
    pub(super) fn is_refuted_by(&self, silence: Duration) -> bool {
        silence >= self.proven
    }

    /// The peer answered after this much silence.
    pub(super) fn held(&mut self) {
        self.proven = self.current;
        self.current = self.current.saturating_add(self.limits.step).min(self.ceiling);
    }

    /// It did not.
    pub(super) fn lost(&mut self) {
        let shorter = self.current.saturating_sub(self.limits.step);
        self.ceiling = shorter.max(self.limits.shortest);
        self.proven = self.proven.min(self.ceiling);
        self.current = self.proven;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn minutes(n: u64) -> Duration {
        Duration::from_secs(60 * n)
    }

    #[test]
    fn the_interval_lengthens_while_it_holds_and_shortens_after_a_loss() {
        let mut interval = Interval::new(Adaptive::new(minutes(1), minutes(9), minutes(2)));
        let mut seen = [Duration::ZERO; 3];
        for slot in &mut seen {
            *slot = interval.current();
            interval.held();
        }
        assert_eq!(seen, [minutes(1), minutes(3), minutes(5)]);
        assert_eq!(interval.current(), minutes(7));
        interval.lost();
        assert_eq!(interval.current(), minutes(5), "what held");
        for _ in 0..5 {
            interval.held();
        }
        assert_eq!(interval.current(), minutes(5), "what did not hold is not tried again");
        interval.lost();
        interval.lost();
        interval.lost();
        assert_eq!(interval.current(), minutes(1), "never shorter than the shortest");
    }

    #[test]
    fn the_interval_never_exceeds_the_longest() {
        let mut interval = Interval::new(Adaptive::new(minutes(1), minutes(4), minutes(2)));
        for _ in 0..5 {
            interval.held();
        }
        assert_eq!(interval.current(), minutes(4));
        let odd = Interval::new(Adaptive::new(minutes(3), minutes(1), minutes(1)));
        assert_eq!(odd.current(), minutes(3));
    }
}
