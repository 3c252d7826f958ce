//! A connection in which something is under way, as an [`Endpoint`].

use super::active::{Active, Ready};
use super::closing::{End, Phase};
use super::config::{Evidence, Heartbeat, HeartbeatMode};
use super::receive::Found;
use super::timer::{Now, Timer};
use crate::buffer::{Outbox, Stage};
use crate::endpoint::Endpoint;
use crate::error::{ConnectionError, ProtocolError, TimeoutKind, TransportFailure};
use crate::frame::{Close, CloseCode, ControlPayload};
use crate::time::{Instant, SOON};

impl Endpoint for Active {
    fn recv_buffer(&mut self) -> &mut [u8] {
        if self.is_deaf() { &mut [] } else { self.inbox.spare() }
    }

    fn received(&mut self, now: Instant, n: usize) {
        self.quiet = false;
        self.now = now;
        if self.is_deaf() {
            return;
        }
        let n = self.inbox.advance(n);
        if n == 0 {
            return;
        }
        self.last_received = now;
        match self.closing.phase() {
            Phase::Open => {
                if self
                    .config
                    .heartbeat
                    .is_some_and(|heartbeat| heartbeat.evidence == Evidence::AnyInbound)
                {
                    self.alive(now);
                }
            }
            Phase::CloseSent | Phase::Over => {}
            // 7.1.7: "MUST NOT continue to attempt to process data", but read on, within bounds.
            Phase::Exchanged | Phase::Failing => {
                self.closing.drained(n, &mut self.transmitter, &mut self.timers, &self.config);
                self.inbox.discard();
            }
        }
    }

    fn received_eof(&mut self, now: Instant) {
        self.now = now;
        self.end.get_or_insert(End::Eof);
    }

    fn receive_failed(&mut self, now: Instant, failure: TransportFailure) {
        self.now = now;
        self.end.get_or_insert(End::Failed(ConnectionError::Transport(failure)));
    }

    fn send_buffer(&mut self) -> &Outbox {
        self.transmitter.pump();
        self.transmitter.outbox()
    }

    fn sent(&mut self, now: Instant, n: usize) {
        self.now = now;
        self.timers.date(now);
        self.transmitter.sent(n);
        let beat_left = self.heartbeat.transmitted(&self.transmitter, now);
        // P6: while closing, the closing handshake's timer stands for the peer's life.
        if let Some(heartbeat) = self.config.heartbeat
            && beat_left
            && self.closing.phase() == Phase::Open
        {
            self.timers.arm_after(Timer::Pong, now, heartbeat.timeout);
        }
        self.time_write_stall(now, n > 0);
        self.closing.flushed(&mut self.transmitter, &mut self.timers, &self.config, now.into());
    }

    fn held_back(&mut self, now: Instant, held: bool) {
        self.now = now;
        self.transmitter.hold_back(held);
        self.time_write_stall(now, false);
        self.closing.flushed(&mut self.transmitter, &mut self.timers, &self.config, now.into());
    }

    fn send_failed(&mut self, now: Instant, failure: TransportFailure) {
        self.now = now;
        let error = ConnectionError::Transport(failure);
        self.closing.send_failed(
            error,
            &mut self.transmitter,
            &mut self.timers,
            &self.config,
            now.into(),
        );
        // Whatever it held is lost.
        self.transmitter.hold_back(false);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        // Each at most once: a timer that is armed again for now is due at the next call.
        for timer in Timer::ALL {
            let Some(due) = self.timers.expire(timer, now) else { continue };
            match timer {
                Timer::Ping => self.ping_due(now),
                Timer::Pong => self.pong_due(now, due),
                Timer::Close | Timer::Drain => self.time_is_up(TimeoutKind::Close),
                Timer::WriteStall => self.time_is_up(TimeoutKind::WriteStalled),
                Timer::Message => self.message_due(now, due),
                Timer::Lifetime => {
                    if let Some(lifetime) = self.config.max_lifetime {
                        // The code is the application's choice; one that cannot be sent is left out.
                        let close =
                            Close { code: lifetime.code, reason: "maximum lifetime".into() };
                        self.start_closing(close, now.into());
                    }
                }
            }
        }
    }

    #[inline]
    fn poll_ready(&mut self) -> bool {
        if self.ready.is_some() {
            return true;
        }
        self.inbox.end_loan();
        // While it is open, news only comes with bytes, or the end of them.
        if self.quiet && self.closing.phase() == Phase::Open && self.end.is_none() {
            return false;
        }
        if self.closing.is_receiving()
            && let Some(data) = self.receiver.whole(&mut self.inbox)
        {
            self.ready = Some(Ready::Data(data));
            return true;
        }
        self.find()
    }

