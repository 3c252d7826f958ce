//! A session over scripted transports: inline as a `Line`, and shared. In virtual time.

use core::cell::{Cell, RefCell};
use core::future::{Future, pending, poll_fn};
use core::pin::pin;
use core::task::{Poll, Waker};
use std::collections::VecDeque;
use std::rc::Rc;

use longwire::driver::{self, Answer, Client, Dialled, Driving, Events, Line};
use longwire::handshake::{Acceptance, Request};
use longwire::rng::Jitter;
use longwire::session::{
    Attempt, BrowserEvent, ConnectFailure, Delivery, Event, Loss, Next, Outcome, SendOptions,
    Session, State, Stopped,
};
use longwire::time::{Duration, Instant};
use longwire::{CloseCode, Config, Message, SendError, SessionConfig};
use longwire_tests::scripted::{
    Call, Clock, End, Fault, Script, Scripted, Tasks, VirtualTimer, What, link, once,
};

type Handle = Client<Scripted, VirtualTimer>;
type News = Events<Scripted, VirtualTimer>;
type Dialling = core::pin::Pin<Box<dyn Future<Output = Result<Dialled<Scripted>, ConnectFailure>>>>;
type Connector = Box<dyn FnMut(Attempt) -> Dialling>;

/// A network with one server, to which a session connects.
#[derive(Clone, Default)]
struct World {
    clock: Clock,
    /// The server's ends of transports that were opened.
    arriving: Rc<RefCell<VecDeque<Scripted>>>,
    waker: Rc<RefCell<Option<Waker>>>,
    /// What the server has read, of all connections.
    read: Rc<RefCell<Vec<Vec<u8>>>>,
    /// After how many messages it drops a transport without a word, one number a connection.
    patience: Rc<RefCell<VecDeque<usize>>>,
    attempts: Rc<Cell<usize>>,
}

impl World {
    /// Transports whose client's end behaves as `script` says of its number, from 0.
    fn connector(&self, script: impl Fn(usize) -> Script + 'static) -> Connector {
        let world = self.clone();
        Box::new(move |_| {
            let nth = world.attempts.replace(world.attempts.get() + 1);
            let (mine, theirs) = link([script(nth), Script::WHOLE], 3000);
            world.arriving.borrow_mut().push_back(theirs);
            world.waker.borrow_mut().take().into_iter().for_each(Waker::wake);
            Box::pin(async move { Ok(dialled(mine)) })
        })
    }

    fn line(&self, config: SessionConfig, connector: Connector) -> Line<Connector, VirtualTimer> {
        let mut draw = 1_u8;
        let rng = move |dest: &mut [u8]| {
            draw = draw.wrapping_mul(77).wrapping_add(13);
            dest.fill(draw);
        };
        let mut session = Session::new(config, rng, self.clock.now());
        session.connect(self.clock.now());
        Line::new(session, connector, self.clock.timer())
    }

