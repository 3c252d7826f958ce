use alloc::{borrow::ToOwned, string::String, vec::Vec};

use bytes::Bytes;

use super::acceptance::{Acceptance, Accepted};
use super::authority::Authority;
use super::error::HandshakeError;
use super::extension::Extension;
use super::headers::{Headers, Single};
use super::http::RequestHead;
use super::key::{accept_key, is_key};
use super::limits::Limits;
use super::rejection::Rejection;
use super::request::{InvalidSubprotocol, add_subprotocol};
use super::response::Response;
use super::target::Target;
use crate::time::Instant;

/// A request that waits for its answer: [`accept`](Self::accept) it or [`reject`](Self::reject) it.
///
/// Dropping it answers nothing.
#[derive(Debug)]
#[must_use = "the client waits for an answer"]
pub struct Incoming {
    request: IncomingRequest,
    /// The `Sec-WebSocket-Accept` to answer with; none for an ordinary GET.
    accept: Option<[u8; 28]>,
    leftover: Bytes,
    limits: Limits,
}

/// What a client asks for. Valid HTTP/1.1, with one host and without a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingRequest {
    target: String,
    host: String,
    headers: Headers,
    subprotocols: Vec<String>,
    extensions: Vec<Extension>,
}

impl Incoming {
    /// Checks what is not a matter of policy (RFC 6455 section 4.2.1).
    pub(super) fn new(
        head: RequestHead,
        leftover: Bytes,
        limits: Limits,
    ) -> Result<Self, HandshakeError> {
        // "An HTTP/1.1 or higher GET request".
        if head.method != "GET" {
            return Err(HandshakeError::MethodNotAllowed);
        }
        let headers = head.headers;
        let host = match headers.single("Host") {
            Single::Missing => return Err(HandshakeError::MissingHost),
            Single::Several => return Err(HandshakeError::DuplicateHost),
            Single::One(host) => core::str::from_utf8(host).unwrap_or_default(),
        };
        Authority::parse(host).map_err(|_| HandshakeError::InvalidHost)?;
        // Whoever reads the body as a request of its own is being smuggled one (RFC 9112 section 11.2).
        // A length of zero is none, and real devices send it.
        if headers.contains("Transfer-Encoding")
            || headers.get_all("Content-Length").any(|length| length != b"0")
        {
            return Err(HandshakeError::RequestBody);
        }
        // RFC 9112 section 3.2.2: the host of an absolute target replaces the header's.
        let (target, host) = resolve(&head.target, host)?;
        let mut request = IncomingRequest {
            target,
            host,
            headers,
            subprotocols: Vec::new(),
            extensions: Vec::new(),
        };
        let accept =
            if request.asks_for_websocket() { Some(request.check_upgrade()?) } else { None };
        Ok(Self { request, accept, leftover, limits })
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
        if self.accept.is_some() { None } else { Some(HandshakeError::NotAnUpgrade) }
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
        let key = self.accept.ok_or_else(|| refuse(HandshakeError::NotAnUpgrade))?;
        let (outbox, agreement) = acceptance.answer(&self.request, &key).map_err(refuse)?;
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
        &self.target
    }

    /// The method: always GET.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        "GET"
    }

    /// The path, as it was sent: not decoded, not normalised.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query, without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// Host and port, as the client sees them.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
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

    /// The extensions offered over all lines, the client's favourite first. All are declined for now.
    #[must_use]
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    pub(super) fn offers_subprotocol(&self, name: &str) -> bool {
        self.subprotocols.iter().any(|offered| offered == name)
    }

    /// Whether this means to be an opening handshake, however badly. An `Upgrade` to something else
    /// may be ignored (RFC 9110 section 7.8): curl asks for HTTP/2 that way.
    fn asks_for_websocket(&self) -> bool {
        self.headers.contains("Sec-WebSocket-Key")
            || self.headers.contains_token("Upgrade", "websocket")
    }

    /// RFC 6455 section 4.2.1, items 3 to 8, and the answer to the key.
    fn check_upgrade(&mut self) -> Result<[u8; 28], HandshakeError> {
        let headers = &self.headers;
        if !headers.contains_token("Upgrade", "websocket") {
            return Err(HandshakeError::MissingUpgrade);
        }
        if !headers.contains_token("Connection", "upgrade") {
            return Err(HandshakeError::MissingConnection);
        }
        // Before the key: what another version makes of that header is not ours to judge.
        match headers.single("Sec-WebSocket-Version") {
            Single::One(b"13") => {}
            Single::Several => return Err(HandshakeError::DuplicateVersion),
            Single::One(version) if version.contains(&b',') => {
                return Err(HandshakeError::DuplicateVersion);
            }
            Single::Missing | Single::One(_) => return Err(HandshakeError::UnsupportedVersion),
        }
        let accept = match headers.single("Sec-WebSocket-Key") {
            Single::Missing => return Err(HandshakeError::MissingKey),
            Single::Several => return Err(HandshakeError::DuplicateKey),
            Single::One(key) if !is_key(key) => return Err(HandshakeError::InvalidKey),
            Single::One(key) => accept_key(key),
        };
        for name in headers.list("Sec-WebSocket-Protocol") {
            let name = core::str::from_utf8(name).map_err(|_| InvalidSubprotocol::NotAToken);
            name.and_then(|name| add_subprotocol(&mut self.subprotocols, name))
                .map_err(|_| HandshakeError::InvalidSubprotocol)?;
        }
        self.extensions = Extension::parse_list(headers)?;
        Ok(accept)
    }
}

/// The origin form of a request target, and the host it is asked of (RFC 9112 section 3.2).
fn resolve(target: &str, host: &str) -> Result<(String, String), HandshakeError> {
    if target.contains('#') {
        return Err(HandshakeError::InvalidRequestTarget);
    }
    if target.starts_with('/') {
        return Ok((target.to_owned(), host.to_owned()));
    }
    // "A sender MUST NOT generate the userinfo subcomponent" (RFC 9110 section 4.2.4).
    let absolute = Target::parse(target).ok().filter(|target| target.authorization().is_none());
    let absolute = absolute.ok_or(HandshakeError::InvalidRequestTarget)?;
    Ok((absolute.resource().to_owned(), absolute.host_header()))
}
