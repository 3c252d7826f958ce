//! A transport and a clock that answer as a script says, and an executor that knows when nothing
//! can happen any more.

mod clock;
mod executor;
mod transport;

pub use clock::{Clock, VirtualTimer};
pub use executor::{End, Flag, Tasks, once};
pub use transport::{Broken, Call, Fault, Happened, Journal, Mood, Script, Scripted, What, link};

use longwire::driver::WebSocket;
use longwire::time::Instant;
use longwire::{Config, Connection};

use crate::properties::Side;

/// A connection over a scripted transport.
pub type Socket = WebSocket<Scripted, VirtualTimer>;

/// An open client and an open server, over pipes of `room` bytes each way.
#[must_use]
pub fn pair(
    clock: &Clock,
    configs: [Config; 2],
    scripts: [Script; 2],
    room: usize,
) -> (Socket, Socket) {
    let (a, b) = link(scripts, room);
    let [client, server] = configs;
    (open(clock, Side::Client, client, a), open(clock, Side::Server, server, b))
}

/// An open connection over `transport`.
#[must_use]
pub fn open(clock: &Clock, side: Side, config: Config, transport: Scripted) -> Socket {
    let connection = Connection::new(side.role(7), config, Instant::EPOCH);
    Socket::new(connection, transport, clock.timer())
}
