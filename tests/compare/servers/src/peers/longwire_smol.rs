//! Longwire on smol.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use async_net::TcpStream;
use longwire_smol::longwire::handshake::{Acceptance, Incoming};
use longwire_smol::{Answer, Config, Sender, accept_with};

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
        Mode::Echo => runtime::smol(listener, move |stream| serve_echo(stream, config.clone())),
        Mode::FanOut => runtime::smol(listener, move |stream| {
            serve_fan_out(stream, config.clone(), room.clone())
        }),
    }
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
