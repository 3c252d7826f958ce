//! What both ends do: send the numbers from 1, write down what becomes of them and what arrives.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::io;

use longwire::session::{Delivery, Event, MessageId, Next, Outcome, Statistics};
use longwire::{Instant, Message, SendError};
use longwire_tests::runtime::{Line, Runtime};

use crate::args::Args;
use crate::journal::{Journal, Past};

/// What says that the other end has everything, and has had everything of its own confirmed.
pub(crate) const DONE: &str = "done";

/// One end's numbers, and its journal.
pub(crate) struct Flow {
    pub(crate) journal: Journal,
    messages: u64,
    rate: u32,
    size: usize,
    since: Instant,
    /// The number it began with, and the last one accepted.
    first: u64,
    accepted: u64,
    /// Those of an earlier process that are to be sent again, before newer ones.
    again: VecDeque<u64>,
    unsettled: BTreeMap<MessageId, Sent>,
    /// The queue was full, and there was no outcome since.
    full: bool,
    /// The peer's numbers are here up to this one.
    got: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Number(u64),
    Done,
}

/// What an event meant, beyond what was written down.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    Nothing,
    /// The peer is done.
    Done,
    /// The peer has heard that we are.
    DoneHeard,
    /// The connection is over; whether the peer closed it, and is content.
    Down {
        content: bool,
    },
    Stopped,
}

impl Flow {
    pub(crate) fn new(
        mut journal: Journal,
        past: Past,
        args: &Args,
        now: Instant,
    ) -> io::Result<Self> {
        let again: VecDeque<u64> = past.unconfirmed.into();
        // Whoever is killed does not know what had left: it may have arrived.
        for n in &again {
            journal.write(format_args!("repeated {n}"))?;
        }
        Ok(Self {
            journal,
            messages: args.messages,
            rate: args.rate,
            size: args.size,
            since: now,
            first: past.accepted,
            accepted: past.accepted,
            again,
            unsettled: BTreeMap::new(),
            full: false,
            got: past.got,
        })
    }

    /// Hands what is due by `now` to `accept`, as far as there is room.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        mut accept: impl FnMut(Message<'_>) -> Result<MessageId, SendError>,
    ) -> io::Result<()> {
        // Who is late sends many: others get their turn in between.
        for _ in 0..64 {
            if self.due().is_none_or(|due| due > now) {
                break;
            }
            let n = self.again.front().copied().unwrap_or(self.accepted + 1);
            // Written down first: what is not in the journal must not have been sent.
            if n > self.accepted {
                self.journal.write(format_args!("accepted {n}"))?;
                self.accepted = n;
                self.again.push_back(n);
            }
            match accept(Message::from(text(n, self.size).as_str())) {
                Ok(id) => {
                    self.again.pop_front();
                    self.unsettled.insert(id, Sent::Number(n));
                }
                Err(SendError::Full(())) => self.full = true,
                // It is closing, or has stopped.
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Sends by a line.
    pub(crate) fn send_by<R: Runtime>(&mut self, line: &mut Line<R>) -> io::Result<()> {
        let now = line.now();
        self.send(now, |message| {
            line.send(message, Delivery::Received).map_err(|refused| refused.kind())
        })
    }

    /// Tells the peer that it has everything.
    pub(crate) fn say_done<R: Runtime>(&mut self, line: &mut Line<R>) -> bool {
        match line.send(Message::from(DONE), Delivery::Received) {
            Ok(id) => self.unsettled.insert(id, Sent::Done).is_none(),
            Err(_) => false,
        }
    }

    /// Writes an event down.
    pub(crate) fn note(&mut self, event: &Event<'_>) -> io::Result<Meant> {
        match event {
            Event::Connecting(attempt) => {
                self.journal.write(format_args!("connecting {attempt}"))?;
            }
            Event::Opened(opened) => {
                let (attempt, repeated) = (opened.attempt, opened.repeated);
                self.journal.write(format_args!("open {attempt} {repeated}"))?;
            }
            Event::Message(message) => {
                if message.as_text() == Some(DONE) {
                    return Ok(Meant::Done);
                }
                self.got(message.as_text().unwrap_or("not text"))?;
            }
            Event::Settled(settled) => return self.settled(settled.id, settled.outcome),
            Event::Repeated(id) => {
                if let Some(Sent::Number(n)) = self.unsettled.get(id) {
                    self.journal.write(format_args!("repeated {n}"))?;
                }
            }
            Event::Closed(closed) => {
                let attempt = closed.attempt;
                let failure = &closed.failure;
                if let Next::Retry { after, .. } = closed.next {
                    let after = after.as_millis();
                    self.journal.write(format_args!("down {attempt} {after} {failure}"))?;
                } else {
                    self.journal.write(format_args!("down {attempt} - {failure}"))?;
                }
                return Ok(Meant::Down { content: is_content(failure) });
            }
            Event::Stopped(stopped) => {
                self.journal.write(format_args!("stopped {stopped}"))?;
                return Ok(Meant::Stopped);
            }
            Event::Piece(_) | Event::Pong(_) | Event::Error(_) | _ => {}
        }
        Ok(Meant::Nothing)
    }

    fn got(&mut self, message: &str) -> io::Result<()> {
        let number = message.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        let Some(n) = number.filter(|n| text(*n, self.size) == message) else {
            return self.journal.write(format_args!("wrong {} bytes", message.len()));
        };
        if n == self.got + 1 {
            self.got = n;
        }
        self.journal.write(format_args!("got {n}"))
    }

    fn settled(&mut self, id: MessageId, outcome: Outcome) -> io::Result<Meant> {
        self.full = false;
        match self.unsettled.remove(&id) {
            Some(Sent::Number(n)) => {
                self.journal.write(format_args!("outcome {n} {outcome}"))?;
                Ok(Meant::Nothing)
            }
            Some(Sent::Done) if outcome == Outcome::Received => Ok(Meant::DoneHeard),
            Some(Sent::Done) | None => Ok(Meant::Nothing),
        }
    }

    pub(crate) fn statistics(&mut self, s: &Statistics) -> io::Result<()> {
        let down = s.downtime.as_millis();
        self.journal.write(format_args!(
            "statistics attempts={} opened={} downtime={down} stale={} requeued={} repeated={} sent={} received={}",
            s.attempts, s.opened, s.stale_ignored, s.requeued, s.repeated, s.messages_sent,
            s.messages_received,
        ))
    }

    /// Everything of its own has been confirmed.
    fn is_settled(&self) -> bool {
        self.accepted >= self.messages && self.again.is_empty() && self.unsettled.is_empty()
    }

    /// And everything of the peer's is here.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_settled() && self.got >= self.messages
    }

    /// When the next one is to be sent.
    pub(crate) fn due(&self) -> Option<Instant> {
        if self.full {
            return None;
        }
        if !self.again.is_empty() {
            return Some(self.since);
        }
        let nanos = u128::from(self.accepted - self.first) * 1_000_000_000 / u128::from(self.rate);
        let after = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        (self.accepted < self.messages).then(|| self.since.saturating_add(after))
    }
}

/// A message that says its number, and is as long as that tells, `size` bytes more at most.
fn text(n: u64, size: usize) -> String {
    let more = usize::try_from(n).unwrap_or(usize::MAX).wrapping_mul(7_919) % (size + 1);
    format!("{n} {}", "x".repeat(more))
}

/// Whether the peer closed with 1000.
fn is_content(failure: &longwire::session::Failure) -> bool {
    let longwire::session::Failure::Closed(closed) = failure else { return false };
    closed.received.as_ref().is_some_and(|close| close.code == longwire::CloseCode::NORMAL)
}
