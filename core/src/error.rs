//! Errors, by who is at fault: the peer, the caller, the transport, or time.

use core::fmt;

use crate::frame::CloseCode;

/// The peer violated RFC 6455, or a limit of ours, after the opening handshake.
///
/// The connection has been failed with [`close_code`](Self::close_code) (section 7.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A reserved bit was set that no negotiated extension defines (section 5.2).
    ReservedBits,
    /// The opcode is reserved (section 5.2).
    ReservedOpcode,
    /// A client's frame was not masked, or a server's was (section 5.1).
    WrongMasking,
    /// A control frame was fragmented (section 5.4).
    FragmentedControl,
    /// A control frame's payload exceeded 125 bytes (section 5.5).
    OversizedControl,
    /// The payload length was not encoded in as few bytes as possible (section 5.2).
    NonMinimalLength,
    /// The payload length had its most significant bit set (section 5.2).
    LengthOutOfRange,
    /// A continuation frame arrived while no message was open (section 5.4).
    UnexpectedContinuation,
    /// A new message began inside a fragmented one (section 5.4).
    ExpectedContinuation,
    /// Text, or a close reason, was not UTF-8 (section 8.1).
    InvalidUtf8,
    /// The payload of a compressed message was not DEFLATE, or ended within a block (RFC 7692 section
    /// 7.2.2).
    InvalidDeflate,
    /// A close frame's payload was one byte (section 5.5.1).
    InvalidCloseLength,
    /// A close frame carried a code that must not be sent (section 7.4).
    InvalidCloseCode,
    /// A frame exceeded the configured limit (section 10.4).
    FrameTooBig,
    /// A message exceeded the configured limit (section 10.4).
    MessageTooBig,
    /// A message had more fragments than configured (section 10.4).
    TooManyFragments,
    /// Too many empty fragments followed one another (section 10.4).
    TooManyEmptyFragments,
    /// Control frames arrived faster than configured (section 10.4).
    ControlFlood,
    /// A message took longer to arrive than configured (section 10.4).
    MessageTooSlow,
}

impl ProtocolError {
    /// The status code with which the connection is failed (section 7.4.1).
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::InvalidDeflate => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooBig | Self::MessageTooBig => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments
            | Self::TooManyEmptyFragments
            | Self::ControlFlood
            | Self::MessageTooSlow => CloseCode::POLICY_VIOLATION,
            Self::ReservedBits
            | Self::ReservedOpcode
            | Self::WrongMasking
            | Self::FragmentedControl
            | Self::OversizedControl
            | Self::NonMinimalLength
            | Self::LengthOutOfRange
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::InvalidCloseLength
            | Self::InvalidCloseCode => CloseCode::PROTOCOL_ERROR,
        }
    }

    /// What was wrong, in the words that go into the close frame's reason.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReservedBits => "reserved bit set (RFC 6455, 5.2)",
            Self::ReservedOpcode => "reserved opcode (RFC 6455, 5.2)",
            Self::WrongMasking => "clients must mask, servers must not (RFC 6455, 5.1)",
            Self::FragmentedControl => "fragmented control frame (RFC 6455, 5.4)",
            Self::OversizedControl => "control payload over 125 bytes (RFC 6455, 5.5)",
            Self::NonMinimalLength => "length not minimally encoded (RFC 6455, 5.2)",
            Self::LengthOutOfRange => "length of 2^63 or more (RFC 6455, 5.2)",
            Self::UnexpectedContinuation => "continuation of no message (RFC 6455, 5.4)",
            Self::ExpectedContinuation => "new message inside a fragmented one (RFC 6455, 5.4)",
            Self::InvalidUtf8 => "not UTF-8 (RFC 6455, 8.1)",
            Self::InvalidDeflate => "compressed data is corrupt (RFC 7692, 7.2.2)",
            Self::InvalidCloseLength => "close payload of one byte (RFC 6455, 5.5.1)",
            Self::InvalidCloseCode => "close code must not be sent (RFC 6455, 7.4)",
            Self::FrameTooBig => "frame over the limit",
            Self::MessageTooBig => "message over the limit",
            Self::TooManyFragments => "too many fragments in a message",
            Self::TooManyEmptyFragments => "too many empty fragments in a row",
            Self::ControlFlood => "too many control frames a second",
            Self::MessageTooSlow => "message took too long to arrive",
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for ProtocolError {}

