//! Pings sent, pongs awaited, round trips measured: RFC 6455 sections 5.5.2 and 5.5.3.

use alloc::{boxed::Box, collections::VecDeque};

use super::transmit::Transmitter;
use crate::error::SendError;
use crate::frame::ControlPayload;
use crate::time::{Duration, Instant};

/// Who sent a ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    Application,
    Heartbeat,
    /// To know what the peer has read.
    Session,
}

/// A ping on its way.
#[derive(Debug)]
struct Outstanding {
    payload: Box<[u8]>,
    /// Where its frame ends in the outbox.
    end: u64,
    left: Option<Instant>,
    /// The heartbeat waits for its pong.
    heartbeat: bool,
    asker: Asker,
    /// Counts pings, from 1.
    number: u64,
}

/// How many pings are remembered for their pongs; beyond it the oldest is forgotten.
const MAX_OUTSTANDING: usize = 16;

/// How long a ping takes there and its pong back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundTrip {
    /// The latest measurement.
    pub last: Duration,
    /// The shortest.
    pub min: Duration,
    /// An average in which the latest counts an eighth.
    pub smoothed: Duration,
}

fn smoothed(average: Duration, last: Duration) -> Duration {
    let eight = average.as_nanos().saturating_mul(7).saturating_add(last.as_nanos());
    Duration::from_nanos(u64::try_from(eight / 8).unwrap_or(u64::MAX))
}

/// The pings of a connection.
#[derive(Debug, Default)]
pub(super) struct Heartbeat(Option<Box<Pings>>);

/// Those of one that ever sent any.
#[derive(Debug, Default)]
struct Pings {
    outstanding: VecDeque<Outstanding>,
    nonce: u64,
    /// How long the ping took that the latest pong answers, and its number.
    answered: Option<(Duration, u64)>,
    /// How many pings of its own were answered.
    beats: u32,
    /// Pings ever sent.
    sent: u64,
    round_trip: Option<RoundTrip>,
}

impl Heartbeat {
    pub(super) const fn round_trip(&self) -> Option<RoundTrip> {
        match &self.0 {
            Some(pings) => pings.round_trip,
            None => None,
        }
    }

    /// How many pings of its own were answered.
    pub(super) const fn beats(&self) -> u32 {
        match &self.0 {
            Some(pings) => pings.beats,
            None => 0,
        }
    }

    /// How many pings were ever sent.
    pub(super) const fn pings(&self) -> u64 {
        match &self.0 {
            Some(pings) => pings.sent,
            None => 0,
        }
    }

    fn outstanding(&self) -> impl Iterator<Item = &Outstanding> {
        self.0.iter().flat_map(|pings| &pings.outstanding)
    }

    fn outstanding_mut(&mut self) -> impl Iterator<Item = &mut Outstanding> {
        self.0.iter_mut().flat_map(|pings| &mut pings.outstanding)
    }

    /// When the ping of this number left, if it has and is not answered.
    pub(super) fn left(&self, number: u64) -> Option<Instant> {
        self.outstanding().find(|ping| ping.number == number)?.left
    }

    /// Whether a ping of the heartbeat's own has no pong yet.
    pub(super) fn is_waiting(&self) -> bool {
        self.outstanding().any(|ping| ping.heartbeat)
    }

    /// Stops waiting: there were other signs of life.
    pub(super) fn forgive(&mut self) {
        for ping in self.outstanding_mut() {
            ping.heartbeat = false;
        }
    }

    /// Sends a ping of the heartbeat's own.
    pub(super) fn beat(&mut self, transmitter: &mut Transmitter) {
        self.forgive();
        let pings = self.0.get_or_insert_default();
        pings.nonce = pings.nonce.wrapping_add(1);
        let payload = pings.nonce.to_be_bytes();
        // Cannot be refused for its length; when closing or full there is no heartbeat to send.
        let _ = self.ping(transmitter, &payload, Asker::Heartbeat);
    }

    pub(super) fn ping(
        &mut self,
        transmitter: &mut Transmitter,
        payload: &[u8],
        asker: Asker,
    ) -> Result<(), SendError> {
        let control = ControlPayload::new(payload).ok_or(SendError::OversizedControl(()))?;
        let end = transmitter.ping(&control)?;
        self.0.get_or_insert_default().sent(payload, end, asker);
        Ok(())
    }

    /// Notes which pings have left, and says whether one of the heartbeat's own has just done so.
    ///
    /// P3: the peer's time starts when the ping's last byte was taken by the transport.
    pub(super) fn transmitted(&mut self, transmitter: &Transmitter, now: Instant) -> bool {
        let mut beat_left = false;
        for ping in self.outstanding_mut().filter(|ping| ping.left.is_none()) {
            if transmitter.has_transmitted(ping.end) {
                ping.left = Some(now);
                beat_left |= ping.heartbeat;
            }
        }
        beat_left
    }

    /// Matches a pong with the ping it answers.
    ///
    /// P1: it also stands for the pings before that one; an unsolicited pong matches none, nor does
    /// one for a ping that has not left.
    pub(super) fn pong(&mut self, payload: &[u8], now: Instant) {
        if let Some(pings) = &mut self.0 {
            pings.answered = pings.time(payload, now);
        }
    }

    /// How long the ping took that the latest pong answers, if it answers one.
    pub(super) fn answered(&self) -> Option<Duration> {
        self.0.as_ref()?.answered.map(|(round_trip, _)| round_trip)
    }

    /// The number of the ping that the latest pong answers, if it answers one. Of pings that carry the
    /// same it is the last.
    pub(super) fn answered_ping(&self) -> Option<u64> {
        self.0.as_ref()?.answered.map(|(_, number)| number)
    }
}

impl Pings {
    fn sent(&mut self, payload: &[u8], end: u64, asker: Asker) {
        if self.outstanding.len() >= MAX_OUTSTANDING {
            // P5: many pings of the application's own do not make others forgotten.
            let pings = &self.outstanding;
            let oldest = pings.iter().position(|ping| ping.asker == Asker::Application);
            let oldest = oldest.or_else(|| pings.iter().position(|ping| !ping.heartbeat));
            self.outstanding.remove(oldest.unwrap_or(0));
        }
        self.sent = self.sent.wrapping_add(1);
        self.outstanding.push_back(Outstanding {
            payload: payload.into(),
            end,
            left: None,
            heartbeat: asker == Asker::Heartbeat,
            asker,
            number: self.sent,
        });
    }

    fn time(&mut self, payload: &[u8], now: Instant) -> Option<(Duration, u64)> {
        let answers = |ping: &Outstanding| ping.left.is_some() && *ping.payload == *payload;
        let at = self.outstanding.iter().rposition(answers)?;
        for _ in 0..at {
            self.outstanding.pop_front();
        }
        let latest = self.outstanding.pop_front()?;
        self.beats = self.beats.wrapping_add(u32::from(latest.asker == Asker::Heartbeat));
        let left = latest.left?;
        if self.outstanding.is_empty() {
            self.outstanding = VecDeque::new();
        }
        let last = now.saturating_since(left);
        let round_trip =
            self.round_trip.get_or_insert(RoundTrip { last, min: last, smoothed: last });
        round_trip.last = last;
        round_trip.min = round_trip.min.min(last);
        round_trip.smoothed = smoothed(round_trip.smoothed, last);
        Some((last, latest.number))
    }
}
