//! A WebSocket that performs no I/O: every decision of RFC 6455, and of the long connection that
//! chat applications build on it, as state machines over bytes and time.
//!
//! # Layers
//!
//! ```text
//!   application     Message, Event, commands
//!       ▲  ▼
//!   driver          one loop over a Transport and a Timer, written once      driver
//!       ▲  ▼
//!   session         one long connection over many: reconnection, queue, delivery    session
//!       ▲  ▼
//!   connection      open, closing, closed; heartbeat, deadlines, limits      connection
//!   handshake       the way there, client and server                         handshake
//!       ▲  ▼
//!   message         text that is UTF-8, fragments and their assembly         message
//!       ▲  ▼
//!   frame           header, masking, close codes                             frame
//!       ▲  ▼
//!   bytes           where they are received, and wait to be sent             buffer
//! ```
//!
//! Data flows one way: bytes in, frame, message, event; command, frame, bytes out. For sockets there
//! are `longwire-tokio` and `longwire-smol`; for a runtime of your own, implement
//! [`driver::Transport`] and [`driver::Timer`], or write the loop yourself:
//!
//! # The loop
//!
//! Handshakes and connections are [`Endpoint`]s. They are *filled* with bytes, *emptied* of bytes,
//! *told* the time when they ask for it, and *asked* for news:
//!
//! ```
//! use bytes::Buf;
//! use longwire::{CloseCode, Config, Connection, Endpoint, Event, Instant, Message, Role};
//! # fn random(bytes: &mut [u8]) { bytes.fill(0x5a) }
//!
//! let now = Instant::EPOCH; // time since whenever you like
//! let mut client = Connection::new(Role::client(random), Config::client(), now);
//! let mut server = Connection::new(Role::Server, Config::server(), now);
//!
//! client.send(Message::from("How are you?")).unwrap();
//!
//! // Out: transmit the send buffer, report what was taken. In: fill the receive buffer, report it.
//! let taken = server.receive(now, client.send_buffer().chunk());
//! client.sent(now, taken);
//!
//! // News: take it while there is some.
//! let Some(Event::Message(question)) = server.poll_event() else { panic!() };
//! assert_eq!(question.as_text(), Some("How are you?"));
//! assert!(server.poll_event().is_none());
//!
//! // Time: call back when asked.
//! server.close(now, CloseCode::NORMAL, "bye").unwrap();
//! let deadline = server.poll_timeout().unwrap();
//! server.handle_timeout(deadline);
//! ```
//!
//! # What is handed in
//!
//! Time is an [`Instant`] of your epoch, randomness an [`Rng`] of your choice: a cryptographic one,
//! for a client's masking keys. The crate is `no_std` and needs `alloc`; it forbids unsafe code, and
//! its lints forbid clocks, entropy and I/O.
//!
//! # What is promised
//!
//! No panic, no unbounded memory, no unbounded work a byte, no unbounded time in any state, whatever
//! the peer sends; exactly one [`Event::Closed`], last; no message that was not sent, and none lost
//! without being counted. The limits are in [`Config`] and
//! [`handshake::Limits`].
//!
//! # Features
//!
//! `std` (default): vectored output, [`split`](driver::WebSocket) halves, conversions of
//! `std::io::ErrorKind`, idle memory that a thread's connections share. `futures`: `Stream` and `Sink`.
//! `deflate`: permessage-deflate (RFC 7692), which is then offered or accepted where you say so.
//! `tracing`: what a session does, as events of the crate `tracing`. `simd`: masking and UTF-8 validation
//! by wider vectors. A feature adds to the API or to the speed and changes no behaviour.
#![no_std]
#![deny(missing_docs)]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation
    )
)]
#![warn(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::alloc_instead_of_core
)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod buffer;
pub mod connection;
#[cfg(feature = "deflate")]
pub mod deflate;
pub mod driver;
mod endpoint;
pub mod error;
pub mod frame;
pub mod handshake;
pub mod message;
pub mod rng;
pub mod session;
pub mod time;
mod trace;

pub use crate::connection::{Closed, Config, Connection, Event, Initiator, Role, State};
pub use crate::endpoint::Endpoint;
pub use crate::error::{ConnectionError, ProtocolError, SendError};
pub use crate::frame::{Close, CloseCode};
pub use crate::message::{DataKind, Message, Payload, PreparedMessage, Text};
pub use crate::rng::Rng;
pub use crate::session::{Session, SessionConfig};
pub use crate::time::Instant;
