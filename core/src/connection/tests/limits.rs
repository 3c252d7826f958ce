//! Every limit on what is received: exactly at it, and one over.

use super::*;

#[test]
fn f3_a_message_of_exactly_the_limit_passes_and_one_byte_more_is_1009() {
    for limit in [1, 125, 126, 2_034, 2_035, 5_000, 66_000] {
        let config = Config {
            max_message: limit,
            max_frame: 1 << 40,
            drain_limit: 1 << 20,
            ..Config::server()
        };
        let exact = pattern(limit as usize);
        let (head, tail) = exact.split_at(exact.len() / 2);
        let session = script().binary(&exact).frame(BINARY_BEGIN, head).ping("").frame(LAST, tail);
        receives(config, &session, &[binary(&exact), ping(b""), binary(&exact)]);
        let over = script().binary(&exact).binary(pattern(limit as usize + 1));
        fails(config, &over, &[binary(&exact)], ProtocolError::MessageTooBig);
        let over = script().frame(BINARY_BEGIN, &exact).frame(MORE, "").frame(LAST, "x");
        fails(config, &over, &[], ProtocolError::MessageTooBig);
    }
}

#[test]
fn f3_a_frame_of_exactly_the_limit_passes_and_one_byte_more_is_1009() {
    for limit in [1, 125, 2_035, 5_000] {
        let config = Config { max_frame: limit, ..Config::server() };
        let exact = pattern(limit as usize);
        let session = script().frame(BINARY_BEGIN, &exact).frame(LAST, &exact);
        receives(config, &session, &[binary([&exact[..], &exact].concat())]);
        let over = script().binary(&exact).binary(pattern(limit as usize + 1));
        fails(config, &over, &[binary(&exact)], ProtocolError::FrameTooBig);
    }
}

#[test]
fn f3_the_limit_is_not_on_control_frames() {
    let config = Config::server().with_message_limit(0);
    receives(config, &script().ping("long enough").text(""), &[ping(b"long enough"), text("")]);
}

#[test]
fn f3_a_message_limit_is_1_mib_for_a_server_and_16_for_a_client() {
    for (side, config, limit) in
        [(Side::Server, Config::server(), 1 << 20), (Side::Client, Config::client(), 16 << 20)]
    {
        let mut connection = side.open(config);
        let wire = script().binary(std::vec![7; limit]).wire(side);
        same(&hear(&mut connection, START, &wire), &[binary(std::vec![7; limit])]);
        let seen = hear(&mut connection, START, &header_to(side, BINARY, limit as u64 + 1));
        let error = ConnectionError::Protocol(ProtocolError::FrameTooBig);
        assert_eq!(seen, [Event::Error(error)]);
    }
}

fn fragments(n: u32, payload: &str) -> Script {
    (1..n).fold(script().frame(TEXT_BEGIN, payload), |script, _| script.frame(MORE, payload))
}

#[test]
fn s1_as_many_fragments_as_the_limit_pass_and_one_more_is_1008() {
    let config = Config { max_fragments: 5, ..Config::server() };
    let at_limit = fragments(4, "a").frame(LAST, "b");
    // The count starts over with each message.
    let twice =
        Script { frames: [&at_limit.frames[..], &at_limit.frames].concat(), tail: Vec::new() };
    receives(config, &twice, &[text("aaaab"), text("aaaab")]);
    fails(config, &fragments(5, "a").frame(LAST, "b"), &[], ProtocolError::TooManyFragments);
    fails(
        config,
        &fragments(5, "a").ping("").frame(MORE, ""),
        &[ping(b"")],
        ProtocolError::TooManyFragments,
    );
    let one = Config { max_fragments: 1, ..config };
    receives(one, &script().text("a"), &[text("a")]);
}

#[test]
fn s1_as_many_fragments_as_autobahn_sends_pass_by_default() {
    let config = Config::server();
    assert_eq!(config.max_fragments, 131_072);
    let mut connection = server(config);
    let wire = fragments(131_072, "x").wire(Side::Server);
    assert!(hear(&mut connection, START, &wire).is_empty());
    let seen = hear(&mut connection, START, &script().frame(LAST, "").wire(Side::Server));
    let error = ConnectionError::Protocol(ProtocolError::TooManyFragments);
    assert_eq!(seen, [Event::Error(error)]);
}

