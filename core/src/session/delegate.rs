use super::{Event, Failure, Settled};
use crate::frame::CloseCode;
use crate::handshake::Response;
use crate::message::Message;
use crate::time::Duration;

/// A session's events as callbacks, by the names that SocketRocket gave them.
///
/// Each attempt that opened ends with one [`did_close`](Self::did_close) if a close frame was
/// received, and otherwise, as each that did not open, with one [`did_fail`](Self::did_fail): never
/// with both. What a delegate is not interested in it leaves out.
pub trait Delegate {
    /// The connection is open, `webSocketDidOpen`. The server's answer, if it opened by a handshake.
    fn did_open(&mut self, response: Option<&Response>) {
        let _ = response;
    }

    /// A message arrived, `didReceiveMessage`.
    fn did_receive_message(&mut self, message: Message<'_>) {
        let _ = message;
    }

    /// The attempt, or the connection, failed: `didFailWithError`.
    fn did_fail(&mut self, failure: &Failure) {
        let _ = failure;
    }

    /// The connection was closed, `didCloseWithCode`: with the code and the reason that the peer
    /// sent, and whether it ended in order (RFC 6455 section 7.1.4).
    fn did_close(&mut self, code: CloseCode, reason: &str, was_clean: bool) {
        let _ = (code, reason, was_clean);
    }

    /// A pong arrived, `didReceivePong`. How long it and its ping took, if there was a ping of ours.
    fn did_receive_pong(&mut self, payload: &[u8], round_trip: Option<Duration>) {
        let _ = (payload, round_trip);
    }

    /// What became of a message. SocketRocket does not know.
    fn did_settle(&mut self, settled: Settled) {
        let _ = settled;
    }
}

impl Event<'_> {
    /// Calls the one method of `delegate` that this event is for, if there is one.
    pub fn tell(self, delegate: &mut impl Delegate) {
        match self {
            Self::Opened(opened) => delegate.did_open(opened.response.as_ref()),
            Self::Message(message) => delegate.did_receive_message(message),
            Self::Pong(pong) => delegate.did_receive_pong(&pong.payload, pong.round_trip),
            Self::Settled(settled) => delegate.did_settle(settled),
            Self::Closed(closed) => {
                if let Failure::Closed(end) = &closed.failure
                    && end.received.is_some()
                {
                    delegate.did_close(end.code, &end.reason, end.clean);
                } else {
                    delegate.did_fail(&closed.failure);
                }
            }
            Self::Connecting(_)
            | Self::Piece(_)
            | Self::Repeated(_)
            | Self::Error(_)
            | Self::Stopped(_) => {}
        }
    }
}
