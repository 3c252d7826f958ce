//! The servers: one program, started anew for each measurement.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use longwire_load::Server;

/// Those that are measured, ours first: two of our own, what sockets cost alone, and two peers, of
/// which one is C++ and keeps no buffers, and the other the best known in Rust.
pub(crate) const NAMES: [&str; 5] =
    ["longwire-tokio", "longwire-smol", "raw-tokio", "uwebsockets", "tokio-tungstenite"];

/// Whether growth is held against it.
pub(crate) fn is_ours(name: &str) -> bool {
    name.starts_with("longwire-")
}

fn is_raw(name: &str) -> bool {
    name.starts_with("raw-")
}

#[derive(Debug)]
pub(crate) struct Servers {
    program: PathBuf,
    /// What the program can be, as it lists itself: a name and its modes.
    listed: Vec<(String, String)>,
}

impl Servers {
    pub(crate) fn new(program: &Path) -> Result<Self, Box<dyn Error>> {
        let output = Command::new(program).arg("--list").stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("{} --list: {}", program.display(), output.status).into());
        }
        let text = String::from_utf8(output.stdout)?;
        let parse = |line: &str| {
            let (name, modes) = line.split_once(' ').ok_or_else(|| format!("no modes: {line}"))?;
            Ok::<_, String>((name.to_owned(), modes.to_owned()))
        };
        let listed = text.lines().map(parse).collect::<Result<_, _>>()?;
        let servers = Self { program: program.to_owned(), listed };
        for name in NAMES {
            if !servers.listed.iter().any(|(listed, _)| listed == name) {
                if is_ours(name) {
                    return Err(format!("{} does not list {name}", program.display()).into());
                }
                eprintln!("scale: {name} is left out, the program does not list it");
            }
        }
        Ok(servers)
    }

    /// Those that have this mode.
    pub(crate) fn with_mode(&self, mode: &str) -> Vec<&'static str> {
        let has = |name: &str| {
            let listed = self.listed.iter().find(|(listed, _)| listed == name);
            listed.is_some_and(|(_, modes)| modes.split(',').any(|it| it.trim() == mode))
        };
        NAMES.into_iter().filter(|name| has(name)).collect()
    }

    /// Starts one, and waits until it listens.
    pub(crate) fn start(&self, name: &str, mode: &str) -> Result<Started, Box<dyn Error>> {
        let mut child = Command::new(&self.program)
            .args([name, mode])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take();
        let running = Running(child);
        let (said, hear) = mpsc::channel();
        // Reads on to the end, so that a server that says more does not meet a closed pipe.
        thread::spawn(move || {
            for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
                let Ok(line) = line else { return };
                let _ = said.send(line);
            }
        });
        let line = hear
            .recv_timeout(Duration::from_secs(10))
            .map_err(|_| "it did not say within ten seconds that it listens, or ended before")?;
        let address =
            line.strip_prefix("listening on ").ok_or_else(|| format!("it said: {line}"))?;
        let server = Server::new(address)?.with_pid(running.0.id());
        Ok(Started { server: if is_raw(name) { server.raw() } else { server }, _running: running })
    }
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) server: Server,
    _running: Running,
}

/// A process that is killed when this is dropped.
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
