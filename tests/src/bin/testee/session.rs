//! `testee session`.

use core::future::pending;
use core::pin::pin;
use core::time::Duration;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, BufRead as _, Write as _};
use std::thread;

use longwire::handshake::Request;
use longwire::session::{Event, MessageId, Next, Outcome, Reachability, State, Stopped};
use longwire::{CloseCode, Instant, Message, SendError};
use longwire_tests::json::Quoted;
use longwire_tests::runtime::{Line, Runtime};
use longwire_tests::waiting::{Woken, next};
use smol::channel::{Receiver, unbounded};

use crate::args::{Args, Session};

pub(crate) async fn session<R: Runtime>(
    args: &Args,
    options: &Session,
) -> Result<(), Box<dyn Error>> {
    let mut request = Request::parse(&options.url)?;
    if request.target().secure() {
        return Err("wss needs TLS, which this program has not".into());
    }
    if let Some(deflate) = args.deflate {
        request = request.deflate(deflate);
    }
    let mut line = R::line(request, options.config.clone());
    let mut numbers = Numbers::new(options, line.now());
    let mut closing = false;
    let mut commands = Some(commands());
    let stopped = loop {
        let ended = line.session().state() == State::Stopped;
        if numbers.are_settled() && !closing && !ended {
            line.close(CloseCode::NORMAL, "")?;
            closing = true;
        }
        if !closing {
            numbers.send::<R>(&mut line);
        }
        let due = (!closing).then(|| numbers.due()).flatten();
        let command = async {
            match &commands {
                Some(commands) => commands.recv().await.ok(),
                None => pending().await,
            }
        };
        let woken = next::<R, _>(&mut line, due, pin!(command)).await;
        match woken {
            Woken::News => match line.session_mut().event() {
                Some(Event::Stopped(stopped)) => {
                    say(format_args!(
                        r#"{{"event":"stopped","reason":{}}}"#,
                        Quoted(&stopped.to_string())
                    ))?;
                    break stopped;
                }
                Some(event) => tell(&event, &mut numbers)?,
                None => {}
            },
            Woken::Other(Some(command)) => {
                closing |= command.trim() == "close" && !ended;
                obey::<R>(&mut line, &command)?;
            }
            Woken::Other(None) => commands = None,
            Woken::Due => {}
        }
    };
    // How the closing handshake ended is not the messages' concern: their outcomes are.
    if closing { Ok(()) } else { Err(reason(stopped).into()) }
}

fn reason(stopped: Stopped) -> String {
    format!("stopped: {stopped}")
}

/// The numbered messages.
struct Numbers<'a> {
    options: &'a Session,
    since: Instant,
    sent: u64,
    /// Those without an outcome, which is named by the message's identifier.
    unsettled: BTreeMap<MessageId, u64>,
    /// The queue was full, and there was no outcome since.
    full: bool,
}

impl<'a> Numbers<'a> {
    fn new(options: &'a Session, since: Instant) -> Self {
        Self { options, since, sent: 0, unsettled: BTreeMap::new(), full: false }
    }

    /// When the next one is to be sent.
    fn due(&self) -> Option<Instant> {
        let more = !self.full && self.options.send.is_some_and(|send| self.sent < send);
        let nanos = u128::from(self.sent) * 1_000_000_000 / u128::from(self.options.rate);
        let after = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        more.then(|| self.since.saturating_add(after))
    }

    /// Sends those that are due, as far as there is room.
    fn send<R: Runtime>(&mut self, line: &mut Line<R>) {
        let now = line.now();
        // Who is late sends many: others get their turn in between.
        for _ in 0..64 {
            if self.due().is_none_or(|due| due > now) {
                break;
            }
            let text = (self.sent + 1).to_string();
            match line.send(Message::from(text.as_str()), self.options.delivery) {
                Ok(id) => {
                    self.sent += 1;
                    self.unsettled.insert(id, self.sent);
                }
                Err(SendError::Full(_)) => self.full = true,
                // It has stopped, or will have: the event says so.
                Err(_) => break,
            }
        }
    }

    fn settled(&mut self, id: MessageId) -> Option<u64> {
        self.full = false;
        self.unsettled.remove(&id)
    }

    fn are_settled(&self) -> bool {
        self.options.send.is_some_and(|send| self.sent >= send) && self.unsettled.is_empty()
    }
}

/// The lines of standard input. Reading them blocks, and nothing waits for that to end.
fn commands() -> Receiver<String> {
    let (sender, receiver) = unbounded();
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if sender.send_blocking(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn obey<R: Runtime>(line: &mut Line<R>, command: &str) -> Result<(), SendError> {
    let now = line.now();
    let session = line.session_mut();
    match command.trim() {
        "offline" => session.reachability(now, Reachability::Offline),
        "online" => session.reachability(now, Reachability::Online),
        "changed" => session.reachability(now, Reachability::Changed),
        "suspend" => session.suspend(now),
        "resume" => session.resume(now),
        "close" => return session.close(now, CloseCode::NORMAL, ""),
        "" => {}
        other => eprintln!("testee: no such command: {other}"),
    }
    Ok(())
}

fn tell(event: &Event<'_>, numbers: &mut Numbers<'_>) -> io::Result<()> {
    match event {
        Event::Opened(opened) => {
            say(format_args!(r#"{{"event":"open","attempt":{}}}"#, opened.attempt))
        }
        Event::Message(message) => {
            let text = String::from_utf8_lossy(message.as_bytes());
            say(format_args!(r#"{{"event":"message","text":{}}}"#, Quoted(&text)))
        }
        Event::Settled(settled) => {
            let Some(n) = numbers.settled(settled.id) else { return Ok(()) };
            let outcome = word(settled.outcome);
            say(format_args!(r#"{{"event":"outcome","n":{n},"outcome":"{outcome}"}}"#))
        }
        Event::Closed(closed) => {
            let retry = if let Next::Retry { after, .. } = closed.next {
                after.as_millis().to_string()
            } else {
                "null".into()
            };
            let reason = closed.failure.to_string();
            say(format_args!(
                r#"{{"event":"down","reason":{},"retry_ms":{retry}}}"#,
                Quoted(&reason)
            ))
        }
        Event::Connecting(_)
        | Event::Piece(_)
        | Event::Pong(_)
        | Event::Repeated(_)
        | Event::Error(_)
        | Event::Stopped(_)
        | _ => Ok(()),
    }
}

/// Without why, where it says that: `lost: stopped`.
fn word(outcome: Outcome) -> String {
    let mut word = outcome.to_string();
    word.truncate(word.find(':').unwrap_or(word.len()));
    word
}

/// One line, which whoever reads it has at once.
fn say(line: core::fmt::Arguments<'_>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}
