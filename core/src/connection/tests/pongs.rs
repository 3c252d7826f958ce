//! F: pings of the application's own, the pongs that answer them, and the round trip.

use super::heartbeat::{BEAT, PONG_ONLY, answer, beat, until, with};
use super::*;

#[test]
fn p1_an_unsolicited_pong_matches_nothing_and_is_legal() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        assert_eq!(answer(&mut connection, side, after(1), b""), unsolicited(b""));
        connection.ping(b"real").unwrap();
        assert_eq!(
            answer(&mut connection, side, after(1), b"real"),
            unsolicited(b"real"),
            "not left"
        );
        frames(&mut connection, after(2));
        assert_eq!(answer(&mut connection, side, after(3), b"rea"), unsolicited(b"rea"));
        assert_eq!(answer(&mut connection, side, after(4), b"real"), pong(b"real", Some(secs(2))));
        assert_eq!(answer(&mut connection, side, after(5), b"real"), unsolicited(b"real"), "twice");
        assert_eq!(connection.round_trip().unwrap().last, secs(2));
    }
}

#[test]
fn p1_a_pong_also_answers_the_pings_before_its_own() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        for (n, payload) in [b"1", b"2", b"3"].into_iter().enumerate() {
            connection.ping(payload).unwrap();
            frames(&mut connection, after(n as u64));
        }
        assert_eq!(answer(&mut connection, side, after(9), b"2"), pong(b"2", Some(secs(8))));
        assert_eq!(answer(&mut connection, side, after(9), b"1"), unsolicited(b"1"));
        assert_eq!(answer(&mut connection, side, after(9), b"3"), pong(b"3", Some(secs(7))));
    }
}

#[test]
fn p1_a_ping_sent_again_before_it_left_does_not_take_the_pong_of_the_first() {
    let mut connection = server(Config::server());
    connection.ping(b"same").unwrap();
    frames(&mut connection, after(1));
    connection.ping(b"same").unwrap();
    let first = answer(&mut connection, Side::Server, after(2), b"same");
    assert_eq!(first, pong(b"same", Some(secs(1))));
    frames(&mut connection, after(3));
    let second = answer(&mut connection, Side::Server, after(6), b"same");
    assert_eq!(second, pong(b"same", Some(secs(3))));
}

#[test]
fn p5_a_user_ping_that_is_not_answered_condemns_nobody() {
    let mut connection = server(with(BEAT));
    connection.ping(b"own").unwrap();
    frames(&mut connection, START);
    for n in 1..10 {
        until(&mut connection, after(n * 15));
        hear(&mut connection, after(n * 15), &script().text("").wire(Side::Server));
    }
    assert_eq!(connection.state(), State::Open);
}

#[test]
fn p5_pings_of_the_applications_own_do_not_disturb_the_heartbeat() {
    for side in SIDES {
        let mut connection = side.open(with(PONG_ONLY));
        connection.ping(b"own").unwrap();
        frames(&mut connection, after(1));
        assert_eq!(connection.poll_timeout(), Some(after(20)), "no verdict hangs on it");
        until(&mut connection, after(20));
        let nonce = beat(&mut connection, after(20));
        for n in 0..40 {
            connection.ping(&[n]).unwrap();
        }
        frames(&mut connection, after(21));
        // The peer answers all of them, in order.
        let mut pongs = script().pong(&nonce);
        for n in 0..40 {
            pongs = pongs.pong([n]);
        }
        assert_eq!(hear(&mut connection, after(22), &pongs.wire(side)).len(), 41);
        until(&mut connection, after(31));
        assert_eq!(connection.state(), State::Open, "it answered");
        // Or only the newest.
        until(&mut connection, after(42));
        beat(&mut connection, after(42));
        connection.ping(b"newest").unwrap();
        frames(&mut connection, after(43));
        answer(&mut connection, side, after(44), b"newest");
        until(&mut connection, after(60));
        assert_eq!(connection.state(), State::Open);
    }
}

#[test]
fn the_round_trip_is_last_shortest_and_smoothed() {
    let mut connection = server(Config::server());
    assert_eq!(connection.round_trip(), None);
    let mut now = START;
    for (took, expected) in
        [(800, (800, 800, 800)), (1_600, (1_600, 800, 900)), (100, (100, 100, 800))]
    {
        connection.ping(b"rtt").unwrap();
        frames(&mut connection, now);
        now = now + millis(took);
        assert_eq!(
            answer(&mut connection, Side::Server, now, b"rtt"),
            pong(b"rtt", Some(millis(took)))
        );
        let round_trip = connection.round_trip().unwrap();
        let (last, min, smoothed) = expected;
        assert_eq!((round_trip.last, round_trip.min), (millis(last), millis(min)));
        assert_eq!(round_trip.smoothed, millis(smoothed));
        now = now + secs(1);
    }
}

#[test]
fn the_round_trip_does_not_count_how_long_the_pong_waited_to_be_taken() {
    let mut connection = server(Config::server());
    connection.ping(b"rtt").unwrap();
    frames(&mut connection, START);
    connection.receive(after(1), &script().pong("rtt").wire(Side::Server));
    connection.handle_timeout(after(30));
    assert_eq!(events(&mut connection), [pong(b"rtt", Some(secs(1)))]);
}
