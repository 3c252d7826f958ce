//! The negotiation of permessage-deflate (RFC 7692 sections 5 and 7.1): pure functions, without
//! allocation.

use core::{fmt, mem};

use super::error::HandshakeError;
use super::extension::{Piece, Value, read_lines};
use crate::buffer::Outbox;
use crate::deflate::{Deflate, WindowBits};

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// "a decimal integer value without leading zeroes between 8 to 15, inclusive" (section 7.1.2.1).
const WINDOW_BITS: [(u8, &str); 8] =
    [(8, "8"), (9, "9"), (10, "10"), (11, "11"), (12, "12"), (13, "13"), (14, "14"), (15, "15")];

/// The parameters of one offer, or of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<WindowBits>,
    /// In an offer, perhaps without a value.
    client_max_window_bits: Option<Option<WindowBits>>,
}

/// What a client offers that wants `own`.
pub(super) fn offer(own: &Deflate) -> Terms {
    Terms {
        server_no_context_takeover: own.server_no_context_takeover,
        client_no_context_takeover: own.client_no_context_takeover,
        server_max_window_bits: limit(own.server_max_window_bits),
        // Always: a server may limit only a client that says it can be limited (section 7.1.2.2).
        client_max_window_bits: Some(limit(own.client_max_window_bits)),
    }
}

/// What a server that wants `own` answers to the first acceptable offer over all lines, and what is
/// agreed then; `None` if there is none. An offer that is invalid is declined alone (section 7.1).
///
/// A client that did not offer `client_max_window_bits` cannot be told a limit: whatever `own` says,
/// it may use a window of 32 KiB, and 15 is agreed.
pub(super) fn answer<'a>(
    own: &Deflate,
    lines: impl Iterator<Item = &'a [u8]>,
) -> Result<Option<(Terms, Deflate)>, HandshakeError> {
    let mut first = None;
    read(lines, |element| {
        if let (None, Some(Ok(offer))) = (first, element) {
            first = Some(offer);
        }
    })?;
    Ok(first.map(|offer| accept(own, &offer)))
}

/// What a client that offered [`offer`]`(own)` agrees to; `None` if the answer names no extension.
///
/// # Errors
///
/// The connection has to be failed if the answer does not correspond to the offer (section 7.1).
pub(super) fn verify<'a>(
    own: &Deflate,
    lines: impl Iterator<Item = &'a [u8]>,
) -> Result<Option<Deflate>, HandshakeError> {
    let mut verdict = Ok(None);
    read(lines, |element| {
        verdict = match (verdict, element) {
            (Err(error), _) => Err(error),
            (Ok(_), None) => Err(HandshakeError::UnexpectedExtension),
            // The two would both claim RSV1 (section 5).
            (Ok(Some(_)), Some(_)) => Err(InvalidDeflate::Repeated.into()),
            (Ok(None), Some(terms)) => {
                terms.and_then(|answer| agree(own, &answer)).map(Some).map_err(From::from)
            }
        };
    })?;
    verdict
}

fn accept(own: &Deflate, offer: &Terms) -> (Terms, Deflate) {
    let server_max_window_bits = least(own.server_max_window_bits, offer.server_max_window_bits);
    let client_max_window_bits = match offer.client_max_window_bits {
        Some(hint) => least(own.client_max_window_bits, hint),
        None => WindowBits::MAX,
    };
    let agreed = Deflate {
        // "a server accepts an extension negotiation offer that includes the parameter by including
        // [it] in the corresponding extension negotiation response" (section 7.1.1.1). The client's
        // is a hint (7.1.1.2); repeated, it binds.
        server_no_context_takeover: own.server_no_context_takeover
            || offer.server_no_context_takeover,
        client_no_context_takeover: own.client_no_context_takeover
            || offer.client_no_context_takeover,
        server_max_window_bits,
        client_max_window_bits,
        ..*own
    };
    let answer = Terms {
        server_no_context_takeover: agreed.server_no_context_takeover,
        client_no_context_takeover: agreed.client_no_context_takeover,
        // One that was offered is accepted by naming it, even at its largest (section 7.1.2.1).
        server_max_window_bits: offer
            .server_max_window_bits
            .map(|_| server_max_window_bits)
            .or_else(|| limit(server_max_window_bits)),
        client_max_window_bits: limit(client_max_window_bits).map(Some),
    };
    (answer, agreed)
}

