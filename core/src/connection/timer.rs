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
    at: [Instant; Timer::ALL.len()],
    /// A bit a timer.
    armed: u8,
    /// Those that count from when the transport next reports, rather: they were armed without being
    /// told the time.
    undated: u8,
    /// The time that their deadlines count from until then.
    told: Instant,
}

impl Default for TimerTable {
    fn default() -> Self {
        let none = Instant::EPOCH;
        Self { at: [none; Timer::ALL.len()], armed: 0, undated: 0, told: none }
    }
}

/// The deadlines of a connection that is [idle](TimerTable::is_idle).
pub(super) struct IdleTimers {
    at: [Instant; IDLE.len()],
}

/// What may be waited for while nothing is under way.
const IDLE: [Timer; 3] = [Timer::Ping, Timer::Pong, Timer::Lifetime];

/// Later than any deadline.
const NEVER: Instant = Instant::EPOCH.saturating_add(Duration::MAX);

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
                *at = now.saturating_add(after);
            }
        }
    }

    #[inline]
    pub(super) fn next(&self) -> Option<Instant> {
        self.at.into_iter().min().filter(|at| *at < NEVER)
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
        self.armed |= timer.bit();
        if let Some(at) = self.at.get_mut(timer as usize) {
            *at = since.saturating_add(after);
        }
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
                *at = at.saturating_add(later);
            }
        }
        self.told = told;
    }

    pub(super) const fn stop(&mut self, timer: Timer) {
        self.armed &= !timer.bit();
        self.undated &= !timer.bit();
    }

    pub(super) const fn stop_all(&mut self) {
        self.armed = 0;
        self.undated = 0;
    }

    /// Once closing, only the transport and the closing handshake are waited for.
    pub(super) fn stop_all_but_closing(&mut self) {
        for timer in [Timer::Ping, Timer::Pong, Timer::Message, Timer::Lifetime] {
            self.stop(timer);
        }
    }

    /// Whether nothing is waited for but what may be while nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        let may_be = IDLE.into_iter().fold(0, |bits, timer| bits | timer.bit());
        self.armed & !may_be == 0 && self.undated == 0
    }

    /// Takes the place of `idle`, and that of this one.
    pub(super) fn swap(&mut self, idle: &mut IdleTimers) {
        for (timer, at) in IDLE.into_iter().zip(&mut idle.at) {
            let before = self.get(timer).unwrap_or(NEVER);
            self.stop(timer);
            if *at < NEVER {
                self.armed |= timer.bit();
                if let Some(deadline) = self.at.get_mut(timer as usize) {
                    *deadline = *at;
                }
            }
            *at = before;
        }
    }

    pub(super) const fn is_armed(&self, timer: Timer) -> bool {
        self.armed & timer.bit() != 0
    }

    #[inline]
    pub(super) fn next(&self) -> Option<Instant> {
        Timer::ALL.into_iter().filter_map(|timer| self.get(timer)).min()
    }

    /// Stops a timer that has expired, and says when it was due.
    pub(super) fn expire(&mut self, timer: Timer, now: Instant) -> Option<Instant> {
        let due = self.get(timer)?;
        (due <= now).then(|| {
            self.stop(timer);
            due
        })
    }

    fn get(&self, timer: Timer) -> Option<Instant> {
        self.at.get(timer as usize).copied().filter(|_| self.is_armed(timer))
    }
}
