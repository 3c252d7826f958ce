//! A session that several tasks share: handles that send, a stream of events.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::driving::Driving;
use super::line::{Connect, Line};
use super::{Driver, Timer, Transport, WebSocket};
use crate::error::SendError;
use crate::frame::CloseCode;
use crate::message::Message;
use crate::session::{
    Delegate, Event, MessageId, Outcome, Reachability, SendOptions, Session, Settled, State,
    Statistics, Stopped,
};
use crate::time::{Duration, Instant};

/// What the handles, the events and the task that drives it share.
pub(super) struct Shared<T: Transport, C>(Mutex<Slot<T, C>>);

pub(super) struct Slot<T: Transport, C> {
    pub(super) driver: Driver<Session, T, C>,
    /// Of the task that drives it.
    pub(super) driving: Option<Waker>,
    pub(super) stopped: Option<Stopped>,
    events: VecDeque<Event<'static>>,
    /// Bytes of the messages among them.
    event_bytes: usize,
    /// Of the task that reads them, which there is.
    reader: Option<Waker>,
    has_reader: bool,
    missed: u64,
    /// Messages whose outcome somebody waits for.
    waiting: BTreeMap<MessageId, Waiting>,
    /// Handles, and the reader.
    holders: usize,
}

/// Somebody waits for an outcome.
enum Waiting {
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
    pub(super) fn lock(&self) -> MutexGuard<'_, Slot<T, C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the session something to do, and its task the work of doing it.
    fn command<R>(&self, command: impl FnOnce(&mut Session, Instant) -> R) -> R {
        let mut slot = self.lock();
        let now = slot.driver.timer().now();
        let result = command(slot.driver.endpoint_mut(), now);
        let wake = Wake(slot.driving.take());
        drop(slot);
        wake.now();
        result
    }

    fn ask<R>(&self, question: impl FnOnce(&Session, Instant) -> R) -> R {
        let slot = self.lock();
        question(slot.driver.endpoint(), slot.driver.timer().now())
    }

    fn hold(&self) {
        let mut slot = self.lock();
        slot.holders = slot.holders.saturating_add(1);
    }

    /// Nobody is left who could hear or say anything: it is closed in order.
    fn let_go(&self) {
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
        self.event_bytes = self.event_bytes.saturating_add(bytes(&event));
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
    )
}

fn bytes(event: &Event<'_>) -> usize {
    match event {
        Event::Message(message) => message.len(),
        Event::Piece(piece) => piece.payload.len(),
        Event::Connecting(_)
        | Event::Opened(_)
        | Event::Pong(_)
        | Event::Settled(_)
        | Event::Repeated(_)
        | Event::Error(_)
        | Event::Closed(_)
        | Event::Stopped(_) => 0,
    }
}

/// From here on messages wait to be taken from the connection: back-pressure.
const MOST_UNREAD: usize = 256;
const MOST_UNREAD_BYTES: usize = 1 << 20;

/// From here on nothing more is accepted whose outcome would have to be kept, and what passes is not.
const MOST_KEPT: usize = 4_096;

impl<K: Connect, C: Timer> Line<K, C> {
    /// Divides it into a handle, the events, and the future that drives it: spawn that. It goes on
    /// whether anybody reads the events or not, and is done when the session has stopped.
    ///
    /// Messages are events too: while a reader has 256 events, or 1 MiB, to read, further ones stay
    /// with the connection, and when that has no more room with the peer. Without a reader they are
    /// dropped.
    #[must_use]
    pub fn share(self) -> (Client<K::Transport, C>, Events<K::Transport, C>, Driving<K, C>) {
        let (driver, dial) = self.into_parts();
        let shared = Arc::new(Shared(Mutex::new(Slot {
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
        })));
        (Client(Arc::clone(&shared)), Events(Arc::clone(&shared)), Driving::new(shared, dial))
    }
}

/// A handle to a session that is driven elsewhere. Cloned, it serves several tasks.
///
/// When the last handle and the [`Events`] are dropped, the session is closed with 1001.
pub struct Client<T: Transport, C: Timer>(Arc<Shared<T, C>>);

impl<T: Transport, C: Timer> Clone for Client<T, C> {
    fn clone(&self) -> Self {
        self.0.hold();
        Self(Arc::clone(&self.0))
    }
}

