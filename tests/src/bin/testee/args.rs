//! The command line.

use core::str::FromStr;
use core::time::Duration;

use longwire::deflate::Deflate;

pub(crate) const USAGE: &str = "\
usage: testee serve --port N [--heartbeat SECONDS] [--handshake-deadline SECONDS] [--close-deadline SECONDS]
       testee connect URL
       testee autobahn URL --agent NAME

each with: [--runtime tokio|smol] [--limit BYTES] [--deflate]
";

/// Compression of messages of any length: a suite sends short ones too.
fn every_message() -> Deflate {
    let mut deflate = Deflate::DEFAULT;
    deflate.threshold = 0;
    deflate
}

pub(crate) enum Invocation {
    Help,
    Run(Args),
}

pub(crate) struct Args {
    pub(crate) runtime: RuntimeName,
    /// The longest message accepted.
    pub(crate) limit: u64,
    /// What is offered or accepted.
    pub(crate) deflate: Option<Deflate>,
    pub(crate) command: Command,
}

#[derive(Clone, Copy)]
pub(crate) enum RuntimeName {
    Tokio,
    Smol,
}

pub(crate) enum Command {
    Serve(Serve),
    Connect { url: String },
    Autobahn { url: String, agent: String },
}

pub(crate) struct Serve {
    pub(crate) port: u16,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) handshake_deadline: Duration,
    pub(crate) close_deadline: Duration,
}

/// What was given, before it is known to fit together. Flags come in any order, as `--flag VALUE`
/// or `--flag=VALUE`, the last one counts.
#[derive(Default)]
struct Given {
    plain: Vec<String>,
    runtime: Option<RuntimeName>,
    limit: Option<u64>,
    deflate: bool,
    port: Option<u16>,
    heartbeat: Option<Duration>,
    handshake_deadline: Option<Duration>,
    close_deadline: Option<Duration>,
    agent: Option<String>,
}

pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Invocation, String> {
    let mut given = Given::default();
    let mut args = args;
    while let Some(arg) = args.next() {
        if arg == "--help" || arg == "-h" {
            return Ok(Invocation::Help);
        }
        if !arg.starts_with('-') {
            given.plain.push(arg);
            continue;
        }
        let (flag, attached) = match arg.split_once('=') {
            Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
            None => (arg, None),
        };
        if flag == "--deflate" && attached.is_none() {
            given.deflate = true;
            continue;
        }
        let mut value = || {
            attached.clone().or_else(|| args.next()).ok_or_else(|| format!("{flag} needs a value"))
        };
        match flag.as_str() {
            "--runtime" => given.runtime = Some(runtime(&value()?)?),
            "--limit" => given.limit = Some(number(&flag, &value()?)?),
            "--port" => given.port = Some(number(&flag, &value()?)?),
            "--heartbeat" => given.heartbeat = Some(seconds(&flag, &value()?)?),
            "--handshake-deadline" => given.handshake_deadline = Some(seconds(&flag, &value()?)?),
            "--close-deadline" => given.close_deadline = Some(seconds(&flag, &value()?)?),
            "--agent" => given.agent = Some(value()?),
            _ => return Err(format!("no such flag: {flag}")),
        }
    }
    given.check().map(Invocation::Run)
}

impl Given {
    fn check(mut self) -> Result<Args, String> {
        let mut plain = core::mem::take(&mut self.plain).into_iter();
        let name = plain.next().ok_or("no command")?;
        let serves = name == "serve";
        for (flag, given) in [
            ("--port", self.port.is_some()),
            ("--heartbeat", self.heartbeat.is_some()),
            ("--handshake-deadline", self.handshake_deadline.is_some()),
            ("--close-deadline", self.close_deadline.is_some()),
        ] {
            if given && !serves {
                return Err(format!("{flag} is a flag of serve"));
            }
        }
        if self.agent.is_some() && name != "autobahn" {
            return Err("--agent is a flag of autobahn".into());
        }
        let mut url = || plain.next().ok_or_else(|| format!("{name} needs a URL"));
        let command = match name.as_str() {
            "serve" => Command::Serve(Serve {
                port: self.port.ok_or("serve needs --port")?,
                heartbeat: self.heartbeat,
                handshake_deadline: self.handshake_deadline.unwrap_or(Duration::from_secs(10)),
                close_deadline: self.close_deadline.unwrap_or(Duration::from_secs(5)),
            }),
            "connect" => Command::Connect { url: url()? },
            "autobahn" => Command::Autobahn {
                url: url()?,
                agent: self.agent.ok_or("autobahn needs --agent")?,
            },
            _ => return Err(format!("no such command: {name}")),
        };
        if let Some(extra) = plain.next() {
            return Err(format!("what is {extra} for?"));
        }
        Ok(Args {
            runtime: self.runtime.unwrap_or(RuntimeName::Tokio),
            limit: self.limit.unwrap_or(64 << 20),
            deflate: self.deflate.then(every_message),
            command,
        })
    }
}

fn runtime(name: &str) -> Result<RuntimeName, String> {
    match name {
        "tokio" => Ok(RuntimeName::Tokio),
        "smol" => Ok(RuntimeName::Smol),
        _ => Err(format!("no such runtime: {name}")),
    }
}

fn number<T: FromStr>(flag: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("not a number for {flag}: {value}"))
}

fn seconds(flag: &str, value: &str) -> Result<Duration, String> {
    let seconds = value.parse().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("not a number of seconds for {flag}: {value}"))
}
