//! The contenders, a file each. Every one in the idiom that its documentation shows, validating,
//! not compressing, its limits high enough.

pub mod fastwebsockets;
pub mod floor;
mod http;
pub mod longwire;
pub mod sockudo;
pub mod soketto;
pub mod tokio_tungstenite;
pub mod tokio_websockets;
pub mod tungstenite;
pub mod websocket_sans_io;
pub mod yawc;

/// No message here is as long.
const LIMIT: usize = 64 << 20;

/// What those read at a time who leave reading to their caller.
const STAGING: usize = 64 << 10;
