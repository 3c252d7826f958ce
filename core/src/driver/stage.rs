//! Reading into memory that the connections of a thread take turns with.

use core::task::Poll;

use crate::endpoint::Endpoint;
use crate::time::Instant;

/// Has `endpoint` receive what `read` fills its buffer with, at the time that `now` tells then.
/// Pending also if there is no room. An endpoint that has to wait holds no memory that it can do
/// without.
pub(super) fn receive<P: Endpoint, E>(
    endpoint: &mut P,
    read: impl FnOnce(&mut [u8]) -> Poll<Result<usize, E>>,
    now: impl FnOnce() -> Instant,
) -> Poll<Result<usize, E>> {
    #[cfg(feature = "std")]
    let mut stage = thread::take();
    #[cfg(feature = "std")]
    endpoint.lend(&mut stage);
    let buf = endpoint.recv_buffer();
    let result = if buf.is_empty() { Poll::Pending } else { read(buf) };
    if let Poll::Ready(Ok(n @ 1..)) = result {
        endpoint.received(now(), n);
    }
    #[cfg(feature = "std")]
    {
        endpoint.reclaim(&mut stage);
        thread::put(stage);
        if result.is_pending() {
            endpoint.release_buffers();
        }
    }
    result
}

/// Lets others have the stage while `endpoint` lets others work.
#[cfg(feature = "std")]
pub(super) fn hand_on<P: Endpoint>(endpoint: &mut P) {
    let mut stage = thread::take();
    endpoint.reclaim(&mut stage);
    thread::put(stage);
}

/// Where there are threads, each has a stage. Elsewhere endpoints keep memory of their own.
#[cfg(feature = "std")]
mod thread {
    use core::cell::Cell;

    use crate::buffer::Stage;

    std::thread_local! {
        static STAGE: Cell<Stage> = const { Cell::new(Stage::new()) };
    }

    /// A transport may itself read by way of an endpoint: then that one gets a new stage.
    pub(super) fn take() -> Stage {
        STAGE.try_with(Cell::take).unwrap_or_default()
    }

    pub(super) fn put(stage: Stage) {
        let _ = STAGE.try_with(|slot| slot.set(stage));
    }
}
