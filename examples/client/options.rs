//! The command line.

use std::time::Duration;

use longwire::handshake::Request;
use longwire::session::Delivery;
use longwire::{Message, SessionConfig};

pub(crate) const USAGE: &str = "\
A WebSocket client that stays connected, and says what became of every message.

usage: client [OPTION]... ws://HOST[:PORT][/PATH]

  --header 'NAME: VALUE'     one more header of the request; may be repeated
  --subprotocol NAME         offers a subprotocol; may be repeated, best first
  --delivery transmitted|received
                             when a message counts as delivered: once the
                             operating system has it, or once the server has
                             answered a ping behind it (default)
  --profile default|socket_rocket|browser
                             heartbeat and back-off
  --backoff BASE,CAP         retries after BASE milliseconds, growing up to CAP
  --retries N                gives up after N retries in a row that failed
  --runtime tokio|smol       what it runs on (tokio)
  --json                     one JSON object a line on standard output
  --quiet                    received messages and failures only
  --commands                 takes commands from a pipe as well
  --once                     stops at the first message received
  --linger SECONDS           goes on receiving after the end of the input (0)
  --wait SECONDS             and gives messages that long to be delivered (30)
  --help

On a terminal, lines that begin with / are commands: /help lists them; // sends
a slash. A status line shows how the connection is. NO_COLOR is honoured.

In a pipe every line of the input is sent, as text if it is UTF-8 and otherwise
as binary; what is received goes to standard output, one line a message, with
control characters escaped; everything else goes to standard error. At the end
of the input it waits until every message has its outcome, closes, and exits.
The first Ctrl-C closes in order, the second one quits.

exit status:
  0  it was connected, every message was delivered, and it was closed in order
  1  it stopped for another reason, or some message was not delivered
  2  the command line is wrong
";

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) request: Request,
    pub(crate) url: String,
    pub(crate) delivery: Delivery,
    pub(crate) config: SessionConfig,
    pub(crate) runtime: Runtime,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) commands: bool,
    pub(crate) once: bool,
    pub(crate) linger: Duration,
    pub(crate) wait: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    Tokio,
    Smol,
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    Help,
    Run(Box<Options>),
}

/// Reads the arguments behind the program's name.
pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Asked, String> {
    let mut args = args.into_iter();
    let (mut headers, mut subprotocols) = (Vec::new(), Vec::new());
    let (mut url, mut backoff, mut retries) = (None, None, None);
    let mut config = SessionConfig::DEFAULT;
    let mut delivery = Delivery::Received;
    let mut runtime = Runtime::Tokio;
    let [mut json, mut quiet, mut commands, mut once] = [false; 4];
    let (mut linger, mut wait) = (Duration::ZERO, Duration::from_secs(30));
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--help" | "-h" => return Ok(Asked::Help),
            "--header" | "-H" => headers.push(value()?),
            "--subprotocol" | "-s" => subprotocols.push(value()?),
            "--delivery" => {
                delivery = match value()?.as_str() {
                    "transmitted" => Delivery::Transmitted,
                    "received" => Delivery::Received,
                    other => return Err(format!("no delivery is called {other}")),
                }
            }
            "--profile" => {
                config = match value()?.as_str() {
                    "default" => SessionConfig::DEFAULT,
                    "socket_rocket" => SessionConfig::socket_rocket(),
                    "browser" => SessionConfig::browser(),
                    other => return Err(format!("no profile is called {other}")),
                }
            }
            "--backoff" => backoff = Some(pair(&value()?)?),
            "--retries" => retries = Some(number(&value()?)?),
            "--runtime" => {
                runtime = match value()?.as_str() {
                    "tokio" => Runtime::Tokio,
                    "smol" => Runtime::Smol,
                    other => return Err(format!("no runtime is called {other}")),
                }
            }
            "--json" => json = true,
            "--quiet" | "-q" => quiet = true,
            "--commands" => commands = true,
            "--once" | "-1" => once = true,
            "--linger" => linger = seconds(&value()?)?,
            "--wait" => wait = seconds(&value()?)?,
            option if option.starts_with('-') => {
                return Err(format!("no option is called {option}"));
            }
            _ if url.is_some() => return Err(format!("one URL is enough: {arg}")),
            _ => url = Some(arg),
        }
    }
    let url = url.ok_or("there is no URL")?;
    let mut request = Request::parse(&url).map_err(|error| format!("{url}: {error}"))?;
    if request.target().secure() {
        return Err(format!("{url}: this example has no TLS; see line_over for how to add one"));
    }
    for header in headers {
        let (name, value) = header.split_once(':').ok_or_else(|| format!("{header}: no colon"))?;
        let with = request.header(name.trim(), value.trim());
        request = with.map_err(|error| format!("{header}: {error}"))?;
    }
    for name in subprotocols {
        request = request.subprotocol(&name).map_err(|error| format!("{name}: {error}"))?;
    }
    // Whatever the order of the options: these change the profile.
    if let Some((base, cap)) = backoff {
        config = config.with_backoff(base, cap);
    }
    if retries.is_some() {
        config.backoff.max_retries = retries;
    }
    let options = Options {
        request,
        url,
        delivery,
        config,
        runtime,
        json,
        quiet,
        commands,
        once,
        linger,
        wait,
    };
    Ok(Asked::Run(Box::new(options)))
}

