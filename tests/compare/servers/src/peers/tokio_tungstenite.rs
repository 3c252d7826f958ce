//! tokio-tungstenite.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_async_with_config};

use crate::MESSAGE_LIMIT;
use crate::arguments::Mode;
use crate::beat::Beat;
use crate::sink::{self, Connection, Loop, PeerMessage};

/// It clears the whole of its buffer before each read: 128 KiB unless told otherwise.
const TUNED_READ_BUFFER: usize = 16 << 10;

impl PeerMessage for Message {
    fn is_data(&self) -> bool {
        self.is_text() || self.is_binary()
    }

    fn ping() -> Self {
        Self::Ping(Bytes::new())
    }
}

pub(super) fn serve(
    listener: TcpListener,
    mode: Mode,
    heartbeat: Option<Duration>,
) -> io::Result<()> {
    sink::serve(listener, mode.into(), move |stream| accept(stream, config(), heartbeat))
}

pub(super) fn serve_gathering(
    listener: TcpListener,
    _: Mode,
    heartbeat: Option<Duration>,
) -> io::Result<()> {
    let config = config().read_buffer_size(TUNED_READ_BUFFER);
    sink::serve(listener, Loop::Gather, move |stream| accept(stream, config, heartbeat))
}

async fn accept(
    stream: TcpStream,
    config: WebSocketConfig,
    heartbeat: Option<Duration>,
) -> Option<Connection<WebSocketStream<TcpStream>, Message>> {
    let socket = accept_async_with_config(stream, Some(config)).await.ok()?;
    Some(Connection { socket, message: Result::ok, beat: Beat::new(heartbeat) })
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_LIMIT))
        .max_frame_size(Some(MESSAGE_LIMIT))
}
