//! The halves of a divided connection, in tasks of their own.

#[path = "driver/common.rs"]
mod common;

use core::pin::pin;
use core::task::Context;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::sync::Arc;

use common::{body, closed, received, whole};
use futures_util::{SinkExt, StreamExt};
use longwire::driver::{Receiver, Sender};
use longwire::{CloseCode, Event, Message, SendError};
use longwire_tests::scripted::{
    Clock, End, Flag, Happened, Script, Scripted, Tasks, VirtualTimer, once,
};

type Tx = Sender<Scripted, VirtualTimer>;
type Rx = Receiver<Scripted, VirtualTimer>;

async fn next(receiver: &mut Rx) -> Option<Event<'static>> {
    poll_fn(|cx| pin!(receiver.next()).poll(cx)).await
}

async fn feed(sender: &mut Tx, bytes: &[u8]) -> Result<(), SendError> {
    poll_fn(|cx| pin!(sender.feed(Message::from(bytes))).poll(cx).map_err(|e| e.kind())).await
}

#[test]
fn a2_two_tasks_use_both_directions_at_once() {
    for seed in 0..60 {
        let clock = Clock::default();
        let scripts = if seed < 4 {
            [Script { buffered: seed & 1 == 1, gated: seed & 2 == 2, ..Script::WHOLE }; 2]
        } else {
            [Script::fickle(seed), Script::fickle(seed + 500)]
        };
        let room = [50, 1000, 50_000][seed as usize % 3];
        let (client, mut server) = whole(&clock, scripts, room);
        let (mut sender, mut receiver) = client.split();
        let done = &Cell::new(0);
        let mut tasks = Tasks::new(&clock);
        tasks.spawn(async move {
            for i in 0..60 {
                let echo = received(next(&mut receiver).await);
                assert!(echo == body(i, i * 90), "seed {seed}, message {i}");
            }
            // Closed by the other half.
            assert!(closed(next(&mut receiver).await).clean, "seed {seed}");
            assert_eq!(next(&mut receiver).await, None);
            done.set(done.get() + 1);
        });
        tasks.spawn(async move {
            for i in 0..60 {
                feed(&mut sender, &body(i, i * 90)).await.expect("it is open");
            }
            poll_fn(|cx| pin!(sender.flush()).poll(cx)).await.expect("it is open");
            // Behind the answers that are still to come.
            sender.feed(Message::from("that is all")).await.expect("it is open");
            done.set(done.get() + 1);
        });
        tasks.spawn(async move {
            while let Some((event, mut sender)) = server.next_with_sender().await {
                let Event::Message(message) = event else { continue };
                if message.as_text() == Some("that is all") {
                    server.close(CloseCode::NORMAL, "").expect("1000 may be sent");
                } else {
                    sender.send(message).expect("there is room");
                }
            }
            done.set(done.get() + 1);
        });
        assert_eq!(tasks.run(), End::Done, "seed {seed}");
        assert_eq!(done.get(), 3);
    }
}

#[test]
fn a2_what_a_senders_poll_received_wakes_the_receiver() {
    let clock = Clock::default();
    let (client, server) = whole(&clock, [Script::WHOLE; 2], 100);
    let server = server.into_parts().1.expect("it is open");
    let (mut sender, mut receiver) = client.split();
    let (asleep, reader) = Flag::new();
    let (waiting, writer) = Flag::new();
    assert!(once(receiver.next(), &reader).is_pending());
    // More than fits: the sender waits, and looks at what arrives meanwhile.
    assert!(once(sender.send(Message::from(vec![0; 300])), &writer).is_pending());
    for _ in 0..3 {
        assert!(once(receiver.next(), &reader).is_pending());
        asleep.take();
        // Nobody is told, and the sender happens to be polled first.
        server.inject_unnoticed(b"\x81\x07for you");
        assert!(once(sender.flush(), &writer).is_pending());
        assert!(asleep.take(), "what it found is for the other half");
        assert!(once(receiver.next(), &reader).is_ready());
    }
    // And whoever is registered is woken by either direction.
    assert!(once(receiver.next(), &reader).is_pending());
    assert!(once(sender.flush(), &writer).is_pending());
    let _ = (asleep.take(), waiting.take());
    assert!(!server.take_arrived().is_empty());
    assert!(waiting.take() && asleep.take(), "room");
    assert!(once(receiver.next(), &reader).is_pending());
    assert!(once(sender.flush(), &writer).is_pending());
    let _ = (asleep.take(), waiting.take());
    server.inject(b"\x81\x07for you");
    assert!(waiting.take() && asleep.take(), "bytes");
}

#[test]
fn a2_room_that_the_receivers_poll_made_wakes_the_sender() {
    let clock = Clock::default();
    let (client, server) = whole(&clock, [Script::WHOLE; 2], 100_000);
    let server = server.into_parts().1.expect("it is open");
    let (mut sender, mut receiver) = client.split();
    let (waiting, writer) = Flag::new();
    let (asleep, reader) = Flag::new();
    let large = vec![0; 70_000];
    for _ in 0..3 {
        let _ = sender.try_send(Message::from(&large[..]));
    }
    assert!(once(sender.feed(Message::from("more")), &writer).is_pending());
    waiting.take();
    // The transport takes bytes, and the receiver is the first to run.
    assert!(server.take_arrived().len() >= 100_000);
    asleep.take();
    assert!(once(receiver.next(), &reader).is_pending());
    assert!(waiting.take(), "there is room now");
}

