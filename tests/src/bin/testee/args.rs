//! The command line.

use core::str::FromStr;
use core::time::Duration;

use longwire::SessionConfig;
use longwire::connection::Heartbeat;
use longwire::deflate::Deflate;
use longwire::session::Delivery;

pub(crate) const USAGE: &str = "\
usage: testee serve --port N [--heartbeat SECONDS] [--handshake-deadline SECONDS] [--close-deadline SECONDS]
       testee connect URL
       testee autobahn URL --agent NAME
       testee session URL [--send N] [--rate R] [--delivery transmitted|received]
                          [--profile default|socket_rocket|browser] [--backoff BASE,CAP]
                          [--heartbeat SECONDS] [--confirm SECONDS]

each with: [--runtime tokio|smol] [--limit BYTES] [--deflate]

session: closes when all messages have their outcomes, so with --send 0 at once, connected or not; without --send it
stays. Its last line is `stopped`: with the reason `closed`, or `aborted` if the server did not answer the close.
";

/// Compression of messages of any length: a suite sends short ones too.
fn every_message() -> Deflate {
    let mut deflate = Deflate::DEFAULT;
    deflate.threshold = 0;
    deflate
}

/// The longest message accepted.
const DEFAULT_LIMIT: u64 = 64 << 20;

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
    Session(Box<Session>),
}

pub(crate) struct Serve {
    pub(crate) port: u16,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) handshake_deadline: Duration,
    pub(crate) close_deadline: Duration,
}

pub(crate) struct Session {
    pub(crate) url: String,
    /// How many messages it sends before it closes; none is none, and that it stays.
    pub(crate) send: Option<u64>,
    /// How many a second.
    pub(crate) rate: u32,
    pub(crate) delivery: Delivery,
    pub(crate) config: SessionConfig,
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
    send: Option<u64>,
    rate: Option<u32>,
    delivery: Option<Delivery>,
    profile: Option<SessionConfig>,
    backoff: Option<(Duration, Duration)>,
    confirm: Option<Duration>,
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
            "--send" => given.send = Some(number(&flag, &value()?)?),
            "--rate" => given.rate = Some(rate(&flag, &value()?)?),
            "--delivery" => given.delivery = Some(delivery(&value()?)?),
            "--profile" => given.profile = Some(profile(&value()?)?),
            "--backoff" => given.backoff = Some(backoff(&flag, &value()?)?),
            "--confirm" => given.confirm = Some(seconds(&flag, &value()?)?),
            _ => return Err(format!("no such flag: {flag}")),
        }
    }
    given.check().map(Invocation::Run)
}

impl Given {
    fn check(mut self) -> Result<Args, String> {
        let mut plain = core::mem::take(&mut self.plain).into_iter();
        let name = plain.next().ok_or("no command")?;
        self.belongs_to(&name)?;
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
            "session" => Command::Session(Box::new(self.session(url()?))),
            _ => return Err(format!("no such command: {name}")),
        };
        if let Some(extra) = plain.next() {
            return Err(format!("what is {extra} for?"));
        }
        Ok(Args {
            runtime: self.runtime.unwrap_or(RuntimeName::Tokio),
            limit: self.limit.unwrap_or(DEFAULT_LIMIT),
            deflate: self.deflate.then(every_message),
            command,
        })
    }

    /// Whether every flag is one of this command's.
    fn belongs_to(&self, name: &str) -> Result<(), String> {
        for (flag, given, commands) in [
            ("--port", self.port.is_some(), &["serve"][..]),
            ("--heartbeat", self.heartbeat.is_some(), &["serve", "session"]),
            ("--handshake-deadline", self.handshake_deadline.is_some(), &["serve"]),
            ("--close-deadline", self.close_deadline.is_some(), &["serve"]),
            ("--agent", self.agent.is_some(), &["autobahn"]),
            ("--send", self.send.is_some(), &["session"]),
            ("--rate", self.rate.is_some(), &["session"]),
            ("--delivery", self.delivery.is_some(), &["session"]),
            ("--profile", self.profile.is_some(), &["session"]),
            ("--backoff", self.backoff.is_some(), &["session"]),
            ("--confirm", self.confirm.is_some(), &["session"]),
        ] {
            if given && !commands.contains(&name) {
                return Err(format!("{flag} is a flag of {}", commands.join(" and ")));
            }
        }
        Ok(())
    }

    fn session(&mut self, url: String) -> Session {
        let mut config = self.profile.take().unwrap_or_default();
        if let Some((base, cap)) = self.backoff {
            config = config.with_backoff(base, cap);
        }
        if let Some(after) = self.heartbeat {
            config.connection.heartbeat = Some(Heartbeat::new(after, after));
        }
        if let Some(within) = self.confirm {
            config.confirm_timeout = within;
        }
        config.connection =
            config.connection.with_message_limit(self.limit.unwrap_or(DEFAULT_LIMIT));
        Session {
            url,
            send: self.send,
            rate: self.rate.unwrap_or(200),
            delivery: self.delivery.unwrap_or(Delivery::Received),
            config,
        }
    }
}

fn runtime(name: &str) -> Result<RuntimeName, String> {
    match name {
        "tokio" => Ok(RuntimeName::Tokio),
        "smol" => Ok(RuntimeName::Smol),
        _ => Err(format!("no such runtime: {name}")),
    }
}

fn delivery(name: &str) -> Result<Delivery, String> {
    match name {
        "transmitted" => Ok(Delivery::Transmitted),
        "received" => Ok(Delivery::Received),
        _ => Err(format!("no such delivery: {name}")),
    }
}

fn profile(name: &str) -> Result<SessionConfig, String> {
    match name {
        "default" => Ok(SessionConfig::DEFAULT),
        "socket_rocket" => Ok(SessionConfig::socket_rocket()),
        "browser" => Ok(SessionConfig::browser()),
        _ => Err(format!("no such profile: {name}")),
    }
}

fn backoff(flag: &str, value: &str) -> Result<(Duration, Duration), String> {
    let millis = |part: &str| part.parse().ok().map(Duration::from_millis);
    let both = value.split_once(',').map(|(base, cap)| (millis(base), millis(cap)));
    match both {
        Some((Some(base), Some(cap))) if base <= cap => Ok((base, cap)),
        _ => Err(format!("not BASE,CAP in milliseconds for {flag}: {value}")),
    }
}

fn rate(flag: &str, value: &str) -> Result<u32, String> {
    number(flag, value).and_then(|rate| {
        if rate == 0 { Err(format!("{flag} of none a second never ends")) } else { Ok(rate) }
    })
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
