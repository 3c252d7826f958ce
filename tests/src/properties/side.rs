//! A connection, and beside it what must be true of it.

use bytes::Buf;
use longwire::buffer::Stage;
use longwire::connection::{Event, Piece};
use longwire::deflate::Deflate;
use longwire::error::TransportFailure;
use longwire::time::Duration;
use longwire::{
    CloseCode, Closed, Config, Connection, ConnectionError, DataKind, Endpoint, Instant, SendError,
    State,
};

use super::payloads::{message, payload};
use super::source;
use super::wire::{Compression, Transcript, is_subsequence, opcode};

/// A message that a connection accepted, as far as it was handed over.
#[derive(Debug)]
struct Accepted {
    opcode: u8,
    payload: Vec<u8>,
}

/// One end under test. Every command and every call of the world goes through it.
pub(super) struct Side {
    pub(super) connection: Connection,
    pub(super) stage: Stage,
    masked: bool,
    compression: Option<Compression>,
    pub(super) now: Instant,
    /// Every byte the transport took.
    pub(super) wire: Vec<u8>,
    accepted: Vec<Accepted>,
    /// The message being sent in fragments.
    open: Option<usize>,
    sent_count: usize,
    /// The longest message accepted.
    longest: usize,
    pub(super) received: Vec<(u8, Vec<u8>)>,
    piece: Option<(u8, Vec<u8>)>,
    pub(super) pings: Vec<Vec<u8>>,
    pub(super) errors: Vec<ConnectionError>,
    pub(super) closed: Option<Closed>,
    state: State,
    /// Bytes that arrived since the last whole message was taken.
    arrived: usize,
    /// The most bytes that waited to be sent at once.
    most_buffered: usize,
    /// No more will be received.
    pub(super) ended: bool,
    pub(super) aborted: bool,
}

/// What a connection may hold beyond twice what it was given.
const SLACK: usize = (64 << 10) * 4;

/// With compression: its contexts, and what a message grows by.
const COMPRESSION_SLACK: usize = 2 << 20;

impl Side {
    pub(super) fn new(side: source::Side, config: Config, seed: u64) -> Self {
        Self {
            connection: Connection::new(side.role(seed), config, Instant::EPOCH),
            stage: Stage::new(),
            masked: side == source::Side::Client,
            compression: None,
            now: Instant::EPOCH,
            wire: Vec::new(),
            accepted: Vec::new(),
            open: None,
            sent_count: 0,
            longest: 0,
            received: Vec::new(),
            piece: None,
            pings: Vec::new(),
            errors: Vec::new(),
            closed: None,
            state: State::Open,
            arrived: 0,
            most_buffered: 0,
            ended: false,
            aborted: false,
        }
    }

    /// The same, with what was agreed on compression.
    pub(super) fn with_deflate(mut self, deflate: &Deflate) -> Self {
        self.connection = self.connection.with_deflate(deflate);
        let (window, forgets) = if self.masked {
            (deflate.client_max_window_bits, deflate.client_no_context_takeover)
        } else {
            (deflate.server_max_window_bits, deflate.server_no_context_takeover)
        };
        self.compression = Some(Compression { window: window.bytes(), takeover: !forgets });
        self
    }

    // Commands.

    pub(super) fn send(&mut self, kind: DataKind, len: usize) {
        self.sent_count += 1;
        let bytes = payload(kind, self.sent_count, len);
        self.longest = self.longest.max(len);
        match self.connection.send(message(kind, bytes.clone())) {
            Ok(()) => self.accepted.push(Accepted { opcode: opcode(kind), payload: bytes }),
            Err(error) => {
                let full = error.kind() == SendError::Full(());
                assert!(full || error.kind() == SendError::Closed(()));
                assert_eq!(full, self.state == State::Open, "{error:?}");
                assert_eq!(error.into_inner().as_bytes(), bytes, "it is given back");
            }
        }
    }

