//! What the tests of the driver share.

use longwire::{Closed, Config, Event, Message};
use longwire_tests::scripted::{Clock, Script, Socket, pair};

/// A payload that tells which one it is.
pub(crate) fn body(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + seed * 31) as u8).collect()
}

/// A pair with default configs.
pub(crate) fn whole(clock: &Clock, scripts: [Script; 2], room: usize) -> (Socket, Socket) {
    pair(clock, [Config::client(), Config::server()], scripts, room)
}

/// The binary message that this event must be.
pub(crate) fn received(event: Option<Event<'_>>) -> Vec<u8> {
    match event {
        Some(Event::Message(Message::Binary(payload))) => payload.to_vec(),
        Some(Event::Message(Message::Text(text))) => text.as_bytes().to_vec(),
        other => panic!("{other:?} instead of a message"),
    }
}

/// The end that this event must be.
pub(crate) fn closed(event: Option<Event<'_>>) -> Closed {
    match event {
        Some(Event::Closed(closed)) => *closed,
        other => panic!("{other:?} instead of the end"),
    }
}
