//! From state to state. Whatever ends an attempt comes through [`Session::end`].

use alloc::boxed::Box;
use core::mem;

use super::backoff::uniform;
use super::timer::Timer;
use super::{
    Attempt, Cancelled, Closed, ConnectFailure, Event, Failure, Farewell, Link, Next, Opened,
    Session, State, Stopped, Then, Verdict,
};
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::error::{ConnectionError, TimeoutKind};
use crate::frame::Close;
use crate::handshake::{Agreement, ClientHandshake, Request, Response};
use crate::rng::Rng;
use crate::time::{Duration, Instant};
use crate::trace::trace;

impl Session {
    /// Begins from a state in which nothing is under way.
    pub(super) fn restart(&mut self, now: Instant) {
        self.down_since.get_or_insert(now);
        if !self.dials {
            self.await_adoption(now);
        } else if self.reachable {
            self.begin(now);
        } else {
            self.state = State::Offline;
        }
    }

    /// Begins another attempt after a failed one.
    pub(super) fn retry(&mut self, now: Instant) {
        self.progress.count();
        self.begin(now);
    }

    fn begin(&mut self, now: Instant) {
        let attempt = self.next_attempt();
        self.state = State::Connecting;
        self.link = Link::Dialling;
        self.connect = Some(attempt);
        self.timers.stop(Timer::Retry);
        self.timers.arm_after(Timer::Connect, now, self.config.connect_timeout);
        self.news.push(Event::Connecting(attempt));
        trace!(attempt = attempt.get(), retries = self.progress.retries(), "connecting");
    }

    fn next_attempt(&mut self) -> Attempt {
        self.attempt = Attempt(self.attempt.0.saturating_add(1));
        self.attempting = true;
        self.statistics.attempts = self.statistics.attempts.saturating_add(1);
        self.attempt
    }

    pub(super) fn await_adoption(&mut self, now: Instant) {
        self.state = State::Waiting;
        self.down_since.get_or_insert(now);
        self.timers.arm_after(Timer::Retry, now, self.config.adoption_timeout);
    }

    pub(super) fn shake_hands(
        &mut self,
        now: Instant,
        request: &Request,
        mut rng: Box<dyn Rng + Send>,
    ) {
        // One deadline for the whole attempt.
        let left = self.timers.get(Timer::Connect).map(|at| at.saturating_since(now));
        let mut limits = self.config.connection.handshake;
        limits.deadline = left.unwrap_or(limits.deadline);
        let handshake = ClientHandshake::new(request, limits, &mut *rng, now);
        self.timers.stop(Timer::Connect);
        self.link = Link::Handshake { handshake: Box::new(handshake), rng };
    }

    /// If the opening handshake has its outcome, goes on with that.
    pub(super) fn advance(&mut self, now: Instant) {
        if let Link::Handshake { handshake, .. } = &mut self.link
            && handshake.poll_ready()
            && let Link::Handshake { handshake, mut rng } = mem::replace(&mut self.link, Link::None)
        {
            match handshake.finish() {
                Ok(opened) => {
                    let config = self.config.connection;
                    let keys = move |dest: &mut [u8]| rng.fill(dest);
                    let connection = Connection::from_opened(&opened, keys, config, now);
                    self.open(now, connection, Some(opened.response), opened.agreement);
                }
                Err(refusal) => self.end(Failure::Handshake(Box::new(refusal))),
            }
        }
        self.conclude();
    }

    /// Another connection takes the place of the one there is.
    pub(super) fn replace(
        &mut self,
        now: Instant,
        connection: Connection,
        agreement: Agreement,
    ) -> Attempt {
        self.disconnect_link(Failure::Cancelled(Cancelled::Replaced), Next::Adoption);
        self.farewell = None;
        let attempt = self.next_attempt();
        self.news.push(Event::Connecting(attempt));
        self.open(now, connection, None, agreement);
        attempt
    }

    fn open(
        &mut self,
        now: Instant,
        mut connection: Connection,
        response: Option<Response>,
        agreement: Agreement,
    ) {
        self.state = State::Open;
        self.opened_at = Some(now);
        self.ready = !self.config.hold_until_ready;
        self.transmitted = connection.transmitted_messages();
        self.timers.stop(Timer::Retry);
        self.timers.stop(Timer::Connect);
        self.timers.arm_after(Timer::Stable, now, self.config.stable_after);
        self.liveness.opened(now, &mut connection, &self.config, &mut self.timers);
        self.link = Link::Open(Box::new(connection));
        self.agreement = agreement.clone();
        let downtime =
            self.down_since.take().map_or(Duration::ZERO, |since| now.saturating_since(since));
        self.statistics.opened = self.statistics.opened.saturating_add(1);
        self.statistics.downtime = self.statistics.downtime.saturating_add(downtime);
        let (queued, repeated) = self.queue.waiting();
        let attempt = self.attempt;
        trace!(attempt = attempt.get(), queued, repeated, "opened");
        self.news.push(Event::Opened(Box::new(Opened {
            attempt,
            response,
            agreement,
            downtime,
            queued,
            repeated,
        })));
    }

