//! What a session says, for programs: one JSON object a line.

use std::time::Duration;

use longwire::session::{Event, Loss, Next, Outcome};
use serde::Serialize;

use super::report::hex;

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Record<'a> {
    Connecting {
        attempt: u64,
    },
    Open {
        attempt: u64,
        downtime_ms: u64,
        queued: usize,
        repeated: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        subprotocol: Option<&'a str>,
    },
    Message {
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
        /// Of a binary one.
        #[serde(skip_serializing_if = "Option::is_none")]
        hex: Option<String>,
    },
    Pong {
        round_trip_us: Option<u64>,
    },
    Outcome {
        n: u64,
        outcome: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'static str>,
        transmissions: u32,
    },
    Repeated {
        n: u64,
    },
    Down {
        attempt: u64,
        reason: String,
        /// Null: no retry is planned.
        retry_ms: Option<u64>,
    },
    Stopped {
        reason: String,
    },
    Refused {
        reason: String,
    },
}

/// The line for an event, if it has one.
pub(crate) fn event(event: &Event<'_>) -> Option<String> {
    let record = match event {
        Event::Connecting(attempt) => Record::Connecting { attempt: attempt.get() },
        Event::Opened(opened) => Record::Open {
            attempt: opened.attempt.get(),
            downtime_ms: ms(opened.downtime),
            queued: opened.queued,
            repeated: opened.repeated,
            subprotocol: opened.agreement.subprotocol.as_deref(),
        },
        Event::Message(message) => {
            let text = message.as_text();
            let hex = if text.is_none() { Some(hex(message.as_bytes())) } else { None };
            Record::Message { text, hex }
        }
        Event::Pong(pong) => Record::Pong {
            round_trip_us: pong
                .round_trip
                .map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
        },
        Event::Settled(settled) => {
            let (outcome, why) = outcome(settled.outcome);
            let (n, transmissions) = (settled.id.get(), settled.transmissions);
            Record::Outcome { n, outcome, why, transmissions }
        }
        Event::Repeated(id) => Record::Repeated { n: id.get() },
        Event::Closed(closed) => Record::Down {
            attempt: closed.attempt.get(),
            reason: closed.failure.to_string(),
            retry_ms: match closed.next {
                Next::Retry { after, .. } => Some(ms(after)),
                Next::Offline | Next::Suspended | Next::Adoption | Next::Stop | _ => None,
            },
        },
        Event::Stopped(stopped) => Record::Stopped { reason: stopped.to_string() },
        Event::Piece(_) | Event::Error(_) | _ => return None,
    };
    Some(line(&record))
}

/// The line for something that was not done.
pub(crate) fn refused(reason: &str) -> String {
    line(&Record::Refused { reason: reason.to_owned() })
}

fn line(record: &Record<'_>) -> String {
    serde_json::to_string(record).unwrap_or_default()
}

const fn outcome(outcome: Outcome) -> (&'static str, Option<&'static str>) {
    match outcome {
        Outcome::Transmitted => ("transmitted", None),
        Outcome::Received => ("received", None),
        Outcome::Acknowledged => ("acknowledged", None),
        Outcome::Expired => ("expired", None),
        Outcome::Cancelled => ("cancelled", None),
        Outcome::Lost(loss) => ("lost", Some(why(loss))),
        _ => ("unknown", None),
    }
}

const fn why(loss: Loss) -> &'static str {
    match loss {
        Loss::Overflow => "overflow",
        Loss::Disconnected => "disconnected",
        Loss::Stopped => "stopped",
        Loss::Unconfirmed => "unconfirmed",
        _ => "unknown",
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use longwire::session::{Action, ConnectFailure, Session, SessionConfig, Stopped};
    use longwire::{CloseCode, Instant, Message};

    use super::*;

    #[test]
    fn every_event_is_one_object_on_one_line() {
        let now = Instant::EPOCH;
        let mut session =
            Session::new(SessionConfig::socket_rocket(), |bytes: &mut [u8]| bytes.fill(0), now);
        session.connect(now);
        session.send(now, Message::from("hi"), longwire::session::Delivery::Received).unwrap();
        let Some(Action::Connect(attempt)) = session.poll_action() else { panic!() };
        session.failed(now, attempt, ConnectFailure::Refused);
        session.close(now, CloseCode::NORMAL, "").unwrap();
        let mut lines = Vec::new();
        while let Some(news) = session.poll_event() {
            lines.extend(event(&news));
        }
        assert_eq!(
            lines,
            [
                r#"{"event":"connecting","attempt":1}"#,
                r#"{"event":"down","attempt":1,"reason":"the host refused the connection","retry_ms":1000}"#,
                r#"{"event":"outcome","n":1,"outcome":"lost","why":"stopped","transmissions":0}"#,
                r#"{"event":"stopped","reason":"closed"}"#,
            ]
        );
    }

    #[test]
    fn messages_keep_what_is_in_them() {
        let line = |message| event(&Event::Message(message)).unwrap();
        assert_eq!(line(Message::from("a\n\"ü\"")), r#"{"event":"message","text":"a\n\"ü\""}"#);
        assert_eq!(line(Message::from(vec![0, 255])), r#"{"event":"message","hex":"00ff"}"#);
        let stopped = event(&Event::Stopped(Stopped::Exhausted)).unwrap();
        assert_eq!(stopped, r#"{"event":"stopped","reason":"failed, too many times in a row"}"#);
    }
}
