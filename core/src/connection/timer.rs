use crate::time::{Duration, Instant};

/// Everything a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// When to look whether a silent peer wants a ping.
    Ping,
    /// When to give up on a pinged peer.
    Pong,
    /// When to give up on the closing handshake.
    Close,
    /// When to stop reading what a failed connection still receives.
    Drain,
    /// When to give up on a transport that takes no bytes.
    WriteStall,
    /// When to give up on a message that is not complete.
    Message,
    /// When the connection is old enough.
    Lifetime,
}

impl Timer {
    const ALL: [Self; 7] = [
        Self::Ping,
        Self::Pong,
        Self::Close,
        Self::Drain,
        Self::WriteStall,
        Self::Message,
        Self::Lifetime,
    ];
}

/// One deadline a [`Timer`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TimerTable([Option<Instant>; Timer::ALL.len()]);

impl TimerTable {
    pub(super) fn arm_after(&mut self, timer: Timer, now: Instant, after: Duration) {
        self.set(timer, Some(now.saturating_add(after)));
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.set(timer, None);
    }

    pub(super) fn stop_all(&mut self) {
        *self = Self::default();
    }

    /// Once closing, only the transport and the closing handshake are waited for.
    pub(super) fn stop_all_but_write_stall(&mut self) {
        let write_stall = self.get(Timer::WriteStall);
        self.stop_all();
        self.set(Timer::WriteStall, write_stall);
    }

    pub(super) fn is_armed(&self, timer: Timer) -> bool {
        self.get(timer).is_some()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Stops and returns a timer that has expired, and when it was due.
    pub(super) fn expire(&mut self, now: Instant) -> Option<(Timer, Instant)> {
        let due = |timer| Some((timer, self.get(timer).filter(|at| *at <= now)?));
        let (timer, at) = Timer::ALL.into_iter().find_map(due)?;
        self.stop(timer);
        Some((timer, at))
    }

    fn get(&self, timer: Timer) -> Option<Instant> {
        self.0.get(timer as usize).copied().flatten()
    }

    fn set(&mut self, timer: Timer, at: Option<Instant>) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = at;
        }
    }
}
