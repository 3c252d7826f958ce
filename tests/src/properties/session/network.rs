//! The transports of a session, what befalls them, and who is at their other end.

use std::collections::VecDeque;
use std::mem;

use bytes::Buf;
use longwire::error::TransportFailure;
use longwire::handshake::{Acceptance, Agreement, Limits, Request, Response, ServerHandshake};
use longwire::session::{Action, Attempt, ConnectFailure, Session, State};
use longwire::{Config, Connection, Endpoint, Role};

use super::super::wire;
use super::peer::{Peer, Pongs};
use super::world::{World, random};

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Accept,
    Fail(ConnectFailure),
    Hang,
    /// A server that never answers.
    Mute,
    /// A status, and after how many seconds to come again.
    Decline(u16, Option<u64>),
}

pub(super) enum Server {
    Mute,
    Shaking(Box<ServerHandshake>, Answer),
    Open(Box<Peer>),
}

/// What there is of a transport.
pub(super) struct Link {
    pub(super) attempt: Attempt,
    pub(super) server: Server,
    pub(super) to_server: VecDeque<u8>,
    pub(super) to_client: VecDeque<u8>,
    /// Taken by the transport, and not passed on.
    pub(super) held: Vec<u8>,
    pub(super) holds: bool,
    /// Nothing arrives, nothing is said.
    pub(super) black_hole: bool,
    /// The session cannot write any more; it was told.
    pub(super) broken: bool,
    /// The peer will say no more.
    pub(super) eof: bool,
    /// The session was told so.
    pub(super) eof_told: bool,
}

