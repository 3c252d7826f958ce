//! The driver over a scripted transport and a virtual clock.

#[path = "driver/common.rs"]
mod common;

use core::pin::pin;
use core::task::{Context, Poll};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};

use bytes::Bytes;
use common::{body, closed, received, whole};
use futures_util::{SinkExt, StreamExt};
use longwire::buffer::Stage;
use longwire::error::TimeoutKind;
use longwire::time::{Duration, Instant};
use longwire::{CloseCode, Config, ConnectionError, DataKind, Event, Message, SendError};
use longwire_tests::properties::Lcg;
use longwire_tests::scripted::{
    Clock, End, Flag, Happened, Script, Scripted, Socket, Tasks, VirtualTimer, once, pair,
};

type Fragments<'a> = longwire::driver::Fragments<'a, Scripted, VirtualTimer>;

/// A future made anew for every poll: dropped at each of its awaits.
async fn feed(socket: &mut Socket, bytes: &Bytes) -> Result<(), SendError> {
    poll_fn(|cx| {
        let message = Message::binary(bytes.clone());
        pin!(socket.feed(message)).poll(cx).map_err(|error| error.kind())
    })
    .await
}

async fn next(socket: &mut Socket) -> Option<Event<'static>> {
    poll_fn(|cx| pin!(socket.next()).poll(cx).map(|event| event.map(Event::into_owned))).await
}

async fn flush(socket: &mut Socket) -> Result<(), SendError> {
    poll_fn(|cx| pin!(socket.flush()).poll(cx)).await
}

async fn write(fragments: &mut Fragments<'_>, bytes: &Bytes) -> Result<(), SendError> {
    poll_fn(|cx| pin!(fragments.write(bytes.clone())).poll(cx)).await
}

#[test]
fn a1_dropping_any_future_at_any_await_loses_nothing() {
    for seed in 0..60 {
        let clock = Clock::default();
        let scripts = [Script::fickle(seed), Script::fickle(seed + 1000)];
        let room = [100, 3000, 100_000][seed as usize % 3];
        let configs = [Config::client(), Config::server()];
        let (mut client, mut server) = pair(&clock, configs, scripts, room);
        let mut lcg = Lcg(seed);
        let lengths: Vec<usize> =
            (0..30).map(|i| if i % 9 == 8 { 9000 } else { lcg.below(2000) }).collect();
        let (lengths, ends) = (&lengths, &RefCell::new(Vec::new()));
        let mut tasks = Tasks::new(&clock);
        tasks.spawn(async move {
            for (i, len) in lengths.iter().enumerate() {
                let bytes = Bytes::from(body(i, *len));
                if i % 3 == 2 {
                    let mut fragments = client.fragments(DataKind::Binary).expect("it is open");
                    write(&mut fragments, &bytes.slice(..len / 3)).await.expect("it is open");
                    write(&mut fragments, &bytes.slice(len / 3..len / 2)).await.expect("open");
                    fragments.finish(bytes.slice(len / 2..)).await.expect("it is open");
                } else {
                    feed(&mut client, &bytes).await.expect("it is open");
                }
                if i % 4 == 3 {
                    flush(&mut client).await.expect("it is open");
                }
            }
            for (i, len) in lengths.iter().enumerate() {
                let echo = received(next(&mut client).await);
                assert!(echo == body(i, *len), "seed {seed}, message {i}");
            }
            client.close(CloseCode::NORMAL, "").expect("1000 may be sent");
            let end = closed(next(&mut client).await);
            ends.borrow_mut().push(end);
            assert_eq!(next(&mut client).await, None);
        });
        tasks.spawn(async move {
            for (i, len) in lengths.iter().enumerate() {
                let message = received(next(&mut server).await);
                assert!(message == body(i, *len), "seed {seed}, message {i}");
                feed(&mut server, &Bytes::from(message)).await.expect("it is open");
            }
            let end = closed(next(&mut server).await);
            ends.borrow_mut().push(end);
            assert_eq!(next(&mut server).await, None);
        });
        assert_eq!(tasks.run(), End::Done, "seed {seed}");
        assert!(ends.borrow().iter().all(|closed| closed.clean), "seed {seed}: {ends:?}");
    }
}

