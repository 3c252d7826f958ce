//! The n-th failure: every call of a transport fails, hangs, is short or is not ready, in scripted
//! sessions. Each end comes to its one end, and nobody is woken for nothing.

#[path = "driver/common.rs"]
#[expect(dead_code, reason = "not all of it is needed here")]
mod common;

use std::cell::RefCell;

use bytes::Bytes;
use common::body;
use longwire::connection::Heartbeat;
use longwire::time::{Duration, Instant};
use longwire::{CloseCode, Closed, Config, DataKind, Event, Message};
use longwire_tests::scripted::{Call, Clock, End, Fault, Script, Socket, Tasks, What, pair};

/// What the client does before it takes what is left. Errors end it early.
type Session = for<'a> fn(&'a mut Client) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

/// The client, and the ends it was told of.
struct Client {
    socket: Socket,
    ends: Vec<Closed>,
}

impl Client {
    /// The next event, if it is a message.
    async fn message(&mut self) -> Option<Vec<u8>> {
        let event = self.socket.next().await?;
        if let Event::Message(message) = event {
            return Some(message.as_bytes().to_vec());
        }
        if let Event::Closed(closed) = event {
            self.ends.push(*closed);
        }
        None
    }

    fn close(&mut self) {
        close(&mut self.socket);
    }
}

const SESSIONS: &[(&str, Session)] = &[
    ("echoes", |client| Box::pin(echoes(client, &[5, 300, 0, 4000]))),
    ("large echo", |client| Box::pin(echoes(client, &[40_000]))),
    ("many without an answer", |client| {
        Box::pin(async {
            for i in 0..40 {
                if client.socket.feed(Message::from(body(i, 1000))).await.is_err() {
                    return;
                }
            }
            let _ = client.socket.flush().await;
            client.close();
        })
    }),
    ("fragments", |client| {
        Box::pin(async {
            if let Ok(mut fragments) = client.socket.fragments(DataKind::Binary) {
                for i in 0..5 {
                    if fragments.write(Bytes::from(body(i, 3000))).await.is_err() {
                        return;
                    }
                }
                let _ = fragments.finish(Bytes::new()).await;
            }
            let _ = client.message().await;
            client.close();
        })
    }),
    ("fragments abandoned", |client| {
        Box::pin(async {
            if let Ok(mut fragments) = client.socket.fragments(DataKind::Binary) {
                let _ = fragments.write(Bytes::from_static(b"half")).await;
            }
        })
    }),
    ("ping and wait", |client| {
        Box::pin(async {
            let _ = client.socket.ping(b"there?");
            // The pong; then silence, until the server's heartbeat asks.
            for _ in 0..3 {
                let _ = client.message().await;
            }
            client.close();
        })
    }),
    ("close at once", |client| {
        Box::pin(async {
            client.close();
        })
    }),
    ("the server closes", |client| {
        Box::pin(async {
            let _ = client.socket.send(Message::from("close")).await;
        })
    }),
];

/// The sessions in which the client waits for a flush.
const AWAIT_A_FLUSH: &[&str] =
    &["echoes", "large echo", "many without an answer", "the server closes"];

fn close(socket: &mut Socket) {
    socket.close(CloseCode::NORMAL, "done").expect("1000 may be sent");
}

async fn echoes(client: &mut Client, lengths: &[usize]) {
    for (i, len) in lengths.iter().enumerate() {
        if client.socket.send(Message::from(body(i, *len))).await.is_err() {
            return;
        }
        let Some(echo) = client.message().await else { return };
        assert!(echo == body(i, *len));
    }
    client.close();
}

/// Takes events until none comes, and says how it ended.
async fn drain(socket: &mut Socket, mut ends: Vec<Closed>, answer: bool) -> Vec<Closed> {
    while let Some((event, mut sender)) = socket.next_with_sender().await {
        assert!(ends.is_empty(), "nothing follows Closed: {event:?}");
        if let Event::Message(message) = event {
            if message.as_bytes() == b"close" {
                close(socket);
            } else if answer {
                let _ = sender.send(message);
            }
        } else if let Event::Closed(closed) = event {
            ends.push(*closed);
        }
    }
    ends
}

