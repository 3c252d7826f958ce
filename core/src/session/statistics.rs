use crate::connection::RoundTrip;
use crate::time::Duration;

/// What a session has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Attempts begun.
    pub attempts: u64,
    /// Attempts that became open connections.
    pub opened: u64,
    /// How long there was none although there should have been, up to the last that opened.
    pub downtime: Duration,
    /// Reports that concerned an earlier attempt and were ignored, and acknowledgements of no message.
    pub stale_ignored: u64,
    /// Bytes of transports, both ways, handshakes included.
    pub bytes_sent: u64,
    /// The same, received.
    pub bytes_received: u64,
    /// Messages that the transport took whole, each as often as it did.
    pub messages_sent: u64,
    /// Messages received.
    pub messages_received: u64,
    /// Messages that had not left whole when a connection was lost, and were queued again.
    pub requeued: u64,
    /// Messages that had, were not confirmed, and were queued again: possible duplicates.
    pub repeated: u64,
    /// How long pings took on the connection that is open, or was last.
    pub round_trip: Option<RoundTrip>,
}
