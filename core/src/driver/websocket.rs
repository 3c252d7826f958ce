use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use super::{Driver, Timer, Transport};
use crate::connection::{Closed, Connection, Event, Sender, State};
#[cfg(feature = "deflate")]
use crate::deflate::Compress;
use crate::endpoint::Endpoint;
use crate::error::SendError;
use crate::frame::CloseCode;
use crate::message::{DataKind, Message, Payload, PreparedMessage};

/// An open WebSocket over some runtime's transport and timer.
///
/// Dropping it drops the transport without a closing handshake; [`close`](Self::close) it and take
/// events until [`Event::Closed`] instead, or [`finish`](Self::finish).
pub type WebSocket<T, C> = Driver<Connection, T, C>;

impl<T: Transport, C: Timer> WebSocket<T, C> {
    /// Waits for the next event, transmitting what is queued meanwhile. `None` after
    /// [`Event::Closed`].
    ///
    /// The event is lent: [`Message::into_owned`] keeps a message. Cancel safe: an event is only
    /// taken when it is returned.
    #[expect(clippy::should_implement_trait, reason = "waits, as those of all streams do")]
    #[inline]
    pub fn next(&mut self) -> impl Future<Output = Option<Event<'_>>> {
        Next(Some(self))
    }

    /// The same, with the sending side, so that the event can be answered while it is lent: without
    /// a copy.
    ///
    /// Waits for room first, so one answer an event is never [`Full`](SendError::Full): a peer that
    /// sends and does not read is not read either. Cancel safe as [`next`](Self::next).
    #[inline]
    pub fn next_with_sender(&mut self) -> impl Future<Output = Option<(Event<'_>, Sender<'_>)>> {
        NextWithSender(Some(self))
    }

    /// Queues a message, once there is room. It leaves when [`next`](Self::next) would wait, or on
    /// [`flush`](Self::flush).
    ///
    /// Cancel safe: dropped before it is ready, it has not queued the message.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] with the message, if the connection is closing or over;
    /// [`SendError::Full`] only if a message that is sent in fragments was
    /// [paused](crate::connection::FragmentWriter::pause) and too much waits for it.
    pub async fn feed<'m>(&mut self, message: Message<'m>) -> Result<(), SendError<Message<'m>>> {
        poll_fn(|cx| self.poll_room(cx)).await;
        self.0.endpoint.send(message)
    }

    /// The same, compressed or not, if compression was agreed on.
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(feature = "deflate")]
    pub async fn feed_with<'m>(
        &mut self,
        message: Message<'m>,
        compress: Compress,
    ) -> Result<(), SendError<Message<'m>>> {
        poll_fn(|cx| self.poll_room(cx)).await;
        self.0.endpoint.send_with(message, compress)
    }

    /// Queues a message that was encoded before, once there is room, as [`feed`](Self::feed) does.
    ///
    /// Cancel safe: dropped before it is ready, it has not queued the message.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn feed_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        poll_fn(|cx| self.poll_room(cx)).await;
        self.0.endpoint.send_prepared(message)
    }

    /// Queues a message and waits until the transport has it, and everything queued before.
    ///
    /// "Has it" means the operating system took it, not that the peer did.
    ///
    /// Cancel safe: dropped while it waits for room, it has not queued the message; dropped later,
    /// the message leaves with whatever is done next.
    ///
    /// # Errors
    ///
    /// As [`feed`](Self::feed).
    pub async fn send<'m>(&mut self, message: Message<'m>) -> Result<(), SendError<Message<'m>>> {
        self.feed(message).await?;
        // If the connection ends meanwhile, `Event::Closed` says how many messages did not leave.
        let _ = self.flush().await;
        Ok(())
    }

    /// Waits until the transport has everything queued. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] if the connection is over, or the transport failed: [`Event::Closed`] then
    /// says how many messages did not leave.
    pub async fn flush(&mut self) -> Result<(), SendError> {
        poll_fn(|cx| self.poll_flush_all(cx)).await
    }

    /// Sends a ping; its pong comes as an event. It leaves as a message of [`feed`](Self::feed) does.
    ///
    /// # Errors
    ///
    /// As [`Connection::ping`].
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.0.endpoint.ping(payload)
    }

    /// Starts the closing handshake, behind everything queued. Keep calling [`next`](Self::next):
    /// messages on their way still arrive, and [`Event::Closed`] says how it ended.
    ///
    /// # Errors
    ///
    /// As [`Connection::close`].
    pub fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.0.endpoint.close(self.0.timer.now(), code, reason)
    }

    /// Starts the closing handshake and sees it through, ignoring what still arrives. Bounded by
    /// [`Config::close_timeout`](crate::Config::close_timeout).
    ///
    /// Cancel safe: the closing handshake has been started, and goes on with whatever is called
    /// next. `None` if [`Event::Closed`] was taken before.
    ///
    /// # Errors
    ///
    /// As [`Connection::close`].
    pub async fn finish(
        &mut self,
        code: CloseCode,
        reason: &str,
    ) -> Result<Option<Closed>, SendError> {
        self.close(code, reason)?;
        loop {
            match self.next().await {
                Some(Event::Closed(closed)) => return Ok(Some(*closed)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Begins a message that is sent piece by piece (section 5.4).
    ///
    /// # Errors
    ///
    /// As [`Connection::fragments`].
    pub fn fragments(&mut self, kind: DataKind) -> Result<Fragments<'_, T, C>, SendError> {
        self.0.endpoint.fragments(kind)?.pause();
        Ok(Fragments { websocket: self, finished: false })
    }

    /// The same, compressed or not, if compression was agreed on.
    ///
    /// # Errors
    ///
    /// As [`Connection::fragments_with`].
    #[cfg(feature = "deflate")]
    pub fn fragments_with(
        &mut self,
        kind: DataKind,
        compress: Compress,
    ) -> Result<Fragments<'_, T, C>, SendError> {
        self.0.endpoint.fragments_with(kind, compress)?.pause();
        Ok(Fragments { websocket: self, finished: false })
    }

    /// The state of the connection.
    pub const fn state(&self) -> State {
        self.0.endpoint.state()
    }

    /// The common case of [`poll_ready`](Self::poll_ready): one more event of a burst.
    #[inline]
    fn has_news(&mut self) -> bool {
        let news = !self.0.ended
            && !self.0.budget.is_spent()
            && self.0.endpoint.poll_ready()
            && !self.0.endpoint.is_finished();
        if news {
            self.0.budget.spend(1, 0);
        }
        news
    }

    /// Ready when there is room for a message, or when there never will be.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_while(cx, |connection| {
            !connection.has_room() && connection.state() == State::Open
        })
        .map(|_| ())
    }

    /// Ready when everything queued was taken by the transport, or never will be.
    pub(super) fn poll_flush_all(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_while(cx, |connection| match connection.state() {
            State::Open => true,
            // Every state has a deadline: where there is none left, it has passed.
            State::Closing => connection.poll_timeout().is_some(),
            State::Closed => false,
        })
        .map(|flushed| if flushed { Ok(()) } else { Err(SendError::Closed(())) })
    }

    /// Transmits while `waiting`, and meanwhile receives and keeps time, so that neither a blocked
    /// transport nor a silent peer can hold it up for ever. Ready with whether all was transmitted.
    fn poll_while(
        &mut self,
        cx: &mut Context<'_>,
        waiting: impl Fn(&Connection) -> bool,
    ) -> Poll<bool> {
        while waiting(&self.0.endpoint) {
            if self.poll_transmit(cx).is_ready() {
                let lost = self.0.failed || self.0.endpoint.state() == State::Closed;
                return Poll::Ready(!lost);
            }
            // A close frame or a violation ends the wait; data is only found, not taken.
            let _ = self.0.endpoint.poll_ready();
            if !waiting(&self.0.endpoint) {
                break;
            }
            if self.0.budget.is_spent() {
                return self.yield_now(cx).map(|()| false);
            }
            if self.poll_receive(cx).is_pending() && self.poll_time(cx).is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(false)
    }
}