#[test]
fn a1_a_send_dropped_while_it_flushes_sends_once_or_not_at_all() {
    for seed in 0..40 {
        let clock = Clock::default();
        let scripts = [Script::fickle(seed), Script::fickle(seed + 99)];
        let (mut client, mut server) = whole(&clock, scripts, 500);
        let (done, got) = (&RefCell::new(Vec::new()), &RefCell::new(Vec::new()));
        let mut lcg = Lcg(seed);
        let mut tasks = Tasks::new(&clock);
        tasks.spawn(async move {
            for i in 0..40_u8 {
                // Given up after so many polls.
                let mut patience = lcg.below(8);
                let mut send = Box::pin(client.send(Message::from(vec![i; 300])));
                let sent = poll_fn(|cx: &mut Context<'_>| match send.as_mut().poll(cx) {
                    Poll::Ready(result) => Poll::Ready(Some(result)),
                    Poll::Pending if patience == 0 => Poll::Ready(None),
                    Poll::Pending => {
                        patience -= 1;
                        Poll::Pending
                    }
                })
                .await;
                drop(send);
                if let Some(result) = sent {
                    result.expect("it is open");
                    done.borrow_mut().push(i);
                }
            }
            client.finish(CloseCode::NORMAL, "").await.expect("1000 may be sent");
        });
        tasks.spawn(async move {
            while let Some(event) = server.next().await {
                if let Event::Message(message) = event {
                    assert!(message.as_bytes().iter().all(|byte| *byte == message.as_bytes()[0]));
                    got.borrow_mut().push(message.as_bytes()[0]);
                }
            }
        });
        assert_eq!(tasks.run(), End::Done, "seed {seed}");
        let (done, got) = (done.borrow(), got.borrow());
        assert!(got.is_sorted_by(|a, b| a < b), "seed {seed}: in order, and once: {got:?}");
        assert!(done.iter().all(|i| got.contains(i)), "seed {seed}: {done:?} {got:?}");
    }
}

#[test]
fn a_hundred_answers_leave_in_one_write() {
    let clock = Clock::default();
    let (mut client, mut server) = whole(&clock, [Script::WHOLE; 2], 1 << 20);
    let journal = server.transport().expect("it is open").journal();
    let answered = &Cell::new(0);
    let mut tasks = Tasks::new(&clock);
    tasks.spawn(async move {
        for i in 0..100_u8 {
            client.feed(Message::from(vec![i; 20])).await.expect("it is open");
        }
        client.flush().await.expect("it is open");
        for i in 0..100_u8 {
            assert_eq!(received(next(&mut client).await), [i; 20]);
        }
    });
    tasks.spawn(async move {
        while answered.get() < 100 {
            let Some((event, mut sender)) = server.next_with_sender().await else { return };
            let Event::Message(message) = event else { continue };
            sender.send(message).expect("it is open");
            answered.set(answered.get() + 1);
        }
        let _ = server.next().await;
    });
    tasks.settle();
    assert_eq!(answered.get(), 100);
    let writes = |end| {
        journal
            .borrow()
            .iter()
            .filter(|(by, what)| *by == end && matches!(what, Happened::Wrote(_)))
            .count()
    };
    assert_eq!((writes(0), writes(1)), (1, 1));
}

