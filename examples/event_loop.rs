//! An event loop of one's own: one thread, no runtime, as many connections as there are sockets.
//!
//! `cargo run --example event_loop [-- 127.0.0.1:9001]`
//!
//! An echo server over `mio`, and a pattern for embedding: what the poller reports is noted in a
//! [`Peer`], and [`Peer::drive`] goes as far as that allows. Everything else is `Endpoint`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::time::Duration;

use bytes::Buf;
use longwire::buffer::Outbox;
use longwire::handshake::{Acceptance, Accepted, Rejection, ServerHandshake};
use longwire::{Config, Connection, Endpoint, Event, Instant, Role};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let mut server = Server::bind(&address)?;
    println!("listening on ws://{}", server.listener.local_addr()?);
    let mut events = Events::with_capacity(256);
    loop {
        server.turn(&mut events)?;
    }
}

const LISTENER: Token = Token(0);

struct Server {
    poll: Poll,
    listener: TcpListener,
    config: Config,
    epoch: std::time::Instant,
    peers: HashMap<Token, Peer>,
    /// The last token given out. None is given out twice, so nothing old can concern a new peer.
    last: Token,
    /// When to look after whom. An alarm that rings early does no harm, so none is taken back.
    alarms: BinaryHeap<Reverse<(Instant, Token)>>,
    /// Those that could go on, but must let others in first.
    unfinished: Vec<Token>,
}

