//! A session over scripted transports, driven inline as a `Line`. In virtual time.

#[path = "driver/world.rs"]
mod world;

use core::cell::{Cell, RefCell};
use core::future::pending;
use core::task::{Context, Poll, Waker};
use std::rc::Rc;

use longwire::driver::{Driver, Transport};
use longwire::session::{ConnectFailure, Delivery, Event, Loss, Next, Outcome, SendOptions, State};
use longwire::time::{Duration, Instant};
use longwire::{CloseCode, Config, Connection, Message, Role, SessionConfig};
use longwire_tests::scripted::{
    Call, End, Fault, Flag, Happened, Journal, Script, Tasks, What, link, once,
};

use world::{Connector, World, assert_all_in_order, config, dialled, run, text};

/// Sends `count` messages over transports that behave as `script` says, closes when the last of them
/// was received, and sees that all were: in order, and again only where that was announced.
fn deliver(world: &World, script: impl Fn(usize) -> Script + 'static, count: usize, about: &str) {
    let mut line = world.line(config(), world.connector(script));
    for n in 0..count {
        line.send(text(n), Delivery::Received).expect("there is room");
    }
    let (done, repeated, settled) = (Cell::new(false), Cell::new(0), Cell::new(0));
    run(world, &done, |tasks| {
        tasks.spawn(async {
            while let Some(event) = line.next().await {
                if let Event::Repeated(_) = event {
                    repeated.set(repeated.get() + 1);
                } else if let Event::Settled(it) = event {
                    assert_eq!(it.outcome, Outcome::Received, "{about}");
                    settled.set(settled.get() + 1);
                }
                if settled.get() == count {
                    line.close(CloseCode::NORMAL, "").expect("1000 may be sent");
                }
            }
            done.set(true);
        });
    });
    assert_eq!(settled.get(), count, "{about}");
    assert_all_in_order(&world.read(), count, repeated.get(), about);
}

#[test]
fn a_line_connects_again_and_sends_everything_in_order() {
    for seed in 0..40 {
        let world = World::default();
        world.patience.borrow_mut().extend([3, 0, 7, 1, 12].map(|n| n + seed as usize % 3));
        let script = move |nth: usize| {
            if seed < 2 { Script::WHOLE } else { Script::fickle(seed * 64 + nth as u64) }
        };
        deliver(&world, script, 50, &format!("seed {seed}"));
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
                deliver(&world, script, 10, &about);
                assert!(world.attempts.get() <= 3, "{about}: {} attempts", world.attempts.get());
            }
        }
    }
}

