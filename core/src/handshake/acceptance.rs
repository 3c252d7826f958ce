use alloc::{string::String, vec::Vec};

use bytes::Bytes;

use super::Agreement;
use super::error::HandshakeError;
use super::headers::{Headers, InvalidHeader, Single, is_reserved, write_line};
use super::incoming::IncomingRequest;
use super::key::accept_key;
use super::origin::OriginPolicy;
use super::request::add_subprotocol;
use super::response::InvalidResponse;
use crate::buffer::Outbox;
#[cfg(feature = "deflate")]
use crate::deflate::Deflate;

/// On which terms a server opens a WebSocket. One value serves any number of requests.
///
/// ```
/// # use longwire::handshake::{Acceptance, InvalidResponse, OriginPolicy};
/// let acceptance = Acceptance::new().subprotocol("chat.v2")?.subprotocol("chat.v1")?;
/// let open_to_all = Acceptance::new().origin(OriginPolicy::Any);
/// # Ok::<(), InvalidResponse>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Acceptance {
    subprotocols: Vec<String>,
    require_subprotocol: bool,
    headers: Headers,
    origin: OriginPolicy,
    #[cfg(feature = "deflate")]
    deflate: Option<Deflate>,
}

/// A WebSocket that is open as soon as its answer has left.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "the answer has to be sent"]
pub struct Accepted {
    /// What the client asked for.
    pub request: IncomingRequest,
    /// The 101: it has to leave before the first frame.
    pub outbox: Outbox,
    /// What was agreed.
    pub agreement: Agreement,
    /// What followed the request: the client's first frames. It is free not to wait for the answer.
    pub leftover: Bytes,
}

impl Acceptance {
    /// Without subprotocols, for [`OriginPolicy::SameHost`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            subprotocols: Vec::new(),
            require_subprotocol: false,
            headers: Headers::new(),
            origin: OriginPolicy::SameHost,
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }

    /// The same, speaking one more subprotocol, less preferred than those before. The first that the
    /// client offers is agreed on; if it offers none of them, none is.
    ///
    /// # Errors
    ///
    /// [`InvalidResponse::Subprotocol`].
    pub fn subprotocol(mut self, name: &str) -> Result<Self, InvalidResponse> {
        add_subprotocol(&mut self.subprotocols, name)?;
        Ok(self)
    }

    /// The same, answering 400 to a client that offers none of the subprotocols.
    #[must_use]
    pub fn require_subprotocol(self) -> Self {
        Self { require_subprotocol: true, ..self }
    }

    /// The same, with one more header in the answer.
    ///
    /// # Errors
    ///
    /// [`InvalidResponse::Header`], also for `Upgrade`, `Connection`, `Sec-WebSocket-*`,
    /// `Content-Length` and `Transfer-Encoding`.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, InvalidResponse> {
        if is_reserved(name) {
            return Err(InvalidHeader::Reserved.into());
        }
        self.headers.append(name, value)?;
        Ok(self)
    }

    /// The same, with another policy for origins.
    #[must_use]
    pub fn origin(self, origin: OriginPolicy) -> Self {
        Self { origin, ..self }
    }

    /// The same, accepting permessage-deflate (RFC 7692 section 7.1) of a client that offers it: the
    /// first of its offers that is valid. Both `no_context_takeover` hold if either end wants them, and
    /// windows are the smaller of what both ends allow.
    ///
    /// `client_max_window_bits` reaches only clients that offer that parameter, as browsers do: one
    /// that does not may use a window of 32 KiB, which this end then provides for.
    ///
    /// What came of it is in [`Agreement::deflate`].
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(self, deflate: Deflate) -> Self {
        Self { deflate: Some(deflate), ..self }
    }

    /// The answer to a valid request with this `Origin` and this key (RFC 6455 section 4.2.2, item 5).
    pub(super) fn answer(
        &self,
        request: &IncomingRequest,
        origin: Single<'_>,
        key: &[u8],
    ) -> Result<(Outbox, Agreement), HandshakeError> {
        if !self.origin.allows(origin, request.host_bytes()) {
            return Err(HandshakeError::OriginRefused);
        }
        let subprotocol = self.subprotocols.iter().find(|name| request.offers_subprotocol(name));
        if subprotocol.is_none() && self.require_subprotocol {
            return Err(HandshakeError::NoCommonSubprotocol);
        }
        let mut outbox = Outbox::default();
        let mut lines = *b"HTTP/1.1 101 Switching Protocols\r\n\
            Upgrade: websocket\r\n\
            Connection: Upgrade\r\n\
            Sec-WebSocket-Accept: ............................\r\n";
        if let Some((_, [place @ .., _, _])) = lines.split_last_chunk_mut::<30>() {
            *place = accept_key(key);
        }
        outbox.copy(&lines);
        if let Some(name) = subprotocol {
            write_line(&mut outbox, b"Sec-WebSocket-Protocol", name.as_bytes());
        }
        #[cfg(feature = "deflate")]
        let deflate = match &self.deflate {
            Some(own) => super::deflate::answer(own, request.extension_lines())?,
            None => None,
        };
        #[cfg(feature = "deflate")]
        let deflate = deflate.map(|(answer, agreed)| {
            answer.write(&mut outbox);
            agreed
        });
        self.headers.write(&mut outbox);
        outbox.copy(b"\r\n");
        let agreement = Agreement {
            subprotocol: subprotocol.cloned(),
            #[cfg(feature = "deflate")]
            deflate,
        };
        Ok((outbox, agreement))
    }
}
