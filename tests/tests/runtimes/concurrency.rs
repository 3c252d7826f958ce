//! More than one thing at a time: both directions, several tasks, futures that are dropped.

use core::pin::pin;
use core::time::Duration;

use futures_util::future::{Either, join, join3, select};
use futures_util::{SinkExt, StreamExt};
use longwire::{CloseCode, Event, Message, SendError, State};
use longwire_tests::runtime::{Runtime, WebSocket};

use crate::support::{
    CLOSE, TEXT, connected, echo, end, frame, message, served, server_config, task,
};

on_all_pairs!(
    two_ends_flood_each_other,
    two_ends_flood_each_other_split,
    ten_thousand_messages_each_way_in_three_tasks,
    stream_and_sink_forward,
    a_sink_closes_in_order,
);

const LARGE: usize = 100_000;

/// S7, in one task: each end sends while there is room, and takes what has come when there is none.
fn two_ends_flood_each_other<C: Runtime, S: Runtime>() {
    async fn flood<R: Runtime>(mut websocket: WebSocket<R>) {
        let (mut sent, mut received) = (0, 0);
        while sent < 100 || received < 100 {
            if sent < 100 && websocket.endpoint().has_room() {
                assert!(websocket.feed(Message::from(vec![0; LARGE])).await.is_ok());
                sent += 1;
            } else if let Some(Event::Message(message)) = websocket.next().await {
                assert_eq!(message.len(), LARGE);
                received += 1;
            }
        }
        assert!(websocket.flush().await.is_ok());
        let _ = websocket.finish(CloseCode::NORMAL, "").await;
    }
    connected::<C, S, _, _>(async |ws| flood::<C>(ws).await, async |ws| flood::<S>(ws).await);
}

/// A2: a task that waits for room and a task that waits for messages are both woken.
fn two_ends_flood_each_other_split<C: Runtime, S: Runtime>() {
    async fn flood<R: Runtime>(websocket: WebSocket<R>) {
        let (mut sender, mut receiver) = websocket.split();
        let sending = task::<R, _>(async move {
            for _ in 0..100 {
                assert!(sender.send(Message::from(vec![0; LARGE])).await.is_ok());
            }
            sender
        });
        let receiving = async {
            for _ in 0..100 {
                let event = receiver.next().await;
                assert!(matches!(event, Some(Event::Message(message)) if message.len() == LARGE));
            }
        };
        let (sender, ()) = join(sending, receiving).await;
        let _ = sender.close(CloseCode::NORMAL, "");
        while receiver.next().await.is_some() {}
        assert_eq!(sender.state(), State::Closed);
    }
    connected::<C, S, _, _>(async |ws| flood::<C>(ws).await, async |ws| flood::<S>(ws).await);
}

const MANY: u32 = 10_000;

/// One task receives, one feeds, one sends without waiting; each sender's messages stay in order.
fn ten_thousand_messages_each_way_in_three_tasks<C: Runtime, S: Runtime>() {
    async fn exchange<R: Runtime>(websocket: WebSocket<R>) {
        let (mut feeder, mut receiver) = websocket.split();
        let impatient = feeder.clone();
        let feeding = async move {
            for n in 0..MANY / 2 {
                assert!(feeder.feed(Message::from(format!("a{n}"))).await.is_ok());
            }
            assert!(feeder.flush().await.is_ok());
        };
        let trying = async move {
            for n in 0..MANY / 2 {
                let mut message = Message::from(format!("b{n}"));
                while let Err(SendError::Full(full)) = impatient.try_send(message) {
                    message = full;
                    R::sleep(Duration::from_millis(1)).await;
                }
            }
            impatient
        };
        let receiving = async move {
            let (mut a, mut b) = (0, 0);
            while a + b < MANY {
                let Some(Event::Message(message)) = receiver.next().await else { panic!() };
                let text = message.as_text().expect("text");
                let (next, number) = if let Some(number) = text.strip_prefix('a') {
                    (&mut a, number)
                } else {
                    (&mut b, &text[1..])
                };
                assert_eq!(number.parse(), Ok(*next));
                *next += 1;
            }
            receiver
        };
        let ((), sender, mut receiver) =
            join3(task::<R, _>(feeding), task::<R, _>(trying), task::<R, _>(receiving)).await;
        let _ = sender.close(CloseCode::NORMAL, "");
        while receiver.next().await.is_some() {}
    }
    connected::<C, S, _, _>(async |ws| exchange::<C>(ws).await, async |ws| exchange::<S>(ws).await);
}

