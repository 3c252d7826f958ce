//! The session's events as SocketRocket's delegate and as a browser's page know them.

use alloc::format;

use super::*;
use crate::handshake::Response;

#[derive(Default)]
struct Calls(Vec<String>);

impl Delegate for Calls {
    fn did_open(&mut self, response: Option<&Response>) {
        self.0.push(format!("open {}", response.map_or(0, Response::status)));
    }

    fn did_receive_message(&mut self, message: Message<'_>) {
        self.0.push(format!("message {}", message.as_text().unwrap_or_default()));
    }

    fn did_fail(&mut self, failure: &Failure) {
        self.0.push(format!("fail {failure}"));
    }

    fn did_close(&mut self, code: CloseCode, reason: &str, was_clean: bool) {
        self.0.push(format!("close {code} {reason} {was_clean}"));
    }

    fn did_receive_pong(&mut self, payload: &[u8], _: Option<Duration>) {
        self.0.push(format!("pong {}", payload.len()));
    }

    fn did_settle(&mut self, settled: Settled) {
        self.0.push(format!("{} {}", settled.id, settled.outcome));
    }
}

/// A default for every callback.
struct Nobody;

impl Delegate for Nobody {}

fn calls(world: &World) -> Vec<String> {
    let mut calls = Calls::default();
    for event in &world.seen {
        event.clone().tell(&mut Nobody);
        event.clone().tell(&mut calls);
    }
    calls.0
}

fn page(world: &World) -> Vec<String> {
    let mut told = Vec::new();
    for event in &world.seen {
        let (error, event) = event.clone().into_browser();
        for event in error.into_iter().chain(event) {
            told.push(match event {
                BrowserEvent::Open => String::from("open"),
                BrowserEvent::Message(message) => {
                    format!("message {}", message.as_text().unwrap_or_default())
                }
                BrowserEvent::Error => String::from("error"),
                BrowserEvent::Close(close) => {
                    format!("close {} {} {}", close.code, close.reason, close.was_clean)
                }
            });
        }
    }
    told
}

#[test]
fn an_attempt_fails_or_closes_and_never_both() {
    let mut world = World::new(SessionConfig::socket_rocket())
        .answering([Answer::Fail(ConnectFailure::Refused), Answer::Accept]);
    world.connect();
    world.pass(secs(1));
    world.say("hi");
    world.session.ping(b"abc").unwrap();
    world.settle();
    world.send("m", Delivery::Received);
    world.server_closes(1001, "restart");
    world.pass(secs(10));
    world.reset();
    world.pass(secs(10));
    world.close();
    assert_eq!(
        calls(&world),
        [
            "fail the host refused the connection",
            "open 101",
            "message hi",
            "pong 3",
            "1 received",
            "close 1001 restart true",
            "open 101",
            "fail the transport was reset",
            "open 101",
            "close 1000  true",
        ]
    );
    assert_eq!(
        page(&world),
        [
            "error",
            "close 1006  false",
            "open",
            "message hi",
            "close 1001 restart true",
            "open",
            "error",
            "close 1006  false",
            "open",
            "close 1000  true",
        ]
    );
}

#[test]
fn a_close_that_is_not_answered_fails() {
    let mut world = open(SessionConfig::socket_rocket());
    world.asleep = true;
    world.close();
    world.pass(secs(20));
    let told = calls(&world);
    assert_eq!(told.len(), 2);
    assert!(told[1].starts_with("fail"), "{told:?}");
    assert_eq!(page(&world)[1..], ["error", "close 1006  false"]);
}

#[test]
fn a_page_may_close_with_1000_or_from_3000_to_4999() {
    for code in 0..=u16::MAX {
        let Some(parsed) = CloseCode::from_wire(code) else { continue };
        let expected = if matches!(code, 1000 | 3000..=4999) {
            Ok(())
        } else {
            Err(BrowserError::InvalidAccess)
        };
        assert_eq!(check_close(parsed, ""), expected, "{code}");
    }
    assert_eq!(check_close(CloseCode::NORMAL, &"x".repeat(123)), Ok(()));
    assert_eq!(check_close(CloseCode::NORMAL, &"x".repeat(124)), Err(BrowserError::Syntax));
    assert_eq!(
        check_close(CloseCode::GOING_AWAY, &"x".repeat(124)),
        Err(BrowserError::InvalidAccess)
    );
    for error in [BrowserError::InvalidAccess, BrowserError::Syntax] {
        assert!(error.to_string().contains("Error: "));
    }
}

#[test]
fn ready_state_counts_as_a_browser_does() {
    let counted = parting::STATES.map(State::ready_state);
    assert_eq!(counted, [3, 0, 1, 2, 0, 0, 3, 3]);
    for (state, counted) in parting::STATES.into_iter().zip(counted) {
        assert_eq!(parting::in_state(state).session.ready_state(), counted);
    }
}

#[test]
fn whatever_is_said_can_be_read() {
    let mut said: Vec<String> = [
        Stopped::Closed.to_string(),
        Stopped::Aborted.to_string(),
        Stopped::Refused.to_string(),
        Stopped::Exhausted.to_string(),
        Failure::Unanswered.to_string(),
        Failure::ProbeLost.to_string(),
        Failure::Unconfirmed(MessageId(3)).to_string(),
    ]
    .into();
    let losses = [Loss::Overflow, Loss::Disconnected, Loss::Stopped, Loss::Unconfirmed];
    said.extend(losses.map(|loss| Outcome::Lost(loss).to_string()));
    let outcomes = [
        Outcome::Transmitted,
        Outcome::Received,
        Outcome::Acknowledged,
        Outcome::Expired,
        Outcome::Cancelled,
    ];
    said.extend(outcomes.map(|outcome| outcome.to_string()));
    said.extend(
        [Cancelled::Closed, Cancelled::Suspended, Cancelled::Offline, Cancelled::Replaced]
            .map(|cancelled| Failure::Cancelled(cancelled).to_string()),
    );
    said.extend(
        [
            ConnectFailure::Unresolved,
            ConnectFailure::Refused,
            ConnectFailure::TimedOut,
            ConnectFailure::Untrusted,
            ConnectFailure::Unusable,
            ConnectFailure::Other,
        ]
        .map(|failure| Failure::Connect(failure).to_string()),
    );
    let count = said.len();
    said.sort();
    said.dedup();
    assert_eq!(said.len(), count, "no two say the same");
}
