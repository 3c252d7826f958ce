//! Longwire on tokio.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use longwire_tokio::longwire::driver::accept;
use longwire_tokio::longwire::handshake::{Acceptance, Incoming};
use longwire_tokio::longwire::rng::Jitter;
use longwire_tokio::{Answer, Config, Io, Sender, Timer, accept_with};
use tokio::net::TcpStream;

use super::longwire::{config, echo, fan_out};
use crate::arguments::Mode;
use crate::room::Room;
use crate::runtime;

pub(super) fn serve(
    listener: TcpListener,
    mode: Mode,
    heartbeat: Option<Duration>,
) -> io::Result<()> {
    let config = Arc::new(config(heartbeat));
    let room = Room::default();
    match mode {
        Mode::Echo => runtime::tokio(listener, move |stream| serve_echo(stream, config.clone())),
        Mode::FanOut => runtime::tokio(listener, move |stream| {
            serve_fan_out(stream, config.clone(), room.clone())
        }),
    }
}

/// Without the jitter that keeps the heartbeats of connections that came together apart.
pub(super) fn serve_together(
    listener: TcpListener,
    _: Mode,
    heartbeat: Option<Duration>,
) -> io::Result<()> {
    let config = Arc::new(config(heartbeat));
    runtime::tokio(listener, move |stream| {
        let (config, timer) = (config.clone(), Timer::default());
        async move {
            let accept = accept(Io(stream), timer, config, Jitter::NONE, accept_all);
            let Ok(mut websocket) = Box::pin(accept).await else { return };
            echo(&mut websocket).await;
        }
    })
}

async fn serve_echo(stream: TcpStream, config: Arc<Config>) {
    let Ok(mut websocket) = accept_with(stream, config, accept_all).await else { return };
    echo(&mut websocket).await;
}

async fn serve_fan_out(stream: TcpStream, config: Arc<Config>, room: Room<Sender>) {
    let Ok(websocket) = accept_with(stream, config, accept_all).await else { return };
    let (_, mut receiver) = websocket.split();
    fan_out(&mut receiver, &room).await;
}

fn accept_all(_: &Incoming) -> Answer {
    Answer::Accept(Acceptance::default())
}
