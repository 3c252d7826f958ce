use alloc::{string::String, vec::Vec};
use core::fmt;

use bytes::Bytes;

use super::acceptance::{Acceptance, Accepted};
use super::authority::Authority;
use super::classes::is_token;
use super::error::HandshakeError;
use super::extension::{Extension, count_extensions};
use super::headers::{Headers, Single, elements};
use super::http::RequestHead;
use super::key::is_key;
use super::known::{Known, Lines};
use super::limits::Limits;
use super::rejection::Rejection;
use super::response::Response;
use super::span::Span;
use super::target::Target;
use crate::time::Instant;

/// A request that waits for its answer: [`accept`](Self::accept) it or [`reject`](Self::reject) it.
///
/// Dropping it answers nothing.
#[derive(Debug)]
#[must_use = "the client waits for an answer"]
pub struct Incoming {
    request: IncomingRequest,
    /// The key to answer, in the headers' text; none for an ordinary GET.
    key: Option<Span>,
    origin: Lines,
    leftover: Bytes,
    limits: Limits,
}

/// What a client asks for. Valid HTTP/1.1, with one host and without a body.
#[derive(Clone)]
pub struct IncomingRequest {
    /// Where in the headers' text.
    target: Span,
    host: Span,
    headers: Headers,
    subprotocols: Vec<String>,
    /// Lines that follow the grammar; none if this is an ordinary GET.
    extensions: Lines,
}

impl Incoming {
    /// Checks what is not a matter of policy (RFC 6455 section 4.2.1).
    pub(super) fn new(
        head: &RequestHead,
        mut headers: Headers,
        leftover: Bytes,
        limits: Limits,
    ) -> Result<Self, HandshakeError> {
        let known = &head.known;
        // RFC 9112 section 3.2: 400, whatever is asked for.
        let host = match headers.single(known.host) {
            Single::Missing => return Err(HandshakeError::MissingHost),
            Single::Several => return Err(HandshakeError::DuplicateHost),
            Single::One(host) => host,
        };
        Authority::parse(host).map_err(|_| HandshakeError::InvalidHost)?;
        // "An HTTP/1.1 or higher GET request".
        if !head.is_get {
            return Err(HandshakeError::MethodNotAllowed);
        }
        // Whoever reads the body as a request of its own is being smuggled one (RFC 9112 section 11.2).
        // A length of zero is none, and real devices send it.
        if known.transfer_encoding.count > 0
            || headers.values_of(known.content_length).any(|length| length != b"0")
        {
            return Err(HandshakeError::RequestBody);
        }
        // RFC 9112 section 3.2.2: the host of an absolute target replaces the header's.
        let (target, host) = match absolute(head.target.of(headers.text()))? {
            None => (head.target, headers.place_of(known.host)),
            Some(absolute) => {
                let target = headers.push_text(absolute.resource());
                (target, headers.push_text(&absolute.host_header()))
            }
        };
        let mut subprotocols = Vec::new();
        let (key, extensions) = if asks_for_websocket(&headers, known) {
            check_upgrade(&headers, known, &mut subprotocols)?;
            (Some(headers.place_of(known.key)), known.extensions)
        } else {
            (None, Lines::default())
        };
        let request = IncomingRequest { target, host, headers, subprotocols, extensions };
        Ok(Self { request, key, origin: known.origin, leftover, limits })
    }

    /// What was asked for.
    #[must_use]
    pub const fn request(&self) -> &IncomingRequest {
        &self.request
    }

    /// Why this is no request for a WebSocket: [`HandshakeError::NotAnUpgrade`], for an ordinary GET.
    /// `None` if it is one. What claims to be one and is malformed never becomes an `Incoming`.
    #[must_use]
    pub const fn upgrade_error(&self) -> Option<HandshakeError> {
        if self.key.is_some() { None } else { Some(HandshakeError::NotAnUpgrade) }
    }

    /// The first of `supported`, in the server's order of preference, that the client offers.
    /// Case matters (RFC 6455 section 4.2.2, item 5.5).
    #[must_use]
    pub fn select_subprotocol<'a>(&self, supported: &[&'a str]) -> Option<&'a str> {
        supported.iter().copied().find(|&name| self.request.offers_subprotocol(name))
    }

    /// Opens the WebSocket (RFC 6455 section 4.2.2).
    ///
    /// # Errors
    ///
    /// A [`Rejection`] with the matching answer, to be driven to its end: 426 to an ordinary GET, 403
    /// to an origin that the acceptance does not allow, 400 if it requires a subprotocol and none
    /// is common.
    pub fn accept(self, acceptance: &Acceptance, now: Instant) -> Result<Accepted, Rejection> {
        let refuse = |error| Rejection::new(error, self.limits, false, now);
        let key = self.key.ok_or_else(|| refuse(HandshakeError::NotAnUpgrade))?;
        let key = key.of(self.request.headers.text());
        let origin = self.request.headers.single(self.origin);
        let (outbox, agreement) = acceptance.answer(&self.request, origin, key).map_err(refuse)?;
        Ok(Accepted { request: self.request, outbox, agreement, leftover: self.leftover })
    }

    /// Answers with `response` and nothing else: a refusal, a redirect, or a page.
    pub fn reject(self, response: &Response, now: Instant) -> Rejection {
        Rejection::with_response(
            HandshakeError::Declined(response.status()),
            response,
            self.limits,
            false,
            now,
        )
    }
}