impl<T: Transport, C: Timer> Drop for Client<T, C> {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

impl<T: Transport, C: Timer> Client<T, C> {
    /// Sends a message, and waits for its outcome: with the default [`SendOptions`], until the
    /// operating system has it. See [`send_with`](Self::send_with).
    pub fn send<'m>(&self, message: Message<'m>) -> Sending<'m, T, C> {
        self.send_with(message, SendOptions::default())
    }

    /// Accepts a message at once, as [`Session::send`] does, and waits for its outcome.
    ///
    /// Cancel safe: a message once accepted is sent, and when nobody waits for its outcome any more,
    /// that is an [`Event::Settled`].
    pub fn send_with<'m>(
        &self,
        message: Message<'m>,
        options: impl Into<SendOptions>,
    ) -> Sending<'m, T, C> {
        let accepted = self.accept(message, options.into(), true);
        Sending(accepted.map(|id| (Arc::clone(&self.0), id)).map_err(Some))
    }

    /// Accepts a message, as [`Session::send`] does. Its outcome is an [`Event::Settled`].
    ///
    /// # Errors
    ///
    /// As there; and [`Full`](SendError::Full) if 4,096 events wait to be read.
    pub fn post<'m>(
        &self,
        message: Message<'m>,
        options: impl Into<SendOptions>,
    ) -> Result<MessageId, SendError<Message<'m>>> {
        self.accept(message, options.into(), false)
    }

    fn accept<'m>(
        &self,
        message: Message<'m>,
        options: SendOptions,
        waits: bool,
    ) -> Result<MessageId, SendError<Message<'m>>> {
        let mut slot = self.0.lock();
        if slot.events.len() >= MOST_KEPT {
            return Err(SendError::Full(message));
        }
        let now = slot.driver.timer().now();
        let id = slot.driver.endpoint_mut().send(now, message, options)?;
        if waits {
            slot.waiting.insert(id, Waiting::For(None));
        }
        let wake = Wake(slot.driving.take());
        drop(slot);
        wake.now();
        Ok(id)
    }

    /// As [`Session::cancel`].
    pub fn cancel(&self, id: MessageId) -> bool {
        self.0.command(|session, _| session.cancel(id))
    }

    /// As [`Session::acknowledge`].
    pub fn acknowledge(&self, id: MessageId) -> bool {
        self.0.command(|session, _| session.acknowledge(id))
    }

    /// As [`Session::ready`].
    pub fn ready(&self) {
        self.0.command(|session, _| session.ready());
    }

    /// As [`Session::ping`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn ping(&self, payload: &[u8]) -> Result<(), SendError> {
        self.0.command(|session, _| session.ping(payload))
    }

    /// As [`Session::reachability`].
    pub fn reachability(&self, reachability: Reachability) {
        self.0.command(|session, now| session.reachability(now, reachability));
    }

    /// While the next attempt is waited for, tries at once. A session that has stopped stays so.
    pub fn connect(&self) {
        self.0.command(|session, now| {
            if session.state() != State::Stopped {
                session.connect(now);
            }
        });
    }

    /// As [`Session::suspend`].
    pub fn suspend(&self) {
        self.0.command(|session, now| session.suspend(now));
    }

    /// As [`Session::resume`].
    pub fn resume(&self) {
        self.0.command(|session, now| session.resume(now));
    }

    /// As [`Session::close`]: what drives it is done when that is.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.0.command(|session, now| session.close(now, code, reason))
    }

    /// As [`Session::finish`]: closes once every message has its outcome, or after `within`. What drives
    /// it is done when that is.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn finish(&self, code: CloseCode, reason: &str, within: Duration) -> Result<(), SendError> {
        self.0.command(|session, now| session.finish(now, code, reason, within))
    }

    /// As [`Session::abort`].
    pub fn abort(&self) {
        self.0.command(|session, _| session.abort());
    }

    /// Takes over an open connection, whose timer must have the same epoch as this one's: see
    /// [`Session::adopt`]. False if that connection is over.
    pub fn adopt(&self, websocket: WebSocket<T, C>) -> bool {
        let mut slot = self.0.lock();
        let adopted = slot.driver.adopt(websocket);
        let wake = Wake(slot.driving.take());
        drop(slot);
        wake.now();
        adopted
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.ask(|session, _| session.state())
    }

    /// In how much time the next attempt begins, if one is waited for.
    #[must_use]
    pub fn retry_in(&self) -> Option<Duration> {
        self.0.ask(|session, now| session.retry_at().map(|at| at.saturating_since(now)))
    }

    /// As [`Session::buffered_amount`].
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.0.ask(|session, _| session.buffered_amount())
    }

    /// As [`Session::queued_messages`].
    #[must_use]
    pub fn queued_messages(&self) -> usize {
        self.0.ask(|session, _| session.queued_messages())
    }

    /// The subprotocol of the connection that is open, or was last.
    #[must_use]
    pub fn subprotocol(&self) -> Option<alloc::string::String> {
        self.0.ask(|session, _| session.agreement().subprotocol.clone())
    }

    /// As [`Session::statistics`].
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.0.ask(|session, _| session.statistics())
    }
}

