//! A network with one server, for sessions over scripted transports. In virtual time.

use core::cell::{Cell, RefCell};
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Poll, Waker};
use std::collections::VecDeque;
use std::rc::Rc;

use longwire::driver::{self, Answer, Dialled, Line};
use longwire::handshake::{Acceptance, Request};
use longwire::rng::Jitter;
use longwire::session::{Attempt, ConnectFailure, Session};
use longwire::time::Duration;
use longwire::{Config, Message, SessionConfig};
use longwire_tests::scripted::{Clock, Script, Scripted, Tasks, VirtualTimer, link};

pub(crate) type Dialling =
    core::pin::Pin<Box<dyn Future<Output = Result<Dialled<Scripted>, ConnectFailure>>>>;
pub(crate) type Connector = Box<dyn FnMut(Attempt) -> Dialling>;

/// A network with one server, to which a session connects.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    /// The server's ends of transports that were opened.
    arriving: Rc<RefCell<VecDeque<Scripted>>>,
    waker: Rc<RefCell<Option<Waker>>>,
    /// What the server has read, of all connections.
    read: Rc<RefCell<Vec<Vec<u8>>>>,
    /// After how many messages it drops a transport without a word, one number a connection.
    pub(crate) patience: Rc<RefCell<VecDeque<usize>>>,
    pub(crate) attempts: Rc<Cell<usize>>,
}

impl World {
    /// Transports whose client's end behaves as `script` says of its number, from 0.
    pub(crate) fn connector(&self, script: impl Fn(usize) -> Script + 'static) -> Connector {
        let world = self.clone();
        Box::new(move |_| {
            let nth = world.attempts.replace(world.attempts.get() + 1);
            let (mine, theirs) = link([script(nth), Script::WHOLE], 3000);
            world.arrive(theirs);
            Box::pin(async move { Ok(dialled(mine)) })
        })
    }

    pub(crate) fn line(
        &self,
        config: SessionConfig,
        connector: Connector,
    ) -> Line<Connector, VirtualTimer> {
        let mut draw = 1_u8;
        let rng = move |dest: &mut [u8]| {
            draw = draw.wrapping_mul(77).wrapping_add(13);
            dest.fill(draw);
        };
        let mut session = Session::new(config, rng, self.clock.now());
        session.connect(self.clock.now());
        Line::new(session, connector, self.clock.timer())
    }

    /// The server's end of a transport that was opened.
    pub(crate) fn arrive(&self, theirs: Scripted) {
        self.arriving.borrow_mut().push_back(theirs);
        self.waker.borrow_mut().take().into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn next_arrival(&self) -> Scripted {
        poll_fn(|cx| {
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            self.arriving.borrow_mut().pop_front().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Accepts one connection after the other, notes what it reads, and echoes it if it says "echo".
    pub(crate) async fn serve(self) {
        loop {
            let transport = self.next_arrival().await;
            let patience = self.patience.borrow_mut().pop_front().unwrap_or(usize::MAX);
            let welcome = |_: &_| Answer::Accept(Acceptance::new());
            let timer = self.clock.timer();
            let accepted =
                driver::accept(transport, timer, Config::server(), Jitter::NONE, welcome).await;
            let Ok(mut websocket) = accepted else { continue };
            let mut read = 0;
            while read < patience
                && let Some((event, mut sender)) = websocket.next_with_sender().await
            {
                if let longwire::Event::Message(message) = event {
                    self.read.borrow_mut().push(message.as_bytes().to_vec());
                    read += 1;
                    if message.as_bytes().starts_with(b"echo") {
                        sender.send(message).expect("there is room");
                    }
                }
            }
        }
    }

    pub(crate) fn read(&self) -> Vec<String> {
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        self.read.borrow().iter().map(text).collect()
    }
}

pub(crate) fn dialled(transport: Scripted) -> Dialled<Scripted> {
    let request = Request::parse("ws://host/").expect("a URL");
    Dialled { transport, request, rng: Box::new(|dest| dest.fill(0x5a)) }
}

/// Retries within a second, so that a run has many.
pub(crate) fn config() -> SessionConfig {
    let mut config = SessionConfig::DEFAULT;
    config.backoff.first = Duration::from_millis(100);
    config.with_backoff(Duration::from_millis(100), Duration::from_secs(1))
}

pub(crate) fn text(n: usize) -> Message<'static> {
    Message::from(format!("message {n}"))
}

/// Runs until `done`, and says that nobody was busy for nothing.
pub(crate) fn run<'a>(world: &'a World, done: &'a Cell<bool>, spawn: impl FnOnce(&mut Tasks<'a>)) {
    let mut tasks = Tasks::new(&world.clock);
    spawn(&mut tasks);
    let serving = world.clone();
    tasks.spawn(async move {
        let mut serving = pin!(serving.serve());
        poll_fn(|cx| if done.get() { Poll::Ready(()) } else { serving.as_mut().poll(cx) }).await;
    });
    for _ in 0..10_000 {
        if tasks.settle() || done.get() {
            return;
        }
        assert!(world.clock.jump(), "stuck at {:?}", world.clock.now());
    }
    panic!("never done: {:?}", world.clock.now());
}

/// What is left of `numbers` when what was read before is left out: 1, 2, 3 up to `n`.
pub(crate) fn assert_all_in_order(read: &[String], n: usize, announced: usize, about: &str) {
    let mut next = 0;
    let mut duplicates = 0;
    for message in read {
        let number: usize = message.trim_start_matches("message ").parse().expect("a number");
        if number == next {
            next += 1;
        } else {
            assert!(number < next, "{about}: {number} before {next}");
            duplicates += 1;
        }
    }
    assert_eq!(next, n, "{about}");
    assert!(duplicates <= announced, "{about}: {duplicates} duplicates, {announced} announced");
}
