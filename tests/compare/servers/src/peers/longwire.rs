//! Longwire's loops, whatever the runtime.

use std::time::Duration;

use longwire::connection::Heartbeat;
use longwire::driver::{Receiver, Sender, Timer, Transport, WebSocket};
use longwire::{Config, Event, Message, PreparedMessage};

use crate::MESSAGE_LIMIT;
use crate::room::Room;

pub(super) fn config(heartbeat: Option<Duration>) -> Config {
    let mut config = Config::server().with_heartbeat().with_message_limit(MESSAGE_LIMIT as u64);
    if let Some(every) = heartbeat {
        config.heartbeat = Some(Heartbeat::new(every, every));
    }
    config
}

pub(super) async fn echo<T: Transport, C: Timer>(websocket: &mut WebSocket<T, C>) {
    while let Some((event, mut sender)) = websocket.next_with_sender().await {
        if let Event::Message(message) = event {
            let _ = sender.send(message);
        }
    }
}

pub(super) async fn fan_out<T: Transport, C: Timer>(
    receiver: &mut Receiver<T, C>,
    room: &Room<Sender<T, C>>,
) {
    let _seat = room.join(receiver.sender());
    while let Some(event) = receiver.next().await {
        if let Event::Message(message) = event {
            send_to_all(room, &message);
        }
    }
}

/// Encoded once.
fn send_to_all<T: Transport, C: Timer>(room: &Room<Sender<T, C>>, message: &Message<'static>) {
    let message = PreparedMessage::new(message);
    room.each(|member| {
        // A member that has gone, or that stopped reading, goes without.
        let _ = member.send_prepared_now(&message);
    });
}
