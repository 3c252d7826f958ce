//! The plain loop of a server that answers, through the driver, over a transport in memory.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use longwire::buffer::Outbox;
use longwire::driver::{Timer, Transport, WebSocket};
use longwire::error::TransportFailure;
use longwire::frame::Opcode;
use longwire::{Config, Connection, Event, Instant, Role};

use super::wire::{Numbers, frames, masked};
use super::{Outcome, Work};

const MESSAGES: usize = 64;

/// What goes on between the peer and the server.
struct Link {
    wire: Vec<u8>,
    /// How much of `wire` was read.
    read: Cell<usize>,
    written: Cell<u64>,
    writes: Cell<u64>,
    answered: Cell<u64>,
    /// What was written, where somebody wants to see it.
    kept: RefCell<Option<Vec<u8>>>,
}

struct Peer(Rc<Link>);

impl Transport for Peer {
    type Error = Infallible;

    fn poll_readable(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        if self.0.read.get() < self.0.wire.len() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll_read(
        &mut self,
        _cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize, Infallible>> {
        let rest = &self.0.wire[self.0.read.get()..];
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        self.0.read.set(self.0.read.get() + n);
        if n == 0 { Poll::Pending } else { Poll::Ready(Ok(n)) }
    }

    fn poll_write(
        &mut self,
        _cx: &mut Context<'_>,
        outbox: &Outbox,
    ) -> Poll<Result<usize, Infallible>> {
        let n = outbox.gather(|slices| {
            if let Some(kept) = &mut *self.0.kept.borrow_mut() {
                slices.iter().for_each(|slice| kept.extend_from_slice(slice));
            }
            slices.iter().map(|slice| black_box(slice).len()).sum::<usize>()
        });
        self.0.written.set(self.0.written.get() + n as u64);
        self.0.writes.set(self.0.writes.get() + 1);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn failure(error: &Infallible) -> TransportFailure {
        match *error {}
    }
}

/// A clock that stands still: no alarm is due.
struct Still;

impl Timer for Still {
    fn now(&self) -> Instant {
        Instant::EPOCH
    }

    fn poll_until(&mut self, _cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if deadline <= Instant::EPOCH { Poll::Ready(()) } else { Poll::Pending }
    }
}

async fn serve(mut socket: WebSocket<Peer, Still>, link: Rc<Link>) {
    while let Some((event, mut sender)) = socket.next_with_sender().await {
        if let Event::Message(message) = event {
            sender.send(message).expect("room for an answer");
            link.answered.set(link.answered.get() + 1);
        }
    }
}

struct Echo {
    link: Rc<Link>,
    server: Pin<Box<dyn Future<Output = ()>>>,
    messages: Vec<Vec<u8>>,
}

impl Echo {
    /// All messages arrive at once, and the server is polled until it has answered them.
    #[inline]
    fn once(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        let answers = self.link.written.get() + (MESSAGES * 18) as u64;
        self.link.read.set(0);
        // It may let others in before it writes.
        for _ in 0..4 {
            assert!(self.server.as_mut().poll(&mut cx).is_pending(), "the server has ended");
            if self.link.written.get() == answers {
                return;
            }
        }
    }
}

impl Work for Echo {
    fn run(&mut self, iterations: u64) -> Outcome {
        let (answered, written) = (self.link.answered.get(), self.link.written.get());
        for _ in 0..iterations {
            self.once();
        }
        Outcome {
            events: self.link.answered.get() - answered,
            bytes: self.link.written.get() - written,
        }
    }

    fn verify(&mut self) {
        // The first read finds a receive buffer that has not grown to what arrives.
        self.once();
        let before = self.link.writes.get();
        *self.link.kept.borrow_mut() = Some(Vec::new());
        self.once();
        let wire = self.link.kept.take().expect("it was being kept");
        let answers = frames(&wire).into_iter().map(|frame| frame.payload);
        assert!(answers.eq(self.messages.iter().cloned()), "the answers are not the questions");
        assert_eq!(self.link.writes.get() - before, 1, "answers leave together");
    }
}

pub(super) fn binary_16() -> Box<dyn Work> {
    let mut numbers = Numbers::new();
    let mut wire = Vec::new();
    let messages: Vec<_> = (0..MESSAGES).map(|_| numbers.bytes(16)).collect();
    for message in &messages {
        masked(&mut wire, &mut numbers, true, Opcode::Binary, message);
    }
    let read = Cell::new(wire.len());
    let link = Rc::new(Link {
        wire,
        read,
        written: Cell::new(0),
        writes: Cell::new(0),
        answered: Cell::new(0),
        kept: RefCell::new(None),
    });
    let config = Config::server().with_heartbeat();
    let connection = Connection::new(Role::Server, config, Instant::EPOCH);
    let socket = WebSocket::new(connection, Peer(Rc::clone(&link)), Still);
    let server = Box::pin(serve(socket, Rc::clone(&link)));
    Box::new(Echo { link, server, messages })
}
