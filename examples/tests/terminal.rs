//! The client on a terminal: its status line, what is printed above it, and how it leaves.
#![cfg(unix)]

#[allow(dead_code, reason = "each test program uses what it needs")]
mod process;
mod server;

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use process::{PATIENCE, example};
use server::Server;

/// The client, and a pseudo-terminal that it runs on.
struct Terminal {
    client: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// What was written that has not been looked for yet.
    seen: String,
    tty: File,
}

impl Terminal {
    fn open(args: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("ours");
        unlockpt(&master).expect("ours");
        let size = Winsize { ws_row: 24, ws_col: 70, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("a terminal");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let path = OsStr::from_bytes(name.to_bytes());
        let tty = OpenOptions::new().read(true).write(true).open(path).expect("a terminal");
        let stdio = || Stdio::from(tty.try_clone().expect("a handle"));
        let client = Command::new(example("client"))
            .args(args)
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .expect("the client");
        let keyboard = File::from(master);
        let mut screen = keyboard.try_clone().expect("a handle");
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = screen.read(&mut bytes) {
                let _ = sender.send(bytes[..n].to_vec());
            }
        });
        Self { client, keyboard, screen: receiver, seen: String::new(), tty }
    }

    fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("taken");
    }

    /// Waits until `text` has been written, behind what was waited for before.
    fn shows(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        let at = loop {
            if let Some(at) = self.seen.find(text) {
                break at;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let bytes = self.screen.recv_timeout(left);
            let bytes = bytes.unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.seen));
            // A character may come in two parts, but none that is looked for: they are ASCII.
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        };
        self.seen.drain(..at + text.len());
    }

    fn exit_code(mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.client.try_wait().expect("a child") {
                let modes = tcgetattr(&self.tty).expect("a terminal").local_modes;
                assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO), "left as it was");
                return status.code();
            }
            assert!(Instant::now() < deadline, "the client hangs");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

#[test]
fn the_status_line_shows_how_the_connection_is() {
    for runtime in ["tokio", "smol"] {
        let server = Server::start();
        let address = server.address;
        let url = server.url();
        let mut terminal = Terminal::open(&["--runtime", runtime, "--backoff", "100,400", &url]);
        terminal.shows("connected, attempt 1");
        terminal.shows("queue empty");
        terminal.keys("helo\x1b[Dl\r");
        terminal.shows("> #1 hello");
        terminal.shows("#1 received");
        terminal.keys("/ping\r");
        terminal.shows("pong after ");
        terminal.shows("round trip ");
        drop(server);
        terminal.shows("disconnected: ");
        terminal.shows("waiting");
        terminal.shows("next try in 1 s");
        terminal.keys("later\r/cancel 7\r");
        terminal.shows("> #2 later");
        terminal.shows("#7 has its outcome, or was never sent");
        terminal.shows("queue 1");
        let server = Server::start_at(address);
        terminal.shows("connected, attempt ");
        terminal.shows("< later");
        terminal.shows("#2 received");
        // Ctrl-C.
        terminal.keys("\x03");
        terminal.shows("stopped: closed");
        assert_eq!(terminal.exit_code(), Some(0));
        assert!(server.closed().clean);
    }
}

#[test]
fn a_second_interrupt_quits_at_once() {
    // Accepts, and says nothing at all.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    let mut terminal = Terminal::open(&[&url]);
    terminal.shows("connecting");
    terminal.keys("lost\r");
    terminal.shows("> #1 lost");
    terminal.keys("\x03\x03");
    terminal.shows("#1 lost: stopped");
    assert_eq!(terminal.exit_code(), Some(1));
}
