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

#[derive(Clone, Copy, Debug)]
enum Deadline {
    At(Instant),
    /// Armed by a call that is not told the time: counts from when it is next told, for the time
    /// told last may be long ago.
    After(Duration),
}

/// One deadline a [`Timer`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TimerTable {
    deadlines: [Option<Deadline>; Timer::ALL.len()],
    /// Whether some of them may be [`After`](Deadline::After).
    undated: bool,
}

impl TimerTable {
    /// Arms a timer, counting from `now` if the time is known.
    pub(super) fn arm_after(
        &mut self,
        timer: Timer,
        now: impl Into<Option<Instant>>,
        after: Duration,
    ) {
        let deadline = match now.into() {
            Some(now) => Deadline::At(now.saturating_add(after)),
            None => Deadline::After(after),
        };
        self.undated |= matches!(deadline, Deadline::After(_));
        self.set(timer, Some(deadline));
    }

    /// The time is `now`.
    #[inline]
    pub(super) fn told(&mut self, now: Instant) {
        if self.undated {
            self.undated = false;
            for deadline in self.deadlines.iter_mut().flatten() {
                if let Deadline::After(after) = *deadline {
                    *deadline = Deadline::At(now.saturating_add(after));
                }
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

    /// The earliest deadline, or earlier, if the time `told` last is not the time now.
    pub(super) fn next(&self, told: Instant) -> Option<Instant> {
        let due = |deadline: &Deadline| match *deadline {
            Deadline::At(at) => at,
            Deadline::After(after) => told.saturating_add(after),
        };
        self.deadlines.iter().flatten().map(due).min()
    }

    /// Stops a timer that has expired, and says when it was due.
    pub(super) fn expire(&mut self, timer: Timer, now: Instant) -> Option<Instant> {
        match self.get(timer) {
            Some(Deadline::At(at)) if at <= now => {
                self.stop(timer);
                Some(at)
            }
            Some(Deadline::At(_) | Deadline::After(_)) | None => None,
        }
    }

    fn get(&self, timer: Timer) -> Option<Deadline> {
        self.deadlines.get(timer as usize).copied().flatten()
    }

    fn set(&mut self, timer: Timer, deadline: Option<Deadline>) {
        if let Some(slot) = self.deadlines.get_mut(timer as usize) {
            *slot = deadline;
        }
    }
}
