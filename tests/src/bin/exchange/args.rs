//! The command line.

use core::str::FromStr;
use core::time::Duration;
use std::path::PathBuf;

use longwire::SessionConfig;
use longwire::connection::Heartbeat;

pub(crate) const USAGE: &str = "\
usage: exchange serve ADDRESS [FLAGS]
       exchange client URL [FLAGS]

each with: --log PATH (serve: a folder, a journal for each client; client: its journal)
  [--runtime tokio|smol] [--messages N] [--rate A_SECOND] [--size BYTES] [--deadline SECONDS]
  [--backoff BASE,CAP] [--heartbeat SECONDS] [--confirm SECONDS] [--connect-timeout SECONDS]
A client's identity is the query of its URL; with --shared a task drives its session. serve ends when the first client is done, or with SIGTERM.
";

#[derive(Clone)]
pub(crate) struct Args {
    pub(crate) smol: bool,
    /// Whether the client's session is driven by a task of its own.
    pub(crate) shared: bool,
    pub(crate) command: Command,
    pub(crate) log: PathBuf,
    /// How many each end sends.
    pub(crate) messages: u64,
    pub(crate) rate: u32,
    /// How long messages are at most, beside their number.
    pub(crate) size: usize,
    /// When to give up altogether.
    pub(crate) deadline: Duration,
    pub(crate) config: SessionConfig,
}

#[derive(Clone)]
pub(crate) enum Command {
    Serve { listen: String },
    Client { url: String },
}

pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Args, String> {
    let command = args.next().ok_or("no command")?;
    let at = args.next().ok_or("serve needs an address, client a URL")?;
    let command = match command.as_str() {
        "serve" => Command::Serve { listen: at },
        "client" => Command::Client { url: at },
        _ => return Err(format!("no such command: {command}")),
    };
    let mut log = None;
    let mut parsed = Args {
        smol: false,
        shared: false,
        command,
        log: PathBuf::new(),
        messages: 1_000,
        rate: 200,
        size: 0,
        deadline: Duration::from_secs(120),
        config: SessionConfig::DEFAULT,
    };
    while let Some(flag) = args.next() {
        if flag == "--shared" {
            parsed.shared = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--runtime" => match value.as_str() {
                "tokio" => parsed.smol = false,
                "smol" => parsed.smol = true,
                _ => return Err(format!("no such runtime: {value}")),
            },
            "--log" => log = Some(PathBuf::from(value)),
            "--messages" => parsed.messages = number(&flag, &value)?,
            "--rate" => parsed.rate = number::<u32>(&flag, &value)?.max(1),
            "--size" => parsed.size = number(&flag, &value)?,
            "--deadline" => parsed.deadline = seconds(&flag, &value)?,
            "--backoff" => {
                let (base, cap) =
                    value.split_once(',').ok_or_else(|| format!("not BASE,CAP: {value}"))?;
                let millis = |part| number(&flag, part).map(Duration::from_millis);
                parsed.config = parsed.config.with_backoff(millis(base)?, millis(cap)?);
            }
            "--heartbeat" => {
                let after = seconds(&flag, &value)?;
                parsed.config.connection.heartbeat = Some(Heartbeat::new(after, after));
            }
            "--confirm" => parsed.config.confirm_timeout = seconds(&flag, &value)?,
            "--connect-timeout" => parsed.config.connect_timeout = seconds(&flag, &value)?,
            _ => return Err(format!("no such flag: {flag}")),
        }
    }
    parsed.log = log.ok_or("--log is missing")?;
    Ok(parsed)
}

fn number<T: FromStr>(flag: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("not a number for {flag}: {value}"))
}

fn seconds(flag: &str, value: &str) -> Result<Duration, String> {
    number(flag, value).and_then(|seconds| {
        Duration::try_from_secs_f64(seconds).map_err(|error| format!("{flag}: {error}"))
    })
}
