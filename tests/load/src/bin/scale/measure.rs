//! One measurement: a server started for it, put to work, and asked what it took.

use std::error::Error;
use std::time::Duration;

use longwire_load::{Amount, Echo, FanOut, Kind, Message, Moment, Server};

use crate::series::Sample;
use crate::servers::Servers;
use crate::sweep::Work;

/// How long each is measured, which takes longer if a single message does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) time: Duration,
    pub(crate) warmup: Duration,
    pub(crate) messages_to_room: u32,
}

/// What so much work costs this server.
pub(crate) fn measure(
    servers: &Servers,
    name: &str,
    work: Work,
    amount: u64,
    effort: Effort,
) -> Result<Sample, Box<dyn Error>> {
    let started = servers.start(name, work.mode())?;
    let server = started.server.clone();
    match work {
        Work::Message => echo(effort, server, 1, Message::new(Kind::Binary, amount)),
        Work::Fragments => {
            let fragments = u32::try_from(amount)?;
            let message = Message { fragments, ..Message::new(Kind::Binary, 1 << 20) };
            echo(effort, server, 1, message)
        }
        Work::Connections => {
            let message = Message::new(Kind::Binary, SMALL);
            // Before memory is looked at, all code that a connection needs has run once.
            let first = Effort { time: Duration::ZERO, warmup: Duration::ZERO, ..effort };
            echo(first, server.clone(), 1, message)?;
            echo(effort, server, usize::try_from(amount)?, message)
        }
        Work::Room => fan_out(effort, server, usize::try_from(amount)?),
    }
}

/// One message in flight on each connection.
fn echo(
    effort: Effort,
    server: Server,
    connections: usize,
    message: Message,
) -> Result<Sample, Box<dyn Error>> {
    let process = server.process.ok_or("the server is no process of this machine")?;
    let before = process.memory()?.resident;
    let mut after = before;
    let plan = Echo {
        connections,
        depth: 1,
        message,
        amount: Amount::Time(effort.time),
        warmup: effort.warmup,
        ..Echo::new(server)
    };
    let echoed = plan.run_observed(&mut |moment| {
        if moment == Moment::End {
            after = process.memory()?.resident;
        }
        Ok(())
    })?;
    let cpu = echoed.server_cpu_ns.ok_or("the server's CPU time is not known")?;
    Ok(Sample {
        cpu_ns: cpu as f64 / echoed.messages as f64,
        resident: Some(after.saturating_sub(before) as f64),
    })
}

/// The median of several messages, each to all members.
fn fan_out(effort: Effort, server: Server, members: usize) -> Result<Sample, Box<dyn Error>> {
    let message = Message::new(Kind::Binary, SMALL);
    let plan = FanOut { server, members, message, rounds: effort.messages_to_room };
    let mut times: Vec<_> =
        plan.run()?.rounds.iter().filter_map(|round| round.server_cpu_ns).collect();
    times.sort_unstable();
    let median = *times.get(times.len() / 2).ok_or("the server's CPU time is not known")?;
    Ok(Sample { cpu_ns: median as f64, resident: None })
}

/// A chat message.
const SMALL: u64 = 128;
