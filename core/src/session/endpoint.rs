//! The session as an [`Endpoint`]: the bytes are those of the transport it has, the time is its own.

use alloc::boxed::Box;

use super::news::weight;
use super::timer::Timer;
use super::{Event, Failure, Link, Pong, Session, State};
use crate::buffer::{Outbox, Stage};
use crate::connection::{self, Found};
use crate::endpoint::Endpoint;
use crate::error::TransportFailure;
use crate::time::Instant;

impl Endpoint for Session {
    fn recv_buffer(&mut self) -> &mut [u8] {
        self.link.endpoint_mut().map_or(&mut [], |link| link.recv_buffer())
    }

    fn received(&mut self, now: Instant, n: usize) {
        self.now = now;
        let Some(link) = self.link.endpoint_mut() else { return self.count_stale() };
        link.received(now, n);
        self.statistics.bytes_received = self.statistics.bytes_received.saturating_add(n as u64);
        if n > 0 {
            self.alive();
        }
        self.advance(now);
    }

    fn received_eof(&mut self, now: Instant) {
        self.now = now;
        let Some(link) = self.link.endpoint_mut() else { return self.count_stale() };
        link.received_eof(now);
        self.advance(now);
    }

    fn receive_failed(&mut self, now: Instant, failure: TransportFailure) {
        self.now = now;
        let Some(link) = self.link.endpoint_mut() else { return self.count_stale() };
        link.receive_failed(now, failure);
        self.advance(now);
    }

    fn send_buffer(&mut self) -> &Outbox {
        self.pump();
        self.link.endpoint_mut().map_or(&self.nothing, |link| link.send_buffer())
    }

    fn sent(&mut self, now: Instant, n: usize) {
        self.now = now;
        if n > 0 && self.was_held_back {
            // It goes on: what it held back before it did not lose.
            self.note_transmitted();
        }
        let Some(link) = self.link.endpoint_mut() else { return self.count_stale() };
        link.sent(now, n);
        self.statistics.bytes_sent = self.statistics.bytes_sent.saturating_add(n as u64);
        self.time_fences();
        self.advance(now);
    }

    fn held_back(&mut self, now: Instant, held: bool) {
        self.now = now;
        let Some(link) = self.link.endpoint_mut() else { return self.count_stale() };
        link.held_back(now, held);
        self.was_held_back |= self.held_back;
        self.held_back = held;
        self.advance(now);
    }

    fn send_failed(&mut self, now: Instant, failure: TransportFailure) {
        self.now = now;
        let Some(link) = self.link.endpoint_mut() else { return self.count_stale() };
        link.send_failed(now, failure);
        // It holds nothing back any more, but what it held of messages it has lost.
        let has_messages = matches!(self.link, Link::Open(_));
        self.held_back = has_messages && (self.held_back || self.was_held_back);
        self.advance(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let link = self.link.endpoint().and_then(Endpoint::poll_timeout);
        let acknowledgement = self.next_acknowledgement().map(|(at, _)| at);
        let deadlines = [link, self.timers.next(), self.queue.next_deadline(), acknowledgement];
        deadlines.into_iter().flatten().min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if let Some(link) = self.link.endpoint_mut() {
            link.handle_timeout(now);
        }
        self.settle_transmitted();
        self.advance(now);
        self.queue.expire(now, &mut self.news);
        for timer in Timer::ALL {
            let Some(due) = self.timers.expire(timer, now) else { continue };
            match timer {
                Timer::Retry => self.retry_due(now),
                Timer::Connect => self.connect_due(),
                Timer::Stable => self.stable_due(),
                Timer::Probe => self.probe_due(now, due),
                // What is sent next is looked at when it is sent.
                Timer::Fence => {}
                Timer::Confirm => self.confirm_due(now, due),
                Timer::Beat => self.beat_due(now),
                Timer::Unanswered => self.unanswered_due(now, due),
                Timer::Flush => self.flush_due(now),
                Timer::Shutdown => {
                    self.finish_now();
                    // What has not left by now has had its time.
                    self.flush_due(now);
                }
            }
        }
        if let Some((due, id)) = self.next_acknowledgement()
            && due <= now
        {
            self.acknowledgement_due(now, due, id);
        }
        self.conclude();
    }

    fn poll_ready(&mut self) -> bool {
        self.settle_transmitted();
        loop {
            if !self.news.is_empty() {
                return true;
            }
            let Link::Open(connection) = &mut self.link else { return false };
            if !connection.poll_ready() {
                if !connection.is_finished() {
                    return false;
                }
                // It was over, and somebody had been told, when it was adopted.
                let outcome = connection.outcome();
                self.end(Failure::Closed(outcome));
                continue;
            }
            match connection.found() {
                Some(Found::Data) if self.paused => {
                    if !self.take_behind_pause() {
                        return false;
                    }
                }
                Some(Found::Data) if !self.expects_reply() => return true,
                Some(Found::Data) => self.take_data(),
                Some(Found::Control) => self.take_control(),
                Some(Found::End) => self.take_end(),
                None => return false,
            }
        }
    }

    /// Between two connections, whether the last one's was.
    fn is_send_finished(&self) -> bool {
        self.link.endpoint().map_or(self.send_finished, Endpoint::is_send_finished)
    }

    /// When it has stopped; [`connect`](Session::connect) begins again.
    fn is_finished(&self) -> bool {
        self.state == State::Stopped
    }

    fn release_buffers(&mut self) {
        if let Some(link) = self.link.endpoint_mut() {
            link.release_buffers();
        }
    }

    fn lend(&mut self, stage: &mut Stage) {
        if let Some(link) = self.link.endpoint_mut() {
            link.lend(stage);
        }
    }

    fn reclaim(&mut self, stage: &mut Stage) {
        if let Some(link) = self.link.endpoint_mut() {
            link.reclaim(stage);
        }
    }
}

impl Session {
    /// Takes the event that [`poll_ready`](Endpoint::poll_ready) found.
    #[must_use]
    pub fn event(&mut self) -> Option<Event<'_>> {
        if let Some(news) = self.news.take() {
            return Some(news);
        }
        let is_data = match &self.link {
            Link::Open(connection) => connection.found() == Some(Found::Data),
            Link::None | Link::Dialling | Link::Handshake { .. } => false,
        };
        if !is_data || self.paused || self.expects_reply() {
            return None;
        }
        self.answered_by_message(self.now);
        let Link::Open(connection) = &mut self.link else { return None };
        match connection.event()? {
            connection::Event::Message(message) => {
                let received = &mut self.statistics.messages_received;
                *received = received.saturating_add(1);
                Some(Event::Message(message))
            }
            connection::Event::Piece(piece) => {
                let received = &mut self.statistics.messages_received;
                *received = received.saturating_add(u64::from(piece.last));
                Some(Event::Piece(piece))
            }
            // What came as text is none.
            connection::Event::Error(error) => Some(Event::Error(error)),
            connection::Event::Ping(_)
            | connection::Event::Pong(_)
            | connection::Event::Closed(_) => None,
        }
    }