fn agree(own: &Deflate, answer: &Terms) -> Result<Deflate, InvalidDeflate> {
    if own.server_no_context_takeover && !answer.server_no_context_takeover {
        return Err(InvalidDeflate::MissingServerNoContextTakeover);
    }
    let server_max_window_bits = match answer.server_max_window_bits {
        Some(bits) if bits > own.server_max_window_bits => {
            return Err(InvalidDeflate::WindowTooLarge);
        }
        Some(bits) => bits,
        None if own.server_max_window_bits < WindowBits::MAX => {
            return Err(InvalidDeflate::MissingServerMaxWindowBits);
        }
        None => WindowBits::MAX,
    };
    let client_max_window_bits = match answer.client_max_window_bits {
        Some(None) => return Err(InvalidDeflate::MissingValue),
        Some(Some(bits)) if bits > own.client_max_window_bits => {
            return Err(InvalidDeflate::WindowTooLarge);
        }
        Some(Some(bits)) => bits,
        // The hint is kept, answered or not (section 7.1.2.2).
        None => own.client_max_window_bits,
    };
    Ok(Deflate {
        server_no_context_takeover: answer.server_no_context_takeover,
        // Likewise (section 7.1.1.2).
        client_no_context_takeover: own.client_no_context_takeover
            || answer.client_no_context_takeover,
        server_max_window_bits,
        client_max_window_bits,
        ..*own
    })
}

/// Nothing to say about the largest window, which is what silence means.
fn limit(bits: WindowBits) -> Option<WindowBits> {
    (bits < WindowBits::MAX).then_some(bits)
}

fn least(own: WindowBits, offered: Option<WindowBits>) -> WindowBits {
    offered.map_or(own, |offered| own.min(offered))
}

/// Hands over the elements of the list one by one: `None` for one that is another extension.
fn read<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
    mut take: impl FnMut(Option<Result<Terms, InvalidDeflate>>),
) -> Result<(), HandshakeError> {
    let mut element = None;
    read_lines(lines, |piece| match piece {
        Piece::Name(name) => {
            let terms = (name == NAME.as_bytes()).then_some(Ok(Terms::default()));
            if let Some(before) = element.replace(terms) {
                take(before);
            }
        }
        Piece::Parameter(name, value) => {
            if let Some(Some(Ok(terms))) = &mut element
                && let Err(invalid) = terms.set(name, value)
            {
                element = Some(Some(Err(invalid)));
            }
        }
    })?;
    if let Some(last) = element {
        take(last);
    }
    Ok(())
}

impl Terms {
    /// Queues the header line.
    pub(super) fn write(&self, out: &mut Outbox) {
        out.copy(b"Sec-WebSocket-Extensions: ");
        out.copy(NAME.as_bytes());
        let mut parameter = |name: &str, bits: Option<WindowBits>| {
            out.copy(b"; ");
            out.copy(name.as_bytes());
            if let Some(bits) = bits {
                out.copy(b"=");
                out.copy(spelled(bits).as_bytes());
            }
        };
        if self.server_no_context_takeover {
            parameter(SERVER_NO_CONTEXT_TAKEOVER, None);
        }
        if self.client_no_context_takeover {
            parameter(CLIENT_NO_CONTEXT_TAKEOVER, None);
        }
        if let Some(bits) = self.server_max_window_bits {
            parameter(SERVER_MAX_WINDOW_BITS, Some(bits));
        }
        if let Some(bits) = self.client_max_window_bits {
            parameter(CLIENT_MAX_WINDOW_BITS, bits);
        }
        out.copy(b"\r\n");
    }

