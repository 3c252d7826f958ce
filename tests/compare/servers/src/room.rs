//! Everyone who is connected, in one place.

use std::cell::RefCell;
use std::rc::Rc;

/// Holds what reaches each member: a sending half, or a mailbox.
pub(crate) struct Room<T>(Rc<RefCell<Seats<T>>>);

struct Seats<T> {
    taken: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Room<T> {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(Seats { taken: Vec::new(), free: Vec::new() })))
    }
}

impl<T> Clone for Room<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Room<T> {
    /// Membership, until the seat is dropped.
    pub(crate) fn join(&self, member: T) -> Seat<T> {
        let seats = &mut *self.0.borrow_mut();
        let at = seats.free.pop().unwrap_or_else(|| {
            seats.taken.push(None);
            seats.taken.len() - 1
        });
        seats.taken[at] = Some(member);
        Seat { room: self.clone(), at }
    }

    pub(crate) fn each(&self, tell: impl FnMut(&T)) {
        self.0.borrow().taken.iter().flatten().for_each(tell);
    }
}

pub(crate) struct Seat<T> {
    room: Room<T>,
    at: usize,
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        let seats = &mut *self.room.0.borrow_mut();
        let member = seats.taken[self.at].take();
        seats.free.push(self.at);
        drop(member);
    }
}
