//! The long connection over real sockets.

use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::net::TcpListener;
use std::thread;

use futures_util::future::{Either, select};
use longwire::handshake::{HandshakeError, Request};
use longwire::session::{
    Cancelled, ConnectFailure, Delivery, Event, Failure, Next, Outcome, Reachability, State,
    Stopped,
};
use longwire::{CloseCode, Message, SessionConfig};
use longwire_tests::runtime::{Line, Runtime};

use crate::support::{Raw, TEXT, meet, run, server_config, welcome};

on_each!(
    a_server_that_is_not_there_is_tried_again,
    a_refused_handshake_stops_it,
    a_busy_server_says_when_to_come_back,
    a_peer_that_answers_no_ping_is_left_for_another,
    offline_and_online_again,
    suspended_and_resumed,
);
on_all_pairs!(
    dropped_connections_cost_no_message,
    both_ends_of_a_long_connection_send_through_its_interruptions,
    handles_send_from_many_tasks,
);

/// Comes back at once.
pub(crate) fn config() -> SessionConfig {
    let mut config = SessionConfig::DEFAULT;
    config.online_delay = Duration::from_millis(5);
    config.with_backoff(Duration::from_millis(5), Duration::from_millis(20))
}

pub(crate) fn line<R: Runtime>(url: &str, config: SessionConfig) -> Line<R> {
    R::line(Request::parse(url).expect("a URL"), config)
}

pub(crate) fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    (listener, url)
}

/// The end of the next attempt that ends.
pub(crate) async fn next_end<R: Runtime>(line: &mut Line<R>) -> (Failure, Next) {
    loop {
        if let Event::Closed(closed) = line.next().await.expect("it goes on") {
            return (closed.failure, closed.next);
        }
    }
}

pub(crate) async fn until_open<R: Runtime>(line: &mut Line<R>) {
    while !matches!(line.next().await.expect("it goes on"), Event::Opened(_)) {}
}

pub(crate) async fn until_stopped<R: Runtime>(line: &mut Line<R>) -> Stopped {
    loop {
        if let Event::Stopped(stopped) = line.next().await.expect("it says why") {
            assert!(line.next().await.is_none(), "that is the last");
            return stopped;
        }
    }
}

fn a_server_that_is_not_there_is_tried_again<R: Runtime>() {
    let (listener, url) = listen();
    drop(listener);
    run::<R, _>(async {
        let mut line = line::<R>(&url, config());
        for n in 1..=3 {
            let (failure, next) = next_end::<R>(&mut line).await;
            assert_eq!(failure, Failure::Connect(ConnectFailure::Refused));
            assert!(matches!(next, Next::Retry { retry, .. } if retry == n), "{next:?}");
        }
        line.close(CloseCode::NORMAL, "").expect("1000 may be sent");
        assert_eq!(until_stopped::<R>(&mut line).await, Stopped::Closed);
    });
}

/// Answers each connection with `answer`, and says how many there were.
fn refusing<B>(answer: &'static str, connections: usize, client: impl FnOnce(&str) -> B) -> B {
    let (listener, url) = listen();
    thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..connections {
                let mut raw = Raw::accept(&listener);
                raw.head();
                raw.write(answer.as_bytes());
            }
        });
        client(&url)
    })
}

fn a_refused_handshake_stops_it<R: Runtime>() {
    let answer = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";
    refusing(answer, 1, |url| {
        run::<R, _>(async {
            let mut line = line::<R>(url, config());
            let (failure, next) = next_end::<R>(&mut line).await;
            let Failure::Handshake(refusal) = failure else { panic!("{failure:?}") };
            assert_eq!((refusal.error, next), (HandshakeError::Declined(401), Next::Stop));
            assert_eq!(until_stopped::<R>(&mut line).await, Stopped::Refused);
        });
    });
}

fn a_busy_server_says_when_to_come_back<R: Runtime>() {
    let answer = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n";
    refusing(answer, 1, |url| {
        run::<R, _>(async {
            let mut line = line::<R>(url, config());
            let (_, next) = next_end::<R>(&mut line).await;
            let Next::Retry { after, retry: 1 } = next else { panic!("{next:?}") };
            assert!(after >= Duration::from_secs(7), "{after:?}");
            line.session_mut().abort();
            assert_eq!(until_stopped::<R>(&mut line).await, Stopped::Aborted);
        });
    });
}

