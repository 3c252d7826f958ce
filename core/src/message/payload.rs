use alloc::vec::Vec;
use core::ops::Deref;

use bytes::Bytes;

use crate::buffer::recycled;

/// Bytes, lent or owned.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "lent or owned")]
#[repr(usize)]
pub enum Payload<'a> {
    /// Lent by the receive buffer, or by the caller.
    Borrowed(&'a [u8]),
    /// Owned outright.
    Owned(Bytes),
}

impl Payload<'_> {
    /// Keeps the bytes, copying them only if they were lent.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
            Self::Owned(bytes) => bytes,
        }
    }

    /// The same, for bytes that nobody will change: the copy of a long payload may be in memory that was
    /// used before.
    pub(crate) fn into_shared(self) -> Bytes {
        match self {
            Self::Borrowed(bytes) => recycled::copy(bytes),
            Self::Owned(bytes) => bytes,
        }
    }

    /// The same, still a payload.
    #[must_use]
    pub fn into_owned(self) -> Payload<'static> {
        Payload::Owned(self.into_bytes())
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Payload<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Payload<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Payload<'_> {}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Borrowed(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Borrowed(bytes)
    }
}

impl From<Vec<u8>> for Payload<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Owned(bytes.into())
    }
}

impl From<Bytes> for Payload<'_> {
    fn from(bytes: Bytes) -> Self {
        Self::Owned(bytes)
    }
}
