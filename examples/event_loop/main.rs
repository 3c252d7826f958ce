//! An event loop of one's own: one thread, no runtime, as many connections as there are sockets.
//!
//! `cargo run --example event_loop [-- [--room] [127.0.0.1:9001]]`
//!
//! A server over `mio` that echoes, or a room in which all hear what each says. And a pattern for
//! embedding: what the poller reports is noted in a [`Peer`](peer::Peer), and
//! [`Peer::drive`](peer::Peer::drive) goes as far as that allows. Everything else is `Endpoint`.

mod peer;
mod server;

use std::error::Error;
use std::net::TcpListener;

use longwire::{Closed, Config};
use rand::SeedableRng as _;
use rand::rngs::{StdRng, SysRng};

use peer::Work;
use server::Server;

fn main() -> Result<(), Box<dyn Error>> {
    let mut work = Work::Echo;
    let mut address = "127.0.0.1:9001".into();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--room" => work = Work::Room,
            _ => address = argument,
        }
    }
    let listener = TcpListener::bind(address)?;
    println!("listening on ws://{}", listener.local_addr()?);
    let config = Config::server().with_heartbeat();
    let rng = StdRng::try_from_rng(&mut SysRng)?;
    let closed = |closed: &Closed| println!("{closed}");
    Ok(Server::new(listener, config, work, closed, Some(rng))?.run()?)
}
