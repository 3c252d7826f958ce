//! What a process has used: CPU time in nanoseconds, and memory. From `/proc`, so on Linux only.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// A process of this machine, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    pid: u32,
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What of it is in RAM, pages of files included (`/proc/PID/statm`).
    pub resident: u64,
    /// What it has written to and shares with nobody (`Private_Dirty` of `smaps_rollup`).
    pub private: u64,
    /// What is not of a file: heap and stacks (`Anonymous` of `smaps_rollup`).
    pub anonymous: u64,
}

impl Process {
    /// The process with this number.
    #[must_use]
    pub fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// This process.
    #[must_use]
    pub fn own() -> Self {
        Self::new(std::process::id())
    }

    /// Its number.
    #[must_use]
    pub fn pid(self) -> u32 {
        self.pid
    }

    /// The CPU time of its threads so far, user and system, in nanoseconds.
    ///
    /// Exact for threads that wait; for one that runs, as of the last tick. Time of threads that
    /// have ended is not in it.
    ///
    /// # Errors
    ///
    /// If there is no such process, or the kernel keeps no account (`CONFIG_SCHED_INFO`).
    pub fn cpu_ns(self) -> Result<u64, Error> {
        let doing = "reading the CPU time in /proc/PID/task/*/schedstat (is the process alive?)";
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid)).map_err(Error::io(doing))?;
        let mut sum = 0;
        for thread in threads {
            let path = thread.map_err(Error::io(doing))?.path().join("schedstat");
            match fs::read_to_string(path) {
                Ok(text) => {
                    let first = text.split_ascii_whitespace().next().map(str::parse::<u64>);
                    let Some(Ok(ns)) = first else {
                        let source = io::Error::other(format!("not a number: {text:?}"));
                        return Err(Error::Io { doing, source });
                    };
                    sum += ns;
                }
                // The thread has ended since the directory was read.
                Err(error) if error.raw_os_error() == Some(NO_SUCH_PROCESS) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io(doing)(error)),
            }
        }
        Ok(sum)
    }

    /// Its memory now.
    ///
    /// # Errors
    ///
    /// If there is no such process, or it belongs to somebody else.
    pub fn memory(self) -> Result<Memory, Error> {
        let doing = "reading the memory in /proc/PID/statm and smaps_rollup";
        let read = |file| {
            fs::read_to_string(format!("/proc/{}/{file}", self.pid)).map_err(Error::io(doing))
        };
        let missing = |what: &str| Error::Io { doing, source: io::Error::other(what.to_owned()) };
        let statm = read("statm")?;
        let resident = statm.split_ascii_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok());
        let rollup = read("smaps_rollup")?;
        let kilobytes = |name: &str| {
            rollup
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .and_then(|rest| rest.split_ascii_whitespace().next()?.parse::<u64>().ok())
                .map(|kilobytes| kilobytes * 1024)
                .ok_or_else(|| missing(name))
        };
        Ok(Memory {
            resident: resident.ok_or_else(|| missing("resident"))? * page_size()?,
            private: kilobytes("Private_Dirty")?,
            anonymous: kilobytes("Anonymous")?,
        })
    }

    /// Waits until it has come to rest after its last answer, and returns its CPU time.
    ///
    /// A process that never rests is given up after a tenth of a second: what it does by itself is
    /// then not told apart from what it was asked to do.
    ///
    /// # Errors
    ///
    /// As `cpu_ns`.
    pub fn settled_cpu_ns(self) -> Result<u64, Error> {
        let deadline = Instant::now() + Duration::from_millis(100);
        let mut last = self.cpu_ns()?;
        loop {
            thread::sleep(Duration::from_millis(2));
            let now = self.cpu_ns()?;
            if now == last || Instant::now() >= deadline {
                return Ok(now);
            }
            last = now;
        }
    }
}

/// The kernel tells each process its page size, next to the number `AT_PAGESZ`.
fn page_size() -> Result<u64, Error> {
    let doing = "reading the page size in /proc/self/auxv";
    let auxv = fs::read("/proc/self/auxv").map_err(Error::io(doing))?;
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    auxv.chunks_exact(16)
        .find(|pair| word(&pair[..8]) == AT_PAGESZ)
        .map(|pair| word(&pair[8..]))
        .ok_or_else(|| Error::Io { doing, source: io::Error::other("it is not there") })
}

const AT_PAGESZ: u64 = 6;
const NO_SUCH_PROCESS: i32 = 3;

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};

    use super::*;

    /// A shell, because other tests come and go in this process.
    #[test]
    fn work_and_memory_of_a_process_are_seen() {
        let work = "echo; read go; x=$(head -c 8000000 /dev/zero | tr '\\0' x); echo; read go";
        let mut shell = Command::new("sh")
            .args(["-c", work])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(shell.stdout.take().unwrap());
        let mut stdin = shell.stdin.take().unwrap();
        let process = Process::new(shell.id());
        let mut reading = || {
            stdout.read_line(&mut String::new()).unwrap();
            (process.settled_cpu_ns().unwrap(), process.memory().unwrap())
        };
        let (cpu, memory) = reading();
        stdin.write_all(b"\n").unwrap();
        let (more_cpu, grown) = reading();
        drop(stdin);
        assert!(shell.wait().is_ok());
        assert!(more_cpu > cpu);
        assert!(grown.resident >= memory.resident + 8_000_000);
        assert!(grown.anonymous >= memory.anonymous + 8_000_000);
        assert!(grown.private >= memory.private + 8_000_000);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(Process::new(u32::MAX).cpu_ns().is_err());
        assert!(Process::new(u32::MAX).memory().is_err());
    }
}
