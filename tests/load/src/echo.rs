//! Closed loop: each connection sends a batch, waits for all of it to come back, and sends the next.

use std::time::{Duration, Instant};

use crate::pool::{LOOK_UP, Pool};
use crate::{Error, Histogram, Kind, Message, Process, Server};

/// A plan: messages to an echo server, so many in flight all the time.
#[derive(Debug, Clone)]
pub struct Echo {
    /// The server.
    pub server: Server,
    /// How many connections.
    pub connections: usize,
    /// How many messages each has in flight.
    pub depth: u32,
    /// What is sent.
    pub message: Message,
    /// How long this goes on.
    pub amount: Amount,
    /// How long it goes on beforehand, unmeasured.
    pub warmup: Duration,
}

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// What can be done in so much time; each connection does at least one batch.
    Time(Duration),
    /// At least so many messages: as many batches of each connection as that takes.
    Messages(u64),
}

/// A moment at which nothing is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The connections are open and warm; what is measured begins now.
    Start,
    /// It is over; the connections are still open.
    End,
}

/// What an [`Echo`] measured.
#[derive(Debug, Clone)]
pub struct Echoed {
    /// How many messages went there and back.
    pub messages: u64,
    /// In which time.
    pub elapsed: Duration,
    /// The server's CPU time for them.
    pub server_cpu_ns: Option<u64>,
    /// The CPU time of this process for them.
    pub own_cpu_ns: u64,
    /// From the moment at which a batch was written to the arrival of each of its messages.
    pub latency: Histogram,
}

impl Echo {
    /// 16 connections, 64 binary messages of 16 bytes in flight on each, for a second.
    #[must_use]
    pub fn new(server: Server) -> Self {
        Self {
            server,
            connections: 16,
            depth: 64,
            message: Message::new(Kind::Binary, 16),
            amount: Amount::Time(Duration::from_secs(1)),
            warmup: Duration::from_millis(200),
        }
    }

    /// Carries it out.
    ///
    /// # Errors
    ///
    /// If the server does not answer, or not rightly.
    pub fn run(&self) -> Result<Echoed, Error> {
        self.run_observed(&mut |_| Ok(()))
    }

    /// Carries it out, and says when what is measured begins and ends, for other measurements of
    /// the same interval.
    ///
    /// # Errors
    ///
    /// If the server does not answer, or not rightly, or with what `observe` returned.
    pub fn run_observed(
        &self,
        observe: &mut dyn FnMut(Moment) -> Result<(), Error>,
    ) -> Result<Echoed, Error> {
        if self.connections == 0 || self.depth == 0 {
            return Err(Error::Plan("at least one connection and one message".to_owned()));
        }
        let mut pool = Pool::new(&self.server, self.message, self.depth)?;
        pool.open_all(self.connections)?;
        self.phase(&mut pool, Amount::Time(self.warmup))?;
        let before = Reading::take(self.server.process)?;
        observe(Moment::Start)?;
        let phase = self.phase(&mut pool, self.amount)?;
        let after = Reading::take(self.server.process)?;
        observe(Moment::End)?;
        Ok(Echoed {
            messages: phase.latency.count(),
            elapsed: phase.elapsed,
            server_cpu_ns: after.server_since(&before),
            own_cpu_ns: after.own_since(&before),
            latency: phase.latency,
        })
    }

    /// Sends and receives until the amount is reached and everything has come back.
    fn phase(&self, pool: &mut Pool<'_>, amount: Amount) -> Result<Phase, Error> {
        let start = Instant::now();
        let batch = u64::from(self.depth);
        let (end, batches) = match amount {
            Amount::Time(time) => (Some(start + time), 0),
            Amount::Messages(count) => (None, count.div_ceil(batch * self.connections as u64)),
        };
        let mut all = Vec::with_capacity(self.connections);
        for index in 0..self.connections {
            all.push(Batch { missing: batch, number: 1, begun: Instant::now() });
            pool.send(index, batch)?;
        }
        let mut latency = Histogram::new();
        let mut busy = self.connections;
        let mut last = start;
        let mut patience = pool.patience();
        while busy > 0 {
            let before = latency.count();
            pool.turn(LOOK_UP, &mut |connection, news| {
                if news.messages == 0 {
                    return Ok(());
                }
                let own = &mut all[connection.index];
                let arrived = u64::from(news.messages);
                let Some(missing) = own.missing.checked_sub(arrived) else {
                    let what = "more replies than there were messages".to_owned();
                    return Err(Error::Wrong { connection: connection.index, what });
                };
                own.missing = missing;
                last = Instant::now();
                latency.record(last - own.begun, arrived);
                if missing == 0 {
                    if end.map_or(own.number < batches, |end| last < end) {
                        *own = Batch { missing: batch, number: own.number + 1, begun: last };
                        connection.send(batch);
                    } else {
                        busy -= 1;
                    }
                }
                Ok(())
            })?;
            patience.look(latency.count() > before, || {
                format!("{busy} of {} connections miss replies", self.connections)
            })?;
        }
        Ok(Phase { latency, elapsed: last - start })
    }
}

