//! soketto: `receive_data` into one vector, `send_text` and `flush`. It knows one level, and no
//! context takeover.

use compare_deflate::LIMIT;
use compare_deflate::chat::Text;
use compare_deflate::contest::{Peer, Rank, Server, Terms};
use compare_deflate::pipe::{Pipe, complete};
use compare_deflate::row::FAST_LEVEL;
use soketto::connection::{Builder, Mode, Receiver, Sender};
use soketto::extension::deflate::Deflate;
use soketto::extension::{Extension, Param};

pub const SOKETTO: Peer = Peer {
    only_level: Some(FAST_LEVEL),
    takeover: false,
    ..Peer::new("soketto on zlib in C", Rank::Peer, open)
};

fn open(_: Terms, pipe: Pipe) -> Box<dyn Server> {
    let mut deflate = Deflate::new(Mode::Server);
    let offer = ["server_no_context_takeover", "client_no_context_takeover"].map(Param::new);
    deflate.configure(&offer).expect("the offer is valid");
    assert!(deflate.is_enabled(), "the offer is accepted");
    let mut builder = Builder::new(pipe, Mode::Server);
    builder.add_extensions([Box::new(deflate) as Box<dyn Extension + Send>]);
    builder.set_max_message_size(LIMIT);
    builder.set_max_frame_size(LIMIT);
    let (sender, receiver) = builder.finish();
    Box::new(Soketto { sender, receiver, message: Vec::new() })
}

struct Soketto {
    sender: Sender<Pipe>,
    receiver: Receiver<Pipe>,
    message: Vec<u8>,
}

impl Server for Soketto {
    fn send(&mut self, message: &Text) {
        complete(async {
            self.sender.send_text(&message.text).await.expect("the pipe takes everything");
            self.sender.flush().await.expect("the pipe takes everything");
        });
    }

    fn receive(&mut self, count: usize, visit: &mut dyn FnMut(&[u8])) {
        complete(async {
            for _ in 0..count {
                self.message.clear();
                let data = self.receiver.receive_data(&mut self.message).await;
                assert!(data.expect("a valid message").is_text());
                // Validation is the caller's; this is how its documentation does it.
                std::str::from_utf8(&self.message).expect("valid text");
                visit(&self.message);
            }
        });
    }
}
