//! What can be asked of a session.

use super::timer::Timer;
use super::{Attempt, Link, Session, SessionConfig, State, Statistics};
use crate::connection::{Connection, RoundTrip};
use crate::handshake::Agreement;
use crate::time::Instant;

impl Session {
    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The [state](State::ready_state) as a browser's `WebSocket` counts it.
    #[must_use]
    pub const fn ready_state(&self) -> u16 {
        self.state.ready_state()
    }

    /// The latest attempt, if one has begun.
    #[must_use]
    pub const fn attempt(&self) -> Option<Attempt> {
        if self.attempt.0 == 0 { None } else { Some(self.attempt) }
    }

    /// Retries begun since a connection was last stable.
    #[must_use]
    pub const fn retries(&self) -> u32 {
        self.progress.retries()
    }

    /// When the next attempt begins, if one is waited for.
    #[must_use]
    pub fn retry_at(&self) -> Option<Instant> {
        self.timers.get(Timer::Retry).filter(|_| self.dials)
    }

    /// Bytes of payload that were accepted and have not left: a message counts until its last byte
    /// has, and again while it waits to be sent again.
    #[must_use]
    pub const fn buffered_amount(&self) -> usize {
        self.queue.buffered()
    }

    /// Messages without an outcome.
    #[must_use]
    pub fn queued_messages(&self) -> usize {
        self.queue.len()
    }

    /// What was agreed on with the server, of the connection that is open, or was last.
    #[must_use]
    pub const fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// How long pings took, on the connection that is open, or was last.
    #[must_use]
    pub fn round_trip(&self) -> Option<RoundTrip> {
        let current = self.connection().and_then(Connection::round_trip);
        current.or(self.statistics.round_trip)
    }

    /// What was done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics { round_trip: self.round_trip(), ..self.statistics }
    }

    /// The limits, intervals and policies in force.
    #[must_use]
    pub const fn config(&self) -> &SessionConfig {
        &self.config
    }

    /// Whether it waits for the transport of `attempt`.
    pub(crate) fn is_dialling(&self, attempt: Attempt) -> bool {
        self.is_current(attempt) && matches!(self.link, Link::Dialling)
    }

    /// The connection, while it is open.
    #[must_use]
    pub fn connection(&self) -> Option<&Connection> {
        match &self.link {
            Link::Open(connection) => Some(connection),
            Link::None | Link::Dialling | Link::Handshake { .. } => None,
        }
    }
}