/// A ping is not answered in time: what was sent is sent again, to somebody else.
fn a_peer_that_answers_no_ping_is_left_for_another<R: Runtime>() {
    let (listener, url) = listen();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut mute = Raw::accept(&listener);
            mute.welcome();
            assert_eq!(mute.receive(), (TEXT, b"hello".to_vec()));
            let mut other = Raw::accept(&listener);
            other.welcome();
            assert_eq!(other.receive(), (TEXT, b"hello".to_vec()));
            let (first, payload) = other.receive();
            assert_eq!(first, crate::support::PING);
            other.send(crate::support::PONG, &payload);
            // The mute one is dropped last, so that it cannot have been its end that was seen.
            other.await_end();
            drop(mute);
        });
        run::<R, _>(async {
            let mut config = config();
            config.confirm_timeout = Duration::from_millis(100);
            let mut line = line::<R>(&url, config);
            let sent = line.send(Message::from("hello"), Delivery::Received).expect("room");
            let (failure, _) = next_end::<R>(&mut line).await;
            assert_eq!(failure, Failure::Unconfirmed(sent));
            let mut repeated = false;
            loop {
                let event = line.next().await.expect("it goes on");
                if let Event::Repeated(id) = event {
                    repeated = id == sent;
                } else if let Event::Settled(settled) = event {
                    assert_eq!((settled.outcome, settled.transmissions), (Outcome::Received, 2));
                    break;
                }
            }
            assert!(repeated, "it may have arrived twice, and that was said");
        });
    });
}

fn offline_and_online_again<R: Runtime>() {
    let (listener, url) = listen();
    run::<R, _>(async {
        let mut line = line::<R>(&url, config());
        // No server answers yet, and then there is no network.
        assert!(matches!(line.next().await, Some(Event::Connecting(_))));
        let now = line.now();
        line.session_mut().reachability(now, Reachability::Offline);
        let (failure, next) = next_end::<R>(&mut line).await;
        assert_eq!((failure, next), (Failure::Cancelled(Cancelled::Offline), Next::Offline));
        assert_eq!(line.session().state(), State::Offline);
        let serving = thread::spawn(move || {
            // The attempt that was given up may have got as far as here.
            loop {
                let mut raw = Raw::accept(&listener);
                if raw.try_welcome() {
                    return raw.await_end();
                }
            }
        });
        let now = line.now();
        line.session_mut().reachability(now, Reachability::Online);
        until_open::<R>(&mut line).await;
        assert_eq!(line.session().retries(), 0, "what was cancelled does not count");
        drop(line);
        serving.join().expect("the raw server panicked");
    });
}

fn suspended_and_resumed<R: Runtime>() {
    let (listener, url) = listen();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut first = Raw::accept(&listener);
            first.welcome();
            let (kind, payload) = first.receive();
            assert_eq!((kind, &payload[..2]), (crate::support::CLOSE, &1001_u16.to_be_bytes()[..]));
            first.send(crate::support::CLOSE, &payload);
            drop(first);
            let mut second = Raw::accept(&listener);
            second.welcome();
            assert_eq!(second.receive(), (TEXT, b"meanwhile".to_vec()));
            second.await_end();
        });
        run::<R, _>(async {
            let mut line = line::<R>(&url, config());
            until_open::<R>(&mut line).await;
            let now = line.now();
            line.session_mut().suspend(now);
            assert_eq!(next_end::<R>(&mut line).await.1, Next::Suspended);
            line.send(Message::from("meanwhile"), Delivery::Transmitted).expect("room");
            let now = line.now();
            line.session_mut().resume(now);
            loop {
                if let Event::Settled(settled) = line.next().await.expect("it goes on") {
                    assert_eq!(settled.outcome, Outcome::Transmitted);
                    break;
                }
            }
        });
    });
}

/// Accepts one connection after the other, and drops each after some messages.
async fn drop_after<S: Runtime>(listener: &S::Listener, patience: &[usize]) -> Vec<String> {
    let mut read = Vec::new();
    for patience in patience {
        let stream = S::next_stream(listener).await.expect("a connection");
        let mut websocket = S::accept(stream, server_config(), welcome).await.expect("an upgrade");
        let mut count = 0;
        while count < *patience
            && let Some(event) = websocket.next().await
        {
            if let longwire::Event::Message(message) = event {
                read.push(message.as_text().expect("text").to_owned());
                count += 1;
            }
        }
    }
    read
}

