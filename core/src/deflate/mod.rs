//! permessage-deflate (RFC 7692): what may be agreed on, and how.
//!
//! Compiled in is not offered: a client offers it with [`Request::deflate`], a server accepts it with
//! [`Acceptance::deflate`]. What both agreed on is in [`Agreement::deflate`].
//!
//! ```
//! use longwire::deflate::Deflate;
//! use longwire::handshake::{Acceptance, Request};
//!
//! let request = Request::parse("ws://example.com/chat")?.deflate(Deflate::DEFAULT);
//! let acceptance = Acceptance::new().deflate(Deflate::SHARED);
//! # Ok::<(), longwire::handshake::InvalidRequest>(())
//! ```
//!
//! Data messages are then compressed if it is worth it, each of them whole, and decompressed as they
//! arrive: no limit is any wider for it. What one connection costs, and what to choose, is in
//! `docs/compression.md`.
//!
//! # What not to compress together
//!
//! The length of what is compressed tells something of what is in it, encrypted or not. If somebody
//! else's data is compressed together with a secret, they can guess the secret a character at a
//! time, and see by the length whether they guessed right (the attacks CRIME and BREACH). Send what
//! contains a secret (a token, a cookie, a password) with [`Compress::Never`], or choose no context
//! takeover and never put a secret and what others wrote into one message; a compressor that
//! forgets does not refer from one message to another.
//!
//! [`Request::deflate`]: crate::handshake::Request::deflate
//! [`Acceptance::deflate`]: crate::handshake::Acceptance::deflate
//! [`Agreement::deflate`]: crate::handshake::Agreement::deflate

/// permessage-deflate as one end wants it, or as both agreed on it.
///
/// The names of the first four are those of RFC 7692 section 7.1: each is about what *that* end
/// compresses, so a client's own compressor is bound by the `client_` ones, and the server has to
/// provide for them to decompress it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deflate {
    /// The server forgets each message before it compresses the next (section 7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client does (section 7.1.1.2).
    pub client_no_context_takeover: bool,
    /// How far back the server's compressor may refer (section 7.1.2.1).
    pub server_max_window_bits: WindowBits,
    /// How far back the client's may (section 7.1.2.2).
    pub client_max_window_bits: WindowBits,
    /// How hard this end tries: 0 stores, 1 is fastest, 9 smallest; what is above counts as 9. 6.
    pub level: u8,
    /// How much memory this end's compressor uses, from 1 to 9; what is outside counts as the nearest.
    /// 8.
    pub memory_level: u8,
    /// Messages shorter than this are not worth compressing, in bytes. 1,024.
    pub threshold: usize,
}

impl Deflate {
    /// The best compression: windows of 32 KiB, kept from message to message. Costs up to 450 KiB
    /// a connection, from the first message on.
    pub const DEFAULT: Self = Self {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        server_max_window_bits: WindowBits::MAX,
        client_max_window_bits: WindowBits::MAX,
        level: 6,
        memory_level: 8,
        threshold: 1024,
    };

    /// Nearly as good for short messages, and faster for long ones: windows of 4 KiB, kept as bytes from
    /// message to message, while the compressors are a thread's. Costs up to 8 KiB a connection, if
    /// both ends keep to it; a client that does not say that it can may use 32 KiB.
    pub const COMPACT: Self = Self {
        server_max_window_bits: WindowBits(12),
        client_max_window_bits: WindowBits(12),
        ..Self::DEFAULT
    };

    /// For very many connections: nothing is kept from message to message, so the connections of
    /// a thread share one compressor and one decompressor.
    pub const SHARED: Self = Self {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        ..Self::DEFAULT
    };
}

impl Default for Deflate {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The base-2 logarithm of a window's size in bytes (RFC 7692 section 7.1.2): from 8 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowBits(u8);

impl WindowBits {
    /// 256 bytes.
    pub const MIN: Self = Self(8);
    /// 32 KiB.
    pub const MAX: Self = Self(15);

    /// `None` unless `bits` is from 8 to 15.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        if bits >= Self::MIN.0 && bits <= Self::MAX.0 { Some(Self(bits)) } else { None }
    }

    /// From 8 to 15.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// The window's size in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        1 << self.0
    }
}

/// Whether a message is compressed, if that was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Compress {
    /// If it is at least as long as [`Deflate::threshold`], and gets shorter.
    #[default]
    Auto,
    /// Even if it gets longer.
    Always,
    /// It is not. For what contains a secret: see the [module](self)'s warning.
    Never,
}

mod compressor;
mod decompressor;
mod history;
mod shared;

pub use compressor::Compressor;
pub use decompressor::{DecompressError, Decompressor};