#[test]
fn a_message_queued_by_any_handle_leaves_by_the_task_that_waits() {
    let clock = Clock::default();
    let (client, server) = whole(&clock, [Script::WHOLE; 2], 10_000);
    let journal = client.transport().expect("it is open").journal();
    let (sender, mut receiver) = client.split();
    let mut tasks = Tasks::new(&clock);
    tasks.spawn(async move { while next(&mut receiver).await.is_some() {} });
    assert!(!tasks.settle());
    assert!(journal.borrow().is_empty());
    for n in 1..4 {
        sender.clone().try_send(Message::from("hello")).expect("there is room");
        assert!(!tasks.settle());
        assert_eq!(*journal.borrow(), vec![(0, Happened::Wrote(11)); n], "after {n} messages");
    }
    sender.ping(b"?").expect("there is room");
    assert!(!tasks.settle());
    assert_eq!(journal.borrow().len(), 4);
    let polls = tasks.polls();
    for _ in 0..10 {
        assert!(!tasks.settle());
    }
    assert_eq!(tasks.polls(), polls, "and then it sleeps");
    drop(server);
}

#[test]
fn wakers_are_kept_once_a_half_and_not_beyond_it() {
    let clock = Clock::default();
    let (client, _server) = whole(&clock, [Script::WHOLE; 2], 100);
    let (mut sender, mut receiver) = client.split();
    sender.try_send(Message::from(vec![0; 70_000])).expect("nothing else is queued");
    let (held, waker) = Flag::new();
    let count = || Arc::strong_count(&held);
    let before = count();
    for _ in 0..1000 {
        assert!(once(sender.feed(Message::from("x")), &waker).is_pending());
        assert!(once(receiver.next(), &waker).is_pending());
    }
    assert!(count() <= before + 2, "{} wakers held", count() - before);
    for _ in 0..1000 {
        let mut another = sender.clone();
        assert!(once(another.feed(Message::from("x")), &waker).is_pending());
    }
    assert!(count() <= before + 2, "{} wakers held", count() - before);
    drop((sender, receiver));
    assert_eq!(count(), before);
}

#[test]
fn several_senders_take_turns_and_lose_nothing() {
    for seed in 0..20 {
        let clock = Clock::default();
        let scripts = [Script::fickle(seed), Script::fickle(seed + 77)];
        let (client, mut server) = whole(&clock, scripts, 2000);
        let (sender, mut receiver) = client.split();
        let left = &Cell::new(4);
        let seen = &RefCell::new([0_u8; 4]);
        let mut tasks = Tasks::new(&clock);
        for id in 0..4_u8 {
            let mut sender = sender.clone();
            tasks.spawn(async move {
                for i in 0..30_u8 {
                    let message = [&[id, i][..], &vec![id; 5000]].concat();
                    sender.feed(Message::from(message)).await.expect("it is open");
                }
                left.set(left.get() - 1);
                if left.get() == 0 {
                    sender.close(CloseCode::NORMAL, "").expect("1000 may be sent");
                }
            });
        }
        drop(sender);
        tasks.spawn(async move { while receiver.next().await.is_some() {} });
        tasks.spawn(async move {
            while let Some(event) = server.next().await {
                if let Event::Message(message) = event {
                    let [id, i] = [message.as_bytes()[0], message.as_bytes()[1]];
                    let mut seen = seen.borrow_mut();
                    assert_eq!(i, seen[usize::from(id)], "seed {seed}: in order of each");
                    seen[usize::from(id)] += 1;
                }
            }
        });
        assert_eq!(tasks.run(), End::Done, "seed {seed}");
        assert_eq!(*seen.borrow(), [30; 4], "seed {seed}");
    }
}

#[test]
fn the_halves_are_a_stream_and_a_sink() {
    let clock = Clock::default();
    let (client, mut server) = whole(&clock, [Script::WHOLE; 2], 10_000);
    let (mut sender, mut receiver) = client.split();
    let got = &Cell::new(0);
    let mut tasks = Tasks::new(&clock);
    tasks.spawn(async move {
        for i in 0..20 {
            SinkExt::send(&mut sender, Message::from(body(i, 100))).await.expect("it is open");
        }
        SinkExt::close(&mut sender).await.expect("closing does not fail");
    });
    tasks.spawn(async move {
        while let Some(item) = StreamExt::next(&mut receiver).await {
            assert!(item.expect("no error").as_bytes() == body(got.get(), 100));
            got.set(got.get() + 1);
        }
    });
    tasks.spawn(async move {
        while let Some((event, mut sender)) = server.next_with_sender().await {
            if let Event::Message(message) = event {
                // Too late for the last ones: the client closes.
                let _ = sender.send(message);
            }
        }
    });
    assert_eq!(tasks.run(), End::Done);
    assert!(got.get() > 0);
}

#[test]
fn the_end_is_told_once_and_to_everybody_who_waits() {
    let clock = Clock::default();
    let (client, server) = whole(&clock, [Script::WHOLE; 2], 100);
    let (mut sender, mut receiver) = client.split();
    let refused = &Cell::new(false);
    let mut tasks = Tasks::new(&clock);
    tasks.spawn(async move {
        let large = vec![0; 200_000];
        sender.feed(Message::from(&large[..])).await.expect("nothing else is queued");
        // Waits for room that never comes.
        let result = poll_fn(|cx: &mut Context<'_>| pin!(sender.feed(Message::from("x"))).poll(cx));
        refused.set(matches!(result.await, Err(SendError::Closed(_))));
    });
    tasks.spawn(async move {
        assert!(matches!(receiver.next().await, Some(Event::Error(_))));
        assert_eq!(closed(receiver.next().await).unsent_messages, 1);
        assert_eq!(receiver.next().await, None);
        assert_eq!(receiver.next().await, None);
    });
    assert!(!tasks.settle());
    drop(server);
    assert_eq!(tasks.run(), End::Done);
    assert!(refused.get());
}
