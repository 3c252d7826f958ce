//! A session, a server that it reaches through a link that fails at will, and a clock that jumps.

use alloc::collections::{BTreeSet, VecDeque};
use core::mem;

use bytes::Buf;

use super::*;
use crate::connection::Config;
use crate::handshake::{Acceptance, Rejection, ServerHandshake};

pub(super) const START: Instant = Instant::from_epoch(Duration::from_secs(1_000));

pub(super) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// So many seconds after the start.
pub(super) fn at(seconds: u64) -> Instant {
    START + secs(seconds)
}

/// What becomes of an attempt.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// The server accepts.
    Accept,
    /// No transport can be opened.
    Fail(ConnectFailure),
    /// Nothing is ever heard of it.
    Hang,
    /// The transport opens, and the server says nothing.
    Mute,
    /// The server declines.
    Decline(crate::handshake::Response),
}

impl Answer {
    pub(super) fn decline(status: u16) -> Self {
        Self::Decline(crate::handshake::Response::new(status).expect("a status"))
    }
}

enum Server {
    None,
    Shaking(Box<ServerHandshake>),
    Rejecting(Rejection),
    Open(Box<Connection>),
}

pub(super) struct World {
    pub(super) session: Session,
    pub(super) now: Instant,
    /// Of the next attempts; then the last of them.
    pub(super) answers: VecDeque<Answer>,
    server: Server,
    attempt: Option<Attempt>,
    pub(super) to_server: Vec<u8>,
    pub(super) to_client: Vec<u8>,
    /// The server neither reads nor writes.
    pub(super) asleep: bool,
    /// How many more bytes the link takes from the client before it is reset. What it took arrives.
    pub(super) left: Option<usize>,
    /// How many bytes it takes at once, before the server is heard.
    pub(super) step: Option<usize>,
    /// The transport takes nothing, and does not fail.
    pub(super) stalled: bool,
    /// The application does not take events.
    pub(super) idle: bool,
    pub(super) seen: Vec<Event<'static>>,
    /// What the server read, with the number of its connection.
    pub(super) read: Vec<(u64, String)>,
    /// When attempts began.
    pub(super) attempts: Vec<Instant>,
    pub(super) opened: u64,
    current: BTreeSet<u64>,
    settled: BTreeSet<u64>,
}

/// A generator of bytes that look random.
pub(super) fn random(seed: u64) -> impl FnMut(&mut [u8]) + Send + 'static {
    let mut state = seed;
    move |dest| {
        for byte in dest {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
    }
}

/// A session of this configuration that is open.
pub(super) fn open(config: SessionConfig) -> World {
    let mut world = World::new(config);
    world.session.connect(world.now);
    world.settle();
    assert_eq!(world.session.state(), State::Open);
    world
}

impl World {
    pub(super) fn new(config: SessionConfig) -> Self {
        Self::of(Session::new(config, random(7), START))
    }

    pub(super) fn of(session: Session) -> Self {
        Self {
            session,
            now: START,
            answers: VecDeque::from([Answer::Accept]),
            server: Server::None,
            attempt: None,
            to_server: Vec::new(),
            to_client: Vec::new(),
            asleep: false,
            left: None,
            step: None,
            stalled: false,
            idle: false,
            seen: Vec::new(),
            read: Vec::new(),
            attempts: Vec::new(),
            opened: 0,
            current: BTreeSet::new(),
            settled: BTreeSet::new(),
        }
    }

    /// The same, of which attempts go like this, and at last for ever like the last.
    pub(super) fn answering(mut self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.answers = answers.into_iter().collect();
        self
    }

    // What the test does.

    #[track_caller]
    pub(super) fn send(&mut self, text: &str, options: impl Into<SendOptions>) -> MessageId {
        let id = self.session.send(self.now, Message::from(text), options).expect("accepted");
        self.settle();
        id
    }

    pub(super) fn connect(&mut self) {
        self.session.connect(self.now);
        self.settle();
    }

    #[track_caller]
    pub(super) fn close(&mut self) {
        self.session.close(self.now, CloseCode::NORMAL, "bye").expect("a code that may be sent");
        self.settle();
    }

    pub(super) fn suspend(&mut self) {
        self.session.suspend(self.now);
        self.settle();
    }

    pub(super) fn resume(&mut self) {
        self.session.resume(self.now);
        self.settle();
    }

    pub(super) fn report(&mut self, reachability: Reachability) {
        self.session.reachability(self.now, reachability);
        self.settle();
    }

    /// The server's end, which is open.
    #[track_caller]
    pub(super) fn server(&mut self) -> &mut Connection {
        match &mut self.server {
            Server::Open(connection) => connection,
            Server::None | Server::Shaking(_) | Server::Rejecting(_) => panic!("no connection"),
        }
    }

