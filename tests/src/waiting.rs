//! Waiting on a session, and for something else.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;

use longwire::Instant;

use crate::runtime::{Line, Runtime};

/// What was waited for.
pub enum Woken<T> {
    /// There is an event to take.
    News,
    /// What else was waited for.
    Other(T),
    /// It is time to send.
    Due,
}

/// Waits for an event, for `other`, or until `due`.
pub async fn next<R: Runtime, T>(
    line: &mut Line<R>,
    due: Option<Instant>,
    mut other: Pin<&mut impl Future<Output = T>>,
) -> Woken<T> {
    let mut wait = pin!(due.map(|due| R::sleep(due.saturating_since(line.now()))));
    poll_fn(|cx| {
        if let Poll::Ready(other) = other.as_mut().poll(cx) {
            return Poll::Ready(Woken::Other(other));
        }
        if line.poll_ready(cx).is_ready() {
            return Poll::Ready(Woken::News);
        }
        match wait.as_mut().as_pin_mut() {
            Some(wait) => wait.poll(cx).map(|()| Woken::Due),
            None => Poll::Pending,
        }
    })
    .await
}
