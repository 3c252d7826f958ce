//! Who is in which room, and who hears what. No I/O and no clock: what is to be sent comes back as [`Effects`], and the
//! time is an argument, in milliseconds since the epoch.
//!
//! Contract:
//!
//! * A member is a handle `M` of the caller's, one for a connection, never used twice. It is in one room or in none.
//! * The caller sends every [`Delivery`], in the order given, and all calls of one [`Rooms`] in the order made: that order
//!   is the order of the conversation, the same for everybody.
//! * What a member is sent is about its own room and no other.
//! * Memory is bounded by the constants below: rooms, members of a room, messages kept, ids remembered.

use core::hash::{Hash, Hasher};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::DefaultHasher,
    sync::Arc,
};

use super::protocol::{ClientMessage, Message, Refusal, ServerMessage};

/// One text message and everybody it goes to; encoded once, however many they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery<M> {
    pub(crate) to: Vec<M>,
    pub(crate) text: Arc<str>,
}

/// What the caller has to do after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "deliveries that are not sent are lost"]
pub(crate) struct Effects<M> {
    /// To be sent, in this order.
    pub(crate) deliveries: Vec<Delivery<M>>,
    /// A connection whose place was taken by a newer one of the same page: to be closed. It is in no room any more.
    pub(crate) replaced: Option<M>,
}

/// All rooms.
#[derive(Debug)]
pub(crate) struct Rooms<M> {
    rooms: BTreeMap<String, Room<M>>,
    /// The room of each member.
    places: BTreeMap<M, String>,
}

#[derive(Debug)]
struct Room<M> {
    members: BTreeMap<M, Member>,
    /// The names in `members`.
    names: BTreeSet<String>,
    /// Oldest first.
    history: VecDeque<Message>,
    /// Hashes of the ids of the latest messages, oldest first.
    recent: VecDeque<u64>,
    /// Since when nobody is here. Meaningless while somebody is.
    empty_since: u64,
}

#[derive(Debug)]
struct Member {
    name: String,
    /// The name asked for, which somebody else may have had.
    asked: String,
    session: Option<String>,
}

impl<M: Copy + Ord> Rooms<M> {
    pub(crate) const fn new() -> Self {
        Self { rooms: BTreeMap::new(), places: BTreeMap::new() }
    }

    /// Takes one text message of a member. What is refused is answered to that member alone, and changes nothing.
    pub(crate) fn receive(&mut self, member: M, json: &str, now_ms: u64) -> Effects<M> {
        let result = match ClientMessage::decode(json) {
            Ok(ClientMessage::Hello { room, name, session }) => {
                self.join(member, &room, &name, session, now_ms)
            }
            Ok(ClientMessage::Say { id, text }) => self.say(member, id, text, now_ms),
            Ok(ClientMessage::Ping) => Ok(Effects::one(member, ServerMessage::Pong.encode())),
            Err(refusal) => Err(refusal),
        };
        result.unwrap_or_else(|refusal| Effects::one(member, refusal.encode()))
    }

    /// Brings a member into a room: `welcome` to it, `joined` to the others.
    ///
    /// If the room has a member of the same `session`, the newcomer takes its place. With the same name asked for, the
    /// others do not even notice.
    pub(crate) fn join(
        &mut self,
        member: M,
        room_name: &str,
        name: &str,
        session: Option<String>,
        now_ms: u64,
    ) -> Result<Effects<M>, Refusal> {
        if let Some(place) = self.places.get(&member) {
            return Err(Refusal::new(format!("you are in the room {place} already")));
        }
        self.make_way(room_name, now_ms)?;
        let room = self.rooms.entry(room_name.to_owned()).or_insert_with(Room::new);
        let replaced = room.of_session(session.as_deref());
        if replaced.is_none() && room.members.len() >= MEMBERS_MAX {
            return Err(Refusal::new("this room is full"));
        }

        let mut effects = Effects { deliveries: Vec::new(), replaced };
        let mut inherited = None;
        if let Some(old) = replaced {
            self.places.remove(&old);
            if let Some(gone) = room.remove(old) {
                if gone.asked == name {
                    inherited = Some(gone.name);
                } else {
                    effects.push(
                        room.everybody(),
                        ServerMessage::Left { name: &gone.name, at: now_ms }.encode(),
                    );
                }
            }
        }

        let unnoticed = inherited.is_some();
        let given = inherited.unwrap_or_else(|| room.free_name(name));
        if !unnoticed {
            effects.push(
                room.everybody(),
                ServerMessage::Joined { name: &given, at: now_ms }.encode(),
            );
        }
        room.names.insert(given.clone());
        room.members
            .insert(member, Member { name: given.clone(), asked: name.to_owned(), session });
        self.places.insert(member, room_name.to_owned());
        effects.push(vec![member], room.welcome(room_name, &given));
        Ok(effects)
    }

    /// Sends a message to everybody in the sender's room, the sender included. The repetition of a message that arrived
    /// before goes to nobody; the sender is told.
    pub(crate) fn say(
        &mut self,
        member: M,
        id: String,
        text: String,
        now_ms: u64,
    ) -> Result<Effects<M>, Refusal> {
        let Some(room) = self.places.get(&member).and_then(|place| self.rooms.get_mut(place))
        else {
            return Err(Refusal::new("join a room first").about(id));
        };
        let Some(sender) = room.members.get(&member) else {
            return Err(Refusal::new("join a room first").about(id));
        };
        let name = sender.name.clone();
        if !room.remember(&id) {
            return Ok(Effects::one(member, ServerMessage::Seen { id: &id }.encode()));
        }
        let message = Message { id, name, text, at: now_ms };
        let json = ServerMessage::Message(&message).encode();
        push_bounded(&mut room.history, message, HISTORY_MAX);
        let mut effects = Effects::none();
        effects.push(room.everybody(), json);
        Ok(effects)
    }

