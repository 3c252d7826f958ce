//! A heartbeat for those that have none: an interval beside the loop, as their users write it.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Tells after which intervals nothing had been heard. It pings, and gives nobody up for dead.
pub(crate) struct Beat {
    interval: Option<Interval>,
    heard: bool,
}

impl Beat {
    pub(crate) fn new(every: Option<Duration>) -> Self {
        let interval = every.map(|every| {
            let mut interval = interval_at(Instant::now() + every, every);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        Self { interval, heard: false }
    }

    /// Something arrived.
    pub(crate) fn hear(&mut self) {
        self.heard = true;
    }

    /// Ready when a whole interval was silent.
    pub(crate) fn poll_silent(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(interval) = &mut self.interval else { return Poll::Pending };
        while interval.poll_tick(cx).is_ready() {
            if !std::mem::take(&mut self.heard) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}
