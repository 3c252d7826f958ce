//! A transport that takes bytes at once and passes them on later, as TLS does: what it keeps has not left.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::mem;
use core::task::{Context, Poll, Waker, ready};
use std::rc::Rc;

use bytes::Buf;
use longwire::buffer::Outbox;
use longwire::driver::{self, Answer, Driver, Timer, Transport, WebSocket};
use longwire::error::TransportFailure;
use longwire::handshake::{Acceptance, Response};
use longwire::rng::Jitter;
use longwire::time::Duration;
use longwire::{Closed, Config, Connection, Message, PreparedMessage, Role};
use longwire_tests::scripted::{
    Broken, Call, Clock, End, Fault, Script, Scripted, Tasks, VirtualTimer, What, link,
};

/// Nothing passes before it is open.
#[derive(Default)]
struct Gate {
    is_open: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Gate {
    fn open(&self) {
        self.is_open.set(true);
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    /// Whoever asked before is not woken any more, once it was open to somebody.
    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_open.get() {
            self.waker.take();
            return Poll::Ready(());
        }
        self.waker.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}

/// Behind a gate. It either takes bytes and keeps them until that is open, or takes none.
struct Slow {
    inner: Scripted,
    gate: Rc<Gate>,
    keeps: bool,
    kept: Vec<u8>,
}

impl Slow {
    /// A transport, and the far end, which nothing holds up.
    fn new(keeps: bool) -> (Self, Scripted, Rc<Gate>) {
        let (inner, theirs) = link([Script::WHOLE; 2], 3_000);
        let gate = Rc::<Gate>::default();
        (Self { inner, gate: Rc::clone(&gate), keeps, kept: Vec::new() }, theirs, gate)
    }
}

impl Transport for Slow {
    type Error = Broken;

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, Broken>> {
        self.inner.poll_read(cx, buf)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, outbox: &Outbox) -> Poll<Result<usize, Broken>> {
        if !self.keeps {
            ready!(self.gate.poll(cx));
            return self.inner.poll_write(cx, outbox);
        }
        self.kept.extend_from_slice(outbox.chunk());
        Poll::Ready(Ok(outbox.chunk().len()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if !self.kept.is_empty() {
            ready!(self.gate.poll(cx));
        }
        self.inner.inject(&mem::take(&mut self.kept));
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        ready!(self.poll_flush(cx))?;
        self.inner.poll_shutdown(cx)
    }

    fn failure(error: &Broken) -> TransportFailure {
        Scripted::failure(error)
    }
}

fn server<T: Transport>(clock: &Clock, transport: T) -> WebSocket<T, VirtualTimer> {
    let connection = Connection::new(Role::Server, Config::server(), clock.now());
    Driver::new(connection, transport, clock.timer())
}

/// A close frame of a client with 1000, masked with zeros, and the end of its stream.
fn say_goodbye(theirs: &mut Scripted) {
    theirs.inject(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
    assert!(theirs.poll_shutdown(&mut Context::from_waker(Waker::noop())).is_ready());
}

/// How a connection ends, and what its peer has received, if the gate opens so much after the peer said
/// goodbye. That it did when the connection had sent, or before.
fn end(keeps: bool, had_sent: bool, opens_after: Option<Duration>) -> (Closed, Vec<u8>) {
    let clock = Clock::default();
    let (mine, mut theirs, gate) = Slow::new(keeps);
    let mut websocket = server(&clock, mine);
    websocket.endpoint_mut().send(Message::from("hi")).expect("room");
    let closed = RefCell::new(None);
    let mut tasks = Tasks::new(&clock);
    if !had_sent {
        say_goodbye(&mut theirs);
    }
    tasks.spawn(async {
        while let Some(event) = websocket.next().await {
            if let longwire::Event::Closed(it) = event {
                closed.replace(Some(*it));
            }
        }
        drop(websocket);
    });
    let _ = tasks.settle();
    if had_sent {
        say_goodbye(&mut theirs);
        let _ = tasks.settle();
    }
    if let Some(later) = opens_after {
        clock.advance(later);
        gate.open();
    }
    let _ = tasks.run();
    drop(tasks);
    (closed.take().expect("an end"), theirs.take_arrived())
}

#[test]
fn c6_what_a_transport_keeps_leaves_before_the_end_and_then_the_end_is_clean() {
    for (keeps, had_sent) in [(false, true), (false, false), (true, true), (true, false)] {
        let about = format!("keeps: {keeps}, had sent: {had_sent}");
        let (closed, arrived) = end(keeps, had_sent, Some(Duration::from_secs(1)));
        assert_eq!(arrived, b"\x81\x02hi\x88\x02\x03\xe8", "{about}");
        assert!(closed.clean, "{about}: {closed:?}");
        // It is not waited for without end, and what has not left was not said.
        let (closed, arrived) = end(keeps, had_sent, None);
        assert!(arrived.is_empty() && !closed.clean, "{about}: {closed:?}");
    }
}

#[test]
fn a_flush_that_is_never_over_holds_up_nobody_for_ever() {
    for (keeps, says) in [(false, false), (false, true), (true, false), (true, true)] {
        let clock = Clock::default();
        let (mine, theirs, _gate) = Slow::new(keeps);
        let mut websocket = server(&clock, mine);
        if says {
            // "a", masked with zeros. Nobody takes it.
            theirs.inject(&[0x81, 0x81, 0, 0, 0, 0, b'a']);
        }
        let mut tasks = Tasks::new(&clock);
        tasks.spawn(async {
            websocket.send(Message::from("hi")).await.expect("it was queued");
            assert!(websocket.flush().await.is_err());
        });
        assert_eq!(tasks.run(), End::Done, "keeps: {keeps}, says: {says}");
    }
}

#[test]
fn an_upgrade_whose_answer_never_leaves_ends_by_a_deadline() {
    for (keeps, says) in [(false, false), (false, true), (true, false), (true, true)] {
        let clock = Clock::default();
        let (mine, theirs, _gate) = Slow::new(keeps);
        theirs.inject(
            b"GET / HTTP/1.1\r\nHost: host\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
        );
        if says {
            theirs.inject(&[0x81, 0x81, 0, 0, 0, 0, b'a']);
        }
        let timer = clock.timer();
        let mut tasks = Tasks::new(&clock);
        tasks.spawn(async move {
            let welcome = |_: &_| Answer::Accept(Acceptance::new());
            let _ = driver::accept(mine, timer, Config::server(), Jitter::NONE, welcome).await;
        });
        assert_eq!(tasks.run(), End::Done, "keeps: {keeps}, says: {says}");
    }
}

/// A server whose transport fails at call number `nth`, and the far end.
fn failing(clock: &Clock, call: Call, nth: usize) -> (WebSocket<Scripted, VirtualTimer>, Scripted) {
    let fault = Fault { call, nth, what: What::Error };
    let script = Script { buffered: matches!(call, Call::Flush), ..Script::WHOLE };
    let (mine, theirs) = link([script.with(fault), Script::WHOLE], 3_000);
    (server(clock, mine), theirs)
}

#[test]
fn a_flush_that_failed_is_no_success() {
    for call in [Call::Write, Call::Flush] {
        let clock = Clock::default();
        let (mut websocket, _theirs) = failing(&clock, call, 0);
        let mut tasks = Tasks::new(&clock);
        tasks.spawn(async {
            websocket.feed(Message::from("hi")).await.expect("room");
            assert!(websocket.flush().await.is_err());
            assert!(websocket.flush().await.is_err(), "nor is the next one");
        });
        assert_eq!(tasks.run(), End::Done);
    }
}

#[test]
fn whoever_waits_for_a_flush_is_woken_when_another_half_finishes_it() {
    let clock = Clock::default();
    let (mine, _theirs, gate) = Slow::new(true);
    // With a heartbeat, whose deadline is before that of the flush.
    let config = Config::server().with_heartbeat();
    let connection = Connection::new(Role::Server, config, clock.now());
    let (sender, mut receiver) = Driver::new(connection, mine, clock.timer()).split();
    let mut first = sender.clone();
    let done = Cell::new(false);
    let mut tasks = Tasks::new(&clock);
    tasks.spawn(async move { while receiver.next().await.is_some() {} });
    tasks.spawn(async {
        first.send(Message::from("hi")).await.expect("it is open");
        done.set(true);
    });
    let _ = tasks.settle();
    assert!(!done.get());
    gate.is_open.set(true);
    let all = PreparedMessage::new(&Message::from("all"));
    sender.send_prepared_now(&all).expect("room");
    gate.open();
    let _ = tasks.settle();
    assert!(done.get(), "flushed, and nobody was told");
}

#[test]
fn a_last_word_that_the_transport_keeps_has_the_time_of_one_that_it_does_not_take() {
    for keeps in [false, true] {
        let clock = Clock::default();
        let (mine, theirs, gate) = Slow::new(keeps);
        let mut websocket = server(&clock, mine);
        // No frame begins so.
        theirs.inject(&[0xff, 0xff]);
        let mut timer = clock.timer();
        let at = clock.now().saturating_add(Duration::from_secs(3));
        let mut tasks = Tasks::new(&clock);
        tasks.spawn(async {
            while websocket.next().await.is_some() {}
            drop(websocket);
        });
        tasks.spawn(async move {
            poll_fn(|cx| Timer::poll_until(&mut timer, cx, at)).await;
            gate.open();
        });
        let _ = tasks.run();
        drop(tasks);
        assert_eq!(theirs.take_arrived().first(), Some(&0x88), "keeps: {keeps}");
    }
}

#[test]
fn closed_counts_the_messages_that_a_failed_flush_lost() {
    for call in [Call::Write, Call::Flush] {
        let clock = Clock::default();
        let (mut websocket, _theirs) = failing(&clock, call, 1);
        let unsent = Cell::new(None);
        let mut tasks = Tasks::new(&clock);
        tasks.spawn(async {
            websocket.send(Message::from("this left")).await.expect("room");
            websocket.feed(Message::from("hi")).await.expect("room");
            assert!(websocket.flush().await.is_err());
            while let Some(event) = websocket.next().await {
                if let longwire::Event::Closed(it) = event {
                    unsent.set(Some(it.unsent_messages));
                }
            }
        });
        assert_eq!(tasks.run(), End::Done);
        drop(tasks);
        assert_eq!(unsent.get(), Some(1), "{call:?}");
    }
}

#[test]
fn a_refusal_that_the_transport_keeps_leaves_whole() {
    for (keeps, half_closes) in [(false, true), (true, true), (true, false)] {
        let clock = Clock::default();
        let (mine, mut theirs, gate) = Slow::new(keeps);
        theirs.inject(b"GET / HTTP/1.1\r\nHost: host\r\n\r\n");
        if half_closes {
            assert!(theirs.poll_shutdown(&mut Context::from_waker(Waker::noop())).is_ready());
        }
        let (mut timer, at) = (clock.timer(), clock.now().saturating_add(Duration::from_secs(3)));
        let accepting = clock.timer();
        let mut tasks = Tasks::new(&clock);
        tasks.spawn(async move {
            let page = Response::new(403).expect("a status").body("no");
            let config = Config::server();
            let refuse = |_: &_| Answer::Reject(page);
            assert!(driver::accept(mine, accepting, config, Jitter::NONE, refuse).await.is_err());
        });
        tasks.spawn(async move {
            poll_fn(|cx| Timer::poll_until(&mut timer, cx, at)).await;
            gate.open();
        });
        let _ = tasks.run();
        drop(tasks);
        assert!(theirs.take_arrived().ends_with(b"\r\n\r\nno"), "keeps: {keeps}, {half_closes}");
    }
}
