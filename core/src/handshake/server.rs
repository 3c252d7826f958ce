use super::error::HandshakeError;
use super::http::parse_request;
use super::incoming::Incoming;
use super::limits::Limits;
use super::rejection::Rejection;
use super::scan::{HeadReader, StartLine};
use crate::buffer::Outbox;
use crate::endpoint::Endpoint;
use crate::error::TransportFailure;
use crate::time::Instant;

/// The server's side of the opening handshake, as far as the request (RFC 6455 section 4.2.1).
///
/// Drive it as an [`Endpoint`]; once [`poll_ready`](Endpoint::poll_ready) says so, take what came of
/// it with [`request`](Self::request). That is at the latest at [`Limits::deadline`].
#[derive(Debug)]
pub struct ServerHandshake {
    /// Always empty: what is sent belongs to what follows.
    outbox: Outbox,
    reader: HeadReader,
    state: State,
    deadline: Instant,
    limits: Limits,
    /// Whether the request is a HEAD, so that no content may answer it (RFC 9110 section 9.3.2). Known before
    /// the rest of it is.
    head_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    Complete,
    Failed(HandshakeError),
}

impl ServerHandshake {
    /// Waits for a request until [`Limits::deadline`] from `now`.
    #[must_use]
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self {
            outbox: Outbox::default(),
            reader: HeadReader::new(StartLine::Request, limits),
            state: State::Reading,
            deadline: now.saturating_add(limits.deadline),
            limits,
            head_only: false,
        }
    }

    /// The request: one that asks for a WebSocket, or an ordinary GET.
    ///
    /// # Errors
    ///
    /// A [`Rejection`] that has to be driven to its end, if the request was neither: it holds the
    /// answer. Before the handshake is ready its error is [`HandshakeError::Incomplete`].
    pub fn request(mut self, now: Instant) -> Result<Incoming, Rejection> {
        let limits = self.limits;
        let error = match self.state {
            State::Reading => HandshakeError::Incomplete,
            State::Failed(error) => error,
            State::Complete => {
                self.note_method();
                let mut head = self.reader.take_head();
                let request = parse_request(&mut head);
                let leftover = self.reader.into_rest();
                let incoming = request
                    .and_then(|request| Incoming::new(&request, head.headers, leftover, limits));
                match incoming {
                    Ok(incoming) => return Ok(incoming),
                    Err(error) => error,
                }
            }
        };
        Err(Rejection::new(error, limits, self.head_only, now))
    }

    fn note_method(&mut self) {
        self.head_only = self.reader.begins_with(b"HEAD ");
    }

    fn fail(&mut self, error: HandshakeError) {
        if self.state == State::Reading {
            self.state = State::Failed(error);
            self.note_method();
            self.reader.clear();
            self.reader.release();
        }
    }

    /// Whether the transport has gone, and nobody can be answered.
    const fn is_gone(&self) -> bool {
        matches!(
            self.state,
            State::Failed(HandshakeError::UnexpectedEof | HandshakeError::Transport(_))
        )
    }
}

impl Endpoint for ServerHandshake {
    /// Empty once the head is complete: what follows is for the next layer.
    fn recv_buffer(&mut self) -> &mut [u8] {
        match self.state {
            State::Reading => self.reader.spare(),
            State::Complete | State::Failed(_) => &mut [],
        }
    }

    fn received(&mut self, _now: Instant, n: usize) {
        if self.state == State::Reading {
            self.reader.advance(n);
            match self.reader.scan() {
                Ok(true) => self.state = State::Complete,
                Ok(false) => {}
                Err(error) => self.fail(error),
            }
        }
    }

    fn received_eof(&mut self, _now: Instant) {
        self.fail(HandshakeError::UnexpectedEof);
    }

    fn receive_failed(&mut self, _now: Instant, failure: TransportFailure) {
        self.fail(HandshakeError::Transport(failure));
    }

    fn send_buffer(&mut self) -> &Outbox {
        &self.outbox
    }

    fn sent(&mut self, _now: Instant, _n: usize) {}

    fn send_failed(&mut self, _now: Instant, failure: TransportFailure) {
        self.fail(HandshakeError::Transport(failure));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (self.state == State::Reading).then_some(self.deadline)
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.deadline <= now {
            self.fail(HandshakeError::TimedOut);
        }
    }

    fn poll_ready(&mut self) -> bool {
        self.state != State::Reading
    }

    fn is_send_finished(&self) -> bool {
        self.is_gone()
    }

    fn is_finished(&self) -> bool {
        self.is_gone()
    }

    fn release_buffers(&mut self) {
        self.reader.release();
    }
}
