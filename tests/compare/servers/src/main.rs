//! Every peer as the same server: `server NAME MODE [--heartbeat SECONDS]`, `server --list`.
//!
//! One thread, `TCP_NODELAY`, no compression, text checked, messages of 64 MiB and less.
#![forbid(unsafe_code)]

mod arguments;
mod beat;
mod mailbox;
mod peers;
mod room;
mod runtime;
mod sink;
mod upgrade;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use arguments::{Arguments, Mode};
use peers::{PEERS, uwebsockets};

/// The longest message and frame that passes.
const MESSAGE_LIMIT: usize = 64 << 20;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let Arguments::Serve { name, mode, heartbeat } = Arguments::parse(std::env::args().skip(1))?
    else {
        return Ok(list()?);
    };
    if name == uwebsockets::NAME {
        return uwebsockets::become_it(mode, heartbeat);
    }
    let peer = PEERS
        .iter()
        .find(|peer| peer.name == name)
        .ok_or_else(|| format!("nobody is called {name}: see --list"))?;
    if !peer.modes.contains(&mode) {
        return Err(format!("{name} has no mode {}: see --list", mode.name()).into());
    }
    let listener = runtime::listen()?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on {}", listener.local_addr()?)?;
    stdout.flush()?;
    drop(stdout);
    Ok((peer.serve)(listener, mode, heartbeat)?)
}

fn list() -> io::Result<()> {
    let mut listed: Vec<_> = PEERS.iter().map(|peer| (peer.name, peer.modes)).collect();
    if uwebsockets::program()?.is_some() {
        listed.push((uwebsockets::NAME, uwebsockets::MODES));
    }
    let mut stdout = io::stdout().lock();
    for (name, modes) in listed {
        let modes: Vec<_> = modes.iter().copied().map(Mode::name).collect();
        writeln!(stdout, "{name} {}", modes.join(","))?;
    }
    stdout.flush()
}