impl Server {
    fn bind(address: &str) -> Result<Self, Box<dyn Error>> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address.parse()?)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let config = Config::server().with_heartbeat();
        Ok(Self {
            poll,
            listener,
            config,
            epoch: std::time::Instant::now(),
            peers: HashMap::new(),
            last: LISTENER,
            alarms: BinaryHeap::new(),
            unfinished: Vec::new(),
        })
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }

    /// Waits until something happens or is due, and sees to it.
    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        let next = self.alarms.peek().map(|Reverse((at, _))| at.saturating_since(self.now()));
        let wait = if self.unfinished.is_empty() { next } else { Some(Duration::ZERO) };
        match self.poll.poll(events, wait) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        let now = self.now();
        let mut due = mem::take(&mut self.unfinished);
        for event in &*events {
            if let Some(peer) = self.peers.get_mut(&event.token()) {
                peer.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                peer.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
            }
            due.push(event.token());
        }
        while let Some(&Reverse((at, token))) = self.alarms.peek()
            && at <= now
        {
            self.alarms.pop();
            if let Some(peer) = self.peers.get_mut(&token) {
                peer.alarm = peer.alarm.filter(|alarm| *alarm != at);
            }
            due.push(token);
        }
        for token in due {
            if token == LISTENER {
                self.accept(now);
            } else {
                self.drive(token, now);
            }
        }
        Ok(())
    }

    fn accept(&mut self, now: Instant) {
        loop {
            let accepted = self.listener.accept().and_then(|(mut socket, _)| {
                socket.set_nodelay(true)?;
                let token = Token(self.last.0 + 1);
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.poll.registry().register(&mut socket, token, interest)?;
                Ok((socket, token))
            });
            match accepted {
                Ok((socket, token)) => {
                    self.last = token;
                    self.peers.insert(token, Peer::new(socket, self.config, now));
                    self.drive(token, now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Out of file descriptors, as a rule: some are about to be freed.
                Err(error) => {
                    eprintln!("accept: {error}");
                    return self.alarms.push(Reverse((now + Duration::from_millis(100), LISTENER)));
                }
            }
        }
    }

    fn drive(&mut self, token: Token, now: Instant) {
        let Some(peer) = self.peers.remove(&token) else { return };
        let Some(mut peer) = peer.drive(now) else { return };
        if peer.unfinished {
            self.unfinished.push(token);
        }
        // A deadline that moves away, as each byte received moves the heartbeat's, costs nothing.
        if let Some(at) = peer.phase.endpoint().poll_timeout()
            && peer.alarm.is_none_or(|alarm| at < alarm)
        {
            peer.alarm = Some(at);
            self.alarms.push(Reverse((at, token)));
        }
        self.peers.insert(token, peer);
    }
}

struct Peer {
    socket: TcpStream,
    phase: Phase,
    config: Config,
    /// The answer to the opening handshake: it leaves before the connection's first frame.
    answer: Outbox,
    /// Whether the socket was readable, or writable, when last heard of.
    readable: bool,
    writable: bool,
    shut_down: bool,
    /// Whether it could go on at once.
    unfinished: bool,
    /// The earliest alarm set.
    alarm: Option<Instant>,
}

enum Phase {
    Handshake(Box<ServerHandshake>),
    Open(Box<Connection>),
    Rejected(Rejection),
}

impl Phase {
    /// What it is does not matter for how it is driven.
    fn endpoint(&mut self) -> &mut dyn Endpoint {
        match self {
            Self::Handshake(handshake) => handshake.as_mut(),
            Self::Open(connection) => connection.as_mut(),
            Self::Rejected(rejection) => rejection,
        }
    }
}

/// How many reads and writes a peer may do before others are let in.
const BUDGET: u32 = 16;

impl Peer {
    fn new(socket: TcpStream, config: Config, now: Instant) -> Self {
        Self {
            socket,
            phase: Phase::Handshake(ServerHandshake::new(config.handshake, now).into()),
            config,
            answer: Outbox::default(),
            readable: false,
            writable: false,
            shut_down: false,
            unfinished: false,
            alarm: None,
        }
    }

    /// Goes as far as time and the socket allow. `None` when the socket is no longer needed.
    fn drive(mut self, now: Instant) -> Option<Self> {
        self.phase.endpoint().handle_timeout(now);
        for _ in 0..BUDGET {
            self = self.take_news(now);
            let sent = self.transmit(now);
            if self.phase.endpoint().is_finished() {
                self.take_news(now);
                return None;
            }
            let received = self.receive(now);
            self.unfinished = sent || received;
            if !self.unfinished {
                break;
            }
        }
        Some(self)
    }

    /// Takes what there is to take, before anything is read: the end of the stream would overtake it.
    fn take_news(mut self, now: Instant) -> Self {
        let ready = self.phase.endpoint().poll_ready();
        self.phase = match self.phase {
            Phase::Handshake(handshake) if ready => {
                let acceptance = Acceptance::new();
                let request = handshake.request(now);
                match request.and_then(|incoming| incoming.accept(&acceptance, now)) {
                    Ok(Accepted { outbox, leftover, .. }) => {
                        self.answer = outbox;
                        let (role, config) = (Role::Server, self.config);
                        Phase::Open(Connection::from_upgraded(role, config, now, &leftover).into())
                    }
                    Err(rejection) => Phase::Rejected(rejection),
                }
            }
            phase @ (Phase::Handshake(_) | Phase::Open(_) | Phase::Rejected(_)) => phase,
        };
        if let Phase::Open(connection) = &mut self.phase {
            echo(connection);
        }
        self
    }

    /// Writes what there is, as far as the socket takes it; says whether it took any.
    fn transmit(&mut self, now: Instant) -> bool {
        let mut any = false;
        let endpoint = self.phase.endpoint();
        while self.writable {
            let answering = self.answer.has_remaining();
            let outbox = if answering { &self.answer } else { endpoint.send_buffer() };
            if !outbox.has_remaining() {
                break;
            }
            match outbox.gather(|slices| self.socket.write_vectored(slices)) {
                Ok(n) if answering => self.answer.advance(n),
                Ok(n) => endpoint.sent(now, n),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.writable = false;
                    // From now on the connection counts how long nothing is taken.
                    endpoint.sent(now, 0);
                    break;
                }
                Err(error) => {
                    self.answer = Outbox::default();
                    endpoint.send_failed(now, error.kind().into());
                }
            }
            any = true;
        }
        if endpoint.is_send_finished() && !self.shut_down && !endpoint.send_buffer().has_remaining()
        {
            self.shut_down = true;
            // A peer that is already gone is told nothing; that changes nothing.
            let _ = self.socket.shutdown(Shutdown::Write);
        }
        any
    }

    /// Reads once, straight to where the bytes belong; says whether that changed anything.
    fn receive(&mut self, now: Instant) -> bool {
        let endpoint = self.phase.endpoint();
        if !self.readable {
            return false;
        }
        let buf = endpoint.recv_buffer();
        if buf.is_empty() {
            // Not now: what has arrived must be taken first, or nothing more matters.
            return false;
        }
        match self.socket.read(buf) {
            Ok(0) => endpoint.received_eof(now),
            Ok(n) => endpoint.received(now, n),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                // An idle connection needs no place for bytes.
                endpoint.release_buffers();
                return false;
            }
            Err(error) => endpoint.receive_failed(now, error.kind().into()),
        }
        true
    }
}

/// Answers every message while it is lent, as long as there is room.
///
/// Taking no events is back-pressure: then the inbox fills, its buffer becomes empty, the socket is
/// not read, and a peer that does not read its echoes cannot send more.
fn echo(connection: &mut Connection) {
    while connection.has_room()
        && let Some((event, mut sender)) = connection.poll_event_with_sender()
    {
        if let Event::Message(message) = event {
            // Refused only if the connection is closing, and then `Closed` is on its way.
            let _ = sender.send(message);
        } else if let Event::Closed(closed) = event {
            println!("{closed}");
        }
    }
}