    #[track_caller]
    pub(super) fn say(&mut self, text: &str) {
        self.server().send(Message::from(text)).expect("accepted");
        self.settle();
    }

    #[track_caller]
    pub(super) fn server_closes(&mut self, code: u16, reason: &str) {
        let now = self.now;
        let code = CloseCode::from_wire(code).expect("a code that may be sent");
        self.server().close(now, code, reason).expect("a code that may be sent");
        self.settle();
    }

    /// Both ends hear that the transport is no more.
    pub(super) fn reset(&mut self) {
        self.to_client.clear();
        self.to_server.clear();
        self.server = Server::None;
        let (now, attempt) = (self.now, self.attempt);
        if let Some(endpoint) = attempt.and_then(|attempt| self.session.endpoint(attempt)) {
            endpoint.receive_failed(now, TransportFailure::Reset);
        }
        self.settle();
    }

    /// The server's host is gone: nothing arrives, nothing is said.
    pub(super) fn vanish(&mut self) {
        self.server = Server::None;
        self.asleep = true;
    }

    // The world.

    /// Lets happen what needs no time.
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            let act = self.act();
            let client = self.client();
            let server = self.serve();
            let news = self.take();
            if !(act || client || server || news) {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    fn act(&mut self) -> bool {
        let mut any = false;
        while let Some(action) = self.session.poll_action() {
            any = true;
            match action {
                Action::Connect(attempt) => self.dial(attempt),
                Action::Disconnect(attempt) => {
                    if self.attempt == Some(attempt) {
                        self.hang_up();
                    }
                }
            }
        }
        any
    }

    fn hang_up(&mut self) {
        self.attempt = None;
        self.to_client.clear();
        if self.asleep {
            self.server = Server::None;
        } else {
            self.serve();
        }
        let now = self.now;
        if let Server::Open(connection) = &mut self.server {
            connection.received_eof(now);
        }
        self.serve();
        self.server = Server::None;
        self.to_client.clear();
        self.to_server.clear();
    }

    fn dial(&mut self, attempt: Attempt) {
        self.attempts.push(self.now);
        let answer = if self.answers.len() > 1 {
            self.answers.pop_front()
        } else {
            self.answers.front().cloned()
        };
        let answer = answer.expect("there is always one");
        self.to_client.clear();
        self.to_server.clear();
        self.left = None;
        self.server = Server::None;
        self.attempt = Some(attempt);
        match &answer {
            Answer::Hang => return,
            Answer::Fail(failure) => return self.session.failed(self.now, attempt, *failure),
            Answer::Accept | Answer::Decline(_) => {
                self.server = Server::Shaking(Box::new(ServerHandshake::new(
                    Config::server().handshake,
                    self.now,
                )));
                self.asleep = false;
            }
            Answer::Mute => {}
        }
        let request = Request::parse("ws://example.com/chat").expect("a request");
        assert!(self.session.opened(self.now, attempt, &request, random(attempt.get())));
        if let Answer::Decline(response) = answer {
            self.client();
            let Server::Shaking(mut shaking) = mem::replace(&mut self.server, Server::None) else {
                panic!("a server that answers");
            };
            feed(&mut *shaking, self.now, &mut self.to_server);
            let incoming = shaking.request(self.now).expect("a request in order");
            self.server = Server::Rejecting(incoming.reject(&response, self.now));
        }
    }

    /// The client's transport.
    fn client(&mut self) -> bool {
        let (now, attempt) = (self.now, self.attempt);
        let Some(session) = attempt.and_then(|attempt| self.session.endpoint(attempt)) else {
            return false;
        };
        let mut any = feed(session, now, &mut self.to_client);
        loop {
            let chunk = session.send_buffer().chunk();
            let most = self.left.unwrap_or(usize::MAX).min(self.step.unwrap_or(usize::MAX));
            let n = chunk.len().min(most);
            if self.stalled || chunk.is_empty() {
                if !chunk.is_empty() {
                    session.sent(now, 0);
                }
                break;
            }
            self.to_server.extend_from_slice(&chunk[..n]);
            any = true;
            session.sent(now, n);
            if let Some(left) = &mut self.left {
                *left -= n;
                if *left == 0 {
                    session.send_failed(now, TransportFailure::Reset);
                    session.receive_failed(now, TransportFailure::Reset);
                    break;
                }
            }
            if self.step.is_some() {
                break;
            }
        }
        any
    }

    /// The server, and its transport.
    fn serve(&mut self) -> bool {
        if self.asleep {
            return false;
        }
        let now = self.now;
        let mut any = false;
        if let Server::Shaking(shaking) = &mut self.server {
            any |= feed(&mut **shaking, now, &mut self.to_server);
            if shaking.poll_ready()
                && let Server::Shaking(shaking) = mem::replace(&mut self.server, Server::None)
            {
                let incoming = shaking.request(now).expect("a request in order");
                let accepted = incoming.accept(&Acceptance::new(), now).expect("acceptable");
                let connection = Connection::from_accepted(accepted, Config::server(), now);
                self.server = Server::Open(Box::new(connection));
                self.opened += 1;
            }
        }
        match &mut self.server {
            Server::None | Server::Shaking(_) => {}
            Server::Rejecting(rejection) => {
                any |= feed(rejection, now, &mut self.to_server);
                any |= drain(rejection, now, &mut self.to_client);
            }
            Server::Open(connection) => {
                let opened = self.opened;
                loop {
                    let fed = feed(&mut **connection, now, &mut self.to_server);
                    let mut took = false;
                    while let Some(event) = connection.poll_event() {
                        took = true;
                        if let connection::Event::Message(message) = event {
                            let text = message.as_text().unwrap_or("binary").to_string();
                            self.read.push((opened, text));
                        }
                    }
                    any |= fed || took;
                    if !fed && !took {
                        break;
                    }
                }
                any |= drain(&mut **connection, now, &mut self.to_client);
                let over = connection.is_send_finished() && self.to_client.is_empty();
                if over && let Some(attempt) = self.attempt {
                    if let Some(session) = self.session.endpoint(attempt) {
                        session.received_eof(now);
                    }
                    connection.received_eof(now);
                    while connection.poll_event().is_some() {}
                    self.server = Server::None;
                    any = true;
                }
            }
        }
        any
    }

    /// The application.
    fn take(&mut self) -> bool {
        let mut any = false;
        while !self.idle && self.session.poll_ready() {
            assert!(self.session.poll_ready(), "asking twice changes nothing");
            let event = self.session.event().expect("there is news").into_owned();
            self.note(&event);
            self.seen.push(event);
            any = true;
        }
        any
    }

    fn note(&mut self, event: &Event<'static>) {
        match event {
            Event::Connecting(attempt) => {
                assert!(self.current.is_empty(), "one attempt at a time");
                self.current.insert(attempt.get());
            }
            Event::Opened(opened) => assert!(self.current.contains(&opened.attempt.get())),
            Event::Closed(closed) => {
                assert!(self.current.remove(&closed.attempt.get()), "one end an attempt");
            }
            Event::Settled(settled) => {
                assert!(self.settled.insert(settled.id.get()), "one outcome a message");
            }
            Event::Message(_)
            | Event::Piece(_)
            | Event::Pong(_)
            | Event::Repeated(_)
            | Event::Error(_)
            | Event::Stopped(_) => {}
        }
    }

    /// Lets so much time pass, acting on every timer when it is due.
    pub(super) fn pass(&mut self, time: Duration) {
        self.until(self.now + time);
    }

    pub(super) fn until(&mut self, end: Instant) {
        self.settle();
        while let Some(next) = self.next().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.wake();
        }
        self.now = end;
    }

