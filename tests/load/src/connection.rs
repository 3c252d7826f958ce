//! One connection: from connecting to its last message. What to send is said in messages.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr};
use std::time::Instant;

use mio::event::Event;
use mio::net::TcpStream;

use crate::handshake;
use crate::message::{Message, Payload};
use crate::replies::{Replies, Tally};
use crate::script::{Script, push_control};
use crate::server::Framing;
use crate::{Error, Server};

/// What all connections send and expect.
#[derive(Debug)]
pub(crate) struct Traffic {
    framing: Framing,
    request: Vec<u8>,
    payload: Payload,
    script: Script,
}

impl Traffic {
    /// Of messages like `message`, of which so many are written at once.
    pub(crate) fn new(server: &Server, message: Message, at_once: u32) -> Result<Self, Error> {
        let payload = Payload::new(message.check()?);
        if server.framing == Framing::Raw && message.size == 0 {
            return Err(Error::Plan("raw messages have at least one byte".to_owned()));
        }
        let script = Script::new(&payload, at_once);
        Ok(Self { framing: server.framing, request: handshake::request(server), payload, script })
    }
}

/// What has happened on a connection since it was last looked at.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// It was opened.
    pub(crate) opened: bool,
    /// So many replies have arrived.
    pub(crate) messages: u32,
    /// So many pings have arrived, and been answered.
    pub(crate) pings: u32,
    /// The server has ended it, as it was asked to.
    pub(crate) closed: bool,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) index: usize,
    /// When connecting began.
    pub(crate) begun: Instant,
    socket: TcpStream,
    stage: Stage,
    /// How far into the script it has written, and how far it is to write.
    position: u64,
    target: u64,
    message_size: u64,
    /// Control frames to be written as soon as no message is half written.
    control: Vec<u8>,
    replies: Replies,
    closing: bool,
    /// Whether it has not said so yet.
    close_due: bool,
}

#[derive(Debug)]
enum Stage {
    Connecting,
    /// With what has arrived of the answer.
    Handshake(Vec<u8>),
    Open,
}

impl Connection {
    pub(crate) fn new(index: usize, to: SocketAddr, traffic: &Traffic) -> Result<Self, Error> {
        let begun = Instant::now();
        let socket = TcpStream::connect(to).map_err(Error::io(
            "opening a socket (enough file descriptors, ulimit -n? enough ports?)",
        ))?;
        Ok(Self {
            index,
            begun,
            socket,
            stage: Stage::Connecting,
            position: 0,
            target: 0,
            message_size: traffic.script.message_size(),
            control: Vec::new(),
            replies: Replies::default(),
            closing: false,
            close_due: false,
        })
    }

    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Sends so many messages more; they leave with the next `flush`.
    pub(crate) fn send(&mut self, messages: u64) {
        self.target += messages * self.message_size;
    }

    /// Closes it with the next `flush`: with a close frame, or, without WebSocket, with the end of
    /// the stream, for which nothing may be left to send.
    pub(crate) fn close(&mut self) {
        self.closing = true;
        self.close_due = true;
    }

    /// Goes as far as the socket allows.
    pub(crate) fn ready(
        &mut self,
        event: &Event,
        traffic: &Traffic,
        buffer: &mut [u8],
    ) -> Result<News, Error> {
        let mut news = News::default();
        if matches!(self.stage, Stage::Connecting) {
            self.connected(traffic, &mut news)?;
        } else if event.is_writable() {
            self.flush(traffic)?;
        }
        let ends = event.is_read_closed() || event.is_error();
        if event.is_readable() || ends {
            self.receive(ends, traffic, buffer, &mut news)?;
        }
        Ok(news)
    }

