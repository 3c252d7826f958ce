//! What the figures were measured on.

use std::fs;
use std::process::{Command, Stdio};

use crate::options::{Options, Pin};

/// Where client and servers run.
#[derive(Debug)]
pub(crate) struct Placement {
    /// The processor of the servers, if it is not the client's, which they inherit.
    server: Option<usize>,
    words: String,
}

impl Placement {
    /// Binds this process, and so every server it starts.
    pub(crate) fn new(pin: Pin) -> Self {
        let nowhere = |words: &str| Self { server: None, words: words.to_owned() };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let last = processors - 1;
        let (own, server) = match pin {
            Pin::None => return nowhere("client and servers are not pinned"),
            Pin::Same => (last, None),
            Pin::Apart if processors < 2 => return nowhere("one processor only: nothing to pin"),
            Pin::Apart => (last - 1, Some(last)),
        };
        if let Err(error) = taskset(std::process::id(), own) {
            return nowhere(&format!("client and servers are not pinned: {error}"));
        }
        let words = match server {
            Some(server) => format!("client on processor {own}, servers on {server}"),
            None => format!("client and servers on processor {own}"),
        };
        Self { server, words }
    }

    /// Moves a server to where it belongs.
    pub(crate) fn place(&self, pid: u32) -> Result<(), String> {
        self.server.map_or(Ok(()), |processor| taskset(pid, processor))
    }
}

pub(crate) fn describe(options: &Options, placement: &Placement) -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim())
    };
    let processors = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let rounds = options.rounds;
    let quick = if options.quick { " (--quick: not for comparing)" } else { "" };
    format!(
        "# Servers over loopback{quick}\n\n\
         - processor: {}, {processors} of them; load average at the start {load}\n\
         - kernel: Linux {}, {} congestion control\n\
         - compiler: {}\n\
         - {}; best and median of {rounds} interleaved rounds; CPU time of the server\n\n",
        field("model name"),
        kernel.trim(),
        fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap_or_default().trim(),
        rustc(),
        placement.words,
    )
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| "rustc is not there to say".to_owned())
}

fn taskset(pid: u32, processor: usize) -> Result<(), String> {
    let (pid, processor) = (pid.to_string(), processor.to_string());
    let status = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", &processor, &pid])
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("taskset: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("taskset: {status}")) }
}
