//! Programs of this package as children, which do not outlive the test.

use core::time::Duration;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use serde_json::Value;

/// How long a test may hang before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// `testee`, and the lines that it prints.
pub(crate) struct Testee {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    complaints: Receiver<String>,
}

impl Testee {
    pub(crate) fn start(runtime: &str, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_testee"))
            .args(args)
            .args(["--runtime", runtime])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("testee starts");
        let lines = lines_of(child.stdout.take().expect("its output"));
        let complaints = lines_of(child.stderr.take().expect("its complaints"));
        let stdin = child.stdin.take();
        Self { child, stdin, lines, complaints }
    }

    /// `testee serve`, and its URL.
    pub(crate) fn serve(runtime: &str, port: u16) -> (Self, String) {
        let server = Self::start(runtime, &["serve", "--port", &port.to_string()]);
        let line = next(&server.lines).expect("a line");
        let url = line.strip_prefix("listening on ").expect("where it listens").to_owned();
        (server, url)
    }

    pub(crate) fn command(&mut self, command: &str) {
        writeln!(self.stdin.as_mut().expect("open"), "{command}").expect("it reads commands");
    }

    /// Waits until it has obeyed the commands before.
    pub(crate) fn obeyed(&mut self) {
        self.command("obeyed?");
        let complaint = next(&self.complaints).expect("an answer");
        assert!(complaint.ends_with("no such command: obeyed?"), "{complaint}");
    }

    /// Its standard input ends.
    pub(crate) fn no_more_commands(&mut self) {
        self.stdin = None;
    }

    /// The next event; none when there are no more.
    pub(crate) fn event(&self) -> Option<Value> {
        let line = next(&self.lines)?;
        Some(serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}")))
    }

    /// The next event of this name. Others are passed over.
    pub(crate) fn until(&self, name: &str) -> Value {
        loop {
            let event = self.event().unwrap_or_else(|| panic!("ended without {name}"));
            if event["event"] == name {
                return event;
            }
        }
    }

    /// All events to the end, and how the process ended: its status, and what it said.
    pub(crate) fn end(mut self) -> (Vec<Value>, ExitStatus, String) {
        let mut events = Vec::new();
        while let Some(event) = self.event() {
            events.push(event);
        }
        let status = self.child.wait().expect("it ends");
        let said: Vec<_> = core::iter::from_fn(|| next(&self.complaints)).collect();
        (events, status, said.join("\n"))
    }
}

fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// The next line; none when the output has ended.
fn next(lines: &Receiver<String>) -> Option<String> {
    match lines.recv_timeout(PATIENCE) {
        Ok(line) => Some(line),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => panic!("hangs"),
    }
}

impl Drop for Testee {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The numbers and outcomes among `events`.
pub(crate) fn outcomes(events: &[Value]) -> Vec<(u64, &str)> {
    let outcomes = events.iter().filter(|event| event["event"] == "outcome");
    outcomes
        .map(|event| {
            let n = event["n"].as_u64().expect("a number");
            (n, event["outcome"].as_str().expect("an outcome"))
        })
        .collect()
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
