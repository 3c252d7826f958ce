use alloc::collections::VecDeque;

use super::event::Event;

/// No attempt is begun, and nothing is sent again, while this many events wait to be taken.
pub(super) const UNTAKEN: usize = 4_096;

/// Events that wait to be taken.
#[derive(Default)]
pub(super) struct News {
    events: VecDeque<Event<'static>>,
    /// What the messages among them take.
    bytes: usize,
}

impl News {
    pub(super) fn push(&mut self, event: Event<'static>) {
        self.bytes = self.bytes.saturating_add(weight(&event));
        self.events.push_back(event);
    }

    pub(super) fn take(&mut self) -> Option<Event<'static>> {
        let event = self.events.pop_front();
        self.bytes = self.bytes.saturating_sub(event.as_ref().map_or(0, weight));
        if self.events.is_empty() {
            self.events = VecDeque::new();
        }
        event
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What a message takes here, an empty one as well.
pub(super) fn weight(event: &Event<'_>) -> usize {
    if matches!(event, Event::Message(_) | Event::Piece(_)) {
        event.payload_len().saturating_add(size_of::<Event<'_>>())
    } else {
        0
    }
}