    fn is_send_finished(&self) -> bool {
        match self.closing.phase() {
            Phase::Open | Phase::CloseSent => false,
            // 7.1.1: the server closes first; a client waits for it.
            Phase::Exchanged => self.transmitter.is_server(),
            Phase::Failing | Phase::Over => true,
        }
    }

    fn is_finished(&self) -> bool {
        self.closing.phase() == Phase::Over
    }

    fn release_buffers(&mut self) {
        self.inbox.release();
        self.transmitter.release();
    }

    fn lend(&mut self, stage: &mut Stage) {
        if !self.is_deaf() {
            self.inbox.lend(stage);
            self.transmitter.outbox_mut().lend(stage);
        }
    }

    fn reclaim(&mut self, stage: &mut Stage) {
        if self.inbox.keeps() {
            self.receiver.settle(&mut self.inbox, &self.config);
        }
        self.inbox.reclaim(stage);
        // What was received is about to be answered.
        if self.quiet {
            self.transmitter.outbox_mut().reclaim(stage);
        }
    }
}

impl Active {
    /// Ends it at once.
    pub(super) fn abort(&mut self) {
        self.closing.abort(&mut self.transmitter, &mut self.timers);
    }

    /// Whether nothing that arrives now would be heard.
    fn is_deaf(&self) -> bool {
        self.end.is_some() || self.closing.is_deaf()
    }

    /// The heartbeat, as often as this connection has it.
    fn heartbeat(&self) -> Option<Heartbeat> {
        let jittered = |heartbeat: Heartbeat| self.jitter.apply(heartbeat.interval);
        self.config
            .heartbeat
            .map(|heartbeat| Heartbeat { interval: jittered(heartbeat), ..heartbeat })
    }

    pub(super) fn start_closing(&mut self, close: Close, now: Now) {
        self.closing.close(close, &mut self.transmitter, &mut self.timers, &self.config, now);
    }

    /// Bytes wait for the transport, or within it, or none do.
    fn time_write_stall(&mut self, now: Instant, progress: bool) {
        if !self.transmitter.is_waiting() || self.is_finished() {
            self.timers.stop(Timer::WriteStall);
        } else if progress || !self.timers.is_armed(Timer::WriteStall) {
            self.timers.arm_after(Timer::WriteStall, now, self.config.write_stall);
        }
    }

    /// The connection ends here. Messages that have arrived are still the application's.
    fn time_is_up(&mut self, kind: TimeoutKind) {
        let (transmitter, timers) = (&mut self.transmitter, &mut self.timers);
        if let Some(end) = self.closing.timed_out(kind, self.end, transmitter, timers) {
            self.end = Some(end);
            // If there are none, this is the end.
            let _ = self.poll_ready();
        }
    }

    /// Looks for news, judging what arrived.
    fn find(&mut self) -> bool {
        while self.ready.is_none() && self.closing.is_receiving() {
            match self.receiver.next(&mut self.inbox, &self.config, self.now) {
                Ok(Some(Found::Data(data))) => {
                    self.ready = Some(Ready::Data(data));
                    if self.config.message_timeout.is_some() && !self.receiver.is_inside_message() {
                        self.timers.stop(Timer::Message);
                    }
                }
                Ok(Some(Found::Ping { len })) => self.ping_arrived(len),
                Ok(Some(Found::Pong { len })) => self.pong_arrived(len),
                Ok(Some(Found::Close { len })) => self.close_arrived(len),
                Ok(None) => break,
                Err(error) => self.violated(error, Now::Since(self.now)),
            }
        }
        let found = self.ready.is_some() || self.poll_end();
        self.quiet = !found;
        if self.receiver.partial_frame().is_none() {
            self.inbox.expect_nothing();
        }
        found
    }

    /// Nothing more can be found for now: is that the end?
    fn poll_end(&mut self) -> bool {
        if self.closing.is_receiving() {
            self.time_message();
        } else {
            self.inbox.discard();
        }
        if let Some(end) = self.end {
            self.closing.ended(end, &mut self.transmitter, &mut self.timers);
        }
        self.ready = self.closing.news().map(Ready::End);
        self.ready.is_some()
    }

    /// S2: a message that is not complete is timed from when that is first seen.
    fn time_message(&mut self) {
        if let Some(timeout) = self.config.message_timeout
            && self.receiver.is_inside_message()
            && !self.timers.is_armed(Timer::Message)
        {
            self.timers.arm_after(Timer::Message, self.now, timeout);
        }
    }

