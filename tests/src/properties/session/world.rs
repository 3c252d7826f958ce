//! The session under test, with everything around it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;

use bytes::Buf;
use longwire::error::TransportFailure;
use longwire::handshake::{Acceptance, Agreement, Limits, Request, Response, ServerHandshake};
use longwire::session::{
    Action, Attempt, ConnectFailure, MessageId, Reachability, SendOptions, Session, SessionConfig,
    State,
};
use longwire::time::Duration;
use longwire::{CloseCode, Config, Connection, Endpoint, Instant, Message, Role, SendError};

use super::super::source::Lcg;
use super::super::wire;
use super::ledger::Ledger;
use super::peer::{Peer, Pongs};
use super::secs;

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

enum Server {
    Mute,
    Shaking(Box<ServerHandshake>, Answer),
    Open(Box<Peer>),
}

/// What there is of a transport.
struct Link {
    attempt: Attempt,
    server: Server,
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    /// Taken by the transport, and not passed on.
    held: Vec<u8>,
    holds: bool,
    /// Nothing arrives, nothing is said.
    black_hole: bool,
    /// The session cannot write any more; it was told.
    broken: bool,
    /// The peer will say no more.
    eof: bool,
    /// The session was told so.
    eof_told: bool,
}

pub(super) struct World {
    pub(super) session: Session,
    pub(super) now: Instant,
    adopting: bool,
    link: Option<Link>,
    /// An attempt that somebody works at.
    dialling: Option<Attempt>,
    old: Vec<Attempt>,
    answer: Answer,
    pongs: Pongs,
    ledger: Ledger,
    /// What every connection's transport took, without what it held back at its end.
    wires: Vec<Vec<u8>>,
    /// How much of the last is known to have left.
    flushed: usize,
    sent: usize,
    longest: usize,
    /// Closed for good, and not begun again.
    over: bool,
}

fn random(seed: u64) -> impl FnMut(&mut [u8]) + Send + 'static {
    let mut lcg = Lcg(seed);
    move |dest| dest.iter_mut().for_each(|byte| *byte = lcg.draw() as u8)
}

impl World {
    pub(super) fn new(config: SessionConfig, adopting: bool) -> Self {
        let now = Instant::EPOCH;
        let mut session = if adopting {
            Session::adopting(config, random(1), now)
        } else {
            Session::new(config, random(1), now)
        };
        session.connect(now);
        let mut world = Self {
            session,
            now,
            adopting,
            link: None,
            dialling: None,
            old: Vec::new(),
            answer: Answer::Accept,
            pongs: Pongs::All,
            ledger: Ledger::default(),
            wires: Vec::new(),
            flushed: 0,
            sent: 0,
            longest: 0,
            over: false,
        };
        world.act();
        world
    }

