//! tokio-websockets.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_websockets::{Config, Limits, Message, ServerBuilder, WebSocketStream};

use crate::MESSAGE_LIMIT;
use crate::arguments::Mode;
use crate::beat::Beat;
use crate::sink::{self, Connection, Loop, PeerMessage};

/// Its default is 8 KiB, at which `feed` flushes.
const TUNED_FLUSH_THRESHOLD: usize = 64 << 10;

impl PeerMessage for Message {
    fn is_data(&self) -> bool {
        self.is_text() || self.is_binary()
    }

    fn ping() -> Self {
        Self::ping("")
    }
}

pub(super) fn serve(
    listener: TcpListener,
    mode: Mode,
    heartbeat: Option<Duration>,
) -> io::Result<()> {
    sink::serve(listener, mode.into(), move |stream| accept(stream, Config::default(), heartbeat))
}

/// Whatever is queued, it flushes when it is read.
pub(super) fn serve_gathering(
    listener: TcpListener,
    _: Mode,
    heartbeat: Option<Duration>,
) -> io::Result<()> {
    let config = Config::default().flush_threshold(TUNED_FLUSH_THRESHOLD);
    sink::serve(listener, Loop::GatherByTurns, move |stream| accept(stream, config, heartbeat))
}

async fn accept(
    stream: TcpStream,
    config: Config,
    heartbeat: Option<Duration>,
) -> Option<Connection<WebSocketStream<TcpStream>, Message>> {
    let limits = Limits::default().max_payload_len(Some(MESSAGE_LIMIT));
    let builder = ServerBuilder::new().config(config).limits(limits);
    let (_, socket) = builder.accept(stream).await.ok()?;
    Some(Connection { socket, message: Result::ok, beat: Beat::new(heartbeat) })
}
