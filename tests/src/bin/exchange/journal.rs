//! What an end writes down: what it did, what it heard, when.

use core::fmt::Arguments;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file of lines, `MILLISECONDS WORD ...`, in which every line is written whole and at once: it is
/// there even if the process is killed the moment after.
///
/// | word | |
/// |---|---|
/// | `start` | the process began |
/// | `accepted N` | the session has the message |
/// | `repeated N` | it is sent again although the peer may have it |
/// | `outcome N O` | what became of it |
/// | `got N` | the peer's message arrived, and was handed to the application |
/// | `wrong N bytes` | what arrived is no message of the peer's |
/// | `connecting A`, `open A REPEATED` | an attempt; how many waiting messages may have arrived before |
/// | `down A RETRY REASON` | it is over; milliseconds to the next, or `-` |
/// | `stopped REASON`, `statistics NAME=VALUE ...` | the end |
pub(crate) struct Journal(File);

/// What an end had done before it was started again.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// Messages that were sent and not confirmed, in order.
    pub(crate) unconfirmed: Vec<u64>,
    /// The last message that the session had accepted.
    pub(crate) accepted: u64,
    /// The peer's last message.
    pub(crate) got: u64,
}

impl Journal {
    /// Goes on with the journal at `path`.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, Past)> {
        let file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let past = Past::read(&file)?;
        let mut journal = Self(file);
        journal.write(format_args!("start"))?;
        Ok((journal, past))
    }

    pub(crate) fn write(&mut self, line: Arguments<'_>) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        // One call: lines of others, and of nobody, do not come in between.
        self.0.write_all(format!("{now} {line}\n").as_bytes())
    }
}

impl Past {
    fn read(file: &File) -> io::Result<Self> {
        let mut past = Self::default();
        for line in BufReader::new(file).lines() {
            let line = line?;
            let mut words = line.split(' ').skip(1);
            let word = words.next().unwrap_or_default();
            let n = words.next().and_then(|n| n.parse().ok()).unwrap_or_default();
            match word {
                "accepted" => {
                    past.accepted = n;
                    past.unconfirmed.push(n);
                }
                "outcome" if words.next() == Some("received") => {
                    past.unconfirmed.retain(|other| *other != n);
                }
                "got" => past.got = past.got.max(n),
                _ => {}
            }
        }
        Ok(past)
    }
}
