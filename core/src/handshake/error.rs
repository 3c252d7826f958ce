use core::fmt;

#[cfg(feature = "deflate")]
use super::deflate::InvalidDeflate;
use crate::error::TransportFailure;

/// Why an opening handshake failed. Sections are those of RFC 6455 unless said otherwise.
///
/// A server answers with [`status`](Self::status); a client learns it beside the server's
/// [`Response`](super::Response), if one arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The request or status line is not one (RFC 9112 sections 3 and 4).
    MalformedStartLine,
    /// A header line is not `name: value` with a token for its name (RFC 9112 section 5).
    MalformedHeader,
    /// A line ended in LF without CR (RFC 9112 section 2.2).
    BareLineFeed,
    /// A header was continued on a second line (RFC 9112 section 5.2).
    ObsoleteFolding,
    /// A control character, or a CR without LF, in the head (RFC 9110 section 5.5).
    ControlCharacter,
    /// A byte beyond ASCII in the head (RFC 9110 section 5.5).
    NonAscii,
    /// The request line exceeded [`Limits::request_line`](super::Limits) (RFC 9110 section 15.5.15).
    RequestLineTooLong,
    /// The head exceeded [`Limits::head_bytes`](super::Limits) (RFC 6585 section 5).
    HeadTooLarge,
    /// The head exceeded [`Limits::header_lines`](super::Limits) (RFC 6585 section 5).
    TooManyHeaders,
    /// The HTTP version is not 1.1 (sections 4.1 and 4.2.1).
    UnsupportedHttpVersion,
    /// The method is not GET (section 4.2.1, item 1).
    MethodNotAllowed,
    /// The request target is neither a path nor an `http` or `ws` URI (section 4.2.1, item 1).
    InvalidRequestTarget,
    /// The `Host` header is missing (section 4.2.1, item 2).
    MissingHost,
    /// The `Host` header occurs more than once (RFC 9112 section 3.2).
    DuplicateHost,
    /// The `Host` header is not a host with an optional port (section 4.2.1, item 2).
    InvalidHost,
    /// The request announced a body (section 4.1: the handshake is a GET, and what follows is frames).
    RequestBody,
    /// An ordinary HTTP request where an upgrade was asked for (section 4.2.1).
    NotAnUpgrade,
    /// No `websocket` token in `Upgrade` (section 4.1, item 5; 4.2.1, item 3; 4.2.2).
    MissingUpgrade,
    /// No `upgrade` token in `Connection` (section 4.1, item 6; 4.2.1, item 4; 4.2.2).
    MissingConnection,
    /// `Sec-WebSocket-Key` is missing (section 4.2.1, item 5).
    MissingKey,
    /// `Sec-WebSocket-Key` occurs more than once (section 11.3.1).
    DuplicateKey,
    /// `Sec-WebSocket-Key` is not 16 bytes in base64 (section 4.2.1, item 5).
    InvalidKey,
    /// `Sec-WebSocket-Version` is missing or not 13 (section 4.2.1, item 6; 4.4).
    UnsupportedVersion,
    /// `Sec-WebSocket-Version` occurs more than once, or is a list (section 11.3.5).
    DuplicateVersion,
    /// An offered subprotocol is not a token, or was offered twice (section 4.1, item 10).
    InvalidSubprotocol,
    /// `Sec-WebSocket-Extensions` does not follow its grammar (section 9.1).
    InvalidExtensions,
    /// None of the offered subprotocols is spoken here, and one is required (section 4.2.2, item 4).
    NoCommonSubprotocol,
    /// The `Origin` is not allowed to connect (section 4.2.2, item 4; 10.2).
    OriginRefused,
    /// The server declined with this status, or the application did (section 4.2.2).
    Declined(u16),
    /// `Sec-WebSocket-Accept` is missing (section 4.1).
    MissingAccept,
    /// `Sec-WebSocket-Accept` occurs more than once (section 11.3.3).
    DuplicateAccept,
    /// `Sec-WebSocket-Accept` does not prove that the key was understood (section 4.1).
    WrongAccept,
    /// The server answered with a subprotocol that was not offered (section 4.1).
    UnexpectedSubprotocol,
    /// The server answered with more than one `Sec-WebSocket-Protocol` (section 11.3.4).
    DuplicateSubprotocol,
    /// The server chose none of the subprotocols offered, and
    /// [`SubprotocolPolicy::Whatwg`](super::SubprotocolPolicy::Whatwg) requires it to.
    MissingSubprotocol,
    /// The server answered with an extension that was not offered (section 4.1; 9.1).
    UnexpectedExtension,
    /// The server answered with a permessage-deflate that does not fit the offer (RFC 7692 section 7.1).
    #[cfg(feature = "deflate")]
    InvalidDeflate(InvalidDeflate),
    /// More than eight interim responses (RFC 9110 section 15.2).
    TooManyInterim,
    /// The stream ended before the handshake did.
    UnexpectedEof,
    /// The transport failed before the handshake ended.
    Transport(TransportFailure),
    /// The deadline passed before the handshake ended.
    TimedOut,
    /// The handshake was taken before [`poll_ready`](crate::Endpoint::poll_ready) said that it had ended.
    Incomplete,
}

