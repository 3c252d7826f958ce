use crate::time::{Duration, Instant};

/// Everything a session waits for, beside its connection and the deadlines of its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// When to try again, or to give up waiting to be adopted.
    Retry,
    /// When to give up on an attempt that is not open.
    Connect,
    /// When the connection has been open long enough for the back-off to start over.
    Stable,
    /// When to give up on a peer that was probed.
    Probe,
    /// When the ping behind the messages may be sent that would have been too soon.
    Fence,
    /// When to give up on a peer that does not answer it.
    Confirm,
    /// When to send the heartbeat's message.
    Beat,
    /// When to give up on a peer that does not answer that.
    Unanswered,
    /// When to close although messages wait.
    Flush,
    /// When to close although messages have no outcome.
    Shutdown,
}

impl Timer {
    pub(super) const ALL: [Self; 10] = [
        Self::Retry,
        Self::Connect,
        Self::Stable,
        Self::Probe,
        Self::Fence,
        Self::Confirm,
        Self::Beat,
        Self::Unanswered,
        Self::Flush,
        Self::Shutdown,
    ];
}

/// One deadline a [`Timer`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TimerTable([Option<Instant>; Timer::ALL.len()]);

impl TimerTable {
    pub(super) fn arm(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = Some(at);
        }
    }

    pub(super) fn arm_after(&mut self, timer: Timer, now: Instant, after: Duration) {
        self.arm(timer, now.saturating_add(after));
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = None;
        }
    }

    /// An attempt is over: what remains is what the application wants of the session.
    pub(super) fn stop_all_but_shutdown(&mut self) {
        for timer in Timer::ALL {
            if timer != Timer::Shutdown {
                self.stop(timer);
            }
        }
    }

    /// The connection is to be closed: what remains is the deadlines of that.
    pub(super) fn stop_all_of_open(&mut self) {
        for timer in [Timer::Stable, Timer::Probe, Timer::Confirm, Timer::Beat, Timer::Unanswered] {
            self.stop(timer);
        }
    }

    pub(super) fn stop_all(&mut self) {
        *self = Self::default();
    }

    pub(super) fn get(&self, timer: Timer) -> Option<Instant> {
        self.0.get(timer as usize).copied().flatten()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Stops a timer that has expired, and says when it was due.
    pub(super) fn expire(&mut self, timer: Timer, now: Instant) -> Option<Instant> {
        let due = self.get(timer).filter(|due| *due <= now)?;
        self.stop(timer);
        Some(due)
    }
}
