//! What was promised of events and messages, and whether it is kept.

use std::collections::{BTreeMap, BTreeSet};

use longwire::Instant;
use longwire::session::{
    Delivery, Event, Loss, MessageId, Next, Outcome, SendOptions, SessionConfig, Settled,
};

/// A message that was accepted.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) text: String,
    pub(super) options: SendOptions,
    deadline: Option<Instant>,
    pub(super) outcome: Option<Outcome>,
    cancelled: bool,
    acknowledged: bool,
    repeated: usize,
    read: usize,
    /// Its transport failed while it held bytes back.
    doubtful: bool,
    /// By which connection, and how far that had got, it was said to be transmitted.
    transmitted: Option<(usize, usize)>,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) entries: BTreeMap<MessageId, Entry>,
    by_text: BTreeMap<String, MessageId>,
    current: Option<u64>,
    opened: bool,
    attempts: u64,
    /// The latest message that was read for the first time.
    reached: Option<MessageId>,
    /// The latest read of this connection, of those that go first and of the others.
    last: [Option<MessageId>; 2],
    pub(super) stopped: usize,
}

impl Ledger {
    pub(super) fn accept(
        &mut self,
        id: MessageId,
        text: String,
        options: SendOptions,
        now: Instant,
    ) {
        let deadline = options.expires_in.map(|time| now + time);
        self.by_text.insert(text.clone(), id);
        let entry = Entry {
            text,
            options,
            deadline,
            outcome: None,
            cancelled: false,
            acknowledged: false,
            repeated: 0,
            read: 0,
            doubtful: false,
            transmitted: None,
        };
        let before = self.entries.last_key_value().map(|(id, _)| *id);
        assert!(before < Some(id), "identifiers grow");
        self.entries.insert(id, entry);
    }

    pub(super) fn cancel(&mut self, id: MessageId) {
        self.entries.get_mut(&id).expect("known").cancelled = true;
    }

    pub(super) fn acknowledge(&mut self, id: MessageId) {
        let entry = self.entries.get_mut(&id).expect("known");
        assert_eq!(entry.options.delivery, Delivery::Acknowledged);
        entry.acknowledged = true;
    }

    pub(super) fn unsettled(&self) -> usize {
        self.entries.values().filter(|entry| entry.outcome.is_none()).count()
    }

    /// Of those without an outcome, the nth that was read.
    pub(super) fn nth(&self, n: usize, read: bool) -> Option<MessageId> {
        let open = |entry: &Entry| entry.outcome.is_none() && (!read || entry.read > 0);
        let open = self.entries.iter().filter(|(_, entry)| open(entry)).map(|(id, _)| *id);
        let open: Vec<_> = open.collect();
        open.get(n.checked_rem(open.len())?).copied()
    }

    /// All that are to be acknowledged and were read.
    pub(super) fn to_acknowledge(&self) -> Vec<MessageId> {
        let waits = |entry: &Entry| {
            entry.options.delivery == Delivery::Acknowledged
                && entry.outcome.is_none()
                && entry.read > 0
        };
        self.entries.iter().filter(|(_, entry)| waits(entry)).map(|(id, _)| *id).collect()
    }

    pub(super) fn in_doubt(&mut self) {
        for entry in self.entries.values_mut() {
            entry.doubtful |= entry.outcome.is_none();
        }
    }

    pub(super) fn connected(&mut self) {
        self.last = [None; 2];
    }

    /// The peer has read a message.
    pub(super) fn read(&mut self, text: &str) {
        let id = *self.by_text.get(text).expect("what is read was sent");
        let entry = self.entries.get_mut(&id).expect("known");
        entry.read += 1;
        let first = entry.options.first;
        let last = &mut self.last[usize::from(first)];
        assert!(*last < Some(id), "{id} was read after {last:?}");
        *last = Some(id);
        if entry.read == 1 && !first {
            assert!(self.reached < Some(id), "{id} comes late, after {:?}", self.reached);
            self.reached = Some(id);
        }
    }

