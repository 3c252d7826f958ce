//! tungstenite: blocking, `read`, `write` and `flush`.

use bytes::Bytes;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use super::LIMIT;
use crate::contest::{Decode, Encode};
use crate::pipe::Pipe;
use crate::wire::{Kind, Side};

pub struct Tungstenite(WebSocket<Pipe>);

pub fn decoder(pipe: Pipe) -> Tungstenite {
    encoder(Side::Server, pipe)
}

/// A read buffer of 16 KiB in place of 128: it is cleared before every read.
pub fn small_reads_decoder(pipe: Pipe) -> Tungstenite {
    let config = config().read_buffer_size(16 << 10);
    Tungstenite(WebSocket::from_raw_socket(pipe, Role::Server, Some(config)))
}

pub fn encoder(side: Side, pipe: Pipe) -> Tungstenite {
    Tungstenite(WebSocket::from_raw_socket(pipe, role(side), Some(config())))
}

pub fn accept(pipe: Pipe) -> WebSocket<Pipe> {
    tungstenite::accept(pipe).unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn role(side: Side) -> Role {
    match side {
        Side::Server => Role::Server,
        Side::Client => Role::Client,
    }
}

pub(super) fn config() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT))
}

pub(super) fn show(message: &Message, visit: &mut impl FnMut(Kind, &[u8])) {
    match message {
        Message::Text(text) => visit(Kind::Text, text.as_bytes()),
        Message::Binary(payload) => visit(Kind::Binary, payload),
        other => panic!("{other:?}"),
    }
}

impl Decode for Tungstenite {
    fn decode(&mut self, count: usize, mut visit: impl FnMut(Kind, &[u8])) {
        for _ in 0..count {
            show(&self.0.read().expect("a valid message"), &mut visit);
        }
    }
}

impl Encode for Tungstenite {
    fn encode(&mut self, payload: &Bytes, count: usize) {
        for _ in 0..count {
            self.0.write(Message::Binary(payload.clone())).expect("there is room");
        }
        self.0.flush().expect("the pipe takes everything");
    }
}
