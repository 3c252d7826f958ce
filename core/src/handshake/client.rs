use alloc::{string::String, vec::Vec};
use core::{fmt, mem};

use bytes::{Buf, Bytes};

use super::Agreement;
use super::body::Body;
use super::error::HandshakeError;
use super::extension::count_extensions;
use super::headers::{Headers, Single};
use super::http::{ResponseHead, parse_response};
use super::key::{accept_key, generate_key};
use super::limits::Limits;
use super::request::{Request, SubprotocolPolicy};
use super::response::Response;
use super::scan::{HeadReader, StartLine};
use crate::buffer::Outbox;
#[cfg(feature = "deflate")]
use crate::deflate::Deflate;
use crate::endpoint::Endpoint;
use crate::error::TransportFailure;
use crate::rng::Rng;
use crate::time::Instant;

/// The client's side of the opening handshake (RFC 6455 section 4.1).
///
/// Drive it as an [`Endpoint`]; once [`poll_ready`](Endpoint::poll_ready) says so, take the outcome
/// with [`finish`](Self::finish). It ends at the latest at [`Limits::deadline`], whatever the peer does.
///
/// ```text
///   request queued -> interim heads (skipped) -> 101 -> verified -> Opened
///                                             \-> other status -> body, bounded -> Refusal
/// ```
#[derive(Debug)]
pub struct ClientHandshake {
    outbox: Outbox,
    reader: HeadReader,
    state: State,
    offer: Offer,
    deadline: Instant,
    error_body: usize,
    send_failure: Option<TransportFailure>,
    /// The transport took the request, or the beginning of it, and keeps it.
    held_back: bool,
}

#[derive(Debug)]
enum State {
    Head { interim: u8 },
    Body { response: Response, body: Body },
    Open { response: Response, agreement: Agreement },
    Failed(Refusal),
}

/// What the answer is measured against.
#[derive(Debug)]
struct Offer {
    accept: [u8; 28],
    subprotocols: Vec<String>,
    policy: SubprotocolPolicy,
    #[cfg(feature = "deflate")]
    deflate: Option<Deflate>,
}

/// How many interim responses are skipped before the handshake fails.
const MAX_INTERIM: u8 = 8;

/// A successful handshake of a client.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The server's 101.
    pub response: Response,
    /// What was agreed.
    pub agreement: Agreement,
    /// What followed the head: the server's first frames. A server may speak at once.
    pub leftover: Bytes,
}

/// A failed handshake of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// Why it failed.
    pub error: HandshakeError,
    /// The server's response, if its head arrived whole.
    pub response: Option<Response>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for Refusal {}

impl ClientHandshake {
    /// Queues `request` with a fresh key, and gives the server until [`Limits::deadline`] from `now`.
    #[must_use]
    pub fn new(request: &Request, limits: Limits, rng: &mut dyn Rng, now: Instant) -> Self {
        let key = generate_key(rng);
        let mut outbox = Outbox::default();
        request.queue(&key, &mut outbox);
        let accept = accept_key(&key);
        Self {
            outbox,
            reader: HeadReader::new(StartLine::Status, limits),
            state: State::Head { interim: 0 },
            offer: Offer {
                accept,
                subprotocols: request.subprotocols().to_vec(),
                policy: request.policy(),
                #[cfg(feature = "deflate")]
                deflate: request.offered_deflate(),
            },
            deadline: now.saturating_add(limits.deadline),
            error_body: limits.error_body,
            send_failure: None,
            held_back: false,
        }
    }

    /// The outcome.
    ///
    /// # Errors
    ///
    /// A [`Refusal`]; its error is [`HandshakeError::Declined`] if the server was in order and did
    /// not want to, and [`HandshakeError::Incomplete`] if the outcome is not known yet.
    pub fn finish(self) -> Result<Opened, Refusal> {
        let is_sent = self.is_sent();
        match self.state {
            State::Open { response, agreement } if is_sent => {
                Ok(Opened { response, agreement, leftover: self.reader.into_rest() })
            }
            State::Failed(refusal) => Err(refusal),
            State::Head { .. } | State::Body { .. } | State::Open { .. } => {
                Err(Refusal { error: HandshakeError::Incomplete, response: None })
            }
        }
    }