    /// Takes a parameter, if it is one of the four, has the value that it needs, and is new.
    fn set(&mut self, name: &[u8], value: Option<Value<'_>>) -> Result<(), InvalidDeflate> {
        let flag = |flag: &mut bool, value: Option<Value<'_>>| match value {
            Some(_) => Err(InvalidDeflate::UnexpectedValue),
            None => Ok(mem::replace(flag, true)),
        };
        let is = |parameter: &str| name == parameter.as_bytes();
        let is_set = if is(SERVER_NO_CONTEXT_TAKEOVER) {
            flag(&mut self.server_no_context_takeover, value)?
        } else if is(CLIENT_NO_CONTEXT_TAKEOVER) {
            flag(&mut self.client_no_context_takeover, value)?
        } else if is(SERVER_MAX_WINDOW_BITS) {
            let bits = window_bits(&value.ok_or(InvalidDeflate::MissingValue)?)?;
            self.server_max_window_bits.replace(bits).is_some()
        } else if is(CLIENT_MAX_WINDOW_BITS) {
            let bits = value.as_ref().map(window_bits).transpose()?;
            self.client_max_window_bits.replace(bits).is_some()
        } else {
            return Err(InvalidDeflate::UnknownParameter);
        };
        if is_set { Err(InvalidDeflate::DuplicateParameter) } else { Ok(()) }
    }
}

fn window_bits(value: &Value<'_>) -> Result<WindowBits, InvalidDeflate> {
    WINDOW_BITS
        .iter()
        .find(|(_, spelled)| value.bytes().eq(spelled.bytes()))
        .and_then(|(bits, _)| WindowBits::new(*bits))
        .ok_or(InvalidDeflate::InvalidValue)
}

fn spelled(bits: WindowBits) -> &'static str {
    WINDOW_BITS.iter().find(|(n, _)| *n == bits.get()).map_or("", |(_, spelled)| spelled)
}

/// Why a client cannot agree to a server's permessage-deflate. Sections are those of RFC 7692.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidDeflate {
    /// It was answered twice (section 5: one use of RSV1).
    Repeated,
    /// A parameter that is none of the four (section 7.1).
    UnknownParameter,
    /// A parameter twice (section 7.1).
    DuplicateParameter,
    /// A value where there must be none (section 7.1.1).
    UnexpectedValue,
    /// Window bits without a value (section 7.1.2).
    MissingValue,
    /// Window bits other than 8 to 15, or not spelled as a decimal without leading zeros
    /// (section 7.1.2).
    InvalidValue,
    /// A larger window than was offered (section 7.1.2).
    WindowTooLarge,
    /// `server_no_context_takeover` was asked for, and not granted (section 7.1.1.1).
    MissingServerNoContextTakeover,
    /// `server_max_window_bits` was asked for, and not granted (section 7.1.2.1).
    MissingServerMaxWindowBits,
}

impl InvalidDeflate {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Repeated => {
                "The server chose permessage-deflate twice (RFC 7692, 5): correct the server"
            }
            Self::UnknownParameter => {
                "The server's permessage-deflate has an unknown parameter (RFC 7692, 7.1): correct the server"
            }
            Self::DuplicateParameter => {
                "The server's permessage-deflate has a parameter twice (RFC 7692, 7.1): correct the server"
            }
            Self::UnexpectedValue => {
                "The server gave a no_context_takeover a value (RFC 7692, 7.1.1): correct the server"
            }
            Self::MissingValue => {
                "The server gave max_window_bits no value (RFC 7692, 7.1.2): correct the server"
            }
            Self::InvalidValue => {
                "The server's max_window_bits is not from 8 to 15 (RFC 7692, 7.1.2): correct the server"
            }
            Self::WindowTooLarge => {
                "The server chose a larger window than was offered (RFC 7692, 7.1.2): offer it, or correct the server"
            }
            Self::MissingServerNoContextTakeover => {
                "The server did not grant server_no_context_takeover (RFC 7692, 7.1.1.1): do without it, or correct the server"
            }
            Self::MissingServerMaxWindowBits => {
                "The server did not grant server_max_window_bits (RFC 7692, 7.1.2.1): do without it, or correct the server"
            }
        }
    }
}

impl fmt::Display for InvalidDeflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for InvalidDeflate {}

impl From<InvalidDeflate> for HandshakeError {
    fn from(invalid: InvalidDeflate) -> Self {
        Self::InvalidDeflate(invalid)
    }
}
