//! yawc: its stream (`next_frame`, `feed` and `flush`); its codec alone does not compress.

use std::sync::OnceLock;

use compare_deflate::LIMIT;
use compare_deflate::chat::Text;
use compare_deflate::contest::{Peer, Rank, Server, Terms};
use compare_deflate::pipe::{Pipe, complete};
use futures_util::SinkExt;
use yawc::{CompressionLevel, DeflatePool, Frame, OpCode, Options, Role, WebSocket};

pub const fn yawc(name: &'static str) -> Peer {
    Peer::new(name, Rank::Peer, open)
}

/// With one pool for all connections, which works without context takeover only.
pub const fn pooled(name: &'static str) -> Peer {
    Peer { takeover: false, ..Peer::new(name, Rank::Peer, open_pooled) }
}

fn open(terms: Terms, pipe: Pipe) -> Box<dyn Server> {
    open_with(options(terms), terms, pipe)
}

fn open_pooled(terms: Terms, pipe: Pipe) -> Box<dyn Server> {
    static POOL: OnceLock<DeflatePool> = OnceLock::new();
    let pool = POOL.get_or_init(|| DeflatePool::new(4)).clone();
    open_with(options(terms).with_deflate_pool(pool), terms, pipe)
}

fn options(terms: Terms) -> Options {
    let options = Options::default()
        .with_limits(LIMIT, 2 * LIMIT)
        .with_utf8()
        .with_compression_level(CompressionLevel::new(terms.level.into()));
    if terms.takeover {
        options
    } else {
        options.server_no_context_takeover().client_no_context_takeover()
    }
}

fn open_with(options: Options, terms: Terms, pipe: Pipe) -> Box<dyn Server> {
    let extensions = if terms.takeover {
        "permessage-deflate"
    } else {
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    };
    let stream =
        WebSocket::from_stream_with_extensions(pipe, Role::Server, Some(extensions), options);
    Box::new(Yawc(stream.expect("the options are valid")))
}

struct Yawc(WebSocket<Pipe>);

impl Server for Yawc {
    fn send(&mut self, message: &Text) {
        complete(async {
            self.0.feed(Frame::text(message.bytes.clone())).await.expect("there is room");
            self.0.flush().await.expect("the pipe takes everything");
        });
    }

    fn receive(&mut self, count: usize, visit: &mut dyn FnMut(&[u8])) {
        complete(async {
            for _ in 0..count {
                let frame = self.0.next_frame().await.expect("a valid frame");
                assert_eq!(frame.opcode(), OpCode::Text);
                visit(frame.payload());
            }
        });
    }
}
