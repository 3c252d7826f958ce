//! A connection in which nothing is under way: what is left of it then.
//!
//! Most connections wait most of the time, and most of what one consists of is for when it does not. So
//! that is put aside, and used by whichever connection of the thread is busy next.

use alloc::{boxed::Box, sync::Arc};
use core::mem;

use super::active::Active;
use super::compression::{Incoming, Outgoing};
use super::config::{Config, InForce};
use super::heartbeat::Heartbeat;
use super::masks::Masks;
use super::timer::IdleTimers;
use super::transmit::Role;
use crate::buffer::Inbox;
use crate::rng::Jitter;
use crate::time::Instant;

/// What stays of a connection while nothing is under way.
pub(super) struct Idle {
    pub(super) config: InForce,
    /// A client's.
    pub(super) masks: Option<Box<Masks>>,
    pub(super) outgoing: Outgoing,
    pub(super) incoming: Incoming,
    pub(super) heartbeat: Heartbeat,
    pub(super) timers: IdleTimers,
    /// The time told last.
    pub(super) now: Instant,
    pub(super) last_received: Instant,
    /// How many messages the transport has ever taken whole.
    pub(super) taken: u64,
    pub(super) control_since: Instant,
    pub(super) control_frames: u32,
    /// The number of the last frame that was looked at before it was whole.
    pub(super) partial: u32,
    /// How long the buffers are that it begins with, as [`Inbox`] and [`Outbox`](crate::buffer::Outbox)
    /// count it.
    pub(super) inbox_size: u32,
    pub(super) outbox_size: u32,
    pub(super) sparse_reads: u8,
    pub(super) jitter: Jitter,
}

impl Idle {
    /// A new connection.
    pub(super) fn new(role: Role, config: Arc<Config>, now: Instant) -> Self {
        let masks = match role {
            Role::Client(rng) => Some(Box::new(Masks::new(rng))),
            Role::Server => None,
        };
        Self {
            config: config.into(),
            masks,
            outgoing: Outgoing::NONE,
            incoming: Incoming::NONE,
            heartbeat: Heartbeat::default(),
            timers: IdleTimers::default(),
            now,
            last_received: now,
            taken: 0,
            control_since: now,
            control_frames: 0,
            partial: 0,
            inbox_size: Inbox::FIRST_SIZE,
            outbox_size: 0,
            sparse_reads: 0,
            jitter: Jitter::NONE,
        }
    }

    /// All of the connection. Of what is here nothing is left.
    #[inline(never)]
    pub(super) fn wake(&mut self) -> Box<Active> {
        let mut active = spare::take();
        self.swap(&mut active);
        active.inbox.configure(active.config.receive_buffer);
        active.transmitter.configure(&active.config);
        active.receiver.configure(active.transmitter.is_server(), &active.config);
        active
    }

    /// Takes what stays of a connection that [is idle](Active::is_idle), and puts the rest aside.
    #[inline(never)]
    pub(super) fn rest(&mut self, mut active: Box<Active>) {
        self.swap(&mut active);
        active.quiet = true;
        spare::put(active);
    }

    #[inline(always)]
    fn swap(&mut self, active: &mut Active) {
        mem::swap(&mut self.config, &mut active.config);
        mem::swap(&mut self.heartbeat, &mut active.heartbeat);
        mem::swap(&mut self.now, &mut active.now);
        mem::swap(&mut self.last_received, &mut active.last_received);
        mem::swap(&mut self.jitter, &mut active.jitter);
        active.timers.swap(&mut self.timers);
        active.inbox.swap_size(&mut self.inbox_size, &mut self.sparse_reads);
        active.transmitter.swap(self);
        active.receiver.swap(self);
    }
}

#[cfg(test)]
impl super::Connection {
    /// Whether nothing is under way, and all that can be is put aside.
    pub(crate) const fn is_resting(&self) -> bool {
        self.active.is_none()
    }
}

/// Where there are threads, each keeps one that is put aside. Elsewhere the allocator does.
#[cfg(feature = "std")]
mod spare {
    use alloc::boxed::Box;
    use core::cell::Cell;

    use super::Active;

    std::thread_local! {
        static SPARE: Cell<Option<Box<Active>>> = const { Cell::new(None) };
    }

    pub(super) fn take() -> Box<Active> {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        spare.unwrap_or_else(|| Box::new(Active::new()))
    }

    pub(super) fn put(active: Box<Active>) {
        // The thread may be ending: then it is freed.
        let _ = SPARE.try_with(|spare| spare.set(Some(active)));
    }
}

#[cfg(not(feature = "std"))]
mod spare {
    use alloc::boxed::Box;

    use super::Active;

    pub(super) fn take() -> Box<Active> {
        Box::new(Active::new())
    }

    pub(super) fn put(active: Box<Active>) {
        drop(active);
    }
}
