//! The opening handshake over the scripted transport.

#[path = "driver/common.rs"]
#[expect(dead_code, reason = "not all of it is needed here")]
mod common;

use std::cell::RefCell;

use common::received;
use longwire::driver::{AcceptError, Answer, ConnectError, accept, connect, receive_request};
use longwire::handshake::{Acceptance, HandshakeError, Request, Response};
use longwire::rng::Jitter;
use longwire::time::{Duration, Instant};
use longwire::{CloseCode, Config, Event, Message};
use longwire_tests::scripted::{
    Broken, Call, Clock, End, Fault, Flag, Script, Scripted, Socket, Tasks, What, link, once,
};

type Connected = Result<(Socket, Response), ConnectError<Broken>>;
type Accepted = Result<Socket, AcceptError<Broken>>;

fn request() -> Request {
    Request::parse("ws://example.com/chat").expect("a legal URI")
}

async fn dial(clock: &Clock, transport: Scripted, request: &Request) -> Connected {
    let rng = |dest: &mut [u8]| dest.fill(7);
    connect(transport, clock.timer(), request, Config::client(), rng, clock.now()).await
}

/// Both ends of a handshake, and what they do with the connection.
fn open(
    scripts: [Script; 2],
    decide: fn() -> Answer,
) -> (End, Option<Connected>, Option<Accepted>) {
    let clock = &Clock::default();
    let (a, b) = link(scripts, 10_000);
    let (connected, accepted) = (RefCell::new(None), RefCell::new(None));
    let mut tasks = Tasks::new(clock);
    {
        let (connected, accepted) = (&connected, &accepted);
        tasks.spawn(async move {
            let result = dial(clock, a, &request()).await;
            connected.replace(Some(result));
        });
        tasks.spawn(async move {
            let result =
                accept(b, clock.timer(), Config::server(), Jitter::NONE, |_| decide()).await;
            accepted.replace(Some(result));
        });
    }
    let end = tasks.run();
    drop(tasks);
    assert!(clock.now() <= Instant::EPOCH + Duration::from_secs(45), "bounded in time");
    (end, connected.into_inner(), accepted.into_inner())
}

fn yes() -> Answer {
    Answer::Accept(Acceptance::new())
}

fn busy() -> Answer {
    let response = Response::new(503).and_then(|response| response.header("Retry-After", "5"));
    Answer::Reject(response.expect("legal").body("come back later"))
}

#[test]
fn a_handshake_opens_over_any_transport() {
    for seed in 0..60 {
        let (end, client, server) = open([Script::fickle(seed), Script::fickle(seed + 9)], yes);
        assert_eq!(end, End::Done, "seed {seed}");
        let (client, _) = client.expect("done").expect("it opens");
        let mut server = server.expect("done").expect("it opens");
        let mut client = client;
        let clock = Clock::default();
        let mut tasks = Tasks::new(&clock);
        tasks.spawn(async move {
            client.send(Message::from("hello")).await.expect("it is open");
            assert_eq!(received(client.next().await), b"hello");
            let closed = client.finish(CloseCode::NORMAL, "").await.expect("1000 may be sent");
            assert!(closed.is_some_and(|closed| closed.clean));
        });
        tasks.spawn(async move {
            while let Some((event, mut sender)) = server.next_with_sender().await {
                if let Event::Message(message) = event {
                    sender.send(message).expect("it is open");
                }
            }
        });
        assert_eq!(tasks.run(), End::Done, "seed {seed}");
    }
}

#[test]
fn h20_a_refusal_reaches_the_client_whole() {
    for seed in 0..40 {
        let (end, client, server) = open([Script::fickle(seed), Script::fickle(seed + 9)], busy);
        assert_eq!(end, End::Done, "seed {seed}");
        match client.expect("done").err() {
            Some(ConnectError::Handshake(HandshakeError::Declined(503), Some(response))) => {
                assert_eq!(&response.body_bytes()[..], b"come back later");
                assert_eq!(response.retry_after(), Some(Duration::from_secs(5)));
            }
            other => panic!("seed {seed}: {other:?}"),
        }
        let error = server.expect("done").err();
        let declined = AcceptError::Handshake(HandshakeError::Declined(503));
        assert_eq!(format!("{error:?}"), format!("{:?}", Some::<AcceptError<Broken>>(declined)));
    }
}