impl IncomingRequest {
    /// Path and query, beginning with `/`. A target in absolute form was reduced to them.
    #[must_use]
    pub fn target(&self) -> &str {
        self.target.text(self.headers.text())
    }

    /// The method: always GET.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        "GET"
    }

    /// The path, as it was sent: not decoded, not normalised.
    #[must_use]
    pub fn path(&self) -> &str {
        let target = self.target();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// The query, without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target().split_once('?').map(|(_, query)| query)
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Host and port, as the client sees them.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.text(self.headers.text())
    }

    /// Where the page came from that wants to connect. None: not a browser.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.headers.get_str("Origin")
    }

    /// The subprotocols offered over all lines, the client's favourite first. Distinct tokens.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.subprotocols
    }

    /// The extensions offered over all lines, the client's favourite first; read anew at each call.
    /// What follows from them: [`Agreement`](super::Agreement).
    #[must_use]
    pub fn extensions(&self) -> Vec<Extension> {
        Extension::parse(self.extension_lines()).unwrap_or_default()
    }

    /// Known to follow the grammar.
    pub(super) fn extension_lines(&self) -> impl Iterator<Item = &[u8]> {
        self.headers.values_of(self.extensions)
    }

    pub(super) fn host_bytes(&self) -> &[u8] {
        self.host.of(self.headers.text())
    }

    pub(super) fn offers_subprotocol(&self, name: &str) -> bool {
        self.subprotocols.iter().any(|offered| offered == name)
    }
}

impl PartialEq for IncomingRequest {
    fn eq(&self, other: &Self) -> bool {
        self.target() == other.target()
            && self.host() == other.host()
            && self.headers == other.headers
            && self.subprotocols == other.subprotocols
            && self.extensions() == other.extensions()
    }
}

impl Eq for IncomingRequest {}

impl fmt::Debug for IncomingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingRequest")
            .field("target", &self.target())
            .field("host", &self.host())
            .field("headers", &self.headers)
            .field("subprotocols", &self.subprotocols)
            .field("extensions", &self.extensions())
            .finish()
    }
}

/// Whether this means to be an opening handshake, however badly. An `Upgrade` to something else
/// may be ignored (RFC 9110 section 7.8): curl asks for HTTP/2 that way.
fn asks_for_websocket(headers: &Headers, known: &Known) -> bool {
    known.key.count > 0 || headers.has_word(known.upgrade, b"websocket")
}

/// RFC 6455 section 4.2.1, items 3 to 8. Adds the subprotocols offered.
fn check_upgrade(
    headers: &Headers,
    known: &Known,
    subprotocols: &mut Vec<String>,
) -> Result<(), HandshakeError> {
    if !headers.has_word(known.upgrade, b"websocket") {
        return Err(HandshakeError::MissingUpgrade);
    }
    if !headers.has_word(known.connection, b"upgrade") {
        return Err(HandshakeError::MissingConnection);
    }
    // Before the key: what another version makes of that header is not ours to judge.
    match headers.single(known.version) {
        Single::One(b"13") => {}
        Single::Several => return Err(HandshakeError::DuplicateVersion),
        Single::One(version) if version.contains(&b',') => {
            return Err(HandshakeError::DuplicateVersion);
        }
        Single::Missing | Single::One(_) => return Err(HandshakeError::UnsupportedVersion),
    }
    match headers.single(known.key) {
        Single::Missing => return Err(HandshakeError::MissingKey),
        Single::Several => return Err(HandshakeError::DuplicateKey),
        Single::One(key) if !is_key(key) => return Err(HandshakeError::InvalidKey),
        Single::One(_) => {}
    }
    for name in headers.values_of(known.protocol).flat_map(elements) {
        match core::str::from_utf8(name) {
            Ok(name) if is_token(name.as_bytes()) => subprotocols.push(name.into()),
            _ => return Err(HandshakeError::InvalidSubprotocol),
        }
    }
    if !are_distinct(subprotocols) {
        return Err(HandshakeError::InvalidSubprotocol);
    }
    count_extensions(headers.values_of(known.extensions))?;
    Ok(())
}

/// In order, so that the work is not the square of what was sent.
fn are_distinct(names: &[String]) -> bool {
    if names.len() < 2 {
        return true;
    }
    let mut sorted: Vec<_> = names.iter().collect();
    sorted.sort_unstable();
    sorted.is_sorted_by(|a, b| a < b)
}

/// What a request target in absolute form names; nothing for one in origin form (RFC 9112 section 3.2).
fn absolute(target: &[u8]) -> Result<Option<Target>, HandshakeError> {
    if target.contains(&b'#') {
        return Err(HandshakeError::InvalidRequestTarget);
    }
    if target.starts_with(b"/") {
        return Ok(None);
    }
    let target = core::str::from_utf8(target).map_err(|_| HandshakeError::InvalidRequestTarget)?;
    // "A sender MUST NOT generate the userinfo subcomponent (and its "@" delimiter)" (RFC 9110 section 4.2.4).
    let authority = target.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
    if authority.is_none_or(|authority| authority.contains('@')) {
        return Err(HandshakeError::InvalidRequestTarget);
    }
    Target::parse(target).map(Some).map_err(|_| HandshakeError::InvalidRequestTarget)
}
