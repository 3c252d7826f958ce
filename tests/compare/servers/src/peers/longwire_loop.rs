//! Longwire without a runtime, on an event loop of its own: the example's, which uWebSockets resembles.

#[path = "../../../../../examples/event_loop/peer.rs"]
mod peer;
#[path = "../../../../../examples/event_loop/server.rs"]
mod server;

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};

use super::longwire::config;
use crate::arguments::Mode;

pub(super) fn serve(
    listener: TcpListener,
    mode: Mode,
    heartbeat: Option<Duration>,
) -> io::Result<()> {
    let rng = StdRng::try_from_rng(&mut SysRng).map_err(io::Error::other)?;
    serve_with(listener, mode, heartbeat, Some(rng))
}

/// Without the jitter that keeps the heartbeats of connections that came together apart.
pub(super) fn serve_together(
    listener: TcpListener,
    mode: Mode,
    heartbeat: Option<Duration>,
) -> io::Result<()> {
    serve_with(listener, mode, heartbeat, None)
}

fn serve_with(
    listener: TcpListener,
    mode: Mode,
    heartbeat: Option<Duration>,
    rng: Option<StdRng>,
) -> io::Result<()> {
    let work = match mode {
        Mode::Echo => peer::Work::Echo,
        Mode::FanOut => peer::Work::Room,
    };
    server::Server::new(listener, config(heartbeat), work, |_| {}, rng)?.run()
}
