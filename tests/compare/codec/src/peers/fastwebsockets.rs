//! fastwebsockets: `FragmentCollector`, and payloads lent to `write_frame`. It gathers nothing.

use bytes::Bytes;
use fastwebsockets::upgrade::upgrade;
use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload, Role, WebSocket};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

use super::{LIMIT, http};
use crate::contest::{Decode, Encode};
use crate::pipe::{Pipe, complete};
use crate::wire::{Kind, Side};

pub struct Decoder(FragmentCollector<Pipe>);

pub struct Encoder(WebSocket<Pipe>);

pub fn decoder(pipe: Pipe) -> Decoder {
    let mut socket = WebSocket::after_handshake(pipe, Role::Server);
    socket.set_max_message_size(LIMIT);
    Decoder(FragmentCollector::new(socket))
}

pub fn encoder(side: Side, pipe: Pipe) -> Encoder {
    let role = match side {
        Side::Server => Role::Server,
        Side::Client => Role::Client,
    };
    Encoder(WebSocket::after_handshake(pipe, role))
}

pub fn accept(pipe: Pipe) -> WebSocket<TokioIo<Upgraded>> {
    http::serve(pipe, |request| upgrade(request).expect("the request is valid"))
        .expect("the connection is upgraded")
}

impl Decode for Decoder {
    fn decode(&mut self, count: usize, mut visit: impl FnMut(Kind, &[u8])) {
        complete(async {
            for _ in 0..count {
                let frame = self.0.read_frame().await.expect("a valid frame");
                let kind = match frame.opcode {
                    OpCode::Text => Kind::Text,
                    OpCode::Binary => Kind::Binary,
                    other => panic!("{other:?}"),
                };
                visit(kind, &frame.payload);
            }
        });
    }
}

impl Encode for Encoder {
    fn encode(&mut self, payload: &Bytes, count: usize) {
        complete(async {
            for _ in 0..count {
                let frame = Frame::binary(Payload::Borrowed(payload));
                self.0.write_frame(frame).await.expect("the pipe takes everything");
            }
            self.0.flush().await.expect("the pipe takes everything");
        });
    }
}
