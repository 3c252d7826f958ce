//! Runs every short example for real: as a process, on a port of its own, against a peer that is
//! not the same code. Every wait is bounded, so a test fails rather than hangs.

mod process;

use std::error::Error;
use std::future::Future;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use longwire::driver::{Timer, Transport, WebSocket};
use longwire::{CloseCode, Closed, Event, Message};

use process::{PATIENCE, Running};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A server, and its address.
fn server(name: &str, args: &[&str]) -> (Running, String) {
    let args: Vec<_> = args.iter().copied().chain(["127.0.0.1:0"]).collect();
    let running = Running::new(name, &args, "");
    let line = running.line();
    let address = line.strip_prefix("listening on ws://").unwrap_or_else(|| panic!("{line}"));
    let address = address.to_owned();
    (running, address)
}

fn on_tokio<T>(future: impl Future<Output = Outcome<T>>) -> T {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let bounded = async { tokio::time::timeout(PATIENCE, future).await };
    runtime.block_on(bounded).expect("in time").unwrap_or_else(|error| panic!("{error}"))
}

fn on_smol<T>(future: impl Future<Output = Outcome<T>>) -> T {
    let late = async {
        smol::Timer::after(PATIENCE).await;
        Err("not in time".into())
    };
    smol::block_on(smol::future::or(future, late)).unwrap_or_else(|error| panic!("{error}"))
}

/// Messages of both kinds, and of lengths on both sides of every boundary; each echoed.
async fn converse<T: Transport, C: Timer>(mut websocket: WebSocket<T, C>) -> Outcome<()> {
    for len in [0, 1, 125, 126, 4_096, 65_535, 65_536, 200_000, 1 << 20] {
        for message in [Message::from("ü".repeat(len / 2)), Message::from(vec![0xff; len])] {
            websocket.send(message.clone()).await?;
            let echo = loop {
                match websocket.next().await {
                    Some(Event::Message(echo)) => break echo.into_owned(),
                    Some(Event::Ping(_)) => {}
                    other => return Err(format!("instead of an echo: {other:?}").into()),
                }
            };
            assert!(echo == message, "the echo of {len} bytes differs");
        }
    }
    is_clean(websocket.finish(CloseCode::NORMAL, "thanks").await?)
}

/// Sends for a while without taking any echo, so that the server has to make us wait.
async fn flood<T: Transport, C: Timer>(websocket: WebSocket<T, C>) -> Outcome<()> {
    const MESSAGES: u32 = 64;
    let (mut sender, mut receiver) = websocket.split();
    let send = async {
        for n in 0..MESSAGES {
            let mut payload = vec![0; 300_000];
            payload[..4].copy_from_slice(&n.to_be_bytes());
            sender.feed(Message::from(payload)).await?;
        }
        Outcome::Ok(())
    };
    let receive = async {
        for n in 0..MESSAGES {
            let event = receiver.next().await;
            let Some(Event::Message(echo)) = event else {
                return Err(format!("instead of echo {n}: {event:?}").into());
            };
            assert_eq!((&echo.as_bytes()[..4], echo.len()), (&n.to_be_bytes()[..], 300_000));
            if n == 0 {
                // Blocks the whole thread: nothing is received meanwhile.
                thread::sleep(Duration::from_millis(500));
            }
        }
        Outcome::Ok(())
    };
    try_join(send, receive).await?;
    sender.close(CloseCode::NORMAL, "enough")?;
    loop {
        match receiver.next().await {
            Some(Event::Closed(closed)) => return is_clean(Some(*closed)),
            Some(_) => {}
            None => return Err("no end".into()),
        }
    }
}

fn is_clean(closed: Option<Closed>) -> Outcome<()> {
    match closed {
        Some(closed) if closed.clean && closed.code == CloseCode::NORMAL => Ok(()),
        other => Err(format!("not closed cleanly: {other:?}").into()),
    }
}

/// Echoes to one client, and says how that ended.
async fn echo<T: Transport, C: Timer>(mut websocket: WebSocket<T, C>) -> Outcome<Closed> {
    loop {
        match websocket.next_with_sender().await {
            Some((Event::Message(message), mut sender)) => {
                sender.send(message).map_err(|error| error.kind())?;
            }
            Some((Event::Closed(closed), _)) => return Ok(*closed),
            Some(_) => {}
            None => return Err("no end".into()),
        }
    }
}

/// A peer that is no WebSocket library at all.
struct Raw(TcpStream);