fn stream_and_sink_forward<C: Runtime, S: Runtime>() {
    let (client, ()) = connected::<C, S, _, _>(
        async |websocket| {
            let (mut sender, receiver) = websocket.split();
            let sent: Vec<_> = (0..500).map(|n| Message::from(vec![1; n * 10])).collect();
            let mut messages = futures_util::stream::iter(sent.clone()).map(Ok);
            let sending = sender.send_all(&mut messages);
            let receiving = receiver.take(500).map(|item| item.expect("a message"));
            let (result, received) = join(sending, receiving.collect::<Vec<_>>()).await;
            assert!(result.is_ok() && received == sent);
            SinkExt::close(&mut sender).await
        },
        async |websocket| {
            let (sender, receiver) = websocket.split();
            let messages = receiver.map(|item| Ok(item.expect("a message")));
            assert!(messages.forward(sender).await.is_ok());
        },
    );
    assert!(client.is_ok());
}

fn a_sink_closes_in_order<C: Runtime, S: Runtime>() {
    let (closed, server) = connected::<C, S, _, _>(
        async |mut websocket| {
            for n in 0..100 {
                let message = Message::from(vec![n; 20_000]);
                assert!(SinkExt::feed(&mut websocket, message).await.is_ok());
            }
            assert!(SinkExt::close(&mut websocket).await.is_ok());
            assert_eq!(websocket.state(), State::Closed);
            end(&mut websocket).await
        },
        async |mut websocket| {
            for _ in 0..100 {
                assert_eq!(message(&mut websocket).await.len(), 20_000);
            }
            end(&mut websocket).await
        },
    );
    assert!(closed.clean && server.clean && server.code == CloseCode::NORMAL);
}

on_each!(a_dropped_next_loses_nothing, a_dropped_feed_or_send_loses_nothing);

/// A1: in the middle of a header, a payload, a message.
fn a_dropped_next_loses_nothing<S: Runtime>() {
    let server = async |mut websocket: WebSocket<S>| {
        let (mut received, mut dropped) = (0, 0);
        loop {
            let next = pin!(websocket.next());
            match select(next, pin!(S::sleep(Duration::from_micros(200)))).await {
                Either::Left((Some(Event::Message(message)), _)) => {
                    assert_eq!(message.len(), received);
                    received += 1;
                }
                Either::Left((Some(Event::Closed(closed)), _)) => {
                    assert_eq!((received, closed.clean), (400, true));
                    return dropped;
                }
                Either::Left((event, _)) => panic!("{event:?}"),
                Either::Right(_) => dropped += 1,
            }
        }
    };
    let (dropped, ()) = served::<S, _, _>(server_config(), server, |mut raw| {
        let mut bytes = Vec::new();
        for n in 0..400 {
            let payload = vec![b'x'; n];
            let (first, second) = payload.split_at(n / 2);
            bytes.extend(frame(TEXT & 0x7f, first, true));
            bytes.extend(frame(0x80, second, true));
        }
        bytes.extend(frame(CLOSE, &[], true));
        for piece in bytes.chunks(97) {
            raw.write(piece);
            std::thread::sleep(Duration::from_micros(300));
        }
        assert_eq!(raw.receive().0, CLOSE);
    });
    assert!(dropped > 0, "the test has to drop something");
}

/// A message whose future was dropped is either queued whole or not at all, and never twice.
fn a_dropped_feed_or_send_loses_nothing<R: Runtime>() {
    connected::<R, R, _, _>(
        async |mut websocket| {
            let mut last = 0;
            loop {
                let message = message(&mut websocket).await;
                let number = u32::from_be_bytes(message.as_bytes()[..4].try_into().expect("four"));
                assert!(number > last, "in order, none twice");
                assert_eq!(message.len(), 60_000);
                last = number;
                if number == 300 {
                    break;
                }
            }
            let _ = websocket.finish(CloseCode::NORMAL, "").await;
        },
        async |mut websocket| {
            for n in 1..=300_u32 {
                let mut payload = n.to_be_bytes().to_vec();
                payload.resize(60_000, 0);
                if n == 300 {
                    assert!(websocket.feed(Message::from(payload)).await.is_ok());
                } else {
                    let sending = pin!(websocket.send(Message::from(payload)));
                    let _ = select(sending, pin!(R::sleep(Duration::from_micros(50)))).await;
                }
            }
            echo(&mut websocket).await
        },
    );
}
