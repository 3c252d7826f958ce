//! What is done about each failure.

use super::*;
use crate::connection::{Initiator, Lifetime};
use crate::error::ProtocolError;
use crate::handshake::{HandshakeError, Refusal, Response};

fn closed(
    received: Option<u16>,
    error: Option<ConnectionError>,
    initiator: Initiator,
) -> connection::Closed {
    let close = received.map(|code| Close {
        code: CloseCode::from_wire(code).expect("a code that may be received"),
        reason: String::new(),
    });
    connection::Closed {
        code: close.as_ref().map_or(CloseCode::ABNORMAL, |close| close.code),
        reason: String::new(),
        clean: error.is_none() && close.is_some(),
        initiator,
        sent: close.clone(),
        received: close,
        error,
        unsent_messages: 0,
    }
}

fn of_closed(closed: connection::Closed) -> Verdict {
    Failure::Closed(Box::new(closed)).verdict()
}

#[test]
fn every_close_code_has_its_verdict() {
    for code in 0..=u16::MAX {
        if CloseCode::from_wire(code).is_none_or(|code| !code.is_sendable()) {
            continue;
        }
        let expected = match code {
            1000 | 1001 | 1011 | 1014 => Verdict::Retry,
            1012 | 1013 => Verdict::RetryAfter(secs(5)),
            1002 | 1003 | 1007..=1010 | 3000..=4999 => Verdict::Stop,
            other => panic!("{other} must not be sent"),
        };
        assert_eq!(of_closed(closed(Some(code), None, Initiator::Remote)), expected, "{code}");
    }
    let without_status = connection::Closed {
        received: Some(Close { code: CloseCode::NO_STATUS, reason: String::new() }),
        ..closed(None, None, Initiator::Remote)
    };
    assert_eq!(of_closed(without_status), Verdict::Retry);
}

#[test]
fn an_end_without_a_close_is_worth_another_try() {
    for error in [
        ConnectionError::UnexpectedEof,
        ConnectionError::Transport(TransportFailure::Reset),
        ConnectionError::Transport(TransportFailure::Truncated),
        ConnectionError::Timeout(TimeoutKind::Heartbeat),
        ConnectionError::Timeout(TimeoutKind::WriteStalled),
        ConnectionError::Timeout(TimeoutKind::Close),
        ConnectionError::Protocol(ProtocolError::MessageTooSlow),
    ] {
        assert_eq!(of_closed(closed(None, Some(error), Initiator::Transport)), Verdict::Retry);
    }
    for error in [
        ProtocolError::WrongMasking,
        ProtocolError::InvalidUtf8,
        ProtocolError::MessageTooBig,
        ProtocolError::ControlFlood,
    ] {
        let error = Some(ConnectionError::Protocol(error));
        assert_eq!(of_closed(closed(None, error, Initiator::Local)), Verdict::Stop);
    }
}

#[test]
fn a_connection_that_reached_its_age_is_replaced_whatever_code_that_has() {
    for code in [1012, 1000, 4000] {
        assert_eq!(of_closed(closed(Some(code), None, Initiator::Local)), Verdict::Retry);
        let mut config = SessionConfig::socket_rocket();
        let code = CloseCode::from_wire(code).unwrap();
        config.connection.max_lifetime = Some(Lifetime { after: secs(100), code });
        let mut world = open(config);
        world.pass(secs(102));
        assert_eq!((world.session.state(), world.attempts.len()), (State::Open, 2), "{code}");
    }
}

#[test]
fn every_status_has_its_verdict() {
    for status in 100..=599_u16 {
        let refusal = Refusal {
            error: HandshakeError::Declined(status),
            response: Response::new(status).ok(),
        };
        let expected = match status {
            408 | 425 | 429 => Verdict::Retry,
            501 | 505 => Verdict::Stop,
            500..=599 => Verdict::Retry,
            _ => Verdict::Stop,
        };
        let verdict = Failure::Handshake(Box::new(refusal)).verdict();
        assert_eq!(verdict, expected, "{status}");
    }
}

#[test]
fn retry_after_is_honoured_up_to_five_minutes_and_only_where_a_retry_is_worth_it() {
    let refused = |status: u16, value: &str| {
        let response = Response::new(status).unwrap().header("Retry-After", value).unwrap();
        let error = HandshakeError::Declined(status);
        let refusal = Refusal { error, response: Some(response) };
        Failure::Handshake(Box::new(refusal)).verdict()
    };
    for status in [408, 425, 429, 500, 502, 503, 504, 520] {
        assert_eq!(refused(status, "7"), Verdict::RetryAfter(secs(7)));
        assert_eq!(refused(status, "100000"), Verdict::RetryAfter(secs(300)));
        assert_eq!(refused(status, "soon"), Verdict::Retry);
    }
    for status in [301, 400, 401, 403, 404, 405, 410, 426, 501] {
        assert_eq!(refused(status, "7"), Verdict::Stop);
    }
}

#[test]
fn what_was_answered_is_tried_again_only_if_it_was_cut_off() {
    let of = |error| Failure::Handshake(Box::new(Refusal { error, response: None })).verdict();
    for error in [
        HandshakeError::UnexpectedEof,
        HandshakeError::Transport(TransportFailure::Reset),
        HandshakeError::TimedOut,
        HandshakeError::Incomplete,
    ] {
        assert_eq!(of(error), Verdict::Retry);
    }
    for error in [
        HandshakeError::WrongAccept,
        HandshakeError::MissingUpgrade,
        HandshakeError::MalformedStartLine,
        HandshakeError::UnexpectedSubprotocol,
        HandshakeError::MissingSubprotocol,
        HandshakeError::UnexpectedExtension,
        HandshakeError::TooManyInterim,
    ] {
        assert_eq!(of(error), Verdict::Stop, "{error:?}");
    }
}

#[test]
fn other_failures_have_theirs() {
    for (failure, expected) in [
        (ConnectFailure::Unresolved, Verdict::Retry),
        (ConnectFailure::Refused, Verdict::Retry),
        (ConnectFailure::TimedOut, Verdict::Retry),
        (ConnectFailure::Other, Verdict::Retry),
        (ConnectFailure::Untrusted, Verdict::Stop),
        (ConnectFailure::Unusable, Verdict::Stop),
    ] {
        assert_eq!(Failure::Connect(failure).verdict(), expected);
    }
    assert_eq!(Failure::Unanswered.verdict(), Verdict::Retry);
    assert_eq!(Failure::Unconfirmed(MessageId(1)).verdict(), Verdict::Retry);
    assert_eq!(Failure::ProbeLost.verdict(), Verdict::RetryNow);
}

#[test]
fn a_policy_overrules_either_way_and_not_a_deliberate_close() {
    let mut config = SessionConfig::socket_rocket();
    config.policy = Policy::new(|_, verdict| match verdict {
        Verdict::Stop => Verdict::RetryAfter(secs(3)),
        Verdict::Retry | Verdict::RetryAfter(_) | Verdict::RetryNow => Verdict::Stop,
    });
    let mut world = World::new(config.clone()).answering([Answer::decline(403), Answer::Accept]);
    world.connect();
    world.pass(secs(3));
    assert_eq!((world.session.state(), world.attempts_at()), (State::Open, [0, 3].to_vec()));
    world.reset();
    assert_eq!(world.stopped(), [Stopped::Refused]);
    world.connect();
    world.close();
    world.pass(secs(100));
    assert_eq!((world.stopped().len(), world.attempts.len()), (2, 3));
}
