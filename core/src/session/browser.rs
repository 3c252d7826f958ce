//! A session's events as a page knows them: `open`, `message`, `error`, `close` (WHATWG WebSockets).

use alloc::string::String;
use core::fmt;

use super::{Event, Failure};
use crate::frame::{Close, CloseCode};
use crate::message::Message;

/// What a page is told of its `WebSocket`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "pages know four")]
pub enum BrowserEvent<'a> {
    /// `open`.
    Open,
    /// `message`, with its `data`.
    Message(Message<'a>),
    /// `error`, of which a page is told no more. `close` follows.
    Error,
    /// `close`.
    Close(CloseEvent),
}

/// A `CloseEvent`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "pages know three")]
pub struct CloseEvent {
    /// `code`: 1006 if no close frame was received.
    pub code: CloseCode,
    /// `reason`.
    pub reason: String,
    /// `wasClean`.
    pub was_clean: bool,
}

impl<'a> Event<'a> {
    /// What a page would be told: at most an `error` and then one event more.
    ///
    /// Every attempt ends with a `close`, as one `WebSocket` after the other would; `error` comes
    /// before it unless the connection was closed in order.
    #[must_use]
    pub fn into_browser(self) -> (Option<BrowserEvent<'static>>, Option<BrowserEvent<'a>>) {
        match self {
            Self::Opened(_) => (None, Some(BrowserEvent::Open)),
            Self::Message(message) => (None, Some(BrowserEvent::Message(message))),
            Self::Closed(closed) => {
                let close = match closed.failure {
                    Failure::Closed(end) => {
                        CloseEvent { code: end.code, reason: end.reason, was_clean: end.clean }
                    }
                    Failure::Connect(_)
                    | Failure::Handshake(_)
                    | Failure::Unanswered
                    | Failure::ProbeLost
                    | Failure::Unconfirmed(_)
                    | Failure::Cancelled(_) => CloseEvent {
                        code: CloseCode::ABNORMAL,
                        reason: String::new(),
                        was_clean: false,
                    },
                };
                let error = (!close.was_clean).then_some(BrowserEvent::Error);
                (error, Some(BrowserEvent::Close(close)))
            }
            Self::Connecting(_)
            | Self::Piece(_)
            | Self::Pong(_)
            | Self::Settled(_)
            | Self::Repeated(_)
            | Self::Error(_)
            | Self::Stopped(_) => (None, None),
        }
    }
}

/// Why a browser would throw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BrowserError {
    /// `InvalidAccessError`: a code that is neither 1000 nor from 3000 to 4999.
    InvalidAccess,
    /// `SyntaxError`: a reason of more than 123 bytes.
    Syntax,
}

impl fmt::Display for BrowserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidAccess => {
                "InvalidAccessError: a close code is 1000, or from 3000 to 4999 (WHATWG WebSockets)"
            }
            Self::Syntax => "SyntaxError: a close reason has at most 123 bytes (RFC 6455, 5.5)",
        })
    }
}

impl core::error::Error for BrowserError {}

/// Whether a page may `close(code, reason)`.
///
/// # Errors
///
/// What a browser would throw.
pub fn check_close(code: CloseCode, reason: &str) -> Result<(), BrowserError> {
    if !matches!(code.get(), 1000 | 3000..=4999) {
        return Err(BrowserError::InvalidAccess);
    }
    if reason.len() > Close::MAX_REASON {
        return Err(BrowserError::Syntax);
    }
    Ok(())
}
