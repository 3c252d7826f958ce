//! What the handles of a session, its reader and the task that drives it share.

use alloc::collections::{BTreeMap, VecDeque};
use core::task::Waker;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Driver, Timer, Transport};
use crate::frame::CloseCode;
use crate::session::{Event, MessageId, Session, Settled, Stopped};
use crate::time::Instant;

/// What the handles, the events and the task that drives it share.
pub(super) struct Shared<T: Transport, C>(Mutex<Slot<T, C>>);

pub(super) struct Slot<T: Transport, C> {
    pub(super) driver: Driver<Session, T, C>,
    /// Of the task that drives it.
    pub(super) driving: Option<Waker>,
    pub(super) stopped: Option<Stopped>,
    pub(super) events: VecDeque<Event<'static>>,
    /// Bytes of the messages among them.
    pub(super) event_bytes: usize,
    /// Of the task that reads them, which there is.
    pub(super) reader: Option<Waker>,
    pub(super) has_reader: bool,
    pub(super) missed: u64,
    /// Messages whose outcome somebody waits for.
    pub(super) waiting: BTreeMap<MessageId, Waiting>,
    /// Handles, and the reader.
    holders: usize,
}

/// Somebody waits for an outcome.
pub(super) enum Waiting {
    For(Option<Waker>),
    Done(Settled),
}

/// Whom to wake, once nothing is locked: waking may run anything.
#[must_use]
pub(super) struct Wake(pub(super) Option<Waker>);

impl Wake {
    pub(super) fn now(self) {
        if let Some(waker) = self.0 {
            waker.wake();
        }
    }
}

impl<T: Transport, C: Timer> Shared<T, C> {
    /// Of a handle and a reader.
    pub(super) fn new(driver: Driver<Session, T, C>) -> Self {
        Self(Mutex::new(Slot {
            driver,
            driving: None,
            stopped: None,
            events: VecDeque::new(),
            event_bytes: 0,
            reader: None,
            has_reader: true,
            missed: 0,
            waiting: BTreeMap::new(),
            holders: 2,
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Slot<T, C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the session something to do, and its task the work of doing it.
    pub(super) fn command<R>(&self, command: impl FnOnce(&mut Session, Instant) -> R) -> R {
        let mut slot = self.lock();
        let now = slot.driver.timer().now();
        let result = command(slot.driver.endpoint_mut(), now);
        let wake = Wake(slot.driving.take());
        drop(slot);
        wake.now();
        result
    }

    pub(super) fn ask<R>(&self, question: impl FnOnce(&Session, Instant) -> R) -> R {
        let slot = self.lock();
        question(slot.driver.endpoint(), slot.driver.timer().now())
    }

    pub(super) fn hold(&self) {
        let mut slot = self.lock();
        slot.holders = slot.holders.saturating_add(1);
    }

    /// Nobody is left who could hear or say anything: it is closed in order.
    pub(super) fn let_go(&self) {
        let mut slot = self.lock();
        slot.holders = slot.holders.saturating_sub(1);
        if slot.holders == 0 {
            let now = slot.driver.timer().now();
            let _ = slot.driver.endpoint_mut().close(now, CloseCode::GOING_AWAY, "");
        }
        let wake = Wake(slot.driving.take());
        drop(slot);
        wake.now();
    }
}

impl<T: Transport, C> Slot<T, C> {
    /// Whether the reader has enough to read. Messages then stay where they are.
    pub(super) fn is_full(&self) -> bool {
        self.has_reader
            && (self.events.len() >= MOST_UNREAD || self.event_bytes >= MOST_UNREAD_BYTES)
    }

    /// Tells whom it concerns, and says whom to wake.
    pub(super) fn publish(&mut self, event: Event<'static>) -> Wake {
        if let Event::Settled(settled) = event
            && let Some(waiting) = self.waiting.get_mut(&settled.id)
        {
            let before = core::mem::replace(waiting, Waiting::Done(settled));
            return Wake(match before {
                Waiting::For(waker) => waker,
                Waiting::Done(_) => None,
            });
        }
        if let Event::Stopped(stopped) = event {
            self.stopped = Some(stopped);
        }
        if !self.has_reader {
            return Wake(None);
        }
        if self.events.len() >= MOST_KEPT && is_passing(&event) {
            self.missed = self.missed.saturating_add(1);
            return Wake(None);
        }
        self.event_bytes = self.event_bytes.saturating_add(event.payload_len());
        self.events.push_back(event);
        Wake(self.reader.take())
    }
}

/// Whether an event says how things stood, and something later says how they stand.
fn is_passing(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::Connecting(_)
            | Event::Opened(_)
            | Event::Closed(_)
            | Event::Error(_)
            | Event::Pong(_)
            | Event::Repeated(_)
    )
}

/// From here on messages wait to be taken from the connection: back-pressure.
const MOST_UNREAD: usize = 256;
const MOST_UNREAD_BYTES: usize = 1 << 20;

/// From here on nothing more is accepted whose outcome would have to be kept, and what passes is not.
pub(super) const MOST_KEPT: usize = 4_096;
