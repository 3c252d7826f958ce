//! Messages larger than anybody wants to hold.

use longwire::connection::Receive;
use longwire::handshake::Request;
use longwire::message::DataKind;
use longwire::{CloseCode, Event, Message};
use longwire_tests::runtime::Runtime;

use crate::support::{client_config, connected, end, meet, message, run, server_config, welcome};

on_all_pairs!(
    a_message_is_sent_in_pieces_and_pings_pass_between,
    a_message_is_received_in_pieces_and_memory_is_bounded,
    a_message_that_is_abandoned_closes_the_connection,
);

fn a_message_is_sent_in_pieces_and_pings_pass_between<C: Runtime, S: Runtime>() {
    const PIECE: usize = 50_000;
    const PIECES: usize = 105;
    connected::<C, S, _, _>(
        async |mut websocket| {
            assert!(websocket.ping(b"are you there").is_ok());
            let mut fragments = websocket.fragments(DataKind::Text).expect("nothing is open");
            for n in 0..PIECES {
                let piece = vec![b'a' + (n % 26) as u8; PIECE];
                assert!(fragments.write(piece).await.is_ok());
            }
            assert!(fragments.finish(&b"end"[..]).await.is_ok());
            assert!(websocket.feed(Message::from("behind it")).await.is_ok());
            // It was answered before the whole had left.
            let mut pong = false;
            loop {
                match websocket.next().await {
                    Some(Event::Pong(answer)) => pong = &answer.payload[..] == b"are you there",
                    Some(Event::Message(message)) => {
                        break assert_eq!(message.as_text(), Some("got it"));
                    }
                    other => panic!("{other:?}"),
                }
            }
            assert!(pong);
            let _ = websocket.finish(CloseCode::NORMAL, "").await;
        },
        async |mut websocket| {
            let whole = message(&mut websocket).await;
            let text = whole.as_text().expect("text");
            assert_eq!(text.len(), PIECE * PIECES + 3);
            assert!(text.starts_with("aaa") && text.ends_with("end"));
            assert_eq!(text.as_bytes()[PIECE * 3], b'd');
            assert_eq!(message(&mut websocket).await, Message::from("behind it"));
            assert!(websocket.feed(Message::from("got it")).await.is_ok());
            end(&mut websocket).await
        },
    );
}

/// Larger than the limit on messages, and than what either end ever holds of it.
fn a_message_is_received_in_pieces_and_memory_is_bounded<C: Runtime, S: Runtime>() {
    const SIZE: usize = 64 << 20;
    const PIECE: usize = 1 << 18;
    meet::<S, _, _>(
        async |stream| {
            let mut config = server_config().with_message_limit(SIZE as u64);
            config.receive = Receive::Pieces;
            let mut websocket = S::accept(stream, config, welcome).await.expect("an upgrade");
            let (mut received, mut most) = (0, 0);
            loop {
                let Some(Event::Piece(piece)) = websocket.next().await else { panic!("a piece") };
                assert_eq!((piece.kind, piece.first), (DataKind::Binary, received == 0));
                received += piece.payload.len();
                let last = piece.last;
                most = most.max(websocket.endpoint().buffer_capacity());
                if last {
                    break;
                }
            }
            assert_eq!(received, SIZE);
            assert!(most <= 256 << 10, "{most} bytes were held");
            end(&mut websocket).await
        },
        |url| {
            run::<C, _>(async {
                let request = Request::parse(url).expect("a URL");
                let connecting = C::connect(&request, client_config());
                let mut websocket = connecting.await.expect("a connection").0;
                let mut fragments = websocket.fragments(DataKind::Binary).expect("nothing is open");
                let piece = vec![7; PIECE];
                for _ in 0..SIZE / PIECE - 1 {
                    assert!(fragments.write(&piece[..]).await.is_ok());
                }
                assert!(fragments.finish(&piece[..]).await.is_ok());
                assert!(websocket.endpoint().buffer_capacity() <= 4 * PIECE);
                let _ = websocket.finish(CloseCode::NORMAL, "").await;
            });
        },
    );
}

/// S3.
fn a_message_that_is_abandoned_closes_the_connection<C: Runtime, S: Runtime>() {
    let (client, server) = connected::<C, S, _, _>(
        async |mut websocket| {
            let mut fragments = websocket.fragments(DataKind::Binary).expect("nothing is open");
            assert!(fragments.write(&b"half"[..]).await.is_ok());
            drop(fragments);
            end(&mut websocket).await
        },
        async |mut websocket| end(&mut websocket).await,
    );
    assert_eq!((server.code, client.unsent_messages), (CloseCode::INTERNAL_ERROR, 1));
    assert!(client.clean && server.clean);
}
