//! All connections of a run, on one thread.

use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::connection::{Connection, News, Traffic};
use crate::message::Message;
use crate::{Error, Framing, Process, Server};

pub(crate) struct Pool<'a> {
    server: &'a Server,
    traffic: Traffic,
    poll: Poll,
    events: Events,
    /// By token. Those that have ended leave a gap.
    connections: Vec<Option<Connection>>,
    buffer: Vec<u8>,
    pings: u64,
}

impl<'a> Pool<'a> {
    /// Of no connections yet. Messages are like `message`, and so many are written at once.
    pub(crate) fn new(server: &'a Server, message: Message, at_once: u32) -> Result<Self, Error> {
        Ok(Self {
            server,
            traffic: Traffic::new(server, message, at_once)?,
            poll: Poll::new().map_err(Error::io("making a poller"))?,
            events: Events::with_capacity(1024),
            connections: Vec::new(),
            buffer: vec![0; READ],
            pings: 0,
        })
    }

    /// Begins one more connection.
    pub(crate) fn connect(&mut self) -> Result<(), Error> {
        let index = self.connections.len();
        let mut connection = Connection::new(index, self.server.address, &self.traffic)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(connection.socket(), Token(index), interest)
            .map_err(Error::io("watching a socket"))?;
        self.connections.push(Some(connection));
        Ok(())
    }

    /// Opens `count` connections, so many at once that no queue overflows, and lets `handle` have
    /// the news of them until it has said `count` times that one is done.
    pub(crate) fn open(
        &mut self,
        count: usize,
        at_once: usize,
        handle: &mut dyn FnMut(&mut Connection, &News) -> bool,
    ) -> Result<(), Error> {
        let mut begun = 0;
        let mut done = 0;
        let mut patience = self.patience();
        while done < count {
            while begun < count && begun - done < at_once {
                self.connect()?;
                begun += 1;
            }
            let before = done;
            self.turn(LOOK_UP, &mut |connection, news| {
                done += usize::from(handle(connection, &news));
                Ok(())
            })?;
            if self.server.framing == Framing::Raw && done / at_once > before / at_once {
                // No handshake says that the server has got this far.
                thread::sleep(Duration::from_millis(5));
            }
            patience.look(done > before, || {
                format!("only {done} of {count} connections were opened and served")
            })?;
        }
        Ok(())
    }

    /// Opens `count` connections and leaves it at that.
    pub(crate) fn open_all(&mut self, count: usize) -> Result<(), Error> {
        self.open(count, AT_ONCE, &mut |_, news| news.opened)
    }

    /// Sends so many messages on a connection.
    pub(crate) fn send(&mut self, index: usize, messages: u64) -> Result<(), Error> {
        if let Some(connection) = &mut self.connections[index] {
            connection.send(messages);
            connection.flush(&self.traffic)?;
        }
        Ok(())
    }

    /// Waits no longer than that for something to happen, and sees to it. What `handle` says to a
    /// connection leaves at once; one that was closed is dropped.
    pub(crate) fn turn(
        &mut self,
        wait: Duration,
        handle: &mut dyn FnMut(&mut Connection, News) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            result => result.map_err(Error::io("waiting for sockets"))?,
        }
        for event in &self.events {
            let slot = &mut self.connections[event.token().0];
            let Some(connection) = slot else { continue };
            let news = connection.ready(event, &self.traffic, &mut self.buffer)?;
            let closed = news.closed;
            self.pings += u64::from(news.pings);
            handle(connection, news)?;
            if closed {
                *slot = None;
            } else {
                connection.flush(&self.traffic)?;
            }
        }
        Ok(())
    }

    /// Serves the connections, which have nothing to say but pings, until then.
    pub(crate) fn rest(&mut self, until: Instant) -> Result<(), Error> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(left, &mut |connection, news| unasked(connection, &news))?;
        }
    }

    /// Serves the connections until the server uses next to no CPU time, for ten seconds at most.
    pub(crate) fn rest_until_quiet(&mut self, process: Option<Process>) -> Result<(), Error> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut quiet = 0;
        while quiet < 3 && Instant::now() < deadline {
            let before = process.map(Process::cpu_ns).transpose()?;
            self.rest(Instant::now() + Duration::from_millis(100))?;
            let after = process.map(Process::cpu_ns).transpose()?;
            let used = after.zip(before).map_or(0, |(after, before)| after.saturating_sub(before));
            quiet = if used < 2_000_000 { quiet + 1 } else { 0 };
        }
        Ok(())
    }

    /// How many pings have been answered so far.
    pub(crate) fn pings(&self) -> u64 {
        self.pings
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience { limit: self.server.patience, since: Instant::now() }
    }
}

/// How long nothing may happen while something is due.
pub(crate) struct Patience {
    limit: Duration,
    since: Instant,
}

impl Patience {
    /// Starts anew after `progress`, and ends with an error otherwise.
    pub(crate) fn look(
        &mut self,
        progress: bool,
        missing: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        if progress {
            self.since = Instant::now();
        } else if self.since.elapsed() > self.limit {
            return Err(Error::Stuck { after: self.limit, missing: missing() });
        }
        Ok(())
    }
}

pub(crate) fn unasked(connection: &Connection, news: &News) -> Result<(), Error> {
    if news.messages > 0 {
        let what = "a message that nobody asked for".to_owned();
        return Err(Error::Wrong { connection: connection.index, what });
    }
    Ok(())
}

/// How many connections are opened at once: fewer than any accept queue holds.
pub(crate) const AT_ONCE: usize = 100;
/// How long is waited at most before patience is looked at.
pub(crate) const LOOK_UP: Duration = Duration::from_millis(100);
/// How much is read at once.
const READ: usize = 128 * 1024;
