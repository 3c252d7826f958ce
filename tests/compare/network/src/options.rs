//! The command line.

use std::path::PathBuf;

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: u32,
    pub(crate) quick: bool,
    pub(crate) list: bool,
    pub(crate) pin: Pin,
    pub(crate) program: Option<PathBuf>,
    only: Vec<String>,
    servers: Vec<String>,
}

/// On which processors client and server run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pin {
    /// Both on one: they take turns, and whatever else runs matters least.
    Same,
    /// Each on one of its own.
    Apart,
    /// Wherever the kernel puts them.
    None,
}

impl Options {
    /// `None` if help was asked for.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut arguments = arguments;
        let mut options = Self {
            rounds: 0,
            quick: false,
            list: false,
            pin: Pin::Same,
            program: None,
            only: Vec::new(),
            servers: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} what?"));
            match &*argument {
                "--help" | "-h" => return Ok(None),
                "--quick" => options.quick = true,
                "--list" => options.list = true,
                "--only" => options.only.push(value()?),
                "--server" => options.servers.push(value()?),
                "--program" => options.program = Some(value()?.into()),
                "--rounds" => {
                    let rounds = value()?;
                    options.rounds =
                        rounds.parse().ok().filter(|rounds| *rounds > 0).ok_or_else(|| {
                            format!("--rounds {rounds}: expected a whole number above zero")
                        })?;
                }
                "--pin" => {
                    options.pin = match &*value()? {
                        "same" => Pin::Same,
                        "apart" => Pin::Apart,
                        "none" => Pin::None,
                        other => {
                            return Err(format!("--pin {other}: expected same, apart or none"));
                        }
                    }
                }
                other => return Err(format!("what is {other}? See network --help")),
            }
        }
        if options.rounds == 0 {
            options.rounds = if options.quick { 2 } else { 7 };
        }
        Ok(Some(options))
    }

    pub(crate) fn wants_row(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(&**only))
    }

    /// The yardsticks always take part, so that there is something to compare with.
    pub(crate) fn wants_server(&self, name: &str) -> bool {
        self.servers.is_empty()
            || name.starts_with("raw-")
            || self.servers.iter().any(|server| server == name)
    }
}

pub(crate) const USAGE: &str = "\
network: the comparison over sockets, as Markdown on standard output

    --only ROW       only rows whose names begin like this (may be repeated; --list has the names)
    --server NAME    only this server and the yardsticks (may be repeated)
    --rounds N       how often each is measured, all in turn (7; 2 with --quick)
    --quick          a tenth of the work: to see that everything runs, not to compare
    --pin WHERE      client and server on the same processor (default), apart, or none: unpinned
    --program PATH   the program with the servers (default: server, next to this program)
    --list           the rows
";