#[test]
fn a_task_yields_after_128_events_and_wakes_itself() {
    let clock = Clock::default();
    let (mut client, mut server) = whole(&clock, [Script::WHOLE; 2], 1 << 20);
    let (flag, waker) = Flag::new();
    for _ in 0..500 {
        client.endpoint_mut().send(Message::from("x")).expect("there is room");
    }
    assert_eq!(once(client.flush(), &waker), Poll::Ready(Ok(())));
    let (mut total, mut run) = (0, 0);
    let mut yields = 0;
    flag.take();
    while total < 500 {
        match once(server.next(), &waker) {
            Poll::Ready(event) => {
                assert!(matches!(event, Some(Event::Message(_))));
                (total, run) = (total + 1, run + 1);
            }
            Poll::Pending => {
                assert!(run <= 128, "{run} events without a pause");
                assert!(flag.take(), "there is more, so it wakes itself");
                (yields, run) = (yields + 1, 0);
                assert!(yields < 100, "nothing arrives any more");
            }
        }
    }
    assert_eq!(yields, 500 / 128);
    assert!(once(server.next(), &waker).is_pending());
    assert!(!flag.take(), "there is nothing, so it does not");
}

#[test]
fn a_task_yields_after_256_kib_and_wakes_itself() {
    let clock = Clock::default();
    let (mut client, mut server) = whole(&clock, [Script::WHOLE; 2], 4 << 20);
    let (flag, waker) = Flag::new();
    let large = vec![7; 3 << 20];
    server.endpoint_mut().send(Message::from(large.clone())).expect("nothing else is queued");
    assert_eq!(once(server.flush(), &waker), Poll::Ready(Ok(())));
    flag.take();
    let mut yields = 0;
    loop {
        match once(client.next(), &waker) {
            Poll::Ready(event) => {
                assert!(received(event.map(Event::into_owned)) == large);
                break;
            }
            Poll::Pending => {
                assert!(flag.take(), "there is more, so it wakes itself");
                yields += 1;
                assert!(yields < 100, "nothing arrives any more");
            }
        }
    }
    assert!((4..=12).contains(&yields), "{yields} pauses in 3 MiB");
}

/// Both send `count` messages of a kilobyte before they receive any.
fn both_send_first(count: usize) -> (End, Vec<Option<SendError>>) {
    let clock = Clock::default();
    let (client, server) = whole(&clock, [Script::WHOLE; 2], 10_000);
    let results = RefCell::new(Vec::new());
    let mut tasks = Tasks::new(&clock);
    for (at, mut socket) in [client, server].into_iter().enumerate() {
        let results = &results;
        tasks.spawn(async move {
            let mut refused = None;
            for i in 0..count {
                if let Err(error) = feed(&mut socket, &Bytes::from(body(i, 1000))).await {
                    refused = Some(error);
                    break;
                }
            }
            if refused.is_none() {
                for i in 0..count {
                    assert!(received(next(&mut socket).await) == body(i, 1000), "end {at}");
                }
                // The peer may still want what is queued here.
                let _ = flush(&mut socket).await;
            } else {
                while let Some(event) = next(&mut socket).await {
                    if let Event::Error(error) = event {
                        let stalled = ConnectionError::Timeout(TimeoutKind::WriteStalled);
                        let ended = ConnectionError::UnexpectedEof;
                        assert!([stalled, ended].contains(&error) || at == 1, "{error:?}");
                    }
                }
            }
            results.borrow_mut().push(refused);
        });
    }
    let end = tasks.run();
    drop(tasks);
    (end, results.into_inner())
}

#[test]
fn s7_two_ends_that_send_first_do_not_deadlock_while_their_inboxes_have_room() {
    assert_eq!(both_send_first(78), (End::Done, vec![None, None]));
}

#[test]
fn s7_two_ends_that_only_send_end_by_a_stalled_write() {
    let closed = Some(SendError::Closed(()));
    assert_eq!(both_send_first(100_000), (End::Done, vec![closed.clone(), closed]));
}

