//! Properties, written once: proptest and the fuzz targets both call them.
//!
//! A property is a function over bytes that panics when it does not hold. The bytes are the input
//! itself where the input is bytes, and otherwise a schedule that [`Source`] decodes: any bytes are
//! a valid schedule, so a fuzzer wastes none, and a failing one can be printed and kept.

extern crate alloc;

mod ahead;
mod deflate;
mod frames;
mod handshakes;
mod inbound;
mod negotiation;
mod operations;
mod pair;
mod payloads;
mod resting;
mod session;
mod side;
mod source;
mod wire;

pub use ahead::ahead;
pub use deflate::{deflate, inflate};
pub use frames::{close_payload, frame_header, masking};
pub use handshakes::{
    extensions, handshake_request, handshake_response, handshake_round_trip, target,
};
pub use inbound::{inbound_stream, valid_stream};
pub use negotiation::negotiation;
pub use operations::{connection_client, connection_operations, connection_server, never_drained};
pub use pair::{pair, pair_compressed};
pub use payloads::utf8;
pub use resting::resting;
pub use session::session;
pub use source::{Lcg, Side, Source};

/// A function over bytes that panics when what it says does not hold.
pub type Property = fn(&[u8]);

/// The properties that are fuzz targets, by the names of those.
pub const TARGETS: &[(&str, Property)] = &[
    ("connection_client", connection_client),
    ("connection_server", connection_server),
    ("deflate", deflate),
    ("frame_header", frame_header),
    ("handshake_request", handshake_request),
    ("handshake_response", handshake_response),
    ("inbound_stream", inbound_stream),
    ("inflate", inflate),
    ("pair", pair),
    ("pair_compressed", pair_compressed),
    ("session", session),
];