    fn violated(&mut self, error: ProtocolError, now: Now) {
        self.closing.violated(error, &mut self.transmitter, &mut self.timers, &self.config, now);
    }

    fn ping_arrived(&mut self, len: usize) {
        let payload = self.inbox.unread().get(..len).and_then(ControlPayload::new);
        self.transmitter.pong(payload.unwrap_or(ControlPayload::EMPTY));
        self.ready = Some(Ready::Ping { len });
    }

    fn pong_arrived(&mut self, len: usize) {
        let payload = self.inbox.unread().get(..len).unwrap_or_default();
        let was_waiting = self.heartbeat.is_waiting();
        self.heartbeat.pong(payload, self.last_received);
        self.ready = Some(Ready::Pong { len });
        if was_waiting && !self.heartbeat.is_waiting() {
            self.alive(self.last_received);
        }
    }

    fn close_arrived(&mut self, len: usize) {
        match Close::parse(self.inbox.take(len)) {
            Ok(close) => {
                let now = Now::Since(self.now);
                self.closing.received(
                    close,
                    &mut self.transmitter,
                    &mut self.timers,
                    &self.config,
                    now,
                );
            }
            Err(error) => self.violated(error, Now::Since(self.now)),
        }
    }

    /// The peer showed that it lives.
    fn alive(&mut self, now: Instant) {
        self.heartbeat.forgive();
        self.timers.stop(Timer::Pong);
        if !self.timers.is_armed(Timer::Ping)
            && self.closing.phase() == Phase::Open
            && let Some(heartbeat) = self.heartbeat()
        {
            self.timers.arm_after(Timer::Ping, now, heartbeat.interval);
        }
    }

    /// The interval may be over: bytes received since only moved `last_received`.
    fn ping_due(&mut self, now: Instant) {
        let Some(heartbeat) = self.heartbeat() else { return };
        let silent = now.saturating_since(self.last_received);
        if heartbeat.mode == HeartbeatMode::WhenIdle && silent < heartbeat.interval {
            self.timers.arm_after(Timer::Ping, self.last_received, heartbeat.interval);
            return;
        }
        // P5: one ping at a time, so that a periodic one never resets the verdict on the last.
        if !self.heartbeat.is_waiting() {
            self.beat(now, heartbeat);
        } else if heartbeat.mode == HeartbeatMode::Periodic {
            self.timers.arm_after(Timer::Ping, now, heartbeat.interval);
        }
    }

    fn beat(&mut self, now: Instant, heartbeat: Heartbeat) {
        self.heartbeat.beat(&mut self.transmitter);
        // The next of a periodic one; or the queue was too full for this one.
        if heartbeat.mode == HeartbeatMode::Periodic || !self.heartbeat.is_waiting() {
            self.timers.arm_after(Timer::Ping, now, heartbeat.interval);
        }
    }

    fn pong_due(&mut self, now: Instant, due: Instant) {
        let Some(heartbeat) = self.heartbeat() else { return };
        let untaken = self.poll_ready();
        if self.closing.phase() != Phase::Open || !self.heartbeat.is_waiting() {
            // What had arrived settled it.
        } else if untaken {
            // What has arrived has not been looked at: the silence is ours.
            self.timers.arm_after(Timer::Pong, now, heartbeat.timeout.max(SOON));
        } else if now.saturating_since(due) > heartbeat.interval.max(heartbeat.timeout) {
            // P7: the clock jumped, or we slept. Ask again before judging. A long timeout may itself be
            // late by more than a short interval.
            self.beat(now, heartbeat);
        } else {
            let error = ConnectionError::Timeout(TimeoutKind::Heartbeat);
            let close =
                Close { code: CloseCode::INTERNAL_ERROR, reason: "keepalive timeout".into() };
            self.closing.fail(
                error,
                close,
                &mut self.transmitter,
                &mut self.timers,
                &self.config,
                now.into(),
            );
        }
    }

    fn message_due(&mut self, now: Instant, due: Instant) {
        let Some(timeout) = self.config.message_timeout else { return };
        if self.poll_ready() || !self.receiver.is_inside_message() {
            // What had arrived and was not looked at may be the rest of it.
        } else if now.saturating_since(due) > timeout {
            // As P7: we slept, or did not receive; the peer may have had to wait for us.
            self.timers.arm_after(Timer::Message, now, timeout);
        } else {
            self.violated(ProtocolError::MessageTooSlow, now.into());
        }
    }
}