#[test]
fn a_connection_that_takes_too_long_is_not_waited_for() {
    let world = World::default();
    let dropped = Rc::new(Cell::new(0));
    let connector = never(&dropped);
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

/// RFC 6455 section 7.1.1: the stream is ended, not only let go of.
#[test]
fn after_a_clean_close_the_stream_is_ended_and_after_an_abort_it_is_only_dropped() {
    for abort in [false, true] {
        let world = World::default();
        let (mine, theirs) = link([Script::WHOLE; 2], 3000);
        let journal: Journal = mine.journal();
        world.arrive(theirs);
        let mut mine = Some(mine);
        let connector: Connector = Box::new(move |_| {
            let mine = mine.take().expect("one connection");
            Box::pin(async move { Ok(dialled(mine)) })
        });
        let mut line = world.line(config(), connector);
        let done = Cell::new(false);
        run(&world, &done, |tasks| {
            let done = &done;
            tasks.spawn(async move {
                while let Some(event) = line.next().await {
                    if matches!(event, Event::Opened(_)) {
                        if abort {
                            line.session_mut().abort();
                        } else {
                            line.close(CloseCode::NORMAL, "").expect("1000 may be sent");
                        }
                    }
                }
                done.set(true);
            });
        });
        let journal = journal.borrow();
        let at = |what| journal.iter().position(|it| *it == (0, what));
        let (ended, dropped) = (at(Happened::ShutDown), at(Happened::Dropped));
        assert!(dropped.is_some(), "{journal:?}");
        assert_eq!(ended.is_some_and(|ended| Some(ended) < dropped), !abort, "{journal:?}");
        assert_eq!(ended.is_some(), !abort, "{journal:?}");
    }
}

#[test]
fn what_is_being_opened_when_a_connection_is_taken_over_is_dropped() {
    let world = World::default();
    let dropped = Rc::new(Cell::new(0));
    let mut line = world.line(config(), never(&dropped));
    while once(line.next(), Waker::noop()).is_ready() {}
    assert_eq!(dropped.get(), 0);
    let (mine, _theirs) = link([Script::WHOLE; 2], 3000);
    let connection = Connection::new(Role::Server, Config::server(), world.clock.now());
    assert!(line.adopt(Driver::new(connection, mine, world.clock.timer())));
    while once(line.next(), Waker::noop()).is_ready() {}
    assert_eq!((dropped.get(), line.session().state()), (1, State::Open));
}

/// Opens nothing, and counts how often it is given up.
fn never(dropped: &Rc<Cell<usize>>) -> Connector {
    struct Guard(Rc<Cell<usize>>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let counter = Rc::clone(dropped);
    Box::new(move |_| {
        let guard = Guard(Rc::clone(&counter));
        Box::pin(async move {
            let _guard = guard;
            pending().await
        })
    })
}

/// Flush number `nth` is pending once, and wakes.
fn pending_flush(nth: usize) -> Script {
    let fault = Fault { call: Call::Flush, nth, what: What::Pending };
    Script { buffered: true, ..Script::WHOLE }.with(fault)
}

#[test]
fn what_has_left_is_told_when_the_flush_is_over_and_not_at_the_next_alarm() {
    for nth in 0..5 {
        let world = World::default();
        let mut line = world.line(config(), world.connector(move |_| pending_flush(nth)));
        line.send(Message::from("hello"), Delivery::Transmitted).expect("room");
        let (settled, stopped) = (Cell::new(None), Cell::new(false));
        let mut tasks = Tasks::new(&world.clock);
        tasks.spawn(world.clone().serve());
        tasks.spawn(async {
            while let Some(event) = line.next().await {
                if let Event::Settled(it) = event {
                    settled.set(Some(it.outcome));
                    line.close(CloseCode::NORMAL, "").expect("1000 may be sent");
                }
            }
            stopped.set(true);
        });
        let _ = tasks.settle();
        drop(tasks);
        assert_eq!(settled.get(), Some(Outcome::Transmitted), "flush {nth}");
        assert!(stopped.get(), "flush {nth}: nor is closing waited for");
        assert_eq!(world.clock.now().since_epoch(), Duration::ZERO);
    }
}

#[test]
fn what_expires_as_the_connection_opens_is_told_at_once() {
    let world = World::default();
    let mut line = world.line(SessionConfig::browser(), world.connector(|_| Script::WHOLE));
    let options = SendOptions::default().expires_in(Duration::from_secs(3));
    line.send(text(0), options).expect("room");
    let seen = RefCell::new(Vec::new());
    let mut tasks = Tasks::new(&world.clock);
    tasks.spawn(async {
        while let Some(event) = line.next().await {
            if let Event::Opened(_) = event {
                seen.borrow_mut().push("opened");
            } else if let Event::Settled(it) = event {
                assert_eq!(it.outcome, Outcome::Expired);
                seen.borrow_mut().push("expired");
            }
        }
    });
    let _ = tasks.settle();
    // The alarm is a little late, and the server's answer is there first.
    world.clock.advance(Duration::from_millis(3_001));
    tasks.spawn(world.clone().serve());
    let _ = tasks.settle();
    drop(tasks);
    assert_eq!(*seen.borrow(), ["opened", "expired"]);
}

#[test]
fn a_reader_that_does_not_read_costs_bounded_memory() {
    let world = World::default();
    world.patience.borrow_mut().extend([100; 1_000]);
    let (client, mut events, driving) =
        world.line(config(), world.connector(|_| Script::WHOLE)).share();
    for n in 0..100 {
        client.post(text(n), Delivery::Acknowledged).expect("room");
    }
    let kept = Cell::new(0);
    let mut tasks = Tasks::new(&world.clock).most_polls(10_000_000);
    tasks.spawn(world.clone().serve());
    tasks.spawn(async move {
        driving.await;
    });
    // Each time all of them are sent again, which is news.
    while world.attempts.get() < 100 {
        let _ = tasks.settle();
        assert!(world.clock.jump());
    }
    client.abort();
    let _ = tasks.settle();
    tasks.spawn(async {
        while events.next().await.is_some() {
            kept.set(kept.get() + 1);
        }
    });
    let _ = tasks.settle();
    drop(tasks);
    assert!((4_096..4_096 + 200).contains(&kept.get()), "{} events", kept.get());
}

#[test]
fn what_a_transport_took_and_lost_is_in_doubt_also_once_its_stream_had_ended() {
    let world = World::default();
    let mut line = world.line(config(), world.connector(|_| Script::WHOLE));
    let fault = Fault { call: Call::Flush, nth: 1, what: What::Error };
    let script = Script { buffered: true, ..Script::WHOLE }.with(fault);
    let (mine, mut theirs) = link([script, Script::WHOLE], 3_000);
    let connection = Connection::new(Role::Server, Config::server(), world.clock.now());
    let mut websocket = Driver::new(connection, mine, world.clock.timer());
    theirs.inject(&[0x81, 0x81, 0, 0, 0, 0, b'a']);
    assert!(theirs.poll_shutdown(&mut Context::from_waker(Waker::noop())).is_ready());
    websocket.endpoint_mut().send(Message::from(vec![7; 4_000])).expect("room");
    // It is full, so it is read: a message that nobody takes, and the end.
    assert!(once(websocket.flush(), Waker::noop()).is_pending());
    let _ = theirs.take_arrived();
    assert!(line.adopt(websocket));
    line.send(text(0), Delivery::Transmitted).expect("room");
    let (settled, done) = (Cell::new(None), Cell::new(false));
    run(&world, &done, |tasks| {
        tasks.spawn(async {
            while let Some(event) = line.next().await {
                if let Event::Settled(it) = event {
                    settled.set(Some(it.outcome));
                    break;
                }
            }
            done.set(true);
        });
    });
    assert_eq!(settled.get(), Some(Outcome::Lost(Loss::Disconnected)));
    assert!(world.read().is_empty());
}

#[test]
fn a_reader_is_told_the_end_of_what_had_stopped_before_it_was_shared() {
    let world = World::default();
    let mut line = world.line(config(), world.connector(|_| Script::WHOLE));
    line.close(CloseCode::NORMAL, "").expect("1000 may be sent");
    while let Poll::Ready(Some(_)) = once(line.next(), Waker::noop()) {}
    let (_client, mut events, driving) = line.share();
    let (flag, waker) = Flag::new();
    assert!(once(events.next(), &waker).is_pending());
    drop(driving);
    assert!(flag.take(), "it was woken");
    assert_eq!(once(events.next(), &waker), Poll::Ready(None));
}

#[test]
fn nothing_is_told_behind_the_end() {
    let world = World::default();
    let (client, mut events, mut driving) =
        world.line(config(), world.connector(|_| Script::WHOLE)).share();
    let sending = client.send_with(text(1), Delivery::Received);
    client.abort();
    assert!(once(&mut driving, Waker::noop()).is_ready());
    while let Poll::Ready(Some(_)) = once(events.next(), Waker::noop()) {}
    drop(sending);
    assert_eq!(once(events.next(), Waker::noop()), Poll::Ready(None));
}