/// Written by hand, and inlined: from an `async fn` the event would be copied three times on its way
/// out, at a cost that shows when a message has sixteen bytes.
struct Next<'a, T: Transport, C: Timer>(Option<&'a mut WebSocket<T, C>>);

impl<T: Transport, C: Timer> Unpin for Next<'_, T, C> {}

impl<'a, T: Transport, C: Timer> Future for Next<'a, T, C> {
    type Output = Option<Event<'a>>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(websocket) = &mut self.0
            && !websocket.has_news()
        {
            ready!(websocket.poll_ready(cx));
        }
        match self.0.take() {
            Some(websocket) => Poll::Ready(websocket.0.endpoint.event()),
            None => Poll::Pending,
        }
    }
}

/// As [`Next`].
struct NextWithSender<'a, T: Transport, C: Timer>(Option<&'a mut WebSocket<T, C>>);

impl<T: Transport, C: Timer> Unpin for NextWithSender<'_, T, C> {}

impl<'a, T: Transport, C: Timer> Future for NextWithSender<'a, T, C> {
    type Output = Option<(Event<'a>, Sender<'a>)>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(websocket) = &mut self.0
            && !(websocket.0.endpoint.has_room() && websocket.has_news())
        {
            ready!(websocket.poll_room(cx));
            ready!(websocket.poll_ready(cx));
        }
        match self.0.take() {
            Some(websocket) => Poll::Ready(websocket.0.endpoint.event_with_sender()),
            None => Poll::Pending,
        }
    }
}

/// A message being sent piece by piece.
///
/// Dropped before it is [finished](Self::finish), it closes the connection with 1011: what has left
/// cannot be taken back, and a receiver must not take a part for the whole.
#[must_use = "dropping it unfinished closes the connection"]
pub struct Fragments<'a, T: Transport, C: Timer> {
    websocket: &'a mut WebSocket<T, C>,
    finished: bool,
}

impl<T: Transport, C: Timer> Fragments<'_, T, C> {
    /// Queues the next fragment, once there is room. Of text, the pieces must be UTF-8 together.
    ///
    /// Cancel safe: dropped before it is ready, it has not queued the fragment.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] if the connection is closing or over.
    pub async fn write<'p>(&mut self, payload: impl Into<Payload<'p>>) -> Result<(), SendError> {
        let payload = payload.into();
        poll_fn(|cx| self.websocket.poll_room(cx)).await;
        let mut writer =
            self.websocket.0.endpoint.resume_fragments().ok_or(SendError::Closed(()))?;
        let result = writer.write(payload);
        writer.pause();
        result
    }

    /// Queues the last fragment, which may be empty.
    ///
    /// Cancel safe in that the connection is closed if it is dropped before it is ready.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub async fn finish<'p>(mut self, payload: impl Into<Payload<'p>>) -> Result<(), SendError> {
        let payload = payload.into();
        poll_fn(|cx| self.websocket.poll_room(cx)).await;
        let writer = self.websocket.0.endpoint.resume_fragments().ok_or(SendError::Closed(()))?;
        let result = writer.finish(payload);
        self.finished = result.is_ok();
        result
    }
}

impl<T: Transport, C: Timer> Drop for Fragments<'_, T, C> {
    fn drop(&mut self) {
        if !self.finished
            && let Some(writer) = self.websocket.0.endpoint.resume_fragments()
        {
            writer.abort();
        }
    }
}