#[test]
fn h19_a_silent_peer_is_given_up_on_at_the_deadline() {
    let clock = &Clock::default();
    let (a, b) = link([Script::WHOLE; 2], 10_000);
    let mut tasks = Tasks::new(clock);
    tasks.spawn(async move {
        let error = dial(clock, a, &request()).await.err();
        let expected =
            matches!(error, Some(ConnectError::Handshake(HandshakeError::TimedOut, None)));
        assert!(expected, "{error:?}");
        assert_eq!(clock.now(), Instant::EPOCH + Duration::from_secs(10));
    });
    assert_eq!(tasks.run(), End::Done);
    drop(b);

    let clock = &Clock::default();
    let (a, b) = link([Script::WHOLE; 2], 10_000);
    let mut tasks = Tasks::new(clock);
    tasks.spawn(async move {
        let error = accept(b, clock.timer(), Config::server(), Jitter::NONE, |_| yes()).await.err();
        let timed_out = matches!(error, Some(AcceptError::Handshake(HandshakeError::TimedOut)));
        assert!(timed_out, "{error:?}");
    });
    assert_eq!(tasks.run(), End::Done);
    assert!(a.take_arrived().starts_with(b"HTTP/1.1 408 "), "and told so");
}

#[test]
fn h20_what_is_not_a_handshake_is_answered_and_drained() {
    for (head, answer) in [
        (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], &b"HTTP/1.1 426 "[..]),
        (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 405 "),
        (b"GET / HTTP/1.1\nHost: a\n\n", b"HTTP/1.1 400 "),
        (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 505 "),
    ] {
        let clock = &Clock::default();
        let (a, b) = link([Script::WHOLE; 2], 10_000);
        a.inject(head);
        a.inject(b"and something behind it");
        let mut tasks = Tasks::new(clock);
        tasks.spawn(async move {
            let error =
                accept(b, clock.timer(), Config::server(), Jitter::NONE, |_| yes()).await.err();
            assert!(matches!(error, Some(AcceptError::Handshake(_))), "{error:?}");
        });
        assert!(!tasks.settle(), "it lets the peer read the answer");
        assert!(a.take_arrived().starts_with(answer));
        assert_eq!(tasks.run(), End::Done);
        assert!(clock.now() <= Instant::EPOCH + Duration::from_secs(1));
    }
}

#[test]
fn h7_frames_behind_the_heads_arrive() {
    // A client that does not wait for the answer.
    let clock = &Clock::default();
    let (a, b) = link([Script::WHOLE; 2], 10_000);
    a.inject(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\
          \x81\x85\0\0\0\0early",
    );
    let mut tasks = Tasks::new(clock);
    tasks.spawn(async move {
        let accept =
            receive_request(b, clock.timer(), Config::server(), Jitter::NONE).await.expect("legal");
        assert_eq!(accept.incoming().request().path(), "/");
        let mut server = accept.accept(Acceptance::new()).await.expect("it opens");
        assert_eq!(received(server.next().await), b"early");
    });
    assert_eq!(tasks.run(), End::Done);
    drop(tasks);
    assert!(a.take_arrived().starts_with(b"HTTP/1.1 101 "));

    // A server that speaks first.
    let (a, b) = link([Script::WHOLE; 2], 10_000);
    let mut tasks = Tasks::new(clock);
    tasks.spawn(async move {
        let (mut client, _) = dial(clock, a, &request()).await.expect("it opens");
        assert_eq!(received(client.next().await), b"first");
    });
    assert!(!tasks.settle());
    // The key of a generator that says 7.
    let accept = longwire::handshake::accept_key(&longwire::handshake::generate_key(
        &mut |dest: &mut [u8]| dest.fill(7),
    ));
    b.inject(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    b.inject(b"Sec-WebSocket-Accept: ");
    b.inject(&accept);
    b.inject(b"\r\n\r\n\x81\x05first");
    assert_eq!(tasks.run(), End::Done);
}

#[test]
fn the_nth_call_of_a_handshake_fails_or_hangs() {
    for decide in [yes, busy] {
        for end in 0..2 {
            for call in Call::ALL {
                for nth in 0..5 {
                    for what in [What::Error, What::Hang, What::Pending, What::Short] {
                        let fault = Fault { call, nth, what };
                        // What does not flush does not deliver either.
                        let buffered = call == Call::Flush && what == What::Hang;
                        let mut scripts = [Script { buffered, ..Script::WHOLE }; 2];
                        scripts[end] = scripts[end].with(fault);
                        let (finished, client, server) = open(scripts, decide);
                        assert_eq!(finished, End::Done, "end {end}: {fault:?}");
                        // Of a connection that opened, what follows belongs to other tests.
                        assert!(client.is_some() && server.is_some());
                    }
                }
            }
        }
    }
}

#[test]
fn a_dropped_handshake_drops_its_transport() {
    let clock = Clock::default();
    let (a, mut b) = link([Script::WHOLE; 2], 10_000);
    let (_, waker) = Flag::new();
    let target = request();
    assert!(once(dial(&clock, a, &target), &waker).is_pending());
    assert!(b.take_arrived().starts_with(b"GET /chat HTTP/1.1\r\n"));
    let mut cx = core::task::Context::from_waker(&waker);
    let read = longwire::driver::Transport::poll_read(&mut b, &mut cx, &mut [0; 8]);
    assert_eq!(read, core::task::Poll::Ready(Ok(0)));
}
