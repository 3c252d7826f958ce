//! sockudo-ws: its stream. Heartbeats are its own, and on.

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use sockudo_ws::handshake::server_handshake;
use sockudo_ws::{Config, Message, Role, WebSocketStream};
use tokio::net::TcpStream;

use crate::MESSAGE_LIMIT;
use crate::arguments::Mode;
use crate::beat::Beat;
use crate::sink::{self, Connection, Loop, PeerMessage};

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
    serve_loop(listener, mode.into(), heartbeat)
}

pub(super) fn serve_gathering(
    listener: TcpListener,
    _: Mode,
    heartbeat: Option<Duration>,
) -> io::Result<()> {
    serve_loop(listener, Loop::Gather, heartbeat)
}

fn serve_loop(listener: TcpListener, work: Loop, heartbeat: Option<Duration>) -> io::Result<()> {
    let config = Rc::new(config(heartbeat));
    sink::serve(listener, work, move |stream| accept(stream, Rc::clone(&config)))
}

async fn accept(
    mut stream: TcpStream,
    config: Rc<Config>,
) -> Option<Connection<WebSocketStream<TcpStream>, Message>> {
    let handshake = server_handshake(&mut stream).await.ok()?;
    let socket = WebSocketStream::from_raw_with_leftover(
        stream,
        Role::Server,
        (*config).clone(),
        handshake.leftover,
    );
    Some(Connection { socket, message: Result::ok, beat: Beat::new(None) })
}

fn config(heartbeat: Option<Duration>) -> Config {
    let mut config = Config::builder().max_payload_length(MESSAGE_LIMIT);
    if let Some(every) = heartbeat {
        let seconds = u32::try_from(every.as_secs()).unwrap_or(u32::MAX);
        config = config.ping_interval(seconds).pong_timeout(seconds).idle_timeout(0);
    }
    config.build()
}
