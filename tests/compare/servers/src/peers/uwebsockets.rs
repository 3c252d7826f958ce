//! uWebSockets: a program of its own, which this one becomes.

use std::error::Error;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::arguments::Mode;

pub(crate) const NAME: &str = "uwebsockets";
pub(crate) const MODES: &[Mode] = &[Mode::Echo, Mode::FanOut];

/// Where `uwebsockets/build.sh` put it, if it did.
pub(crate) fn program() -> io::Result<Option<PathBuf>> {
    let program = std::env::current_exe()?.with_file_name(NAME);
    Ok(program.is_file().then_some(program))
}

/// Under the same process number, so that whoever started this one measures that one.
pub(crate) fn become_it(mode: Mode, heartbeat: Option<Duration>) -> Result<(), Box<dyn Error>> {
    let program = program()?.ok_or("it is not built: uwebsockets/build.sh, in tests/compare")?;
    let mut command = Command::new(program);
    command.arg(mode.name());
    if let Some(every) = heartbeat {
        command.arg("--heartbeat").arg(every.as_secs().to_string());
    }
    Err(command.exec().into())
}
