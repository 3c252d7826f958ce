//! Whether the peer is there: the connection's heartbeat and its interval, a heartbeat of messages, and
//! probes.

use super::adaptive::Interval;
use super::delivery::lend;
use super::timer::{Timer, TimerTable};
use super::{Failure, Link, Session, SessionConfig, State};
use crate::connection::{Connection, Heartbeat, Receive};
use crate::endpoint::Endpoint;
use crate::error::ConnectionError;
use crate::message::Message;
use crate::time::{Duration, Instant, SOON};

pub(super) struct Liveness {
    interval: Option<Interval>,
    /// The connection is of a network that there is no more.
    moved: bool,
    /// Pings of the heartbeat that were answered on this connection.
    beats: u32,
    /// When a message arrived last that counts.
    last_message: Instant,
    probe: Option<Probe>,
}

impl Liveness {
    pub(super) fn new(config: &SessionConfig) -> Self {
        Self {
            interval: config.adaptive.map(Interval::new),
            moved: false,
            beats: 0,
            last_message: Instant::EPOCH,
            probe: None,
        }
    }

    /// What is known of the network's patience was known of another network's.
    pub(super) fn network_changed(&mut self, config: &SessionConfig) {
        self.interval = config.adaptive.map(Interval::new);
        self.moved = true;
    }

    /// The connection is lost, after so much silence: the network may have forgotten it.
    fn lost(&mut self, silence: Duration) {
        if let Some(interval) = &mut self.interval
            && !self.moved
            && interval.is_refuted_by(silence)
        {
            interval.lost();
        }
    }

    pub(super) fn opened(
        &mut self,
        now: Instant,
        connection: &mut Connection,
        config: &SessionConfig,
        timers: &mut TimerTable,
    ) {
        self.moved = false;
        self.beats = connection.beats();
        self.last_message = now;
        self.wake(now, connection, config, timers);
    }

    /// The heartbeats go on.
    pub(super) fn wake(
        &self,
        now: Instant,
        connection: &mut Connection,
        config: &SessionConfig,
        timers: &mut TimerTable,
    ) {
        self.pace(now, connection, config);
        if let Some(heartbeat) = &config.message_heartbeat {
            timers.arm_after(Timer::Beat, now, heartbeat.interval);
        }
    }

    /// The connection's heartbeat is as frequent as the network calls for.
    fn pace(&self, now: Instant, connection: &mut Connection, config: &SessionConfig) {
        let mut heartbeat = config.connection.heartbeat;
        if let Some(interval) = &self.interval {
            let base = heartbeat.unwrap_or(Heartbeat::DEFAULT);
            heartbeat = Some(Heartbeat { interval: interval.current(), ..base });
        }
        connection.set_heartbeat(now, heartbeat);
    }

    /// The heartbeats rest: there is no network to send them by.
    pub(super) fn rest(&self, now: Instant, connection: &mut Connection, timers: &mut TimerTable) {
        connection.set_heartbeat(now, None);
        for timer in [Timer::Beat, Timer::Unanswered, Timer::Probe] {
            timers.stop(timer);
        }
    }
}

/// The peer was asked whether it is still there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    /// The ping's number.
    number: u64,
    /// Bytes that had left when last looked.
    sent: u64,
}

impl Session {
    /// Asks the peer whether it is still there, unless it is being asked.
    pub(super) fn probe(&mut self, now: Instant) {
        if self.timers.get(Timer::Probe).is_none()
            && self.state == State::Open
            && let Link::Open(connection) = &mut self.link
            && let Some(number) = self.pings.send(connection)
        {
            self.liveness.probe = Some(Probe { number, sent: self.statistics.bytes_sent });
            self.timers.arm_after(Timer::Probe, now, self.config.probe_timeout);
        }
    }

    /// P4: bytes arrived, so the peer is there.
    pub(super) fn alive(&mut self) {
        self.timers.stop(Timer::Probe);
    }

    pub(super) fn probe_due(&mut self, now: Instant, due: Instant) {
        let timeout = self.config.probe_timeout;
        let Some(probe) = self.liveness.probe else { return };
        let Link::Open(connection) = &mut self.link else { return };
        let until = connection.ping_left(probe.number).map(|left| left.saturating_add(timeout));
        let sent = self.statistics.bytes_sent;
        if connection.poll_ready() {
            // What has arrived is the application's first, and perhaps the peer is waiting for that.
            self.timers.arm_after(Timer::Probe, now, timeout.max(SOON));
        } else if now.saturating_since(due) > timeout {
            // P7: the clock jumped, or we slept. Ask again before judging.
            self.probe(now);
        } else if let Some(until) = until.filter(|until| *until > now) {
            self.timers.arm(Timer::Probe, until);
        } else if until.is_none() && sent != probe.sent {
            // P3: behind a long message it says nothing about the peer; that the transport takes
            // bytes does.
            self.liveness.probe = Some(Probe { sent, ..probe });
            self.timers.arm_after(Timer::Probe, now, timeout.max(SOON));
        } else {
            self.drop_connection(Failure::ProbeLost);
        }
    }

