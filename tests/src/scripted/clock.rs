use core::cell::RefCell;
use core::task::{Context, Poll, Waker};
use std::rc::Rc;

use longwire::driver::Timer;
use longwire::time::{Duration, Instant};

/// A clock that stands still until it is moved.
#[derive(Clone, Debug, Default)]
pub struct Clock(Rc<RefCell<Inner>>);

#[derive(Debug)]
struct Inner {
    now: Instant,
    /// One a timer, by its number.
    alarms: Vec<Option<(Instant, Waker)>>,
}

impl Default for Inner {
    fn default() -> Self {
        Self { now: Instant::EPOCH, alarms: Vec::new() }
    }
}

impl Clock {
    /// A timer by this clock.
    #[must_use]
    pub fn timer(&self) -> VirtualTimer {
        let mut inner = self.0.borrow_mut();
        inner.alarms.push(None);
        VirtualTimer { clock: self.clone(), at: inner.alarms.len() - 1 }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.borrow().now
    }

    /// Moves the time.
    pub fn advance(&self, by: Duration) {
        let mut inner = self.0.borrow_mut();
        inner.now = inner.now + by;
    }

    /// Jumps to the next alarm and sounds it. False if there is none.
    #[must_use]
    pub fn jump(&self) -> bool {
        let mut inner = self.0.borrow_mut();
        let Some(next) = inner.alarms.iter().flatten().map(|(at, _)| *at).min() else {
            return false;
        };
        inner.now = inner.now.max(next);
        for alarm in &mut inner.alarms {
            if let Some((_, waker)) = alarm.take_if(|(at, _)| *at <= next) {
                waker.wake();
            }
        }
        true
    }
}

/// A timer that waits for its [`Clock`].
#[derive(Debug)]
pub struct VirtualTimer {
    clock: Clock,
    at: usize,
}

impl Timer for VirtualTimer {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let mut inner = self.clock.0.borrow_mut();
        if inner.now >= deadline {
            inner.alarms[self.at] = None;
            return Poll::Ready(());
        }
        inner.alarms[self.at] = Some((deadline, cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for VirtualTimer {
    fn drop(&mut self) {
        self.clock.0.borrow_mut().alarms[self.at] = None;
    }
}
