//! A client that stays connected, on a blocking socket and without a runtime: a `Session` driven by hand.
//!
//! `cargo run --example session_blocking -- ws://127.0.0.1:9001 < LINES`
//!
//! Sends the lines of its standard input over as many connections as it takes, and prints what comes.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use bytes::Buf;
use longwire::handshake::Request;
use longwire::session::{Action, ConnectFailure, Delivery, Event, Session, SessionConfig, Stopped};
use longwire::{CloseCode, Endpoint, Instant, Message};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng as _, SeedableRng as _};

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: session_blocking URL < LINES")?;
    let request = Request::parse(&url)?;
    let clock = Clock(std::time::Instant::now());
    let mut session = Session::new(SessionConfig::DEFAULT, generator()?, clock.now());
    session.connect(clock.now());
    let mut lines = io::stdin().lines().collect::<Result<VecDeque<_>, _>>()?;
    let mut stream = None;
    loop {
        while let Some(event) = session.poll_event() {
            match event {
                Event::Message(message) => println!("{}", message.as_text().unwrap_or("(binary)")),
                Event::Settled(settled) => eprintln!("{}: {}", settled.id, settled.outcome),
                Event::Closed(closed) => eprintln!("{}: {:?}", closed.failure, closed.next),
                Event::Stopped(Stopped::Closed) => return Ok(()),
                Event::Stopped(stopped) => return Err(stopped.to_string().into()),
                Event::Connecting(_) | Event::Opened(_) | Event::Repeated(_) => {}
                Event::Piece(_) | Event::Pong(_) | Event::Error(_) | _ => {}
            }
        }
        while let Some(line) = lines.front() {
            match session.send(clock.now(), Message::from(&**line), Delivery::Received) {
                Ok(_) => drop(lines.pop_front()),
                // There is room again when others have their outcome.
                Err(_) if session.queued_messages() > 0 => break,
                Err(error) => return Err(error.kind().into()),
            }
        }
        if lines.is_empty() {
            // Once is enough, and more than once does no harm.
            session.finish(clock.now(), CloseCode::NORMAL, "", Duration::from_secs(60))?;
        }
        match session.poll_action() {
            Some(Action::Connect(attempt)) => match dial(&request) {
                Ok(dialled) => {
                    let is_wanted = session.opened(clock.now(), attempt, &request, generator()?);
                    stream = is_wanted.then_some(dialled);
                }
                Err(failure) => session.failed(clock.now(), attempt, failure),
            },
            Some(Action::Disconnect(_)) => stream = None,
            // Each of them may bring news, and orders.
            None => match &mut stream {
                Some(stream) => exchange(&mut session, stream, &clock)?,
                None => thread::sleep(clock.until(session.poll_timeout())),
            },
        }
        // Harmless when nothing is due.
        session.handle_timeout(clock.now());
    }
}

fn dial(request: &Request) -> Result<TcpStream, ConnectFailure> {
    let target = request.target();
    let failure = |error: io::Error| ConnectFailure::from(error.kind());
    let mut addresses = (target.host(), target.port()).to_socket_addrs().map_err(failure)?;
    let address = addresses.next().ok_or(ConnectFailure::Unresolved)?;
    let stream = TcpStream::connect_timeout(&address, SessionConfig::DEFAULT.connect_timeout);
    stream.and_then(|it| it.set_nodelay(true).map(|()| it)).map_err(failure)
}

/// Out, and in for as long as nothing waits to go out: whatever moves first.
///
/// A peer that is not read may not read either. So neither is waited for long while the other has work.
fn exchange(session: &mut Session, stream: &mut TcpStream, clock: &Clock) -> io::Result<()> {
    let mut until = clock.until(session.poll_timeout());
    if session.send_buffer().has_remaining() {
        until = until.min(TURN);
        // Bytes wait as of now, which gives the peer until a deadline to take some.
        session.sent(clock.now(), 0);
        stream.set_write_timeout(Some(until))?;
        match stream.write(session.send_buffer().chunk()) {
            Ok(n) => {
                session.sent(clock.now(), n);
                return Ok(());
            }
            Err(error) if is_timeout(&error) => {}
            Err(error) => session.send_failed(clock.now(), error.kind().into()),
        }
    } else if session.poll_ready() {
        // Looking for something to send can itself have been the end of something.
        return Ok(());
    } else if session.is_send_finished() {
        // A peer that is already gone is told nothing; nor is one that was told before.
        let _ = stream.shutdown(Shutdown::Write);
    }
    let buf = session.recv_buffer();
    if buf.is_empty() {
        // Nothing may be read, and a read of nothing looks like the end: only time is left.
        thread::sleep(until);
        return Ok(());
    }
    stream.set_read_timeout(Some(until))?;
    match stream.read(buf) {
        Ok(0) => session.received_eof(clock.now()),
        Ok(n) => session.received(clock.now(), n),
        Err(error) if is_timeout(&error) => {}
        Err(error) => session.receive_failed(clock.now(), error.kind().into()),
    }
    Ok(())
}

/// How long one direction waits while there is work in the other.
const TURN: Duration = Duration::from_millis(10);

/// Whether a call was cut short rather than failed. Which of the first two it is depends on the system.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Its epoch is its own beginning.
struct Clock(std::time::Instant);

impl Clock {
    fn now(&self) -> Instant {
        Instant::from_epoch(self.0.elapsed())
    }

    /// How long to block. Not zero: to a socket, that means for ever.
    fn until(&self, deadline: Option<Instant>) -> Duration {
        let until = deadline.map(|deadline| deadline.saturating_since(self.now()));
        until.unwrap_or(Duration::from_secs(1)).max(Duration::from_millis(1))
    }
}

/// Cryptographic, as masking keys have to be (RFC 6455 section 10.3).
fn generator() -> Result<impl FnMut(&mut [u8]) + Send + 'static, Box<dyn Error>> {
    let mut rng = StdRng::try_from_rng(&mut SysRng)?;
    Ok(move |dest: &mut [u8]| rng.fill_bytes(dest))
}
