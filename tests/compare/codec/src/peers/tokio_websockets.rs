//! tokio-websockets: `next`, `feed` and `flush`.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_websockets::{ClientBuilder, Limits, Message, ServerBuilder, WebSocketStream};

use super::LIMIT;
use crate::contest::{Decode, Encode};
use crate::pipe::{Pipe, complete};
use crate::wire::{Kind, Side};

pub struct TokioWebsockets(WebSocketStream<Pipe>);

pub fn decoder(pipe: Pipe) -> TokioWebsockets {
    encoder(Side::Server, pipe)
}

pub fn encoder(side: Side, pipe: Pipe) -> TokioWebsockets {
    let limits = Limits::default().max_payload_len(Some(LIMIT));
    TokioWebsockets(match side {
        Side::Server => ServerBuilder::new().limits(limits).serve(pipe),
        Side::Client => ClientBuilder::new().limits(limits).take_over(pipe),
    })
}

pub fn accept(pipe: Pipe) -> WebSocketStream<Pipe> {
    let accepted = complete(ServerBuilder::new().accept(pipe));
    accepted.expect("the request is valid").1
}

impl Decode for TokioWebsockets {
    fn decode(&mut self, count: usize, mut visit: impl FnMut(Kind, &[u8])) {
        complete(async {
            for _ in 0..count {
                let message = self.0.next().await.expect("the stream goes on");
                let message = message.expect("a valid message");
                let kind = if message.is_text() { Kind::Text } else { Kind::Binary };
                visit(kind, message.as_payload());
            }
        });
    }
}

impl Encode for TokioWebsockets {
    fn encode(&mut self, payload: &Bytes, count: usize) {
        complete(async {
            for _ in 0..count {
                self.0.feed(Message::binary(payload.clone())).await.expect("there is room");
            }
            self.0.flush().await.expect("the pipe takes everything");
        });
    }
}
