use alloc::boxed::Box;

use crate::connection::Connection;
use crate::handshake::ClientHandshake;
use crate::rng::Rng;

/// What there is of a transport.
pub(super) enum Link {
    None,
    /// It is being opened.
    Dialling,
    Handshake {
        handshake: Box<ClientHandshake>,
        rng: Box<dyn Rng + Send>,
    },
    Open(Box<Connection>),
}
