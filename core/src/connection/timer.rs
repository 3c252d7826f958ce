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
    pub(super) const ALL: [Self; 7] = [
        Self::Ping,
        Self::Pong,
        Self::Close,
        Self::Drain,
        Self::WriteStall,
        Self::Message,
        Self::Lifetime,
    ];
}

/// What a call knows of the time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Now {
    Told(Instant),
    /// It is not told; the time told last was this, perhaps long ago.
    Since(Instant),
}

impl From<Instant> for Now {
    fn from(now: Instant) -> Self {
        Self::Told(now)
    }
}

#[derive(Clone, Copy, Debug)]
struct Deadline {
    at: Instant,
    /// Counts from when the transport next reports, rather: it was armed without being told the time.
    undated: Option<Duration>,
}

/// One deadline a [`Timer`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TimerTable([Option<Deadline>; Timer::ALL.len()]);

impl TimerTable {
    pub(super) fn arm_after(&mut self, timer: Timer, now: impl Into<Now>, after: Duration) {
        let (since, undated) = match now.into() {
            Now::Told(now) => (now, None),
            Now::Since(told) => (told, Some(after)),
        };
        self.set(timer, Some(Deadline { at: since.saturating_add(after), undated }));
    }

    /// The transport reports: what was armed without being told the time counts from `now`.
    pub(super) fn date(&mut self, now: Instant) {
        for deadline in self.0.iter_mut().flatten() {
            if let Some(after) = deadline.undated.take() {
                deadline.at = now.saturating_add(after);
            }
        }
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.set(timer, None);
    }

    pub(super) fn stop_all(&mut self) {
        *self = Self::default();
    }

    /// Once closing, only the transport and the closing handshake are waited for.
    pub(super) fn stop_all_but_closing(&mut self) {
        for timer in [Timer::Ping, Timer::Pong, Timer::Message, Timer::Lifetime] {
            self.stop(timer);
        }
    }

    pub(super) fn is_armed(&self, timer: Timer) -> bool {
        self.get(timer).is_some()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().map(|deadline| deadline.at).min()
    }

    /// Stops a timer that has expired, and says when it was due.
    pub(super) fn expire(&mut self, timer: Timer, now: Instant) -> Option<Instant> {
        let due = self.get(timer)?.at;
        (due <= now).then(|| {
            self.stop(timer);
            due
        })
    }

    fn get(&self, timer: Timer) -> Option<Deadline> {
        self.0.get(timer as usize).copied().flatten()
    }

    fn set(&mut self, timer: Timer, deadline: Option<Deadline>) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = deadline;
        }
    }
}
