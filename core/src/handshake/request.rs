use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;

use super::authority::Authority;
use super::classes::is_token;
use super::headers::{Headers, InvalidHeader, is_reserved, write_line};
use super::target::{InvalidTarget, Target};
use crate::buffer::Outbox;
#[cfg(feature = "deflate")]
use crate::deflate::Deflate;

/// A client's opening handshake (RFC 6455 section 4.1), apart from its key: that is new each time.
///
/// ```
/// # use longwire::handshake::{InvalidRequest, Request};
/// let request = Request::parse("wss://example.com/chat")?
///     .subprotocol("chat.v2")?
///     .header("Cookie", "session=f00")?;
/// # Ok::<(), InvalidRequest>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    target: Target,
    host: Option<String>,
    headers: Headers,
    subprotocols: Vec<String>,
    policy: SubprotocolPolicy,
    #[cfg(feature = "deflate")]
    deflate: Option<Deflate>,
}

/// What a client makes of a server that chooses none of the subprotocols offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SubprotocolPolicy {
    /// It is connected, without a subprotocol (RFC 6455 section 4.1).
    #[default]
    Rfc,
    /// It fails the connection, as browsers do (WHATWG WebSockets).
    Whatwg,
}

impl Request {
    /// A request for `target`.
    #[must_use]
    pub const fn new(target: Target) -> Self {
        Self {
            target,
            host: None,
            headers: Headers::new(),
            subprotocols: Vec::new(),
            policy: SubprotocolPolicy::Rfc,
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }

    /// A request for a URI: see [`Target::parse`].
    ///
    /// # Errors
    ///
    /// [`InvalidRequest::Target`].
    pub fn parse(uri: &str) -> Result<Self, InvalidRequest> {
        Ok(Self::new(Target::parse(uri)?))
    }

    /// The same, with one more header. `Host` takes the place of the target's; an `Authorization`
    /// takes the place of the one from user information.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest::Header`]: also for a second `Host`, and for `Upgrade`, `Connection`,
    /// `Sec-WebSocket-*`, `Content-Length` and `Transfer-Encoding`, which are never the caller's.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, InvalidRequest> {
        if is_reserved(name) {
            return Err(InvalidHeader::Reserved.into());
        }
        if !name.eq_ignore_ascii_case("Host") {
            self.headers.append(name, value)?;
            return Ok(self);
        }
        if self.host.is_some() {
            return Err(InvalidHeader::Duplicate.into());
        }
        let host = core::str::from_utf8(value.as_ref())
            .ok()
            .filter(|host| Authority::parse(host.as_bytes()).is_ok());
        self.host = Some(host.ok_or(InvalidHeader::Value)?.to_owned());
        Ok(self)
    }

    /// The same, offering one more subprotocol, less preferred than those before.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest::Subprotocol`] (RFC 6455 section 4.1, item 10).
    pub fn subprotocol(mut self, name: &str) -> Result<Self, InvalidRequest> {
        add_subprotocol(&mut self.subprotocols, name)?;
        Ok(self)
    }

    /// The same, with another policy for a server that chooses no subprotocol.
    #[must_use]
    pub fn subprotocol_policy(self, policy: SubprotocolPolicy) -> Self {
        Self { policy, ..self }
    }

    /// The same, offering permessage-deflate (RFC 7692 section 7.1), in one offer:
    ///
    /// - `server_no_context_takeover`, and a `server_max_window_bits` of less than 15, are demands: a
    ///   server that cannot grant them has to decline the extension.
    /// - `client_no_context_takeover` and `client_max_window_bits` are kept to by this end in any case;
    ///   the server may ask for less.
    ///
    /// What came of it is in [`Agreement::deflate`](super::Agreement::deflate).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(self, deflate: Deflate) -> Self {
        Self { deflate: Some(deflate), ..self }
    }

    /// Where it goes.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// The additional headers, without `Host`.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The subprotocols offered, the most preferred first.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.subprotocols
    }

    pub(super) const fn policy(&self) -> SubprotocolPolicy {
        self.policy
    }

    #[cfg(feature = "deflate")]
    pub(super) const fn offered_deflate(&self) -> Option<Deflate> {
        self.deflate
    }

    /// Queues the head. `Host` comes first and names are spelled as in the RFC: some servers insist.
    pub(super) fn queue(&self, key: &[u8], out: &mut Outbox) {
        for part in ["GET ", self.target.resource(), " HTTP/1.1\r\nHost: "] {
            out.copy(part.as_bytes());
        }
        match &self.host {
            Some(host) => out.copy(host.as_bytes()),
            None => self.target.write_host(|part| out.copy(part.as_bytes())),
        }
        out.copy(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ");
        out.copy(key);
        out.copy(b"\r\nSec-WebSocket-Version: 13\r\n");
        let mut separator = "Sec-WebSocket-Protocol: ";
        for name in &self.subprotocols {
            out.copy(separator.as_bytes());
            out.copy(name.as_bytes());
            separator = ", ";
        }
        if !self.subprotocols.is_empty() {
            out.copy(b"\r\n");
        }
        #[cfg(feature = "deflate")]
        if let Some(own) = &self.deflate {
            super::deflate::offer(own).write(out);
        }
        if let Some(credentials) =
            self.target.authorization().filter(|_| !self.headers.contains("Authorization"))
        {
            write_line(out, b"Authorization", credentials.as_bytes());
        }
        self.headers.write(out);
        out.copy(b"\r\n");
    }
}

