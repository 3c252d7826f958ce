//! What a session says to `tracing`, and to whom: a minimal subscriber.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longwire::session::{Action, ConnectFailure, SendOptions, Session, SessionConfig};
use longwire::{CloseCode, Config, Connection, Endpoint, Instant, Message, Role};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Each event as `message field=value ..`, in the order of its fields.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

/// The fields of one event.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.fields += &format!(" {}={value:?}", field.name());
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "longwire" && *metadata.level() == Level::DEBUG
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().expect("nobody panicked").push(line.message + &line.fields);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        unreachable!("there are no spans")
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

impl Log {
    /// What was said since this was last asked.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("nobody panicked"))
    }
}

fn random(bytes: &mut [u8]) {
    bytes.fill(0x5a);
}

#[test]
fn attempts_and_their_ends_are_told_with_the_attempt_the_failure_and_what_is_next() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).expect("there is none yet");
    let mut now = Instant::EPOCH;
    let mut session = Session::new(SessionConfig::socket_rocket(), random, now);
    session.connect(now);
    assert_eq!(log.take(), ["connecting attempt=1 retries=0"]);

    let Some(Action::Connect(first)) = session.poll_action() else { panic!("an order") };
    session.failed(now, first, ConnectFailure::Refused);
    assert_eq!(
        log.take(),
        ["closed attempt=1 failure=the host refused the connection \
          next=Retry { after: 1s, retry: 1 }"]
    );

    now = now + Duration::from_secs(1);
    session.handle_timeout(now);
    assert_eq!(log.take(), ["connecting attempt=2 retries=1"]);
    session.abort();
    assert_eq!(
        log.take(),
        ["closed attempt=2 failure=closed by the application next=Stop", "stopped stopped=aborted"]
    );

    // Of two messages that wait, neither was sent before.
    let mut session = Session::adopting(SessionConfig::socket_rocket(), random, now);
    for text in ["one", "two"] {
        session.send(now, Message::from(text), SendOptions::default()).expect("accepted");
    }
    let agreement = session.agreement().clone();
    session.adopt(now, Connection::new(Role::Server, Config::server(), now), agreement);
    assert_eq!(log.take(), ["opened attempt=1 queued=2 repeated=0"]);
    session.close(now, CloseCode::NORMAL, "").expect("1000 may be sent");
    session.received_eof(now);
    while session.poll_event().is_some() {}
    let told = log.take();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("closed attempt=1 failure=the stream ended "), "{told:?}");
    assert!(told[0].ends_with(" next=Stop"), "{told:?}");
    assert_eq!(told[1], "stopped stopped=aborted");
}