impl Raw {
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a server");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self(stream)
    }

    fn open(address: &str) -> Self {
        let mut raw = Self::connect(address);
        raw.write(
            b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
              Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
              Sec-WebSocket-Version: 13\r\n\r\n",
        );
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(raw.read::<1>());
        }
        let head = String::from_utf8_lossy(&head);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        raw
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("taken");
    }

    fn read<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).expect("bytes");
        bytes
    }

    /// Everything up to the end of the stream, which must be an orderly one.
    fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).expect("an orderly end");
        bytes
    }
}

/// RFC 6455 section 5.7.
const MASKED_HELLO: &[u8] = &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];

/// What every server has to get right, seen on the wire.
fn judge(address: &str) {
    // A request without a key, and something that is not HTTP: told so, and not reset.
    let mut raw = Raw::connect(address);
    raw.write(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    raw.write(b"Sec-WebSocket-Version: 13\r\n\r\n");
    let answer = String::from_utf8_lossy(&raw.rest()).into_owned();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("Sec-WebSocket-Key"), "{answer}");
    let mut raw = Raw::connect(address);
    raw.write(b"\x16\x03\x01 is how TLS begins\r\n\r\n");
    let answer = String::from_utf8_lossy(&raw.rest()).into_owned();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");

    // A reserved bit: 1002, and the end.
    let mut raw = Raw::open(address);
    raw.write(&[0xf1, 0x80, 0, 0, 0, 0]);
    let close = raw.rest();
    assert_eq!((close[0], &close[2..4]), (0x88, &1002_u16.to_be_bytes()[..]));
    assert_eq!(usize::from(close[1]), close.len() - 2, "one close frame and nothing else");

    // A masked "Hello"; then a ping, then the closing handshake. The server
    // is the one to close the stream (section 7.1.1).
    let mut raw = Raw::open(address);
    raw.write(MASKED_HELLO);
    assert_eq!(&raw.read::<7>(), b"\x81\x05Hello");
    raw.write(&[0x89, 0x82, 0, 0, 0, 0, b'a', b'b']);
    assert_eq!(&raw.read::<4>(), b"\x8a\x02ab");
    raw.write(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
    assert_eq!(raw.rest(), [0x88, 0x02, 0x03, 0xe8]);

    // Frames right behind the request, in one segment; then the stream just ends.
    let mut raw = Raw::connect(address);
    raw.write(
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\
          \x81\x82\0\0\0\0hi\x81\x83\0\0\0\0you",
    );
    raw.0.shutdown(std::net::Shutdown::Write).expect("open");
    let rest = raw.rest();
    assert!(rest.ends_with(b"\x81\x02hi\x81\x03you"), "{}", String::from_utf8_lossy(&rest));
}

#[test]
fn echo_server_tokio() {
    let (_server, address) = server("echo_server_tokio", &[]);
    judge(&address);
    on_smol(async {
        let url = format!("ws://{address}/");
        converse(longwire_smol::connect(&url).await?.0).await?;
        flood(longwire_smol::connect(&url).await?.0).await
    });
}

#[test]
fn echo_server_smol() {
    let (_server, address) = server("echo_server_smol", &[]);
    judge(&address);
    on_tokio(async {
        let url = format!("ws://{address}/");
        converse(longwire_tokio::connect(&url).await?.0).await?;
        flood(longwire_tokio::connect(&url).await?.0).await
    });
}

#[test]
fn echo_client_tokio() {
    on_smol(async {
        let listener = smol::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/", listener.local_addr()?);
        let client = Running::new("echo_client_tokio", &[&url], "one\ntwo\n\nfour\n");
        let closed = echo(longwire_smol::accept(listener.accept().await?.0).await?).await?;
        assert_eq!(closed.reason, "done");
        is_clean(Some(closed))?;
        let (status, lines) = client.wait();
        assert!(status.success());
        assert_eq!(lines, ["one", "two", "", "four"]);
        Ok(())
    });
}

#[test]
fn echo_client_smol() {
    on_tokio(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/", listener.local_addr()?);
        let client = Running::new("echo_client_smol", &[&url], "one\ntwo\n\nfour\n");
        let closed = echo(longwire_tokio::accept(listener.accept().await?.0).await?).await?;
        assert_eq!(closed.reason, "done");
        is_clean(Some(closed))?;
        let (status, lines) = client.wait();
        assert!(status.success());
        assert_eq!(lines, ["one", "two", "", "four"]);
        Ok(())
    });
}

