//! One message to all members of a room.

use std::time::{Duration, Instant};

use crate::echo::Reading;
use crate::pool::{LOOK_UP, Pool, unasked};
use crate::{Error, Histogram, Message, Server};

/// A plan: members of a server that sends every message to all of them, the sender included.
#[derive(Debug, Clone)]
pub struct FanOut {
    /// The server.
    pub server: Server,
    /// How many members.
    pub members: usize,
    /// What is sent.
    pub message: Message,
    /// How often. One more comes before, unmeasured.
    pub rounds: u32,
}

/// What a [`FanOut`] measured.
#[derive(Debug, Clone)]
pub struct FannedOut {
    /// How many members there were.
    pub members: usize,
    /// Each round.
    pub rounds: Vec<Round>,
}

/// One message to all.
#[derive(Debug, Clone)]
pub struct Round {
    /// The time until each member had it; the largest is that of the last member.
    pub delivery: Histogram,
    /// The server's CPU time for it.
    pub server_cpu_ns: Option<u64>,
}

impl FanOut {
    /// Carries it out.
    ///
    /// # Errors
    ///
    /// If a member does not get a message, or not rightly.
    pub fn run(&self) -> Result<FannedOut, Error> {
        if self.members == 0 || self.rounds == 0 {
            return Err(Error::Plan("at least one member and one round".to_owned()));
        }
        let mut pool = Pool::new(&self.server, self.message, 1)?;
        pool.open_all(self.members)?;
        // A server may answer the handshake before it adds the member to the room.
        pool.rest_until_quiet(self.server.process)?;
        self.round(&mut pool, 0)?;
        let mut rounds = Vec::new();
        for number in 1..=self.rounds {
            let before = Reading::take(self.server.process)?;
            let delivery = self.round(&mut pool, number)?;
            let after = Reading::take(self.server.process)?;
            let server_cpu_ns = after.server_since(&before);
            rounds.push(Round { delivery, server_cpu_ns });
        }
        // One message too many would be found here.
        pool.turn(Duration::ZERO, &mut |connection, news| unasked(connection, &news))?;
        Ok(FannedOut { members: self.members, rounds })
    }

    fn round(&self, pool: &mut Pool<'_>, number: u32) -> Result<Histogram, Error> {
        let mut has = vec![false; self.members];
        let mut delivery = Histogram::new();
        let begun = Instant::now();
        // Somebody else each time, from all over the room.
        pool.send((number as usize).wrapping_mul(7919) % self.members, 1)?;
        let mut patience = pool.patience();
        while delivery.count() < self.members as u64 {
            let before = delivery.count();
            pool.turn(LOOK_UP, &mut |connection, news| {
                if news.messages == 0 {
                    return Ok(());
                }
                let has = &mut has[connection.index];
                if *has || news.messages > 1 {
                    let what = "a message twice".to_owned();
                    return Err(Error::Wrong { connection: connection.index, what });
                }
                *has = true;
                delivery.record(begun.elapsed(), 1);
                Ok(())
            })?;
            patience.look(delivery.count() > before, || {
                format!("{} of {} members had the message", delivery.count(), self.members)
            })?;
        }
        Ok(delivery)
    }
}

impl FannedOut {
    /// The time until the last member had the message, round by round, the shortest first.
    #[must_use]
    pub fn to_last(&self) -> Vec<Duration> {
        let mut times: Vec<_> = self.rounds.iter().map(|round| round.delivery.max()).collect();
        times.sort_unstable();
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::test_server::{Behaviour, serve};

    fn plan(behaviour: Behaviour) -> FanOut {
        let mut server = serve(behaviour);
        if behaviour == Behaviour::Echo {
            server.patience = Duration::from_millis(300);
        }
        let message = Message::new(Kind::Text, 16_384);
        FanOut { server, members: 10, message, rounds: 3 }
    }

    #[test]
    fn every_member_gets_every_message() {
        let result = plan(Behaviour::FanOut).run().unwrap();
        assert_eq!(result.rounds.len(), 3);
        assert!(result.rounds.iter().all(|round| round.delivery.count() == 10));
        assert!(result.to_last().is_sorted());
    }

    #[test]
    fn an_echo_is_not_enough() {
        let error = plan(Behaviour::Echo).run().unwrap_err().to_string();
        assert!(error.contains("1 of 10 members had the message"), "{error}");
    }
}
