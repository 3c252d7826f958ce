//! What a session says, in words.

use longwire::Message;
use longwire::session::{Closed, Event, Next, Opened, Outcome, Settled, Statistics};

use super::status::{bytes, time};
use super::text::escaped;

/// One line for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message that was received.
    Received,
    /// A message that was typed.
    Sent,
    /// What became of one, as was asked for.
    Delivered,
    /// How things go.
    Note,
    /// What went wrong.
    Trouble,
}

impl Report {
    pub(crate) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    pub(crate) fn note(text: impl Into<String>) -> Self {
        Self::new(Kind::Note, text)
    }

    pub(crate) fn trouble(text: impl Into<String>) -> Self {
        Self::new(Kind::Trouble, text)
    }
}

/// What to say of an event, if anything.
pub(crate) fn event(event: &Event<'_>) -> Option<Report> {
    match event {
        Event::Opened(opened) => Some(Report::note(connected(opened))),
        Event::Message(message) => Some(Report::new(Kind::Received, received(message))),
        Event::Settled(settled) => Some(outcome(settled)),
        Event::Repeated(id) => {
            Some(Report::note(format!("#{id} is sent again, it may arrive twice")))
        }
        Event::Closed(closed) => Some(disconnected(closed)),
        Event::Stopped(stopped) => Some(Report::note(format!("stopped: {stopped}"))),
        // The status line says that it is connecting, and `Closed` why it failed.
        Event::Connecting(_) | Event::Piece(_) | Event::Pong(_) | Event::Error(_) | _ => None,
    }
}

/// A line that was typed, with its number.
pub(crate) fn sent(number: u64, text: &str) -> Report {
    Report::new(Kind::Sent, format!("#{number} {}", escaped(text)))
}

pub(crate) fn statistics(statistics: &Statistics) -> Vec<Report> {
    let mut lines = vec![
        format!(
            "{} attempts, {} connections, {} without one",
            statistics.attempts,
            statistics.opened,
            time(statistics.downtime)
        ),
        format!(
            "sent {} messages, {} in all; received {} messages, {} in all",
            statistics.messages_sent,
            bytes(usize::try_from(statistics.bytes_sent).unwrap_or(usize::MAX)),
            statistics.messages_received,
            bytes(usize::try_from(statistics.bytes_received).unwrap_or(usize::MAX)),
        ),
        format!(
            "sent after a reconnect: {} that had not left, {} that may arrive twice",
            statistics.requeued, statistics.repeated
        ),
    ];
    if let Some(trip) = statistics.round_trip {
        let [last, smoothed, min] = [trip.last, trip.smoothed, trip.min].map(time);
        lines.push(format!("round trip {last}, {smoothed} on average, {min} at least"));
    }
    lines.into_iter().map(Report::note).collect()
}

fn received(message: &Message<'_>) -> String {
    match message.as_text() {
        Some(text) => escaped(text),
        None => {
            let bytes = message.as_bytes();
            let shown = bytes.get(..SHOWN).unwrap_or(bytes);
            let more = if shown.len() < bytes.len() { "…" } else { "" };
            format!("({} bytes) {}{more}", bytes.len(), hex(shown))
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn connected(opened: &Opened) -> String {
    let mut text = format!("connected, attempt {}", opened.attempt);
    if opened.attempt.get() > 1 {
        text += &format!(", after {} without", time(opened.downtime));
    }
    if let Some(subprotocol) = &opened.agreement.subprotocol {
        text += &format!(", subprotocol {subprotocol}");
    }
    match (opened.queued, opened.repeated) {
        (0, _) => {}
        (queued, 0) => text += &format!(", {queued} to send"),
        (queued, repeated) => text += &format!(", {queued} to send, {repeated} of them again"),
    }
    text
}

fn disconnected(closed: &Closed) -> Report {
    let what = if closed.opened.is_some() { "disconnected" } else { "not connected" };
    let why = escaped(&closed.failure.to_string());
    let (kind, next) = match closed.next {
        Next::Retry { after, retry } => {
            (Kind::Trouble, format!("; retry {retry} in {}", time(after)))
        }
        Next::Offline => (Kind::Trouble, String::from("; waiting for a network")),
        Next::Suspended => (Kind::Note, String::from("; until /resume")),
        Next::Adoption | Next::Stop | _ => (Kind::Note, String::new()),
    };
    Report::new(kind, format!("{what}: {why}{next}"))
}

fn outcome(settled: &Settled) -> Report {
    let often = match settled.transmissions {
        0 | 1 => String::new(),
        times => format!(", transmitted {times} times"),
    };
    let kind = match settled.outcome {
        Outcome::Cancelled => Kind::Note,
        Outcome::Transmitted | Outcome::Received | Outcome::Acknowledged => Kind::Delivered,
        Outcome::Expired | Outcome::Lost(_) | _ => Kind::Trouble,
    };
    Report::new(kind, format!("#{} {}{often}", settled.id, settled.outcome))
}

/// How much of a binary message is shown, in bytes.
const SHOWN: usize = 32;

#[cfg(test)]
mod tests {
    use longwire::session::{Action, ConnectFailure, Delivery, Session, SessionConfig, Stopped};
    use longwire::{CloseCode, Instant};

    use super::*;

    /// What a session says whose host refuses it once, and that is then closed.
    fn said() -> Vec<Report> {
        let now = Instant::EPOCH;
        let random = |bytes: &mut [u8]| bytes.fill(0);
        let mut session = Session::new(SessionConfig::socket_rocket(), random, now);
        session.connect(now);
        session.send(now, Message::from("hi"), Delivery::Received).unwrap();
        let Some(Action::Connect(attempt)) = session.poll_action() else { panic!() };
        session.failed(now, attempt, ConnectFailure::Refused);
        session.close(now, CloseCode::NORMAL, "").unwrap();
        let mut said = Vec::new();
        while let Some(news) = session.poll_event() {
            said.extend(event(&news));
        }
        said
    }

    #[test]
    fn a_failure_its_consequence_and_what_it_cost() {
        let why = "not connected: the host refused the connection; retry 1 in 1.0 s";
        assert_eq!(
            said(),
            [
                Report::trouble(why),
                Report::trouble("#1 lost: stopped"),
                Report::note("stopped: closed")
            ]
        );
        assert_eq!(event(&Event::Stopped(Stopped::Exhausted)).unwrap().kind, Kind::Note);
    }

    #[test]
    fn messages_are_one_line_whatever_they_are() {
        let shown = |message| event(&Event::Message(message)).unwrap().text;
        assert_eq!(shown(Message::from("a\n\x1b[2Jb")), r"a\n\u{1b}[2Jb");
        assert_eq!(shown(Message::from(&b"\x00\xff"[..])), "(2 bytes) 00ff");
        let long = shown(Message::from(vec![0xab; 40]));
        assert_eq!(long, format!("(40 bytes) {}…", "ab".repeat(32)));
        assert_eq!(sent(3, "two\twords").text, r"#3 two\twords");
    }

    #[test]
    fn statistics_are_words_and_numbers() {
        let lines = statistics(&Statistics::default());
        assert_eq!(lines[0].text, "0 attempts, 0 connections, 0.00 ms without one");
        assert_eq!(lines.len(), 3, "no round trip was measured");
    }
}
