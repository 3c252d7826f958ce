//! Why an attempt ended, and whether to try again.

use alloc::{boxed::Box, sync::Arc};
use core::fmt;

use super::MessageId;
use crate::connection::{self, Initiator};
use crate::error::{ConnectionError, ProtocolError};
use crate::frame::CloseCode;
use crate::handshake::{HandshakeError, Refusal, Response};
use crate::time::Duration;

/// Why an attempt to be connected ended, whether it had got as far as being open or not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// No transport could be opened.
    Connect(ConnectFailure),
    /// The opening handshake failed: the server refused, or what it answered is no acceptance.
    Handshake(Box<Refusal>),
    /// The connection was open, and ended like this.
    Closed(Box<connection::Closed>),
    /// The connection was given up: the application's own heartbeat was not answered in time.
    Unanswered,
    /// The connection was given up: the network had changed, and a probe was not answered in time.
    ProbeLost,
    /// The connection was given up: this message was transmitted and not confirmed in time.
    Unconfirmed(MessageId),
    /// The attempt was given up on purpose before it was open, or had an end of its own.
    Cancelled(Cancelled),
}

/// Why no transport could be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectFailure {
    /// The host's name could not be resolved.
    Unresolved,
    /// Nobody listens there.
    Refused,
    /// The attempt took longer than [`SessionConfig::connect_timeout`](super::SessionConfig::connect_timeout).
    TimedOut,
    /// The peer's certificate is not one to trust.
    Untrusted,
    /// There is no such address, or no means here to reach it, such as TLS.
    Unusable,
    /// Anything else.
    Other,
}

/// On whose wish an attempt was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cancelled {
    /// The application closed the session, or aborted it.
    Closed,
    /// The application suspended the session.
    Suspended,
    /// There is no network.
    Offline,
    /// Another connection took its place.
    Replaced,
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Try again when the back-off says.
    Retry,
    /// Try again after this time, or when the back-off says if that is later; for a peer that said so.
    RetryAfter(Duration),
    /// Try again at once: what failed was the path, and there is another.
    RetryNow,
    /// Do not try again: it would fail again.
    Stop,
}

impl Failure {
    /// The verdict that stands unless the [`Policy`] overrules it: by the status of the response (RFC
    /// 6455 section 4.1), or by the close code (section 7.4.1).
    ///
    /// | failure | verdict |
    /// |---|---|
    /// | no transport | retry; stop if the certificate is bad, or the address |
    /// | refused with 408, 425, 429 or 5xx, but for 501 and 505 | retry, after `Retry-After` (at most 5 minutes) |
    /// | refused with any other status (401, 403, 404) | stop |
    /// | what was answered is no acceptance | stop; retry if it was cut off |
    /// | closed with 1012 or 1013 | retry after 5 s |
    /// | closed with 1002, 1003, 1007 to 1010, or 3000 and above | stop |
    /// | closed by ourselves for what the peer did, with one of these | stop; retry if it was slow |
    /// | closed by ourselves for its age | retry |
    /// | closed otherwise, or ended without being closed | retry |
    /// | given up for a message, or a heartbeat | retry |
    /// | given up because the network changed | retry now |
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Connect(ConnectFailure::Untrusted | ConnectFailure::Unusable) => Verdict::Stop,
            Self::Connect(_) | Self::Unanswered | Self::Unconfirmed(_) | Self::Cancelled(_) => {
                Verdict::Retry
            }
            Self::ProbeLost => Verdict::RetryNow,
            Self::Handshake(refusal) => refused(refusal),
            Self::Closed(closed) => closed_with(closed),
        }
    }

    /// Whether this may have happened to many clients at one instant: the peer went, or the network.
    pub(super) fn is_shared(&self) -> bool {
        match self {
            Self::Closed(closed) => !matches!(closed.error, Some(ConnectionError::Timeout(_))),
            Self::Connect(_)
            | Self::Handshake(_)
            | Self::Unanswered
            | Self::ProbeLost
            | Self::Unconfirmed(_)
            | Self::Cancelled(_) => false,
        }
    }
}

fn refused(refusal: &Refusal) -> Verdict {
    if let HandshakeError::Declined(status) = refusal.error {
        return match status {
            // Not implemented, and no such version: that does not pass.
            501 | 505 => Verdict::Stop,
            408 | 425 | 429 | 500..=599 => {
                let wish = refusal.response.as_ref().and_then(Response::retry_after);
                wish.map_or(Verdict::Retry, |wish| Verdict::RetryAfter(wish.min(LONGEST_WISH)))
            }
            _ => Verdict::Stop,
        };
    }
    // Of all other errors, these are the path's. The rest are the server's, which would do it again.
    let was_cut_off = matches!(
        refusal.error,
        HandshakeError::UnexpectedEof
            | HandshakeError::Transport(_)
            | HandshakeError::TimedOut
            | HandshakeError::Incomplete
    );
    if was_cut_off { Verdict::Retry } else { Verdict::Stop }
}

