//! What a session wants to know of its connection, beyond what everybody may.

use alloc::boxed::Box;

use super::active::Ready;
use super::closing::Closing;
use super::heartbeat::Asker;
use super::{Closed, Connection, PartialMessage};
use crate::error::SendError;
use crate::time::Instant;

/// Which sort of news there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A message, or a piece of one.
    Data,
    /// A ping or a pong.
    Control,
    /// The connection failed, or is over.
    End,
}

impl Connection {
    /// As [`ping`](Self::ping), for the session's own purposes.
    pub(crate) fn ping_for_session(&mut self, payload: &[u8]) -> Result<(), SendError> {
        let active = self.active();
        active.heartbeat.ping(&mut active.transmitter, payload, Asker::Session)
    }

    /// Whether a ping sent now goes behind every message that was accepted.
    pub(crate) fn is_serialised(&self) -> bool {
        self.active.as_ref().is_none_or(|active| active.transmitter.is_serialised())
    }

    /// How many pings were ever sent: the number of the latest.
    pub(crate) const fn pings(&self) -> u64 {
        self.heartbeat().pings()
    }

    /// When the ping of this number left, if it has and is not answered.
    pub(crate) fn ping_left(&self, number: u64) -> Option<Instant> {
        self.heartbeat().left(number)
    }

    /// The number of the ping that the latest pong seems to answer.
    pub(crate) fn answered_ping(&self) -> Option<u64> {
        self.heartbeat().answered_ping()
    }

    /// How many pings of the heartbeat's own were answered.
    pub(crate) const fn beats(&self) -> u32 {
        self.heartbeat().beats()
    }

    /// When the last byte was received, or when the connection began.
    pub(crate) const fn last_received(&self) -> Instant {
        match &self.active {
            Some(active) => active.last_received,
            None => self.idle.last_received,
        }
    }

    /// What [`poll_ready`](Endpoint::poll_ready) found, without taking it.
    pub(crate) fn found(&self) -> Option<Found> {
        match self.active.as_ref()?.ready {
            None => None,
            Some(Ready::Data(_)) => Some(Found::Data),
            Some(Ready::Ping { .. } | Ready::Pong { .. }) => Some(Found::Control),
            Some(Ready::End(_)) => Some(Found::End),
        }
    }

    /// Whether a message being sent piece by piece is not finished.
    pub(crate) fn is_inside_message(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.transmitter.has_open_message())
    }

    /// How far the peer is that is in the midst of a message, as far as was looked.
    pub(crate) fn partial_message(&self) -> Option<PartialMessage> {
        self.active.as_ref().and_then(|active| active.receiver.partial_message())
    }

    /// In the midst of which frame the peer is, as far as was looked.
    pub(crate) fn partial_frame(&self) -> Option<u32> {
        self.active.as_ref().and_then(|active| active.receiver.partial_frame())
    }

    /// Whether the transport holds back bytes that it took.
    pub(crate) fn is_held_back(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.transmitter.is_held_back())
    }

    /// Whether nothing arrives any more: what has arrived, which is bounded, is the last of it.
    pub(crate) fn has_ended(&self) -> bool {
        self.active
            .as_ref()
            .is_some_and(|active| active.end.is_some() || !active.closing.is_receiving())
    }

    /// Messages accepted that the transport has not taken whole.
    pub(crate) fn unsent_messages(&self) -> u64 {
        self.active.as_ref().map_or(0, |active| active.transmitter.unsent_messages() as u64)
    }

    /// How the connection ended, once it is over.
    pub(crate) fn outcome(&self) -> Box<Closed> {
        let closed = self.active.as_ref().map(|active| active.closing.closed());
        Box::new(closed.unwrap_or_else(|| Closing::new().closed()))
    }
}
