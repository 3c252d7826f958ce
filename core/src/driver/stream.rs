//! [`Stream`] and [`Sink`] of owned messages.

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;

use super::{Timer, Transport, WebSocket};
use crate::connection::{Event, State};
use crate::endpoint::Endpoint;
use crate::error::{ConnectionError, SendError};
use crate::frame::CloseCode;
use crate::message::Message;

/// What an event is to somebody who only wants messages; `None`: nothing.
pub(super) fn item(event: Event<'_>) -> Option<Result<Message<'static>, ConnectionError>> {
    match event {
        Event::Message(message) => Some(Ok(message.into_owned())),
        Event::Piece(piece) => Some(Ok(Message::Binary(piece.payload.into_owned()))),
        Event::Error(error) => Some(Err(error)),
        Event::Ping(_) | Event::Pong(_) | Event::Closed(_) => None,
    }
}

/// Messages, owned; an error if the connection fails; the end when it is over.
///
/// With [`Receive::Pieces`](crate::connection::Receive::Pieces), every piece comes as a binary
/// message of its own.
impl<T: Transport, C: Timer> Stream for WebSocket<T, C>
where
    Self: Unpin,
{
    type Item = Result<Message<'static>, ConnectionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            ready!(Self::poll_ready(&mut self, cx));
            let Some(event) = self.0.endpoint.event() else { return Poll::Ready(None) };
            if let Some(item) = item(event) {
                return Poll::Ready(Some(item));
            }
        }
    }
}

/// Ready while there is room; flushed when the transport has everything; closed when the closing
/// handshake is over, bounded by [`Config::close_timeout`](crate::Config::close_timeout).
///
/// Closing loses no message that has arrived: the stream still hands them out. If nobody takes them
/// meanwhile, the peer's close frame may not be seen behind them before the time is up.
impl<T: Transport, C: Timer> Sink<Message<'static>> for WebSocket<T, C>
where
    Self: Unpin,
{
    type Error = SendError<Message<'static>>;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_room(cx).map(Ok)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message<'static>) -> Result<(), Self::Error> {
        self.0.endpoint.send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // An end of the connection is the stream's to report.
        self.poll_flush_all(cx).map(|_| Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_finish(cx).map(Ok)
    }
}

impl<T: Transport, C: Timer> WebSocket<T, C> {
    /// Ready when the connection is over. Takes no events.
    pub(super) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.endpoint.state() == State::Open {
            // 1000 can always be sent.
            let _ = self.close(CloseCode::NORMAL, "");
        }
        loop {
            let _ = self.0.endpoint.poll_ready();
            let before = self.0.progress;
            let _ = self.poll_transmit(cx);
            // While closing there is a deadline. If there is none left, time is up, and what is
            // waited for is that the application takes what has arrived.
            if self.0.endpoint.poll_timeout().is_none() {
                return Poll::Ready(());
            }
            if self.0.budget.is_spent() {
                return self.yield_now(cx);
            }
            let idle = self.poll_receive(cx).is_pending() && self.poll_time(cx).is_pending();
            if idle && self.0.progress == before {
                return Poll::Pending;
            }
        }
    }
}
