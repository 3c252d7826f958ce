//! Open loop: messages leave when they are due, whether or not earlier ones have come back.

use std::time::{Duration, Instant};

use crate::echo::Reading;
use crate::pool::{LOOK_UP, Pool};
use crate::{Error, Histogram, Kind, Message, Server};

/// A plan: so many messages a second to an echo server, spread evenly over connections and time.
///
/// A message's latency counts from the moment at which it was due. So a server that stands still
/// delays all messages that were due meanwhile, and the percentiles say so.
#[derive(Debug, Clone)]
pub struct Paced {
    /// The server.
    pub server: Server,
    /// How many connections.
    pub connections: usize,
    /// What is sent.
    pub message: Message,
    /// Messages a second, over all connections.
    pub rate: f64,
    /// How long they are sent.
    pub time: Duration,
    /// How long they are sent beforehand, unmeasured.
    pub warmup: Duration,
}

/// What a [`Paced`] measured.
#[derive(Debug, Clone)]
pub struct Pacing {
    /// How many messages went there and back.
    pub messages: u64,
    /// From the moment the first was due to the last reply.
    pub elapsed: Duration,
    /// The server's CPU time for them.
    pub server_cpu_ns: Option<u64>,
    /// The CPU time of this process, which waits for the next message awake.
    pub own_cpu_ns: u64,
    /// From the moment each message was due to its reply.
    pub latency: Histogram,
}

impl Paced {
    /// A thousand binary messages of 16 bytes a second, over 16 connections, for ten seconds.
    #[must_use]
    pub fn new(server: Server) -> Self {
        Self {
            server,
            connections: 16,
            message: Message::new(Kind::Binary, 16),
            rate: 1000.0,
            time: Duration::from_secs(10),
            warmup: Duration::from_millis(500),
        }
    }

    /// Carries it out.
    ///
    /// # Errors
    ///
    /// If the server does not answer, or not rightly.
    pub fn run(&self) -> Result<Pacing, Error> {
        if self.connections == 0 || !(self.rate > 0.0 && self.rate <= 1e9) {
            let what = "at least one connection, and a rate above zero, up to 1e9 a second";
            return Err(Error::Plan(what.to_owned()));
        }
        let mut pool = Pool::new(&self.server, self.message, 64)?;
        pool.open_all(self.connections)?;
        let mut sent = vec![0; self.connections];
        self.phase(&mut pool, self.warmup, &mut sent)?;
        let before = Reading::take(self.server.process)?;
        let begun = Instant::now();
        let latency = self.phase(&mut pool, self.time, &mut sent)?;
        let elapsed = begun.elapsed();
        let after = Reading::take(self.server.process)?;
        Ok(Pacing {
            messages: latency.count(),
            elapsed,
            server_cpu_ns: after.server_since(&before),
            own_cpu_ns: after.own_since(&before),
            latency,
        })
    }

    /// Message `i` is due `i / rate` after the start, on connection `i % connections`. Replies keep
    /// the order of a connection's messages, so the count of its replies tells which one came back.
    fn phase(
        &self,
        pool: &mut Pool<'_>,
        time: Duration,
        replied: &mut [u64],
    ) -> Result<Histogram, Error> {
        replied.fill(0);
        let connections = self.connections as u64;
        let total = (time.as_secs_f64() * self.rate).ceil() as u64;
        let start = Instant::now();
        let due_at = |message: u64| start + Duration::from_secs_f64(message as f64 / self.rate);
        let mut latency = Histogram::new();
        let mut sent = 0;
        let mut patience = pool.patience();
        while latency.count() < total {
            let due = ((start.elapsed().as_secs_f64() * self.rate) as u64 + 1).min(total);
            let last = sent;
            // All that is due on a connection leaves together.
            for first in sent..due.min(sent + connections) {
                pool.send((first % connections) as usize, (due - first).div_ceil(connections))?;
            }
            sent = due;
            let until_next = due_at(sent).saturating_duration_since(Instant::now());
            let wait = if sent == total { LOOK_UP } else { whole_milliseconds(until_next) };
            let before = latency.count();
            pool.turn(wait, &mut |connection, news| {
                let now = Instant::now();
                for _ in 0..news.messages {
                    let replied = &mut replied[connection.index];
                    let message = *replied * connections + connection.index as u64;
                    if message >= sent {
                        let what = "more replies than there were messages".to_owned();
                        return Err(Error::Wrong { connection: connection.index, what });
                    }
                    *replied += 1;
                    latency.record(now.saturating_duration_since(due_at(message)), 1);
                }
                Ok(())
            })?;
            // Between two messages there is nothing to be impatient about.
            let progress = latency.count() > before || last == latency.count();
            patience.look(progress, || format!("{} of {sent} replies arrived", latency.count()))?;
        }
        Ok(latency)
    }
}

/// The poller wakes up late by up to a millisecond, so the last two are spent awake.
fn whole_milliseconds(time: Duration) -> Duration {
    Duration::from_millis(time.as_millis().saturating_sub(2) as u64).min(LOOK_UP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_server::{Behaviour, serve};

    fn plan(behaviour: Behaviour) -> Paced {
        let mut server = serve(behaviour);
        if behaviour == Behaviour::Silent {
            server.patience = Duration::from_millis(300);
        }
        let time = Duration::from_millis(200);
        Paced { connections: 3, time, warmup: Duration::ZERO, ..Paced::new(server) }
    }

    #[test]
    fn as_many_messages_are_sent_as_the_rate_says() {
        for (rate, count) in [(20.0, 4), (1000.0, 200), (50_000.0, 10_000)] {
            let result = Paced { rate, ..plan(Behaviour::Echo) }.run().unwrap();
            assert_eq!(result.messages, count);
            assert_eq!(result.latency.count(), count);
        }
    }

    #[test]
    fn a_server_that_does_not_answer_is_an_error() {
        let error = plan(Behaviour::Silent).run().unwrap_err().to_string();
        assert!(error.contains("stuck"), "{error}");
        let error = plan(Behaviour::Twice).run().unwrap_err().to_string();
        assert!(error.contains("more replies"), "{error}");
    }
}