/// How often each call was made by each end, and how it ended.
struct Outcome {
    calls: [[usize; 4]; 2],
    ends: Vec<(usize, Vec<Closed>)>,
    polls: usize,
    took: Duration,
}

fn run(name: &str, session: Session, scripts: [Script; 2]) -> Outcome {
    let clock = Clock::default();
    let heartbeat = Some(Heartbeat::new(Duration::from_secs(20), Duration::from_secs(20)));
    let (mut client, mut server) = (Config::client(), Config::server());
    (client.heartbeat, server.heartbeat) = (heartbeat, heartbeat);
    let (client, mut server) = pair(&clock, [client, server], scripts, 5000);
    let calls = [&client, &server].map(|end| end.transport().expect("it is open").calls());
    let ends = RefCell::new(Vec::new());
    let mut tasks = Tasks::new(&clock).most_polls(5000);
    {
        let ends = &ends;
        tasks.spawn(async move {
            let mut client = Client { socket: client, ends: Vec::new() };
            session(&mut client).await;
            let closed = drain(&mut client.socket, client.ends, false).await;
            ends.borrow_mut().push((0, closed));
        });
        tasks.spawn(async move {
            let closed = drain(&mut server, Vec::new(), true).await;
            ends.borrow_mut().push((1, closed));
        });
    }
    let end = tasks.run();
    assert_eq!(end, End::Done, "{name}: {scripts:?}");
    let polls = tasks.polls();
    drop(tasks);
    Outcome {
        calls: calls.map(|calls| *calls.borrow()),
        ends: ends.into_inner(),
        polls,
        took: clock.now().saturating_since(Instant::EPOCH),
    }
}

fn every_call(what: What) {
    for (name, session) in SESSIONS {
        let undisturbed = run(name, *session, [Script::WHOLE; 2]);
        assert!(undisturbed.ends.iter().all(|(_, ends)| ends[0].clean), "{name}");
        for end in 0..2 {
            for call in Call::ALL {
                for nth in 0..undisturbed.calls[end][call as usize] {
                    let fault = Fault { call, nth, what };
                    for buffered in [false, true] {
                        if call == Call::Flush && what == What::Hang {
                            // What does not flush does not deliver either, and whoever waits for
                            // that alone waits.
                            if !buffered || AWAIT_A_FLUSH.contains(name) {
                                continue;
                            }
                        }
                        let mut scripts = [Script { buffered, ..Script::WHOLE }; 2];
                        scripts[end] = scripts[end].with(fault);
                        let outcome = run(name, *session, scripts);
                        let context = format!("{name}, end {end}, {fault:?}");
                        for (end, closed) in &outcome.ends {
                            assert_eq!(closed.len(), 1, "{context}: one end of {end}: {closed:?}");
                        }
                        let harmless = matches!(what, What::Pending | What::Short);
                        if harmless {
                            let clean = outcome.ends.iter().all(|(_, ends)| ends[0].clean);
                            assert!(clean, "{context}: {:?}", outcome.ends);
                        }
                        let most = undisturbed.polls * 2 + 100;
                        assert!(outcome.polls <= most, "{context}: {} polls", outcome.polls);
                        let longest = Duration::from_secs(120);
                        assert!(outcome.took <= longest, "{context}: {:?}", outcome.took);
                    }
                }
            }
        }
    }
}

#[test]
fn the_nth_call_fails() {
    every_call(What::Error);
}

#[test]
fn the_nth_call_hangs() {
    every_call(What::Hang);
}

#[test]
fn the_nth_call_is_not_ready() {
    every_call(What::Pending);
}

#[test]
fn the_nth_call_moves_one_byte() {
    every_call(What::Short);
}