fn closed_with(closed: &connection::Closed) -> Verdict {
    let code = match (&closed.received, closed.error) {
        // The peer only repeats what we said, when the connection had reached its age.
        (Some(_), None) if closed.initiator == Initiator::Local => return Verdict::Retry,
        (Some(close), _) => close.code,
        (None, Some(ConnectionError::Protocol(ProtocolError::MessageTooSlow))) => {
            return Verdict::Retry;
        }
        // What we could not accept, we could not accept again.
        (None, Some(ConnectionError::Protocol(error))) => error.close_code(),
        (None, _) => CloseCode::ABNORMAL,
    };
    match code.get() {
        1012 | 1013 => Verdict::RetryAfter(RESTART),
        1002 | 1003 | 1007..=1010 | 3000.. => Verdict::Stop,
        _ => Verdict::Retry,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(failure) => failure.fmt(f),
            Self::Handshake(refusal) => refusal.fmt(f),
            Self::Closed(closed) => closed.fmt(f),
            Self::Unanswered => f.write_str("the application's heartbeat was not answered"),
            Self::ProbeLost => f.write_str("the network changed and the peer is out of reach"),
            Self::Unconfirmed(id) => write!(f, "message {id} was not confirmed in time"),
            Self::Cancelled(cancelled) => cancelled.fmt(f),
        }
    }
}

impl core::error::Error for Failure {}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unresolved => "the host's name could not be resolved",
            Self::Refused => "the host refused the connection",
            Self::TimedOut => "the host could not be reached in time",
            Self::Untrusted => "the host's certificate is not to be trusted",
            Self::Unusable => "the address cannot be connected to from here",
            Self::Other => "the host could not be connected to",
        })
    }
}

impl core::error::Error for ConnectFailure {}

/// Invalid data, before there is a connection, is TLS that failed: a certificate that is not to be trusted,
/// or a peer that talks no TLS. An address that is not there now, or not from here, may be there later.
#[cfg(feature = "std")]
impl From<std::io::ErrorKind> for ConnectFailure {
    fn from(kind: std::io::ErrorKind) -> Self {
        use std::io::ErrorKind;
        if kind == ErrorKind::ConnectionRefused {
            Self::Refused
        } else if kind == ErrorKind::TimedOut {
            Self::TimedOut
        } else if kind == ErrorKind::InvalidData {
            Self::Untrusted
        } else {
            Self::Other
        }
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed by the application",
            Self::Suspended => "suspended by the application",
            Self::Offline => "there is no network",
            Self::Replaced => "another connection took its place",
        })
    }
}

/// What a [`Policy`] holds: from a failure and its default verdict to the verdict.
type Rule = dyn Fn(&Failure, Verdict) -> Verdict + Send + Sync;

/// Who decides what to do about a failure. By default, [`Failure::verdict`].
#[derive(Clone, Default)]
pub struct Policy(Option<Arc<Rule>>);

impl Policy {
    pub(super) const DEFAULT: Self = Self(None);

    /// Overrules the default verdict, which comes second: hand it back where it is right. The rule must not
    /// use a handle to the session: it would wait for itself.
    ///
    /// ```
    /// use longwire::handshake::HandshakeError;
    /// use longwire::session::{Failure, Policy, Verdict};
    ///
    /// // A token that has expired is worth another try: the next request has a new one.
    /// let policy = Policy::new(|failure, verdict| match failure {
    ///     Failure::Handshake(refusal) if refusal.error == HandshakeError::Declined(401) => Verdict::Retry,
    ///     _ => verdict,
    /// });
    /// ```
    pub fn new(rule: impl Fn(&Failure, Verdict) -> Verdict + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(rule)))
    }

    pub(super) fn judge(&self, failure: &Failure) -> Verdict {
        let verdict = failure.verdict();
        self.0.as_ref().map_or(verdict, |rule| rule(failure, verdict))
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Policy(..)" } else { "Policy(default)" })
    }
}

/// The most that a peer can have us wait.
const LONGEST_WISH: Duration = Duration::from_secs(300);

/// How long a server that restarts, or is overloaded, and does not say more is left alone.
const RESTART: Duration = Duration::from_secs(5);
