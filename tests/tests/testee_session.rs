//! `testee session` as a process: its output, its commands and its exit codes are a contract.
#![cfg(feature = "runtimes")]

mod processes;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use longwire::handshake::accept_key;
use serde_json::{Value, json};

use processes::{PATIENCE, Testee, free_port, outcomes};

macro_rules! on_each {
    ($($test:ident),* $(,)?) => {
        mod tokio { $(#[test] fn $test() { super::$test("tokio") })* }
        mod smol { $(#[test] fn $test() { super::$test("smol") })* }
    };
}

on_each!(
    every_message_has_its_outcome_and_the_end_is_in_order,
    a_queue_that_is_full_makes_the_sender_wait_and_loses_nothing,
    a_server_that_is_not_there_yet_is_tried_until_it_is,
    a_refusal_for_good_stops_it_with_status_1,
    too_many_failures_stop_it_with_status_1,
    close_gives_every_message_an_outcome_and_ends_in_order,
    close_while_nobody_is_connected_gives_every_message_an_outcome,
    another_network_is_tried_at_once_and_none_not_at_all,
    suspend_and_resume,
    text_of_any_kind_stays_on_its_line,
    without_messages_it_stays_until_it_is_closed,
);

fn count(events: &[Value], name: &str) -> usize {
    events.iter().filter(|event| event["event"] == name).count()
}

/// The last two events of a session, without its messages.
fn last(events: &[Value]) -> (&Value, &Value) {
    let [.., down, stopped] = events else { panic!("too few events: {events:?}") };
    (down, stopped)
}

fn every_message_has_its_outcome_and_the_end_is_in_order(runtime: &str) {
    let (_server, url) = Testee::serve(runtime, 0);
    for delivery in ["transmitted", "received"] {
        let args = ["session", &url, "--send", "50", "--rate", "1000", "--delivery", delivery];
        let mut session = Testee::start(runtime, &args);
        session.no_more_commands();
        let (events, status, said) = session.end();
        assert!(status.success(), "{said}");
        assert_eq!(events[0], json!({"event": "open", "attempt": 1}));
        assert_eq!(outcomes(&events), (1..=50).map(|n| (n, delivery)).collect::<Vec<_>>());
        let closed = json!({"event": "down", "reason": "closed with code 1000", "retry_ms": null});
        assert_eq!(last(&events), (&closed, &json!({"event": "stopped", "reason": "closed"})));
        let echoes: Vec<_> = events.iter().filter(|event| event["event"] == "message").collect();
        for (n, echo) in echoes.iter().enumerate() {
            assert_eq!(echo["text"], (n + 1).to_string());
        }
        assert_eq!(said, "");
    }
}

fn a_queue_that_is_full_makes_the_sender_wait_and_loses_nothing(runtime: &str) {
    let (_server, url) = Testee::serve(runtime, 0);
    let args = ["session", &url, "--send", "5000", "--rate", "1000000"];
    let (events, status, said) = Testee::start(runtime, &args).end();
    assert!(status.success(), "{said}");
    assert_eq!(outcomes(&events), (1..=5000).map(|n| (n, "received")).collect::<Vec<_>>());
}

fn a_server_that_is_not_there_yet_is_tried_until_it_is(runtime: &str) {
    let port = free_port();
    let url = format!("ws://127.0.0.1:{port}/");
    let args = ["session", &url, "--send", "20", "--backoff", "1,20"];
    let session = Testee::start(runtime, &args);
    for _ in 0..3 {
        let down = session.event().expect("an event");
        assert_eq!(down["event"], "down");
        assert_eq!(down["reason"], "the host refused the connection");
        assert!(down["retry_ms"].as_u64().is_some_and(|ms| ms <= 20), "{down}");
    }
    let (_server, _) = Testee::serve(runtime, port);
    assert!(session.until("open")["attempt"].as_u64().is_some_and(|attempt| attempt > 3));
    let (events, status, said) = session.end();
    assert!(status.success(), "{said}");
    assert_eq!(outcomes(&events), (1..=20).map(|n| (n, "received")).collect::<Vec<_>>());
}

/// A server whose first connection is `serve`'s, with its request read.
fn raw(serve: impl FnOnce(TcpStream, &str) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a request");
            request.push(char::from(byte[0]));
        }
        serve(stream, &request);
    });
    url
}

fn a_refusal_for_good_stops_it_with_status_1(runtime: &str) {
    let url = raw(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    });
    let (events, status, said) = Testee::start(runtime, &["session", &url, "--send", "3"]).end();
    assert_eq!(status.code(), Some(1));
    let down = &events[0];
    assert_eq!((&down["event"], &down["retry_ms"]), (&json!("down"), &Value::Null));
    assert!(down["reason"].as_str().is_some_and(|reason| reason.contains("403")), "{down}");
    assert_eq!(count(&events, "stopped"), 1);
    assert_eq!(last(&events).1["event"], "stopped");
    assert!(outcomes(&events).iter().all(|(_, outcome)| *outcome == "lost"));
    assert_eq!(said.lines().count(), 1, "{said}");
}

