use alloc::collections::VecDeque;

use super::event::Event;

/// No attempt is begun, and nothing is sent again, while this many events wait to be taken.
pub(super) const UNTAKEN: usize = 4_096;

/// Events that wait to be taken.
#[derive(Default)]
pub(super) struct News(VecDeque<Event<'static>>);

impl News {
    pub(super) fn push(&mut self, event: Event<'static>) {
        self.0.push_back(event);
    }

    pub(super) fn take(&mut self) -> Option<Event<'static>> {
        let event = self.0.pop_front();
        if self.0.is_empty() {
            self.0 = VecDeque::new();
        }
        event
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
