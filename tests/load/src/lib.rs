//! A load generator for WebSocket servers, cheaper than any server it measures.
//!
//! One thread, non-blocking sockets, and no WebSocket library: what is sent was encoded before the
//! first connection is made, and of what comes back only the frame headers are read, but for a
//! sample that is compared byte for byte, so that a server that answers wrongly does not score.
//!
//! Five kinds of work: [`Echo`] (closed loop), [`Paced`] (open loop), [`Idle`], [`FanOut`] and
//! [`Connect`]. Each is a plan with a `run`, which returns what it measured. All are bounded: a
//! server that does not answer is an [`Error`] after the [`Server::patience`], never a hang.
//!
//! Work is measured between two moments at which nothing is under way. The kernel brings a
//! thread's CPU time up to date when the thread stops, so then, and only then, it is exact.
#![forbid(unsafe_code)]

mod connect;
mod connection;
mod echo;
mod error;
mod fan_out;
mod handshake;
mod histogram;
mod idle;
mod message;
mod paced;
mod pool;
mod process;
mod replies;
mod script;
mod server;
#[cfg(test)]
mod test_server;

pub use connect::{Connect, Connected};
pub use echo::{Amount, Echo, Echoed, Moment};
pub use error::Error;
pub use fan_out::{FanOut, FannedOut, Round};
pub use histogram::Histogram;
pub use idle::{After, Held, Idle, Idled};
pub use message::{Kind, Message};
pub use paced::{Paced, Pacing};
pub use process::{Memory, Process};
pub use server::{Framing, Server};