    /// A server that answers before it has the whole request must not get frames in the midst of it.
    fn is_sent(&self) -> bool {
        !self.outbox.has_remaining() && !self.held_back
    }

    fn fail(&mut self, error: HandshakeError, response: Option<Response>) {
        self.state = State::Failed(Refusal { error, response });
        self.outbox.clear();
        self.reader.clear();
        self.reader.release();
    }

    /// Goes as far as what has arrived allows.
    fn advance(&mut self) {
        if matches!(self.state, State::Head { .. })
            && let Err(error) = self.read_heads()
        {
            self.fail(error, None);
        }
        if let State::Body { body, .. } = &mut self.state {
            body.feed(self.reader.rest());
            self.reader.clear();
            if body.is_done() {
                self.decline();
            }
        }
    }

    fn read_heads(&mut self) -> Result<(), HandshakeError> {
        while let State::Head { interim } = self.state
            && self.reader.scan()?
        {
            let mut head = self.reader.take_head();
            let response = parse_response(&mut head)?;
            match response.status {
                101 => self.verify(&response, head.headers),
                100..=199 => {
                    // RFC 9110 section 15.2: "A client MUST be able to parse one or more 1xx responses
                    // received prior to a final response".
                    if interim == MAX_INTERIM {
                        return Err(HandshakeError::TooManyInterim);
                    }
                    self.state = State::Head { interim: interim.saturating_add(1) };
                }
                status => {
                    let body = Body::new(status, &head.headers, self.error_body);
                    let response = Response::received(status, head.headers);
                    self.state = State::Body { response, body };
                }
            }
        }
        Ok(())
    }

    fn verify(&mut self, head: &ResponseHead, headers: Headers) {
        let verdict = self.offer.verify(head, &headers);
        // A 101 has no body, whatever its headers say (RFC 9112 section 6.3): frames follow.
        let response = Response::received(head.status, headers);
        match (verdict, self.send_failure) {
            (Ok(agreement), None) => self.state = State::Open { response, agreement },
            (Ok(_), Some(failure)) => self.fail(HandshakeError::Transport(failure), Some(response)),
            (Err(error), _) => self.fail(error, Some(response)),
        }
    }

    /// The body is over, or will not be waited for: report the status.
    fn decline(&mut self) {
        match mem::replace(&mut self.state, State::Head { interim: 0 }) {
            State::Body { response, body } => {
                let error = HandshakeError::Declined(response.status());
                let truncated = body.is_truncated();
                self.fail(error, Some(response.with_body(body.into_bytes(), truncated)));
            }
            state @ (State::Head { .. } | State::Open { .. } | State::Failed(_)) => {
                self.state = state
            }
        }
    }

    /// Nothing more will arrive, or it will not be waited for. The body may be complete nonetheless.
    fn end(&mut self, error: HandshakeError, orderly: bool) {
        let is_sent = self.is_sent();
        match &mut self.state {
            State::Head { .. } => self.fail(error, None),
            State::Body { body, .. } => {
                body.end(orderly);
                self.decline();
            }
            // Nobody else would hear of it: the connection begins when the request has left.
            State::Open { .. } if !is_sent => self.end_sending(error),
            State::Open { .. } | State::Failed(_) => {}
        }
    }

    /// The transport failed or time ran out before the whole request had left.
    fn end_sending(&mut self, error: HandshakeError) {
        if let State::Open { response, .. } = &self.state {
            let response = response.clone();
            self.fail(error, Some(response));
        }
    }
}

