use core::pin::{Pin, pin};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;

use super::Clock;

/// Says whether a task was woken, and counts how often.
#[derive(Debug, Default)]
pub struct Flag {
    woken: AtomicBool,
    count: AtomicUsize,
}

impl Flag {
    /// A flag that is down, and a waker that raises it.
    #[must_use]
    pub fn new() -> (Arc<Self>, Waker) {
        let flag = Arc::new(Self::default());
        let waker = Waker::from(Arc::clone(&flag));
        (flag, waker)
    }

    /// Whether it was raised since it was last asked.
    pub fn take(&self) -> bool {
        self.woken.swap(false, Ordering::Relaxed)
    }

    /// How often it was raised.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls `future` once, and drops it.
pub fn once<F: Future>(future: F, waker: &Waker) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every task is done.
    Done,
    /// Some are not, nobody is woken and no alarm is set.
    Stuck,
    /// Too many polls: somebody is woken again and again.
    Busy,
}

struct Task<'a> {
    future: Option<Pin<Box<dyn Future<Output = ()> + 'a>>>,
    flag: Arc<Flag>,
    waker: Waker,
}

/// Tasks that run when woken. When none is, time jumps to the next alarm.
pub struct Tasks<'a> {
    clock: Clock,
    tasks: Vec<Task<'a>>,
    polls: usize,
    most: usize,
}

impl<'a> Tasks<'a> {
    /// No tasks yet. More than 100,000 polls are too many.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), tasks: Vec::new(), polls: 0, most: 100_000 }
    }

    /// The same, with another idea of too many polls.
    #[must_use]
    pub fn most_polls(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Adds a task.
    pub fn spawn(&mut self, future: impl Future<Output = ()> + 'a) {
        let (flag, waker) = Flag::new();
        waker.wake_by_ref();
        self.tasks.push(Task { future: Some(Box::pin(future)), flag, waker });
    }

    /// Runs while somebody is woken, and does not move the clock. Says whether all are done.
    pub fn settle(&mut self) -> bool {
        let mut moved = true;
        while moved && self.polls < self.most {
            moved = false;
            for task in &mut self.tasks {
                let Some(future) = &mut task.future else { continue };
                if !task.flag.take() {
                    continue;
                }
                moved = true;
                self.polls += 1;
                if future.as_mut().poll(&mut Context::from_waker(&task.waker)).is_ready() {
                    task.future = None;
                }
            }
        }
        self.tasks.iter().all(|task| task.future.is_none())
    }

    /// Runs to the end, whatever that is.
    pub fn run(&mut self) -> End {
        loop {
            if self.settle() {
                return End::Done;
            }
            if self.polls >= self.most {
                return End::Busy;
            }
            if !self.clock.jump() {
                return End::Stuck;
            }
        }
    }

    /// How often a task was polled.
    #[must_use]
    pub const fn polls(&self) -> usize {
        self.polls
    }
}
