//! Runs the clients that stay connected as processes, against a server that does not stay.

mod process;
mod server;

/// The client again, for the tests of its parts: cargo builds an example to be run or to be tested, not both.
#[allow(dead_code, reason = "its `main` is run as a process")]
#[path = "../client/main.rs"]
mod parts;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use longwire::CloseCode;
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use process::Running;
use server::Server;

const RUNTIMES: [&str; 2] = ["tokio", "smol"];

/// A port at which nobody listens, and nobody will while the socket is kept.
fn nobody() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let url = format!("ws://{}/", socket.local_addr().expect("bound"));
    (socket, url)
}

/// The client, with a back-off that does not keep anybody waiting.
fn client(runtime: &str, url: &str, more: &[&str]) -> Running {
    let args = ["--runtime", runtime, "--backoff", "20,100", url];
    Running::open("client", &args.into_iter().chain(more.iter().copied()).collect::<Vec<_>>())
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// The next object of this kind on standard output; others are skipped.
fn event(client: &Running, kind: &str) -> Value {
    loop {
        let value = parsed(&client.line());
        if value["event"] == kind {
            return value;
        }
    }
}

#[test]
fn a_pipe_is_echoed_and_every_line_has_its_outcome() {
    for runtime in RUNTIMES {
        let server = Server::start();
        for (delivery, outcome) in [("received", "received"), ("transmitted", "transmitted")] {
            let mut client =
                client(runtime, &server.url(), &["--delivery", delivery, "--linger", "0.5"]);
            for line in ["one", "", "/three is no command", "fo\tur \x1b[2J"] {
                client.say(line);
            }
            let (code, lines, errors) = client.end();
            assert_eq!(code, Some(0), "{errors:?}");
            assert_eq!(lines, ["one", "", "/three is no command", r"fo\tur \u{1b}[2J"]);
            for n in 1..=4 {
                assert!(errors.contains(&format!("  #{n} {outcome}")), "{errors:?}");
            }
            assert_eq!(errors.last().map(String::as_str), Some("* stopped: closed"));
            let closed = server.closed();
            assert!(closed.clean && closed.code == CloseCode::NORMAL, "{closed:?}");
        }
    }
}

#[test]
fn json_is_one_object_a_line() {
    for runtime in RUNTIMES {
        let server = Server::start();
        let url = server.url();
        let args = ["--runtime", runtime, "--json", &url];
        let (status, lines) = Running::new("client", &args, "one\ntw\"o\r\nthree").wait();
        assert!(status.success());
        let lines: Vec<Value> = lines.iter().map(|line| parsed(line)).collect();
        let of = |kind: &str| -> Vec<Value> {
            lines.iter().filter(|line| line["event"] == kind).cloned().collect()
        };
        assert_eq!(lines.first(), Some(&json!({"event": "connecting", "attempt": 1})));
        assert_eq!(of("open")[0]["attempt"], 1);
        let texts = ["one", "tw\"o", "three"].map(|text| json!({"event": "message", "text": text}));
        assert_eq!(of("message"), texts);
        let outcome =
            |n| json!({"event": "outcome", "n": n, "outcome": "received", "transmissions": 1});
        assert_eq!(of("outcome"), [1, 2, 3].map(outcome));
        assert_eq!(of("down")[0]["retry_ms"], Value::Null);
        assert_eq!(lines.last(), Some(&json!({"event": "stopped", "reason": "closed"})));
    }
}

#[test]
fn more_lines_than_the_queue_holds_wait_for_room() {
    for runtime in RUNTIMES {
        let server = Server::start();
        let url = server.url();
        let input: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
        let args = ["--runtime", runtime, "--quiet", &url];
        let (status, lines) = Running::new("client", &args, &input.join("\n")).wait();
        assert!(status.success());
        assert!(lines == input, "{} lines", lines.len());
    }
}

#[test]
fn a_line_for_which_there_will_never_be_room_is_not_waited_for() {
    let server = Server::start();
    let url = server.url();
    let input = format!("{}\nsmall", "x".repeat(9 << 20));
    let client = Running::new("client", &["--quiet", &url], &input);
    let (code, lines, errors) = client.end();
    assert_eq!((code, lines), (Some(1), vec![String::from("small")]));
    assert_eq!(errors, ["! not sent: the send queue is full"]);
}

#[test]
fn what_is_typed_while_the_server_restarts_arrives_in_order() {
    for runtime in RUNTIMES {
        let server = Server::start();
        let address = server.address;
        let mut client = client(runtime, &server.url(), &["--json", "--linger", "0.2"]);
        client.say("0");
        assert_eq!(event(&client, "message")["text"], "0");
        event(&client, "outcome");
        drop(server);
        assert!(event(&client, "down")["retry_ms"].is_u64());
        let typed: Vec<String> = (1..=50).map(|n| n.to_string()).collect();
        for line in &typed {
            client.say(line);
        }
        // It has seen that nobody is there.
        event(&client, "down");
        let server = Server::start_at(address);
        let mut messages = Vec::new();
        let mut outcomes = Vec::new();
        while messages.len() < 50 || outcomes.len() < 50 {
            let value = parsed(&client.line());
            match value["event"].as_str() {
                Some("message") => messages.push(value["text"].as_str().expect("text").to_owned()),
                Some("outcome") => outcomes.push((value["n"].clone(), value["outcome"].clone())),
                Some("repeated") => panic!("none of them had left: {value}"),
                _ => {}
            }
        }
        assert_eq!(messages, typed);
        assert_eq!(outcomes, (2..=51).map(|n| (json!(n), json!("received"))).collect::<Vec<_>>());
        assert_eq!(client.end().0, Some(0));
        assert!(server.closed().clean);
    }
}

#[test]
fn what_is_not_delivered_is_said_and_costs_the_exit_code() {
    for runtime in RUNTIMES {
        let (_kept, nobody) = nobody();
        // Nobody listens: retries are used up, or time is.
        for (more, why) in [
            (&["--retries", "1"], "stopped: failed, too many times in a row"),
            (&["--wait", "0.3"], "stopped: closed"),
        ] {
            let mut client = client(runtime, &nobody, more);
            client.say("hello?");
            let (code, lines, errors) = client.end();
            assert_eq!((code, lines.len()), (Some(1), 0), "{errors:?}");
            assert!(errors.contains(&String::from("! #1 lost: stopped")), "{errors:?}");
            assert_eq!(errors.last(), Some(&format!("* {why}")));
        }
        // There is nothing to send, and nobody to be connected to.
        assert_eq!(client(runtime, &nobody, &["--wait", "0.1"]).end().0, Some(1));
        let server = Server::start();
        assert_eq!(client(runtime, &server.url(), &["--wait", "30"]).end().0, Some(0));

        // Sent away, for good.
        let mut client = client(runtime, &server.url(), &[]);
        client.say("go away");
        client.error_with("closed with code 1008, \"as you like\"");
        let (code, _, errors) = client.end();
        assert_eq!(code, Some(1));
        assert_eq!(
            errors.last().map(String::as_str),
            Some("* stopped: failed, and not worth another try")
        );
    }
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    for args in [&[][..], &["--runtime", "none", "ws://a"], &["wss://a"], &["ws://"], &["--wait"]] {
        let (code, lines, errors) = Running::open("client", args).end();
        assert_eq!((code, lines.len()), (Some(2), 0), "{args:?}");
        assert_eq!(errors.last().map(String::as_str), Some("try: client --help"));
    }
    let (code, lines, _) = Running::open("client", &["--help"]).end();
    assert_eq!(code, Some(0));
    assert!(lines.iter().any(|line| line.starts_with("exit status")));
}

#[test]
fn once_stops_at_the_first_answer() {
    for runtime in RUNTIMES {
        let server = Server::start();
        let mut client = client(runtime, &server.url(), &["--once"]);
        client.say("question");
        let (code, lines, _) = client.end();
        assert_eq!((code, lines), (Some(0), vec![String::from("question")]));
    }
}

#[test]
fn commands_work_in_a_pipe_if_asked_for() {
    for runtime in RUNTIMES {
        let server = Server::start();
        let mut client = client(runtime, &server.url(), &["--commands", "--json"]);
        event(&client, "open");
        client.say("/ping");
        assert!(event(&client, "pong")["round_trip_us"].is_u64());
        client.say("/suspend");
        assert_eq!(event(&client, "down")["retry_ms"], Value::Null);
        assert_eq!(server.closed().code, CloseCode::GOING_AWAY);
        client.say("taken back");
        client.say("//kept");
        client.say("/cancel 1");
        assert_eq!(event(&client, "outcome")["outcome"], "cancelled");
        client.say("/offline");
        client.say("/resume");
        client.say("/nonsense");
        event(&client, "refused");
        client.say("/online");
        assert_eq!(event(&client, "open")["queued"], 1);
        assert_eq!(event(&client, "message")["text"], "/kept");
        assert_eq!(event(&client, "outcome")["outcome"], "received");
        client.say("/close 3000 lunch");
        let closed = server.closed();
        assert_eq!((closed.code.get(), &*closed.reason), (3000, "lunch"));
        let (code, lines, _) = client.end();
        assert_eq!(code, Some(0), "what was taken back was not lost: {lines:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_closes_in_order() {
    for runtime in RUNTIMES {
        let server = Server::start();
        let client = client(runtime, &server.url(), &[]);
        client.error_with("connected");
        let kill = ["-INT", &client.pid().to_string()].map(str::to_owned);
        assert!(std::process::Command::new("kill").args(kill).status().expect("kill").success());
        assert!(server.closed().clean);
        // Its input has not ended, it has.
        client.error_with("stopped: closed");
        assert_eq!(client.end().0, Some(0));
    }
}

#[test]
fn headers_and_subprotocols_are_asked_for_at_each_attempt() {
    for runtime in RUNTIMES {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("ws://{}/room?a=b", listener.local_addr().expect("bound"));
        let more = ["--header", "X-Token: s3cret", "--subprotocol", "chat", "--subprotocol", "v2"];
        let client =
            client(runtime, &url, &[&more[..], &["--retries", "1", "--wait", "60"]].concat());
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().expect("an attempt");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a request");
                head.extend(byte);
            }
            let head = String::from_utf8_lossy(&head);
            for line in
                ["GET /room?a=b HTTP/1.1", "X-Token: s3cret", "Sec-WebSocket-Protocol: chat, v2"]
            {
                assert!(head.lines().any(|found| found.eq_ignore_ascii_case(line)), "{head}");
            }
            stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").expect("taken");
        }
        assert_eq!(client.end().0, Some(1));
    }
}

#[test]
fn reconnecting_client() {
    let server = Server::start();
    let address = server.address;
    let mut client = Running::open("reconnecting_client", &[&server.url()]);
    client.say("one");
    assert_eq!(client.line(), "one");
    client.error_with("1: received");
    drop(server);
    client.error_with("Retry");
    client.say("two");
    client.say("three");
    let server = Server::start_at(address);
    assert_eq!([client.line(), client.line()], ["two", "three"]);
    let (code, _, errors) = client.end();
    assert_eq!(code, Some(0), "{errors:?}");
    assert!(server.closed().clean);
}

#[test]
fn session_blocking() {
    let server = Server::start();
    let address = server.address;
    drop(server);
    let url = format!("ws://{address}/");
    let client = Running::new("session_blocking", &[&url], "one\ntwo\n");
    client.error_with("Retry");
    let server = Server::start_at(address);
    assert_eq!([client.line(), client.line()], ["one", "two"]);
    client.error_with("1: received");
    client.error_with("2: received");
    let (code, lines, errors) = client.end();
    assert_eq!((code, lines), (Some(0), Vec::new()), "{errors:?}");
    assert!(server.closed().clean);
}

#[test]
fn delegate() {
    let server = Server::start();
    let (code, lines, _) = Running::open("delegate", &[&server.url()]).end();
    assert_eq!(code, Some(0));
    let told = ["open", "message: How are you?", "message 1 was received"];
    assert_eq!(lines[..3], told);
    assert_eq!(lines[3..], [r#"closed: 1000 "", clean: true"#, "closed"]);
}

#[test]
fn both_ends() {
    let (code, lines, _) = Running::open("both_ends", &[]).end();
    assert_eq!(code, Some(0));
    let first = ["connected, attempt 1", "received: one"];
    let then = ["connected, attempt 2", "received: two", "received: three", "closed"];
    assert_eq!(lines, [&first[..], &then].concat());
}
