use super::transmit::{self, Transmitter};
#[cfg(feature = "deflate")]
use crate::deflate::Compress;
use crate::error::SendError;
use crate::message::{Message, PreparedMessage};

/// The sending side of a connection, to answer with while an event is lent.
pub struct Sender<'a> {
    transmitter: &'a mut Transmitter,
}

impl<'a> Sender<'a> {
    pub(super) const fn new(transmitter: &'a mut Transmitter) -> Self {
        Self { transmitter }
    }

    /// As [`Connection::send`](super::Connection::send).
    ///
    /// # Errors
    ///
    /// As there; the message is given back.
    #[inline(always)]
    pub fn send<'m>(&mut self, message: Message<'m>) -> Result<(), SendError<Message<'m>>> {
        transmit::send(self.transmitter, message)
    }

    /// As [`Connection::send_with`](super::Connection::send_with).
    ///
    /// # Errors
    ///
    /// As there; the message is given back.
    #[cfg(feature = "deflate")]
    pub fn send_with<'m>(
        &mut self,
        message: Message<'m>,
        compress: Compress,
    ) -> Result<(), SendError<Message<'m>>> {
        self.transmitter.send_with(message, compress)
    }

    /// As [`Connection::send_prepared`](super::Connection::send_prepared).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        self.transmitter.send_prepared(message)
    }

    /// Bytes accepted that the transport has not taken.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.transmitter.buffered()
    }
}