#[test]
fn s5_one_answer_an_event_is_never_too_much_even_if_the_peer_does_not_read() {
    let clock = Clock::default();
    let (mut client, mut server) = whole(&clock, [Script::WHOLE; 2], 10_000);
    let mut tasks = Tasks::new(&clock);
    tasks.spawn(async move {
        // Reads nothing while it can send: about what the two pipes and the server's queue hold.
        while feed(&mut client, &Bytes::from(body(1, 1000))).await.is_ok() {}
    });
    tasks.spawn(async move {
        let mut error = None;
        while let Some((event, mut sender)) = server.next_with_sender().await {
            if let Event::Message(message) = event {
                // What was found before the end is still handed out, but not to be answered.
                let result = sender.send(message);
                assert!(!matches!(result, Err(SendError::Full(_))), "it waited for room");
            } else if let Event::Error(why) = event {
                error = Some(why);
            }
        }
        // Which of the two gives up first is nobody's concern.
        assert!(error.is_some());
    });
    assert_eq!(tasks.run(), End::Done);
    assert!(clock.now() <= Instant::EPOCH + Duration::from_secs(61), "bounded");
}

#[test]
fn a_transport_that_takes_nothing_from_the_start_stalls_too() {
    let clock = Clock::default();
    let (mut client, server) = whole(&clock, [Script::WHOLE; 2], 0);
    let mut tasks = Tasks::new(&clock);
    tasks.spawn(async move {
        client.feed(Message::from("hello")).await.expect("there is room");
        let stalled = ConnectionError::Timeout(TimeoutKind::WriteStalled);
        assert_eq!(next(&mut client).await, Some(Event::Error(stalled)));
        assert_eq!(closed(next(&mut client).await).unsent_messages, 1);
    });
    assert_eq!(tasks.run(), End::Done);
    assert_eq!(clock.now(), Instant::EPOCH + Config::client().write_stall);
    drop(server);
}

#[test]
fn c3_the_server_shuts_down_first_and_the_client_waits_for_it() {
    for client_closes in [true, false] {
        let clock = Clock::default();
        let (client, server) = whole(&clock, [Script::WHOLE; 2], 10_000);
        let journal = client.transport().expect("it is open").journal();
        let mut tasks = Tasks::new(&clock);
        for (closes, mut socket) in [(client_closes, client), (!client_closes, server)] {
            tasks.spawn(async move {
                if closes {
                    socket.close(CloseCode::GOING_AWAY, "bye").expect("1001 may be sent");
                }
                let closed = closed(next(&mut socket).await);
                assert!(closed.clean && closed.code == CloseCode::GOING_AWAY, "{closed:?}");
                assert!(socket.transport().is_none(), "dropped as soon as it is not needed");
            });
        }
        assert_eq!(tasks.run(), End::Done);
        assert_eq!(clock.now(), Instant::EPOCH, "nothing had to time out");
        let ends: Vec<_> = journal
            .borrow()
            .iter()
            .copied()
            .filter(|(_, what)| !matches!(what, Happened::Wrote(_)))
            .collect();
        let at = |what| ends.iter().position(|other| *other == what).expect("it happened");
        assert!(at((1, Happened::ShutDown)) < at((0, Happened::SawEnd)));
        assert!(at((0, Happened::SawEnd)) < at((0, Happened::ShutDown)));
        assert!(at((0, Happened::ShutDown)) < at((0, Happened::Dropped)));
        assert!(at((1, Happened::SawEnd)) < at((1, Happened::Dropped)));
        assert_eq!(ends.len(), 6, "each once: {ends:?}");
    }
}

