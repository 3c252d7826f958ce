//! What is typed goes to the session, what the session says is shown; on whatever runtime.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use longwire::driver::{Client, Events, Timer, Transport};
use longwire::error::SendError;
use longwire::session::{Event, MessageId, Next, Outcome, Reachability, State, Stopped};
use longwire::{CloseCode, Instant, Message};
use tokio::sync::mpsc;

use super::command::{self, Command, HELP};
use super::editor::{Editor, Entered};
use super::input::Input;
use super::options::{self, Options};
use super::report::{self, Kind, Report};
use super::screen::Output;
use super::status::{Snapshot, time};

/// A session, and whoever talks by it.
pub(crate) struct Conversation<T: Transport, C: Timer> {
    pub(crate) client: Client<T, C>,
    pub(crate) events: Events<T, C>,
    pub(crate) timer: C,
    pub(crate) input: mpsc::Receiver<Input>,
    pub(crate) interrupts: mpsc::UnboundedReceiver<()>,
    pub(crate) output: Output,
    /// Lines may be commands: somebody types them.
    pub(crate) commands: bool,
    pub(crate) options: Options,
    pub(crate) progress: Progress,
}

/// How far it has come.
#[derive(Default)]
pub(crate) struct Progress {
    editor: Editor,
    /// Messages without an outcome, by number.
    pending: BTreeMap<u64, MessageId>,
    /// One for which there was no room.
    held: Option<Message<'static>>,
    /// Messages that were not delivered, and not taken back either.
    undelivered: u64,
    was_open: bool,
    answered: bool,
    retry: u32,
    /// Why the latest attempt failed, unless it did not.
    failure: Option<String>,
    interrupted: bool,
    /// Whether what is typed is looked at before what arrives: they take turns.
    typed_first: bool,
    /// When the input ended.
    ended: Option<Instant>,
    finishing: bool,
    stopped: Option<Stopped>,
}

enum Step {
    Event(Option<Event<'static>>),
    Input(Input),
    Interrupt,
    Tick,
}

impl<T: Transport, C: Timer> Conversation<T, C> {
    /// Goes on until the session has stopped. Whether all is well then.
    pub(crate) async fn run(mut self) -> io::Result<bool> {
        let hello = format!("connecting to {}", self.options.url);
        self.output.report(Report::note(hello))?;
        loop {
            let at_once = if self.output.is_full() { None } else { self.step().now_or_never() };
            let step = match at_once {
                Some(step) => step,
                None => {
                    self.draw()?;
                    self.step().await
                }
            };
            match step {
                Step::Event(Some(event)) => self.event(event)?,
                Step::Event(None) => break,
                Step::Input(Input::Line(line)) => self.line(line)?,
                Step::Input(Input::Keys(keys)) => self.keys(&keys)?,
                Step::Input(Input::End) => self.end(),
                Step::Interrupt => self.interrupt()?,
                Step::Tick => {}
            }
            self.finish_if_due();
        }
        let Progress { stopped, undelivered, was_open, answered, .. } = self.progress;
        Ok(stopped == Some(Stopped::Closed)
            && undelivered == 0
            && was_open
            && (answered || !self.options.once))
    }

    /// Waits for the next thing to do. Cancel safe: nothing is taken that is not returned.
    async fn step(&mut self) -> Step {
        let wake_at = self.wake_at();
        poll_fn(|cx| {
            if let Poll::Ready(Some(())) = self.interrupts.poll_recv(cx) {
                return Poll::Ready(Step::Interrupt);
            }
            self.progress.typed_first = !self.progress.typed_first;
            for typed in [self.progress.typed_first, !self.progress.typed_first] {
                if !typed && let Poll::Ready(event) = self.events.poll_next_unpin(cx) {
                    return Poll::Ready(Step::Event(event));
                }
                // While one waits for room, those behind it wait where they are.
                if typed
                    && self.progress.held.is_none()
                    && let Poll::Ready(Some(input)) = self.input.poll_recv(cx)
                {
                    return Poll::Ready(Step::Input(input));
                }
            }
            if let Some(at) = wake_at
                && self.timer.poll_until(cx, at).is_ready()
            {
                return Poll::Ready(Step::Tick);
            }
            Poll::Pending
        })
        .await
    }