/// A line of the input as a message: text if it can be.
pub(crate) fn message(line: Vec<u8>) -> Message<'static> {
    String::from_utf8(line).map_or_else(|error| error.into_bytes().into(), Message::from)
}

fn number(word: &str) -> Result<u32, String> {
    word.trim().parse().map_err(|_| format!("{word} is not a number"))
}

fn seconds(word: &str) -> Result<Duration, String> {
    let seconds: f64 = word.parse().map_err(|_| format!("{word} is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{word} is not a number of seconds"))
}

fn pair(word: &str) -> Result<(Duration, Duration), String> {
    let (base, cap) = word.split_once(',').ok_or_else(|| format!("{word} is not BASE,CAP"))?;
    let time = |word| number(word).map(|ms| Duration::from_millis(ms.into()));
    Ok((time(base)?, time(cap)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> Result<Options, String> {
        match parse(args.iter().map(|arg| (*arg).to_owned()))? {
            Asked::Run(options) => Ok(*options),
            Asked::Help => Err(String::from("help")),
        }
    }

    #[test]
    fn an_url_is_enough() {
        let options = run(&["ws://[::1]:9000/chat?a=b"]).unwrap();
        assert_eq!((options.delivery, options.runtime), (Delivery::Received, Runtime::Tokio));
        assert_eq!((options.linger, options.wait), (Duration::ZERO, Duration::from_secs(30)));
        assert_eq!(options.request.target().resource(), "/chat?a=b");
        assert!(!options.json && !options.once && !options.commands && !options.quiet);
    }

    #[test]
    fn options_change_the_profile_wherever_they_stand() {
        let url = "ws://a";
        for args in [
            ["--backoff", "10,200", "--profile", "socket_rocket", "--retries", "3", url],
            [url, "--retries", "3", "--profile", "socket_rocket", "--backoff", "10,200"],
        ] {
            let backoff = run(&args).unwrap().config.backoff;
            assert_eq!(backoff.base, Duration::from_millis(10));
            assert_eq!(backoff.cap, Duration::from_millis(200));
            assert_eq!((backoff.max_retries, backoff.growth), (Some(3), 200));
        }
        let config = run(&[url, "--profile", "browser"]).unwrap().config;
        assert_eq!(config.backoff, SessionConfig::browser().backoff);
    }

    #[test]
    fn headers_and_subprotocols_are_the_requests() {
        let options = run(&[
            "-H",
            "X-A: 1",
            "--header",
            "X-B:2",
            "-s",
            "chat",
            "--subprotocol",
            "v2",
            "ws://a",
        ])
        .unwrap();
        assert_eq!(options.request.subprotocols(), ["chat", "v2"]);
        assert_eq!(options.request.headers().get("x-b"), Some(&b"2"[..]));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (args, why) in [
            (&[][..], "there is no URL"),
            (&["--wait"], "--wait needs a value"),
            (&["--wait", "-1", "ws://a"], "-1 is not a number of seconds"),
            (&["--colour", "ws://a"], "no option is called --colour"),
            (&["--backoff", "7", "ws://a"], "7 is not BASE,CAP"),
            (&["--runtime", "none", "ws://a"], "no runtime is called none"),
            (&["ws://a", "ws://b"], "one URL is enough: ws://b"),
            (&["-H", "X", "ws://a"], "X: no colon"),
        ] {
            assert_eq!(run(args).unwrap_err(), why);
        }
        for url in ["ftp://a", "ws://a b", "wss://a", "ws://a#b"] {
            assert!(run(&[url]).unwrap_err().starts_with(url), "{url}");
        }
        for header in ["Upgrade: h2c", "Sec-WebSocket-Key: a", "X-A: a\r\nX-B: b"] {
            assert!(run(&["-H", header, "ws://a"]).is_err(), "{header}");
        }
    }

    #[test]
    fn a_line_is_text_if_it_can_be() {
        assert_eq!(message("ü".into()), Message::from("ü"));
        assert_eq!(message(vec![0xff]), Message::from(vec![0xff]));
    }
}