    /// `flushed`: which connection it is, and how many of its bytes are known to have left.
    pub(super) fn note(
        &mut self,
        event: &Event<'static>,
        now: Instant,
        flushed: (usize, usize),
        config: &SessionConfig,
    ) {
        match event {
            Event::Connecting(attempt) => {
                assert_eq!(self.current, None, "one attempt at a time");
                assert!(attempt.get() > self.attempts, "attempts grow");
                self.attempts = attempt.get();
                self.current = Some(attempt.get());
                self.opened = false;
            }
            Event::Opened(opened) => {
                assert_eq!(self.current, Some(opened.attempt.get()));
                assert!(!self.opened, "opened once");
                self.opened = true;
            }
            Event::Closed(closed) => {
                assert_eq!(self.current.take(), Some(closed.attempt.get()), "one end an attempt");
                assert_eq!(closed.opened.is_some(), self.opened);
                if let Next::Retry { after, .. } = closed.next {
                    let most = config.backoff.cap.max(super::secs(7)) + super::secs(6);
                    assert!(after <= most, "{after:?}");
                }
            }
            Event::Settled(settled) => self.settle(*settled, now, flushed, config),
            Event::Repeated(id) => {
                let entry = self.entries.get_mut(id).expect("known");
                assert_eq!(entry.outcome, None);
                assert_ne!(entry.options.delivery, Delivery::Transmitted, "at most once");
                entry.repeated += 1;
            }
            Event::Stopped(_) => {
                assert_eq!(self.current, None);
                self.stopped += 1;
            }
            Event::Message(_) | Event::Piece(_) | Event::Pong(_) | Event::Error(_) => {
                assert!(self.opened, "only of an open connection: {event:?}");
            }
            other => panic!("no such event: {other:?}"),
        }
    }

    fn settle(
        &mut self,
        settled: Settled,
        now: Instant,
        flushed: (usize, usize),
        config: &SessionConfig,
    ) {
        let entry = self.entries.get_mut(&settled.id).expect("known");
        assert_eq!(entry.outcome, None, "one outcome a message: {settled:?}");
        entry.outcome = Some(settled.outcome);
        let delivery = entry.options.delivery;
        match settled.outcome {
            Outcome::Transmitted => {
                assert_eq!(delivery, Delivery::Transmitted);
                entry.transmitted = Some(flushed);
            }
            Outcome::Received => {
                assert_eq!(delivery, Delivery::Received);
                assert!(entry.read > 0, "{} was not read", settled.id);
            }
            Outcome::Acknowledged => assert!(entry.acknowledged),
            Outcome::Expired => assert!(entry.deadline.expect("it has one") <= now),
            Outcome::Cancelled => assert!(entry.cancelled),
            Outcome::Lost(Loss::Overflow) => assert!(config.max_queued_messages > 0),
            Outcome::Lost(Loss::Disconnected) => {
                assert!(entry.options.first || entry.options.volatile || entry.doubtful);
            }
            Outcome::Lost(Loss::Stopped) => {}
            Outcome::Lost(Loss::Unconfirmed) => {
                assert!(settled.transmissions >= config.max_transmissions);
            }
            other @ (Outcome::Lost(_) | _) => panic!("no such outcome: {other:?}"),
        }
        assert_eq!(entry.cancelled, settled.outcome == Outcome::Cancelled);
        assert_eq!(entry.acknowledged, settled.outcome == Outcome::Acknowledged);
    }

    /// When all events were taken.
    pub(super) fn check_repetitions(&self) {
        for (id, Entry { read, repeated, .. }) in &self.entries {
            assert!(*read <= 1 + repeated, "{id} was read {read} times, {repeated} announced");
        }
    }

    /// `ends`: of the messages that left whole, by which connection and where in its bytes.
    pub(super) fn check_transmitted(&self, ends: &BTreeMap<String, BTreeSet<(usize, usize)>>) {
        for entry in self.entries.values() {
            let Some(said) = entry.transmitted else { continue };
            let first = ends.get(&entry.text).and_then(BTreeSet::first);
            let left = first.is_some_and(|first| *first <= said);
            assert!(left, "said to have left by {said:?}, which was {first:?}");
        }
    }
}
