//! From the queue onto the wire, and what confirms that it arrived.

use super::news::UNTAKEN;
use super::queue::Taken;
use super::timer::Timer;
use super::{Failure, Link, Loss, MessageId, SendOptions, Session, State};
use crate::connection::{self, Connection, PartialMessage};
use crate::endpoint::Endpoint;
use crate::error::SendError;
use crate::message::{Message, Payload};
use crate::time::{Instant, SOON};

impl Session {
    pub(super) fn accept<'m>(
        &mut self,
        message: Message<'m>,
        options: SendOptions,
    ) -> Result<MessageId, SendError<Message<'m>>> {
        if self.is_closing_for_good() || self.finishing.is_some() {
            return Err(SendError::Closed(message));
        }
        // Outcomes that nobody takes are bounded as well.
        if self.news.len() > self.config.max_queued_messages.max(MOST_DIRECT) {
            return Err(SendError::Full(message));
        }
        if options.first && self.state != State::Open {
            return Err(SendError::NotOpen(message));
        }
        let can_leave = self.state == State::Open && (self.ready || options.first);
        if options.volatile && !can_leave {
            return Ok(self.queue.drop_newest(Loss::Disconnected, &mut self.news));
        }
        if self.config.max_queued_messages == 0 {
            // R7: nothing is kept. What is sent at once is not.
            let room = self.connection().is_some_and(|connection| connection.has_room());
            let direct = can_leave && room && self.queue.is_handed_over();
            if !direct || self.queue.len() >= MOST_DIRECT {
                return Err(SendError::Full(message));
            }
            return Ok(self.queue.insert(message.into_owned(), options, self.now));
        }
        self.queue.accept(message, options, &self.config, self.now, &mut self.news)
    }

    /// Hands over what waits, as far as there is room: so a control frame never waits behind it, and
    /// what is not on the wire can still be taken back.
    pub(super) fn pump(&mut self) {
        let all = self.ready;
        let Link::Open(connection) = &mut self.link else { return };
        // Nothing goes behind the last word, whosever that is.
        if connection.state() != connection::State::Open {
            return;
        }
        // Before as well: of messages that are always large, the next would be in its way again.
        self.fences.build(connection, &mut self.queue, self.pings, self.now);
        while connection.has_room() && self.news.len() < UNTAKEN {
            let Some((message, options)) = self.queue.next(all, self.now, &mut self.news) else {
                break;
            };
            if send(connection, message, options).is_err() {
                break;
            }
            self.queue.hand_over(all, &mut self.news);
            self.fences.build(connection, &mut self.queue, self.pings, self.now);
        }
        match self.fences.build_last(connection, &mut self.queue, self.pings, self.now) {
            Some(at) => self.timers.arm(Timer::Fence, at),
            None => self.timers.stop(Timer::Fence),
        }
    }

    /// Somebody looks: notes which messages have left, unless the transport holds some back.
    pub(super) fn settle_transmitted(&mut self) {
        if self.note_transmitted() {
            self.conclude();
        }
    }

    /// Says whether there were any.
    pub(super) fn note_transmitted(&mut self) -> bool {
        let Link::Open(connection) = &self.link else { return false };
        let transmitted = connection.transmitted_messages();
        if self.held_back {
            return false;
        }
        self.was_held_back = false;
        let until = self.now.saturating_add(self.config.confirm_timeout);
        let mut any = false;
        while self.transmitted < transmitted {
            any = true;
            self.transmitted = self.transmitted.saturating_add(1);
            match self.queue.transmitted(until, &mut self.news) {
                Some(Taken::Message) => {
                    self.statistics.messages_sent = self.statistics.messages_sent.saturating_add(1);
                }
                Some(Taken::Heartbeat) => self.beat_left(self.now),
                None => {}
            }
        }
        any
    }

    /// P3: the peer's time starts when the ping has left.
    pub(super) fn time_fences(&mut self) {
        if let Link::Open(connection) = &self.link {
            self.fences.note_left(connection);
        }
        self.arm_confirm();
    }

    /// The first ping that is on its way is the first to be late.
    fn arm_confirm(&mut self) {
        match self.fences.first_left() {
            Some(left) if self.is_watching() => {
                if self.timers.get(Timer::Confirm).is_none() {
                    self.timers.arm_after(Timer::Confirm, left, self.config.confirm_timeout);
                }
            }
            Some(_) | None => self.timers.stop(Timer::Confirm),
        }
    }

    /// Whether the peer is held to its deadlines: not without a network, nor once it is to be closed.
    pub(super) fn is_watching(&self) -> bool {
        self.network.is_reachable() && self.state == State::Open
    }

    /// The fences' time starts again.
    pub(super) fn rearm_fences(&mut self, now: Instant) {
        self.fences.leave_again(now);
        self.timers.stop(Timer::Confirm);
        self.arm_confirm();
    }

    /// A ping of the application's or the heartbeat's was answered. If ours was before it, and was not,
    /// then the peer answers the latest only: that proves nothing, for it may look like one that was long
    /// before, but then it answers another one of ours.
    pub(super) fn answered_other(&mut self, number: u64) {
        if self.fences.first().is_some_and(|first| first < number) {
            self.ask_again();
        }
    }

    /// A ping was answered, and with it all before.
    pub(super) fn answered(&mut self, number: u64) {
        let confirmed = self.fences.answered(number);
        if confirmed > 0 {
            self.patience.end_with_pong();
            self.queue.confirm_fenced(confirmed, &mut self.news);
            self.timers.stop(Timer::Confirm);
            self.arm_confirm();
            self.conclude();
        }
    }

    /// The pong to the fence is late.
    pub(super) fn confirm_due(&mut self, now: Instant, due: Instant) {
        let first = (self.fences.first_left(), self.queue.first_fenced());
        let (Some(left), Some(id)) = first else { return };
        let timeout = self.config.confirm_timeout;
        let last_received = self.connection().map_or(left, |connection| connection.last_received());
        // P4: what the peer sends may be in front of its pong; but not for ever.
        let alive_until = last_received.saturating_add(timeout);
        let most = left.saturating_add(timeout.saturating_mul(PATIENCE));
        let is_late = self.is_late_ourselves();
        let frame = self.connection().and_then(|connection| connection.partial_frame());
        if is_late {
            self.timers.arm_after(Timer::Confirm, now, timeout.max(SOON));
        } else if now.saturating_since(due) > timeout {
            // P7: the clock jumped, or we slept. Ask again before judging.
            self.rearm_fences(now);
            self.ask_again();
        } else if alive_until > now && self.patience.with_pong(frame) {
            // Nothing can come in the midst of it: the time begins behind it. It could have come in front of
            // another.
            self.rearm_fences(now);
        } else if alive_until > now && most > now {
            self.timers.arm(Timer::Confirm, alive_until.min(most));
        } else {
            self.drop_connection(Failure::Unconfirmed(id));
        }
    }

    /// The next word of the application on a message that is awaited, if it is, and until when.
    pub(super) fn next_acknowledgement(&self) -> Option<(Instant, MessageId)> {
        self.queue.next_unacknowledged().filter(|_| self.is_watching())
    }

    /// The application's word on a message.
    pub(super) fn acknowledged(&mut self, id: MessageId) -> bool {
        self.settle_transmitted();
        let is_awaited = self.queue.acknowledge(id, &mut self.news);
        if is_awaited {
            self.patience.end_with_word();
        } else {
            self.count_stale();
        }
        self.conclude();
        is_awaited
    }

    /// The application's word on a message is late.
    pub(super) fn acknowledgement_due(&mut self, now: Instant, due: Instant, id: MessageId) {
        let timeout = self.config.confirm_timeout;
        if self.is_late_ourselves() {
            self.queue.postpone(now, timeout.max(SOON));
        } else if now.saturating_since(due) > timeout {
            self.queue.postpone(now, timeout);
            self.ask_again();
        } else if self.patience.with_word(self.partial_message()) {
            self.queue.postpone(now, timeout);
        } else {
            self.drop_connection(Failure::Unconfirmed(id));
        }
    }

    /// P4: how far the peer is with a message. No other can come before that is over (RFC 6455 section 5.4).
    pub(super) fn partial_message(&self) -> Option<PartialMessage> {
        self.connection().and_then(Connection::partial_message)
    }

    /// Whether it is not the peer that is late: what has arrived was not looked at, and the answer may
    /// be in it; or the transport still has the question. That has a deadline of its own.
    pub(super) fn is_late_ourselves(&mut self) -> bool {
        let Link::Open(connection) = &mut self.link else { return false };
        self.held_back || connection.poll_ready()
    }

    /// Another ping, whose answer is one to those before it: after a time in which nobody looked.
    fn ask_again(&mut self) {
        if let Link::Open(connection) = &mut self.link {
            let _ = self.pings.send(connection);
        }
    }
}

/// Copied into the connection, and kept until it is settled.
fn send(
    connection: &mut Connection,
    message: &Message<'static>,
    options: SendOptions,
) -> Result<(), SendError<()>> {
    #[cfg(feature = "deflate")]
    let sent = connection.send_with(lend(message), options.compress);
    #[cfg(not(feature = "deflate"))]
    let sent = {
        let _ = options;
        connection.send(lend(message))
    };
    sent.map_err(|error| error.kind())
}

/// A copy of `message` that is none.
pub(super) fn lend<'a>(message: &'a Message<'static>) -> Message<'a> {
    match message {
        Message::Text(text) => Message::from(text.as_str()),
        Message::Binary(payload) => Message::Binary(Payload::Borrowed(payload)),
    }
}

/// How many messages may wait for their confirmation where none may wait to be sent; and how many
/// outcomes to be taken, at least.
const MOST_DIRECT: usize = 1_024;

/// How often the time for a confirmation may pass while the peer sends other things.
const PATIENCE: u32 = 3;