/// Adds a subprotocol to a list without duplicates.
pub(super) fn add_subprotocol(
    list: &mut Vec<String>,
    name: &str,
) -> Result<(), InvalidSubprotocol> {
    if !is_token(name.as_bytes()) {
        return Err(InvalidSubprotocol::NotAToken);
    }
    if list.iter().any(|other| other == name) {
        return Err(InvalidSubprotocol::Duplicate);
    }
    list.push(name.to_owned());
    Ok(())
}

/// Why a subprotocol was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidSubprotocol {
    /// The name is not a token (RFC 6455 section 4.1, item 10).
    NotAToken,
    /// The name is already in the list (RFC 6455 section 4.1, item 10).
    Duplicate,
}

impl fmt::Display for InvalidSubprotocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAToken => {
                "the subprotocol is not a token (RFC 6455, 4.1): use letters, digits, '-' and '.'"
            }
            Self::Duplicate => {
                "the subprotocol is already in the list (RFC 6455, 4.1): name it once"
            }
        })
    }
}

impl core::error::Error for InvalidSubprotocol {}

/// Why a client's request was refused before it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The URI.
    Target(InvalidTarget),
    /// A header.
    Header(InvalidHeader),
    /// A subprotocol.
    Subprotocol(InvalidSubprotocol),
}

impl From<InvalidTarget> for InvalidRequest {
    fn from(invalid: InvalidTarget) -> Self {
        Self::Target(invalid)
    }
}

impl From<InvalidHeader> for InvalidRequest {
    fn from(invalid: InvalidHeader) -> Self {
        Self::Header(invalid)
    }
}

impl From<InvalidSubprotocol> for InvalidRequest {
    fn from(invalid: InvalidSubprotocol) -> Self {
        Self::Subprotocol(invalid)
    }
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(invalid) => invalid.fmt(f),
            Self::Header(invalid) => invalid.fmt(f),
            Self::Subprotocol(invalid) => invalid.fmt(f),
        }
    }
}

impl core::error::Error for InvalidRequest {}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Buf;

    const KEY: &[u8] = b"dGhlIHNhbXBsZSBub25jZQ==";

    fn request(uri: &str) -> Request {
        Request::parse(uri).unwrap()
    }

    fn wire(request: &Request) -> String {
        let mut outbox = Outbox::default();
        request.queue(KEY, &mut outbox);
        String::from_utf8(outbox.chunk().to_vec()).unwrap()
    }

    #[test]
    fn h22_the_request_is_spelled_as_in_the_rfc_and_host_comes_first() {
        let r = request("ws://u:p@server.example.com:8000/chat?x=1").subprotocol("chat").unwrap();
        let r = r.subprotocol("superchat").unwrap().header("Origin", "http://example.com").unwrap();
        let r = r.header("Cookie", "a=1").unwrap().header("Cookie", "b=2").unwrap();
        let expected = "GET /chat?x=1 HTTP/1.1\r\n\
            Host: server.example.com:8000\r\n\
            Upgrade: websocket\r\n\
            Connection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            Sec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Protocol: chat, superchat\r\n\
            Authorization: Basic dTpw\r\n\
            Origin: http://example.com\r\n\
            Cookie: a=1\r\n\
            Cookie: b=2\r\n\r\n";
        assert_eq!(wire(&r), expected);
    }

    #[test]
    fn h15_headers_of_the_handshake_itself_are_reserved() {
        let reserved = [
            "upgrade",
            "CONNECTION",
            "Sec-WebSocket-Key",
            "sec-websocket-foo",
            "Content-Length",
            "Transfer-Encoding",
        ];
        for name in reserved {
            assert_eq!(
                request("ws://a").header(name, "x"),
                Err(InvalidHeader::Reserved.into()),
                "{name}"
            );
        }
        assert_eq!(request("ws://a").header("X", "a\r\nb: c"), Err(InvalidHeader::Value.into()));
        assert_eq!(request("ws://a").header("X\r\n", "a"), Err(InvalidHeader::Name.into()));
    }

    #[test]
    fn h14_host_may_be_overridden_once() {
        let r = request("ws://127.0.0.1:9000").header("host", "example.com").unwrap();
        assert!(wire(&r).starts_with("GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade"));
        assert_eq!(r.header("Host", "b"), Err(InvalidHeader::Duplicate.into()));
        for bad in ["", "a b", "u@a", "a/b", "a:x"] {
            assert_eq!(
                request("ws://a").header("Host", bad),
                Err(InvalidHeader::Value.into()),
                "{bad}"
            );
        }
    }

    #[test]
    fn h14_an_authorization_replaces_the_one_from_user_information() {
        let r = request("ws://u:p@a").header("authorization", "Bearer x").unwrap();
        let head = wire(&r);
        assert!(head.contains("authorization: Bearer x\r\n") && !head.contains("Basic"));
    }

    #[test]
    fn h5_offered_subprotocols_are_distinct_tokens() {
        let r = request("ws://a").subprotocol("v1.chat").unwrap();
        assert_eq!(r.clone().subprotocol("v1.chat"), Err(InvalidSubprotocol::Duplicate.into()));
        for bad in ["", "a b", "a,b", "a\r\nb", "a/b", "\u{e9}", "\"a\""] {
            assert_eq!(
                r.clone().subprotocol(bad),
                Err(InvalidSubprotocol::NotAToken.into()),
                "{bad:?}"
            );
        }
        assert_eq!(r.subprotocol("V1.CHAT").unwrap().subprotocols().len(), 2, "case matters");
    }
}
