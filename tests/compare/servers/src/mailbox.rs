//! A member's queue, for peers whose sending half belongs to one task.
//!
//! Cheaper than a channel, as all of it is one thread's. Not bounded: no member of a measurement
//! stops reading.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

pub(crate) struct Mailbox<M>(Rc<RefCell<Mail<M>>>);

struct Mail<M> {
    queue: VecDeque<M>,
    waker: Waker,
}

impl<M> Default for Mailbox<M> {
    fn default() -> Self {
        let mail = Mail { queue: VecDeque::new(), waker: Waker::noop().clone() };
        Self(Rc::new(RefCell::new(mail)))
    }
}

impl<M> Clone for Mailbox<M> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<M> Mailbox<M> {
    pub(crate) fn put(&self, message: M) {
        let mail = &mut *self.0.borrow_mut();
        mail.queue.push_back(message);
        // The owner empties it before it waits.
        if mail.queue.len() == 1 {
            mail.waker.wake_by_ref();
        }
    }

    pub(crate) fn take(&self) -> Option<M> {
        self.0.borrow_mut().queue.pop_front()
    }

    /// Ready while there is something to take.
    pub(crate) fn poll_mail(&self, cx: &Context<'_>) -> Poll<()> {
        let mail = &mut *self.0.borrow_mut();
        mail.waker.clone_from(cx.waker());
        if mail.queue.is_empty() { Poll::Pending } else { Poll::Ready(()) }
    }
}