/// Why a local command was refused. Nothing was queued, and a message is given back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError<M = ()> {
    /// The closing handshake has begun, or the connection is gone.
    Closed(M),
    /// The send queue is at its hard limit: let the transport catch up, then send it again.
    Full(M),
    /// A control payload exceeded 125 bytes (section 5.5).
    OversizedControl(M),
    /// A message is already being sent in fragments (section 5.4).
    MessageOpen(M),
    /// A close code that must not be sent (section 7.4).
    InvalidCloseCode(M),
    /// It is for the open connection alone, and a session has none now.
    NotOpen(M),
}

impl<M> SendError<M> {
    /// What was refused.
    pub fn into_inner(self) -> M {
        match self {
            Self::Closed(m)
            | Self::Full(m)
            | Self::OversizedControl(m)
            | Self::MessageOpen(m)
            | Self::InvalidCloseCode(m)
            | Self::NotOpen(m) => m,
        }
    }

    /// The same error without what was refused.
    #[must_use]
    pub fn kind(&self) -> SendError {
        match self {
            Self::Closed(_) => SendError::Closed(()),
            Self::Full(_) => SendError::Full(()),
            Self::OversizedControl(_) => SendError::OversizedControl(()),
            Self::MessageOpen(_) => SendError::MessageOpen(()),
            Self::InvalidCloseCode(_) => SendError::InvalidCloseCode(()),
            Self::NotOpen(_) => SendError::NotOpen(()),
        }
    }
}

impl<M> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed(_) => "the connection is closing",
            Self::Full(_) => "the send queue is full",
            Self::OversizedControl(_) => "a control payload is at most 125 bytes (RFC 6455, 5.5)",
            Self::MessageOpen(_) => "a message is already being sent in fragments (RFC 6455, 5.4)",
            Self::InvalidCloseCode(_) => "this close code must not be sent (RFC 6455, 7.4)",
            Self::NotOpen(_) => "there is no open connection: wait until it is",
        })
    }
}

impl<M: fmt::Debug> core::error::Error for SendError<M> {}

/// How a transport ended other than in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportFailure {
    /// The stream was cut short below us, such as TLS without its closing alert.
    Truncated,
    /// The peer's host reset the stream.
    Reset,
    /// Anything else.
    Other,
}

#[cfg(feature = "std")]
impl From<std::io::ErrorKind> for TransportFailure {
    fn from(kind: std::io::ErrorKind) -> Self {
        use std::io::ErrorKind;
        if kind == ErrorKind::UnexpectedEof {
            Self::Truncated
        } else if matches!(
            kind,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
        ) {
            Self::Reset
        } else {
            Self::Other
        }
    }
}

impl fmt::Display for TransportFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the transport was cut short",
            Self::Reset => "the transport was reset",
            Self::Other => "the transport failed",
        })
    }
}

/// Which deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeoutKind {
    /// Nothing arrived in time after a ping had left.
    Heartbeat,
    /// The transport took none of the bytes that waited.
    WriteStalled,
    /// The closing handshake, or the end of the transport after it, did not come.
    Close,
}

impl fmt::Display for TimeoutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Heartbeat => "nothing arrived after a ping",
            Self::WriteStalled => "the transport took no bytes",
            Self::Close => "the closing handshake was not completed",
        })
    }
}

/// Why a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The peer violated the protocol, or a limit of ours.
    Protocol(ProtocolError),
    /// The peer's stream ended without a close frame.
    UnexpectedEof,
    /// The transport failed without a closing handshake.
    Transport(TransportFailure),
    /// A deadline passed.
    Timeout(TimeoutKind),
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => write!(f, "protocol violation by the peer: {error}"),
            Self::UnexpectedEof => {
                f.write_str("the stream ended without a close frame (RFC 6455, 7.1.5)")
            }
            Self::Transport(failure) => failure.fmt(f),
            Self::Timeout(kind) => write!(f, "timed out: {kind}"),
        }
    }
}

impl core::error::Error for ConnectionError {}
