use core::mem;

#[cfg(doc)]
use super::Connection;
use super::active::Active;
use super::timer::Now;
use crate::error::SendError;
use crate::frame::{Close, CloseCode};
use crate::message::Payload;

/// A message being sent piece by piece (section 5.4).
///
/// What has left cannot be taken back, so a message must be [finished](Self::finish). One that is
/// [aborted](Self::abort), or whose writer is dropped, closes the connection with 1011: a receiver
/// must not take a part for the whole. To drive the connection in between,
/// [`pause`](Self::pause) the writer and [resume](Connection::resume_fragments) it.
///
/// Text is not checked here: its pieces must be UTF-8 together.
#[must_use = "dropping the writer closes the connection: finish or pause it"]
pub struct FragmentWriter<'a> {
    connection: &'a mut Active,
}

impl<'a> FragmentWriter<'a> {
    pub(super) const fn new(connection: &'a mut Active) -> Self {
        Self { connection }
    }

    /// Queues the next fragment.
    ///
    /// # Errors
    ///
    /// [`Full`](SendError::Full): nothing was queued, let the transport catch up.
    /// [`Closed`](SendError::Closed): the connection is closing.
    pub fn write<'p>(&mut self, payload: impl Into<Payload<'p>>) -> Result<(), SendError> {
        self.connection.transmitter.send_fragment(payload.into(), false)
    }

    /// Queues the last fragment, which may be empty.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write). If the queue is full, the message is still open: resume and
    /// finish it later.
    pub fn finish<'p>(self, payload: impl Into<Payload<'p>>) -> Result<(), SendError> {
        let result = self.connection.transmitter.send_fragment(payload.into(), true);
        self.pause();
        result
    }

    /// Lets go of the connection and leaves the message open.
    pub fn pause(self) {
        mem::forget(self);
    }

    /// Gives the message up, and with it the connection: close code 1011.
    pub fn abort(self) {
        drop(self);
    }

    /// Whether whoever can wait for the transport need not do so now.
    #[must_use]
    pub fn has_room(&self) -> bool {
        // What waits for this message to end is not in its way.
        self.connection.transmitter.has_room_ahead()
    }
}

impl Drop for FragmentWriter<'_> {
    fn drop(&mut self) {
        let close = Close { code: CloseCode::INTERNAL_ERROR, reason: "message abandoned".into() };
        let now = Now::Since(self.connection.now);
        self.connection.start_closing(close, now);
    }
}