fn too_many_failures_stop_it_with_status_1(runtime: &str) {
    let url = format!("ws://127.0.0.1:{}/", free_port());
    let args = ["session", &url, "--send", "3", "--profile", "socket_rocket", "--backoff", "1,2"];
    let (events, status, _) = Testee::start(runtime, &args).end();
    assert_eq!(status.code(), Some(1));
    let retries: Vec<_> = events.iter().filter(|event| event["event"] == "down").collect();
    let delays: Vec<_> = retries.iter().map(|down| down["retry_ms"].as_u64()).collect();
    let mut expected = vec![Some(2); 11];
    (expected[0], expected[10]) = (Some(1), None);
    assert_eq!(delays, expected, "ten retries, 2^n up to the cap");
    assert_eq!(count(&events, "stopped"), 1);
}

fn close_gives_every_message_an_outcome_and_ends_in_order(runtime: &str) {
    let (_server, url) = Testee::serve(runtime, 0);
    let mut session = Testee::start(runtime, &["session", &url, "--send", "100000"]);
    let mut seen = vec![session.until("outcome")];
    session.command("close");
    let (events, status, said) = session.end();
    assert!(status.success(), "{said}");
    seen.extend(events);
    let settled = outcomes(&seen);
    let count = settled.len() as u64;
    assert!(count < 100_000);
    assert_eq!(settled, (1..=count).map(|n| (n, "received")).collect::<Vec<_>>());
    assert_eq!(last(&seen).0["reason"], "closed with code 1000");
}

fn close_while_nobody_is_connected_gives_every_message_an_outcome(runtime: &str) {
    let url = format!("ws://127.0.0.1:{}/", free_port());
    let args = ["session", &url, "--send", "70", "--rate", "1000000", "--backoff", "1,1"];
    let mut session = Testee::start(runtime, &args);
    for _ in 0..3 {
        session.until("down");
    }
    session.command("close");
    let (events, status, said) = session.end();
    assert!(status.success(), "{said}");
    assert_eq!(outcomes(&events), (1..=70).map(|n| (n, "lost")).collect::<Vec<_>>());
    assert_eq!(last(&events).1, &json!({"event": "stopped", "reason": "closed"}));
}

fn another_network_is_tried_at_once_and_none_not_at_all(runtime: &str) {
    let port = free_port();
    let url = format!("ws://127.0.0.1:{port}/");
    // Whatever happens within the test does not happen because the back-off is over.
    let backoff = "3600000,3600000";
    let args = ["session", &url, "--profile", "socket_rocket", "--backoff", backoff];
    let mut session = Testee::start(runtime, &args);
    assert_eq!(session.until("down")["retry_ms"], 3_600_000);
    let (server, _) = Testee::serve(runtime, port);
    // There is a network, as there was: that is no news. Another one is.
    session.command("online");
    session.command("changed");
    assert_eq!(session.event(), Some(json!({"event": "open", "attempt": 2})));
    session.command("offline");
    session.obeyed();
    drop(server);
    let down = session.event().expect("an event");
    assert_eq!((&down["event"], &down["retry_ms"]), (&json!("down"), &Value::Null));
    let (_server, _) = Testee::serve(runtime, port);
    session.command("online");
    assert_eq!(session.event(), Some(json!({"event": "open", "attempt": 3})));
    session.command("close");
    assert!(session.end().1.success());
}