impl Offer {
    /// RFC 6455 section 4.1, from "Once the client's opening handshake has been sent".
    fn verify(&self, head: &ResponseHead, headers: &Headers) -> Result<Agreement, HandshakeError> {
        let known = &head.known;
        if !head.is_http_1_1 {
            return Err(HandshakeError::UnsupportedHttpVersion);
        }
        if !headers.has_word(known.upgrade, b"websocket") {
            return Err(HandshakeError::MissingUpgrade);
        }
        if !headers.has_word(known.connection, b"upgrade") {
            return Err(HandshakeError::MissingConnection);
        }
        match headers.single(known.accept) {
            Single::Missing => return Err(HandshakeError::MissingAccept),
            Single::Several => return Err(HandshakeError::DuplicateAccept),
            Single::One(accept) if accept != self.accept => {
                return Err(HandshakeError::WrongAccept);
            }
            Single::One(_) => {}
        }
        let extensions = headers.values_of(known.extensions);
        #[cfg(feature = "deflate")]
        let deflate = match &self.deflate {
            Some(own) => super::deflate::verify(own, extensions)?,
            None => {
                expect_no_extension(extensions)?;
                None
            }
        };
        #[cfg(not(feature = "deflate"))]
        expect_no_extension(extensions)?;
        let subprotocol = match headers.single(known.protocol) {
            Single::Missing
                if self.policy == SubprotocolPolicy::Whatwg && !self.subprotocols.is_empty() =>
            {
                return Err(HandshakeError::MissingSubprotocol);
            }
            Single::Missing => None,
            Single::Several => return Err(HandshakeError::DuplicateSubprotocol),
            Single::One(chosen) => {
                let offered = self.subprotocols.iter().find(|offered| offered.as_bytes() == chosen);
                Some(offered.ok_or(HandshakeError::UnexpectedSubprotocol)?.clone())
            }
        };
        Ok(Agreement {
            subprotocol,
            #[cfg(feature = "deflate")]
            deflate,
        })
    }
}

/// "indicates an extension that was not present in the client's handshake" (RFC 6455 section 4.1).
fn expect_no_extension<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<(), HandshakeError> {
    if count_extensions(lines)? > 0 { Err(HandshakeError::UnexpectedExtension) } else { Ok(()) }
}

impl Endpoint for ClientHandshake {
    fn recv_buffer(&mut self) -> &mut [u8] {
        match self.state {
            State::Head { .. } | State::Body { .. } => self.reader.spare(),
            State::Open { .. } | State::Failed(_) => &mut [],
        }
    }

    fn received(&mut self, _now: Instant, n: usize) {
        if matches!(self.state, State::Head { .. } | State::Body { .. }) {
            self.reader.advance(n);
            self.advance();
        }
    }

    fn received_eof(&mut self, _now: Instant) {
        let error =
            self.send_failure.map_or(HandshakeError::UnexpectedEof, HandshakeError::Transport);
        self.end(error, true);
    }

    fn receive_failed(&mut self, _now: Instant, failure: TransportFailure) {
        self.end(HandshakeError::Transport(failure), false);
    }

    fn send_buffer(&mut self) -> &Outbox {
        &self.outbox
    }

    fn sent(&mut self, _now: Instant, n: usize) {
        self.outbox.advance(n);
    }

    fn held_back(&mut self, _now: Instant, held: bool) {
        self.held_back = held;
    }

    /// A server may decline before it has read the whole request: its answer is still waited for.
    fn send_failed(&mut self, _now: Instant, failure: TransportFailure) {
        if !self.is_sent() {
            self.send_failure = Some(failure);
            self.end_sending(HandshakeError::Transport(failure));
            self.outbox.clear();
            self.held_back = false;
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Failed(_) => None,
            State::Open { .. } if self.is_sent() => None,
            State::Head { .. } | State::Body { .. } | State::Open { .. } => Some(self.deadline),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.end_sending(HandshakeError::TimedOut);
            self.end(HandshakeError::TimedOut, false);
        }
    }

    fn poll_ready(&mut self) -> bool {
        match self.state {
            State::Failed(_) => true,
            State::Open { .. } => self.is_sent(),
            State::Head { .. } | State::Body { .. } => false,
        }
    }

    fn is_send_finished(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }

    fn is_finished(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }

    fn release_buffers(&mut self) {
        self.reader.release();
    }
}