    /// The next part of the message in fragments, which is begun if there is none.
    pub(super) fn fragment(&mut self, kind: DataKind, len: usize, last: bool) {
        let at = match self.open {
            Some(at) => at,
            None => match self.connection.fragments(kind) {
                Ok(writer) => {
                    writer.pause();
                    self.sent_count += 1;
                    self.accepted.push(Accepted { opcode: opcode(kind), payload: Vec::new() });
                    self.accepted.len() - 1
                }
                Err(error) => {
                    assert_eq!(error, SendError::Closed(()));
                    assert_ne!(self.state, State::Open);
                    return;
                }
            },
        };
        // Of text, only whole characters: the pieces must be text together.
        let kind = if self.accepted[at].opcode == 1 { DataKind::Text } else { DataKind::Binary };
        let bytes = payload(kind, self.sent_count, len);
        let Some(mut writer) = self.connection.resume_fragments() else {
            assert_ne!(self.connection.state(), State::Open, "the open message was forgotten");
            self.open = None;
            return;
        };
        let result = if last {
            writer.finish(bytes.clone())
        } else {
            let result = writer.write(bytes.clone());
            writer.pause();
            result
        };
        self.open = Some(at);
        match result {
            Ok(()) => {
                self.accepted[at].payload.extend(bytes);
                self.longest = self.longest.max(self.accepted[at].payload.len());
                if last {
                    self.open = None;
                }
            }
            Err(error) => assert!(matches!(error, SendError::Full(()) | SendError::Closed(()))),
        }
    }

    pub(super) fn abandon(&mut self) {
        let open = self.connection.resume_fragments().map(|writer| writer.abort()).is_some();
        if open {
            assert_ne!(self.connection.state(), State::Open);
        }
    }

    pub(super) fn ping(&mut self, payload: &[u8]) {
        let result = self.connection.ping(payload);
        if payload.len() > 125 {
            assert_eq!(result, Err(SendError::OversizedControl(())));
        }
    }

    pub(super) fn close(&mut self, code: CloseCode, reason: &str) {
        let result = self.connection.close(self.now, code, reason);
        assert_eq!(result.is_ok(), code.is_sendable());
        assert!(result.is_err() || self.connection.state() != State::Open);
    }

    pub(super) fn abort(&mut self) {
        self.connection.abort();
        self.aborted = true;
        assert_eq!(self.connection.state(), State::Closed);
    }

    // News.

    /// Takes one event, if there is one. With `reply`, a message is answered while it is lent.
    pub(super) fn take(&mut self, reply: bool) -> bool {
        if !self.connection.poll_ready() {
            return false;
        }
        assert!(self.connection.poll_ready(), "asking twice changes nothing");
        let accepted = &mut self.accepted;
        let (event, mut sender) =
            self.connection.event_with_sender().expect("there was news: poll_ready said so");
        assert!(self.closed.is_none(), "nothing follows Closed: {event:?}");
        if let Event::Message(message) = &event
            && reply
            && sender.send(message.clone()).is_ok()
        {
            let payload = message.as_bytes().to_vec();
            self.longest = self.longest.max(payload.len());
            accepted.push(Accepted { opcode: opcode(message.kind()), payload });
        }
        match event.into_owned() {
            Event::Message(message) => {
                assert!(self.piece.is_none());
                let bytes = message.as_bytes().to_vec();
                self.received.push((opcode(message.kind()), bytes));
                self.arrived = 0;
            }
            Event::Piece(piece) => self.piece(&piece),
            Event::Ping(payload) => self.pings.push(payload.to_vec()),
            Event::Pong(_) => {}
            Event::Error(error) => {
                assert!(self.errors.is_empty(), "one error: {:?}, {error:?}", self.errors);
                self.errors.push(error);
            }
            Event::Closed(closed) => {
                assert_eq!(self.connection.state(), State::Closed);
                assert_eq!(closed.error, self.errors.first().copied());
                assert!(!closed.clean || closed.error.is_none());
                self.closed = Some(*closed);
            }
            other => panic!("no such event: {other:?}"),
        }
        true
    }

    fn piece(&mut self, piece: &Piece<'_>) {
        assert_eq!(piece.first, self.piece.is_none(), "{piece:?}");
        assert!(piece.last || !piece.payload.is_empty(), "empty only for the last piece");
        let (code, bytes) = self.piece.get_or_insert_with(|| (opcode(piece.kind), Vec::new()));
        assert_eq!(*code, opcode(piece.kind));
        bytes.extend_from_slice(&piece.payload);
        self.arrived = 0;
        if piece.last {
            self.received.extend(self.piece.take());
        }
    }

    // The world.

