//! Who is connected, what is waited for, and whose turn it is.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::mem;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use longwire::buffer::Stage;
use longwire::{Closed, Config, Instant, PreparedMessage};
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use rand::rngs::StdRng;

use super::peer::{Alarm, Peer, Turn, Work};

/// Drives all its connections, one at a time.
pub(crate) struct Server {
    poll: Poll,
    listener: mio::net::TcpListener,
    config: Arc<Config>,
    work: Work,
    closed: fn(&Closed),
    epoch: std::time::Instant,
    /// By token. What is reported or rings for one that has gone does its successor no harm.
    peers: Vec<Option<Peer>>,
    vacant: Vec<Token>,
    /// When to look after whom. An alarm that rings early does no harm, so none is taken back.
    alarms: Alarms,
    /// Those that could go on, but must let others in first.
    unfinished: Vec<Token>,
    rng: Option<StdRng>,
    /// Where all of them receive.
    stage: Stage,
    /// What was said to all.
    said: Vec<PreparedMessage>,
}

type Alarms = BTreeMap<Instant, Vec<Token>>;

const LISTENER: Token = Token(usize::MAX);

/// How long nobody is accepted when that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// How many sockets are looked after at a time.
const EVENTS: usize = 1024;

impl Server {
    /// `closed` hears how each connection ended. `rng` spreads their heartbeats.
    pub(crate) fn new(
        listener: TcpListener,
        config: Config,
        work: Work,
        closed: fn(&Closed),
        rng: Option<StdRng>,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let poll = Poll::new()?;
        let mut listener = mio::net::TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            config: config.into(),
            work,
            closed,
            epoch: std::time::Instant::now(),
            peers: Vec::new(),
            vacant: Vec::new(),
            alarms: BTreeMap::new(),
            unfinished: Vec::new(),
            rng,
            stage: Stage::new(),
            said: Vec::new(),
        })
    }

    /// Serves until the poller fails.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            self.turn(&mut events)?;
        }
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }

    /// Waits until something happens or is due, and sees to it.
    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        let next = self.alarms.keys().next().map(|at| at.saturating_since(self.now()));
        let wait = if self.unfinished.is_empty() { next } else { Some(Duration::ZERO) };
        match self.poll.poll(events, wait) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        let now = self.now();
        for token in mem::take(&mut self.unfinished) {
            self.drive(token, now);
        }
        for event in &*events {
            self.note(event);
            if event.token() == LISTENER {
                self.accept(now);
            } else {
                self.drive(event.token(), now);
            }
        }
        // One that is set meanwhile, though it is due, waits for the next turn: others come first.
        let later = self.alarms.split_off(&(now + Duration::from_nanos(1)));
        for (at, tokens) in mem::replace(&mut self.alarms, later) {
            for token in tokens {
                self.ring(token, at, now);
            }
        }
        Ok(())
    }

    fn peer(&mut self, token: Token) -> Option<&mut Peer> {
        self.peers.get_mut(token.0)?.as_mut()
    }

    fn note(&mut self, event: &Event) {
        if let Some(peer) = self.peer(event.token()) {
            peer.ended |= event.is_read_closed() || event.is_error();
            peer.readable |= event.is_readable() || peer.ended;
            peer.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
        }
    }

    fn ring(&mut self, token: Token, at: Instant, now: Instant) {
        if token == LISTENER {
            return self.accept(now);
        }
        let Some(peer) = self.peers.get_mut(token.0).and_then(Option::as_mut) else { return };
        if peer.alarm.is_none_or(|alarm| alarm.at != at) {
            // An earlier one took its place.
            return;
        }
        peer.alarm = None;
        if peer.poll_timeout().is_some_and(|at| at <= now) {
            self.drive(token, now);
        } else {
            Self::set_alarm(&mut self.alarms, peer, token, now);
        }
    }

    fn accept(&mut self, now: Instant) {
        loop {
            let accepted = self.listener.accept().and_then(|(mut socket, _)| {
                socket.set_nodelay(true)?;
                let token = self.vacant.last().copied().unwrap_or(Token(self.peers.len()));
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.poll.registry().register(&mut socket, token, interest)?;
                Ok((socket, token))
            });
            match accepted {
                Ok((socket, token)) => {
                    let peer = Some(Peer::new(socket, &self.config, now));
                    if self.vacant.pop().is_none() {
                        self.peers.push(peer);
                    } else if let Some(seat) = self.peers.get_mut(token.0) {
                        *seat = peer;
                    }
                    self.drive(token, now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Out of file descriptors, as a rule: some are about to be freed.
                Err(error) => {
                    eprintln!("accept: {error}");
                    return self.alarms.entry(now + PAUSE).or_default().push(LISTENER);
                }
            }
        }
    }

    fn drive(&mut self, token: Token, now: Instant) {
        let Some(seat) = self.peers.get_mut(token.0) else { return };
        let Some(peer) = seat else { return };
        let mut turn = Turn {
            now,
            config: &self.config,
            work: self.work,
            closed: self.closed,
            rng: self.rng.as_mut(),
            stage: &mut self.stage,
            said: &mut self.said,
        };
        if peer.drive(&mut turn) {
            if peer.unfinished {
                self.unfinished.push(token);
            }
            Self::set_alarm(&mut self.alarms, peer, token, now);
        } else {
            *seat = None;
            self.vacant.push(token);
        }
        self.tell_all();
    }

    /// Sets an alarm for the peer's deadline, unless an earlier one is set.
    fn set_alarm(alarms: &mut Alarms, peer: &mut Peer, token: Token, now: Instant) {
        // A deadline that moves away, as each byte received moves the heartbeat's, costs nothing.
        if let Some(at) = peer.poll_timeout()
            && peer.alarm.is_none_or(|alarm| at < alarm.deadline)
        {
            // Many of them are then at one instant.
            let alarm = Alarm { deadline: at, at: at.gathered(now) };
            peer.alarm = Some(alarm);
            alarms.entry(alarm.at).or_default().push(token);
        }
    }

    /// Passes on what a peer has just said, so that no more is kept than one can say in its turn.
    fn tell_all(&mut self) {
        if self.said.is_empty() {
            return;
        }
        for message in self.said.drain(..) {
            for peer in self.peers.iter_mut().flatten() {
                peer.tell(&message);
            }
        }
        self.unfinished.clear();
        self.unfinished.extend((0..self.peers.len()).map(Token));
    }
}