/// A message on its way to its outcome: see [`Client::send_with`].
///
/// # Errors
///
/// As [`Session::send`], with the message.
#[must_use = "a message that is refused is given back here"]
pub struct Sending<'m, T: Transport, C: Timer>(
    Result<(Arc<Shared<T, C>>, MessageId), Option<SendError<Message<'m>>>>,
);

impl<T: Transport, C: Timer> Sending<'_, T, C> {
    /// Which message it is, if it was accepted.
    #[must_use]
    pub fn id(&self) -> Option<MessageId> {
        self.0.as_ref().ok().map(|(_, id)| *id)
    }
}

impl<T: Transport, C: Timer> Unpin for Sending<'_, T, C> {}

impl<'m, T: Transport, C: Timer> Future for Sending<'m, T, C> {
    type Output = Result<Outcome, SendError<Message<'m>>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (shared, id) = match &mut self.0 {
            Ok(accepted) => accepted,
            Err(refused) => return refused.take().map_or(Poll::Pending, |e| Poll::Ready(Err(e))),
        };
        let mut slot = shared.lock();
        match slot.waiting.get_mut(id) {
            Some(Waiting::For(waker)) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Waiting::Done(settled)) => {
                let outcome = settled.outcome;
                slot.waiting.remove(id);
                Poll::Ready(Ok(outcome))
            }
            // It was told before.
            None => Poll::Pending,
        }
    }
}

impl<T: Transport, C: Timer> Drop for Sending<'_, T, C> {
    fn drop(&mut self) {
        let Ok((shared, id)) = &self.0 else { return };
        let mut slot = shared.lock();
        let wake = match slot.waiting.remove(id) {
            Some(Waiting::Done(settled)) => slot.publish(Event::Settled(settled)),
            Some(Waiting::For(_)) | None => Wake(None),
        };
        drop(slot);
        wake.now();
    }
}

/// What a shared session has to say. Outcomes that somebody waits for are told to them alone.
pub struct Events<T: Transport, C: Timer>(Arc<Shared<T, C>>);

impl<T: Transport, C: Timer> Events<T, C> {
    /// Waits for the next event. `None` once the session has stopped.
    ///
    /// Cancel safe: an event is only taken when it is returned.
    #[expect(clippy::should_implement_trait, reason = "waits, as those of all streams do")]
    pub async fn next(&mut self) -> Option<Event<'static>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Tells `delegate` of every event, until the session has stopped.
    ///
    /// Cancel safe: an event is only taken when it is told.
    pub async fn tell(&mut self, delegate: &mut impl Delegate) {
        while let Some(event) = self.next().await {
            event.tell(delegate);
        }
    }

    /// How many events were not kept because 4,096 waited to be read: of those that say how things
    /// stood. Messages and outcomes are always kept.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.0.lock().missed
    }

    /// A handle to the session.
    #[must_use]
    pub fn client(&self) -> Client<T, C> {
        self.0.hold();
        Client(Arc::clone(&self.0))
    }

    fn poll_event(&self, cx: &Context<'_>) -> Poll<Option<Event<'static>>> {
        let mut slot = self.0.lock();
        let was_full = slot.is_full();
        let Some(event) = slot.events.pop_front() else {
            if slot.stopped.is_some() {
                return Poll::Ready(None);
            }
            slot.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        slot.event_bytes = slot.event_bytes.saturating_sub(bytes(&event));
        // There is room again for what waits with the connection.
        let wake = Wake(if was_full && !slot.is_full() { slot.driving.take() } else { None });
        drop(slot);
        wake.now();
        Poll::Ready(Some(event))
    }
}

impl<T: Transport, C: Timer> Drop for Events<T, C> {
    fn drop(&mut self) {
        let mut slot = self.0.lock();
        slot.has_reader = false;
        slot.reader = None;
        let events = core::mem::take(&mut slot.events);
        slot.event_bytes = 0;
        drop(slot);
        drop(events);
        self.0.let_go();
    }
}

#[cfg(feature = "futures")]
impl<T: Transport, C: Timer> futures_core::Stream for Events<T, C> {
    type Item = Event<'static>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(cx)
    }
}
