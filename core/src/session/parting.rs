//! Going apart on purpose: for good, or until the application comes back.

use core::mem;

use super::timer::Timer;
use super::{Cancelled, Failure, Link, Next, Session, State, Stopped};
use crate::frame::Close;
use crate::time::Instant;

/// The connection is being closed on purpose.
#[derive(Debug)]
pub(super) struct Farewell {
    pub(super) close: Close,
    pub(super) then: Then,
    /// The close frame has been decided on: nothing more is handed over.
    pub(super) said: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Stop,
    Suspend,
    Resume,
}

impl Session {
    /// Goes apart, on purpose.
    pub(super) fn part(&mut self, now: Instant, close: Close, then: Then) {
        match self.state {
            State::Open => {
                self.state = State::Closing;
                // What the peer owes us has one deadline from now on.
                self.timers.stop_all_of_open();
                let said = then == Then::Suspend;
                if said {
                    self.say(now, &close);
                } else {
                    let within = self.config.connection.close_timeout;
                    self.timers.arm_after(Timer::Flush, now, within);
                }
                self.farewell = Some(Farewell { close, then, said });
                self.conclude();
            }
            State::Closing => {
                // R5: closing for good wins over being suspended, and that over coming back.
                if let Some(farewell) = &mut self.farewell
                    && farewell.then != Then::Stop
                {
                    farewell.then = then;
                }
            }
            State::Connecting => {
                let cancelled = match then {
                    Then::Stop => Cancelled::Closed,
                    Then::Suspend | Then::Resume => Cancelled::Suspended,
                };
                self.farewell = Some(Farewell { close, then, said: true });
                self.end(Failure::Cancelled(cancelled));
            }
            State::Waiting | State::Offline | State::Suspended => match then {
                Then::Stop => self.stop(Stopped::Closed),
                Then::Suspend | Then::Resume => self.rest(now),
            },
            State::Idle => {
                if then == Then::Stop {
                    self.stop(Stopped::Closed);
                }
            }
            State::Stopped => {}
        }
    }

    /// Nothing is under way, until the application comes back.
    pub(super) fn rest(&mut self, now: Instant) {
        self.timers.stop(Timer::Retry);
        self.end_downtime(now);
        self.state = State::Suspended;
    }

    /// The application is there again.
    pub(super) fn come_back(&mut self, now: Instant) {
        if let Some(farewell) = &mut self.farewell {
            if farewell.then == Then::Suspend {
                farewell.then = Then::Resume;
            }
        } else if self.state == State::Suspended {
            self.progress.reset();
            self.restart(now);
        }
    }

    /// Says the last word, behind everything that was handed over.
    fn say(&mut self, now: Instant, close: &Close) {
        if let Link::Open(connection) = &mut self.link {
            // The code was looked at when it was given.
            let _ = connection.close(now, close.code, &close.reason);
        }
        // The closing handshake has its own deadlines.
        self.timers.stop(Timer::Flush);
    }

    /// If what was waited for before parting is over, says the last word.
    pub(super) fn conclude(&mut self) {
        if self.finishing.is_some() && self.queue.is_empty() {
            self.finish_now();
        }
        if self.queue.is_handed_over() && self.queue.is_confirmed() {
            self.flush_due(self.now);
        }
    }

    /// Closes, whatever still waits: it has waited long enough.
    pub(super) fn flush_due(&mut self, now: Instant) {
        if let Some(farewell) = &mut self.farewell
            && !mem::replace(&mut farewell.said, true)
        {
            let close = farewell.close.clone();
            self.say(now, &close);
        }
    }

    /// Every message has its outcome, or time is up.
    pub(super) fn finish_now(&mut self) {
        self.timers.stop(Timer::Shutdown);
        if let Some(close) = self.finishing.take() {
            self.part(self.now, close, Then::Stop);
        }
    }

    /// Stops without a word.
    pub(super) fn give_up(&mut self) {
        if self.state == State::Stopped {
            return;
        }
        self.farewell = None;
        self.disconnect_link(Failure::Cancelled(Cancelled::Closed), Next::Stop);
        self.stop(Stopped::Aborted);
    }

    pub(super) fn is_closing_for_good(&self) -> bool {
        self.state == State::Stopped
            || self.farewell.as_ref().is_some_and(|farewell| farewell.then == Then::Stop)
    }
}