    fn wake_at(&self) -> Option<Instant> {
        let now = self.timer.now();
        let redraw = match (&self.output, self.client.state()) {
            (Output::Screen(_), State::Waiting) => Some(now.saturating_add(COUNTDOWN)),
            (Output::Screen(_), _) => Some(now.saturating_add(REDRAW)),
            (Output::Plain { .. } | Output::Json, _) => None,
        };
        let end = self.progress.ended.filter(|_| !self.progress.finishing).map(|at| {
            let lingered = at.saturating_add(self.lingers());
            if now < lingered { lingered } else { self.deadline(at) }
        });
        [redraw, end].into_iter().flatten().min()
    }

    fn event(&mut self, event: Event<'static>) -> io::Result<()> {
        let progress = &mut self.progress;
        match &event {
            Event::Opened(_) => {
                progress.was_open = true;
                progress.failure = None;
                if let Output::Screen(_) = self.output {
                    // So that there is a round trip to be shown before the first heartbeat.
                    let _ = self.client.ping(MEASURE);
                }
            }
            Event::Message(_) => {
                progress.answered = true;
                if self.options.once {
                    self.end();
                }
            }
            Event::Pong(pong) if *pong.payload == *ASKED => {
                let took = pong.round_trip.map(time).unwrap_or_default();
                self.output.report(Report::note(format!("pong after {took}")))?;
            }
            Event::Settled(settled) => {
                progress.pending.remove(&settled.id.get());
                let well = settled.outcome.is_delivered() || settled.outcome == Outcome::Cancelled;
                progress.undelivered += u64::from(!well);
            }
            Event::Closed(closed) => {
                if let Next::Retry { retry, .. } = closed.next {
                    progress.retry = retry;
                    let failure = Some(closed.failure.to_string());
                    let again =
                        std::mem::replace(&mut progress.failure, failure.clone()) == failure;
                    // The status line counts them.
                    if again && closed.opened.is_none() && matches!(self.output, Output::Screen(_))
                    {
                        return Ok(());
                    }
                }
            }
            Event::Stopped(stopped) => progress.stopped = Some(*stopped),
            Event::Connecting(_)
            | Event::Piece(_)
            | Event::Pong(_)
            | Event::Repeated(_)
            | Event::Error(_)
            | _ => {}
        }
        self.output.event(&event)?;
        if let Some(message) = self.progress.held.take() {
            self.send(message)?;
        }
        Ok(())
    }

    fn keys(&mut self, keys: &[u8]) -> io::Result<()> {
        for key in keys {
            match self.progress.editor.feed(*key) {
                Some(Entered::Line(line)) => self.line(line.into_bytes())?,
                Some(Entered::Interrupt) => self.interrupt()?,
                Some(Entered::End) => self.end(),
                None => {}
            }
        }
        Ok(())
    }

    fn line(&mut self, line: Vec<u8>) -> io::Result<()> {
        let message = options::message(line);
        let Some(line) = message.as_text().filter(|_| self.commands) else {
            return self.send(message);
        };
        match command::parse(line) {
            Ok(Some(Command::Send(text))) => self.send(Message::from(text)),
            Ok(Some(command)) => self.obey(command),
            Ok(None) => Ok(()),
            Err(why) => self.output.report(Report::trouble(why)),
        }
    }

    fn send(&mut self, message: Message<'static>) -> io::Result<()> {
        let typed = message.as_text().map(str::to_owned);
        match self.client.post(message, self.options.delivery) {
            Ok(id) => {
                self.progress.pending.insert(id.get(), id);
                self.output.report(report::sent(id.get(), &typed.unwrap_or_default()))
            }
            // A program that writes waits, unless there will never be room; a person is told.
            Err(SendError::Full(message))
                if !self.commands && self.client.queued_messages() > 0 =>
            {
                self.progress.held = Some(message);
                Ok(())
            }
            Err(error) => {
                self.progress.undelivered += 1;
                self.output.report(Report::trouble(format!("not sent: {error}")))
            }
        }
    }

