//! Reading into memory that the connections of a thread take turns with.

use core::task::Poll;

use crate::endpoint::Endpoint;
use crate::time::Instant;

/// Has `endpoint` receive what `read` fills its buffer with, at the time that `now` tells then.
/// Pending also if there is no room. An endpoint that has to wait holds no memory that it can do
/// without.
pub(super) fn receive<P: Endpoint, E>(
    endpoint: &mut P,
    mut read: impl FnMut(&mut [u8]) -> Poll<Result<usize, E>>,
    now: impl Fn() -> Instant,
) -> Poll<Result<usize, E>> {
    let mut once = |endpoint: &mut P| {
        let buf = endpoint.recv_buffer();
        let result = if buf.is_empty() { Poll::Pending } else { read(buf) };
        if let Poll::Ready(Ok(n @ 1..)) = result {
            endpoint.received(now(), n);
        }
        result
    };
    #[cfg(feature = "std")]
    let result = thread::with(|stage| {
        endpoint.lend(stage);
        let result = once(endpoint);
        endpoint.reclaim(stage);
        result
    });
    #[cfg(not(feature = "std"))]
    let result = once(endpoint);
    #[cfg(feature = "std")]
    if result.is_pending() {
        endpoint.release_buffers();
    }
    result
}

/// Lets others have the stage while `endpoint` lets others work.
#[cfg(feature = "std")]
pub(super) fn hand_on<P: Endpoint>(endpoint: &mut P) {
    thread::with(|stage| endpoint.reclaim(stage));
}

/// Where there are threads, each has a stage. Elsewhere endpoints keep memory of their own.
#[cfg(feature = "std")]
mod thread {
    use core::cell::RefCell;

    use crate::buffer::Stage;

    std::thread_local! {
        static STAGE: RefCell<Stage> = const { RefCell::new(Stage::new()) };
    }