    fn expects_reply(&self) -> bool {
        self.reply().is_some()
    }

    /// Takes a message while none are to be taken, if the end of the connection may be behind it.
    /// Says whether it did.
    fn take_behind_pause(&mut self) -> bool {
        let Link::Open(connection) = &mut self.link else { return false };
        let closing = self.state == State::Closing;
        let ended = connection.has_ended();
        if !(closing || ended) {
            return false;
        }
        if self.has_room_for_news() || closing && ended && !self.is_closing_for_good() {
            self.take_data();
        } else if self.is_closing_for_good() {
            // A peer that goes on and on must not keep it from ending.
            let Link::Open(connection) = &mut self.link else { return false };
            if let Some(connection::Event::Error(error)) = connection.event() {
                self.news.push(Event::Error(error));
            }
        } else {
            return false;
        }
        true
    }

    /// Whether more messages may be kept for an application that does not take them.
    pub(super) fn has_room_for_news(&self) -> bool {
        let most = self.config.max_queued_bytes;
        self.news.bytes() <= most && self.moved <= most
    }

    /// Takes a message to look into it, or to keep it: it may be the answer to the heartbeat's, which
    /// is nobody else's.
    pub(super) fn take_data(&mut self) {
        let Link::Open(connection) = &mut self.link else { return };
        let (event, whole) = match connection.event() {
            Some(connection::Event::Message(message)) => {
                (Event::Message(message.into_owned()), true)
            }
            Some(connection::Event::Piece(piece)) => {
                let last = piece.last;
                (Event::Piece(piece.into_owned()), last)
            }
            Some(connection::Event::Error(error)) => (Event::Error(error), false),
            Some(
                connection::Event::Ping(_)
                | connection::Event::Pong(_)
                | connection::Event::Closed(_),
            )
            | None => return,
        };
        self.statistics.messages_received =
            self.statistics.messages_received.saturating_add(u64::from(whole));
        if !self.expects_reply() {
            self.answered_by_message(self.now);
        }
        if let Event::Message(message) = &event
            && self.is_reply(message)
        {
            self.answered_by_message(self.now);
        } else {
            if self.paused {
                self.moved = self.moved.saturating_add(weight(&event));
            }
            self.news.push(event);
        }
    }

    pub(super) fn take_control(&mut self) {
        let Link::Open(connection) = &mut self.link else { return };
        let event = connection.event();
        let Some(connection::Event::Pong(pong)) = event else { return };
        let (payload, round_trip) = (Box::from(&*pong.payload), pong.round_trip);
        let other = connection.answered_ping();
        let own = self.pings.answered(connection, &payload);
        if own.is_none() {
            self.news.push(Event::Pong(Pong { payload, round_trip }));
        }
        self.watch_beats(self.now);
        match (own, other) {
            (Some(number), _) => self.answered(number),
            (None, Some(number)) => self.answered_other(number),
            (None, None) => {}
        }
    }

    fn take_end(&mut self) {
        let Link::Open(connection) = &mut self.link else { return };
        match connection.event() {
            Some(connection::Event::Error(error)) => self.news.push(Event::Error(error)),
            Some(connection::Event::Closed(closed)) => self.end(Failure::Closed(closed)),
            Some(
                connection::Event::Message(_)
                | connection::Event::Piece(_)
                | connection::Event::Ping(_)
                | connection::Event::Pong(_),
            )
            | None => {}
        }
    }
}
