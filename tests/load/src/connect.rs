//! Connections that come and go: from nothing to the first message.

use std::time::{Duration, Instant};

use crate::echo::Reading;
use crate::pool::Pool;
use crate::{Error, Histogram, Kind, Message, Server};

/// A plan: connect, shake hands, send one message of 16 bytes, get it back, close.
#[derive(Debug, Clone)]
pub struct Connect {
    /// The server.
    pub server: Server,
    /// How often.
    pub count: usize,
    /// How many at a time.
    pub concurrency: usize,
}

/// What a [`Connect`] measured.
#[derive(Debug, Clone)]
pub struct Connected {
    /// How many connections there were.
    pub count: usize,
    /// From the first to the last.
    pub elapsed: Duration,
    /// From connecting to the echo of the first message.
    pub first_message: Histogram,
    /// The server's CPU time for all of it.
    pub server_cpu_ns: Option<u64>,
    /// The CPU time of this process.
    pub own_cpu_ns: u64,
}

impl Connect {
    /// A thousand, sixteen at a time.
    #[must_use]
    pub fn new(server: Server) -> Self {
        Self { server, count: 1000, concurrency: 16 }
    }

    /// Carries it out, after a few unmeasured connections.
    ///
    /// # Errors
    ///
    /// If the server does not answer, or not rightly.
    pub fn run(&self) -> Result<Connected, Error> {
        if self.count == 0 || self.concurrency == 0 {
            return Err(Error::Plan("at least one connection".to_owned()));
        }
        self.phase(self.concurrency.min(self.count))?;
        let before = Reading::take(self.server.process)?;
        let begun = Instant::now();
        let first_message = self.phase(self.count)?;
        let elapsed = begun.elapsed();
        let after = Reading::take(self.server.process)?;
        Ok(Connected {
            count: self.count,
            elapsed,
            first_message,
            server_cpu_ns: after.server_since(&before),
            own_cpu_ns: after.own_since(&before),
        })
    }

    fn phase(&self, count: usize) -> Result<Histogram, Error> {
        let mut pool = Pool::new(&self.server, Message::new(Kind::Binary, 16), 1)?;
        let mut first_message = Histogram::new();
        pool.open(count, self.concurrency, &mut |connection, news| {
            if news.opened {
                connection.send(1);
            }
            if news.messages > 0 {
                first_message.record(connection.begun.elapsed(), 1);
                connection.close();
            }
            news.closed
        })?;
        Ok(first_message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_server::{Behaviour, serve};

    #[test]
    fn each_connection_gets_one_echo_and_a_clean_end() {
        let raw = serve(Behaviour::Raw).raw();
        for server in [serve(Behaviour::Echo), serve(Behaviour::Ping), raw] {
            let plan = Connect { count: 50, concurrency: 4, ..Connect::new(server) };
            let result = plan.run().unwrap();
            assert_eq!(result.first_message.count(), 50);
            assert!(result.first_message.max() <= result.elapsed);
        }
    }

    #[test]
    fn nobody_listening_is_an_error() {
        let server = Server::new("127.0.0.1:1").unwrap();
        let error = Connect::new(server).run().unwrap_err().to_string();
        assert!(error.contains("is the server listening"), "{error}");
    }
}