#[test]
fn echo_clients_say_when_the_connection_is_lost() {
    for name in ["echo_client_tokio", "echo_client_smol"] {
        on_tokio(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            let url = format!("ws://{}/", listener.local_addr()?);
            let client = Running::new(name, &[&url], "one\n");
            // Accepted, then dropped without a closing handshake.
            drop(longwire_tokio::accept(listener.accept().await?.0).await?);
            assert!(!client.wait().0.success(), "{name} succeeded");
            Ok(())
        });
    }
}

#[test]
fn echo_clients_send_many_lines_without_standing_still() {
    let lines: Vec<_> = (0..2_000).map(|n| format!("{n} {}", "x".repeat(1_000))).collect();
    for (client, server_name) in
        [("echo_client_tokio", "echo_server_smol"), ("echo_client_smol", "echo_server_tokio")]
    {
        let (_server, address) = server(server_name, &[]);
        let input = lines.join("\n");
        let (status, echoes) = Running::new(client, &[&format!("ws://{address}")], &input).wait();
        assert!(status.success() && echoes == lines, "{client}: {} echoes", echoes.len());
    }
}

#[test]
fn opening() {
    let (status, lines) = Running::new("opening", &[], "").wait();
    assert!(status.success());
    let begins =
        ["lost: 404 ", "a stranger: 401 ", "another's page: 403 ", "a member: 101 chat.v2"];
    assert_eq!(lines.len(), 5, "{lines:?}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{lines:?}");
    }
    assert_eq!(lines[4], "a member: welcome, ann, to chat.v2");
}

