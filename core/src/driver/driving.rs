//! What drives a session that is shared.

use alloc::sync::Arc;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::line::{Connect, Dial};
use super::shared::{Shared, Slot, Wake};
use super::{Timer, Transport};
use crate::endpoint::Endpoint;
use crate::session::{Action, Attempt, Event, Stopped};

/// Drives a session: spawn it. Done, with the reason, when the session has stopped.
///
/// Dropped before, it aborts the session: every message has its outcome, and the transport is dropped.
#[must_use = "nothing moves unless this is polled: spawn it"]
pub struct Driving<K: Connect, C: Timer> {
    shared: Arc<Shared<K::Transport, C>>,
    dial: Dial<K>,
    /// Why it stopped, if that was told before it was shared.
    told: Option<Stopped>,
}

/// What a turn ended with.
enum Turn {
    Ordered(Action),
    Stopped(Stopped),
    Waiting,
}

impl<K: Connect, C: Timer> Driving<K, C> {
    pub(super) const fn new(
        shared: Arc<Shared<K::Transport, C>>,
        dial: Dial<K>,
        told: Option<Stopped>,
    ) -> Self {
        Self { shared, dial, told }
    }
}

// Nothing in it is pinned: the future that is, is boxed.
impl<K: Connect, C: Timer> Unpin for Driving<K, C> {}

impl<K: Connect, C: Timer> Future for Driving<K, C> {
    type Output = Stopped;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Stopped> {
        let this = &mut *self;
        loop {
            // The connector is somebody else's, and may use a handle: nothing is locked meanwhile.
            this.dial.forget(|attempt| this.shared.lock().is_dialling(attempt));
            let report = this.dial.poll(cx);
            let waker = cx.waker().clone();
            let mut slot = this.shared.lock();
            let replaced = slot.driving.replace(waker);
            let stale = match report {
                Poll::Ready(report) => slot.driver.report(report),
                Poll::Pending => None,
            };
            let (turn, wakes) = slot.turn(cx, this.told);
            let dropped = match turn {
                Turn::Ordered(Action::Disconnect(_)) | Turn::Stopped(_) => slot.driver.detach(cx),
                Turn::Ordered(Action::Connect(_)) | Turn::Waiting => None,
            };
            drop(slot);
            // What they own may be a handle, which is dropped outside the lock.
            drop((dropped, replaced, stale));
            for wake in wakes {
                wake.now();
            }
            match turn {
                // Whoever was woken may have closed it.
                Turn::Ordered(Action::Connect(attempt))
                    if !this.shared.lock().is_dialling(attempt) => {}
                Turn::Ordered(action) => this.dial.obey(action),
                Turn::Stopped(stopped) => return Poll::Ready(stopped),
                Turn::Waiting => return Poll::Pending,
            }
        }
    }
}

impl<T: Transport, C: Timer> Slot<T, C> {
    fn is_dialling(&self, attempt: Attempt) -> bool {
        self.driver.endpoint().is_dialling(attempt)
    }

    /// Goes on until there is something to order, or nothing to do.
    ///
    /// `told` is why the session stopped, if that was no news any more when it was shared.
    fn turn(
        &mut self,
        cx: &mut Context<'_>,
        told: Option<Stopped>,
    ) -> (Turn, alloc::vec::Vec<Wake>) {
        let mut wakes = alloc::vec::Vec::new();
        loop {
            let full = self.is_full();
            self.driver.endpoint_mut().pause(full);
            let ready = self.driver.poll_ready(cx).is_ready();
            if let Some(action) = self.driver.endpoint_mut().poll_action() {
                return (Turn::Ordered(action), wakes);
            }
            if !ready {
                return (Turn::Waiting, wakes);
            }
            if let Some(event) = self.driver.endpoint_mut().event().map(Event::into_owned) {
                let wake = self.publish(event);
                if wake.0.is_some() {
                    wakes.push(wake);
                }
            } else if self.stopped.is_some() || self.driver.endpoint().is_finished() {
                let stopped = self.stopped.or(told).unwrap_or(Stopped::Aborted);
                self.stopped = Some(stopped);
                wakes.push(Wake(self.reader.take()));
                return (Turn::Stopped(stopped), wakes);
            }
        }
    }
}

impl<K: Connect, C: Timer> Drop for Driving<K, C> {
    fn drop(&mut self) {
        let mut slot = self.shared.lock();
        let driving = slot.driving.take();
        slot.driver.endpoint_mut().abort();
        let mut wakes = alloc::vec::Vec::new();
        while slot.driver.endpoint_mut().poll_ready()
            && let Some(event) = slot.driver.endpoint_mut().event().map(Event::into_owned)
        {
            wakes.push(slot.publish(event));
        }
        let told = self.told;
        slot.stopped.get_or_insert_with(|| told.unwrap_or(Stopped::Aborted));
        wakes.push(Wake(slot.reader.take()));
        let dropped = slot.driver.attach(None);
        drop(slot);
        drop((dropped, driving));
        for wake in wakes {
            wake.now();
        }
    }
}