    /// The attempt is over.
    pub(super) fn end(&mut self, failure: Failure) {
        let now = self.now;
        let heartbeat_lost = matches!(&failure, Failure::Closed(closed)
            if closed.error == Some(ConnectionError::Timeout(TimeoutKind::Heartbeat)));
        if heartbeat_lost {
            self.liveness.lost();
        }
        let then = self.farewell.take().map(|farewell| farewell.then);
        let in_order = match &failure {
            Failure::Closed(closed) => closed.clean,
            Failure::Cancelled(_) => true,
            Failure::Connect(_)
            | Failure::Handshake(_)
            | Failure::Unanswered
            | Failure::ProbeLost
            | Failure::Unconfirmed(_) => false,
        };
        let (next, stopped) = match then {
            Some(Then::Stop) if in_order => (Next::Stop, Stopped::Closed),
            Some(Then::Stop) => (Next::Stop, Stopped::Aborted),
            Some(Then::Suspend) => (Next::Suspended, Stopped::Closed),
            Some(Then::Resume) => {
                (Next::Retry { after: Duration::ZERO, retry: 1 }, Stopped::Closed)
            }
            None => self.judge(&failure),
        };
        self.disconnect_link(failure, next);
        self.down_since = Some(now);
        match next {
            Next::Retry { after, .. } => {
                self.state = State::Waiting;
                self.timers.arm_after(Timer::Retry, now, after);
            }
            Next::Offline => self.state = State::Offline,
            Next::Suspended => self.state = State::Suspended,
            Next::Adoption => self.await_adoption(now),
            Next::Stop => self.stop(stopped),
        }
        self.conclude();
    }

    /// What comes after a failure that nobody asked for.
    fn judge(&mut self, failure: &Failure) -> (Next, Stopped) {
        let verdict = self.config.policy.judge(failure);
        if verdict == Verdict::Stop {
            return (Next::Stop, Stopped::Refused);
        }
        if !self.dials {
            return (Next::Adoption, Stopped::Refused);
        }
        if !self.reachable {
            return (Next::Offline, Stopped::Refused);
        }
        if self.progress.is_exhausted(&self.config.backoff) {
            return (Next::Stop, Stopped::Exhausted);
        }
        let after = self.delay(failure, verdict);
        let retry = self.progress.retries().saturating_add(1);
        (Next::Retry { after, retry }, Stopped::Refused)
    }

    fn delay(&mut self, failure: &Failure, verdict: Verdict) -> Duration {
        if verdict == Verdict::RetryNow {
            return uniform(&mut *self.rng, self.config.online_delay);
        }
        let backoff = self.config.backoff;
        let drawn = self.progress.draw(&backoff, &mut *self.rng);
        let spread = backoff.first(&mut *self.rng);
        match verdict {
            // Those who were all told the same time need not all come at it.
            Verdict::RetryAfter(wish) => wish.saturating_add(spread).max(drawn),
            _ if failure.is_shared() && self.progress.retries() == 0 => drawn.max(spread),
            _ => drawn,
        }
    }

    /// The transport is not needed any more, and its attempt has its one end.
    fn disconnect_link(&mut self, failure: Failure, next: Next) {
        if !self.attempting {
            return;
        }
        self.attempting = false;
        let link = mem::replace(&mut self.link, Link::None);
        if let Link::Open(connection) = &link {
            self.statistics.round_trip = connection.round_trip().or(self.statistics.round_trip);
        }
        // One that nobody has heard of needs no end.
        if self.connect.take().is_none() {
            self.disconnect = Some(self.attempt);
        }
        let doubtful = match &link {
            Link::Open(connection) => {
                connection.transmitted_messages().saturating_sub(self.transmitted)
            }
            Link::None | Link::Dialling | Link::Handshake { .. } => 0,
        };
        let requeued = self.queue.disconnected(doubtful, &self.config, &mut self.news);
        let statistics = &mut self.statistics;
        statistics.requeued = statistics.requeued.saturating_add(requeued.unsent);
        statistics.repeated = statistics.repeated.saturating_add(requeued.repeated);
        self.timers.stop_all_but_shutdown();
        self.fence = None;
        self.held_back = false;
        let opened = self.opened_at.take().map(|at| self.now.saturating_since(at));
        trace!(attempt = self.attempt.get(), %failure, ?next, "closed");
        self.news.push(Event::Closed(Box::new(Closed {
            attempt: self.attempt,
            opened,
            failure,
            next,
        })));
    }

