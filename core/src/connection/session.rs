//! What a session wants to know of its connection, beyond what everybody may.

use alloc::boxed::Box;

use super::heartbeat::Asker;
use super::{Closed, Connection, Ready};
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
        self.heartbeat.ping(&mut self.transmitter, payload, Asker::Session)
    }

    /// Whether a ping sent now goes behind every message that was accepted.
    pub(crate) fn is_serialised(&self) -> bool {
        self.transmitter.is_serialised()
    }

    /// How many pings were ever sent: the number of the latest.
    pub(crate) const fn pings(&self) -> u64 {
        self.heartbeat.pings()
    }

    /// When the ping of this number left, if it has and is not answered.
    pub(crate) fn ping_left(&self, number: u64) -> Option<Instant> {
        self.heartbeat.left(number)
    }

    /// The number of the ping that the latest pong seems to answer.
    pub(crate) fn answered_ping(&self) -> Option<u64> {
        self.heartbeat.answered_ping()
    }

    /// How many pings of the heartbeat's own were answered.
    pub(crate) const fn beats(&self) -> u32 {
        self.heartbeat.beats()
    }

    /// When the last byte was received, or when the connection began.
    pub(crate) const fn last_received(&self) -> Instant {
        self.last_received
    }

    /// What [`poll_ready`](Endpoint::poll_ready) found, without taking it.
    pub(crate) const fn found(&self) -> Option<Found> {
        match self.ready {
            None => None,
            Some(Ready::Data(_)) => Some(Found::Data),
            Some(Ready::Ping { .. } | Ready::Pong { .. }) => Some(Found::Control),
            Some(Ready::End(_)) => Some(Found::End),
        }
    }

    /// Whether a message being sent piece by piece is not finished.
    pub(crate) const fn is_inside_message(&self) -> bool {
        self.transmitter.has_open_message()
    }

    /// Whether nothing arrives any more: what has arrived, which is bounded, is the last of it.
    pub(crate) const fn has_ended(&self) -> bool {
        self.end.is_some() || !self.closing.is_receiving()
    }

    /// Messages accepted that the transport has not taken whole.
    pub(crate) fn unsent_messages(&self) -> u64 {
        self.transmitter.unsent_messages() as u64
    }

    /// How the connection ended, once it is over.
    pub(crate) fn outcome(&self) -> Box<Closed> {
        Box::new(self.closing.closed())
    }
}
