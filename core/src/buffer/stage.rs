use alloc::vec::Vec;

use super::page;
use super::run::Run;

/// Memory that connections take turns to receive into: one for each thread that drives some.
///
/// A connection that waits needs no memory for what may arrive. [Lend](crate::Endpoint::lend) it a
/// stage before reading and [reclaim](crate::Endpoint::reclaim) it afterwards: what was read and not
/// yet taken moves to memory of the connection's own, unless it is much. All connections then read
/// into the same memory, which stays in the processor's cache. What they answer with, they write into
/// memory that comes along, and goes back when all of it has left.
///
/// What one connection received stays in it until it is overwritten. No other can see it, unless
/// more bytes are [reported](crate::Endpoint::received) than were read.
#[derive(Debug, Default)]
pub struct Stage {
    /// Where to receive.
    pub(super) bytes: Vec<u8>,
    /// An empty run, for an [`Outbox`](super::Outbox) that has none.
    pub(super) run: Run,
    /// Memory that something was moved to before, for the next that is about as long.
    pub(super) spare: Vec<u8>,
}

impl Stage {
    /// Its length in bytes: 128 KiB that are received into, and a page, in which that is given its place.
    pub const LEN: usize = 128 * 1024 + page::LEN;

    /// A stage. It is allocated when it is first lent.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), run: Run::new(), spare: Vec::new() }
    }
}
