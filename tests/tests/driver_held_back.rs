//! A transport that takes bytes and keeps them, as TLS does, and takes no more: nothing has left.

use core::task::{Context, Poll, Waker};

use bytes::Buf;
use longwire::buffer::Outbox;
use longwire::driver::{self, Answer, Dialled, Line, Transport};
use longwire::error::TransportFailure;
use longwire::handshake::{Acceptance, Request};
use longwire::rng::Jitter;
use longwire::session::{Delivery, Event, Outcome, Session};
use longwire::{Config, Message, SessionConfig};
use longwire_tests::scripted::{Broken, Clock, Script, Scripted, Tasks, link, once};

/// Passes everything on until something was read, and nothing after.
struct Keeping {
    inner: Scripted,
    read: bool,
    room: usize,
    kept: bool,
    /// Whether a flush of what is kept fails, rather than to be pending.
    fails: bool,
}

impl Transport for Keeping {
    type Error = Broken;

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, Broken>> {
        let read = self.inner.poll_read(cx, buf);
        self.read |= read.is_ready();
        read
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, outbox: &Outbox) -> Poll<Result<usize, Broken>> {
        if !self.read {
            return self.inner.poll_write(cx, outbox);
        }
        let n = outbox.remaining().min(self.room);
        if n == 0 {
            return Poll::Pending;
        }
        (self.room, self.kept) = (self.room - n, true);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match (self.kept, self.fails) {
            (true, true) => Poll::Ready(Err(Broken)),
            (true, false) => Poll::Pending,
            (false, _) => self.inner.poll_flush(cx),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.inner.poll_shutdown(cx)
    }

    fn failure(error: &Broken) -> TransportFailure {
        Scripted::failure(error)
    }
}

/// It is full before it is flushed: also then the session knows that it holds something back.
#[test]
fn what_a_transport_keeps_has_not_been_transmitted() {
    let seen = events(2_500, false);
    assert_eq!(seen, ["opened"]);
}

#[test]
fn what_a_transport_fails_to_flush_has_not_been_transmitted() {
    for room in [2_500, 100_000] {
        let seen = events(room, true);
        assert_eq!(seen, ["opened"], "{room}");
    }
}

/// What a session says that sends by a transport with so much room.
fn events(room: usize, fails: bool) -> Vec<&'static str> {
    let clock = Clock::default();
    let (mine, theirs) = link([Script::WHOLE; 2], 10_000);
    let mut mine = Some(mine);
    let connect = move |_| {
        let transport =
            mine.take().map(|inner| Keeping { inner, read: false, room, kept: false, fails });
        async move {
            let request = Request::parse("ws://host/").expect("a URL");
            let transport = transport.expect("one connection");
            Ok(Dialled { transport, request, rng: Box::new(|dest| dest.fill(0x5a)) })
        }
    };
    let mut session =
        Session::new(SessionConfig::DEFAULT, |dest: &mut [u8]| dest.fill(1), clock.now());
    session.connect(clock.now());
    let mut line = Line::new(session, connect, clock.timer());
    for _ in 0..4 {
        line.send(Message::from(vec![b'x'; 1_000]), Delivery::Transmitted).expect("room");
    }
    let mut tasks = Tasks::new(&clock);
    let timer = clock.timer();
    tasks.spawn(async move {
        let welcome = |_: &_| Answer::Accept(Acceptance::new());
        let accepted = driver::accept(theirs, timer, Config::server(), Jitter::NONE, welcome).await;
        let mut websocket = accepted.expect("an upgrade");
        let _ = websocket.next().await;
    });
    let mut seen = Vec::new();
    for _ in 0..50 {
        match once(line.next(), Waker::noop()) {
            Poll::Ready(Some(Event::Settled(settled))) => {
                assert_ne!(settled.outcome, Outcome::Transmitted);
                seen.push("settled");
            }
            Poll::Ready(Some(Event::Opened(_))) => seen.push("opened"),
            Poll::Ready(Some(Event::Closed(_))) => seen.push("closed"),
            Poll::Ready(_) => {}
            Poll::Pending => {
                let _ = tasks.settle();
            }
        }
    }
    seen
}
