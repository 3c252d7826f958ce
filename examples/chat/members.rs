//! Who is connected: the rooms, and a way to reach every member.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use longwire::driver::{Sender, Timer, Transport};
use longwire::{CloseCode, Message, PreparedMessage, SendError};

use super::room::{Effects, Rooms};

/// One connection, however many there will ever be.
pub(crate) type Member = u64;

/// The way to a member, whatever its runtime.
pub(crate) trait Outgoing: Send {
    /// Queues `message`, or ends the connection of a member that does not read what it is sent.
    fn deliver(&self, message: &PreparedMessage);
    /// Ends the connection.
    fn dismiss(&self, code: CloseCode, reason: &str);
}

impl<T, C> Outgoing for Sender<T, C>
where
    T: Transport + Send,
    T::Error: Send,
    C: Timer + Send,
{
    fn deliver(&self, message: &PreparedMessage) {
        if let Err(SendError::Full(())) = self.try_send_prepared(message) {
            self.dismiss(CloseCode::POLICY_VIOLATION, "reading too slowly");
        }
    }

    fn dismiss(&self, code: CloseCode, reason: &str) {
        // The codes used here can be sent, and one close is as good as two.
        let _ = self.close(code, reason);
    }
}

/// Everybody, and the rooms they are in.
#[derive(Default)]
pub(crate) struct Members(Mutex<State>);

struct State {
    rooms: Rooms<Member>,
    outgoing: BTreeMap<Member, Box<dyn Outgoing>>,
    next: Member,
}

impl Default for State {
    fn default() -> Self {
        Self { rooms: Rooms::new(), outgoing: BTreeMap::new(), next: 0 }
    }
}

impl Members {
    /// A new connection, in no room yet.
    pub(crate) fn enter(&self, outgoing: Box<dyn Outgoing>) -> Member {
        let mut state = self.lock();
        let member = state.next;
        state.next += 1;
        state.outgoing.insert(member, outgoing);
        member
    }

    /// What a member said.
    pub(crate) fn receive(&self, member: Member, json: &str) {
        let mut state = self.lock();
        // One that was dismissed may still have messages on their way.
        if state.outgoing.contains_key(&member) {
            let effects = state.rooms.receive(member, json, now_ms());
            state.carry_out(effects);
        }
    }

    /// The end of a connection. Once is enough.
    pub(crate) fn leave(&self, member: Member) {
        let mut state = self.lock();
        if state.outgoing.remove(&member).is_some() {
            let effects = state.rooms.leave(member, now_ms());
            state.carry_out(effects);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Delivers under the lock, so that everybody sees one order of the conversation.
    fn carry_out(&mut self, effects: Effects<Member>) {
        for delivery in effects.deliveries {
            // Encoded once, however many there are to tell.
            let message = PreparedMessage::new(&Message::from(&*delivery.text));
            for outgoing in delivery.to.iter().filter_map(|member| self.outgoing.get(member)) {
                outgoing.deliver(&message);
            }
        }
        // It is in no room any more, and what it still says is not heard.
        if let Some(outgoing) = effects.replaced.and_then(|member| self.outgoing.remove(&member)) {
            outgoing.dismiss(CloseCode::NORMAL, "connected again elsewhere");
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
