//! A session by the names that pages have for a `WebSocket` (WHATWG WebSockets).

use alloc::collections::VecDeque;
use alloc::string::String;

use super::client::Client;
use super::events::Events;
use super::{Timer, Transport};
use crate::error::SendError;
use crate::frame::CloseCode;
use crate::message::Message;
use crate::session::{BrowserError, BrowserEvent, Event, MessageId, SendOptions, check_close};

/// A session as a page knows its `WebSocket`: `open`, `message`, `error`, `close`, again and again, as it
/// comes back each time.
///
/// What is sent while it is not open waits, where a page's would throw or drop it.
pub struct BrowserWebSocket<T: Transport, C: Timer> {
    client: Client<T, C>,
    events: Events<T, C>,
    /// What follows an `error`.
    next: VecDeque<BrowserEvent<'static>>,
}

impl<T: Transport, C: Timer> BrowserWebSocket<T, C> {
    /// `CONNECTING`
    pub const CONNECTING: u16 = 0;
    /// `OPEN`
    pub const OPEN: u16 = 1;
    /// `CLOSING`
    pub const CLOSING: u16 = 2;
    /// `CLOSED`
    pub const CLOSED: u16 = 3;

    /// The face of the session that `events` are of. Outcomes of messages are not told: pages know
    /// none.
    #[must_use]
    pub fn new(events: Events<T, C>) -> Self {
        Self { client: events.client(), events, next: VecDeque::new() }
    }

    /// Waits for the next event. `None` once it will not come back.
    ///
    /// Cancel safe: an event is only taken when it is returned.
    pub async fn next(&mut self) -> Option<BrowserEvent<'static>> {
        loop {
            if let Some(event) = self.next.pop_front() {
                return Some(event);
            }
            let (error, event) = self.events.next().await.map(Event::into_browser)?;
            self.next.extend(error.into_iter().chain(event));
        }
    }

    /// `send(data)`
    ///
    /// # Errors
    ///
    /// As [`Client::post`]: a page's would count what it cannot send as buffered, and drop it.
    pub fn send<'m>(&self, data: Message<'m>) -> Result<MessageId, SendError<Message<'m>>> {
        self.client.post(data, SendOptions::default())
    }

    /// `close(code, reason)`
    ///
    /// # Errors
    ///
    /// What a browser would throw.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), BrowserError> {
        check_close(code, reason)?;
        // Such a code can be sent.
        let _ = self.client.close(code, reason);
        Ok(())
    }

    /// `readyState`: [`State::ready_state`](crate::session::State::ready_state).
    #[must_use]
    pub fn ready_state(&self) -> u16 {
        self.client.ready_state()
    }

    /// `bufferedAmount`
    #[must_use]
    pub fn buffered_amount(&self) -> usize {
        self.client.buffered_amount()
    }

    /// `protocol`: empty if none was agreed on.
    #[must_use]
    pub fn protocol(&self) -> String {
        self.client.subprotocol().unwrap_or_default()
    }

    /// The handle, for what pages have no names for.
    #[must_use]
    pub const fn client(&self) -> &Client<T, C> {
        &self.client
    }
}
