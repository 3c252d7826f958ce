//! System calls a message, counted by strace between two moments at which nothing is under way.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use longwire_load::{Echo, Moment};

pub(crate) fn is_strace_there() -> bool {
    let mut strace = Command::new("strace");
    strace.arg("-V").stdout(Stdio::null()).stderr(Stdio::null());
    strace.status().is_ok_and(|status| status.success())
}

/// All calls, writes, reads, and waits, each by message.
pub(crate) fn measure(plan: &Echo) -> Result<[f64; 4], Box<dyn Error>> {
    let pid = plan.server.process.ok_or("the server's process is not known")?.pid();
    let mut strace = None;
    let mut report = None;
    let result = plan.run_observed(&mut |moment| {
        let step = match moment {
            Moment::Start => Strace::attach(pid).map(|it| strace = Some(it)),
            Moment::End => match strace.take() {
                Some(strace) => strace.detach().map(|text| report = Some(text)),
                None => Ok(()),
            },
        };
        step.map_err(|error| longwire_load::Error::Plan(format!("strace: {error}")))
    })?;
    let counts = count(&report.ok_or("strace said nothing")?)?;
    Ok(counts.map(|calls| calls as f64 / result.messages as f64))
}

struct Strace {
    child: Child,
    report: PathBuf,
}

impl Strace {
    fn attach(pid: u32) -> Result<Self, Box<dyn Error>> {
        let report = std::env::temp_dir().join(format!("network-strace-{pid}"));
        let mut child = Command::new("strace")
            .args(["-c", "-f", "-p", &pid.to_string(), "-o"])
            .arg(&report)
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take();
        let strace = Self { child, report };
        let (said, hear) = mpsc::channel();
        thread::spawn(move || {
            let Some(stderr) = stderr else { return };
            let mut stderr = BufReader::new(stderr);
            let mut line = String::new();
            let _ = stderr.read_line(&mut line);
            let _ = said.send(line);
            // To the end, so that it can go on talking.
            let _ = stderr.read_to_string(&mut String::new());
        });
        let line = hear.recv_timeout(Duration::from_secs(10)).unwrap_or_default();
        if line.contains("attached") { Ok(strace) } else { Err(line.trim().into()) }
    }

    fn detach(mut self) -> Result<String, Box<dyn Error>> {
        // strace writes its report when it is interrupted.
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status()?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err("it does not end".into());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(fs::read_to_string(&self.report)?)
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.report);
    }
}

/// Of a summary: percent, seconds, microseconds a call, calls, errors if any, name.
fn count(report: &str) -> Result<[u64; 4], String> {
    let [mut all, mut writes, mut reads, mut waits] = [0; 4];
    for line in report.lines() {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let calls = fields.get(3).map(|it| it.parse::<u64>());
        let (Some(Ok(calls)), Some(name)) = (calls, fields.last()) else {
            continue;
        };
        match *name {
            "total" => continue,
            "write" | "writev" | "sendto" | "sendmsg" => writes += calls,
            "read" | "readv" | "recvfrom" | "recvmsg" => reads += calls,
            "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => waits += calls,
            _ => {}
        }
        all += calls;
    }
    if all == 0 { Err(format!("no calls in {report:?}")) } else { Ok([all, writes, reads, waits]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_name() {
        let report = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 64.25    0.000115           3        32           writev
 20.75    0.000064           2        30        12 recvfrom
 15.00    0.000014           2         7           epoll_wait
  0.00    0.000000           0         1           futex
------ ----------- ----------- --------- --------- ----------------
100.00    0.000193           2        70        12 total
";
        assert_eq!(count(report), Ok([70, 32, 30, 7]));
        assert!(count("").is_err());
    }
}
