//! A client and a server on blocking sockets and threads: the core needs no async.
//!
//! `cargo run --example blocking` lets the two talk to each other;
//! `cargo run --example blocking -- --serve 127.0.0.1:9001` is the server alone.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use bytes::Buf;
use longwire::handshake::{Acceptance, ClientHandshake, Request, ServerHandshake};
use longwire::{CloseCode, Config, Connection, Endpoint, Event, Instant, Message};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng as _, SeedableRng as _};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let serve_only = args.next().is_some_and(|arg| arg == "--serve");
    let listener = TcpListener::bind(args.next().unwrap_or_else(|| "127.0.0.1:0".into()))?;
    let address = listener.local_addr()?;
    println!("listening on ws://{address}");
    let server = thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                if let Err(error) = stream.map_err(Into::into).and_then(serve) {
                    eprintln!("{error}");
                }
            });
        }
    });
    if serve_only {
        return server.join().map_err(|_| "the server panicked".into());
    }
    call(&format!("ws://{address}/"), &["hello", "are you there?", "goodbye"])
}

fn serve(stream: TcpStream) -> Result<(), Box<dyn Error>> {
    let config = Config::server().with_heartbeat();
    let mut socket = Socket::new(stream)?;
    let mut handshake = ServerHandshake::new(config.handshake, socket.now());
    socket.drive(&mut handshake)?;
    let now = socket.now();
    let answer = handshake.request(now).and_then(|it| it.accept(&Acceptance::new(), now));
    let accepted = match answer {
        Ok(accepted) => accepted,
        Err(mut rejection) => {
            socket.drive(&mut rejection)?;
            return Err(rejection.error().into());
        }
    };
    // The answer goes first; what the client has sent behind its request is the connection's.
    let mut connection = Connection::from_accepted(accepted, config, socket.now());
    loop {
        socket.drive(&mut connection)?;
        match connection.poll_event_with_sender() {
            Some((Event::Message(message), mut sender)) => {
                // All before it has been transmitted, so there is room. Refused only by a
                // connection that is closing, and then `Closed` says so.
                let _ = sender.send(message);
            }
            Some((Event::Closed(closed), _)) => {
                println!("served: {closed}");
                return Ok(());
            }
            Some(_) => {}
            None => return Ok(()),
        }
    }
}

fn call(url: &str, lines: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut rng = StdRng::try_from_rng(&mut SysRng)?;
    let mut rng = move |dest: &mut [u8]| rng.fill_bytes(dest);
    let config = Config::client().with_heartbeat();
    let request = Request::parse(url)?;
    let target = request.target();
    let mut socket = Socket::new(TcpStream::connect((target.host(), target.port()))?)?;
    let mut handshake = ClientHandshake::new(&request, config.handshake, &mut rng, socket.now());
    socket.drive(&mut handshake)?;
    let opened = handshake.finish()?;
    let mut connection = Connection::from_opened(&opened, rng, config, socket.now());
    for line in lines {
        connection.send(Message::from(*line)).map_err(|error| error.kind())?;
    }
    let mut awaited = lines.len();
    loop {
        socket.drive(&mut connection)?;
        match connection.poll_event() {
            Some(Event::Message(message)) => {
                println!("{}", message.as_text().unwrap_or("(not text)"));
                awaited -= 1;
                if awaited == 0 {
                    connection.close(socket.now(), CloseCode::NORMAL, "done")?;
                }
            }
            Some(Event::Closed(closed)) => {
                println!("called: {} {}, clean: {}", closed.code, closed.reason, closed.clean);
                return Ok(());
            }
            Some(_) => {}
            None => return Ok(()),
        }
    }
}

/// A blocking stream, and a clock whose epoch is the stream's beginning.
struct Socket {
    stream: TcpStream,
    epoch: std::time::Instant,
    shut_down: bool,
}

impl Socket {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, epoch: std::time::Instant::now(), shut_down: false })
    }

    fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }

    /// The loop: until the endpoint has news, or needs the stream no more.
    fn drive(&mut self, endpoint: &mut impl Endpoint) -> io::Result<()> {
        while !endpoint.poll_ready() {
            self.transmit(endpoint)?;
            // What was just transmitted may have been the last of it.
            if endpoint.is_finished() || endpoint.poll_ready() {
                break;
            }
            self.receive(endpoint)?;
        }
        Ok(())
    }

    /// Out: writes everything, and half-closes behind the last of it.
    fn transmit(&mut self, endpoint: &mut impl Endpoint) -> io::Result<()> {
        while endpoint.send_buffer().has_remaining() {
            // Bytes wait as of now, which gives the peer until a deadline to take some.
            endpoint.sent(self.now(), 0);
            self.stream.set_write_timeout(self.until(endpoint.poll_timeout()))?;
            let result = self.stream.write(endpoint.send_buffer().chunk());
            let now = self.now();
            match result {
                Ok(n) => endpoint.sent(now, n),
                Err(error) if is_timeout(&error) => endpoint.handle_timeout(now),
                Err(error) => endpoint.send_failed(now, error.kind().into()),
            }
        }
        if endpoint.is_send_finished() && !self.shut_down {
            self.shut_down = true;
            // A peer that is already gone is told nothing; that changes nothing.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        Ok(())
    }

    /// In, or time: whichever comes first.
    fn receive(&mut self, endpoint: &mut impl Endpoint) -> io::Result<()> {
        let until = self.until(endpoint.poll_timeout());
        let buf = endpoint.recv_buffer();
        if buf.is_empty() {
            // Nothing may be read, and a read of nothing looks like the end: only time is left.
            thread::sleep(until.unwrap_or(Duration::from_millis(1)));
            endpoint.handle_timeout(self.now());
            return Ok(());
        }
        self.stream.set_read_timeout(until)?;
        let result = self.stream.read(buf);
        let now = self.now();
        match result {
            Ok(0) => endpoint.received_eof(now),
            Ok(n) => endpoint.received(now, n),
            Err(error) if is_timeout(&error) => {}
            Err(error) => endpoint.receive_failed(now, error.kind().into()),
        }
        // Harmless when nothing is due.
        endpoint.handle_timeout(now);
        Ok(())
    }

    /// How long to block. Not zero: to a socket, that means for ever.
    fn until(&self, deadline: Option<Instant>) -> Option<Duration> {
        Some(deadline?.saturating_since(self.now()).max(Duration::from_millis(1)))
    }
}

/// Whether a call was cut short rather than failed. Which of the first two it is depends on the system.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
