//! The opening handshake: RFC 6455 section 4, for both ends.
//!
//! ```text
//!   client                                            server
//!   Request ── ClientHandshake ──── GET, key ───────► ServerHandshake
//!                    │                                     │ request()
//!                    │                                  Incoming ── reject() ─┐
//!                    │                                     │ accept()         │
//!                    │ ◄────────── 101, accept ─────────  Accepted            │
//!            finish() ├─ Opened                                               │
//!                    └─ Refusal ◄─── 4xx, page, .. ─────────────────────── Rejection
//! ```
//!
//! [`ClientHandshake`], [`ServerHandshake`] and [`Rejection`] are [`Endpoint`](crate::Endpoint)s and are
//! driven like everything else here. The first two are consumed for their outcome once
//! [`poll_ready`](crate::Endpoint::poll_ready) says that there is one; each has one within
//! [`Limits::deadline`], whatever the peer does. Bytes that followed a head are never lost: they come
//! along as `leftover`.
//!
//! Extensions: permessage-deflate, with the feature `deflate`, if `Request::deflate` offers and
//! `Acceptance::deflate` accepts it. All others are declined.
//!
//! A server needs no framework in front of it for its own page: an ordinary GET becomes an
//! [`Incoming`] too.
//!
//! ```
//! use longwire::Endpoint;
//! use longwire::handshake::{Acceptance, ClientHandshake, Limits, Request, ServerHandshake};
//! use longwire::time::Instant;
//! # use bytes::Buf;
//!
//! let now = Instant::EPOCH;
//! let mut rng = |dest: &mut [u8]| dest.fill(7); // an example: hand in a cryptographic one
//! let request = Request::parse("ws://example.com/chat")?.subprotocol("chat")?;
//! let mut client = ClientHandshake::new(&request, Limits::DEFAULT, &mut rng, now);
//! let mut server = ServerHandshake::new(Limits::DEFAULT, now);
//!
//! let sent = server.receive(now, client.send_buffer().chunk());
//! client.sent(now, sent);
//! assert!(server.poll_ready());
//! let incoming = server.request(now).map_err(|rejection| rejection.error())?;
//! assert_eq!(incoming.request().path(), "/chat");
//!
//! let acceptance = Acceptance::new().subprotocol("chat")?;
//! let accepted = incoming.accept(&acceptance, now).map_err(|rejection| rejection.error())?;
//! client.receive(now, accepted.outbox.chunk());
//! assert!(client.poll_ready());
//! let opened = client.finish()?;
//! assert_eq!(opened.agreement, accepted.agreement);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use alloc::string::String;

#[cfg(feature = "deflate")]
use crate::deflate::Deflate;

mod acceptance;
#[cfg(test)]
mod acceptance_tests;
mod authority;
mod body;
mod classes;
mod client;
#[cfg(test)]
mod client_tests;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(test)]
#[cfg(feature = "deflate")]
mod deflate_handshake_tests;
#[cfg(test)]
#[cfg(feature = "deflate")]
mod deflate_tests;
mod error;
mod extension;
mod headers;
mod http;
mod incoming;
mod key;
mod known;
mod limits;
mod origin;
mod rejection;
mod request;
mod response;
mod scan;
mod server;
#[cfg(test)]
mod server_tests;
mod span;
#[cfg(test)]
mod split_tests;
mod target;

pub use acceptance::{Acceptance, Accepted};
pub use client::{ClientHandshake, Opened, Refusal};
#[cfg(feature = "deflate")]
pub use deflate::InvalidDeflate;
pub use error::HandshakeError;
pub use extension::{Extension, Parameter};
pub use headers::{Headers, InvalidHeader};
pub use incoming::{Incoming, IncomingRequest};
pub use key::{accept_key, generate_key};
pub use limits::Limits;
pub use origin::OriginPolicy;
pub use rejection::Rejection;
pub use request::{InvalidRequest, InvalidSubprotocol, Request, SubprotocolPolicy};
pub use response::{InvalidResponse, Response};
pub use server::ServerHandshake;
pub use target::{InvalidTarget, Target};

/// What client and server agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Agreement {
    /// The subprotocol, exactly as the client spelled it.
    pub subprotocol: Option<String>,
    /// permessage-deflate (RFC 7692), if it was offered and accepted: what this end asked for, with the
    /// parameters of section 7.1 that are agreed. The rest is this end's own affair, so the two ends
    /// may differ in it.
    #[cfg(feature = "deflate")]
    pub deflate: Option<Deflate>,
}
