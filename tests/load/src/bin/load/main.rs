//! `load`: puts a WebSocket server under load and says what that costs.

mod arguments;
mod report;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use arguments::Arguments;
use longwire_load::{
    After, Amount, Connect, Echo, FanOut, Idle, Kind, Message, Paced, Process, Server,
};
use report::Report;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let work = arguments.next().unwrap_or_default();
    if matches!(&*work, "" | "help" | "--help" | "-h") {
        print!("{USAGE}");
        return if work.is_empty() { ExitCode::from(2) } else { ExitCode::SUCCESS };
    }
    match run(&work, arguments) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(work: &str, arguments: impl Iterator<Item = String>) -> Result<String, Box<dyn Error>> {
    let mut arguments = Arguments::parse(arguments, &["json", "raw"])?;
    let mut server = Server::new(&arguments.url()?)?;
    server.process = arguments.optional("pid")?.map(Process::new);
    server.patience = arguments.seconds("patience")?.unwrap_or(server.patience);
    if arguments.flag("raw") {
        server = server.raw();
    }
    let json = arguments.flag("json");
    let report = match work {
        "echo" => echo(server, &mut arguments)?,
        "idle" => {
            let plan = Idle {
                connections: arguments.number("connections", 10_000)?,
                after: match &*arguments.text("after", "handshake") {
                    "handshake" => After::Handshake,
                    "message" => After::Message,
                    "spike" => After::Spike(arguments.number("size", 1 << 20)?),
                    other => return Err(no_such("after", other).into()),
                },
                hold: arguments.seconds("hold")?,
                ..Idle::new(server)
            };
            arguments.finish()?;
            Report::idle(&plan.run()?)
        }
        "fanout" => {
            let plan = FanOut {
                members: arguments.number("members", 1000)?,
                message: message(&mut arguments, 128)?,
                rounds: arguments.number("rounds", 10)?,
                server,
            };
            arguments.finish()?;
            Report::fan_out(&plan.run()?)
        }
        "connect" => {
            let plan = Connect {
                count: arguments.number("count", 1000)?,
                concurrency: arguments.number("concurrency", 16)?,
                ..Connect::new(server)
            };
            arguments.finish()?;
            Report::connect(&plan.run()?)
        }
        other => return Err(format!("no work is called {other:?}\n{USAGE}").into()),
    };
    Ok(if json { report.json(work) } else { report.text() })
}

fn echo(server: Server, arguments: &mut Arguments) -> Result<Report, Box<dyn Error>> {
    let connections = arguments.number("connections", 16)?;
    let message = message(arguments, 16)?;
    let time = arguments.seconds("duration")?;
    let warmup = arguments.seconds("warmup")?.unwrap_or(Duration::from_millis(300));
    if let Some(rate) = arguments.optional("rate")? {
        let time = time.unwrap_or(Duration::from_secs(10));
        let plan = Paced { server, connections, message, rate, time, warmup };
        arguments.finish()?;
        return Ok(Report::paced(&plan, &plan.run()?));
    }
    let amount = match (time, arguments.optional("messages")?) {
        (Some(_), Some(_)) => return Err("either --duration or --messages".into()),
        (None, Some(messages)) => Amount::Messages(messages),
        (time, None) => Amount::Time(time.unwrap_or(Duration::from_secs(2))),
    };
    let depth = arguments.number("depth", 64)?;
    arguments.finish()?;
    let plan = Echo { server, connections, depth, message, amount, warmup };
    Ok(Report::echo(&plan.run()?))
}

fn message(arguments: &mut Arguments, size: u64) -> Result<Message, Box<dyn Error>> {
    let kind = match &*arguments.text("kind", "binary") {
        "text" => Kind::Text,
        "binary" => Kind::Binary,
        other => return Err(no_such("kind", other).into()),
    };
    let size = arguments.number("size", size)?;
    let fragments = arguments.number("fragments", 1)?;
    Ok(Message { fragments, ..Message::new(kind, size) })
}

fn no_such(option: &str, value: &str) -> String {
    format!("--{option} {value}: there is no such {option}; see load --help")
}

const USAGE: &str = "\
load WORK URL [OPTIONS]: puts a WebSocket server under load and says what that costs

URL is ws://host:port/path or host:port. Times are in seconds.

load echo       messages to an echo server
    --connections 16  --size 16  --kind binary|text  --fragments 1  --warmup 0.3
    closed loop, so many in flight on each connection: --depth 64, --duration 2 or --messages N
    open loop, so many a second, latency from when they were due: --rate R, --duration 10
    --raw               the server echoes bytes and knows no WebSocket
load idle       opens connections and holds them
    --connections 10000  --after handshake|message|spike  --size 1048576 (of the spike)  --hold 10
load fanout     one message to all members; the server sends each message to all
    --members 1000  --size 128  --kind binary|text  --rounds 10
load connect    connect, handshake, one message and its echo, close
    --count 1000  --concurrency 16

all: --pid PID      the server's process, for its CPU time and memory
     --patience 30  how long an answer that is due is waited for
     --json         one line of JSON
";
