//! A session that several tasks share: the events.

use alloc::sync::Arc;
use core::future::poll_fn;
#[cfg(feature = "futures")]
use core::pin::Pin;
use core::task::{Context, Poll};

use super::client::Client;
use super::shared::{Shared, Wake};
use super::{Timer, Transport};
use crate::session::{Delegate, Event};

/// What a shared session has to say. Outcomes that somebody waits for are told to them alone.
pub struct Events<T: Transport, C: Timer>(pub(super) Arc<Shared<T, C>>);

impl<T: Transport, C: Timer> Events<T, C> {
    /// Waits for the next event. `None` once the session has stopped.
    ///
    /// Cancel safe: an event is only taken when it is returned.
    pub async fn next(&mut self) -> Option<Event<'static>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Tells `delegate` of every event, until the session has stopped.
    ///
    /// Cancel safe: an event is only taken when it is told.
    pub async fn tell(&mut self, delegate: &mut impl Delegate) {
        while let Some(event) = self.next().await {
            event.tell(delegate);
        }
    }

    /// How many events were not kept because 4,096 waited to be read: of those that say how things
    /// stood. Messages and outcomes are always kept.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.0.lock().missed
    }

    /// A handle to the session.
    #[must_use]
    pub fn client(&self) -> Client<T, C> {
        self.0.hold();
        Client(Arc::clone(&self.0))
    }

    fn poll_event(&self, cx: &Context<'_>) -> Poll<Option<Event<'static>>> {
        let waker = cx.waker().clone();
        let mut slot = self.0.lock();
        let was_full = slot.is_full();
        let Some(event) = slot.events.pop_front() else {
            if slot.stopped.is_some() {
                // Nothing is told behind the end.
                slot.has_reader = false;
                return Poll::Ready(None);
            }
            let replaced = slot.reader.replace(waker);
            drop(slot);
            // A waker may own its task, and the task a handle: dropped outside the lock.
            drop(replaced);
            return Poll::Pending;
        };
        slot.event_bytes = slot.event_bytes.saturating_sub(event.payload_len());
        // There is room again for what waits with the connection.
        let wake = Wake(if was_full && !slot.is_full() { slot.driving.take() } else { None });
        drop(slot);
        wake.now();
        Poll::Ready(Some(event))
    }
}

impl<T: Transport, C: Timer> Drop for Events<T, C> {
    fn drop(&mut self) {
        let mut slot = self.0.lock();
        slot.has_reader = false;
        let reader = slot.reader.take();
        let events = core::mem::take(&mut slot.events);
        slot.event_bytes = 0;
        drop(slot);
        drop((reader, events));
        self.0.let_go();
    }
}

#[cfg(feature = "futures")]
impl<T: Transport, C: Timer> futures_core::Stream for Events<T, C> {
    type Item = Event<'static>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(cx)
    }
}