impl HandshakeError {
    /// The status a server answers with. `None` if nobody is there to hear it, or if only a client
    /// can meet the error.
    #[must_use]
    pub const fn status(self) -> Option<u16> {
        Some(match self {
            Self::MalformedStartLine
            | Self::MalformedHeader
            | Self::BareLineFeed
            | Self::ObsoleteFolding
            | Self::ControlCharacter
            | Self::NonAscii
            | Self::InvalidRequestTarget
            | Self::MissingHost
            | Self::DuplicateHost
            | Self::InvalidHost
            | Self::RequestBody
            | Self::MissingUpgrade
            | Self::MissingConnection
            | Self::MissingKey
            | Self::DuplicateKey
            | Self::InvalidKey
            | Self::DuplicateVersion
            | Self::InvalidSubprotocol
            | Self::InvalidExtensions
            | Self::NoCommonSubprotocol => 400,
            Self::OriginRefused => 403,
            Self::MethodNotAllowed => 405,
            Self::TimedOut => 408,
            Self::RequestLineTooLong => 414,
            Self::NotAnUpgrade | Self::UnsupportedVersion => 426,
            Self::HeadTooLarge | Self::TooManyHeaders => 431,
            Self::UnsupportedHttpVersion => 505,
            Self::Declined(status) => status,
            Self::MissingAccept
            | Self::DuplicateAccept
            | Self::WrongAccept
            | Self::UnexpectedSubprotocol
            | Self::DuplicateSubprotocol
            | Self::MissingSubprotocol
            | Self::UnexpectedExtension
            | Self::TooManyInterim
            | Self::UnexpectedEof
            | Self::Transport(_)
            | Self::Incomplete => return None,
            #[cfg(feature = "deflate")]
            Self::InvalidDeflate(_) => return None,
        })
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedStartLine => {
                "The first line is not HTTP (RFC 9112, 3 and 4): speak HTTP/1.1, and TLS only where it is expected"
            }
            Self::MalformedHeader => "A header line is not 'name: value' (RFC 9112, 5): correct it",
            Self::BareLineFeed => {
                "A line ends without a carriage return (RFC 9112, 2.2): end lines with CR LF"
            }
            Self::ObsoleteFolding => "A header spans two lines (RFC 9112, 5.2): send it on one",
            Self::ControlCharacter => {
                "A control character in the head (RFC 9110, 5.5): remove or encode it"
            }
            Self::NonAscii => "A byte beyond ASCII in the head (RFC 9110, 5.5): encode it",
            Self::RequestLineTooLong => {
                "The request line is too long (RFC 9110, 15.5.15): shorten the URI"
            }
            Self::HeadTooLarge => {
                "The head is too large (RFC 6585, 5): send fewer or shorter headers"
            }
            Self::TooManyHeaders => "Too many header lines (RFC 6585, 5): send fewer",
            Self::UnsupportedHttpVersion => {
                "The handshake needs HTTP/1.1 (RFC 6455, 4.1 and 4.2.1): use that version"
            }
            Self::MethodNotAllowed => "The method is not GET (RFC 6455, 4.2.1): use GET",
            Self::InvalidRequestTarget => {
                "The request target is not a path or URI (RFC 6455, 4.2.1): send an absolute path without fragment"
            }
            Self::MissingHost => "The Host header is missing (RFC 6455, 4.2.1): send it",
            Self::DuplicateHost => "There is more than one Host header (RFC 9112, 3.2): send one",
            Self::InvalidHost => {
                "The Host header is not a host and port (RFC 6455, 4.2.1): correct it"
            }
            Self::RequestBody => "The request announces a body (RFC 6455, 4.1): send none",
            Self::NotAnUpgrade => {
                "This is a WebSocket endpoint (RFC 6455, 4.2.1): ask for an upgrade"
            }
            Self::MissingUpgrade => {
                "The Upgrade header lacks 'websocket' (RFC 6455, 4.2): a proxy in between may need to be told to pass it"
            }
            Self::MissingConnection => {
                "The Connection header lacks 'Upgrade' (RFC 6455, 4.2): a proxy in between may need to be told to pass it"
            }
            Self::MissingKey => {
                "The Sec-WebSocket-Key header is missing (RFC 6455, 4.2.1): send it"
            }
            Self::DuplicateKey => {
                "There is more than one Sec-WebSocket-Key (RFC 6455, 11.3.1): send one"
            }
            Self::InvalidKey => {
                "The Sec-WebSocket-Key is not 16 bytes in base64 (RFC 6455, 4.2.1): correct it"
            }
            Self::UnsupportedVersion => {
                "The Sec-WebSocket-Version is not 13 (RFC 6455, 4.2.1 and 4.4): use version 13"
            }
            Self::DuplicateVersion => {
                "There is more than one Sec-WebSocket-Version (RFC 6455, 11.3.5): send one"
            }
            Self::InvalidSubprotocol => {
                "A Sec-WebSocket-Protocol is not a token or is offered twice (RFC 6455, 4.1): correct the list"
            }
            Self::InvalidExtensions => {
                "Sec-WebSocket-Extensions is malformed (RFC 6455, 9.1): correct or omit it"
            }
            Self::NoCommonSubprotocol => {
                "None of the offered subprotocols is spoken here (RFC 6455, 4.2.2): offer one that is"
            }
            Self::OriginRefused => {
                "This Origin may not connect (RFC 6455, 10.2): let the server's policy allow it"
            }
            Self::Declined(_) => "The upgrade was declined (RFC 6455, 4.2.2)",
            Self::MissingAccept => {
                "The Sec-WebSocket-Accept header is missing (RFC 6455, 4.1): check that the server speaks WebSocket"
            }
            Self::DuplicateAccept => {
                "There is more than one Sec-WebSocket-Accept (RFC 6455, 11.3.3): the server must send one"
            }
            Self::WrongAccept => {
                "Sec-WebSocket-Accept does not match the key (RFC 6455, 4.1): check for a caching proxy in between"
            }
            Self::UnexpectedSubprotocol => {
                "The server chose a subprotocol that was not offered (RFC 6455, 4.1): offer it, or correct the server"
            }
            Self::DuplicateSubprotocol => {
                "The server sent more than one Sec-WebSocket-Protocol (RFC 6455, 11.3.4): it must send one"
            }
            Self::MissingSubprotocol => {
                "The server chose no subprotocol (WHATWG WebSockets): offer one it speaks, or use the policy of RFC 6455"
            }
            Self::UnexpectedExtension => {
                "The server chose an extension that was not offered (RFC 6455, 9.1): correct the server"
            }
            #[cfg(feature = "deflate")]
            Self::InvalidDeflate(invalid) => invalid.as_str(),
            Self::TooManyInterim => {
                "Too many interim responses (RFC 9110, 15.2): the server must answer"
            }
            Self::UnexpectedEof => {
                "The stream ended inside the opening handshake (RFC 6455, 4): try again"
            }
            Self::Transport(_) => {
                "The transport failed inside the opening handshake (RFC 6455, 4): try again"
            }
            Self::TimedOut => {
                "The opening handshake took too long (RFC 6455, 4): try again, or allow it more time"
            }
            Self::Incomplete => {
                "The opening handshake has not ended (RFC 6455, 4): wait until it is ready"
            }
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        if let Self::Declined(status) = self {
            write!(f, " with status {status}: its response says more")?;
        }
        if let Self::Transport(failure) = self {
            write!(f, " ({failure})")?;
        }
        Ok(())
    }
}

impl core::error::Error for HandshakeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn h20_every_error_a_client_causes_has_a_status() {
        assert_eq!(HandshakeError::HeadTooLarge.status(), Some(431));
        assert_eq!(HandshakeError::RequestLineTooLong.status(), Some(414));
        assert_eq!(HandshakeError::NotAnUpgrade.status(), Some(426));
        assert_eq!(HandshakeError::Declined(503).status(), Some(503));
        assert_eq!(HandshakeError::UnexpectedEof.status(), None);
        assert_eq!(HandshakeError::WrongAccept.status(), None);
    }

    #[test]
    fn an_error_says_what_where_and_what_to_do() {
        assert_eq!(
            HandshakeError::Declined(401).to_string(),
            "The upgrade was declined (RFC 6455, 4.2.2) with status 401: its response says more"
        );
        assert!(
            HandshakeError::Transport(TransportFailure::Reset)
                .to_string()
                .ends_with("(the transport was reset)")
        );
    }
}
