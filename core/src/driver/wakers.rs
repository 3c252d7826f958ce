use alloc::{sync::Arc, task::Wake, vec::Vec};
use core::mem;
use core::task::Waker;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Wakes every half that waits: which of them the socket's news concerns is not the runtime's to know.
#[derive(Default)]
pub(super) struct Wakers(Mutex<Waiting>);

/// As a rule one half waits, and needs no allocation.
#[derive(Default)]
struct Waiting {
    one: Option<(usize, Waker)>,
    more: Vec<(usize, Waker)>,
}

impl Waiting {
    fn insert(&mut self, id: usize, waker: Waker) -> Option<Waker> {
        if let Some((_, registered)) =
            self.one.iter_mut().chain(&mut self.more).find(|(of, _)| *of == id)
        {
            return Some(mem::replace(registered, waker));
        }
        if self.one.is_none() {
            self.one = Some((id, waker));
        } else {
            self.more.push((id, waker));
        }
        None
    }

    fn take(&mut self, which: impl Fn(usize) -> bool) -> Option<Waker> {
        let taken = match self.one.take_if(|(of, _)| which(*of)) {
            Some(one) => Some(one),
            None => {
                let at = self.more.iter().position(|(of, _)| which(*of));
                at.map(|at| self.more.swap_remove(at))
            }
        };
        taken.map(|(_, waker)| waker)
    }

    fn len(&self) -> usize {
        self.more.len().saturating_add(usize::from(self.one.is_some()))
    }
}

impl Wakers {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn register(&self, id: usize, waker: &Waker) {
        let waker = waker.clone();
        let replaced = self.lock().insert(id, waker);
        // A waker may own its task, and the task another half: dropped outside the lock.
        drop(replaced);
    }

    pub(super) fn remove(&self, id: usize) {
        let removed = self.lock().take(|of| of == id);
        drop(removed);
    }

    pub(super) fn wake_all_but(&self, id: Option<usize>) {
        // Those who come to wait meanwhile have looked meanwhile.
        let waiting = self.lock().len();
        for _ in 0..waiting {
            let taken = self.lock().take(|of| id != Some(of));
            // Outside the lock: waking may run anything.
            let Some(waker) = taken else { return };
            waker.wake();
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_all_but(None);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_all_but(None);
    }
}