    /// If the open connection was lost, and not ended on purpose, the heartbeat's interval learns of it:
    /// whatever finds the loss first.
    pub(super) fn learn(&mut self, failure: &Failure) {
        let lost = match failure {
            Failure::Closed(closed) => matches!(
                closed.error,
                Some(
                    ConnectionError::Timeout(_)
                        | ConnectionError::Transport(_)
                        | ConnectionError::UnexpectedEof
                )
            ),
            Failure::Unanswered | Failure::ProbeLost | Failure::Unconfirmed(_) => true,
            Failure::Connect(_) | Failure::Handshake(_) | Failure::Cancelled(_) => false,
        };
        if let Link::Open(connection) = &self.link
            && lost
            && self.farewell.is_none()
            && self.network.is_reachable()
        {
            self.liveness.lost(self.now.saturating_since(connection.last_received()));
        }
    }

    /// The heartbeat's message has left: the peer's time starts.
    pub(super) fn beat_left(&mut self, now: Instant) {
        if let Some(heartbeat) = &self.config.message_heartbeat
            && self.is_watching()
        {
            self.timers.arm_after(Timer::Unanswered, now, heartbeat.timeout);
            // A new question has patience of its own.
            self.patience.end_with_reply();
        }
    }

    /// The heartbeat was answered after a time of silence: perhaps it need not be so frequent.
    pub(super) fn watch_beats(&mut self, now: Instant) {
        let Link::Open(connection) = &mut self.link else { return };
        let beats = connection.beats();
        if beats == self.liveness.beats {
            return;
        }
        self.liveness.beats = beats;
        if let Some(interval) = &mut self.liveness.interval
            && self.network.is_reachable()
        {
            interval.held();
            self.liveness.pace(now, connection, &self.config);
        }
    }

    /// Whether `message` is nothing but the answer to a heartbeat's.
    pub(super) fn is_reply(&self, message: &Message<'_>) -> bool {
        self.reply().is_some_and(|is_reply| is_reply(message))
    }

    /// What tells the answers to a heartbeat's message from others, where there are whole messages.
    pub(super) fn reply(&self) -> Option<fn(&Message<'_>) -> bool> {
        let heartbeat = self.config.message_heartbeat.as_ref()?;
        let receive = self.connection().map_or(Receive::Messages, |it| it.config().receive);
        heartbeat.is_reply.filter(|_| receive == Receive::Messages)
    }

    /// A message arrived that shows that the peer's application is there.
    pub(super) fn answered_by_message(&mut self, now: Instant) {
        self.liveness.last_message = now;
        if let Some(heartbeat) = &self.config.message_heartbeat
            && self.is_watching()
        {
            self.timers.stop(Timer::Unanswered);
            self.patience.end_with_reply();
            if self.timers.get(Timer::Beat).is_none() {
                self.timers.arm_after(Timer::Beat, now, heartbeat.interval);
            }
        }
    }

    /// The interval may be over: messages received since only moved `last_message`.
    pub(super) fn beat_due(&mut self, now: Instant) {
        let Some(heartbeat) = &self.config.message_heartbeat else { return };
        let Link::Open(connection) = &mut self.link else { return };
        let due = self.liveness.last_message.saturating_add(heartbeat.interval);
        if due > now {
            self.timers.arm(Timer::Beat, due);
        } else if self.timers.get(Timer::Unanswered).is_some() {
            // P5: one at a time. Its answer, or the want of it, comes first.
        } else if self.ready
            && connection.has_room()
            && connection.send(lend(&heartbeat.message)).is_ok()
        {
            self.queue.hand_over_heartbeat();
        } else {
            // What waits is on its way, or the transport has stalled: others see to that.
            self.timers.arm_after(Timer::Beat, now, heartbeat.interval.max(SOON));
        }
    }

    pub(super) fn unanswered_due(&mut self, now: Instant, due: Instant) {
        let Some(heartbeat) = &self.config.message_heartbeat else { return };
        let (interval, timeout) = (heartbeat.interval, heartbeat.timeout);
        if self.is_late_ourselves() {
            self.timers.arm_after(Timer::Unanswered, now, timeout.max(SOON));
        } else if now.saturating_since(due) > interval.max(timeout) {
            // P7: the clock jumped, or we slept. Ask again before judging. A long timeout may itself be
            // late by more than a short interval.
            self.timers.arm(Timer::Beat, now);
        } else if self.patience.with_reply(self.partial_message()) {
            self.timers.arm_after(Timer::Unanswered, now, timeout.max(SOON));
        } else {
            self.drop_connection(Failure::Unanswered);
        }
    }
}