    /// Calls `work` with it. A transport may itself read by way of an endpoint: then that one gets a new
    /// stage, as it does where the thread is ending.
    pub(super) fn with<R>(mut work: impl FnMut(&mut Stage) -> R) -> R {
        let done = STAGE.try_with(|stage| stage.try_borrow_mut().ok().map(|mut it| work(&mut it)));
        done.ok().flatten().unwrap_or_else(|| work(&mut Stage::new()))
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use alloc::collections::VecDeque;
    use alloc::vec::Vec;
    use core::convert::Infallible;
    use core::task::{Context, Poll, Waker};

    use crate::buffer::{Inbox, Outbox};
    use crate::connection::{Config, Connection, Event, Heartbeat, Role};
    use crate::driver::{Timer, Transport, WebSocket};
    use crate::error::TransportFailure;
    use crate::message::{Message, PreparedMessage};
    use crate::time::{Duration, Instant};

    /// Reads, and the beginnings of what was written.
    #[derive(Default)]
    struct Peer {
        says: VecDeque<Vec<u8>>,
        heard: Vec<u8>,
        /// Whether reading has to be tried to know that there is nothing.
        is_always_readable: bool,
    }

    impl Transport for Peer {
        type Error = Infallible;

        fn poll_readable(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
            let is_ready = self.is_always_readable || !self.says.is_empty();
            if is_ready { Poll::Ready(()) } else { Poll::Pending }
        }

        fn poll_read(
            &mut self,
            _cx: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<Result<usize, Infallible>> {
            let Some(bytes) = self.says.pop_front() else { return Poll::Pending };
            buf[..bytes.len()].copy_from_slice(&bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_write(
            &mut self,
            _cx: &mut Context<'_>,
            outbox: &Outbox,
        ) -> Poll<Result<usize, Infallible>> {
            Poll::Ready(Ok(outbox.gather(|slices| {
                slices.iter().for_each(|slice| self.heard.extend_from_slice(slice));
                slices.iter().map(|slice| slice.len()).sum()
            })))
        }

        fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn failure(error: &Infallible) -> TransportFailure {
            match *error {}
        }
    }

    struct Clock(Instant);

    impl Timer for Clock {
        fn now(&self) -> Instant {
            self.0
        }

        fn poll_until(&mut self, _cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
            if deadline <= self.0 { Poll::Ready(()) } else { Poll::Pending }
        }
    }

    /// RFC 6455 section 5.7.
    const HELLO: &[u8] = &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];

    #[test]
    fn a_transport_that_reads_by_way_of_an_endpoint_has_a_stage_too_and_both_are_whole() {
        let [mut outer, mut inner] = [(); 2].map(|()| Inbox::new(64 << 10, &[]));
        let read = |inbox: &mut Inbox, byte| {
            inbox.spare()[..100].fill(byte);
            inbox.advance(100);
        };
        for _ in 0..2 {
            super::thread::with(|stage| {
                outer.lend(stage);
                super::thread::with(|stage| {
                    inner.lend(stage);
                    read(&mut inner, 2);
                    inner.reclaim(stage);
                });
                read(&mut outer, 1);
                outer.reclaim(stage);
            });
            for (inbox, byte) in [(&mut outer, 1), (&mut inner, 2)] {
                assert_eq!(inbox.unread(), [byte; 100]);
                inbox.take(100);
                inbox.release();
                assert_eq!(inbox.capacity(), 0, "both stages went back");
            }
        }
    }

    #[test]
    fn a_connection_that_is_waited_on_rests() {
        let cx = &mut Context::from_waker(Waker::noop());
        let second = Duration::from_secs(1);
        for is_always_readable in [false, true] {
            let mut config = Config::server();
            config.heartbeat = Some(Heartbeat::new(second, second));
            let peer = Peer { is_always_readable, ..Peer::default() };
            let connection = Connection::new(Role::Server, config, Instant::EPOCH);
            let mut websocket = WebSocket::new(connection, peer, Clock(Instant::EPOCH));
            assert!(websocket.poll_ready(cx).is_pending());
            assert!(websocket.endpoint().is_resting(), "a new one");
            // A message, answered.
            websocket.0.transport.as_mut().unwrap().says.push_back(HELLO.to_vec());
            assert!(websocket.poll_ready(cx).is_ready());
            assert!(!websocket.endpoint().is_resting());
            let (event, mut sender) = websocket.endpoint_mut().event_with_sender().unwrap();
            let Event::Message(message) = event else { panic!("{event:?}") };
            sender.send(message).unwrap();
            assert!(websocket.poll_ready(cx).is_pending());
            assert!(websocket.endpoint().is_resting(), "after an echo");
            // One that is told to all.
            let message = PreparedMessage::new(&Message::from("Hello"));
            websocket.endpoint_mut().send_prepared(&message).unwrap();
            assert!(websocket.transmit_now(cx), "all of it");
            assert!(websocket.endpoint().is_resting(), "after what was told");
            let said = b"\x81\x05Hello\x81\x05Hello";
            assert_eq!(websocket.transport().unwrap().heard, said);
            // A ping, and its pong.
            websocket.0.timer.0 = Instant::EPOCH + second;
            assert!(websocket.poll_ready(cx).is_pending());
            assert!(websocket.endpoint().is_resting(), "while a pong is awaited");
            let heard = &websocket.transport().unwrap().heard[said.len()..];
            let pong = [&[0x8a, 0x88, 0, 0, 0, 0][..], &heard[2..]].concat();
            assert_eq!((heard[0], heard.len()), (0x89, 10));
            websocket.0.transport.as_mut().unwrap().says.push_back(pong);
            assert!(websocket.poll_ready(cx).is_ready());
            let pong = websocket.endpoint_mut().event();
            assert!(matches!(pong, Some(Event::Pong(_))), "{pong:?}");
            assert!(websocket.poll_ready(cx).is_pending());
            assert!(websocket.endpoint().is_resting(), "after a pong");
        }
    }
}