#[test]
fn an_idle_connection_holds_no_receive_buffer_whether_or_not_its_transport_can_say() {
    for gated in [true, false] {
        let clock = Clock::default();
        let script = Script { gated, ..Script::WHOLE };
        let (mut client, mut server) = whole(&clock, [script; 2], 2 << 20);
        let (flag, waker) = Flag::new();
        for len in [5, 1_000_000, 7] {
            assert!(once(server.next(), &waker).is_pending());
            assert_eq!(server.endpoint().buffer_capacity(), 0, "nothing is there, gated: {gated}");
            flag.take();
            client.endpoint_mut().send(Message::from(vec![7; len])).expect("there is room");
            assert_eq!(once(client.flush(), &waker), Poll::Ready(Ok(())));
            assert!(flag.take(), "something is");
            let mut event = None;
            for _ in 0..100 {
                if let Poll::Ready(ready) = once(server.next(), &waker) {
                    event = ready.map(Event::into_owned);
                    break;
                }
            }
            let Some(Event::Message(message)) = event else { panic!("the message: {event:?}") };
            assert_eq!(message.len(), len);
            // However long the application takes over it: much that came with one read may stay
            // where it is until the next wait.
            let most = if len > 4_096 { Stage::LEN } else { len + 14 };
            let held = server.endpoint().buffer_capacity();
            assert!(held <= most, "{held} bytes, length {len}, gated: {gated}");
        }
        assert!(once(server.next(), &waker).is_pending());
        assert_eq!(server.endpoint().buffer_capacity(), 0, "a spike has given its memory back");
    }
}

#[test]
fn c7_closing_the_sink_loses_no_message_that_arrived() {
    let clock = Clock::default();
    let (mut client, mut server) = whole(&clock, [Script::WHOLE; 2], 10_000);
    let mut tasks = Tasks::new(&clock);
    tasks.spawn(async move {
        for text in ["one", "two", "three"] {
            SinkExt::send(&mut client, Message::from(text)).await.expect("it is open");
        }
        let Some(Ok(answer)) = StreamExt::next(&mut client).await else { panic!("an answer") };
        assert_eq!(answer.as_text(), Some("answer"));
        // The server does not read while it closes, so this is not clean, but it is bounded.
        SinkExt::close(&mut client).await.expect("closing does not fail");
    });
    let clock = &clock;
    tasks.spawn(async move {
        SinkExt::send(&mut server, Message::from("answer")).await.expect("it is open");
        poll_fn(|cx| server.poll_ready(cx)).await;
        SinkExt::close(&mut server).await.expect("closing does not fail");
        assert!(clock.now() <= Instant::EPOCH + Duration::from_secs(6), "bounded");
        let mut texts = Vec::new();
        while let Some(Ok(message)) = StreamExt::next(&mut server).await {
            texts.push(message.as_text().unwrap_or_default().to_owned());
        }
        assert_eq!(texts.first().map(String::as_str), Some("one"));
    });
    assert_eq!(tasks.run(), End::Done);
}

#[test]
fn c7_closing_the_sink_is_bounded_when_the_peer_is_silent() {
    let clock = Clock::default();
    let (mut client, server) = whole(&clock, [Script::WHOLE; 2], 10_000);
    let mut tasks = Tasks::new(&clock);
    tasks.spawn(async move {
        SinkExt::close(&mut client).await.expect("closing does not fail");
        assert!(StreamExt::next(&mut client).await.is_some_and(|item| item.is_err()));
        assert!(StreamExt::next(&mut client).await.is_none());
    });
    assert_eq!(tasks.run(), End::Done);
    assert_eq!(clock.now(), Instant::EPOCH + Config::client().close_timeout);
    drop(server);
}

#[test]
fn an_exchange_costs_no_more_polls_than_it_has_turns() {
    let clock = Clock::default();
    let (mut client, mut server) = whole(&clock, [Script::WHOLE; 2], 10_000);
    let mut tasks = Tasks::new(&clock);
    tasks.spawn(async move {
        for _ in 0..50 {
            client.send(Message::from("ping")).await.expect("it is open");
            received(next(&mut client).await);
        }
        let _ = client.finish(CloseCode::NORMAL, "").await;
    });
    tasks.spawn(async move {
        while let Some((event, mut sender)) = server.next_with_sender().await {
            if let Event::Message(message) = event {
                sender.send(message).expect("it is open");
            }
        }
    });
    assert_eq!(tasks.run(), End::Done);
    assert!(tasks.polls() <= 110, "{} polls for 50 turns: nobody is woken in vain", tasks.polls());
}
