//! What both ends do with what they receive.

use longwire::{Closed, Event, Message, SendError};
use longwire_tests::runtime::{Runtime, WebSocket};

/// Takes the next event and, if it is a message, sends it back. The connection's end, if that is
/// what it was, or if it was taken before.
pub(crate) async fn echo<R: Runtime>(websocket: &mut WebSocket<R>) -> Option<Option<Closed>> {
    let refused: Message<'static> = match websocket.next_with_sender().await {
        Some((Event::Message(message), mut sender)) => match sender.send(message) {
            Err(SendError::Full(message)) => message.into_owned(),
            // Whoever closes does not listen any more: nothing to answer.
            Ok(()) | Err(_) => return None,
        },
        Some((Event::Closed(closed), _)) => return Some(Some(closed)),
        Some(_) => return None,
        None => return Some(None),
    };
    // As above: if it is not sent, the connection is ending, and `Closed` says how.
    let _ = websocket.feed(refused).await;
    None
}
