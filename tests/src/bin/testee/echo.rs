//! What both ends do with what they receive.

use longwire::{Closed, Event};
use longwire_tests::runtime::{Runtime, WebSocket};

/// Takes the next event and, if it is a message, sends it back. The connection's end, if that is
/// what it was, or if it was taken before.
pub(crate) async fn echo<R: Runtime>(websocket: &mut WebSocket<R>) -> Option<Option<Closed>> {
    match websocket.next_with_sender().await {
        Some((Event::Message(message), mut sender)) => {
            // There is room. If it is refused, the connection is closing, and `Closed` says how.
            let _ = sender.send(message);
            None
        }
        Some((Event::Closed(closed), _)) => Some(Some(*closed)),
        Some(_) => None,
        None => Some(None),
    }
}
