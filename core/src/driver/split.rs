//! Two halves that two tasks can use at once.

use alloc::sync::Arc;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker, ready};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::wakers::Wakers;
use super::{Timer, Transport, WebSocket};
use crate::connection::{Connection, Event, State};
#[cfg(feature = "deflate")]
use crate::deflate::Compress;
use crate::error::SendError;
use crate::frame::CloseCode;
use crate::message::{Message, PreparedMessage};

struct Shared<T: Transport, C> {
    websocket: Mutex<Slot<T, C>>,
    wakers: Arc<Wakers>,
    waker: Waker,
}

struct Slot<T: Transport, C> {
    websocket: WebSocket<T, C>,
    next_id: usize,
}

/// One half's place in what is shared.
struct Half<T: Transport, C> {
    shared: Arc<Shared<T, C>>,
    id: usize,
}

impl<T: Transport, C: Timer> Half<T, C> {
    fn another(&self) -> Self {
        let id = {
            let mut slot = self.lock();
            slot.next_id = slot.next_id.wrapping_add(1);
            slot.next_id
        };
        Self { shared: Arc::clone(&self.shared), id }
    }

    fn lock(&self) -> MutexGuard<'_, Slot<T, C>> {
        self.shared.websocket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls the connection on behalf of this half. What moved may be news for the others.
    fn poll<R>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut WebSocket<T, C>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        // Before looking, so that no wake-up falls in between.
        self.shared.wakers.register(self.id, cx.waker());
        let mut slot = self.lock();
        let standing = |websocket: &WebSocket<T, C>| (websocket.0.progress, websocket.state());
        let before = standing(&slot.websocket);
        let result = poll(&mut slot.websocket, &mut Context::from_waker(&self.shared.waker));
        let moved = standing(&slot.websocket) != before;
        drop(slot);
        if moved {
            self.shared.wakers.wake_all_but(Some(self.id));
        }
        result
    }

    /// As [`command`](Self::command), but transmits at once what the transport takes.
    fn command_now(
        &self,
        send: impl FnOnce(&mut WebSocket<T, C>) -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let mut slot = self.lock();
        let websocket = &mut slot.websocket;
        let idle = websocket.0.endpoint.buffered() == 0 && !websocket.0.unflushed;
        send(websocket)?;
        let done = websocket.transmit_now(&mut Context::from_waker(&self.shared.waker));
        drop(slot);
        if !(idle && done) {
            self.shared.wakers.wake_all_but(None);
        }
        Ok(())
    }

    /// Gives the connection something to do, and somebody who waits the task of doing it.
    fn command<R>(&self, command: impl FnOnce(&mut WebSocket<T, C>) -> R) -> R {
        let result = command(&mut self.lock().websocket);
        self.shared.wakers.wake_all_but(None);
        result
    }
}

impl<T: Transport, C> Drop for Half<T, C> {
    fn drop(&mut self) {
        self.shared.wakers.remove(self.id);
    }
}

impl<T: Transport, C: Timer> WebSocket<T, C> {
    /// Divides the connection into a half that receives and halves that send, for tasks of their own.
    ///
    /// Nothing runs in the background: the connection moves while at least one half waits for
    /// something. As a rule a task waits on the [`Receiver`] throughout, and then pings are
    /// answered, deadlines kept, and what any [`Sender`] queues is transmitted.
    ///
    /// A receiver that is dropped or not waited on leaves the first event untaken: then the peer's
    /// close frame is not seen either, and a closing handshake ends by its deadline.
    ///
    /// A message that is being sent in fragments cannot be finished by a half, so it is given up,
    /// which closes the connection: finish it first. The transport is dropped with the last half.
    #[must_use]
    pub fn split(mut self) -> (Sender<T, C>, Receiver<T, C>) {
        if let Some(writer) = self.0.endpoint.resume_fragments() {
            writer.abort();
        }
        let wakers = Arc::new(Wakers::default());
        let waker = Waker::from(Arc::clone(&wakers));
        let websocket = Mutex::new(Slot { websocket: self, next_id: 0 });
        let receiver = Half { shared: Arc::new(Shared { websocket, wakers, waker }), id: 0 };
        (Sender(receiver.another()), Receiver(receiver))
    }
}

/// The half of a [split](WebSocket::split) connection that sends. Cloned, it serves several tasks.
pub struct Sender<T: Transport, C: Timer>(Half<T, C>);

impl<T: Transport, C: Timer> Clone for Sender<T, C> {
    fn clone(&self) -> Self {
        Self(self.0.another())
    }
}

