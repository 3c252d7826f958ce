//! The servers: one program, started anew for each cell.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use longwire_load::Server;

/// A server that the program can be.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) name: String,
    modes: Vec<String>,
}

impl Program {
    /// Whether it is a yardstick, which echoes bytes and knows no WebSocket.
    pub(crate) fn is_raw(&self) -> bool {
        is_raw(&self.name)
    }

    pub(crate) fn has_mode(&self, mode: &str) -> bool {
        self.modes.iter().any(|it| it == mode)
    }
}

pub(crate) fn is_raw(name: &str) -> bool {
    name.starts_with("raw-")
}

#[derive(Debug)]
pub(crate) struct Servers {
    program: PathBuf,
}

impl Servers {
    pub(crate) fn new(program: Option<PathBuf>) -> Result<Self, Box<dyn Error>> {
        let program = match program {
            Some(program) => program,
            None => std::env::current_exe()?.with_file_name("server"),
        };
        if !program.is_file() {
            let program = program.display();
            return Err(format!(
                "{program} is not there: cargo build --release in tests/compare, or --program PATH"
            )
            .into());
        }
        Ok(Self { program })
    }

    /// What the program can be.
    pub(crate) fn list(&self) -> Result<Vec<Program>, Box<dyn Error>> {
        let output = Command::new(&self.program).arg("--list").stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("{} --list: {}", self.program.display(), output.status).into());
        }
        let text = String::from_utf8(output.stdout)?;
        let parse = |line: &str| {
            let (name, modes) = line.split_once(' ').ok_or_else(|| format!("no modes: {line}"))?;
            let modes = modes.split(',').map(|mode| mode.trim().to_owned()).collect();
            Ok(Program { name: name.to_owned(), modes })
        };
        text.lines().map(parse).collect()
    }

    /// Starts one, and waits until it listens.
    pub(crate) fn start(
        &self,
        program: &Program,
        mode: &str,
        heartbeat: Option<u32>,
    ) -> Result<Running, Box<dyn Error>> {
        let mut command = Command::new(&self.program);
        command.args([&program.name, mode]).stdin(Stdio::null()).stdout(Stdio::piped());
        if let Some(seconds) = heartbeat {
            command.args(["--heartbeat", &seconds.to_string()]);
        }
        let mut child = command.spawn()?;
        let stdout = child.stdout.take();
        let mut running = Running { child, address: String::new() };
        let (said, hear) = mpsc::channel();
        // Reads on to the end, so that a server that says more does not meet a closed pipe.
        thread::spawn(move || {
            for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
                let Ok(line) = line else { return };
                let _ = said.send(line);
            }
        });
        let line = hear.recv_timeout(Duration::from_secs(10)).map_err(|_| {
            "it did not say within ten seconds that it listens, or ended before".to_owned()
        })?;
        let address = line.strip_prefix("listening on ");
        running.address = address.ok_or_else(|| format!("it said: {line}"))?.to_owned();
        Ok(running)
    }
}

/// A server that is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    address: String,
}

impl Running {
    /// Where to put it under load.
    pub(crate) fn server(&self, program: &Program) -> Result<Server, Box<dyn Error>> {
        let server = Server::new(&self.address)?.with_pid(self.child.id());
        Ok(if program.is_raw() { server.raw() } else { server })
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