    /// Acts on timers once, as late as it is.
    pub(super) fn wake(&mut self) {
        for _ in 0..8 {
            self.session.handle_timeout(self.now);
            if let Server::Open(connection) = &mut self.server {
                connection.handle_timeout(self.now);
            }
            self.settle();
            if self.session.poll_timeout().is_none_or(|next| next > self.now) {
                return;
            }
        }
        panic!("timers that are acted on are due again and again");
    }

    /// The clock jumps, and only then does anybody look at it.
    pub(super) fn jump(&mut self, time: Duration) {
        self.now = self.now + time;
        self.wake();
    }

    fn next(&self) -> Option<Instant> {
        let server = match &self.server {
            Server::Open(connection) => connection.poll_timeout(),
            Server::None | Server::Shaking(_) | Server::Rejecting(_) => None,
        };
        [self.session.poll_timeout(), server].into_iter().flatten().min()
    }
}

/// Hands over `bytes` as far as there is room.
fn feed(endpoint: &mut impl Endpoint, now: Instant, bytes: &mut Vec<u8>) -> bool {
    if bytes.is_empty() || endpoint.recv_buffer().is_empty() {
        return false;
    }
    let n = endpoint.receive(now, bytes);
    bytes.drain(..n);
    n > 0
}

fn drain(endpoint: &mut impl Endpoint, now: Instant, bytes: &mut Vec<u8>) -> bool {
    let mut any = false;
    loop {
        let chunk = endpoint.send_buffer().chunk();
        let n = chunk.len();
        if n == 0 {
            return any;
        }
        bytes.extend_from_slice(chunk);
        endpoint.sent(now, n);
        any = true;
    }
}