#[test]
fn f6_as_many_empty_fragments_in_a_row_as_the_limit_pass_and_one_more_is_1008() {
    let config = Config { max_empty_fragments: 3, ..Config::server() };
    let passes = fragments(3, "").frame(MORE, "a").frame(MORE, "").frame(MORE, "").frame(LAST, "");
    // A message that is empty as a whole is no run of fragments with the one before.
    receives(
        config,
        &passes.text("").text("").text("").text(""),
        &[text("a"), text(""), text(""), text(""), text("")],
    );
    let error = ProtocolError::TooManyEmptyFragments;
    fails(config, &fragments(3, "").ping("").frame(LAST, ""), &[ping(b"")], error);
    fails(
        config,
        &script().frame(2, "a").frame(0, "").frame(0, "").frame(0, "").frame(0, ""),
        &[],
        error,
    );
    assert_eq!(Config::server().max_empty_fragments, 1_024);
}

#[test]
fn p2_as_many_control_frames_a_second_as_the_limit_pass_and_one_more_is_1008() {
    let config = Config { max_control_rate: 3, ..Config::server() };
    let three = script().ping("1").pong("2").text("free").ping("3");
    let expected = [ping(b"1"), unsolicited(b"2"), text("free"), ping(b"3")];
    receives(config, &three, &expected);
    fails(config, &three.clone().ping("4"), &expected, ProtocolError::ControlFlood);
    fails(config, &three.clone().pong("4"), &expected, ProtocolError::ControlFlood);
    for side in SIDES {
        let mut connection = side.open(config);
        for second in 0..20 {
            let seen = hear(&mut connection, after(second), &three.wire(side));
            assert_eq!(seen, expected, "each second has its own");
        }
        assert_eq!(hear(&mut connection, after(19) + millis(999), &three.wire(side)).len(), 1);
    }
    assert_eq!(Config::server().max_control_rate, 10_000);
}

#[test]
fn e_a_failed_connection_drains_up_to_the_limit_and_one_byte_more_ends_it() {
    for side in SIDES {
        let config = Config { drain_limit: 10_000, ..Config::server() };
        let mut connection = side.open(config);
        hear(&mut connection, START, &script().frame(0x83, "").wire(side));
        assert_eq!(frames(&mut connection, START).len(), 1);
        for _ in 0..10 {
            assert!(hear(&mut connection, START, &[0xff; 1_000]).is_empty());
        }
        assert_eq!(connection.state(), State::Closing);
        let closed = closed(hear(&mut connection, START, &[0xff]));
        assert!(!closed.clean);
        over(&mut connection);
    }
    assert_eq!(Config::server().drain_limit, 64 << 10);
}

#[test]
fn e_what_follows_a_close_is_ignored_up_to_the_limit() {
    for side in SIDES {
        let config = Config { drain_limit: 10_000, ..Config::server() };
        let mut connection = side.open(config);
        hear(&mut connection, START, &script().close(1000, "").wire(side));
        assert!(hear(&mut connection, START, &[0xff; 10_000]).is_empty());
        assert_eq!(connection.state(), State::Closing);
        assert!(hear(&mut connection, START, &[0xff; 1]).is_empty());
        assert!(connection.recv_buffer().is_empty(), "no more is read");
        assert_eq!(frames(&mut connection, START).len(), 1, "but our reply still leaves");
        let closed = closed(events(&mut connection));
        assert_eq!((closed.clean, closed.code), (false, CloseCode::NORMAL));
        over(&mut connection);
    }
}

#[test]
fn the_staging_area_grows_to_its_limit_and_no_further() {
    for (limit, expected) in [(0, 4_096), (10_000, 10_000), (64 << 10, 64 << 10)] {
        let wire = script().binary(pattern(1_000)).wire(Side::Server);
        let mut connection = server(Config { receive_buffer: limit, ..Config::server() });
        for _ in 0..20 {
            let mut many = wire.repeat(200);
            while !many.is_empty() {
                let n = connection.receive(START, &many);
                many.drain(..n);
                events(&mut connection);
            }
        }
        assert_eq!(connection.buffer_capacity(), expected);
    }
}

#[test]
fn f6_a_message_of_one_frame_has_no_fragments_be_it_empty() {
    let config = Config { max_empty_fragments: 0, ..Config::server() };
    receives(config, &script().text("").binary(""), &[text(""), binary("")]);
    let empty = script().frame(TEXT_BEGIN, "").frame(LAST, "a");
    fails(config, &empty, &[], ProtocolError::TooManyEmptyFragments);
}