    /// Hands over what is received, and says how much of it there was room for.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> usize {
        let n = self.connection.receive(self.now, bytes);
        self.arrived += n;
        n
    }

    /// Nothing more will be received, in order or not.
    pub(super) fn end(&mut self, failure: Option<TransportFailure>) {
        self.ended = true;
        match failure {
            None => self.connection.received_eof(self.now),
            Some(failure) => self.connection.receive_failed(self.now, failure),
        }
    }

    /// Takes up to `n` bytes for the wire.
    pub(super) fn transmit(&mut self, n: usize) -> Vec<u8> {
        let chunk = self.connection.send_buffer().chunk();
        let taken = chunk[..n.min(chunk.len())].to_vec();
        if !taken.is_empty() {
            self.wire.extend_from_slice(&taken);
            self.connection.sent(self.now, taken.len());
        }
        taken
    }

    /// As a driver whose transport takes nothing.
    pub(super) fn stall(&mut self) {
        if self.connection.send_buffer().has_remaining() {
            self.connection.sent(self.now, 0);
        }
    }

    pub(super) fn fail_write(&mut self) {
        self.connection.send_failed(self.now, TransportFailure::Reset);
        assert!(!self.connection.send_buffer().has_remaining());
        self.aborted = true;
    }

    /// Moves time, then acts as a driver that looks at its timer.
    pub(super) fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
        self.time();
    }

    pub(super) fn time(&mut self) {
        // What a timer arms may be due at once, but that comes to an end.
        for _ in 0..4 {
            self.connection.handle_timeout(self.now);
            if self.connection.poll_timeout().is_none_or(|next| next > self.now) {
                return;
            }
        }
        panic!("timers that are acted on are due again and again");
    }

    // What must be true.

    /// After every step.
    pub(super) fn check(&mut self) {
        let state = self.connection.state();
        assert!(rank(state) >= rank(self.state), "{:?} became {state:?}", self.state);
        self.state = state;
        assert_eq!(self.connection.is_finished(), state == State::Closed);
        if state == State::Closed {
            assert!(!self.connection.send_buffer().has_remaining());
            assert_eq!(self.connection.buffered(), 0);
            assert_eq!(self.connection.poll_timeout(), None);
            assert!(self.connection.recv_buffer().is_empty());
        } else {
            assert!(self.closed.is_none());
        }
        let config = self.connection.config();
        // One message beyond it, and one beyond it that waits for the one in fragments.
        let limit = 2 * (config.send_hard_limit + self.longest) + (64 << 10);
        assert!(self.connection.buffered() <= limit, "{}", self.connection.buffered());
        self.most_buffered = self.most_buffered.max(self.connection.buffered());
        let held = self.connection.buffer_capacity();
        let contexts = if self.compression.is_some() { COMPRESSION_SLACK } else { 0 };
        let bound = 2 * (self.arrived + self.most_buffered) + SLACK + contexts;
        assert!(held <= bound, "{held} bytes held, {bound} allowed");
    }

    /// Of everything that left.
    pub(super) fn transcript(&self) -> Transcript {
        Transcript::of(&self.wire, self.masked, self.compression)
    }

    /// When all is over: what left is what was accepted, but for what is reported as unsent.
    pub(super) fn check_end(&mut self, transcript: &Transcript) {
        let closed = self.closed.as_ref().expect("every connection comes to its end");
        assert!(!self.connection.poll_ready() && self.connection.event().is_none());
        let left = transcript.messages.len();
        assert_eq!(
            left + closed.unsent_messages,
            self.accepted.len(),
            "{left} left, {} reported as unsent, {} accepted",
            closed.unsent_messages,
            self.accepted.len()
        );
        for ((opcode, payload), accepted) in transcript.messages.iter().zip(&self.accepted) {
            assert_eq!((*opcode, payload.len()), (accepted.opcode, accepted.payload.len()));
            assert!(*payload == accepted.payload, "what left is not what was accepted");
        }
        assert!(is_subsequence(&transcript.pongs, &self.pings), "pongs answer pings, in order");
        if let Some(close) = &transcript.close {
            let sent = closed.sent.as_ref().expect("a close frame left");
            assert_eq!(**close, *sent.encode());
        }
        if closed.clean {
            assert!(transcript.close.is_some() && closed.received.is_some());
        }
    }

    /// The messages that wait for the one in fragments to be finished: how many, how many bytes.
    pub(super) fn held(&self) -> (usize, usize) {
        let held = self.open.map_or(&[][..], |at| &self.accepted[at + 1..]);
        (held.len(), held.iter().map(|message| message.payload.len()).sum())
    }
}

const fn rank(state: State) -> u8 {
    match state {
        State::Open => 0,
        State::Closing => 1,
        State::Closed => 2,
    }
}