fn suspend_and_resume(runtime: &str) {
    let (_server, url) = Testee::serve(runtime, 0);
    let args = ["session", &url, "--send", "2000", "--rate", "10000"];
    let mut session = Testee::start(runtime, &args);
    let mut seen = vec![session.until("outcome")];
    session.command("suspend");
    loop {
        let event = session.event().expect("an end");
        let is_down = event["event"] == "down";
        seen.push(event);
        if is_down {
            break;
        }
    }
    let down = json!({"event": "down", "reason": "closed with code 1001", "retry_ms": null});
    assert_eq!(seen.last(), Some(&down));
    session.command("resume");
    let (events, status, said) = session.end();
    assert!(status.success(), "{said}");
    seen.extend(events);
    assert!(seen.contains(&json!({"event": "open", "attempt": 2})));
    assert_eq!(outcomes(&seen), (1..=2000).map(|n| (n, "received")).collect::<Vec<_>>());
}

fn text_of_any_kind_stays_on_its_line(runtime: &str) {
    const TEXT: &str = "\"quoted\" \\ \r\n\t\0 é☃😀 \u{7f}\u{85}\u{2028}";
    let url = raw(|mut stream, request| {
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = accept_key(key.expect("a key").as_bytes());
        let accept = accept.map(char::from).iter().collect::<String>();
        let mut answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .into_bytes();
        answer.extend([0x81, u8::try_from(TEXT.len()).expect("short")]);
        answer.extend(TEXT.as_bytes());
        stream.write_all(&answer).expect("an answer");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let session = Testee::start(runtime, &["session", &url, "--backoff", "1,1"]);
    assert_eq!(session.until("message")["text"], TEXT);
}

fn without_messages_it_stays_until_it_is_closed(runtime: &str) {
    let (_server, url) = Testee::serve(runtime, 0);
    let mut session = Testee::start(runtime, &["session", &url]);
    session.until("open");
    session.command("close");
    let (events, status, said) = session.end();
    assert!(status.success(), "{said}");
    assert_eq!(events.len(), 2, "{events:?}");
}

#[test]
fn what_is_no_invocation_ends_with_status_2() {
    const URL: &str = "ws://127.0.0.1:9/";
    for args in [
        &["session"][..],
        &["session", URL, URL],
        &["session", URL, "--send", "many"],
        &["session", URL, "--send"],
        &["session", URL, "--rate", "0"],
        &["session", URL, "--delivery", "acknowledged"],
        &["session", URL, "--profile", "starscream"],
        &["session", URL, "--backoff", "100"],
        &["session", URL, "--backoff", "100,ten"],
        &["session", URL, "--backoff", "100,10"],
        &["session", URL, "--port", "1"],
        &["session", URL, "--agent", "me"],
        &["session", URL, "--nonsense"],
        &["connect", URL, "--send", "1"],
        &["serve", "--port", "0", "--backoff", "1,2"],
    ] {
        let (events, status, said) = Testee::start("tokio", args).end();
        assert_eq!((status.code(), events.len()), (Some(2), 0), "{args:?}: {said}");
        assert!(said.contains("usage: testee"), "{args:?}: {said}");
    }
    for url in ["ftp://127.0.0.1:9/", "wss://127.0.0.1:9/", "ws://"] {
        let (events, status, said) = Testee::start("smol", &["session", url]).end();
        assert_eq!((status.code(), events.len()), (Some(1), 0), "{url}: {said}");
        assert_eq!(said.lines().count(), 1, "{url}: {said}");
    }
}
