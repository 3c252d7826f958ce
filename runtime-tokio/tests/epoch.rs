//! All timers of a process have one epoch, and a runtime may have put its clock forward before that.

use core::future::poll_fn;
use core::time::Duration;

use longwire_tokio::Timer;
use longwire_tokio::longwire::Instant;
use longwire_tokio::longwire::driver::Timer as _;
use tokio::runtime::Builder;

#[test]
fn a_clock_that_was_put_forward_stops_nobody_elses() {
    let paused = Builder::new_current_thread().enable_time().start_paused(true).build();
    let ahead = paused.expect("a runtime").block_on(async {
        tokio::time::advance(Duration::from_secs(3_600)).await;
        Timer::default().now()
    });
    let real = Builder::new_current_thread().enable_time().build().expect("a runtime");
    real.block_on(async {
        let mut timer = Timer::default();
        let before = timer.now();
        assert!(before < ahead);
        let deadline = before + Duration::from_millis(20);
        poll_fn(|cx| timer.poll_until(cx, deadline)).await;
        assert!(timer.now() >= deadline, "{:?} after {before:?}", timer.now());
        // Neither end of the range is out of reach.
        poll_fn(|cx| timer.poll_until(cx, Instant::EPOCH)).await;
        let never = tokio::time::timeout(
            Duration::from_millis(1),
            poll_fn(|cx| timer.poll_until(cx, Instant::from_epoch(Duration::MAX))),
        );
        assert!(never.await.is_err());
    });
}