    /// Writes what there is to write, as far as the socket takes it.
    pub(crate) fn flush(&mut self, traffic: &Traffic) -> Result<(), Error> {
        if mem::take(&mut self.close_due) {
            match traffic.framing {
                Framing::WebSocket => {
                    push_control(&mut self.control, CLOSE, &1000_u16.to_be_bytes());
                }
                Framing::Raw => {
                    self.socket.shutdown(Shutdown::Write).map_err(Error::io("ending a stream"))?;
                }
            }
        }
        loop {
            let result =
                if !self.control.is_empty() && self.position.is_multiple_of(self.message_size) {
                    self.socket.write(&self.control).map(|n| drop(self.control.drain(..n)))
                } else if self.position < self.target {
                    self.write_messages(&traffic.script).map(|n| self.position += n as u64)
                } else {
                    return Ok(());
                };
            match result {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Why it ended is in what it sent before: reading, which is due, finds it.
                Err(error) if is_reset(&error) => {
                    self.target = self.position;
                    self.control.clear();
                    return Ok(());
                }
                Err(error) => return Err(self.ended(format!("writing failed: {error}"))),
            }
        }
    }

    fn write_messages(&mut self, script: &Script) -> io::Result<usize> {
        let bytes = script.at(self.position);
        let due = self.target - self.position;
        if bytes.len() as u64 >= due {
            return self.socket.write(&bytes[..due as usize]);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = script.slices(self.position, self.target, &mut slices);
        self.socket.write_vectored(&slices[..filled])
    }

    fn connected(&mut self, traffic: &Traffic, news: &mut News) -> Result<(), Error> {
        let doing = "connecting (is the server listening there?)";
        if let Some(error) = self.socket.take_error().map_err(Error::io(doing))? {
            return Err(Error::io(doing)(error));
        }
        match self.socket.peer_addr() {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(()),
            Err(error) => return Err(Error::io(doing)(error)),
        }
        self.socket.set_nodelay(true).map_err(Error::io("setting TCP_NODELAY"))?;
        if traffic.framing == Framing::Raw {
            self.stage = Stage::Open;
            news.opened = true;
            return Ok(());
        }
        // The socket is new, and the request fits into any send buffer.
        self.socket.write_all(&traffic.request).map_err(Error::io("sending the handshake"))?;
        self.stage = Stage::Handshake(Vec::new());
        Ok(())
    }

    /// Reads all there is; `ends`, if that includes the end of the stream.
    fn receive(
        &mut self,
        ends: bool,
        traffic: &Traffic,
        buffer: &mut [u8],
        news: &mut News,
    ) -> Result<(), Error> {
        loop {
            match self.socket.read(buffer) {
                Ok(0) if self.closing => {
                    news.closed = true;
                    return Ok(());
                }
                Err(error) if self.closing && is_reset(&error) => {
                    news.closed = true;
                    return Ok(());
                }
                Ok(0) => return Err(self.ended("without a close frame".to_owned())),
                Ok(n) => {
                    self.take(&buffer[..n], traffic, news)?;
                    // A short read has emptied the socket: more of it would be a new event.
                    if news.closed || n < buffer.len() && !ends {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.ended(format!("reading failed: {error}"))),
            }
        }
    }

    fn take(&mut self, bytes: &[u8], traffic: &Traffic, news: &mut News) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Connecting => Ok(()),
            Stage::Open => self.take_replies(bytes, traffic, news),
            Stage::Handshake(answer) => {
                answer.extend_from_slice(bytes);
                let Some(len) = handshake::answer(answer).map_err(Error::Handshake)? else {
                    return Ok(());
                };
                let leftover = answer.split_off(len);
                self.stage = Stage::Open;
                news.opened = true;
                self.take_replies(&leftover, traffic, news)
            }
        }
    }

    fn take_replies(
        &mut self,
        bytes: &[u8],
        traffic: &Traffic,
        news: &mut News,
    ) -> Result<(), Error> {
        let with = (&traffic.payload, &traffic.script);
        let tally = self
            .replies
            .take(bytes, traffic.framing, with, &mut self.control)
            .map_err(|what| Error::Wrong { connection: self.index, what })?;
        let Tally { messages, pings, closed } = tally;
        news.messages += messages;
        news.pings += pings;
        match closed {
            Some(_) if self.closing => news.closed = true,
            Some(code) => return Err(self.ended(format!("with close code {code}"))),
            None => {}
        }
        Ok(())
    }

    fn ended(&self, how: String) -> Error {
        Error::Ended { connection: self.index, how }
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

const CLOSE: u8 = 8;
/// How many slices are written at once.
const SLICES: usize = 64;
