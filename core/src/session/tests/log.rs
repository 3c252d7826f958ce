//! What a test asks about what happened.

use super::world::START;
use super::*;

impl World {
    /// The outcomes, in order.
    pub(super) fn outcomes(&self) -> Vec<(u64, Outcome)> {
        let settled = |event: &Event<'static>| {
            let Event::Settled(settled) = event else { return None };
            Some((settled.id.get(), settled.outcome))
        };
        self.seen.iter().filter_map(settled).collect()
    }

    pub(super) fn outcome(&self, id: MessageId) -> Option<Outcome> {
        self.outcomes().iter().find(|(other, _)| *other == id.get()).map(|(_, outcome)| *outcome)
    }

    /// Those of which it was said that they are sent again.
    pub(super) fn repeated(&self) -> Vec<u64> {
        let repeated = |event: &Event<'static>| {
            let Event::Repeated(id) = event else { return None };
            Some(id.get())
        };
        self.seen.iter().filter_map(repeated).collect()
    }

    pub(super) fn closings(&self) -> Vec<Closed> {
        let closed = |event: &Event<'static>| {
            let Event::Closed(closed) = event else { return None };
            Some((**closed).clone())
        };
        self.seen.iter().filter_map(closed).collect()
    }

    #[track_caller]
    pub(super) fn last_closing(&self) -> Closed {
        self.closings().pop().expect("an attempt that is over")
    }

    pub(super) fn stopped(&self) -> Vec<Stopped> {
        let stopped = |event: &Event<'static>| {
            let Event::Stopped(stopped) = event else { return None };
            Some(*stopped)
        };
        self.seen.iter().filter_map(stopped).collect()
    }

    pub(super) fn pongs(&self) -> Vec<Pong> {
        let pong = |event: &Event<'static>| {
            let Event::Pong(pong) = event else { return None };
            Some(pong.clone())
        };
        self.seen.iter().filter_map(pong).collect()
    }

    pub(super) fn messages(&self) -> Vec<String> {
        let message = |event: &Event<'static>| {
            let Event::Message(message) = event else { return None };
            message.as_text().map(str::to_string)
        };
        self.seen.iter().filter_map(message).collect()
    }

    /// What the server read, whatever by.
    pub(super) fn texts(&self) -> Vec<&str> {
        self.read.iter().map(|(_, text)| &**text).collect()
    }

    /// When attempts began, in seconds since the start.
    pub(super) fn attempts_at(&self) -> Vec<u64> {
        self.attempts.iter().map(|at| at.saturating_since(START).as_secs()).collect()
    }
}
