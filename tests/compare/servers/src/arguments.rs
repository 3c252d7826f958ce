//! The command line.

use std::time::Duration;

const USAGE: &str = "usage: server NAME MODE [--heartbeat SECONDS] | server --list";

pub(crate) enum Arguments {
    List,
    Serve { name: String, mode: Mode, heartbeat: Option<Duration> },
}

/// What a server does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Sends it back.
    Echo,
    /// Sends it to everyone who is connected.
    FanOut,
}

impl Mode {
    const ALL: [Self; 2] = [Self::Echo, Self::FanOut];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::FanOut => "fanout",
        }
    }
}

impl Arguments {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let arguments: Vec<_> = arguments.collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let (name, mode, heartbeat) = match *arguments.as_slice() {
            ["--list"] => return Ok(Self::List),
            [name, mode] => (name, mode, None),
            [name, mode, "--heartbeat", seconds] => (name, mode, Some(parse_seconds(seconds)?)),
            _ => return Err(USAGE.to_owned()),
        };
        let mode = Mode::ALL
            .into_iter()
            .find(|it| it.name() == mode)
            .ok_or_else(|| format!("{mode} is no mode; {USAGE}"))?;
        Ok(Self::Serve { name: name.to_owned(), mode, heartbeat })
    }
}

fn parse_seconds(seconds: &str) -> Result<Duration, String> {
    match seconds.parse::<u32>() {
        Ok(0) | Err(_) => Err(format!("--heartbeat takes whole seconds, at least 1: {seconds}")),
        Ok(seconds) => Ok(Duration::from_secs(seconds.into())),
    }
}
