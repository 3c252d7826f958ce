use alloc::{format, string::ToString, vec::Vec};
use core::fmt;

use bytes::Bytes;

use super::error::HandshakeError;
use super::headers::{Headers, InvalidHeader, is_reserved, write_line};
use super::request::InvalidSubprotocol;
use crate::buffer::Outbox;
use crate::time::Duration;

/// An HTTP response: what a client got, or what a server answers instead of a WebSocket.
///
/// A server writes `Connection: close` and `Content-Length` itself. It need not be a refusal: a port
/// that serves WebSockets can answer an ordinary GET with a page.
///
/// ```
/// # use longwire::handshake::{InvalidResponse, Response};
/// let page = Response::new(200)?.header("Content-Type", "text/html")?.body("<h1>Hello</h1>");
/// let busy = Response::new(503)?.header("Retry-After", "5")?;
/// # Ok::<(), InvalidResponse>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Headers,
    body: Bytes,
    body_truncated: bool,
}

impl Response {
    /// An answer with this status, without headers and body.
    ///
    /// # Errors
    ///
    /// [`InvalidResponse::Status`], if it is not from 200 to 599: a server upgrades by
    /// [`accept`](super::Incoming::accept), and sends no interim responses.
    pub fn new(status: u16) -> Result<Self, InvalidResponse> {
        if !matches!(status, 200..=599) {
            return Err(InvalidResponse::Status);
        }
        Ok(Self::with_status(status))
    }

    /// The same, with one more header.
    ///
    /// # Errors
    ///
    /// [`InvalidResponse::Header`], also for headers that are written by themselves: `Connection`,
    /// `Content-Length`, `Transfer-Encoding`, and `Sec-WebSocket-*` other than `-Version`.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, InvalidResponse> {
        let free =
            ["Upgrade", "Sec-WebSocket-Version"].iter().any(|free| free.eq_ignore_ascii_case(name));
        if is_reserved(name) && !free {
            return Err(InvalidHeader::Reserved.into());
        }
        self.headers.append(name, value)?;
        Ok(self)
    }

    /// The same, with this body. It is left out where the status, or the method, allows none.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Bytes::from(body.into()), ..self }
    }

    /// The status code (RFC 9110 section 15).
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The body: at most [`Limits::error_body`](super::Limits) bytes of one that was received, and
    /// empty for 101.
    #[must_use]
    pub const fn body_bytes(&self) -> &Bytes {
        &self.body
    }

    /// Whether the body received was longer than what was kept, or did not arrive whole.
    #[must_use]
    pub const fn body_truncated(&self) -> bool {
        self.body_truncated
    }

    /// How long to wait before the next attempt, if `Retry-After` says so in seconds (RFC 9110
    /// section 10.2.3). A date needs a clock: it is in the [`headers`](Self::headers).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.headers.get_str("Retry-After")?;
        if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)))
    }

    /// The first challenge of a 401 (RFC 9110 section 11.6.1). More may be in the [`headers`](Self::headers).
    #[must_use]
    pub fn www_authenticate(&self) -> Option<&str> {
        self.headers.get_str("WWW-Authenticate")
    }

    /// The versions of the protocol that the server speaks, as it says in a 426 (RFC 6455 section 4.4).
    pub fn supported_versions(&self) -> impl Iterator<Item = u8> {
        let elements = self.headers.list("Sec-WebSocket-Version");
        elements.filter_map(|element| core::str::from_utf8(element).ok()?.parse().ok())
    }

    /// What was received, without a body yet.
    pub(super) fn received(status: u16, headers: Headers) -> Self {
        Self { headers, ..Self::with_status(status) }
    }

    pub(super) fn with_body(self, body: Vec<u8>, truncated: bool) -> Self {
        Self { body: Bytes::from(body), body_truncated: truncated, ..self }
    }

    /// The answer to an error, if there is one: a sentence, and what the status asks for.
    pub(super) fn to_error(error: HandshakeError) -> Option<Self> {
        let mut response = Self::with_status(error.status()?);
        response.headers.push(b"Content-Type", b"text/plain; charset=utf-8");
        match response.status {
            // RFC 9110 section 15.5.6: "The origin server MUST generate an Allow header field".
            405 => response.headers.push(b"Allow", b"GET"),
            // RFC 6455 section 4.4, and RFC 9110 section 15.5.22: "MUST send an Upgrade header field".
            426 => {
                response.headers.push(b"Upgrade", b"websocket");
                response.headers.push(b"Sec-WebSocket-Version", b"13");
            }
            _ => {}
        }
        Some(response.body(format!("{error}\n")))
    }

    /// Queues the response. `head_only` leaves out the body, as the answer to a HEAD must.
    pub(super) fn queue(&self, outbox: &mut Outbox, head_only: bool) {
        write_status_line(outbox, self.status);
        // RFC 9110 section 7.8: "A sender of Upgrade MUST also send an 'Upgrade' connection option".
        let connection: &[u8] =
            if self.headers.contains("Upgrade") { b"close, Upgrade" } else { b"close" };
        write_line(outbox, b"Connection", connection);
        // RFC 9110 section 8.6: no Content-Length in a 204, and none that lies in a 304. Section 15.3.6: no
        // content in a 205, and that is said.
        let bodiless = matches!(self.status, 204 | 205 | 304);
        let len = match self.status {
            204 | 304 => None,
            205 => Some(0),
            _ => Some(self.body.len()),
        };
        if let Some(len) = len {
            write_line(outbox, b"Content-Length", len.to_string().as_bytes());
        }
        self.headers.write(outbox);
        outbox.copy(b"\r\n");
        if bodiless || head_only {
        } else if self.body.len() > Outbox::COALESCE {
            outbox.push(self.body.clone());
        } else {
            outbox.copy(&self.body);
        }
    }

    fn with_status(status: u16) -> Self {
        Self { status, headers: Headers::new(), body: Bytes::new(), body_truncated: false }
    }
}

