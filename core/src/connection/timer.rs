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

/// One deadline a [`Timer`].
#[derive(Clone, Copy, Debug)]
pub(super) struct TimerTable {
    /// [`NEVER`] of one that is not armed.
    at: [Instant; Timer::ALL.len()],
    /// Those that count from when the transport next reports, rather: they were armed without being
    /// told the time. A bit a timer.
    undated: u8,
    /// The time that their deadlines count from until then.
    told: Instant,
}

/// The deadlines of a connection that is [idle](TimerTable::is_idle).
pub(super) struct IdleTimers {
    at: [Instant; IDLE.len()],
}

/// What may be waited for while nothing is under way.
const IDLE: [Timer; 3] = [Timer::Ping, Timer::Pong, Timer::Lifetime];

/// Later than any deadline.
const NEVER: Instant = Instant::EPOCH.saturating_add(Duration::MAX);
const LAST: Instant = Instant::EPOCH.saturating_add(Duration::from_nanos(u64::MAX - 1));

fn deadline(since: Instant, after: Duration) -> Instant {
    since.saturating_add(after).min(LAST)
}

impl Default for IdleTimers {
    fn default() -> Self {
        Self { at: [NEVER; IDLE.len()] }
    }
}

impl IdleTimers {
    /// Arms a timer that there may be.
    pub(super) fn arm_after(&mut self, timer: Timer, now: Instant, after: Duration) {
        for (idle, at) in IDLE.into_iter().zip(&mut self.at) {
            if idle == timer {
                *at = deadline(now, after);
            }
        }
    }

    #[inline]
    pub(super) fn next(&self) -> Option<Instant> {
        earliest(&self.at)
    }
}

#[inline]
fn earliest(at: &[Instant]) -> Option<Instant> {
    let earliest = at.iter().fold(NEVER, |earliest, at| earliest.min(*at));
    (earliest < NEVER).then_some(earliest)
}

impl Default for TimerTable {
    fn default() -> Self {
        Self { at: [NEVER; Timer::ALL.len()], undated: 0, told: Instant::EPOCH }
    }
}

impl Timer {
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl TimerTable {
    pub(super) fn arm_after(&mut self, timer: Timer, now: impl Into<Now>, after: Duration) {
        let since = match now.into() {
            Now::Told(now) => {
                self.undated &= !timer.bit();
                now
            }
            Now::Since(told) => {
                self.postpone(told);
                self.undated |= timer.bit();
                told
            }
        };
        self.set(timer, deadline(since, after));
    }

    /// The transport reports: what was armed without being told the time counts from `now`.
    pub(super) fn date(&mut self, now: Instant) {
        if self.undated != 0 {
            self.postpone(now);
            self.undated = 0;
        }
    }

    /// What is undated counts from `told`.
    fn postpone(&mut self, told: Instant) {
        let later = told.saturating_since(self.told);
        for (timer, at) in Timer::ALL.into_iter().zip(&mut self.at) {
            if self.undated & timer.bit() != 0 {
                *at = deadline(*at, later);
            }
        }
        self.told = told;
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.set(timer, NEVER);
        self.undated &= !timer.bit();
    }

    pub(super) const fn stop_all(&mut self) {
        self.at = [NEVER; Timer::ALL.len()];
        self.undated = 0;
    }

    /// Once closing, only the transport and the closing handshake are waited for.
    pub(super) fn stop_all_but_closing(&mut self) {
        for timer in [Timer::Ping, Timer::Pong, Timer::Message, Timer::Lifetime] {
            self.stop(timer);
        }
    }

    /// Whether nothing is waited for but what may be while nothing is under way.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        let others = Timer::ALL.into_iter().filter(|timer| !IDLE.contains(timer));
        others.fold(self.undated == 0, |idle, timer| idle & !self.is_armed(timer))
    }

    /// Takes the place of `idle`, and that of this one, which [is idle](Self::is_idle) as well.
    #[inline]
    pub(super) fn swap(&mut self, idle: &mut IdleTimers) {
        for (timer, at) in IDLE.into_iter().zip(&mut idle.at) {
            let before = self.at(timer);
            self.set(timer, *at);
            *at = before;
        }
    }

    pub(super) fn is_armed(&self, timer: Timer) -> bool {
        self.at(timer) < NEVER
    }

    #[inline]
    pub(super) fn next(&self) -> Option<Instant> {
        earliest(&self.at)
    }

    /// Stops a timer that has expired, and says when it was due.
    pub(super) fn expire(&mut self, timer: Timer, now: Instant) -> Option<Instant> {
        let due = self.at(timer);
        (due <= now.min(LAST)).then(|| {
            self.stop(timer);
            due
        })
    }

    #[inline]
    fn at(&self, timer: Timer) -> Instant {
        self.at.get(timer as usize).copied().unwrap_or(NEVER)
    }

    #[inline]
    fn set(&mut self, timer: Timer, deadline: Instant) {
        if let Some(at) = self.at.get_mut(timer as usize) {
            *at = deadline;
        }
    }
}