#[test]
fn side_by_side() {
    let run = |runtime| Running::new("side_by_side", &["--runtime", runtime], "").wait();
    let (status, lines) = run("tokio");
    assert!(status.success());
    assert_eq!(lines.len(), 11, "{lines:?}");
    assert_eq!(lines[0], "ping 1");
    assert_eq!(lines[10], r#"1000 "enough", clean: true"#);
    assert_eq!(run("smol"), (status, lines));
    assert!(!run("none").0.success());

    // And it is what it says: the two modules are the same lines, `use`s apart.
    let source = include_str!("../side_by_side.rs");
    let module = |name: &str| {
        let start = source.find(&format!("mod {name} {{\n")).expect("a module");
        let text = source[start..].split("\n}\n").next().expect("an end");
        let lines = text.lines().skip(1).filter(|line| !line.trim().starts_with("use "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(module("on_tokio").len() > 5);
    assert_eq!(module("on_tokio"), module("on_smol"));
}

#[test]
fn compressed() {
    let (status, lines) = Running::new("compressed", &[], "").wait();
    assert!(status.success());
    let waiting = |what: &str| -> Vec<usize> {
        let of_it = lines.iter().filter_map(|line| line.strip_prefix(what)?.strip_prefix(": "));
        of_it.map(|line| line.split(' ').next().expect("a word").parse().expect("n")).collect()
    };
    let (news, secrets) = (waiting("news"), waiting("secret"));
    assert!(news.len() == 2 && news.iter().all(|n| *n < 200), "compressed: {lines:?}");
    assert!(secrets.len() == 2 && secrets.iter().all(|n| *n > 1_600), "not: {lines:?}");
    let received = lines.iter().filter(|line| line.starts_with("received ")).count();
    assert_eq!(received, 4);
}

#[test]
fn blocking() {
    let (status, lines) = Running::new("blocking", &[], "").wait();
    assert!(status.success());
    let said = lines.iter().filter(|line| !line.contains(':')).collect::<Vec<_>>();
    assert_eq!(said, ["hello", "are you there?", "goodbye"]);
    assert!(lines.iter().any(|line| line == "called: 1000 , clean: true"), "{lines:?}");

    let (_server, address) = server("blocking", &["--serve"]);
    judge(&address);
    on_tokio(async {
        let url = format!("ws://{address}/");
        converse(longwire_tokio::connect(&url).await?.0).await?;
        flood(longwire_tokio::connect(&url).await?.0).await
    });
}

#[test]
fn event_loop() {
    let (_server, address) = server("event_loop", &[]);
    judge(&address);
    let url = format!("ws://{address}/");
    on_smol(async {
        converse(longwire_smol::connect(&url).await?.0).await?;
        flood(longwire_smol::connect(&url).await?.0).await
    });
    judge(&address);
}

#[test]
fn event_loop_serves_two_hundred_at_once() {
    let (_server, address) = server("event_loop", &[]);
    let url = format!("ws://{address}/");
    on_tokio(async {
        let open = (0..200).map(|_| longwire_tokio::connect(&url));
        let websockets = try_join_all(open).await?;
        // All are open, and one of them misbehaves.
        let judged = thread::spawn(move || judge(&address));
        let talk = |(n, (mut websocket, _))| async move {
            let websocket: &mut longwire_tokio::WebSocket = &mut websocket;
            for i in 0..20 {
                websocket.send(Message::from(format!("{n} says {i}"))).await?;
                match websocket.next().await {
                    Some(Event::Message(echo)) => {
                        assert_eq!(echo.as_text(), Some(&*format!("{n} says {i}")));
                    }
                    other => return Err(format!("instead of an echo: {other:?}").into()),
                }
            }
            is_clean(websocket.finish(CloseCode::NORMAL, "").await?)
        };
        try_join_all(websockets.into_iter().enumerate().map(talk)).await?;
        judged.join().map_err(|_| "misjudged".into())
    });
}

#[test]
fn event_loop_as_a_room() {
    let (_server, address) = server("event_loop", &["--room"]);
    let mut members: Vec<_> = (0..3).map(|_| Raw::open(&address)).collect();
    for speaker in 0..members.len() {
        members[speaker].write(MASKED_HELLO);
        for member in &mut members {
            assert_eq!(&member.read::<7>(), b"\x81\x05Hello");
        }
    }
    // One leaves, another takes its seat, and leaves without a word.
    for goodbye in [&[0x88, 0x80, 0, 0, 0, 0][..], &[]] {
        let mut gone = members.remove(0);
        gone.write(goodbye);
        gone.0.shutdown(std::net::Shutdown::Write).expect("open");
        gone.rest();
        members.insert(0, Raw::open(&address));
        members[0].write(MASKED_HELLO);
        for member in &mut members {
            assert_eq!(&member.read::<7>(), b"\x81\x05Hello");
        }
    }
}

#[test]
fn a_client_that_says_nothing_is_sent_away() {
    let servers = [server("event_loop", &[]), server("blocking", &["--serve"])];
    let silent: Vec<_> = servers.iter().map(|(_, address)| Raw::connect(address)).collect();
    for mut raw in silent {
        let answer = String::from_utf8_lossy(&raw.rest()).into_owned();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
}

/// The excerpts in the book are cut from code that is tested: the line before each says from where.
/// A line `// ..` stands for what was left out.
#[test]
fn the_book_quotes_what_is_there() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut quoted = 0;
    for page in std::fs::read_dir(root.join("docs")).expect("the book") {
        let page = page.expect("a page").path();
        if page.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&page).expect("text");
        for (before, rest) in text.match_indices("```rust\n").map(|(at, _)| text.split_at(at)) {
            let line = before.trim_end().lines().last().unwrap_or_default();
            let source = line.split('`').find(|word| word.starts_with("examples/"));
            let source = root.join(source.expect("the line before an excerpt names its source"));
            let source = std::fs::read_to_string(&source)
                .unwrap_or_else(|error| panic!("{}: {error}", source.display()));
            let source: Vec<_> = source.lines().map(str::trim).collect();
            let excerpt = rest["```rust\n".len()..].split("\n```").next().unwrap_or_default();
            let mut from = 0;
            for part in excerpt.split("// ..\n") {
                let part: Vec<_> = part.trim().lines().map(str::trim).collect();
                let at = source[from..].windows(part.len()).position(|window| window == part);
                let at = at.unwrap_or_else(|| panic!("{}: {part:#?}", page.display()));
                from += at + part.len();
            }
            quoted += 1;
        }
    }
    assert!(quoted >= 5, "only {quoted} excerpts");
}

#[test]
fn the_book_knows_every_limit() {
    let page = include_str!("../../docs/limits.md");
    for source in [
        include_str!("../../core/src/connection/config.rs"),
        include_str!("../../core/src/handshake/limits.rs"),
        include_str!("../../core/src/session/config.rs"),
        include_str!("../../core/src/session/backoff.rs"),
    ] {
        let items = source.lines().filter_map(|line| line.trim().strip_prefix("pub "));
        for (name, _) in items.filter_map(|item| item.split_once(": ")) {
            if name.contains(' ') {
                continue;
            }
            assert!(page.contains(&format!("`{name}`")), "docs/limits.md lacks {name}");
        }
    }
}
