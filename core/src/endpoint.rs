use crate::buffer::{Outbox, Stage};
use crate::error::TransportFailure;
use crate::time::Instant;

/// How every layer meets a byte stream and a clock.
///
/// A handshake and a connection differ in what they say, not in how they are driven, so a driver is
/// written once against these verbs:
///
/// - **In:** fill [`recv_buffer`](Self::recv_buffer), then report [`received`](Self::received).
/// - **Out:** transmit [`send_buffer`](Self::send_buffer), then report [`sent`](Self::sent).
/// - **Time:** call [`handle_timeout`](Self::handle_timeout) at [`poll_timeout`](Self::poll_timeout).
/// - **News:** while [`poll_ready`](Self::poll_ready) says so, take what the layer has to say.
///
/// And of the transport's end: when [`is_send_finished`](Self::is_send_finished), shut down its
/// write side once the send buffer is empty; when [`is_finished`](Self::is_finished), drop it.
///
/// A method takes `now` if and only if it can arm a timer. Time must not run backwards; if it does,
/// timers are late, nothing else breaks. No order of calls is an error, and spurious ones do
/// nothing; but three orders lose something, so a loop keeps them:
///
/// - an empty `recv_buffer` is not read into: reading nothing looks like the end of the stream;
/// - news is taken, and what it makes you send transmitted, before the end of the stream is
///   reported: nothing can be answered behind it;
/// - a transport that blocks in writing is told about first, with `sent(now, 0)`: there is no
///   deadline for a write that nobody knows of.
pub trait Endpoint {
    /// Where the next bytes from the transport belong. Empty means: do not read now.
    fn recv_buffer(&mut self) -> &mut [u8];

    /// Records that the transport filled the first `n` bytes of [`recv_buffer`](Self::recv_buffer).
    ///
    /// `n` is at most the length of that buffer; a larger one counts as that length.
    fn received(&mut self, now: Instant, n: usize);

    /// Records that the peer will send no more bytes.
    fn received_eof(&mut self, now: Instant);

    /// Records that reading failed: no more bytes will arrive.
    fn receive_failed(&mut self, now: Instant, failure: TransportFailure);

    /// Bytes to transmit, in order. Queues what has become due first.
    fn send_buffer(&mut self) -> &Outbox;

    /// Records that the transport accepted the first `n` bytes of [`send_buffer`](Self::send_buffer).
    ///
    /// Zero says that bytes wait and the transport takes none: time counts as stalled from then on.
    fn sent(&mut self, now: Instant, n: usize);

    /// Records whether the transport holds back, in a buffer of its own, bytes that it accepted.
    ///
    /// While it does, they have not left: time counts as stalled, as if it had not accepted them, and no
    /// end that waits for them comes. For transports that have a flush of their own, such as TLS. Of bytes
    /// behind which nothing follows ([`is_send_finished`](Self::is_send_finished)), or of a stream that has
    /// ended, tell it before [`sent`](Self::sent): what has been sent is waited for only briefly then.
    fn held_back(&mut self, _now: Instant, _held: bool) {}

    /// Records that writing failed: nothing more can be sent, and what was held back is lost. Bytes may
    /// still be received.
    fn send_failed(&mut self, now: Instant, failure: TransportFailure);

    /// When [`handle_timeout`](Self::handle_timeout) should next be called.
    #[must_use]
    fn poll_timeout(&self) -> Option<Instant>;

    /// Acts on timers due at or before `now`. Early and repeated calls do nothing.
    fn handle_timeout(&mut self, now: Instant);

    /// Advances until there is news to take, and says whether there is. Needs neither bytes nor time.
    #[must_use]
    fn poll_ready(&mut self) -> bool;

    /// Whether nothing will follow what is in the send buffer: transmit that, then half-close.
    #[must_use]
    fn is_send_finished(&self) -> bool;

    /// Whether the transport is no longer needed: drop it.
    #[must_use]
    fn is_finished(&self) -> bool;

    /// Gives back memory that is not needed until the next byte arrives. A
    /// [`Connection`](crate::Connection) in which nothing is under way then rests.
    ///
    /// Worth calling when the transport can say that nothing is readable. Afterwards
    /// [`recv_buffer`](Self::recv_buffer) allocates again.
    fn release_buffers(&mut self) {}

    /// Lends memory for what is about to be received: call it before
    /// [`recv_buffer`](Self::recv_buffer), which then need not allocate.
    fn lend(&mut self, _stage: &mut Stage) {}

    /// Takes that memory back, unless much in it waits to be taken: call it after
    /// [`received`](Self::received), or when nothing was.
    fn reclaim(&mut self, _stage: &mut Stage) {}

    /// Copies `bytes` in and returns how many fitted. For tests, and for transports that lend.
    fn receive(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let spare = self.recv_buffer();
        let n = bytes.len().min(spare.len());
        for (to, from) in spare.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.received(now, n);
        n
    }
}