    fn obey(&mut self, command: Command) -> io::Result<()> {
        let said = match command {
            Command::Send(text) => return self.send(Message::from(text)),
            Command::Ping => match self.client.ping(ASKED) {
                Ok(()) => return Ok(()),
                Err(error) => Report::trouble(format!("no ping: {error}")),
            },
            Command::Offline => {
                self.client.reachability(Reachability::Offline);
                Report::note("there is no network, the session is told")
            }
            Command::Online => {
                self.client.reachability(Reachability::Online);
                Report::note("there is a network, the session is told")
            }
            Command::Changed => {
                self.client.reachability(Reachability::Changed);
                Report::note("the network has changed, the session is told")
            }
            Command::Suspend => {
                self.client.suspend();
                return Ok(());
            }
            Command::Resume => {
                self.client.resume();
                return Ok(());
            }
            Command::Connect => {
                self.client.connect();
                return Ok(());
            }
            Command::Cancel(number) => match self.progress.pending.get(&number) {
                None => Report::trouble(format!("#{number} has its outcome, or was never sent")),
                Some(id) if self.client.cancel(*id) => return Ok(()),
                Some(_) => Report::trouble(format!("#{number} is on its way")),
            },
            Command::Status => {
                for line in report::statistics(&self.client.statistics()) {
                    self.output.report(line)?;
                }
                return Ok(());
            }
            Command::Close(code, reason) => {
                let _ = self.client.close(code, &reason);
                return Ok(());
            }
            Command::Help => {
                for line in HELP.lines() {
                    self.output.report(Report::new(Kind::Note, line))?;
                }
                return Ok(());
            }
        };
        self.output.report(said)
    }

    /// Closes in order, and the second time at once.
    fn interrupt(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.progress.interrupted, true) {
            self.client.abort();
            return Ok(());
        }
        self.output.report(Report::note("closing: once more to quit at once"))?;
        let _ = self.client.close(CloseCode::NORMAL, "");
        Ok(())
    }

    /// There is nothing more to be sent.
    fn end(&mut self) {
        let now = self.timer.now();
        self.progress.ended.get_or_insert(now);
    }

    /// How long it goes on receiving then: for an answer, as long as it may take.
    fn lingers(&self) -> Duration {
        match (self.options.once, self.progress.answered) {
            (true, false) => self.options.wait,
            (true, true) => Duration::ZERO,
            (false, _) => self.options.linger,
        }
    }

    fn deadline(&self, ended: Instant) -> Instant {
        ended.saturating_add(self.options.linger.saturating_add(self.options.wait))
    }

    /// Closes once everything has its outcome; not before it was connected, which is what the user wants to know.
    fn finish_if_due(&mut self) {
        let Some(ended) = self.progress.ended.filter(|_| !self.progress.finishing) else { return };
        let now = self.timer.now();
        let deadline = self.deadline(ended);
        let lingered = now >= ended.saturating_add(self.lingers());
        if lingered && (self.progress.was_open || now >= deadline) {
            self.progress.finishing = true;
            let within = deadline.saturating_since(now);
            let _ = self.client.finish(CloseCode::NORMAL, "", within);
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let Output::Screen(screen) = &mut self.output else { return Ok(()) };
        let statistics = self.client.statistics();
        let snapshot = Snapshot {
            state: self.client.state(),
            attempts: statistics.attempts,
            retry_in: self.client.retry_in(),
            retry: self.progress.retry,
            most_retries: self.options.config.backoff.max_retries,
            round_trip: statistics.round_trip.map(|trip| trip.last),
            queued: self.client.queued_messages(),
            buffered: self.client.buffered_amount(),
        };
        screen.draw(&snapshot, &self.progress.editor)
    }
}

/// How often the status line is drawn while nothing else happens.
const REDRAW: Duration = Duration::from_secs(1);
const COUNTDOWN: Duration = Duration::from_millis(200);

/// What pings carry that are sent for the status line, and for `/ping`.
const MEASURE: &[u8] = b"measure";
const ASKED: &[u8] = b"/ping";
