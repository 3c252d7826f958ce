//! Messages: what applications exchange (RFC 6455 sections 5.4 to 5.6).

mod payload;
mod prepared;
mod text;
mod utf8;

pub use payload::Payload;
pub use prepared::PreparedMessage;
pub use text::Text;
pub use utf8::{InvalidUtf8, Utf8Validator};

pub(crate) use prepared::PreparedFrame;
pub(crate) use utf8::from_utf8;

use crate::frame::Opcode;

/// The two kinds of data (section 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the RFC knows two, and reserves the rest for extensions"
)]
pub enum DataKind {
    /// UTF-8 text.
    Text,
    /// Arbitrary bytes.
    Binary,
}

impl DataKind {
    /// The opcode of a message's first frame.
    #[must_use]
    pub const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// A message, lent or owned.
///
/// A short message is lent from the receive buffer and a text of any length from where it was
/// received, which costs nothing; binary that is long or fragmented is owned and was never copied. Pay
/// for a copy only by keeping what is lent: [`into_owned`](Self::into_owned).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "as DataKind")]
#[repr(usize)]
pub enum Message<'a> {
    /// UTF-8 text.
    Text(Text<'a>),
    /// Arbitrary bytes.
    Binary(Payload<'a>),
}

impl<'a> Message<'a> {
    /// A text message.
    pub fn text(text: impl Into<Text<'a>>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    pub fn binary(payload: impl Into<Payload<'a>>) -> Self {
        Self::Binary(payload.into())
    }

    /// Which kind of message this is.
    #[must_use]
    pub const fn kind(&self) -> DataKind {
        match self {
            Self::Text(_) => DataKind::Text,
            Self::Binary(_) => DataKind::Binary,
        }
    }

    /// The payload.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(payload) => payload,
        }
    }

    /// The text, if this is a text message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The length of the payload in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The payload, whatever the kind.
    #[must_use]
    pub fn into_payload(self) -> Payload<'a> {
        match self {
            Self::Text(text) => text.into_payload(),
            Self::Binary(payload) => payload,
        }
    }

    /// Keeps the message, copying it only if it was lent.
    #[must_use]
    pub fn into_owned(self) -> Message<'static> {
        match self {
            Self::Text(text) => Message::Text(text.into_owned()),
            Self::Binary(payload) => Message::Binary(payload.into_owned()),
        }
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Self {
        Self::text(text)
    }
}

impl From<alloc::string::String> for Message<'_> {
    fn from(text: alloc::string::String) -> Self {
        Self::text(text)
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::binary(bytes)
    }
}

impl From<alloc::vec::Vec<u8>> for Message<'_> {
    fn from(bytes: alloc::vec::Vec<u8>) -> Self {
        Self::binary(bytes)
    }
}

impl From<bytes::Bytes> for Message<'_> {
    fn from(bytes: bytes::Bytes) -> Self {
        Self::binary(bytes)
    }
}
