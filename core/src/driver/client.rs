//! A session that several tasks share: handles that send.

use alloc::sync::Arc;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::driving::Driving;
use super::events::Events;
use super::line::{Connect, Line};
use super::shared::{MOST_KEPT, Shared, Waiting, Wake};
use super::{Timer, Transport, WebSocket};
use crate::endpoint::Endpoint;
use crate::error::SendError;
use crate::frame::CloseCode;
use crate::message::Message;
#[cfg(doc)]
use crate::session::Session;
use crate::session::{
    Attempt, Event, MessageId, Outcome, Reachability, SendOptions, State, Statistics,
};
use crate::time::Duration;

/// A shared session: a handle to it, what it has to say, and what drives it.
pub type Parts<K, C> =
    (Client<<K as Connect>::Transport, C>, Events<<K as Connect>::Transport, C>, Driving<K, C>);

impl<K: Connect, C: Timer> Line<K, C> {
    /// Divides it into a handle, the events, and the future that drives it: spawn that. It goes on
    /// whether anybody reads the events or not, and is done when the session has stopped.
    ///
    /// Messages are events too: while a reader that does not read has 256 events, or 1 MiB, to read,
    /// further ones stay with the connection, and when that has no more room with the peer. With them
    /// stays what is behind them in the stream: pongs, and so every outcome
    /// [`Received`](Outcome::Received). If nobody is to read, drop the [`Events`]: messages are dropped
    /// then.
    ///
    /// What the session calls while it is driven ([`Transport`], [`Timer`], generators, rules of its
    /// configuration) must not use a handle: it would wait for itself. The connector may.
    pub fn share(self) -> Parts<K, C> {
        let Self { driver, dial, stopped } = self;
        let shared = Arc::new(Shared::new(driver));
        let driving = Driving::new(Arc::clone(&shared), dial, stopped);
        (Client(Arc::clone(&shared)), Events(shared), driving)
    }
}

/// A handle to a session that is driven elsewhere. Cloned, it serves several tasks. What the session calls
/// while it is driven must not use one: see [`Line::share`].
///
/// When the last handle and the [`Events`] are dropped, the session is closed with 1001.
pub struct Client<T: Transport, C: Timer>(pub(super) Arc<Shared<T, C>>);

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
    /// operating system has it. That is [`Outcome::Transmitted`], and may be lost when the connection is
    /// cut: [`send_with`](Self::send_with) can wait until the peer has it.
    pub fn send<'m>(&self, message: Message<'m>) -> Sending<'m, T, C> {
        self.send_with(message, SendOptions::default())
    }

    /// Accepts a message at once, as [`Session::send`] does, and waits for its outcome.
    ///
    /// Cancel safe: a message once accepted is sent, and when nobody waits for its outcome any more,
    /// that is an [`Event::Settled`], unless the reader has been told the end by then.
    pub fn send_with<'m>(
        &self,
        message: Message<'m>,
        options: impl Into<SendOptions>,
    ) -> Sending<'m, T, C> {
        match self.accept(message, options.into(), true) {
            Ok(id) => Sending(Course::Accepted { shared: Arc::clone(&self.0), id }),
            Err(error) => Sending(Course::Refused(Some(error))),
        }
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
        self.0.command(|session, now| session.cancel(now, id))
    }

    /// As [`Session::acknowledge`].
    pub fn acknowledge(&self, id: MessageId) -> bool {
        self.0.command(|session, now| session.acknowledge(now, id))
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
    /// it is done when that is: at most one `close_timeout` after `within`.
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
    /// [`Session::adopt`]. False, and the connection is dropped, if that is over, or the session has
    /// stopped: then nobody drives it any more.
    #[must_use = "a connection that is not taken over is dropped"]
    pub fn adopt(&self, websocket: WebSocket<T, C>) -> bool {
        let mut slot = self.0.lock();
        if slot.stopped.is_some() || slot.driver.endpoint().is_finished() {
            drop(slot);
            return false;
        }
        let (adopted, rest) = slot.driver.adopt(websocket);
        let wake = Wake(slot.driving.take());
        drop(slot);
        wake.now();
        // What the two had that is not needed is dropped here, outside the lock.
        drop(rest);
        adopted
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.ask(|session, _| session.state())
    }

    /// The state as pages number it: [`State::ready_state`].
    #[must_use]
    pub fn ready_state(&self) -> u16 {
        State::ready_state(self.state())
    }

    /// As [`Session::attempt`].
    #[must_use]
    pub fn attempt(&self) -> Option<Attempt> {
        self.0.ask(|session, _| session.attempt())
    }

    /// As [`Session::retries`].
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.0.ask(|session, _| session.retries())
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
pub struct Sending<'m, T: Transport, C: Timer>(Course<'m, T, C>);

enum Course<'m, T: Transport, C: Timer> {
    Accepted { shared: Arc<Shared<T, C>>, id: MessageId },
    Refused(Option<SendError<Message<'m>>>),
}

impl<T: Transport, C: Timer> Sending<'_, T, C> {
    /// Which message it is, if it was accepted.
    #[must_use]
    pub const fn id(&self) -> Option<MessageId> {
        match &self.0 {
            Course::Accepted { id, .. } => Some(*id),
            Course::Refused(_) => None,
        }
    }
}

impl<T: Transport, C: Timer> Unpin for Sending<'_, T, C> {}

impl<'m, T: Transport, C: Timer> Future for Sending<'m, T, C> {
    type Output = Result<Outcome, SendError<Message<'m>>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (shared, id) = match &mut self.0 {
            Course::Accepted { shared, id } => (shared, id),
            Course::Refused(error) => {
                return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
            }
        };
        let waker = cx.waker().clone();
        let mut slot = shared.lock();
        let replaced = match slot.waiting.get_mut(id) {
            Some(Waiting::For(registered)) => registered.replace(waker),
            Some(Waiting::Done(settled)) => {
                let outcome = settled.outcome;
                slot.waiting.remove(id);
                return Poll::Ready(Ok(outcome));
            }
            // It was told before.
            None => None,
        };
        drop(slot);
        // A waker may own its task, and the task a handle: dropped outside the lock.
        drop(replaced);
        Poll::Pending
    }
}

impl<T: Transport, C: Timer> Drop for Sending<'_, T, C> {
    fn drop(&mut self) {
        let Course::Accepted { shared, id } = &self.0 else { return };
        let mut slot = shared.lock();
        let waiting = slot.waiting.remove(id);
        let wake = match &waiting {
            Some(Waiting::Done(settled)) => slot.publish(Event::Settled(*settled)),
            Some(Waiting::For(_)) | None => Wake(None),
        };
        drop(slot);
        drop(waiting);
        wake.now();
    }
}
