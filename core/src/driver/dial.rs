//! Which of several addresses to talk to: the one that answers first (RFC 8305, in short).

use alloc::{boxed::Box, vec::Vec};
use core::fmt;
use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::Poll;

use super::Timer;
use crate::time::{Duration, Instant};

/// How long an attempt may take before the next address is tried beside it (RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Why no address could be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DialError<E> {
    /// There was no address.
    NoAddress,
    /// Every attempt failed; the last one like this.
    Failed(E),
    /// The deadline passed.
    TimedOut,
}

impl<E: fmt::Display> fmt::Display for DialError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("the host has no address"),
            Self::Failed(error) => error.fmt(f),
            Self::TimedOut => f.write_str("no address answered in time"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for DialError<E> {}

/// Connects to the first of `addresses` that answers.
///
/// The next one is tried when the last attempt failed, or beside it after 250 ms, so that an
/// address that is dead costs no more than that. Dropping the future drops all attempts.
///
/// # Errors
///
/// See [`DialError`].
pub async fn dial<A, F, S, E, C>(
    addresses: impl IntoIterator<Item = A>,
    mut connect: impl FnMut(A) -> F,
    deadline: Instant,
    timer: &mut C,
) -> Result<S, DialError<E>>
where
    F: Future<Output = Result<S, E>>,
    C: Timer,
{
    let mut addresses = addresses.into_iter();
    let mut attempts: Vec<Pin<Box<F>>> = Vec::new();
    let mut last_error = None;
    let mut next_at = timer.now();
    let mut exhausted = false;
    poll_fn(|cx| {
        loop {
            let mut failed = false;
            let mut connected = None;
            attempts.retain_mut(|attempt| match attempt.as_mut().poll(cx) {
                Poll::Ready(Ok(stream)) => {
                    connected = Some(stream);
                    false
                }
                Poll::Ready(Err(error)) => {
                    last_error = Some(error);
                    failed = true;
                    false
                }
                Poll::Pending => true,
            });
            if let Some(stream) = connected {
                return Poll::Ready(Ok(stream));
            }
            let now = timer.now();
            if now >= deadline {
                return Poll::Ready(Err(DialError::TimedOut));
            }
            if !exhausted && (failed || attempts.is_empty() || now >= next_at) {
                match addresses.next() {
                    Some(address) => attempts.push(Box::pin(connect(address))),
                    None => exhausted = true,
                }
                next_at = now.saturating_add(ATTEMPT_DELAY);
                continue;
            }
            if attempts.is_empty() {
                return Poll::Ready(Err(last_error
                    .take()
                    .map_or(DialError::NoAddress, DialError::Failed)));
            }
            let wake_at = if exhausted { deadline } else { deadline.min(next_at) };
            if timer.poll_until(cx, wake_at).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// `addresses` with the families taking turns, beginning with the first one's (RFC 8305 section 4).
#[must_use]
pub fn interleave(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let addresses: Vec<_> = addresses.into_iter().collect();
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (a, b): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut a, mut b) = (a.into_iter(), b.into_iter());
    let mut mixed = Vec::new();
    loop {
        let pair = [a.next(), b.next()];
        if pair == [None, None] {
            return mixed;
        }
        mixed.extend(pair.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use core::future::{pending, ready};
    use core::pin::pin;
    use core::task::{Context, Waker};

    use super::*;

    /// A clock that jumps to whatever is waited for.
    #[derive(Default)]
    struct Jumping(Cell<Option<Instant>>);

    impl Timer for Jumping {
        fn now(&self) -> Instant {
            self.0.get().unwrap_or(Instant::EPOCH)
        }

        fn poll_until(&mut self, _: &mut Context<'_>, deadline: Instant) -> Poll<()> {
            self.0.set(Some(self.now().max(deadline)));
            Poll::Ready(())
        }
    }

    const DEADLINE: Instant = Instant::from_epoch(Duration::from_secs(10));

    /// What each address does: answers, fails, or hangs.
    #[derive(Clone, Copy)]
    enum Does {
        Answer(u8),
        Fail(u8),
        Hang,
    }

    fn run(addresses: &[Does]) -> (Result<u8, DialError<u8>>, Instant) {
        let mut timer = Jumping::default();
        let connect = |does: Does| -> Pin<Box<dyn Future<Output = Result<u8, u8>>>> {
            match does {
                Does::Answer(n) => Box::pin(ready(Ok(n))),
                Does::Fail(n) => Box::pin(ready(Err(n))),
                Does::Hang => Box::pin(pending()),
            }
        };
        let result = {
            let mut future = pin!(dial(addresses.iter().copied(), connect, DEADLINE, &mut timer));
            match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => result,
                Poll::Pending => panic!("the clock never blocks"),
            }
        };
        (result, timer.now())
    }

    #[test]
    fn a7_a_dead_address_costs_a_quarter_second_not_a_minute() {
        let (result, took) = run(&[Does::Hang, Does::Answer(7)]);
        assert_eq!((result, took), (Ok(7), Instant::EPOCH + ATTEMPT_DELAY));
    }

    #[test]
    fn a7_a_refused_address_costs_nothing() {
        assert_eq!(run(&[Does::Fail(1), Does::Fail(2), Does::Answer(3)]), (Ok(3), Instant::EPOCH));
    }

    #[test]
    fn a7_the_last_error_and_the_deadline_are_reported() {
        assert_eq!(run(&[]).0, Err(DialError::NoAddress));
        assert_eq!(run(&[Does::Fail(1), Does::Fail(2)]).0, Err(DialError::Failed(2)));
        assert_eq!(run(&[Does::Hang, Does::Fail(2)]), (Err(DialError::TimedOut), DEADLINE));
    }

    #[test]
    fn a7_address_families_take_turns() {
        let v4 = |n| SocketAddr::from(([127, 0, 0, n], 80));
        let v6 = |n| SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, n], 80));
        let mixed = interleave([v6(1), v6(2), v6(3), v4(1), v4(2)]);
        assert_eq!(mixed, [v6(1), v4(1), v6(2), v4(2), v6(3)]);
        assert!(interleave([]).is_empty());
    }
}