    // The network.

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
            answer => {
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
        if link.holds {
            // As the driver does it.
            session.held_back(now, false);
        }
        session.send_failed(now, TransportFailure::Reset);
        link.broken = true;
        if !arrived {
            link.to_server.clear();
        }
        if mem::take(&mut link.holds) {
            // Some of it may have arrived.
            let n = if arrived { held.len() } else { held.len() / 2 };
            link.pass_on(&held[..n]);
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

    // The application.

    pub(super) fn send(&mut self, options: SendOptions, len: usize) {
        let text = format!("{:06}{}", self.sent, "x".repeat(len));
        self.sent += 1;
        self.longest = self.longest.max(text.len());
        match self.session.send(self.now, Message::from(text.clone()), options) {
            Ok(id) => self.ledger.accept(id, text, options, self.now),
            Err(SendError::Closed(_)) => {}
            Err(SendError::NotOpen(_)) => {
                assert!(options.first && self.session.state() != State::Open);
            }
            Err(SendError::Full(message)) => assert_eq!(message.as_text(), Some(&*text)),
            Err(other) => panic!("no such refusal: {other:?}"),
        }
    }

    pub(super) fn cancel(&mut self, n: usize) {
        if let Some(id) = self.ledger.nth(n, false)
            && self.session.cancel(id)
        {
            self.ledger.cancel(id);
            assert!(!self.session.cancel(id), "once");
        }
    }

    pub(super) fn acknowledge(&mut self, n: usize) {
        if let Some(id) = self.ledger.nth(n, true) {
            self.acknowledge_one(id);
        }
    }

    fn acknowledge_one(&mut self, id: MessageId) {
        if self.session.acknowledge(id) {
            self.ledger.acknowledge(id);
            assert!(!self.session.acknowledge(id), "once");
        }
    }

    pub(super) fn ping(&mut self, len: usize) {
        let sent = self.session.ping(&vec![b'p'; len]);
        assert!(sent.is_err() || len <= 125);
    }

    pub(super) fn connect(&mut self) {
        if !(self.over && self.session.state() == State::Closing) {
            self.over = false;
        }
        self.session.connect(self.now);
    }

    pub(super) fn close(&mut self, code: CloseCode) {
        self.session.close(self.now, code, "").expect("a code that may be sent");
        self.over = true;
    }

    pub(super) fn abort(&mut self) {
        self.session.abort();
        assert_eq!(self.session.state(), State::Stopped);
        self.over = true;
    }

    pub(super) fn finish_within(&mut self, time: Duration) {
        let code = CloseCode::NORMAL;
        self.session.finish(self.now, code, "", time).expect("a code that may be sent");
    }

    /// Takes one event. Says whether there was one.
    pub(super) fn take(&mut self) -> bool {
        if !self.session.poll_ready() {
            let waiting = self.session.queued_messages();
            assert_eq!(self.ledger.unsettled(), waiting, "all news of messages was taken");
            return false;
        }
        assert!(self.session.poll_ready(), "asking twice changes nothing");
        let event = self.session.event().expect("there is news: poll_ready said so").into_owned();
        let flushed = (self.wires.len(), self.flushed);
        self.ledger.note(&event, self.now, flushed, self.session.config());
        true
    }

    // Time.

    /// As a driver that looks late, however late.
    pub(super) fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
        self.time();
    }

    fn time(&mut self) {
        for _ in 0..8 {
            self.session.handle_timeout(self.now);
            self.act();
            if self.session.poll_timeout().is_none_or(|next| next > self.now) {
                return;
            }
        }
        panic!("timers that are acted on are due again and again");
    }

    // What must be true.

    pub(super) fn check(&mut self) {
        let (session, config) = (&self.session, self.session.config());
        let most = config.max_queued_messages.max(1_024);
        assert!(session.queued_messages() <= most);
        assert!(session.buffered_amount() <= config.max_queued_bytes.max(2_000_000) + self.longest);
        if let Some(connection) = session.connection() {
            assert!(connection.buffer_capacity() < 2 << 20);
            assert!(connection.buffered() < (300 << 10) + self.longest);
        }
        assert_eq!(session.is_finished(), session.state() == State::Stopped);
        if session.state() == State::Stopped {
            assert_eq!(session.poll_timeout(), None);
            assert_eq!(session.queued_messages(), 0);
            assert!(session.connection().is_none());
        }
    }

    /// The faults stop: the session is open again within its back-off, and everything has its outcome.
    pub(super) fn recover(&mut self) {
        self.answer = Answer::Accept;
        self.pongs(Pongs::All);
        self.hold(false);
        self.session.pause(false);
        self.session.reachability(self.now, Reachability::Online);
        self.session.resume(self.now);
        self.act();
        if self.link.as_ref().is_some_and(|link| link.black_hole || link.broken) {
            self.reset();
        }
        self.dialled(Answer::Accept);
        self.flow();
        let config = self.session.config().clone();
        let within = config.connect_timeout + config.backoff.cap.max(secs(7)) + secs(6);
        let deadline = self.now + within + config.connection.close_timeout * 2;
        if self.adopting && self.session.state() != State::Open && !self.over {
            self.adopt();
        }
        let settles = |world: &Self| {
            matches!(world.session.state(), State::Open | State::Stopped)
                && world.link.as_ref().is_none_or(|link| !link.eof && !link.black_hole)
        };
        self.run(deadline, settles);
        assert!(settles(self), "not open after {within:?}: {:?}", self.session.state());
        // What waits for the application gets it.
        let deadline = self.now + secs(100);
        self.run(deadline, |world| world.ledger.unsettled() == 0);
        assert_eq!(self.ledger.unsettled(), 0, "in {:?}", self.session.state());
        if self.session.state() == State::Stopped {
            return;
        }
        // And a new one arrives, if there is room for any.
        self.session.ready();
        self.send(SendOptions::new(longwire::session::Delivery::Received), 1);
        self.flow();
        if let Some(entry) = self.ledger.entries.values().next_back() {
            assert!(entry.outcome.is_some());
        }
    }

    /// Acts on every timer when it is due, with everything flowing, until it is `done`.
    fn run(&mut self, end: Instant, done: impl Fn(&Self) -> bool) {
        self.flow();
        while !done(self) {
            self.session.ready();
            if self.adopting && self.session.state() == State::Waiting {
                self.adopt();
            }
            self.flow();
            for id in self.ledger.to_acknowledge() {
                self.acknowledge_one(id);
            }
            self.flow();
            if done(self) {
                return;
            }
            let Some(next) = self.session.poll_timeout().filter(|next| *next <= end) else {
                return;
            };
            self.now = self.now.max(next);
            self.time();
            self.flow();
        }
    }

    pub(super) fn finish(&mut self) {
        self.close(CloseCode::NORMAL);
        let deadline = self.now + self.session.config().connection.close_timeout * 3;
        self.run(deadline, |world| world.session.state() == State::Stopped);
        while self.take() {}
        assert_eq!(self.session.state(), State::Stopped, "it ends");
        assert_eq!((self.ledger.unsettled(), self.session.poll_timeout()), (0, None));
        assert!(self.ledger.stopped >= 1);
        let mut ends: BTreeMap<String, BTreeSet<(usize, usize)>> = BTreeMap::new();
        for (n, wire) in self.wires.iter().enumerate() {
            for (text, end) in texts(wire, !self.adopting) {
                ends.entry(text).or_default().insert((n + 1, end));
            }
        }
        self.ledger.check_transmitted(&ends);
        self.ledger.check_repetitions();
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

/// The messages that a transport took whole, and where each ends.
fn texts(wire: &[u8], masked: bool) -> Vec<(String, usize)> {
    let (mut rest, mut texts, mut message) = (wire, Vec::new(), Vec::new());
    while let Some((frame, after)) = wire::parse(rest, masked) {
        rest = after;
        if frame.opcode < 8 {
            message.extend(frame.payload);
            if frame.fin {
                let text = String::from_utf8(mem::take(&mut message)).expect("only texts");
                texts.push((text, wire.len() - rest.len()));
            }
        }
    }
    texts
}