    /// Takes a member out of its room, if it is in one: `left` to the others. To be called when its connection ends,
    /// however it ends.
    pub(crate) fn leave(&mut self, member: M, now_ms: u64) -> Effects<M> {
        let mut effects = Effects::none();
        let Some(place) = self.places.remove(&member) else { return effects };
        let Some(room) = self.rooms.get_mut(&place) else { return effects };
        if let Some(gone) = room.remove(member) {
            effects.push(
                room.everybody(),
                ServerMessage::Left { name: &gone.name, at: now_ms }.encode(),
            );
        }
        if room.members.is_empty() {
            room.empty_since = now_ms;
            self.forget_longest_empty(EMPTY_ROOMS_MAX);
        }
        effects
    }

    /// Drops the rooms that have been empty for long, and makes sure that there may be a room of this name.
    fn make_way(&mut self, wanted: &str, now_ms: u64) -> Result<(), Refusal> {
        self.rooms.retain(|_, room| !room.is_stale(now_ms));
        if !self.rooms.contains_key(wanted) && self.rooms.len() >= ROOMS_MAX {
            let empty = self.rooms.values().filter(|room| room.members.is_empty()).count();
            if empty == 0 {
                return Err(Refusal::new(
                    "there are too many rooms: join one that exists, or try later",
                ));
            }
            self.forget_longest_empty(empty - 1);
        }
        Ok(())
    }

    /// Keeps at most `keep` empty rooms, those left last.
    fn forget_longest_empty(&mut self, keep: usize) {
        let empty = self.rooms.iter().filter(|(_, room)| room.members.is_empty());
        let mut empty: Vec<_> =
            empty.map(|(name, room)| (room.empty_since, name.clone())).collect();
        if empty.len() > keep {
            empty.sort_unstable();
            for (_, name) in &empty[..empty.len() - keep] {
                self.rooms.remove(name);
            }
        }
    }
}

impl<M> Effects<M> {
    const fn none() -> Self {
        Self { deliveries: Vec::new(), replaced: None }
    }

    fn one(to: M, text: String) -> Self {
        let mut effects = Self::none();
        effects.push(vec![to], text);
        effects
    }

    fn push(&mut self, to: Vec<M>, text: String) {
        if !to.is_empty() {
            self.deliveries.push(Delivery { to, text: text.into() });
        }
    }
}

impl<M: Copy + Ord> Room<M> {
    const fn new() -> Self {
        Self {
            members: BTreeMap::new(),
            names: BTreeSet::new(),
            history: VecDeque::new(),
            recent: VecDeque::new(),
            empty_since: 0,
        }
    }

    fn remove(&mut self, member: M) -> Option<Member> {
        let gone = self.members.remove(&member)?;
        self.names.remove(&gone.name);
        Some(gone)
    }

    /// Notes the id of a message; false if it was there already.
    fn remember(&mut self, id: &str) -> bool {
        // Eight bytes stand for an id of up to 64, so that the window of a room takes 8 kB. That two of a thousand ids
        // share a hash does not happen.
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let hash = hasher.finish();
        let new = !self.recent.contains(&hash);
        if new {
            push_bounded(&mut self.recent, hash, RECENT_MAX);
        }
        new
    }

    /// The name itself, or with the first free number behind it.
    fn free_name(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 2_usize;
        while self.names.contains(&name) {
            name = format!("{wanted} ({number})");
            number += 1;
        }
        name
    }

    fn of_session(&self, session: Option<&str>) -> Option<M> {
        let session = session?;
        let mut members = self.members.iter();
        members
            .find(|(_, member)| member.session.as_deref() == Some(session))
            .map(|(member, _)| *member)
    }

    fn everybody(&self) -> Vec<M> {
        self.members.keys().copied().collect()
    }

    fn welcome(&self, room: &str, name: &str) -> String {
        let members = self.names.iter().map(String::as_str).collect();
        ServerMessage::Welcome { room, name, members, history: &self.history }.encode()
    }

    fn is_stale(&self, now_ms: u64) -> bool {
        self.members.is_empty() && now_ms.saturating_sub(self.empty_since) >= EMPTY_ROOM_MS
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, max: usize) {
    if queue.len() >= max {
        queue.pop_front();
    }
    queue.push_back(item);
}

/// Rooms at a time.
pub(crate) const ROOMS_MAX: usize = 1_000;
/// Members of a room at a time.
pub(crate) const MEMBERS_MAX: usize = 10_000;
/// Messages of a room kept for whoever joins.
pub(crate) const HISTORY_MAX: usize = 50;
/// Messages of a room whose repetition is noticed.
pub(crate) const RECENT_MAX: usize = 1_000;
/// Empty rooms kept for those who come back. Fewer than rooms, or one visitor could fill them all.
pub(crate) const EMPTY_ROOMS_MAX: usize = 100;
/// How long an empty room is kept, in milliseconds.
pub(crate) const EMPTY_ROOM_MS: u64 = 60 * 60 * 1_000;

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