impl<T: Transport, C: Timer> Sender<T, C> {
    /// Queues a message now, or not at all. Whichever task waits on the connection transmits it.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] at [`Config::send_hard_limit`](crate::Config::send_hard_limit), and
    /// [`SendError::Closed`]; the message is given back.
    pub fn try_send<'m>(&self, message: Message<'m>) -> Result<(), SendError<Message<'m>>> {
        self.0.command(|websocket| websocket.0.endpoint.send(message))
    }

    /// The same, compressed or not, if compression was agreed on.
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(feature = "deflate")]
    pub fn try_send_with<'m>(
        &self,
        message: Message<'m>,
        compress: Compress,
    ) -> Result<(), SendError<Message<'m>>> {
        self.0.command(|websocket| websocket.0.endpoint.send_with(message, compress))
    }

    /// Queues a message that was encoded before, now or not at all, as [`try_send`](Self::try_send)
    /// does: for one message to many connections.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_send_prepared(&self, message: &PreparedMessage) -> Result<(), SendError> {
        self.0.command(|websocket| websocket.0.endpoint.send_prepared(message))
    }

    /// Queues a message that was encoded before, now or not at all, and transmits at once what the
    /// transport takes without waiting.
    ///
    /// To tell many one thing, this costs the least: no task is woken unless something is left to do.
    /// To tell each several things in a row, [`try_send_prepared`](Self::try_send_prepared) does: they
    /// leave together. The caller does the work of all, so one that tells thousands should let others
    /// in now and then.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Self::try_send); nothing was queued.
    pub fn send_prepared_now(&self, message: &PreparedMessage) -> Result<(), SendError> {
        self.0.command_now(|websocket| websocket.0.endpoint.send_prepared(message))
    }

    /// As [`WebSocket::feed`]: queues a message, once there is room. Cancel safe.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn feed<'m>(&mut self, message: Message<'m>) -> Result<(), SendError<Message<'m>>> {
        self.feed_by(message, Connection::send).await
    }

    /// As [`WebSocket::feed_with`]. Cancel safe.
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
        self.feed_by(message, |connection, message| connection.send_with(message, compress)).await
    }

    async fn feed_by<'m>(
        &self,
        message: Message<'m>,
        mut send: impl FnMut(&mut Connection, Message<'m>) -> Result<(), SendError<Message<'m>>>,
    ) -> Result<(), SendError<Message<'m>>> {
        let mut message = Some(message);
        let result = poll_fn(|cx| {
            // The room and the message in one go, lest another half take the room in between.
            self.0.poll(cx, |websocket, cx| {
                ready!(websocket.poll_room(cx));
                let sent = message.take().map(|message| send(&mut websocket.0.endpoint, message));
                Poll::Ready(sent.unwrap_or(Ok(())))
            })
        })
        .await;
        // Whoever waits on the connection transmits it.
        self.0.shared.wakers.wake_all_but(None);
        result
    }

    /// As [`WebSocket::send`]: queues a message, and [flushes](Self::flush). Cancel safe.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn send<'m>(&mut self, message: Message<'m>) -> Result<(), SendError<Message<'m>>> {
        self.feed(message).await?;
        let _ = self.flush().await;
        Ok(())
    }

    /// Waits until the transport has everything queued, whichever half queued it and when: with
    /// others that never stop sending, that may not come. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] if the connection is over.
    pub async fn flush(&mut self) -> Result<(), SendError> {
        poll_fn(|cx| self.poll_flush_all(cx)).await
    }

    /// As [`WebSocket::ping`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn ping(&self, payload: &[u8]) -> Result<(), SendError> {
        self.0.command(|websocket| websocket.ping(payload))
    }

    /// As [`WebSocket::close`]: the [`Receiver`] gets to know how it ended, and has to be waited on
    /// for the close frame to leave.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.0.command(|websocket| websocket.close(code, reason))
    }

    /// The state of the connection.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.lock().websocket.state()
    }

    #[cfg(feature = "futures")]
    fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        self.0.poll(cx, |websocket, cx| websocket.poll_room(cx))
    }

    fn poll_flush_all(&self, cx: &Context<'_>) -> Poll<Result<(), SendError>> {
        self.0.poll(cx, |websocket, cx| websocket.poll_flush_all(cx))
    }
}

/// The half of a [split](WebSocket::split) connection that receives.
pub struct Receiver<T: Transport, C: Timer>(Half<T, C>);

impl<T: Transport, C: Timer> Receiver<T, C> {
    /// Waits for the next event, and takes it as its own. `None` after [`Event::Closed`].
    ///
    /// Cancel safe: an event is only taken when it is returned.
    pub async fn next(&mut self) -> Option<Event<'static>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Another half that sends.
    #[must_use]
    pub fn sender(&self) -> Sender<T, C> {
        Sender(self.0.another())
    }

    fn poll_event(&self, cx: &Context<'_>) -> Poll<Option<Event<'static>>> {
        self.0.poll(cx, |websocket, cx| {
            websocket.poll_ready(cx).map(|()| websocket.0.endpoint.event().map(Event::into_owned))
        })
    }
}

#[cfg(feature = "futures")]
mod stream {
    use core::pin::Pin;
    use core::task::{Context, Poll, ready};

    use futures_core::Stream;
    use futures_sink::Sink;

    use super::{Receiver, Sender};
    use crate::driver::{Timer, Transport, stream};
    use crate::error::{ConnectionError, SendError};
    use crate::message::Message;

    /// As the [`Stream`] of the whole connection.
    impl<T: Transport, C: Timer> Stream for Receiver<T, C> {
        type Item = Result<Message<'static>, ConnectionError>;

        fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            loop {
                let Some(event) = ready!(self.poll_event(cx)) else { return Poll::Ready(None) };
                if let Some(item) = stream::item(event) {
                    return Poll::Ready(Some(item));
                }
            }
        }
    }

    /// As the [`Sink`] of the whole connection. With several senders, one may take the room that
    /// another was promised: if that fills the queue, `start_send` gives the message back.
    impl<T: Transport, C: Timer> Sink<Message<'static>> for Sender<T, C> {
        type Error = SendError<Message<'static>>;

        fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            self.poll_room(cx).map(Ok)
        }

        fn start_send(self: Pin<&mut Self>, message: Message<'static>) -> Result<(), Self::Error> {
            self.try_send(message)
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            self.poll_flush_all(cx).map(|_| Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            self.0.poll(cx, |websocket, cx| websocket.poll_finish(cx)).map(Ok)
        }
    }
}
