//! Messages there and back.

use longwire::handshake::Request;
use longwire::{CloseCode, Event, Message};
use longwire_tests::runtime::Runtime;

use crate::support::{
    BINARY, PING, PONG, TEXT, client_config, connected, dialled, echo, frame, message, served,
    server_config,
};

on_all_pairs!(
    messages_of_every_size_come_back,
    a_message_of_16_mib_comes_back,
    many_small_messages_come_back_in_order,
    a_large_message_waits_for_room_behind_others,
);

const SIZES: [usize; 9] = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000, 1 << 20];

fn messages_of_every_size_come_back<C: Runtime, S: Runtime>() {
    let (client, server) = connected::<C, S, _, _>(
        async |mut websocket| {
            for size in SIZES {
                let text = "\u{20ac}".repeat(size / 3) + &"t".repeat(size % 3);
                let bytes: Vec<u8> = (0..size).map(|i| i as u8).collect();
                for sent in [Message::from(text), Message::from(bytes)] {
                    assert!(websocket.feed(sent.clone()).await.is_ok());
                    assert!(message(&mut websocket).await == sent, "{size} bytes");
                }
            }
            websocket.finish(CloseCode::NORMAL, "").await
        },
        async |mut websocket| echo(&mut websocket).await,
    );
    assert!(server.clean && client.is_ok_and(|closed| closed.is_some_and(|closed| closed.clean)));
}

fn a_message_of_16_mib_comes_back<C: Runtime, S: Runtime>() {
    let sent = bytes::Bytes::from(vec![0xa5; 16 << 20]);
    connected::<C, S, _, _>(
        async |mut websocket| {
            assert!(websocket.send(Message::from(sent.clone())).await.is_ok());
            assert!(message(&mut websocket).await.as_bytes() == sent);
        },
        async |mut websocket| echo(&mut websocket).await,
    );
}

fn many_small_messages_come_back_in_order<C: Runtime, S: Runtime>() {
    connected::<C, S, _, _>(
        async |mut websocket| {
            for batch in 0..20 {
                let numbers = batch * 100..(batch + 1) * 100;
                for n in numbers.clone() {
                    assert!(websocket.feed(Message::from(n.to_string())).await.is_ok());
                }
                for n in numbers {
                    assert_eq!(message(&mut websocket).await, Message::from(n.to_string()));
                }
            }
        },
        async |mut websocket| echo(&mut websocket).await,
    );
}

/// It fits into the queue only when nothing else is there: it waits, and is not refused.
fn a_large_message_waits_for_room_behind_others<C: Runtime, S: Runtime>() {
    connected::<C, S, _, _>(
        async |mut websocket| {
            let large = Message::from(vec![1; 3 << 20]);
            for _ in 0..4 {
                assert!(websocket.feed(Message::from("small")).await.is_ok());
                assert!(websocket.feed(large.clone()).await.is_ok());
            }
            for _ in 0..4 {
                assert_eq!(message(&mut websocket).await, Message::from("small"));
                assert!(message(&mut websocket).await == large);
            }
        },
        async |websocket| {
            let (mut sender, mut receiver) = websocket.split();
            while let Some(event) = receiver.next().await {
                if let Event::Message(message) = event
                    && sender.feed(message).await.is_err()
                {
                    break;
                }
            }
        },
    );
}

on_each!(a_ping_is_answered_between_fragments, a_dribbled_message_arrives);

fn a_ping_is_answered_between_fragments<S: Runtime>() {
    served::<S, _, _>(
        server_config(),
        async |mut websocket| assert_eq!(message(&mut websocket).await, Message::from("abc")),
        |mut raw| {
            raw.send(TEXT & 0x7f, b"a");
            raw.send(PING, b"now");
            assert_eq!(raw.receive(), (PONG, b"now".to_vec()));
            raw.send(0x00, b"b");
            raw.send(0x80, b"c");
        },
    );
}

fn a_dribbled_message_arrives<C: Runtime>() {
    dialled::<C, _, _>(
        async |url| {
            let request = Request::parse(url).expect("a URL");
            let connecting = C::connect(&request, client_config());
            let mut websocket = connecting.await.expect("a connection").0;
            assert_eq!(message(&mut websocket).await, Message::from(&[7; 300][..]));
        },
        |mut raw| {
            let mut bytes = raw.answer();
            bytes.extend(frame(BINARY, &[7; 300], false));
            for byte in bytes {
                raw.write(&[byte]);
            }
            let _ = raw.rest();
        },
    );
}
