//! What the platform believes about the network (R6).

use core::mem;

use super::backoff::uniform;
use super::timer::Timer;
use super::{Cancelled, Failure, Link, Next, Session, State};
use crate::time::Instant;

/// Whether there is a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// Nobody has said so, nor otherwise.
    Assumed,
    Online,
    Offline,
}

impl Network {
    pub(super) const fn is_reachable(self) -> bool {
        !matches!(self, Self::Offline)
    }
}

impl Session {
    pub(super) fn offline(&mut self, now: Instant) {
        self.network = Network::Offline;
        match self.state {
            State::Connecting if self.dials => {
                if mem::take(&mut self.counted) {
                    self.progress.uncount();
                }
                self.disconnect_link(Failure::Cancelled(Cancelled::Offline), Next::Offline);
                self.down_since.get_or_insert(now);
                self.state = State::Offline;
            }
            State::Waiting if self.dials => {
                self.timers.stop(Timer::Retry);
                self.state = State::Offline;
            }
            State::Open => {
                if let Link::Open(connection) = &mut self.link {
                    self.liveness.rest(now, connection, &mut self.timers);
                }
                self.timers.stop(Timer::Confirm);
            }
            State::Connecting
            | State::Waiting
            | State::Idle
            | State::Closing
            | State::Offline
            | State::Suspended
            | State::Stopped => {}
        }
    }

    /// There is a network, perhaps not the one that there was.
    pub(super) fn online(&mut self, now: Instant, changed: bool) {
        let before = mem::replace(&mut self.network, Network::Online);
        let was_reachable = before.is_reachable();
        if changed {
            self.liveness.network_changed(&self.config);
        } else if before == Network::Online {
            // Platforms that are asked every second say the same every second. What was only assumed
            // until it was told is news.
            return;
        }
        match self.state {
            State::Offline | State::Waiting if self.dials => self.prompt(now),
            State::Open if changed || !was_reachable => {
                if !was_reachable {
                    self.queue.postpone(now, self.config.confirm_timeout);
                    self.rearm_fences(now);
                }
                if let Link::Open(connection) = &mut self.link {
                    self.liveness.wake(now, connection, &self.config, &mut self.timers);
                }
                self.probe(now);
            }
            State::Open
            | State::Offline
            | State::Waiting
            | State::Idle
            | State::Connecting
            | State::Closing
            | State::Suspended
            | State::Stopped => {}
        }
    }

    /// Tries soon. Debounced, so that a network that comes and goes costs one attempt, and spread,
    /// since it may have come for many.
    fn prompt(&mut self, now: Instant) {
        let wait = self.config.online_delay;
        let at = now.saturating_add(wait).saturating_add(uniform(&mut *self.rng, wait));
        self.state = State::Waiting;
        if self.timers.get(Timer::Retry).is_none_or(|retry| at < retry) {
            self.timers.arm(Timer::Retry, at);
            self.prompted = true;
        }
    }
}
