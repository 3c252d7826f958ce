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
    one: Option<Registered>,
    more: Vec<Registered>,
    /// How often all were woken.
    round: u64,
}

struct Registered {
    /// Of which half.
    id: usize,
    /// Whoever came in a later round has looked since.
    round: u64,
    waker: Waker,
}

impl Waiting {
    fn insert(&mut self, id: usize, waker: Waker) -> Option<Waker> {
        let round = self.round;
        let mut all = self.one.iter_mut().chain(&mut self.more);
        if let Some(registered) = all.find(|registered| registered.id == id) {
            registered.round = round;
            return Some(mem::replace(&mut registered.waker, waker));
        }
        let registered = Registered { id, round, waker };
        if self.one.is_none() {
            self.one = Some(registered);
        } else {
            self.more.push(registered);
        }
        None
    }

    fn take(&mut self, which: impl Fn(&Registered) -> bool) -> Option<Waker> {
        let taken = self.one.take_if(|registered| which(registered)).or_else(|| {
            let at = self.more.iter().position(which);
            at.map(|at| self.more.swap_remove(at))
        });
        taken.map(|registered| registered.waker)
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
        let removed = self.lock().take(|registered| registered.id == id);
        drop(removed);
    }

    pub(super) fn wake_all_but(&self, id: Option<usize>) {
        // Those who come to wait meanwhile have looked meanwhile, and must not be taken for those who have not.
        let mut waiting = self.lock();
        waiting.round = waiting.round.wrapping_add(1);
        let round = waiting.round;
        drop(waiting);
        loop {
            let taken = self.lock().take(|it| it.round < round && id != Some(it.id));
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

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// A half that waits again as soon as it is woken.
    struct Again(Arc<Wakers>);

    impl Wake for Again {
        fn wake(self: Arc<Self>) {
            let waker = Waker::from(Arc::clone(&self));
            self.0.register(1, &waker);
        }
    }

    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn a2_each_half_is_woken_though_another_comes_back_meanwhile() {
        let wakers = Arc::new(Wakers::default());
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        wakers.register(1, &Waker::from(Arc::new(Again(Arc::clone(&wakers)))));
        wakers.register(2, &Waker::from(Arc::clone(&flag)));
        for _ in 0..3 {
            Arc::clone(&wakers).wake();
            assert!(flag.0.swap(false, Ordering::Relaxed));
            wakers.register(2, &Waker::from(Arc::clone(&flag)));
            wakers.wake_all_but(Some(2));
            assert!(!flag.0.load(Ordering::Relaxed));
        }
        wakers.remove(1);
    }
}