impl World {
    pub(super) fn act(&mut self) {
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Connect(attempt) => {
                    assert!(!self.over && !self.adopting, "nobody asked for an attempt");
                    assert!(self.link.is_none(), "one transport at a time");
                    self.dialling = Some(attempt);
                    self.dialled(self.answer);
                }
                Action::Disconnect(attempt) => {
                    self.old.push(attempt);
                    if self.dialling == Some(attempt) {
                        self.dialling = None;
                    }
                    if self.link.as_ref().is_some_and(|link| link.attempt == attempt) {
                        self.hang_up();
                    }
                }
            }
        }
    }

    /// The transport is gone: what it had passed on still arrives, perhaps.
    fn hang_up(&mut self) {
        self.peer_reads(usize::MAX);
        self.link = None;
    }

    /// The attempt that is being worked at comes to this.
    pub(super) fn dialled(&mut self, answer: Answer) {
        if let Answer::Hang = answer {
            return;
        }
        let Some(attempt) = self.dialling.take() else { return };
        if let Answer::Fail(failure) = answer {
            self.session.failed(self.now, attempt, failure);
            self.old.push(attempt);
            return;
        }
        let request = Request::parse("ws://example.com/").expect("a request");
        assert!(self.session.opened(self.now, attempt, &request, random(attempt.get())));
        let server = match answer {
            Answer::Mute => Server::Mute,
            Answer::Accept | Answer::Fail(_) | Answer::Hang | Answer::Decline(..) => {
                let shaking = ServerHandshake::new(Limits::DEFAULT, self.now);
                Server::Shaking(Box::new(shaking), answer)
            }
        };
        self.linked(attempt, server);
    }

    pub(super) fn adopt(&mut self) {
        if self.adopting {
            let connection = Connection::new(Role::Server, Config::server(), self.now);
            let attempt = self.session.adopt(self.now, connection, Agreement::default());
            if self.session.state() != State::Closing {
                self.over = false;
            }
            self.act();
            self.linked(attempt, Server::Open(Box::new(Peer::new(true, self.pongs))));
        }
    }

    fn linked(&mut self, attempt: Attempt, server: Server) {
        self.wires.push(Vec::new());
        self.flushed = 0;
        self.ledger.connected();
        self.link = Some(Link {
            attempt,
            server,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            held: Vec::new(),
            holds: false,
            black_hole: false,
            broken: false,
            eof: false,
            eof_told: false,
        });
    }

    /// The session's end of the transport, and the transport.
    fn transport(&mut self) -> Option<(&mut Session, &mut Link)> {
        let link = self.link.as_mut()?;
        Some((self.session.endpoint(link.attempt)?, link))
    }

    /// The transport takes up to `n` bytes.
    pub(super) fn write(&mut self, n: usize) {
        let now = self.now;
        let Some((session, link)) = self.transport() else { return };
        let chunk = session.send_buffer().chunk();
        let taken = chunk[..n.min(chunk.len())].to_vec();
        if link.broken {
            // A handshake that had nothing to send has not listened.
            if !taken.is_empty() {
                session.send_failed(now, TransportFailure::Reset);
            }
            return;
        }
        session.sent(now, taken.len());
        if link.holds {
            link.held.extend(taken);
            self.ledger.in_doubt();
            return;
        }
        link.pass_on(&taken);
        if let Server::Open(_) = link.server {
            let wire = self.wires.last_mut().expect("one a connection");
            wire.extend(taken);
            self.flushed = wire.len();
        }
    }

    pub(super) fn stall(&mut self) {
        let now = self.now;
        if let Some((session, _)) = self.transport()
            && session.send_buffer().has_remaining()
        {
            session.sent(now, 0);
        }
    }

    pub(super) fn hold(&mut self, holds: bool) {
        let now = self.now;
        let Some((session, link)) = self.transport() else { return };
        if link.broken || link.holds == holds {
            return;
        }
        link.holds = holds;
        session.held_back(now, holds);
        let held = mem::take(&mut link.held);
        link.pass_on(&held);
        if let Server::Open(_) = link.server {
            let wire = self.wires.last_mut().expect("one a connection");
            wire.extend(held);
            self.flushed = wire.len();
        }
        self.ledger.in_doubt();
    }

    pub(super) fn receive(&mut self, n: usize) {
        let now = self.now;
        let Some((session, link)) = self.transport() else { return };
        if link.to_client.is_empty() {
            if link.eof && !link.eof_told {
                link.eof_told = true;
                session.received_eof(now);
            }
            return;
        }
        if !session.recv_buffer().is_empty() {
            let n = n.min(link.to_client.len());
            let n = session.receive(now, &link.to_client.make_contiguous()[..n]);
            link.to_client.drain(..n);
        }
    }

    pub(super) fn peer_reads(&mut self, n: usize) {
        let now = self.now;
        let Some(link) = &mut self.link else { return };
        let n = n.min(link.to_server.len());
        let bytes: Vec<u8> = link.to_server.drain(..n).collect();
        if let Server::Open(peer) = &mut link.server {
            peer.read(&bytes);
            link.eof |= peer.closed;
            for text in mem::take(&mut peer.read) {
                self.ledger.read(&text);
            }
        } else if let Server::Shaking(shaking, answer) = &mut link.server {
            let taken = shaking.receive(now, &bytes);
            assert_eq!(taken, bytes.len(), "a request, and nothing behind it");
            if shaking.poll_ready()
                && let answer = *answer
                && let Server::Shaking(shaking, _) = mem::replace(&mut link.server, Server::Mute)
            {
                let incoming = shaking.request(now).expect("a request in order");
                if let Answer::Decline(status, after) = answer {
                    let mut response = Response::new(status).expect("a status");
                    if let Some(after) = after {
                        response =
                            response.header("Retry-After", after.to_string()).expect("a header");
                    }
                    let mut rejection = incoming.reject(&response, now);
                    link.say(rejection.send_buffer().chunk());
                    link.eof = true;
                } else {
                    let accepted = incoming.accept(&Acceptance::new(), now).expect("acceptable");
                    link.say(accepted.outbox.chunk());
                    link.server = Server::Open(Box::new(Peer::new(false, self.pongs)));
                }
            }
        }
        if let Some(link) = &mut self.link {
            link.speak();
        }
    }

    /// Everything moves until nothing does.
    pub(super) fn flow(&mut self) {
        for _ in 0..2_000 {
            let before = self.session.statistics();
            let waiting = self.link.as_ref().map_or(0, |link| link.to_client.len());
            self.act();
            self.write(usize::MAX);
            self.peer_reads(usize::MAX);
            self.receive(usize::MAX);
            let took = self.take();
            self.act();
            let after = self.session.statistics();
            let moved = before.bytes_sent != after.bytes_sent
                || before.bytes_received != after.bytes_received
                || before.attempts != after.attempts;
            let same = waiting == self.link.as_ref().map_or(0, |link| link.to_client.len());
            if !took && !moved && same {
                return;
            }
            self.check();
        }
        panic!("it never comes to rest");
    }

    // Faults.

    pub(super) fn reset(&mut self) {
        self.write_fails(true);
        let now = self.now;
        if let Some((session, link)) = self.transport() {
            link.to_client.clear();
            link.black_hole = true;
            link.eof_told = true;
            session.receive_failed(now, TransportFailure::Reset);
        }
    }

    /// `arrived`: what was passed on arrives.
    pub(super) fn write_fails(&mut self, arrived: bool) {
        let now = self.now;
        let Some((session, link)) = self.transport() else { return };
        if link.broken {
            return;
        }
        let held = mem::take(&mut link.held);
        // As the driver does it: what is held back is lost.
        session.send_failed(now, TransportFailure::Reset);
        link.broken = true;
        if !arrived {
            link.to_server.clear();
        }
        if mem::take(&mut link.holds) {
            // Some of it may have arrived.
            link.pass_on(&held[..if arrived { held.len() / 2 } else { 0 }]);
            self.ledger.in_doubt();
        }
    }

    pub(super) fn black_hole(&mut self) {
        if let Some(link) = &mut self.link {
            link.black_hole = true;
            link.to_client.clear();
            link.to_server.clear();
        }
    }

    pub(super) fn peer_ends(&mut self) {
        if let Some(link) = &mut self.link {
            link.eof |= !link.black_hole;
        }
    }

    /// Reports for an attempt that is over.
    pub(super) fn stale(&mut self, which: usize) {
        let Some(old) = self.old.last().copied() else { return };
        let before = self.session.statistics().stale_ignored;
        match which {
            0 => self.session.failed(self.now, old, ConnectFailure::Other),
            1 => {
                let request = Request::parse("ws://a").expect("a request");
                assert!(!self.session.opened(self.now, old, &request, random(1)));
            }
            _ => assert!(self.session.endpoint(old).is_none()),
        }
        assert_eq!(self.session.statistics().stale_ignored, before + 1);
    }

    // The peer.

    fn peer(&mut self) -> Option<&mut Peer> {
        match &mut self.link.as_mut()?.server {
            Server::Open(peer) => Some(peer),
            Server::Mute | Server::Shaking(..) => None,
        }
    }

    pub(super) fn peer_says(&mut self, len: usize) {
        if let Some(peer) = self.peer() {
            peer.say(2, &vec![b'x'; len]);
        }
    }

    pub(super) fn peer_pings(&mut self) {
        if let Some(peer) = self.peer() {
            peer.say(wire::PING, b"ping");
        }
    }

    /// A pong that nobody asked for, or those that are owed.
    pub(super) fn peer_answers(&mut self) {
        if let Some(peer) = self.peer() {
            peer.say(wire::PONG, b"lw: \xff\0\0\0\0\0\0\x01");
            peer.answer();
        }
    }

    pub(super) fn peer_closes(&mut self, code: u16) {
        if let Some(peer) = self.peer()
            && !peer.closed
        {
            peer.say(wire::CLOSE, &code.to_be_bytes());
        }
    }

    pub(super) fn pongs(&mut self, pongs: Pongs) {
        self.pongs = pongs;
        if let Some(peer) = self.peer() {
            peer.pongs = pongs;
        }
    }

    pub(super) const fn answers(&mut self, answer: Answer) {
        self.answer = answer;
    }
}

impl Link {
    fn pass_on(&mut self, bytes: &[u8]) {
        if !self.black_hole {
            self.to_server.extend(bytes);
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        if !self.black_hole {
            self.to_client.extend(bytes);
        }
    }

    fn speak(&mut self) {
        if let Server::Open(peer) = &mut self.server {
            let said = mem::take(&mut peer.output);
            self.say(&said);
        }
    }
}
