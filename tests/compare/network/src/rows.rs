//! The rows of the comparison: what work each is, and which figures come of it.

use std::error::Error;
use std::time::Duration;

use longwire_load::{After, Amount, Connect, Echo, FanOut, Idle, Kind, Message, Server};

use crate::calls;
use crate::servers::Program;

/// A table of the comparison.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    work: Work,
}

#[derive(Debug, Clone, Copy)]
enum Work {
    Echo(Load),
    Calls(Load),
    Memory(After),
    Heartbeat,
    FanOut { size: u64 },
    Connect,
}

#[derive(Debug, Clone, Copy)]
struct Load {
    message: Message,
    depth: u32,
    connections: usize,
}

/// A column: what it says, in which unit, with how many decimal places. Less is better.
pub(crate) type Column = (&'static str, usize);

/// What one measurement found: for each column its samples; `None` where there is nothing to say.
pub(crate) type Samples = Vec<Option<Vec<f64>>>;

/// How much work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    echo: Duration,
    warmup: Duration,
    connections: usize,
    /// Fewer, because some keep twice what each has received once.
    spikes: usize,
    hold: Duration,
    connects: usize,
    calls: u64,
}

impl Scale {
    pub(crate) fn full() -> Self {
        Self {
            echo: Duration::from_millis(200),
            warmup: Duration::from_millis(60),
            connections: 10_000,
            spikes: 2000,
            // Each connection is pinged twice, wherever in the period it began.
            hold: Duration::from_secs(2 * HEARTBEAT as u64),
            connects: 1000,
            calls: 1,
        }
    }

    pub(crate) fn quick() -> Self {
        Self {
            echo: Duration::from_millis(50),
            warmup: Duration::from_millis(20),
            connections: 1000,
            spikes: 200,
            hold: Duration::from_secs(HEARTBEAT as u64),
            connects: 100,
            calls: 4,
        }
    }
}

/// All of them, in the order of the document.
pub(crate) fn all(scale: Scale) -> Vec<Row> {
    let load = |kind, size, depth, connections| Load {
        message: Message::new(kind, size),
        depth,
        connections,
    };
    let binary = |size, depth, connections| load(Kind::Binary, size, depth, connections);
    let text = |size, depth, connections| load(Kind::Text, size, depth, connections);
    let row = |name, work: Work| Row { name, title: work.title(scale), work };
    vec![
        row("echo-16-64", Work::Echo(binary(16, 64, 16))),
        row("echo-128-64", Work::Echo(text(128, 64, 16))),
        row("echo-1k-16", Work::Echo(text(1024, 16, 16))),
        row("echo-128-1", Work::Echo(binary(128, 1, 16))),
        row("echo-128-1-512", Work::Echo(binary(128, 1, 512))),
        row("echo-16-64-512", Work::Echo(binary(16, 64, 512))),
        row("echo-16k-4", Work::Echo(binary(16 << 10, 4, 16))),
        row("echo-1m-1", Work::Echo(binary(1 << 20, 1, 4))),
        row("calls-16-64", Work::Calls(binary(16, 64, 16))),
        row("calls-128-1", Work::Calls(binary(128, 1, 16))),
        row("memory-handshake", Work::Memory(After::Handshake)),
        row("memory-message", Work::Memory(After::Message)),
        row("memory-spike", Work::Memory(After::Spike(1 << 20))),
        row("heartbeat", Work::Heartbeat),
        row("fanout-128", Work::FanOut { size: 128 }),
        row("fanout-16k", Work::FanOut { size: 16 << 10 }),
        row("connect", Work::Connect),
    ]
}

impl Work {
    fn title(self, scale: Scale) -> String {
        let connections = self.connections(scale);
        match self {
            Self::Echo(load) => format!("Echo, {}", load.words()),
            Self::Calls(load) => format!("System calls a message, {}", load.words()),
            Self::Memory(after) => {
                let after = match after {
                    After::Handshake => "after the handshake".to_owned(),
                    After::Message => "after one message of 128 B".to_owned(),
                    After::Spike(size) => format!("after one message of {}", bytes(size)),
                };
                format!("Memory of each of {connections} idle connections, {after}")
            }
            Self::Heartbeat => {
                format!("Heartbeat every {HEARTBEAT} s on {connections} idle connections")
            }
            Self::FanOut { size } => format!("Fan-out of {} to {connections} members", bytes(size)),
            Self::Connect => "Connect, handshake, first message and its echo, close".to_owned(),
        }
    }

    fn connections(self, scale: Scale) -> usize {
        match self {
            Self::Echo(load) | Self::Calls(load) => load.connections,
            Self::Memory(After::Spike(_)) => scale.spikes,
            Self::Memory(_) | Self::Heartbeat | Self::FanOut { .. } => scale.connections,
            Self::Connect => scale.connects,
        }
    }
}

impl Load {
    fn words(&self) -> String {
        let kind = match self.message.kind {
            Kind::Text => "text",
            Kind::Binary => "binary",
        };
        let (size, depth, connections) = (bytes(self.message.size), self.depth, self.connections);
        format!("{size} {kind}, {depth} in flight on each of {connections} connections")
    }
}

impl Row {
    pub(crate) fn columns(&self) -> Vec<Column> {
        match self.work {
            Work::Echo(_) => vec![("CPU ns a message", 1), ("client CPU ns", 1)],
            Work::Calls(_) => {
                vec![("calls", 3), ("of them writes", 3), ("reads", 3), ("waits", 3)]
            }
            Work::Memory(_) => vec![("resident bytes", 0), ("anonymous bytes", 0)],
            Work::Heartbeat => vec![("CPU ns a ping", 0), ("CPU us a second", 0), ("pings", 0)],
            Work::FanOut { .. } => {
                vec![("CPU ns a member", 0), ("us to the last", 0), ("CPU us a round", 0)]
            }
            Work::Connect => {
                vec![("CPU ns a connection", 0), ("us to first message, p50", 0), ("p99", 0)]
            }
        }
    }