    fn stop(&mut self, stopped: Stopped) {
        self.queue.stop(&mut self.news);
        self.timers.stop_all_but_shutdown();
        self.timers.stop(Timer::Shutdown);
        self.finishing = None;
        self.farewell = None;
        self.down_since = None;
        self.state = State::Stopped;
        trace!(%stopped, "stopped");
        self.news.push(Event::Stopped(stopped));
    }

    /// Goes apart, on purpose.
    pub(super) fn part(&mut self, now: Instant, close: Close, then: Then) {
        match self.state {
            State::Open => {
                self.state = State::Closing;
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
                // R5: closing for good wins over being suspended, and that over nothing.
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
            State::Idle | State::Waiting | State::Offline | State::Suspended => {
                self.timers.stop(Timer::Retry);
                match then {
                    Then::Stop => self.stop(Stopped::Closed),
                    Then::Suspend | Then::Resume => self.state = State::Suspended,
                }
            }
            State::Stopped => {}
        }
    }

    /// Says the last word, behind everything that was handed over.
    fn say(&mut self, now: Instant, close: &Close) {
        if let Link::Open(connection) = &mut self.link {
            // The code was looked at when it was given.
            let _ = connection.close(now, close.code, &close.reason);
        }
        // The closing handshake has its own deadlines.
        for timer in [Timer::Flush, Timer::Probe, Timer::Beat, Timer::Unanswered, Timer::Stable] {
            self.timers.stop(timer);
        }
    }

    /// If what was waited for before parting is over, says the last word.
    pub(super) fn conclude(&mut self) {
        if self.finishing.is_some() && self.queue.is_empty() {
            self.finish_now();
        }
        let waits = !(self.queue.is_handed_over() && self.queue.is_confirmed());
        if let Some(farewell) = &mut self.farewell
            && !farewell.said
            && !waits
        {
            farewell.said = true;
            let close = farewell.close.clone();
            self.say(self.now, &close);
        }
    }

    /// Closes, whatever still waits: it has waited long enough.
    pub(super) fn flush_due(&mut self, now: Instant) {
        if let Some(farewell) = &mut self.farewell
            && !farewell.said
        {
            farewell.said = true;
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

    pub(super) fn give_up(&mut self) {
        if self.state == State::Stopped {
            return;
        }
        self.farewell = None;
        self.disconnect_link(Failure::Cancelled(Cancelled::Closed), Next::Stop);
        self.stop(Stopped::Aborted);
    }

    pub(super) fn offline(&mut self, now: Instant) {
        self.reachable = false;
        match self.state {
            State::Connecting if self.dials => {
                self.progress.uncount();
                self.end_as(Failure::Cancelled(Cancelled::Offline), Next::Offline);
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

    /// Ends the attempt for a reason that leaves nothing to judge.
    fn end_as(&mut self, failure: Failure, next: Next) {
        self.disconnect_link(failure, next);
        self.down_since.get_or_insert(self.now);
        self.state = State::Offline;
    }

    pub(super) fn online(&mut self, now: Instant) {
        let was_reachable = mem::replace(&mut self.reachable, true);
        match self.state {
            State::Offline | State::Waiting if self.dials => {
                // R6: debounced, so that a network that comes and goes costs one attempt; and spread,
                // since it may have come for many.
                let wait = self.config.online_delay;
                let at = now.saturating_add(wait).saturating_add(uniform(&mut *self.rng, wait));
                let sooner = self.timers.get(Timer::Retry).is_none_or(|retry| at < retry);
                self.state = State::Waiting;
                if sooner {
                    self.timers.arm(Timer::Retry, at);
                }
            }
            State::Open if !was_reachable => {
                self.queue.postpone(now, self.config.confirm_timeout);
                if let Link::Open(connection) = &mut self.link {
                    self.liveness.wake(now, connection, &self.config, &mut self.timers);
                }
                self.rearm_fence(now);
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

    pub(super) fn connect_due(&mut self) {
        self.end(Failure::Connect(ConnectFailure::TimedOut));
    }

    pub(super) fn retry_due(&mut self, now: Instant) {
        if !self.dials {
            self.stop(Stopped::Exhausted);
        } else if self.news.len() < UNTAKEN {
            self.retry(now);
        } else {
            // Nobody takes the news of what was tried: that is bounded as well.
            self.timers.arm_after(Timer::Retry, now, Duration::from_secs(1));
        }
    }

    /// Gives the open connection up, for a reason that it does not know.
    pub(super) fn drop_connection(&mut self, failure: Failure) {
        if let Link::Open(connection) = &mut self.link {
            connection.abort();
        }
        self.end(failure);
    }
}

/// No attempt is begun while this many events wait to be taken.
const UNTAKEN: usize = 4_096;
