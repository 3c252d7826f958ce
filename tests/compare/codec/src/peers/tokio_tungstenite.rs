//! tokio-tungstenite: `next`, `feed` and `flush`.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;

use super::tungstenite::{config, role, show};
use crate::contest::{Decode, Encode};
use crate::pipe::{Pipe, complete};
use crate::wire::{Kind, Side};

pub struct TokioTungstenite(WebSocketStream<Pipe>);

pub fn decoder(pipe: Pipe) -> TokioTungstenite {
    encoder(Side::Server, pipe)
}

pub fn encoder(side: Side, pipe: Pipe) -> TokioTungstenite {
    let stream = WebSocketStream::from_raw_socket(pipe, role(side), Some(config()));
    TokioTungstenite(complete(stream))
}

pub fn accept(pipe: Pipe) -> WebSocketStream<Pipe> {
    complete(tokio_tungstenite::accept_async(pipe)).expect("the request is valid")
}

impl Decode for TokioTungstenite {
    fn decode(&mut self, count: usize, mut visit: impl FnMut(Kind, &[u8])) {
        complete(async {
            for _ in 0..count {
                let message = self.0.next().await.expect("the stream goes on");
                show(&message.expect("a valid message"), &mut visit);
            }
        });
    }
}

impl Encode for TokioTungstenite {
    fn encode(&mut self, payload: &Bytes, count: usize) {
        complete(async {
            for _ in 0..count {
                self.0.feed(Message::Binary(payload.clone())).await.expect("there is room");
            }
            self.0.flush().await.expect("the pipe takes everything");
        });
    }
}
