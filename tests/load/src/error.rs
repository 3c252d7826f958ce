//! What can go wrong, and whose fault it is.

use std::fmt;
use std::io;
use std::time::Duration;

/// Why a run has no result.
#[derive(Debug)]
pub enum Error {
    /// The plan cannot be carried out as it stands.
    Plan(String),
    /// The operating system refused something.
    Io {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// The server did not answer the opening handshake as it should.
    Handshake(String),
    /// The server ended a connection that was in use.
    Ended {
        /// Which connection, in the order in which they were opened.
        connection: usize,
        /// How it ended.
        how: String,
    },
    /// The server sent something other than the answer.
    Wrong {
        /// Which connection, in the order in which they were opened.
        connection: usize,
        /// What it sent, and what was expected.
        what: String,
    },
    /// The server did not answer in time.
    Stuck {
        /// How long it was waited for.
        after: Duration,
        /// What did not happen.
        missing: String,
    },
}

impl Error {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(what) => f.write_str(what),
            Self::Io { doing, source } => write!(f, "{doing}: {source}"),
            Self::Handshake(what) => write!(f, "the opening handshake failed: {what}"),
            Self::Ended { connection, how } => {
                write!(f, "the server ended connection {connection}: {how}")
            }
            Self::Wrong { connection, what } => {
                write!(f, "the server answered wrongly on connection {connection}: {what}")
            }
            Self::Stuck { after, missing } => {
                write!(f, "the server is stuck: after {} s {missing}", after.as_secs_f64())
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Io { source, .. } = self { Some(source) } else { None }
    }
}
