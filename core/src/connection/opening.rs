//! From the opening handshake to the connection.

use alloc::sync::Arc;

use super::{Config, Connection, Role};
use crate::buffer::Outbox;
use crate::handshake::{Accepted, Agreement, Opened};
use crate::rng::Rng;
use crate::time::Instant;

impl Connection {
    /// The server's end, once a request was accepted: the answer leaves before the first frame, and
    /// what arrived behind the request is the first to be read.
    #[must_use]
    pub fn from_accepted(accepted: Accepted, config: impl Into<Arc<Config>>, now: Instant) -> Self {
        let Accepted { outbox, agreement, leftover, .. } = accepted;
        Self::with_buffers(Role::Server, config.into(), now, &leftover, outbox)
            .with_agreement(&agreement)
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
        .with_agreement(&opened.agreement)
    }

    /// What is agreed on beyond RFC 6455.
    fn with_agreement(self, agreement: &Agreement) -> Self {
        #[cfg(feature = "deflate")]
        if let Some(deflate) = &agreement.deflate {
            return self.with_deflate(deflate);
        }
        let _ = agreement;
        self
    }
}
