//! yawc, with hyper's opening handshake.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use tokio::task::spawn_local;
use yawc::{Frame, HttpStream, OpCode, Options, UpgradeFut, WebSocket};

use crate::arguments::Mode;
use crate::beat::Beat;
use crate::room::Room;
use crate::sink::{Connection, PeerMessage};
use crate::{MESSAGE_LIMIT, runtime, upgrade};

/// What its own benchmark calls tuned.
const TUNED_READ_BUFFER: usize = 128 << 10;
const TUNED_WRITE_BOUNDARY: usize = 64 << 10;

impl PeerMessage for Frame {
    fn is_data(&self) -> bool {
        matches!(self.opcode(), OpCode::Text | OpCode::Binary)
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
    match mode {
        Mode::Echo => serve_upgrades(listener, options(), move |upgrade| async move {
            let Ok(mut connection) = connect(upgrade, heartbeat).await else { return };
            connection.echo().await;
        }),
        Mode::FanOut => {
            let room = Room::default();
            serve_upgrades(listener, options(), move |upgrade| {
                let room = room.clone();
                async move {
                    let Ok(mut connection) = connect(upgrade, heartbeat).await else { return };
                    connection.fan_out(&room).await;
                }
            })
        }
    }
}

pub(super) fn serve_gathering(
    listener: TcpListener,
    _: Mode,
    heartbeat: Option<Duration>,
) -> io::Result<()> {
    let options = options()
        .with_read_buffer_capacity(TUNED_READ_BUFFER)
        .with_backpressure_boundary(TUNED_WRITE_BOUNDARY);
    serve_upgrades(listener, options, move |upgrade| async move {
        let Ok(mut connection) = connect(upgrade, heartbeat).await else { return };
        connection.gather().await;
    })
}

fn serve_upgrades<F: Future<Output = ()> + 'static>(
    listener: TcpListener,
    options: Options,
    serve: impl Fn(UpgradeFut) -> F + Clone + 'static,
) -> io::Result<()> {
    runtime::tokio(listener, move |stream| {
        let (options, serve) = (options.clone(), serve.clone());
        upgrade::serve(stream, move |request| {
            let (response, upgrade) = WebSocket::upgrade_with_options(request, options.clone())?;
            spawn_local(serve(upgrade));
            yawc::Result::Ok(response)
        })
    })
}

async fn connect(
    upgrade: UpgradeFut,
    heartbeat: Option<Duration>,
) -> yawc::Result<Connection<WebSocket<HttpStream>, Frame>> {
    let socket = upgrade.await?;
    Ok(Connection { socket, message: Some, beat: Beat::new(heartbeat) })
}

/// Its limits are the first length that does not pass.
fn options() -> Options {
    Options::default().with_utf8().with_limits(MESSAGE_LIMIT + 1, MESSAGE_LIMIT + 1)
}
