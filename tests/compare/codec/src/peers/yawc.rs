//! yawc: its stream (`next_frame`, `feed` and `flush`), and its codec for `tokio_util` by itself.

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use tokio_util::codec::{Decoder as _, Encoder as _};
use yawc::codec::{Decoder, Encoder};
use yawc::{Frame, HttpWebSocket, OpCode, Options, Role, WebSocket};

use super::{LIMIT, STAGING, http};
use crate::contest::{Decode, Encode};
use crate::pipe::{Pipe, complete};
use crate::wire::{Kind, Side};

pub struct Stream(WebSocket<Pipe>);

pub struct CodecDecoder {
    decoder: Decoder,
    buffer: BytesMut,
    pipe: Pipe,
}

pub struct CodecEncoder {
    encoder: Encoder,
    buffer: BytesMut,
    pipe: Pipe,
}

pub fn decoder(pipe: Pipe) -> Stream {
    encoder(Side::Server, pipe)
}

pub fn encoder(side: Side, pipe: Pipe) -> Stream {
    Stream(WebSocket::from_stream(pipe, role(side), options()).expect("the options are valid"))
}

/// With the buffers that its own benchmarks give it.
pub fn tuned_decoder(pipe: Pipe) -> Stream {
    tuned_encoder(Side::Server, pipe)
}

pub fn tuned_encoder(side: Side, pipe: Pipe) -> Stream {
    let options =
        options().with_read_buffer_capacity(128 << 10).with_backpressure_boundary(64 << 10);
    Stream(WebSocket::from_stream(pipe, role(side), options).expect("the options are valid"))
}

pub fn codec_decoder(pipe: Pipe) -> CodecDecoder {
    let decoder = Decoder::new(Role::Server, LIMIT);
    CodecDecoder { decoder, buffer: BytesMut::with_capacity(STAGING), pipe }
}

pub fn codec_encoder(side: Side, pipe: Pipe) -> CodecEncoder {
    CodecEncoder { encoder: Encoder::new(role(side)), buffer: BytesMut::new(), pipe }
}

pub fn accept(pipe: Pipe) -> HttpWebSocket {
    http::serve(pipe, |request| {
        WebSocket::upgrade_with_options(request, options()).expect("the request is valid")
    })
    .expect("the connection is upgraded")
}

fn options() -> Options {
    Options::default().with_limits(LIMIT, 2 * LIMIT).with_utf8()
}

fn role(side: Side) -> Role {
    match side {
        Side::Server => Role::Server,
        Side::Client => Role::Client,
    }
}

fn show(frame: &Frame, visit: &mut impl FnMut(Kind, &[u8])) {
    let kind = match frame.opcode() {
        OpCode::Text => Kind::Text,
        OpCode::Binary => Kind::Binary,
        other => panic!("{other:?}"),
    };
    visit(kind, frame.payload());
}

impl Decode for Stream {
    fn decode(&mut self, count: usize, mut visit: impl FnMut(Kind, &[u8])) {
        complete(async {
            for _ in 0..count {
                show(&self.0.next_frame().await.expect("a valid frame"), &mut visit);
            }
        });
    }
}

impl Encode for Stream {
    fn encode(&mut self, payload: &Bytes, count: usize) {
        complete(async {
            for _ in 0..count {
                self.0.feed(Frame::binary(payload.clone())).await.expect("there is room");
            }
            self.0.flush().await.expect("the pipe takes everything");
        });
    }
}

impl Decode for CodecDecoder {
    fn decode(&mut self, count: usize, mut visit: impl FnMut(Kind, &[u8])) {
        let mut seen = 0;
        while seen < count {
            self.buffer.reserve(STAGING);
            self.buffer.put_slice(self.pipe.next_bytes(STAGING));
            while let Some(frame) = self.decoder.decode(&mut self.buffer).expect("a valid frame") {
                // The codec leaves it to its caller; the stream does it like this.
                if frame.opcode() == OpCode::Text {
                    simdutf8::basic::from_utf8(frame.payload()).expect("valid text");
                }
                show(&frame, &mut visit);
                seen += 1;
            }
        }
    }
}

impl Encode for CodecEncoder {
    fn encode(&mut self, payload: &Bytes, count: usize) {
        for _ in 0..count {
            let frame = Frame::binary(payload.clone());
            self.encoder.encode(frame, &mut self.buffer).expect("the frame is valid");
        }
        self.pipe.put(&self.buffer);
        self.buffer.clear();
    }
}
