//! What is compared.

use std::fmt;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A message in, a frame's bytes out.
    Compress { level: u8 },
    /// A masked frame's bytes in, a message out.
    Decompress,
}

/// A table of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub work: Work,
    pub takeover: bool,
    /// Of a message, in bytes.
    pub len: usize,
}

/// The default of all who have a choice.
pub const DEFAULT_LEVEL: u8 = 6;

/// The level of those who have none.
pub const FAST_LEVEL: u8 = 1;

const LENGTHS: [usize; 4] = [256, 1 << 10, 16 << 10, 1 << 20];

pub fn rows() -> Vec<Row> {
    let works = [
        Work::Compress { level: DEFAULT_LEVEL },
        Work::Compress { level: FAST_LEVEL },
        Work::Decompress,
    ];
    let mut rows = Vec::new();
    for work in works {
        for takeover in [true, false] {
            rows.extend(LENGTHS.map(|len| Row { work, takeover, len }));
        }
    }
    rows
}

impl Row {
    /// How many messages there are: more than a window holds, so that repeating them all repeats
    /// nothing that a compressor can still see, and more than a branch predictor learns by heart.
    pub fn count(self) -> usize {
        ((512 << 10) / self.len).clamp(2, 2048)
    }

    pub fn title(self) -> String {
        let len = match self.len {
            len if len >= 1 << 20 => format!("{} MiB", len >> 20),
            len if len >= 1 << 10 => format!("{} KiB", len >> 10),
            len => format!("{len} B"),
        };
        let takeover = if self.takeover { "context takeover" } else { "no context takeover" };
        match self.work {
            Work::Compress { level } => format!("compress, {len}, {takeover}, level {level}"),
            Work::Decompress => format!("decompress, {len}, {takeover}"),
        }
    }
}

/// The key of a row: `compress-6-takeover-1024`.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.work {
            Work::Compress { level } => write!(f, "compress-{level}")?,
            Work::Decompress => write!(f, "decompress")?,
        }
        let takeover = if self.takeover { "takeover" } else { "fresh" };
        write!(f, "-{takeover}-{}", self.len)
    }
}

impl FromStr for Row {
    type Err = String;

    fn from_str(key: &str) -> Result<Self, String> {
        let row = rows().into_iter().find(|row| row.to_string() == key);
        row.ok_or_else(|| format!("{key} is not a row"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_key_of_its_own() {
        for row in rows() {
            assert_eq!(row.to_string().parse(), Ok(row));
        }
    }

    #[test]
    fn a_window_does_not_hold_all_messages() {
        assert!(rows().iter().all(|row| row.count() * row.len >= 4 * (32 << 10)));
    }
}