    async fn next_arrival(&self) -> Scripted {
        poll_fn(|cx| {
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            self.arriving.borrow_mut().pop_front().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Accepts one connection after the other, notes what it reads, and echoes it if it says "echo".
    async fn serve(self) {
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

    fn read(&self) -> Vec<String> {
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        self.read.borrow().iter().map(text).collect()
    }
}

fn dialled(transport: Scripted) -> Dialled<Scripted> {
    let request = Request::parse("ws://host/").expect("a URL");
    Dialled { transport, request, rng: Box::new(|dest| dest.fill(0x5a)) }
}

/// Retries within a second, so that a run has many.
fn config() -> SessionConfig {
    let mut config = SessionConfig::DEFAULT;
    config.backoff.first = Duration::from_millis(100);
    config.with_backoff(Duration::from_millis(100), Duration::from_secs(1))
}

fn text(n: usize) -> Message<'static> {
    Message::from(format!("message {n}"))
}

/// Runs until `done`, and says that nobody was busy for nothing.
fn run<'a>(world: &'a World, done: &'a Cell<bool>, spawn: impl FnOnce(&mut Tasks<'a>)) {
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
fn assert_all_in_order(read: &[String], n: usize, announced: usize, about: &str) {
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

#[test]
fn a_line_connects_again_and_sends_everything_in_order() {
    for seed in 0..40 {
        let world = World::default();
        world.patience.borrow_mut().extend([3, 0, 7, 1, 12].map(|n| n + seed as usize % 3));
        let script = move |nth: usize| {
            if seed < 2 { Script::WHOLE } else { Script::fickle(seed * 64 + nth as u64) }
        };
        let mut line = world.line(config(), world.connector(script));
        for n in 0..50 {
            line.send(text(n), Delivery::Received).expect("there is room");
        }
        let (done, repeated, settled) = (Cell::new(false), Cell::new(0), Cell::new(0));
        run(&world, &done, |tasks| {
            tasks.spawn(async {
                while let Some(event) = line.next().await {
                    if let Event::Repeated(_) = event {
                        repeated.set(repeated.get() + 1);
                    } else if let Event::Settled(it) = event {
                        assert_eq!(it.outcome, Outcome::Received, "seed {seed}");
                        settled.set(settled.get() + 1);
                    }
                    if settled.get() == 50 && line.session().state() == State::Open {
                        line.close(CloseCode::NORMAL, "").expect("1000 may be sent");
                    }
                }
                done.set(true);
            });
        });
        assert_eq!(settled.get(), 50, "seed {seed}");
        assert_all_in_order(&world.read(), 50, repeated.get(), &format!("seed {seed}"));
        assert!(world.attempts.get() > 1, "seed {seed}");
    }
}

#[test]
fn a1_dropping_next_at_any_await_loses_nothing() {
    let world = World::default();
    world.patience.borrow_mut().extend([2, 5]);
    let mut line = world.line(config(), world.connector(|nth| Script::fickle(nth as u64 + 4)));
    for n in 0..20 {
        line.send(text(n), Delivery::Received).expect("there is room");
    }
    let mut tasks = Tasks::new(&world.clock);
    tasks.spawn(world.clone().serve());
    let mut settled = Vec::new();
    let mut repeated = 0;
    for _ in 0..20_000 {
        // Each time another future, polled once and dropped.
        match once(line.next(), Waker::noop()) {
            Poll::Ready(Some(Event::Settled(it))) => settled.push((it.id.get(), it.outcome)),
            Poll::Ready(Some(Event::Repeated(_))) => repeated += 1,
            Poll::Ready(Some(_)) => {}
            Poll::Ready(None) => panic!("it does not stop by itself"),
            Poll::Pending => {
                let _ = tasks.settle();
                world.clock.advance(Duration::from_millis(1));
            }
        }
        if settled.len() == 20 {
            break;
        }
    }
    assert_eq!(settled, (1..=20).map(|id| (id, Outcome::Received)).collect::<Vec<_>>());
    assert_all_in_order(&world.read(), 20, repeated, "dropped futures");
}

#[test]
fn the_nth_failure_of_a_transport_costs_an_attempt_and_no_message() {
    for call in Call::ALL {
        for what in [What::Error, What::Hang, What::Pending, What::Short] {
            for nth in 0..12 {
                let about = format!("{call:?} {nth} {what:?}");
                let world = World::default();
                let fault = Fault { call, nth, what };
                let script =
                    move |n| if n == 0 { Script::WHOLE.with(fault) } else { Script::WHOLE };
                let mut line = world.line(config(), world.connector(script));
                for n in 0..10 {
                    line.send(text(n), Delivery::Received).expect("there is room");
                }
                let (done, repeated, settled) = (Cell::new(false), Cell::new(0), Cell::new(0));
                run(&world, &done, |tasks| {
                    tasks.spawn(async {
                        while let Some(event) = line.next().await {
                            if let Event::Repeated(_) = event {
                                repeated.set(repeated.get() + 1);
                            } else if let Event::Settled(_) = event {
                                settled.set(settled.get() + 1);
                            }
                            if settled.get() == 10 {
                                line.close(CloseCode::NORMAL, "").expect("1000 may be sent");
                            }
                        }
                        done.set(true);
                    });
                });
                assert_all_in_order(&world.read(), 10, repeated.get(), &about);
                assert!(world.attempts.get() <= 3, "{about}: {} attempts", world.attempts.get());
            }
        }
    }
}

/// A shared session: the handle, its events, and what drives it.
fn shared(
    world: &World,
    config: SessionConfig,
) -> (Handle, News, Driving<Connector, VirtualTimer>) {
    world.line(config, world.connector(|_| Script::WHOLE)).share()
}

#[test]
fn send_resolves_to_the_outcome_and_progress_needs_no_reader() {
    let world = World::default();
    world.patience.borrow_mut().extend([1, 2, 3]);
    let (client, events, driving) = shared(&world, config());
    let done = Cell::new(false);
    run(&world, &done, |tasks| {
        let done = &done;
        tasks.spawn(async move {
            // Nobody reads these.
            let _events = events;
            for n in 0..12 {
                let sent = client.send_with(text(n), Delivery::Received).await;
                assert_eq!(sent.map_err(|e| e.kind()), Ok(Outcome::Received));
            }
            client.close(CloseCode::NORMAL, "").expect("1000 may be sent");
        });
        tasks.spawn(async move {
            assert_eq!(driving.await, Stopped::Closed);
            done.set(true);
        });
    });
    assert_eq!(world.attempts.get(), 4);
    // Each transport was dropped before a pong, so its last message came once more.
    assert_all_in_order(&world.read(), 12, 3, "one by one");
}

#[test]
fn an_outcome_nobody_waits_for_is_an_event() {
    let world = World::default();
    let (client, mut events, driving) = shared(&world, config());
    let dropped = client.send(text(0)).id().expect("it was accepted");
    let posted = client.post(text(1), SendOptions::default()).expect("there is room");
    let waited = client.send(text(2));
    let stopped = &Cell::new(None);
    let mut tasks = Tasks::new(&world.clock);
    tasks.spawn(world.clone().serve());
    tasks.spawn(async move { stopped.set(Some(driving.await)) });
    let _ = tasks.settle();
    let mut settled = Vec::new();
    while let Poll::Ready(Some(event)) = once(events.next(), Waker::noop()) {
        if let Event::Settled(it) = event {
            settled.push(it.id);
        }
    }
    assert_eq!(settled, [dropped, posted]);
    assert!(matches!(once(waited, Waker::noop()), Poll::Ready(Ok(Outcome::Transmitted))));
    assert_eq!(stopped.get(), None);
}

#[test]
fn messages_nobody_reads_stay_with_the_peer_and_the_rest_goes_on() {
    let world = World::default();
    let (client, mut events, driving) = shared(&world, config());
    let mut tasks = Tasks::new(&world.clock);
    tasks.spawn(world.clone().serve());
    tasks.spawn(async move {
        let _ = driving.await;
    });
    for n in 0..600 {
        client.post(Message::from(format!("echo {n}")), SendOptions::default()).expect("room");
        let _ = tasks.settle();
    }
    assert_eq!(client.queued_messages(), 0, "what we send does not wait for what we read");
    let mut echoes = 0;
    while let Poll::Ready(Some(event)) = once(events.next(), Waker::noop()) {
        if let Event::Message(message) = event {
            assert_eq!(message.as_text(), Some(&*format!("echo {echoes}")));
            echoes += 1;
        }
        let _ = tasks.settle();
    }
    assert_eq!((echoes, events.missed()), (600, 0));
}

#[test]
fn dropping_what_drives_it_tells_everybody() {
    let world = World::default();
    let (client, mut events, driving) = shared(&world, config());
    let sending = client.send_with(text(0), Delivery::Received);
    drop(driving);
    assert_eq!(client.state(), State::Stopped);
    let lost = Poll::Ready(Ok(Outcome::Lost(Loss::Stopped)));
    assert_eq!(once(sending, Waker::noop()).map_err(|e| e.kind()), lost);
    let mut last = None;
    while let Poll::Ready(Some(event)) = once(events.next(), Waker::noop()) {
        last = Some(event);
    }
    assert_eq!(last, Some(Event::Stopped(Stopped::Aborted)));
    assert_eq!(once(events.next(), Waker::noop()), Poll::Ready(None));
    let refused = once(client.send(text(1)), Waker::noop());
    assert!(matches!(refused, Poll::Ready(Err(SendError::Closed(_)))));
}

#[test]
fn when_the_last_handle_is_dropped_it_is_closed_in_order() {
    let world = World::default();
    let (client, events, driving) = shared(&world, config());
    client.post(text(0), SendOptions::default()).expect("there is room");
    let other = client.clone();
    let done = Cell::new(false);
    let handles = (client, events, other);
    run(&world, &done, |tasks| {
        let done = &done;
        tasks.spawn(async move {
            let sent = handles.0.send(text(1)).await;
            assert_eq!(sent.map_err(|e| e.kind()), Ok(Outcome::Transmitted));
            drop(handles);
        });
        tasks.spawn(async move {
            assert_eq!(driving.await, Stopped::Closed);
            done.set(true);
        });
    });
    assert_eq!(world.read(), ["message 0", "message 1"]);
}

#[test]
fn a_connection_that_takes_too_long_is_not_waited_for() {
    let world = World::default();
    let dropped = Rc::new(Cell::new(0));
    /// Counts how often it is dropped.
    struct Guard(Rc<Cell<usize>>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let counter = Rc::clone(&dropped);
    let connector: Connector = Box::new(move |_| {
        let guard = Guard(Rc::clone(&counter));
        Box::pin(async move {
            let _guard = guard;
            pending().await
        })
    });
    let mut config = config();
    config.backoff.max_retries = Some(2);
    let mut line = world.line(config, connector);
    let failures = &RefCell::new(Vec::new());
    let mut tasks = Tasks::new(&world.clock);
    tasks.spawn(async move {
        while let Some(event) = line.next().await {
            if let Event::Closed(closed) = event {
                failures.borrow_mut().push((closed.failure, closed.next == Next::Stop));
            }
        }
    });
    assert_eq!(tasks.run(), End::Done);
    let failures = failures.borrow();
    assert_eq!(failures.len(), 3, "{failures:?}");
    let timed_out = longwire::session::Failure::Connect(ConnectFailure::TimedOut);
    assert!(failures.iter().all(|(failure, _)| *failure == timed_out));
    assert!(failures[2].1 && !failures[1].1);
    assert_eq!(dropped.get(), 3);
    assert!(world.clock.now() >= Instant::EPOCH + Duration::from_secs(30));
}

#[test]
fn a_connector_may_use_a_handle() {
    let world = World::default();
    let handle: Rc<RefCell<Option<Handle>>> = Rc::default();
    let asking = Rc::clone(&handle);
    let mut connect = world.connector(|_| Script::WHOLE);
    let states = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&states);
    let connector: Connector = Box::new(move |attempt| {
        let state = asking.borrow().as_ref().map(Client::state);
        seen.borrow_mut().push(state);
        connect(attempt)
    });
    let (client, events, driving) = world.line(config(), connector).share();
    *handle.borrow_mut() = Some(client);
    let mut tasks = Tasks::new(&world.clock);
    tasks.spawn(world.clone().serve());
    tasks.spawn(async move {
        let _ = driving.await;
    });
    let _ = tasks.settle();
    assert_eq!(*states.borrow(), [Some(State::Connecting)]);
    assert_eq!(events.client().state(), State::Open);
}

#[test]
fn a_finished_session_waits_for_its_messages_however_often_it_connects() {
    let world = World::default();
    world.patience.borrow_mut().extend([1, 1, 1, 1]);
    let (client, events, driving) = shared(&world, config());
    for n in 0..8 {
        client.post(text(n), Delivery::Received).expect("there is room");
    }
    let within = Duration::from_secs(3600);
    client.finish(CloseCode::NORMAL, "done", within).expect("1000 may be sent");
    assert!(matches!(client.post(text(9), Delivery::Received), Err(SendError::Closed(_))));
    let done = Cell::new(false);
    run(&world, &done, |tasks| {
        let done = &done;
        tasks.spawn(async move {
            assert_eq!(driving.await, Stopped::Closed);
            done.set(true);
        });
    });
    assert_all_in_order(&world.read(), 8, 100, "finished");
    assert_eq!(world.attempts.get(), 5);
    drop(events);
}

#[test]
fn the_face_of_a_browser_tells_open_message_error_close_again_and_again() {
    let world = World::default();
    world.patience.borrow_mut().extend([1]);
    let (client, events, driving) = shared(&world, config());
    let mut browser = driver::BrowserWebSocket::new(events);
    assert_eq!((browser.ready_state(), browser.protocol()), (0, String::new()));
    browser.send(Message::from("echo")).expect("there is room");
    assert_eq!(browser.buffered_amount(), 4);
    let done = Cell::new(false);
    let seen = RefCell::new(Vec::new());
    run(&world, &done, |tasks| {
        let done = &done;
        tasks.spawn(async move {
            let _ = driving.await;
        });
        let (browser, seen, client) = (&mut browser, &seen, &client);
        tasks.spawn(async move {
            while let Some(event) = browser.next().await {
                let again = seen.borrow().contains(&"close");
                if event == BrowserEvent::Open && again {
                    let _ = client.post(Message::from("echo"), SendOptions::default());
                }
                if matches!(event, BrowserEvent::Message(_)) && again {
                    browser.close(CloseCode::NORMAL, "bye").expect("a page may");
                }
                seen.borrow_mut().push(match event {
                    BrowserEvent::Open => "open",
                    BrowserEvent::Message(_) => "message",
                    BrowserEvent::Error => "error",
                    BrowserEvent::Close(close) if close.was_clean => "clean close",
                    BrowserEvent::Close(_) => "close",
                });
            }
            done.set(true);
        });
    });
    let seen = seen.take();
    assert_eq!(browser.ready_state(), 3);
    let first: Vec<_> = seen.iter().take_while(|it| **it != "close").copied().collect();
    assert!(first == ["open", "error"] || first == ["open", "message", "error"], "{seen:?}");
    let then: Vec<_> = seen.iter().skip_while(|it| **it != "close").copied().collect();
    assert_eq!(then, ["close", "open", "message", "clean close"], "{seen:?}");
}
