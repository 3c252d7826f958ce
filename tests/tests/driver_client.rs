//! A session over scripted transports, shared: handles, events, and what drives it. In virtual time.

#[path = "driver/world.rs"]
mod world;

use core::cell::{Cell, RefCell};
use core::task::{Context, Poll, Waker};
use std::rc::Rc;

use longwire::buffer::Outbox;
use longwire::driver::{self, Client, Dialled, Driver, Driving, Events, Line, Transport};
use longwire::error::TransportFailure;
use longwire::handshake::Request;
use longwire::session::{
    BrowserEvent, Delivery, Event, Loss, Outcome, SendOptions, Session, State, Stopped,
};
use longwire::time::Duration;
use longwire::{CloseCode, Config, Connection, Message, Role, SendError, SessionConfig};
use longwire_tests::scripted::{
    Broken, Happened, Script, Scripted, Tasks, VirtualTimer, link, once,
};

use world::{Connector, World, assert_all_in_order, config, run, text};

type Handle = Client<Scripted, VirtualTimer>;
type News = Events<Scripted, VirtualTimer>;

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

#[test]
fn one_that_has_stopped_before_it_is_shared_says_so() {
    let world = World::default();
    let mut line = world.line(config(), world.connector(|_| Script::WHOLE));
    line.close(CloseCode::NORMAL, "").expect("1000 may be sent");
    while let Poll::Ready(Some(_)) = once(line.next(), Waker::noop()) {}
    let (client, mut events, mut driving) = line.share();
    assert_eq!(once(&mut driving, Waker::noop()), Poll::Ready(Stopped::Closed));
    assert_eq!(once(events.next(), Waker::noop()), Poll::Ready(None));
    assert_eq!(client.state(), State::Stopped);
}

/// A transport that owns a handle, as one does whose owner reports to the session.
struct Owning(Scripted, Rc<RefCell<Option<Client<Self, VirtualTimer>>>>);

impl Transport for Owning {
    type Error = Broken;

    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, Broken>> {
        self.0.poll_read(cx, buf)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, outbox: &Outbox) -> Poll<Result<usize, Broken>> {
        self.0.poll_write(cx, outbox)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.0.poll_shutdown(cx)
    }

    fn failure(error: &Broken) -> TransportFailure {
        Scripted::failure(error)
    }
}

impl Drop for Owning {
    fn drop(&mut self) {
        drop(self.1.take());
    }
}

#[test]
fn a_transport_may_own_a_handle_and_one_that_has_stopped_takes_nothing_over() {
    let world = World::default();
    let own = Rc::default();
    let (owning, opening) = (Rc::clone(&own), world.clone());
    let connect = move |_| {
        let (mine, theirs) = link([Script::WHOLE; 2], 3000);
        opening.arrive(theirs);
        let transport = Owning(mine, Rc::clone(&owning));
        let request = Request::parse("ws://host/").expect("a URL");
        async move { Ok(Dialled { transport, request, rng: Box::new(|dest| dest.fill(0x5a)) }) }
    };
    let mut session = Session::new(config(), |dest: &mut [u8]| dest.fill(1), world.clock.now());
    session.connect(world.clock.now());
    let (client, events, driving) = Line::new(session, connect, world.clock.timer()).share();
    *own.borrow_mut() = Some(client.clone());
    let done = Cell::new(false);
    run(&world, &done, |tasks| {
        let (done, client) = (&done, &client);
        tasks.spawn(async move {
            let sent = client.send(text(0)).await;
            assert_eq!(sent.map_err(|e| e.kind()), Ok(Outcome::Transmitted));
            assert_eq!(client.attempt().map(longwire::session::Attempt::get), Some(1));
            assert_eq!((client.ready_state(), client.retries()), (1, 0));
            client.close(CloseCode::NORMAL, "").expect("1000 may be sent");
        });
        tasks.spawn(async move {
            assert_eq!(driving.await, Stopped::Closed);
            done.set(true);
        });
    });
    assert!(own.borrow().is_none(), "the transport was dropped");
    drop(events);
    let connection = Connection::new(Role::Server, Config::server(), world.clock.now());
    *own.borrow_mut() = Some(client.clone());
    let (mine, theirs) = link([Script::WHOLE; 2], 3000);
    let websocket = Driver::new(connection, Owning(mine, Rc::clone(&own)), world.clock.timer());
    assert!(!client.adopt(websocket));
    assert_eq!(theirs.journal().borrow().last(), Some(&(0, Happened::Dropped)));
}
