//! soketto: `receive_data` into one vector, `send_binary` and `flush`.

use bytes::Bytes;
use soketto::connection::{Builder, Mode, Receiver, Sender};
use soketto::handshake::Server;
use soketto::handshake::server::Response;

use super::LIMIT;
use crate::contest::{Decode, Encode};
use crate::pipe::{Pipe, complete};
use crate::wire::{Kind, Side};

pub struct Soketto {
    sender: Sender<Pipe>,
    receiver: Receiver<Pipe>,
    message: Vec<u8>,
}

pub fn decoder(pipe: Pipe) -> Soketto {
    encoder(Side::Server, pipe)
}

pub fn encoder(side: Side, pipe: Pipe) -> Soketto {
    let mode = match side {
        Side::Server => Mode::Server,
        Side::Client => Mode::Client,
    };
    let mut builder = Builder::new(pipe, mode);
    builder.set_max_message_size(LIMIT);
    builder.set_max_frame_size(LIMIT);
    let (sender, receiver) = builder.finish();
    Soketto { sender, receiver, message: Vec::new() }
}

pub fn accept(pipe: Pipe) -> (Sender<Pipe>, Receiver<Pipe>) {
    complete(async {
        let mut server = Server::new(pipe);
        let key = server.receive_request().await.expect("the request is valid").key();
        let response = Response::Accept { key, protocol: None };
        server.send_response(&response).await.expect("the pipe takes everything");
        server.into_builder().finish()
    })
}

impl Decode for Soketto {
    fn decode(&mut self, count: usize, mut visit: impl FnMut(Kind, &[u8])) {
        complete(async {
            for _ in 0..count {
                self.message.clear();
                let data = self.receiver.receive_data(&mut self.message).await;
                // Validation is the caller's; this is how its documentation does it.
                let kind = if data.expect("a valid message").is_text() {
                    std::str::from_utf8(&self.message).expect("valid text");
                    Kind::Text
                } else {
                    Kind::Binary
                };
                visit(kind, &self.message);
            }
        });
    }
}

impl Encode for Soketto {
    fn encode(&mut self, payload: &Bytes, count: usize) {
        complete(async {
            for _ in 0..count {
                self.sender.send_binary(payload).await.expect("the pipe takes everything");
            }
            self.sender.flush().await.expect("the pipe takes everything");
        });
    }
}