    pub(crate) fn mode(&self) -> &'static str {
        if matches!(self.work, Work::FanOut { .. }) { "fanout" } else { "echo" }
    }

    pub(crate) fn heartbeat(&self) -> Option<u32> {
        matches!(self.work, Work::Heartbeat).then_some(HEARTBEAT)
    }

    /// Whether that server takes part.
    pub(crate) fn concerns(&self, program: &Program) -> bool {
        let takes_part = match self.work {
            Work::FanOut { .. } => !program.is_raw(),
            // How answers are gathered makes no difference where there are none.
            Work::Heartbeat => !program.is_raw() && !program.name.ends_with("-feed"),
            // When heartbeats fall makes no difference elsewhere.
            Work::Echo(_) | Work::Calls(_) | Work::Memory(_) | Work::Connect => {
                !program.name.ends_with("-together")
            }
        };
        takes_part && program.has_mode(self.mode())
    }

    /// In how many turns of all servers it is measured, of `rounds` that are asked for.
    pub(crate) fn turns(&self, rounds: u32) -> u32 {
        match self.work {
            // The figures repeat well, or it has rounds of its own.
            Work::Calls(_) | Work::Memory(_) | Work::FanOut { .. } => 1,
            // They do not, but each takes a quarter of a minute.
            Work::Heartbeat => rounds.min(3),
            Work::Echo(_) | Work::Connect => rounds,
        }
    }

    /// Why it cannot be measured on this machine, if so.
    pub(crate) fn unavailable(&self) -> Option<&'static str> {
        let is_missing = matches!(self.work, Work::Calls(_)) && !calls::is_strace_there();
        is_missing.then_some("strace is not there")
    }

    pub(crate) fn measure(
        &self,
        server: Server,
        scale: Scale,
        rounds: u32,
    ) -> Result<Samples, Box<dyn Error>> {
        Ok(match self.work {
            Work::Echo(load) => {
                let amount = Amount::Time(scale.echo);
                let result = load.echo(server, amount, scale).run()?;
                let each = |ns: u64| ns as f64 / result.messages as f64;
                vec![one(result.server_cpu_ns.map(each)), one(Some(each(result.own_cpu_ns)))]
            }
            Work::Calls(load) => {
                let batches = if load.depth == 1 { 500 } else { 32 };
                let batch = u64::from(load.depth) * load.connections as u64;
                let amount = Amount::Messages(batch * batches / scale.calls);
                calls::measure(&load.echo(server, amount, scale))?
                    .into_iter()
                    .map(|calls| one(Some(calls)))
                    .collect()
            }
            Work::Memory(after) => {
                let connections = self.work.connections(scale);
                let result = Idle { connections, after, ..Idle::new(server) }.run()?;
                vec![
                    one(result.bytes_each(|memory| memory.resident)),
                    one(result.bytes_each(|memory| memory.anonymous)),
                ]
            }
            Work::Heartbeat => {
                let hold = Some(scale.hold);
                let plan = Idle { connections: scale.connections, hold, ..Idle::new(server) };
                let held = plan.run()?.held.ok_or("nothing was held")?;
                let cpu = held.server_cpu_ns.ok_or("nothing is known of its CPU time")? as f64;
                if held.pings == 0 {
                    return Err("it sent no pings".into());
                }
                vec![
                    one(Some(cpu / held.pings as f64)),
                    one(Some(cpu / 1000.0 / held.time.as_secs_f64())),
                    one(Some(held.pings as f64)),
                ]
            }
            Work::FanOut { size } => {
                let members = scale.connections;
                let message = Message::new(Kind::Binary, size);
                let result = FanOut { server, members, message, rounds }.run()?;
                let cpu: Option<Vec<f64>> = result
                    .rounds
                    .iter()
                    .map(|round| round.server_cpu_ns.map(|ns| ns as f64))
                    .collect();
                let scaled = |by: f64| {
                    cpu.as_ref().map(|cpu| cpu.iter().map(|ns| ns / by).collect::<Vec<_>>())
                };
                let last = result.to_last().into_iter().map(micros).collect();
                vec![scaled(members as f64), Some(last), scaled(1000.0)]
            }
            Work::Connect => {
                let result = Connect { count: scale.connects, ..Connect::new(server) }.run()?;
                vec![
                    one(result.server_cpu_ns.map(|ns| ns as f64 / result.count as f64)),
                    one(Some(micros(result.first_message.quantile(0.5)))),
                    one(Some(micros(result.first_message.quantile(0.99)))),
                ]
            }
        })
    }
}

impl Load {
    fn echo(&self, server: Server, amount: Amount, scale: Scale) -> Echo {
        let Self { message, depth, connections } = *self;
        Echo { server, connections, depth, message, amount, warmup: scale.warmup }
    }
}

fn one(sample: Option<f64>) -> Option<Vec<f64>> {
    sample.map(|sample| vec![sample])
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn bytes(size: u64) -> String {
    match size {
        size if size >= 1 << 20 => format!("{} MiB", size >> 20),
        size if size >= 1 << 10 => format!("{} KiB", size >> 10),
        size => format!("{size} B"),
    }
}

/// In seconds.
const HEARTBEAT: u32 = 5;
