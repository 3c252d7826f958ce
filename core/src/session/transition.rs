//! From state to state. Whatever ends an attempt comes through [`Session::end`].

use alloc::boxed::Box;
use core::mem;

use super::backoff::uniform;
use super::fences::Fences;
use super::news::UNTAKEN;
use super::patience::Patience;
use super::pings::Pings;
use super::timer::Timer;
use super::{
    Attempt, Cancelled, Closed, ConnectFailure, Event, Failure, Link, Next, Opened, Session, State,
    Stopped, Then, Verdict,
};
use crate::connection::{Connection, Found};
use crate::endpoint::Endpoint;
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
        } else if self.network.is_reachable() {
            self.begin(now);
        } else {
            self.state = State::Offline;
        }
    }

    /// Begins another attempt after a failed one.
    pub(super) fn retry(&mut self, now: Instant) {
        let counted = !self.prompted;
        if counted {
            self.progress.count();
        }
        self.begin(now);
        self.counted = counted;
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
        self.counted = false;
        self.prompted = false;
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
            && let Link::Handshake { handshake, mut rng } =
                mem::replace(&mut self.link, Link::Dialling)
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
        self.take_what_arrived();
        self.disconnect_link(Failure::Cancelled(Cancelled::Replaced), Next::Adoption);
        // R5: closing for good wins.
        let farewell = self.farewell.take().filter(|farewell| farewell.then == Then::Stop);
        if self.state == State::Stopped {
            self.progress.reset();
        }
        let attempt = self.next_attempt();
        self.has_transport = true;
        self.news.push(Event::Connecting(attempt));
        let is_inside_message = connection.is_inside_message();
        self.open(now, connection, None, agreement);
        if is_inside_message {
            // Nobody is left who could finish it, and nothing can be sent before that.
            self.take_what_arrived();
            if let Link::Open(connection) = &mut self.link {
                connection.abort();
            }
        }
        if let Some(farewell) = farewell {
            self.part(now, farewell.close, Then::Stop);
        }
        attempt
    }

    /// What has arrived by a connection that is given up while it may still be in order is the
    /// application's, or answers a ping.
    fn take_what_arrived(&mut self) {
        while self.has_room_for_news()
            && let Link::Open(connection) = &mut self.link
            && connection.poll_ready()
        {
            match connection.found() {
                // Bounded, however well it was compressed, and however often there is another.
                Some(Found::Data) => self.take_data(),
                Some(Found::Control) => self.take_control(),
                Some(Found::End) | None => return,
            }
        }
    }

    fn open(
        &mut self,
        now: Instant,
        mut connection: Connection,
        response: Option<Response>,
        agreement: Agreement,
    ) {
        self.state = State::Open;
        self.pings = Pings::draw(&mut *self.rng);
        self.opened_at = Some(now);
        self.ready = !self.config.hold_until_ready;
        let before = connection.unsent_messages();
        self.transmitted = connection.transmitted_messages().saturating_add(before);
        self.held_back = connection.is_held_back();
        self.timers.stop(Timer::Retry);
        self.timers.stop(Timer::Connect);
        self.timers.arm_after(Timer::Stable, now, self.config.stable_after);
        self.liveness.opened(now, &mut connection, &self.config, &mut self.timers);
        if !self.network.is_reachable() {
            self.liveness.rest(now, &mut connection, &mut self.timers);
        }
        self.link = Link::Open(connection);
        self.agreement = agreement.clone();
        let downtime = self.end_downtime(now);
        self.statistics.opened = self.statistics.opened.saturating_add(1);
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

    /// There is a connection, or there need be none.
    pub(super) fn end_downtime(&mut self, now: Instant) -> Duration {
        let since = self.down_since.take();
        let downtime = since.map_or(Duration::ZERO, |since| now.saturating_since(since));
        self.statistics.downtime = self.statistics.downtime.saturating_add(downtime);
        downtime
    }

    /// The attempt is over.
    pub(super) fn end(&mut self, failure: Failure) {
        let now = self.now;
        self.learn(&failure);
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
                self.progress.reset();
                (self.next_or(Next::Retry { after: Duration::ZERO, retry: 1 }), Stopped::Closed)
            }
            None => self.judge(&failure),
        };
        self.disconnect_link(failure, next);
        match next {
            Next::Retry { after, .. } => {
                self.state = State::Waiting;
                self.down_since.get_or_insert(now);
                self.timers.arm_after(Timer::Retry, now, after);
                self.prompted = then == Some(Then::Resume);
            }
            Next::Offline => {
                self.state = State::Offline;
                self.down_since.get_or_insert(now);
            }
            Next::Suspended => self.rest(now),
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
        if self.dials
            && self.network.is_reachable()
            && self.progress.is_exhausted(&self.config.backoff)
        {
            return (Next::Stop, Stopped::Exhausted);
        }
        let after = self.delay(failure, verdict);
        let retry = self.progress.retries().saturating_add(1);
        (self.next_or(Next::Retry { after, retry }), Stopped::Refused)
    }

    /// `retry`, if that is possible.
    const fn next_or(&self, retry: Next) -> Next {
        if !self.dials {
            Next::Adoption
        } else if self.network.is_reachable() {
            retry
        } else {
            Next::Offline
        }
    }

    fn delay(&mut self, failure: &Failure, verdict: Verdict) -> Duration {
        let backoff = self.config.backoff;
        let drawn = self.progress.draw(&backoff, &mut *self.rng);
        let spread = backoff.first(&mut *self.rng);
        match verdict {
            // Those who were all told the same time need not all come at it.
            Verdict::RetryAfter(wish) => wish.saturating_add(spread).max(drawn),
            Verdict::RetryNow => uniform(&mut *self.rng, self.config.online_delay),
            Verdict::Retry | Verdict::Stop if failure.is_shared() => drawn.max(spread),
            Verdict::Retry | Verdict::Stop => drawn,
        }
    }

    /// The transport is not needed any more, and its attempt has its one end.
    pub(super) fn disconnect_link(&mut self, failure: Failure, next: Next) {
        if !self.is_attempting() {
            return;
        }
        self.note_transmitted();
        let link = mem::replace(&mut self.link, Link::None);
        // An order that nobody has heard of needs no other.
        self.connect = None;
        if mem::take(&mut self.has_transport) {
            self.disconnect.push_back(self.attempt);
        }
        self.send_finished = false;
        let doubtful = match &link {
            Link::Open(connection) => {
                self.send_finished =
                    matches!(failure, Failure::Closed(_)) && connection.is_send_finished();
                self.statistics.round_trip = connection.round_trip().or(self.statistics.round_trip);
                connection.transmitted_messages().saturating_sub(self.transmitted)
            }
            Link::None | Link::Dialling | Link::Handshake { .. } => 0,
        };
        let requeued = self.queue.disconnected(doubtful, &self.config, &mut self.news);
        let statistics = &mut self.statistics;
        statistics.requeued = statistics.requeued.saturating_add(requeued.unsent);
        statistics.repeated = statistics.repeated.saturating_add(requeued.repeated);
        self.timers.stop_all_but_shutdown();
        self.fences = Fences::default();
        (self.held_back, self.was_held_back) = (false, false);
        self.patience = Patience::default();
        let opened = self.opened_at.take().map(|at| self.now.saturating_since(at));
        trace!(attempt = self.attempt.get(), %failure, ?next, "closed");
        self.news.push(Event::Closed(Box::new(Closed {
            attempt: self.attempt,
            opened,
            failure,
            next,
        })));
    }

    pub(super) fn stop(&mut self, stopped: Stopped) {
        self.queue.stop(&mut self.news);
        self.timers.stop_all();
        self.finishing = None;
        self.farewell = None;
        self.end_downtime(self.now);
        self.state = State::Stopped;
        trace!(%stopped, "stopped");
        self.news.push(Event::Stopped(stopped));
    }

    pub(super) fn connect_due(&mut self) {
        self.end(Failure::Connect(ConnectFailure::TimedOut));
    }

    /// R2: it was open for long enough, unless it has ended and nobody has looked.
    pub(super) fn stable_due(&mut self) {
        if self.connection().is_some_and(|connection| !connection.has_ended()) {
            self.progress.reset();
        }
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