/// Queues a status line.
fn write_status_line(out: &mut Outbox, status: u16) {
    for part in ["HTTP/1.1 ", &status.to_string(), " ", reason(status), "\r\n"] {
        out.copy(part.as_bytes());
    }
}

/// RFC 9110 section 15. A phrase may be empty.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

/// Why an answer of a server was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidResponse {
    /// The status is not from 200 to 599 (RFC 9110 section 15).
    Status,
    /// A header.
    Header(InvalidHeader),
    /// A subprotocol.
    Subprotocol(InvalidSubprotocol),
}

impl From<InvalidHeader> for InvalidResponse {
    fn from(invalid: InvalidHeader) -> Self {
        Self::Header(invalid)
    }
}

impl From<InvalidSubprotocol> for InvalidResponse {
    fn from(invalid: InvalidSubprotocol) -> Self {
        Self::Subprotocol(invalid)
    }
}

impl fmt::Display for InvalidResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => {
                f.write_str("the status is not from 200 to 599 (RFC 9110, 15): use a final one")
            }
            Self::Header(invalid) => invalid.fmt(f),
            Self::Subprotocol(invalid) => invalid.fmt(f),
        }
    }
}

impl core::error::Error for InvalidResponse {}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Buf;

    fn wire(response: &Response, head_only: bool) -> Vec<u8> {
        let mut outbox = Outbox::default();
        response.queue(&mut outbox, head_only);
        outbox.copy_to_bytes(outbox.remaining()).into()
    }

    #[test]
    fn h20_an_answer_says_how_long_it_is_and_that_it_is_the_last() {
        let page =
            Response::new(200).unwrap().header("Content-Type", "text/html").unwrap().body("<p>");
        let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\nContent-Type: text/html\r\n\r\n";
        assert_eq!(wire(&page, false), [&head[..], b"<p>"].concat());
        assert_eq!(wire(&page, true), head);
        let large = page.body([b'x'; 100_000]);
        assert!(wire(&large, false).ends_with(&[b'x'; 100_000]));
        let none = Response::new(204).unwrap().body("x");
        assert_eq!(wire(&none, false), b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    }

    #[test]
    fn h20_errors_are_answered_with_what_their_status_asks_for() {
        let not_allowed = Response::to_error(HandshakeError::MethodNotAllowed).unwrap();
        assert_eq!(
            (not_allowed.status(), not_allowed.headers().get_str("Allow")),
            (405, Some("GET"))
        );
        let required = Response::to_error(HandshakeError::UnsupportedVersion).unwrap();
        assert_eq!(required.headers().get_str("Upgrade"), Some("websocket"));
        assert_eq!(required.supported_versions().collect::<Vec<_>>(), [13]);
        assert!(
            wire(&required, false)
                .starts_with(b"HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\n")
        );
        assert!(required.body_bytes().ends_with(b"(RFC 6455, 4.2.1 and 4.4): use version 13\n"));
        assert_eq!(Response::to_error(HandshakeError::UnexpectedEof), None);
    }

    #[test]
    fn h15_answers_refuse_what_they_must_not_carry() {
        let answer = || Response::new(400).unwrap();
        for status in [0, 99, 100, 101, 199, 600, 999] {
            assert_eq!(Response::new(status), Err(InvalidResponse::Status));
        }
        for name in ["connection", "Content-Length", "Transfer-Encoding", "Sec-WebSocket-Accept"] {
            assert_eq!(answer().header(name, "x"), Err(InvalidHeader::Reserved.into()));
        }
        assert_eq!(answer().header("X", "a\r\nb"), Err(InvalidHeader::Value.into()));
        assert!(answer().header("Upgrade", "websocket").is_ok());
    }

    #[test]
    fn h16_retry_after_is_read_in_seconds() {
        let after = |value: &str| {
            Response::new(503).unwrap().header("Retry-After", value).unwrap().retry_after()
        };
        assert_eq!(after("120"), Some(Duration::from_secs(120)));
        assert_eq!(after("99999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(
            (after("Fri, 31 Dec 1999 23:59:59 GMT"), after("-1"), after("")),
            (None, None, None)
        );
        assert_eq!(Response::new(503).unwrap().retry_after(), None);
    }

    #[test]
    fn h4_the_versions_of_a_426_are_read_over_all_lines() {
        let r = Response::new(426).unwrap().header("Sec-WebSocket-Version", "13, 8").unwrap();
        let r = r.header("Sec-WebSocket-Version", "7,x").unwrap();
        assert_eq!(r.supported_versions().collect::<Vec<_>>(), [13, 8, 7]);
    }
}
