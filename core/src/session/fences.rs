//! Pings behind messages, whose pongs confirm those.
//!
//! Frames are ordered, so whoever answers a ping has read what was before it (RFC 6455 section 5.5.3).
//! An answer to a later ping does as well: a peer may answer only the latest.

use alloc::collections::VecDeque;

use super::pings::Pings;
use super::queue::Queue;
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::time::{Duration, Instant};

/// The pings of one connection that are on their way, oldest first.
///
/// Each confirms a batch. On a new connection batches begin with one message and double with each ping,
/// so that however soon connections are cut, each confirms something that is then not sent again; and
/// few are on their way at once, so that a steady flow has a ping a round trip or so. Where a round trip takes
/// next to nothing that would be a flood: there is a pace as well, below what an end of ours puts up with
/// ([`Config::max_control_rate`](crate::Config::max_control_rate)) even if both ends send.
#[derive(Debug, Default)]
pub(super) struct Fences {
    on_their_way: VecDeque<Fence>,
    /// Pings sent, as far as that matters for the next batch.
    grown: u32,
    /// When all of them will have had their time.
    paid: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Fence {
    /// The ping's number on its connection.
    number: u64,
    /// When it left.
    left: Option<Instant>,
    /// How many messages it confirms.
    messages: usize,
}

impl Fences {
    /// Sends a ping behind what was handed over, if that makes a batch.
    pub(super) fn build(
        &mut self,
        connection: &mut Connection,
        queue: &mut Queue,
        pings: Pings,
        now: Instant,
    ) {
        let batch = 1_usize << self.grown.min(LARGEST_BATCH);
        if queue.unfenced() >= batch && self.on_their_way.len() < MOST && self.next_at() <= now {
            self.send(connection, queue, pings, now);
        }
    }

    /// The same, if it makes none, but nothing else is waited for. If it is too soon, says when it is not.
    pub(super) fn build_last(
        &mut self,
        connection: &mut Connection,
        queue: &mut Queue,
        pings: Pings,
        now: Instant,
    ) -> Option<Instant> {
        if queue.unfenced() > 0 && self.on_their_way.is_empty() {
            let at = self.next_at();
            if at > now {
                return Some(at);
            }
            self.send(connection, queue, pings, now);
        }
        None
    }

    fn next_at(&self) -> Instant {
        let paid = self.paid.map_or(Duration::ZERO, Instant::since_epoch);
        Instant::from_epoch(paid.saturating_sub(CREDIT))
    }

    fn send(&mut self, connection: &mut Connection, queue: &mut Queue, pings: Pings, now: Instant) {
        // A ping overtakes what is queued, and must not overtake what it is to confirm.
        let _ = connection.send_buffer();
        if connection.is_serialised()
            && let Some(number) = pings.send(connection)
        {
            self.on_their_way.push_back(Fence { number, left: None, messages: queue.fence() });
            self.grown = self.grown.saturating_add(1);
            let paid = self.paid.map_or(now, |paid| paid.max(now));
            self.paid = Some(paid.saturating_add(PACE));
        }
    }

    /// Notes which have left.
    pub(super) fn note_left(&mut self, connection: &Connection) {
        for fence in self.on_their_way.iter_mut().filter(|fence| fence.left.is_none()) {
            fence.left = connection.ping_left(fence.number);
        }
    }

    /// Those that have left count as having left at `now`.
    pub(super) fn leave_again(&mut self, now: Instant) {
        for left in self.on_their_way.iter_mut().filter_map(|fence| fence.left.as_mut()) {
            *left = now;
        }
    }

    /// The number of the first of them.
    pub(super) fn first(&self) -> Option<u64> {
        Some(self.on_their_way.front()?.number)
    }

    /// When the first of them left, if it has.
    pub(super) fn first_left(&self) -> Option<Instant> {
        self.on_their_way.front()?.left
    }

    /// The ping of this number was answered, and with it all before. Says how many messages that
    /// confirms.
    pub(super) fn answered(&mut self, number: u64) -> usize {
        let mut confirmed: usize = 0;
        while let Some(fence) = self.on_their_way.front()
            && fence.number <= number
        {
            confirmed = confirmed.saturating_add(fence.messages);
            self.on_their_way.pop_front();
        }
        confirmed
    }
}

/// How many pings may be on their way.
const MOST: usize = 6;

/// How often batches double: the largest has 32 messages, or what was handed over while `MOST` pings
/// were on their way.
const LARGEST_BATCH: u32 = 5;

/// The time of a ping: 4,000 a second.
const PACE: Duration = Duration::from_micros(250);

/// The time of those that may be sent in advance: 500.
const CREDIT: Duration = Duration::from_millis(125);