fn dropped_connections_cost_no_message<C: Runtime, S: Runtime>() {
    let (listener, url) = listen();
    let (read, repeated) = thread::scope(|scope| {
        let server = scope.spawn(move || {
            run::<S, _>(async {
                let listener = S::listener(listener).expect("a listener");
                drop_after::<S>(&listener, &[5, 1, 40, 17, usize::MAX]).await
            })
        });
        let repeated = run::<C, _>(async {
            let mut line = line::<C>(&url, config());
            for n in 0..200 {
                line.send(Message::from(n.to_string()), Delivery::Received).expect("room");
            }
            let (mut repeated, mut settled) = (0, 0);
            while let Some(event) = line.next().await {
                if let Event::Repeated(_) = event {
                    repeated += 1;
                } else if let Event::Settled(it) = event {
                    assert_eq!(it.outcome, Outcome::Received);
                    settled += 1;
                }
                if settled == 200 {
                    line.close(CloseCode::NORMAL, "").expect("1000 may be sent");
                }
            }
            repeated
        });
        (server.join().expect("the server panicked"), repeated)
    });
    assert_in_order(&read, 200, repeated);
}

/// Nothing missing, nothing out of order, duplicates only where announced.
fn assert_in_order(read: &[String], count: usize, announced: usize) {
    let (mut next, mut duplicates) = (0, 0);
    for text in read {
        let n: usize = text.parse().expect("a number");
        if n == next {
            next += 1;
        } else {
            assert!(n < next, "{n} instead of {next}");
            duplicates += 1;
        }
    }
    assert_eq!(next, count);
    assert!(duplicates <= announced, "{duplicates} duplicates, {announced} announced");
}

/// What one end of an exchange has seen.
#[derive(Default)]
struct Seen {
    read: Vec<String>,
    announced: usize,
    settled: usize,
}

const COUNT: usize = 300;

impl Seen {
    fn take(&mut self, event: Event<'_>) {
        if let Event::Message(message) = event {
            self.read.push(message.as_text().expect("text").to_owned());
        } else if let Event::Repeated(_) = event {
            self.announced += 1;
        } else if let Event::Settled(settled) = event {
            assert_eq!(settled.outcome, Outcome::Received);
            self.settled += 1;
        }
    }

    fn is_complete(&self) -> bool {
        let last = (COUNT - 1).to_string();
        self.settled == COUNT && self.read.last() == Some(&last)
    }
}

/// The server keeps a session too, for the client that comes back.
fn both_ends_of_a_long_connection_send_through_its_interruptions<C: Runtime, S: Runtime>() {
    let (listener, url) = listen();
    // Whoever is complete stays until the other is: what it confirms is the other's.
    let (served, called) = (&AtomicBool::new(false), &AtomicBool::new(false));
    let (server, client) = thread::scope(|scope| {
        let server = scope.spawn(move || {
            run::<S, _>(async {
                let listener = S::listener(listener).expect("a listener");
                let (client, mut events, driving) = S::adopting(config()).share();
                S::spawn(async move {
                    let _ = driving.await;
                });
                let accepting = client.clone();
                S::spawn(async move {
                    while let Ok(stream) = S::next_stream(&listener).await {
                        if let Ok(websocket) = S::accept(stream, server_config(), welcome).await {
                            assert!(accepting.adopt(websocket));
                        }
                    }
                });
                for n in 0..COUNT {
                    client.post(Message::from(n.to_string()), Delivery::Received).expect("room");
                }
                let mut seen = Seen::default();
                // And until it has been seen off.
                let over = || called.load(Ordering::Relaxed) && client.state() == State::Waiting;
                while !(seen.is_complete() && over()) {
                    let tick = S::sleep(Duration::from_millis(1));
                    if let Either::Left((event, _)) = select(pin!(events.next()), pin!(tick)).await
                    {
                        seen.take(event.expect("it goes on"));
                    }
                    served.store(seen.is_complete(), Ordering::Relaxed);
                }
                seen
            })
        });
        let client = run::<C, _>(async {
            let mut line = line::<C>(&url, config());
            for n in 0..COUNT {
                line.send(Message::from(n.to_string()), Delivery::Received).expect("room");
            }
            let (mut seen, mut interrupted) = (Seen::default(), 0);
            while !(seen.is_complete() && served.load(Ordering::Relaxed)) {
                let tick = C::sleep(Duration::from_millis(1));
                if let Either::Left((event, _)) = select(pin!(line.next()), pin!(tick)).await {
                    seen.take(event.expect("it goes on").into_owned());
                }
                // Interruptions now and then.
                if seen.read.len() > interrupted + 40 {
                    interrupted = seen.read.len();
                    let now = line.now();
                    line.session_mut().suspend(now);
                    line.session_mut().resume(now);
                }
            }
            called.store(true, Ordering::Relaxed);
            line.close(CloseCode::NORMAL, "").expect("1000 may be sent");
            assert_eq!(until_stopped::<C>(&mut line).await, Stopped::Closed);
            assert!(line.session().statistics().opened > 1);
            seen
        });
        (server.join().expect("the server panicked"), client)
    });
    assert_in_order(&server.read, COUNT, client.announced);
    assert_in_order(&client.read, COUNT, server.announced);
}

