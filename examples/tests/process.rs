//! Examples as processes. Every wait is bounded.

use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes, on a machine that is busy with something else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An example that runs, until this is dropped.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Running {
    /// With `input` for its standard input, and then the end of it.
    pub(crate) fn new(name: &str, args: &[&str], input: &str) -> Self {
        let mut running = Self::open(name, args);
        let mut stdin = running.stdin.take().expect("piped");
        let input = input.to_owned();
        thread::spawn(move || stdin.write_all(input.as_bytes()));
        running
    }

    /// With a standard input for [`say`](Self::say).
    pub(crate) fn open(name: &str, args: &[&str]) -> Self {
        let mut child = Command::new(example(name))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        // Shown if the test fails.
        let shown = format!("{name}: ");
        let errors = lines(child.stderr.take().expect("piped"), Some(shown));
        let lines = lines(child.stdout.take().expect("piped"), None);
        Self { stdin: child.stdin.take(), child, lines, errors }
    }

    /// The next line of its standard output.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<String>) {
        self.stdin = None;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return (status, self.lines.iter().collect());
            }
            assert!(Instant::now() < deadline, "the example hangs");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// For those who talk with it.
#[allow(dead_code, reason = "each test program uses what it needs")]
impl Running {
    /// One more line for its standard input, which stays open.
    pub(crate) fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("open");
        writeln!(stdin, "{line}").expect("taken");
    }

    /// Skips lines of its standard error until one contains `words`.
    pub(crate) fn error_with(&self, words: &str) -> String {
        self.errors.iter().find(|line| line.contains(words)).expect(words)
    }

    /// The end: exit code, standard output and standard error.
    pub(crate) fn end(mut self) -> (Option<i32>, Vec<String>, Vec<String>) {
        let errors = std::mem::replace(&mut self.errors, channel().1);
        let (status, lines) = self.wait();
        (status.code(), lines, errors.iter().collect())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(from: impl Read + Send + 'static, shown: Option<String>) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if let Some(prefix) = &shown {
                eprintln!("{prefix}{line}");
            }
            let _ = sender.send(line);
        }
    });
    lines
}

/// Beside this test, where `cargo test` puts the examples. (With `--test run`, cargo does not build
/// them: then what is run may be out of date, or not there.)
pub(crate) fn example(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().expect("a path");
    path.pop();
    path.pop();
    path.push("examples");
    path.push(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    path
}