struct Phase {
    latency: Histogram,
    elapsed: Duration,
}

struct Batch {
    /// How many of its replies have not arrived.
    missing: u64,
    number: u64,
    begun: Instant,
}

/// CPU time so far, of the server once it rests, and of this process.
pub(crate) struct Reading {
    server: Option<u64>,
    own: u64,
}

impl Reading {
    pub(crate) fn take(server: Option<Process>) -> Result<Self, Error> {
        let server = server.map(Process::settled_cpu_ns).transpose()?;
        Ok(Self { server, own: Process::own().cpu_ns()? })
    }

    // A thread that has ended meanwhile has taken its time with it: less than nothing is nothing.

    pub(crate) fn server_since(&self, before: &Self) -> Option<u64> {
        Some(self.server?.saturating_sub(before.server?))
    }

    pub(crate) fn own_since(&self, before: &Self) -> u64 {
        self.own.saturating_sub(before.own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_server::{Behaviour, serve};

    fn plan(behaviour: Behaviour) -> Echo {
        let mut server = serve(behaviour);
        if behaviour == Behaviour::Silent {
            server.patience = Duration::from_millis(300);
        }
        let amount = Amount::Messages(1000);
        Echo { connections: 3, depth: 10, amount, warmup: Duration::ZERO, ..Echo::new(server) }
    }

    #[test]
    fn a_number_of_messages_is_rounded_up_to_whole_batches() {
        let result = plan(Behaviour::Echo).run().unwrap();
        assert_eq!(result.messages, 34 * 3 * 10);
        assert_eq!(result.latency.count(), result.messages);
        assert_eq!(result.server_cpu_ns, None);
        assert!(result.latency.max() <= result.elapsed);
    }

    #[test]
    fn raw_bytes_large_messages_and_fragments_come_back() {
        let mut raw = plan(Behaviour::Raw);
        raw.server = raw.server.raw();
        assert_eq!(raw.run().unwrap().messages, 1020);
        for (size, fragments) in [(3 << 20, 1), (1 << 20, 300), (100_000, 65_536)] {
            let message = Message { fragments, ..Message::new(Kind::Text, size) };
            let amount = Amount::Messages(2);
            let plan = Echo { message, depth: 1, amount, ..plan(Behaviour::Echo) };
            assert_eq!(plan.run().unwrap().messages, 3);
        }
    }

    #[test]
    fn the_measured_interval_is_announced() {
        let mut moments = Vec::new();
        let observe = &mut |moment| {
            moments.push(moment);
            Ok(())
        };
        plan(Behaviour::Echo).run_observed(observe).unwrap();
        assert_eq!(moments, [Moment::Start, Moment::End]);
    }

    #[test]
    fn a_server_that_closes_while_it_is_written_to_is_heard() {
        let message = Message::new(Kind::Binary, 16 << 20);
        let plan = Echo { message, connections: 1, ..plan(Behaviour::TooBig) };
        let error = plan.run().unwrap_err().to_string();
        assert!(error.contains("close code 1009"), "{error}");
    }

    #[test]
    fn a_server_that_answers_wrongly_or_not_at_all_does_not_score() {
        let error = |behaviour| plan(behaviour).run().unwrap_err().to_string();
        assert!(error(Behaviour::Silent).contains("stuck"));
        assert!(error(Behaviour::Flip).contains("differs at byte 15"));
        assert!(error(Behaviour::Close).contains("close code 1001"));
        assert!(error(Behaviour::Twice).contains("more replies"));
        assert!(error(Behaviour::Refuse).contains("403"));
        assert!(error(Behaviour::HangUp).contains("without a close frame"));
    }
}
