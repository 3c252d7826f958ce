//! The session under test, with everything around it.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use longwire::session::{
    Attempt, Delivery, MessageId, Reachability, SendOptions, Session, SessionConfig, State,
};
use longwire::time::Duration;
use longwire::{CloseCode, Endpoint, Instant, Message, SendError};

use super::super::source::Lcg;
use super::super::wire;
use super::ledger::Ledger;
use super::network::{Answer, Link};
use super::peer::Pongs;
use super::secs;

pub(super) struct World {
    pub(super) session: Session,
    pub(super) now: Instant,
    pub(super) adopting: bool,
    pub(super) link: Option<Link>,
    /// An attempt that somebody works at.
    pub(super) dialling: Option<Attempt>,
    pub(super) old: Vec<Attempt>,
    pub(super) answer: Answer,
    pub(super) pongs: Pongs,
    pub(super) ledger: Ledger,
    /// What every connection's transport took, without what it held back at its end.
    pub(super) wires: Vec<Vec<u8>>,
    /// How much of the last is known to have left.
    pub(super) flushed: usize,
    pub(super) sent: usize,
    pub(super) longest: usize,
    /// Closed for good, and not begun again.
    pub(super) over: bool,
}

pub(super) fn random(seed: u64) -> impl FnMut(&mut [u8]) + Send + 'static {
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
            && self.session.cancel(self.now, id)
        {
            self.ledger.cancel(id);
            assert!(!self.session.cancel(self.now, id), "once");
        }
    }

    pub(super) fn acknowledge(&mut self, n: usize) {
        if let Some(id) = self.ledger.nth(n, true) {
            self.acknowledge_one(id);
        }
    }

    fn acknowledge_one(&mut self, id: MessageId) {
        if self.session.acknowledge(self.now, id) {
            self.ledger.acknowledge(id);
            assert!(!self.session.acknowledge(self.now, id), "once");
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

    pub(super) fn check(&self) {
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
        self.send(SendOptions::new(Delivery::Received), 1);
        let deadline = self.now + secs(100);
        self.run(deadline, |world| world.ledger.unsettled() == 0);
        assert_eq!(self.ledger.unsettled(), 0, "in {:?}", self.session.state());
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
