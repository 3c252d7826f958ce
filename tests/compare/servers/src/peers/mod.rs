//! The peers, each in its best documented set-up.

mod fastwebsockets;
mod longwire;
mod longwire_loop;
mod longwire_smol;
mod longwire_tokio;
mod raw;
mod sockudo_ws;
mod sockudo_ws_proto;
mod tokio_tungstenite;
mod tokio_websockets;
pub(crate) mod uwebsockets;
mod yawc;

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use crate::arguments::Mode;

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) modes: &'static [Mode],
    pub(crate) serve: fn(TcpListener, Mode, Option<Duration>) -> io::Result<()>,
}

impl Peer {
    const fn new(
        name: &'static str,
        modes: &'static [Mode],
        serve: fn(TcpListener, Mode, Option<Duration>) -> io::Result<()>,
    ) -> Self {
        Self { name, modes, serve }
    }
}

/// `-together` has all heartbeats at once, as the peers have, where Longwire's own spread them over
/// a tenth of the interval. `-feed` and `-proto` are what a user can make of a peer by gathering the answers by hand.
pub(crate) const PEERS: &[Peer] = &[
    Peer::new("raw-tokio", &[Mode::Echo], raw::serve_tokio),
    Peer::new("raw-smol", &[Mode::Echo], raw::serve_smol),
    Peer::new("longwire-tokio", &[Mode::Echo, Mode::FanOut], longwire_tokio::serve),
    Peer::new("longwire-tokio-together", &[Mode::Echo], longwire_tokio::serve_together),
    Peer::new("longwire-loop", &[Mode::Echo, Mode::FanOut], longwire_loop::serve),
    Peer::new("longwire-loop-together", &[Mode::Echo], longwire_loop::serve_together),
    Peer::new("longwire-smol", &[Mode::Echo, Mode::FanOut], longwire_smol::serve),
    Peer::new("tokio-tungstenite", &[Mode::Echo, Mode::FanOut], tokio_tungstenite::serve),
    Peer::new("tokio-tungstenite-feed", &[Mode::Echo], tokio_tungstenite::serve_gathering),
    Peer::new("fastwebsockets", &[Mode::Echo, Mode::FanOut], fastwebsockets::serve),
    Peer::new("fastwebsockets-feed", &[Mode::Echo], fastwebsockets::serve_gathering),
    Peer::new("tokio-websockets", &[Mode::Echo, Mode::FanOut], tokio_websockets::serve),
    Peer::new("tokio-websockets-feed", &[Mode::Echo], tokio_websockets::serve_gathering),
    Peer::new("yawc", &[Mode::Echo, Mode::FanOut], yawc::serve),
    Peer::new("yawc-feed", &[Mode::Echo], yawc::serve_gathering),
    Peer::new("sockudo-ws", &[Mode::Echo, Mode::FanOut], sockudo_ws::serve),
    Peer::new("sockudo-ws-feed", &[Mode::Echo], sockudo_ws::serve_gathering),
    Peer::new("sockudo-ws-proto", &[Mode::Echo], sockudo_ws_proto::serve),
];
