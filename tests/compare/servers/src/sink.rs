//! The loops over peers that are a `Stream` and a `Sink` of messages.

use std::future::poll_fn;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Sink, SinkExt as _, Stream};
use tokio::net::TcpStream;

use crate::arguments::Mode;
use crate::beat::Beat;
use crate::mailbox::Mailbox;
use crate::room::Room;
use crate::runtime;

/// A message as a peer has it.
pub(crate) trait PeerMessage: Clone {
    /// Whether it is text or binary, which is what is sent back.
    fn is_data(&self) -> bool;
    fn ping() -> Self;
}

/// A peer's connection, and what makes a message of what it yields.
pub(crate) struct Connection<W: Stream, M> {
    pub(crate) socket: W,
    pub(crate) message: fn(W::Item) -> Option<M>,
    pub(crate) beat: Beat,
}

/// What to do with a connection.
#[derive(Clone, Copy)]
pub(crate) enum Loop {
    /// Receive, send, receive again.
    Echo,
    /// The same with answers gathered by hand, until nothing more can be received.
    Gather,
    /// The same for a peer that flushes whenever it is read: first all there is to receive, then all
    /// the answers.
    GatherByTurns,
    /// Receive for everyone, and send what everyone said.
    FanOut,
}

impl From<Mode> for Loop {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Echo => Self::Echo,
            Mode::FanOut => Self::FanOut,
        }
    }
}

/// Serves on tokio. Each loop is a task of its own kind, no larger than it has to be.
pub(crate) fn serve<W, M, A>(
    listener: TcpListener,
    work: Loop,
    accept: impl Fn(TcpStream) -> A + Clone + 'static,
) -> io::Result<()>
where
    A: Future<Output = Option<Connection<W, M>>>,
    W: Stream + Sink<M> + Unpin + 'static,
    M: PeerMessage + 'static,
{
    match work {
        Loop::Echo => runtime::tokio(listener, move |stream| {
            let accept = accept.clone();
            async move {
                let Some(mut connection) = accept(stream).await else { return };
                connection.echo().await;
            }
        }),
        Loop::Gather => runtime::tokio(listener, move |stream| {
            let accept = accept.clone();
            async move {
                let Some(mut connection) = accept(stream).await else { return };
                connection.gather().await;
            }
        }),
        Loop::GatherByTurns => runtime::tokio(listener, move |stream| {
            let accept = accept.clone();
            async move {
                let Some(mut connection) = accept(stream).await else { return };
                connection.gather_by_turns().await;
            }
        }),
        Loop::FanOut => {
            let room = Room::default();
            runtime::tokio(listener, move |stream| {
                let (accept, room) = (accept.clone(), room.clone());
                async move {
                    let Some(mut connection) = accept(stream).await else { return };
                    connection.fan_out(&room).await;
                }
            })
        }
    }
}

enum News<M> {
    Message(M),
    /// Nothing was heard for an interval.
    Silence,
    End,
}

/// Enough for all that one read of 64 KiB can hold of short messages.
const BATCH: usize = 4096;

impl<W: Stream + Sink<M> + Unpin, M: PeerMessage> Connection<W, M> {
    pub(crate) async fn echo(&mut self) {
        loop {
            let answer = match poll_fn(|cx| self.poll_news(cx)).await {
                News::Message(message) if message.is_data() => message,
                News::Message(_) => continue,
                News::Silence => M::ping(),
                News::End => return,
            };
            if self.socket.send(answer).await.is_err() {
                return;
            }
        }
    }

    pub(crate) async fn gather(&mut self) {
        let mut fed = false;
        loop {
            let news = poll_fn(|cx| {
                let news = self.poll_news(cx);
                if news.is_pending() && fed {
                    match Pin::new(&mut self.socket).poll_flush(cx) {
                        Poll::Ready(Ok(())) => fed = false,
                        Poll::Ready(Err(_)) => return Poll::Ready(News::End),
                        Poll::Pending => {}
                    }
                }
                news
            });
            let answer = match news.await {
                News::Message(message) if message.is_data() => message,
                News::Message(_) => continue,
                News::Silence => M::ping(),
                News::End => return,
            };
            if self.socket.feed(answer).await.is_err() {
                return;
            }
            fed = true;
        }
    }

    async fn gather_by_turns(&mut self) {
        let mut answers = Vec::new();
        loop {
            let open = poll_fn(|cx| {
                while answers.len() < BATCH {
                    match self.poll_news(cx) {
                        Poll::Ready(News::Message(message)) if message.is_data() => {
                            answers.push(message);
                        }
                        Poll::Ready(News::Message(_)) => {}
                        Poll::Ready(News::Silence) => answers.push(M::ping()),
                        Poll::Ready(News::End) => return Poll::Ready(false),
                        Poll::Pending if answers.is_empty() => return Poll::Pending,
                        Poll::Pending => break,
                    }
                }
                Poll::Ready(true)
            })
            .await;
            for answer in answers.drain(..) {
                if self.socket.feed(answer).await.is_err() {
                    return;
                }
            }
            if self.socket.flush().await.is_err() || !open {
                return;
            }
        }
    }

    pub(crate) async fn fan_out(&mut self, room: &Room<Mailbox<M>>) {
        let mailbox = Mailbox::default();
        let _seat = room.join(mailbox.clone());
        loop {
            let news = poll_fn(|cx| {
                if mailbox.poll_mail(cx).is_ready() {
                    return Poll::Ready(None);
                }
                self.poll_news(cx).map(Some)
            });
            match news.await {
                Some(News::Message(message)) if message.is_data() => {
                    room.each(|member| member.put(message.clone()));
                }
                Some(News::Message(_)) => {}
                Some(News::Silence) => mailbox.put(M::ping()),
                Some(News::End) => return,
                None => {
                    while let Some(message) = mailbox.take() {
                        if self.socket.feed(message).await.is_err() {
                            return;
                        }
                    }
                    if self.socket.flush().await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn poll_news(&mut self, cx: &mut Context<'_>) -> Poll<News<M>> {
        match Pin::new(&mut self.socket).poll_next(cx) {
            Poll::Ready(item) => {
                self.beat.hear();
                Poll::Ready(item.and_then(self.message).map_or(News::End, News::Message))
            }
            Poll::Pending => self.beat.poll_silent(cx).map(|()| News::Silence),
        }
    }
}
