//! The messages of a session, from being accepted until their outcome.
//!
//! ```text
//!   accept ─► waiting ─────► handed ────────► transmitted ─► confirmed ─► settled
//!             │   ▲     to the connection,    its last byte   by a ping,
//!             │   │     in the order of       has left        by the application
//!             │   │     the wire
//!             │   └────── the connection is lost ─┘
//!             └─► expired, cancelled, overflown ─────────────────────────► settled
//! ```
//!
//! Identifiers grow, and what is sent again keeps its own: so the waiting set, by identifier, has what
//! is sent again before what is newer, each in its order (R8).

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::mem;

use super::config::{Overflow, SessionConfig};
use super::event::Event;
use super::message::{Delivery, Loss, MessageId, Outcome, SendOptions, Settled};
use super::news::News;
use crate::error::SendError;
use crate::message::Message;
use crate::time::{Duration, Instant};

/// A message that has no outcome yet.
struct Entry {
    message: Message<'static>,
    options: SendOptions,
    deadline: Option<Instant>,
    /// When it should have been acknowledged.
    due: Option<Instant>,
    stage: Stage,
    /// How often it was transmitted whole.
    transmissions: u32,
    /// It counts as buffered: it is to be transmitted, perhaps again.
    buffered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Handed,
    Transmitted,
}

#[derive(Default)]
pub(super) struct Queue {
    entries: BTreeMap<MessageId, Entry>,
    last_id: u64,
    waiting: BTreeSet<MessageId>,
    /// Those of this connection that go before.
    first: VecDeque<MessageId>,
    /// In the order of the wire. `None` is the heartbeat.
    handed: VecDeque<Option<MessageId>>,
    /// To be confirmed by a ping, and handed over after the last one.
    unfenced: VecDeque<MessageId>,
    /// To be confirmed by the ping that is on its way.
    fenced: VecDeque<MessageId>,
    /// To be acknowledged, and until when.
    unacknowledged: BTreeSet<(Instant, MessageId)>,
    /// Those that wait and have one.
    deadlines: BTreeSet<(Instant, MessageId)>,
    bytes: usize,
    /// Of those that are to be transmitted.
    buffered: usize,
}

/// What became of messages when their connection was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Requeued {
    /// They cannot have arrived.
    pub(super) unsent: u64,
    /// They may have.
    pub(super) repeated: u64,
}

/// What was transmitted next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Message,
    Heartbeat,
}