fn handles_send_from_many_tasks<C: Runtime, S: Runtime>() {
    let (listener, url) = listen();
    let read = thread::scope(|scope| {
        let server = scope.spawn(move || {
            run::<S, _>(async {
                let listener = S::listener(listener).expect("a listener");
                drop_after::<S>(&listener, &[usize::MAX]).await
            })
        });
        run::<C, _>(async {
            let (client, events, driving) = line::<C>(&url, config()).share();
            drop(events);
            let (done, finished) = ::smol::channel::unbounded();
            for task in 0..8 {
                let (client, done) = (client.clone(), done.clone());
                C::spawn(async move {
                    for n in 0..25 {
                        let text = Message::from(format!("{task} {n}"));
                        let sent = client.send_with(text, Delivery::Received).await;
                        assert_eq!(sent.map_err(|error| error.kind()), Ok(Outcome::Received));
                    }
                    let _ = done.send(()).await;
                });
            }
            C::spawn(async move {
                assert_eq!(driving.await, Stopped::Closed);
                let _ = done.send(()).await;
            });
            for _ in 0..8 {
                finished.recv().await.expect("a task panicked");
            }
            client.close(CloseCode::NORMAL, "").expect("1000 may be sent");
            finished.recv().await.expect("it stops");
        });
        server.join().expect("the server panicked")
    });
    assert_eq!(read.len(), 200);
    for task in 0..8 {
        let of_task: Vec<_> = read.iter().filter(|it| it.starts_with(&task.to_string())).collect();
        let expected: Vec<_> = (0..25).map(|n| format!("{task} {n}")).collect();
        assert!(of_task.iter().copied().eq(expected.iter()), "{of_task:?}");
    }
}

#[test]
fn wss_needs_tls_and_says_so() {
    use longwire::driver::ConnectError;
    let refused = longwire_tokio::line("wss://localhost/", SessionConfig::DEFAULT);
    assert!(matches!(refused, Err(ConnectError::NeedsTls)));
    let refused = longwire_smol::line("wss://localhost/", SessionConfig::DEFAULT);
    assert!(matches!(refused, Err(ConnectError::NeedsTls)));
    let refused = longwire_tokio::line("http//localhost/", SessionConfig::DEFAULT);
    assert!(matches!(refused, Err(ConnectError::Request(_))));
}

#[test]
fn handles_go_between_threads() {
    const fn shared<T: Send + Sync>() {}
    const fn sent<T: Send>() {}
    shared::<longwire_tokio::Client>();
    shared::<longwire_smol::Client>();
    sent::<longwire_tokio::Driving>();
    sent::<longwire_smol::Driving>();
    sent::<longwire_tokio::Events>();
    sent::<longwire_tokio::Line>();
}

#[test]
fn a_session_closes_with_the_code_and_the_reason_given() {
    type R = longwire_tests::runtime::Tokio;
    let (closed, ()) = meet::<R, _, _>(
        async |stream| {
            let mut websocket =
                R::accept(stream, server_config(), welcome).await.expect("an upgrade");
            crate::support::end(&mut websocket).await
        },
        |url| {
            run::<R, _>(async {
                let mut line = line::<R>(url, config());
                until_open::<R>(&mut line).await;
                let code = CloseCode::application(4000).expect("a code");
                line.close(code, "bye").expect("4000 may be sent");
                assert_eq!(until_stopped::<R>(&mut line).await, Stopped::Closed);
            });
        },
    );
    assert_eq!((closed.code.get(), &*closed.reason, closed.clean), (4000, "bye", true));
}
