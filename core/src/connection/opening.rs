//! From the opening handshake to the connection.

use alloc::sync::Arc;

use super::{Config, Connection, Role};
use crate::buffer::Outbox;
use crate::handshake::{Accepted, Opened};
use crate::rng::Rng;
use crate::time::Instant;

impl Connection {
    /// The server's end, once a request was accepted: the answer leaves before the first frame, and
    /// what arrived behind the request is the first to be read.
    #[must_use]
    pub fn from_accepted(accepted: Accepted, config: impl Into<Arc<Config>>, now: Instant) -> Self {
        Self::with_buffers(Role::Server, config.into(), now, &accepted.leftover, accepted.outbox)
    }

    /// The client's end, once the server has accepted: what arrived behind its answer is the first
    /// to be read. Masking keys come from `rng`, which must be cryptographic.
    #[must_use]
    pub fn from_opened(
        opened: &Opened,
        rng: impl Rng + Send + 'static,
        config: impl Into<Arc<Config>>,
        now: Instant,
    ) -> Self {
        Self::with_buffers(
            Role::client(rng),
            config.into(),
            now,
            &opened.leftover,
            Outbox::default(),
        )
    }
}
