//! sockudo-ws: its stream (`next`, `feed` and `flush`, its heartbeat on, as it is unless told
//! otherwise), and `Protocol`, its part without I/O.

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
use sockudo_ws::protocol::{Message, Protocol, Role};
use sockudo_ws::server::WebSocketServer;
use sockudo_ws::{Config, Http1, WebSocketStream};

use super::{LIMIT, STAGING};
use crate::contest::{Decode, Encode};
use crate::pipe::{Pipe, complete};
use crate::wire::{Kind, Side};

pub struct Stream(WebSocketStream<Pipe>);

pub struct Parts {
    protocol: Protocol,
    buffer: BytesMut,
    messages: Vec<Message>,
    pipe: Pipe,
}

pub fn decoder(pipe: Pipe) -> Stream {
    encoder(Side::Server, pipe)
}

pub fn encoder(side: Side, pipe: Pipe) -> Stream {
    Stream(WebSocketStream::from_raw(pipe, role(side), config()))
}

pub fn parts_decoder(pipe: Pipe) -> Parts {
    parts_encoder(Side::Server, pipe)
}

pub fn parts_encoder(side: Side, pipe: Pipe) -> Parts {
    let protocol = Protocol::new(role(side), LIMIT, LIMIT);
    Parts { protocol, buffer: BytesMut::with_capacity(STAGING), messages: Vec::new(), pipe }
}

/// `accept_raw`, which is `accept` without a box around the stream.
pub fn accept(pipe: Pipe) -> WebSocketStream<Pipe> {
    let server = WebSocketServer::<Http1>::new(config());
    complete(server.accept_raw(pipe)).expect("the request is valid").0
}

pub fn parts_accept(mut pipe: Pipe) -> Protocol {
    let mut buffer = BytesMut::with_capacity(4096);
    buffer.put_slice(pipe.next_bytes(4096));
    let (request, _) = parse_request(&buffer).expect("a valid request").expect("a whole one");
    let response = build_response(&generate_accept_key(request.key), None, None);
    pipe.put(&response);
    Protocol::new(Role::Server, LIMIT, LIMIT)
}

fn config() -> Config {
    Config::builder().max_message_size(LIMIT).max_frame_size(LIMIT).build()
}

fn role(side: Side) -> Role {
    match side {
        Side::Server => Role::Server,
        Side::Client => Role::Client,
    }
}

fn show(message: &Message, visit: &mut impl FnMut(Kind, &[u8])) {
    match message {
        Message::Text(text) => visit(Kind::Text, text),
        Message::Binary(payload) => visit(Kind::Binary, payload),
        other => panic!("{other:?}"),
    }
}

impl Decode for Stream {
    fn decode(&mut self, count: usize, mut visit: impl FnMut(Kind, &[u8])) {
        complete(async {
            for _ in 0..count {
                let message = self.0.next().await.expect("the stream goes on");
                show(&message.expect("a valid message"), &mut visit);
            }
        });
    }
}

impl Encode for Stream {
    fn encode(&mut self, payload: &Bytes, count: usize) {
        complete(async {
            for _ in 0..count {
                self.0.feed(Message::Binary(payload.clone())).await.expect("there is room");
            }
            self.0.flush().await.expect("the pipe takes everything");
        });
    }
}

impl Decode for Parts {
    fn decode(&mut self, count: usize, mut visit: impl FnMut(Kind, &[u8])) {
        let mut seen = 0;
        while seen < count {
            self.buffer.reserve(STAGING);
            self.buffer.put_slice(self.pipe.next_bytes(STAGING));
            let processed = self.protocol.process_into(&mut self.buffer, &mut self.messages);
            processed.expect("valid messages");
            for message in self.messages.drain(..) {
                show(&message, &mut visit);
                seen += 1;
            }
        }
    }
}

impl Encode for Parts {
    fn encode(&mut self, payload: &Bytes, count: usize) {
        for _ in 0..count {
            let message = Message::Binary(payload.clone());
            self.protocol.encode_message(&message, &mut self.buffer).expect("it can be sent");
        }
        self.pipe.put(&self.buffer);
        self.buffer.clear();
    }
}
