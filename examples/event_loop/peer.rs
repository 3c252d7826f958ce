//! One connection, and how far it can go.

use std::io::{ErrorKind, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::sync::Arc;

use bytes::Buf;
use longwire::buffer::Stage;
use longwire::handshake::{Acceptance, Rejection, ServerHandshake};
use longwire::rng::Jitter;
use longwire::{Closed, Config, Connection, Endpoint, Event, Instant, PreparedMessage};
use mio::net::TcpStream;
use rand::Rng as _;
use rand::rngs::StdRng;

/// What becomes of a message.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// It is sent back.
    Echo,
    /// Everyone has it.
    Room,
}

/// What a peer is driven with.
pub(crate) struct Turn<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Arc<Config>,
    pub(crate) work: Work,
    pub(crate) closed: fn(&Closed),
    /// For jitter, if heartbeats are to be spread.
    pub(crate) rng: Option<&'a mut StdRng>,
    pub(crate) stage: &'a mut Stage,
    /// Takes what is said to all.
    pub(crate) said: &'a mut Vec<PreparedMessage>,
}

/// A socket, and what has become of its opening handshake.
pub(crate) struct Peer {
    socket: TcpStream,
    phase: Phase,
    /// Whether the socket was readable, or writable, when last heard of.
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// Whether the end of what can be read is in sight.
    pub(crate) ended: bool,
    shut_down: bool,
    /// Whether it could go on at once.
    pub(crate) unfinished: bool,
    /// The earliest alarm set.
    pub(crate) alarm: Option<Alarm>,
}

/// When to look after a peer.
#[derive(Clone, Copy)]
pub(crate) struct Alarm {
    pub(crate) deadline: Instant,
    /// When it goes off: then, or a little later.
    pub(crate) at: Instant,
}

enum Phase {
    Handshake(Box<ServerHandshake>),
    Open(Connection),
    Rejected(Rejection),
}

impl Phase {
    /// What it is does not matter for how it is driven.
    fn endpoint(&mut self) -> &mut dyn Endpoint {
        match self {
            Self::Handshake(handshake) => handshake.as_mut(),
            Self::Open(connection) => connection,
            Self::Rejected(rejection) => rejection,
        }
    }
}

/// How many reads and writes a peer may do before others are let in.
const BUDGET: u32 = 16;

impl Peer {
    pub(crate) fn new(socket: TcpStream, config: &Config, now: Instant) -> Self {
        Self {
            socket,
            phase: Phase::Handshake(ServerHandshake::new(config.handshake, now).into()),
            readable: false,
            writable: false,
            ended: false,
            shut_down: false,
            unfinished: false,
            alarm: None,
        }
    }

    /// When to drive it again, if nothing happens before.
    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        self.phase.endpoint().poll_timeout()
    }

    /// Queues a message. It leaves when the peer is driven.
    pub(crate) fn tell(&mut self, message: &PreparedMessage) {
        if let Phase::Open(connection) = &mut self.phase {
            // One that is closing, or that stopped reading, goes without.
            let _ = connection.send_prepared(message);
        }
    }

    /// Goes as far as time and the socket allow; says whether the socket is still needed.
    pub(crate) fn drive(&mut self, turn: &mut Turn<'_>) -> bool {
        self.phase.endpoint().handle_timeout(turn.now);
        let mut moves = BUDGET;
        let finished = loop {
            self.take_news(turn);
            let sent = self.transmit(turn.now);
            if self.phase.endpoint().is_finished() {
                self.take_news(turn);
                break true;
            }
            let received = self.receive(turn);
            moves -= 1;
            self.unfinished = sent || received;
            if !self.unfinished || moves == 0 {
                break false;
            }
        };
        let endpoint = self.phase.endpoint();
        endpoint.reclaim(turn.stage);
        if !self.readable {
            // An idle connection needs no memory for bytes.
            endpoint.release_buffers();
        }
        !finished
    }

    /// Takes what there is to take, before anything is read: the end of the stream would overtake it.
    fn take_news(&mut self, turn: &mut Turn<'_>) {
        if let Phase::Handshake(handshake) = &mut self.phase
            && handshake.poll_ready()
        {
            // Another one is in its place for a moment.
            let next = ServerHandshake::new(turn.config.handshake, turn.now);
            let accepted = accept(mem::replace(handshake, next), turn);
            self.phase = accepted.map_or_else(Phase::Rejected, Phase::Open);
        }
        // Also what followed the opening handshake.
        if let Phase::Open(connection) = &mut self.phase {
            serve(connection, turn);
        }
    }

    /// Writes what there is, as far as the socket takes it; says whether it took any.
    fn transmit(&mut self, now: Instant) -> bool {
        let mut any = false;
        let endpoint = self.phase.endpoint();
        while self.writable {
            let outbox = endpoint.send_buffer();
            if !outbox.has_remaining() {
                break;
            }
            let written = outbox.gather(|slices| match slices {
                [only] => self.socket.write(only),
                many => self.socket.write_vectored(many),
            });
            match written {
                Ok(n) => endpoint.sent(now, n),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.writable = false;
                    // From now on the connection counts how long nothing is taken.
                    endpoint.sent(now, 0);
                    break;
                }
                Err(error) => endpoint.send_failed(now, error.kind().into()),
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
    fn receive(&mut self, turn: &mut Turn<'_>) -> bool {
        if !self.readable {
            return false;
        }
        let endpoint = self.phase.endpoint();
        endpoint.lend(turn.stage);
        let buf = endpoint.recv_buffer();
        let room = buf.len();
        if room == 0 {
            // Not now: what has arrived must be taken first, or nothing more matters.
            return false;
        }
        match self.socket.read(buf) {
            Ok(0) => endpoint.received_eof(turn.now),
            Ok(n) => {
                endpoint.received(turn.now, n);
                // Where sockets report each arrival, one that had less than there was room for is empty.
                self.readable = n == room || self.ended || !cfg!(unix);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                return false;
            }
            Err(error) => endpoint.receive_failed(turn.now, error.kind().into()),
        }
        true
    }
}

fn accept(handshake: ServerHandshake, turn: &mut Turn<'_>) -> Result<Connection, Rejection> {
    let now = turn.now;
    let accepted = handshake.request(now)?.accept(&Acceptance::new(), now)?;
    let connection = Connection::from_accepted(accepted, Arc::clone(turn.config), now);
    Ok(match &mut turn.rng {
        // Those who came together are not all pinged together.
        Some(rng) => {
            connection.with_jitter(Jitter::draw(&mut |dest: &mut [u8]| rng.fill_bytes(dest)), now)
        }
        None => connection,
    })
}

/// Sees to every message while it is lent, as long as there is room.
///
/// Taking no events is back-pressure: then the inbox fills, its buffer becomes empty, the socket is
/// not read, and a peer that does not read its echoes cannot send more.
fn serve(connection: &mut Connection, turn: &mut Turn<'_>) {
    while connection.has_room()
        && let Some((event, mut sender)) = connection.poll_event_with_sender()
    {
        if let Work::Echo = turn.work
            && let Event::Message(message) = event
        {
            // Refused only if the connection is closing, and then `Closed` is on its way.
            let _ = sender.send(message);
        } else {
            take(event, turn);
        }
    }
}

/// Apart, so that the message that is echoed above stays in registers.
#[inline(never)]
fn take(event: Event<'_>, turn: &mut Turn<'_>) {
    if let Event::Message(message) = event {
        turn.said.push(PreparedMessage::new(&message));
    } else if let Event::Closed(closed) = event {
        (turn.closed)(&closed);
    }
}
