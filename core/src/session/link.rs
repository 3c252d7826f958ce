use alloc::boxed::Box;

use crate::connection::Connection;
use crate::endpoint::Endpoint;
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
    Open(Connection),
}

impl Link {
    /// Whose the bytes of the transport are, once it is open.
    pub(super) fn endpoint(&self) -> Option<&dyn Endpoint> {
        match self {
            Self::None | Self::Dialling => None,
            Self::Handshake { handshake, .. } => Some(&**handshake),
            Self::Open(connection) => Some(connection),
        }
    }

    /// The same, to tell it something.
    pub(super) fn endpoint_mut(&mut self) -> Option<&mut dyn Endpoint> {
        match self {
            Self::None | Self::Dialling => None,
            Self::Handshake { handshake, .. } => Some(&mut **handshake),
            Self::Open(connection) => Some(connection),
        }
    }
}
