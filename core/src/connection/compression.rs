//! What was agreed on compression (RFC 7692), or that nothing was.
//!
//! Without the feature both directions are of no size and do nothing, so that nobody else need ask.

#[cfg(feature = "deflate")]
pub(super) use agreed::{Incoming, Outgoing};
#[cfg(not(feature = "deflate"))]
pub(super) use never::{Compress, Incoming, Outgoing};

#[cfg(feature = "deflate")]
pub(super) use crate::deflate::Compress;

#[cfg(feature = "deflate")]
mod agreed {
    use alloc::{boxed::Box, vec::Vec};

    use crate::deflate::{
        Compress, Compressor, DecompressError, Decompressor, Deflate, WindowBits,
    };
    use crate::error::ProtocolError;
    use crate::message::{PreparedFrame, PreparedMessage};

    /// What the server's compressor may do, or the client's: its window, and whether it keeps its context
    /// (RFC 7692 section 7.1).
    fn terms(deflate: &Deflate, of_server: bool) -> (WindowBits, bool) {
        if of_server {
            (deflate.server_max_window_bits, !deflate.server_no_context_takeover)
        } else {
            (deflate.client_max_window_bits, !deflate.client_no_context_takeover)
        }
    }

    /// The sending direction.
    pub(in super::super) struct Outgoing(Option<Box<Sending>>);

    struct Sending {
        compressor: Compressor,
        window: WindowBits,
        threshold: usize,
    }

    impl Outgoing {
        pub(in super::super) const NONE: Self = Self(None);

        /// What was agreed, for the end that is the server or is not.
        pub(in super::super) fn agreed(deflate: &Deflate, is_server: bool) -> Self {
            let (window, takeover) = terms(deflate, is_server);
            let compressor = Compressor::new(window, takeover, deflate);
            Self(Some(Box::new(Sending { compressor, window, threshold: deflate.threshold })))
        }

        /// How long a message has to be to be compressed, if any is.
        pub(in super::super) fn threshold(&self) -> Option<usize> {
            self.0.as_ref().map(|sending| sending.threshold)
        }

        /// Whether a message that begins with `len` bytes is to be compressed.
        pub(in super::super) fn compresses(&self, len: usize, compress: Compress) -> bool {
            self.0.as_ref().is_some_and(|sending| match compress {
                Compress::Auto => len >= sending.threshold,
                Compress::Always => true,
                Compress::Never => false,
            })
        }

        /// The message, compressed if it should be and is worth it.
        pub(in super::super) fn message(
            &mut self,
            payload: &[u8],
            compress: Compress,
        ) -> Option<Vec<u8>> {
            if !self.compresses(payload.len(), compress) {
                return None;
            }
            self.0.as_mut()?.compressor.message(payload, compress == Compress::Always)
        }

        /// The next part of a message, compressed so that it can leave.
        pub(in super::super) fn fragment(&mut self, payload: &[u8], last: bool) -> Vec<u8> {
            self.0
                .as_mut()
                .map_or_else(Vec::new, |sending| sending.compressor.fragment(payload, last))
        }

        /// The form of a message that is sent next, and whether it is the compressed one.
        pub(in super::super) fn prepared<'m>(
            &mut self,
            message: &'m PreparedMessage,
        ) -> (&'m PreparedFrame, bool) {
            if let Some(sending) = &mut self.0
                && let Some(frame) = message.compressed(sending.window)
            {
                // The peer's window moves on by a message that ours has never seen.
                sending.compressor.forget();
                return (frame, true);
            }
            (message.plain(), false)
        }

        pub(in super::super) fn memory(&self) -> usize {
            self.0.as_ref().map_or(0, |sending| sending.compressor.memory())
        }
    }

    /// The receiving direction.
    #[derive(Debug)]
    pub(in super::super) struct Incoming(Option<Box<Decompressor>>);

    impl Incoming {
        pub(in super::super) const NONE: Self = Self(None);

        /// As [`Outgoing::agreed`]: what the *other* end compresses.
        pub(in super::super) fn agreed(deflate: &Deflate, is_server: bool) -> Self {
            let (window, takeover) = terms(deflate, !is_server);
            Self(Some(Box::new(Decompressor::new(window, takeover))))
        }

        pub(in super::super) const fn is_agreed(&self) -> bool {
            self.0.is_some()
        }

        /// Decompresses `input` onto the first `len` bytes of `memory`, up to `limit` bytes in all; the end
        /// of the message, if it is the `last`.
        pub(in super::super) fn push(
            &mut self,
            input: &[u8],
            last: bool,
            memory: &mut Vec<u8>,
            len: &mut usize,
            limit: usize,
        ) -> Result<(), ProtocolError> {
            let Some(decompressor) = &mut self.0 else { return Ok(()) };
            let mut pushed = decompressor.push_into(input, memory, len, limit);
            if last && pushed.is_ok() {
                pushed = decompressor.finish_in(memory, *len);
            }
            pushed.map_err(|error| match error {
                DecompressError::Corrupt => ProtocolError::InvalidDeflate,
                DecompressError::TooBig => ProtocolError::MessageTooBig,
            })
        }

        pub(in super::super) fn memory(&self) -> usize {
            self.0.as_ref().map_or(0, |decompressor| decompressor.memory())
        }
    }
}

#[cfg(not(feature = "deflate"))]
mod never {
    use alloc::vec::Vec;

    use crate::error::ProtocolError;
    use crate::message::{PreparedFrame, PreparedMessage};

    /// There is nothing to choose.
    #[derive(Clone, Copy, Debug)]
    pub(in super::super) enum Compress {
        Auto,
    }

    pub(in super::super) struct Outgoing;

    impl Outgoing {
        pub(in super::super) const NONE: Self = Self;

        pub(in super::super) const fn threshold(&self) -> Option<usize> {
            None
        }

        pub(in super::super) const fn compresses(&self, _len: usize, _compress: Compress) -> bool {
            false
        }

        pub(in super::super) const fn message(
            &self,
            _payload: &[u8],
            _compress: Compress,
        ) -> Option<Vec<u8>> {
            None
        }

        pub(in super::super) const fn fragment(&self, _payload: &[u8], _last: bool) -> Vec<u8> {
            Vec::new()
        }

        pub(in super::super) const fn prepared<'m>(
            &self,
            message: &'m PreparedMessage,
        ) -> (&'m PreparedFrame, bool) {
            (message.plain(), false)
        }

        pub(in super::super) const fn memory(&self) -> usize {
            0
        }
    }

    #[derive(Debug)]
    pub(in super::super) struct Incoming;

    impl Incoming {
        pub(in super::super) const NONE: Self = Self;

        pub(in super::super) const fn is_agreed(&self) -> bool {
            false
        }

        pub(in super::super) const fn push(
            &self,
            _input: &[u8],
            _last: bool,
            _memory: &mut Vec<u8>,
            _len: &mut usize,
            _limit: usize,
        ) -> Result<(), ProtocolError> {
            Ok(())
        }

        pub(in super::super) const fn memory(&self) -> usize {
            0
        }
    }
}
