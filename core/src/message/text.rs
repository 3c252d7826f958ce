use alloc::{borrow::Cow, string::String};
use core::{fmt, ops::Deref};

use super::Payload;
use crate::buffer::recycled;

/// UTF-8 text, lent or owned.
///
/// Cannot be forged: it is only ever made of a `str`, so that what a peer sent as text *is* text.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Keeps the text, copying it only if it was lent.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0.into_owned()
    }

    /// The same, still a `Text`.
    #[must_use]
    pub fn into_owned(self) -> Text<'static> {
        Text(Cow::Owned(self.into_string()))
    }

    /// Its bytes.
    #[must_use]
    pub fn into_payload(self) -> Payload<'a> {
        match self.0 {
            Cow::Borrowed(text) => Payload::Borrowed(text.as_bytes()),
            Cow::Owned(text) => {
                let len = text.len();
                Payload::Owned(recycled::share(text.into_bytes(), 0..len))
            }
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        self
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}
