//! The server under load: where it is, what it speaks, and how long it is waited for.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use crate::{Error, Process};

/// What the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// WebSocket, beginning with the opening handshake.
    WebSocket,
    /// Nothing: each byte comes back as it is. The yardstick: what sockets and runtime cost alone.
    Raw,
}

/// The server under load.
#[derive(Debug, Clone)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// The value of the request's `Host`.
    pub host: String,
    /// What is asked for in the handshake.
    pub path: String,
    /// What it speaks.
    pub framing: Framing,
    /// Its process, if it runs on this machine. Without it nothing is said about CPU and memory.
    pub process: Option<Process>,
    /// How long an answer that is due is waited for.
    pub patience: Duration,
}

impl Server {
    /// From `ws://host:port/path` or `host:port`, with half a minute of patience.
    ///
    /// # Errors
    ///
    /// If the address is of another form or cannot be resolved.
    pub fn new(url: &str) -> Result<Self, Error> {
        let rest = url.strip_prefix("ws://").unwrap_or(url);
        if rest.contains("://") {
            return Err(Error::Plan(format!("{url}: only ws:// is spoken here, without TLS")));
        }
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/"),
        };
        let explicit =
            authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if explicit { authority.to_owned() } else { format!("{authority}:80") };
        let address = host
            .to_socket_addrs()
            .map_err(|error| Error::Plan(format!("{url}: cannot resolve {host}: {error}")))?
            .next()
            .ok_or_else(|| Error::Plan(format!("{url}: {host} has no address")))?;
        Ok(Self {
            address,
            host,
            path: path.to_owned(),
            framing: Framing::WebSocket,
            process: None,
            patience: Duration::from_secs(30),
        })
    }

    /// The same, as a plain echo of bytes.
    #[must_use]
    pub fn raw(self) -> Self {
        Self { framing: Framing::Raw, ..self }
    }

    /// The same, whose CPU and memory are those of the process `pid`.
    #[must_use]
    pub fn with_pid(self, pid: u32) -> Self {
        Self { process: Some(Process::new(pid)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let server = Server::new("ws://127.0.0.1:9001/chat?room=1").unwrap();
        assert_eq!(server.address, "127.0.0.1:9001".parse().unwrap());
        assert_eq!((&*server.host, &*server.path), ("127.0.0.1:9001", "/chat?room=1"));
        let server = Server::new("127.0.0.1:9001").unwrap();
        assert_eq!((&*server.host, &*server.path), ("127.0.0.1:9001", "/"));
        assert_eq!(Server::new("ws://127.0.0.1").unwrap().address.port(), 80);
        for wrong in ["wss://127.0.0.1:1", "http://127.0.0.1:1", ""] {
            assert!(matches!(Server::new(wrong), Err(Error::Plan(_))), "{wrong}");
        }
    }
}