impl Queue {
    /// Accepts a message, or gives it back.
    pub(super) fn accept<'m>(
        &mut self,
        message: Message<'m>,
        options: SendOptions,
        config: &SessionConfig,
        now: Instant,
        news: &mut News,
    ) -> Result<MessageId, SendError<Message<'m>>> {
        if !has_room(self.entries.len(), self.bytes, message.len(), config) {
            match config.overflow {
                Overflow::Refuse => return Err(SendError::Full(message)),
                Overflow::DropOldest => {
                    if !self.drop_oldest(message.len(), config, news) {
                        return Err(SendError::Full(message));
                    }
                }
                Overflow::DropNewest => return Ok(self.drop_newest(Loss::Overflow, news)),
            }
        }
        Ok(self.insert(message.into_owned(), options, now))
    }

    /// Takes a message in without asking for room: it is handed over at once.
    pub(super) fn insert(
        &mut self,
        message: Message<'static>,
        options: SendOptions,
        now: Instant,
    ) -> MessageId {
        let id = self.next_id();
        let deadline = options.expires_in.map(|time| now.saturating_add(time));
        self.bytes = self.bytes.saturating_add(message.len());
        self.buffered = self.buffered.saturating_add(message.len());
        if options.first {
            self.first.push_back(id);
        } else {
            self.waiting.insert(id);
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, id));
        }
        let entry = Entry {
            message,
            options,
            deadline,
            due: None,
            stage: Stage::Waiting,
            transmissions: 0,
            buffered: true,
        };
        self.entries.insert(id, entry);
        id
    }

    /// A message that has its outcome before it was taken in.
    pub(super) fn drop_newest(&mut self, loss: Loss, news: &mut News) -> MessageId {
        let id = self.next_id();
        let outcome = Outcome::Lost(loss);
        news.push(Event::Settled(Settled { id, outcome, transmissions: 0 }));
        id
    }

    fn next_id(&mut self) -> MessageId {
        self.last_id = self.last_id.saturating_add(1);
        MessageId(self.last_id)
    }

    /// Makes room for `len` bytes, or drops nothing.
    fn drop_oldest(&mut self, len: usize, config: &SessionConfig, news: &mut News) -> bool {
        let (mut count, mut bytes) = (self.entries.len(), self.bytes);
        let mut dropped = Vec::new();
        for id in &self.waiting {
            if has_room(count, bytes, len, config) {
                break;
            }
            let freed = self.entries.get(id).map_or(0, |entry| entry.message.len());
            (count, bytes) = (count.saturating_sub(1), bytes.saturating_sub(freed));
            dropped.push(*id);
        }
        if !has_room(count, bytes, len, config) {
            return false;
        }
        for id in dropped {
            self.settle(id, Outcome::Lost(Loss::Overflow), news);
        }
        true
    }

    /// The next message to hand over, of those that go before or of all. What has expired by `now`
    /// is settled on the way.
    pub(super) fn next(
        &mut self,
        all: bool,
        now: Instant,
        news: &mut News,
    ) -> Option<(&Message<'static>, SendOptions)> {
        loop {
            let id = self.next_waiting(all)?;
            let entry = self.entries.get(&id)?;
            if entry.deadline.is_some_and(|deadline| deadline <= now) {
                self.settle(id, Outcome::Expired, news);
                continue;
            }
            return self.entries.get(&id).map(|entry| (&entry.message, entry.options));
        }
    }

    fn next_waiting(&self, all: bool) -> Option<MessageId> {
        let first = self.first.front().copied();
        first.or_else(|| self.waiting.first().copied().filter(|_| all))
    }

    /// The message that was [`next`](Self::next) has been handed over.
    pub(super) fn hand_over(&mut self, all: bool, news: &mut News) {
        let Some(id) = self.next_waiting(all) else { return };
        if self.first.pop_front().is_none() {
            self.waiting.pop_first();
        }
        self.handed.push_back(Some(id));
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.stage = Stage::Handed;
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        if entry.options.delivery == Delivery::Received {
            self.unfenced.push_back(id);
        }
        if entry.transmissions > 0 {
            news.push(Event::Repeated(id));
        }
    }

    /// The heartbeat's message has been handed over.
    pub(super) fn hand_over_heartbeat(&mut self) {
        self.handed.push_back(None);
    }

    /// The connection's transport has taken the next message whole.
    pub(super) fn transmitted(&mut self, until: Instant, news: &mut News) -> Option<Taken> {
        let Some(id) = self.handed.pop_front()? else { return Some(Taken::Heartbeat) };
        let Some(entry) = self.entries.get_mut(&id) else { return Some(Taken::Message) };
        entry.stage = Stage::Transmitted;
        entry.transmissions = entry.transmissions.saturating_add(1);
        entry.buffered = false;
        self.buffered = self.buffered.saturating_sub(entry.message.len());
        match entry.options.delivery {
            Delivery::Transmitted => self.settle(id, Outcome::Transmitted, news),
            Delivery::Received => {}
            Delivery::Acknowledged => {
                entry.due = Some(until);
                self.unacknowledged.insert((until, id));
            }
        }
        Some(Taken::Message)
    }

    /// A ping goes behind everything that was handed over. Says how many messages it confirms.
    pub(super) fn fence(&mut self) -> usize {
        let count = self.unfenced.len();
        self.fenced.append(&mut self.unfenced);
        count
    }

    /// How many messages no ping confirms.
    pub(super) fn unfenced(&self) -> usize {
        self.unfenced.len()
    }

    /// The ping, or pings, behind the first `count` of them were answered.
    pub(super) fn confirm_fenced(&mut self, count: usize, news: &mut News) {
        for _ in 0..count {
            let Some(id) = self.fenced.pop_front() else { return };
            if let Some(entry) = self.entries.get_mut(&id)
                && entry.stage == Stage::Handed
            {
                // The transport has not said so, but it has passed it on.
                entry.transmissions = entry.transmissions.saturating_add(1);
            }
            self.settle(id, Outcome::Received, news);
        }
    }

    /// The first message that waits for the ping.
    pub(super) fn first_fenced(&self) -> Option<MessageId> {
        self.fenced.iter().copied().find(|id| self.entries.contains_key(id))
    }

    /// The application acknowledges a message. False if it has an outcome, or was not handed over.
    pub(super) fn acknowledge(&mut self, id: MessageId, news: &mut News) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else { return false };
        if entry.options.delivery != Delivery::Acknowledged {
            return false;
        }
        if entry.stage == Stage::Handed {
            // The transport has not said that it left, but it has.
            entry.transmissions = entry.transmissions.saturating_add(1);
        }
        let was_sent = entry.transmissions > 0;
        if was_sent {
            self.settle(id, Outcome::Acknowledged, news);
        }
        was_sent
    }

    /// The next acknowledgement that is due, and when.
    pub(super) fn next_unacknowledged(&self) -> Option<(Instant, MessageId)> {
        self.unacknowledged.first().copied()
    }

    /// All that wait for an acknowledgement have until `now` and `after`, if they had less.
    pub(super) fn postpone(&mut self, now: Instant, after: Duration) {
        let until = now.saturating_add(after);
        let later = self.unacknowledged.split_off(&(until, MessageId(0)));
        for (_, id) in mem::replace(&mut self.unacknowledged, later) {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.due = Some(until);
                self.unacknowledged.insert((until, id));
            }
        }
    }

    /// Takes back a message that has not been handed over, or is not on its way any more.
    pub(super) fn cancel(&mut self, id: MessageId, news: &mut News) -> bool {
        let waits = self.entries.get(&id).is_some_and(|entry| entry.stage == Stage::Waiting);
        if waits {
            self.settle(id, Outcome::Cancelled, news);
        }
        waits
    }

    /// Settles what has waited too long.
    pub(super) fn expire(&mut self, now: Instant, news: &mut News) {
        while let Some((_, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            self.settle(id, Outcome::Expired, news);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The connection is lost: what was not confirmed waits again, but for what is not to. Of the
    /// first `doubtful` that were on their way it cannot be told whether they left.
    pub(super) fn disconnected(
        &mut self,
        doubtful: u64,
        config: &SessionConfig,
        news: &mut News,
    ) -> Requeued {
        for _ in 0..doubtful {
            self.doubt(news);
        }
        self.handed.clear();
        self.unfenced.clear();
        self.fenced.clear();
        self.unacknowledged.clear();
        let mut requeued = Requeued::default();
        let on_their_way = |entry: &Entry| entry.stage != Stage::Waiting || entry.options.first;
        let ids: Vec<MessageId> = self
            .entries
            .iter()
            .filter(|(_, entry)| on_their_way(entry) || entry.options.volatile)
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            entry.stage = Stage::Waiting;
            entry.due = None;
            if entry.options.first || entry.options.volatile {
                self.settle(id, Outcome::Lost(Loss::Disconnected), news);
                continue;
            }
            if entry.transmissions >= config.max_transmissions.max(1) {
                self.settle(id, Outcome::Lost(Loss::Unconfirmed), news);
                continue;
            }
            if !entry.buffered {
                entry.buffered = true;
                self.buffered = self.buffered.saturating_add(entry.message.len());
            }
            if entry.transmissions > 0 {
                requeued.repeated = requeued.repeated.saturating_add(1);
            } else {
                requeued.unsent = requeued.unsent.saturating_add(1);
            }
            if let Some(deadline) = entry.deadline {
                self.deadlines.insert((deadline, id));
            }
            self.waiting.insert(id);
        }
        requeued
    }

    /// The transport took the next message, and held it back when it failed: it may have arrived.
    fn doubt(&mut self, news: &mut News) {
        let Some(Some(id)) = self.handed.pop_front() else { return };
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.transmissions = entry.transmissions.saturating_add(1);
        if entry.options.delivery == Delivery::Transmitted {
            self.settle(id, Outcome::Lost(Loss::Disconnected), news);
        }
    }

    /// The session stops: everything has its outcome now.
    pub(super) fn stop(&mut self, news: &mut News) {
        while let Some((id, _)) = self.entries.first_key_value() {
            let id = *id;
            self.settle(id, Outcome::Lost(Loss::Stopped), news);
        }
        self.first.clear();
        self.handed.clear();
        self.unfenced.clear();
        self.fenced.clear();
        self.unacknowledged.clear();
    }

    fn settle(&mut self, id: MessageId, outcome: Outcome, news: &mut News) {
        let Some(entry) = self.entries.remove(&id) else { return };
        let len = entry.message.len();
        self.bytes = self.bytes.saturating_sub(len);
        if entry.buffered {
            self.buffered = self.buffered.saturating_sub(len);
        }
        if let Some(due) = entry.due {
            self.unacknowledged.remove(&(due, id));
        }
        if entry.stage == Stage::Waiting {
            self.waiting.remove(&id);
            if entry.options.first {
                self.first.retain(|first| *first != id);
            }
            if let Some(deadline) = entry.deadline {
                self.deadlines.remove(&(deadline, id));
            }
        }
        let transmissions = entry.transmissions;
        news.push(Event::Settled(Settled { id, outcome, transmissions }));
    }

    /// Whether every message has its outcome.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether nothing waits to be handed over.
    pub(super) fn is_handed_over(&self) -> bool {
        self.waiting.is_empty() && self.first.is_empty()
    }

    /// Whether nothing is on its way, and no ping would confirm anything.
    pub(super) fn is_confirmed(&self) -> bool {
        self.handed.is_empty() && self.unfenced.is_empty() && self.fenced.is_empty()
    }

    /// Messages that wait to be sent, and how many of them may have arrived.
    pub(super) fn waiting(&self) -> (usize, usize) {
        let repeated =
            |id: &&MessageId| self.entries.get(id).is_some_and(|entry| entry.transmissions > 0);
        let count = self.waiting.len().saturating_add(self.first.len());
        (count, self.waiting.iter().filter(repeated).count())
    }

    /// Messages without an outcome.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of payload that are to be transmitted, perhaps again.
    pub(super) const fn buffered(&self) -> usize {
        self.buffered
    }
}

/// Whether there is room for `len` bytes beside `count` messages of `bytes`.
const fn has_room(count: usize, bytes: usize, len: usize, config: &SessionConfig) -> bool {
    count < config.max_queued_messages && bytes.saturating_add(len) <= config.max_queued_bytes
}
