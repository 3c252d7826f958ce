//! Many connections that are silent: what they hold, and what it costs to know that they live.

use std::time::{Duration, Instant};

use crate::echo::Reading;
use crate::pool::{AT_ONCE, Pool};
use crate::{Error, Kind, Memory, Message, Server};

/// A plan: connections that are opened, used once, and then held.
#[derive(Debug, Clone)]
pub struct Idle {
    /// The server. Without its process there is nothing to measure.
    pub server: Server,
    /// How many connections.
    pub connections: usize,
    /// What each does before it falls silent.
    pub after: After,
    /// How long they are held then, so that heartbeats can be seen.
    pub hold: Option<Duration>,
}

/// What a connection does before it falls silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Nothing but the opening handshake.
    Handshake,
    /// One text message of 128 bytes and its echo.
    Message,
    /// One binary message of so many bytes and its echo, four connections at a time.
    Spike(u64),
}

/// What an [`Idle`] measured.
#[derive(Debug, Clone)]
pub struct Idled {
    /// How many connections there were.
    pub connections: usize,
    /// The server's memory before the first one, and once all were silent.
    pub memory: Option<(Memory, Memory)>,
    /// What was seen while they were held.
    pub held: Option<Held>,
}

/// What was seen while connections were held.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// For how long.
    pub time: Duration,
    /// How many pings the server sent. All were answered.
    pub pings: u64,
    /// Its CPU time meanwhile.
    pub server_cpu_ns: Option<u64>,
}

impl Idle {
    /// Ten thousand after the handshake.
    #[must_use]
    pub fn new(server: Server) -> Self {
        Self { server, connections: 10_000, after: After::Handshake, hold: None }
    }

    /// Carries it out.
    ///
    /// # Errors
    ///
    /// If the server does not answer, or not rightly.
    pub fn run(&self) -> Result<Idled, Error> {
        let (message, at_once) = match self.after {
            After::Handshake | After::Message => (Message::new(Kind::Text, 128), AT_ONCE),
            // More at once would leave the heap in holes that no connection is to blame for.
            After::Spike(size) => (Message::new(Kind::Binary, size), 4),
        };
        let process = self.server.process;
        let mut pool = Pool::new(&self.server, message, 1)?;
        let before = process.map(|it| it.memory()).transpose()?;
        pool.open(self.connections, at_once, &mut |connection, news| {
            if self.after == After::Handshake {
                return news.opened;
            }
            if news.opened {
                connection.send(1);
            }
            news.messages > 0
        })?;
        pool.rest_until_quiet(process)?;
        let after = process.map(|it| it.memory()).transpose()?;
        let held = self.hold.map(|time| {
            let (begun, pings) = (Instant::now(), pool.pings());
            let before = Reading::take(process)?;
            pool.rest(begun + time)?;
            let after = Reading::take(process)?;
            Ok(Held {
                time: begun.elapsed(),
                pings: pool.pings() - pings,
                server_cpu_ns: after.server_since(&before),
            })
        });
        Ok(Idled {
            connections: self.connections,
            memory: before.zip(after),
            held: held.transpose()?,
        })
    }
}

impl Idled {
    /// Bytes a connection, of what `memory` says of the whole.
    #[must_use]
    pub fn bytes_each(&self, memory: fn(&Memory) -> u64) -> Option<f64> {
        let (before, after) = self.memory.as_ref()?;
        let grown = memory(after) as f64 - memory(before) as f64;
        Some(grown / self.connections.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Process;
    use crate::test_server::{Behaviour, serve};

    #[test]
    fn connections_are_used_once_and_held() {
        for after in [After::Handshake, After::Message, After::Spike(300_000)] {
            let server = serve(Behaviour::Echo).with_pid(Process::own().pid());
            let plan = Idle { connections: 20, after, ..Idle::new(server) };
            let result = plan.run().unwrap();
            assert!(result.bytes_each(|memory| memory.resident).is_some());
            assert!(result.held.is_none());
        }
    }

    #[test]
    fn pings_are_answered() {
        let hold = Some(Duration::from_millis(100));
        let server = serve(Behaviour::PingFirst);
        // The server sees to it that each was answered before the message.
        let plan = Idle { connections: 5, after: After::Message, hold, ..Idle::new(server) };
        let result = plan.run().unwrap();
        let held = result.held.unwrap();
        assert!(held.time >= Duration::from_millis(100));
        assert!(result.memory.is_none());
    }
}
