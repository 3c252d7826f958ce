//! B: frames and masks.

use super::*;

/// The longest payload that waits in a staging area of 4 KiB.
const STAGED: usize = 4096 / 2 - FrameHeader::MAX_LEN;

#[test]
fn s5_2_every_length_form_is_received_and_sent() {
    for len in [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 0x1_0001] {
        let payload = pattern(len);
        receives(Config::server(), &script().binary(&payload), &[binary(&payload)]);
        for side in SIDES {
            let mut connection = side.open(Config { fragment_size: 1 << 20, ..Config::server() });
            connection.send(Message::from(&payload[..])).unwrap();
            assert_eq!(frames(&mut connection, START), [(BINARY, payload.clone())]);
        }
    }
}

#[test]
fn s5_2_payloads_around_the_staging_area_survive_every_split() {
    for len in [STAGED - 1, STAGED, STAGED + 1, 4096 - 14, 4096 - 8, 4095, 4096, 4097, 8192] {
        let payload = pattern(len);
        let twice = script().text("before").binary(&payload).ping("p").binary(&payload).text("z");
        receives(
            Config { receive_buffer: 4096, ..Config::server() },
            &twice,
            &[text("before"), binary(&payload), ping(b"p"), binary(&payload), text("z")],
        );
    }
}

#[test]
fn s5_2_a_session_cut_in_two_at_every_byte_is_the_same_session() {
    let big = pattern(STAGED + 5);
    let session = script()
        .text("héllo")
        .frame(BINARY_BEGIN, pattern(200))
        .ping("in between")
        .frame(MORE, "")
        .frame(LAST, &big)
        .pong("")
        .text("");
    let whole = [pattern(200), big].concat();
    let expected = [text("héllo"), ping(b"in between"), binary(&whole), unsolicited(b""), text("")];
    for side in SIDES {
        let wire = session.wire(side);
        for cut in 0..=wire.len() {
            let mut connection = side.open(Config::server());
            let mut seen = hear(&mut connection, START, &wire[..cut]);
            connection.release_buffers();
            seen.extend(hear(&mut connection, START, &wire[cut..]));
            same(&seen, &expected);
        }
    }
}

#[test]
fn f1_memory_follows_what_arrives_not_what_is_declared() {
    let config = Config::server().with_message_limit(1 << 50);
    for side in SIDES {
        let mut connection = side.open(config);
        let mut arrived = 0;
        assert!(hear(&mut connection, START, &header_to(side, BINARY, 1 << 50)).is_empty());
        for _ in 0..64 {
            assert!(connection.buffer_capacity() <= 2 * arrived + (64 << 10) + 4096);
            assert!(hear(&mut connection, START, &[0; 9_999]).is_empty());
            arrived += 9_999;
        }
    }
}

#[cfg(feature = "std")]
#[test]
fn f1_what_others_leave_is_not_lent_to_all_who_only_announce() {
    let len = 1 << 20;
    for side in SIDES {
        let announced = header_to(side, BINARY, len);
        let mut waiting = Vec::new();
        for _ in 0..20 {
            // A message that was received and dropped leaves its memory to the next.
            let mut other = side.open(Config::server());
            hear(&mut other, START, &script().binary(pattern(len as usize)).wire(side));
            drop(other);
            let mut connection = side.open(Config::server());
            assert!(hear(&mut connection, START, &announced).is_empty());
            connection.release_buffers();
            waiting.push(connection);
        }
        let held = |waiting: &[Connection]| -> Vec<_> {
            waiting.iter().map(Connection::buffer_capacity).collect()
        };
        let many = held(&waiting).into_iter().filter(|n| *n > 72 << 10).count();
        assert!((1..=4).contains(&many), "4 MiB a thread at most: {:?}", held(&waiting));
        // Those who go on with it have earned it, those who leave give it back: then others may.
        waiting.truncate(10);
        for connection in &mut waiting {
            hear(connection, START, &pattern(len as usize));
        }
        waiting.clear();
        for _ in 0..4 {
            let mut connection = side.open(Config::server());
            hear(&mut connection, START, &announced);
            waiting.push(connection);
        }
        let many = held(&waiting).into_iter().filter(|n| *n > 72 << 10).count();
        assert!(many >= 3, "{:?}", held(&waiting));
    }
}

#[test]
fn f2_a_frame_over_the_limit_is_refused_from_its_header() {
    let config = Config::server().with_message_limit(1000);
    for side in SIDES {
        for len in [1001, u64::from(u32::MAX) + 1, (1 << 63) - 1] {
            let mut connection = side.open(config);
            let seen = hear(&mut connection, START, &header_to(side, BINARY, len));
            let error = ConnectionError::Protocol(ProtocolError::FrameTooBig);
            assert_eq!(seen, [Event::Error(error)], "no byte of the payload was needed");
            assert_eq!(frames(&mut connection, START)[0].1[..2], 1009_u16.to_be_bytes());
        }
    }
}

#[test]
fn f4_control_frames_between_fragments_do_not_disturb_the_message() {
    receives(
        Config::server(),
        &script()
            .frame(TEXT_BEGIN, "one ")
            .ping("a")
            .frame(MORE, "two ")
            .pong("b")
            .ping("")
            .frame(LAST, "three")
            .binary("next"),
        &[ping(b"a"), unsolicited(b"b"), ping(b""), text("one two three"), binary("next")],
    );
}

#[test]
fn f4_a_control_frame_has_at_most_125_bytes_and_is_not_fragmented() {
    let full = pattern(125);
    receives(
        Config::server(),
        &script().ping(&full).pong(&full),
        &[ping(&full), unsolicited(&full)],
    );
    for first in [CLOSE, PING, PONG] {
        let long = script().text("a").frame(first, pattern(126));
        fails(Config::server(), &long, &[text("a")], ProtocolError::OversizedControl);
        let fragment = script().text("a").frame(first & 0x0f, "");
        fails(Config::server(), &fragment, &[text("a")], ProtocolError::FragmentedControl);
    }
}

#[test]
fn f5_a_message_may_not_begin_inside_another() {
    for first in [TEXT, TEXT_BEGIN, BINARY, BINARY_BEGIN] {
        fails(
            Config::server(),
            &script().frame(TEXT_BEGIN, "a").ping("").frame(first, "b"),
            &[ping(b"")],
            ProtocolError::ExpectedContinuation,
        );
    }
}

#[test]
fn f5_a_continuation_needs_a_message_to_continue() {
    for first in [MORE, LAST] {
        for before in [script(), script().text("whole"), script().frame(2, "a").frame(LAST, "b")] {
            let expected = match before.frames.len() {
                0 => Vec::new(),
                1 => [text("whole")].to_vec(),
                _ => [binary("ab")].to_vec(),
            };
            fails(
                Config::server(),
                &before.frame(first, "x"),
                &expected,
                ProtocolError::UnexpectedContinuation,
            );
        }
    }
}

#[test]
fn f6_empty_frames_and_fragments_are_legal() {
    receives(
        Config::server(),
        &script()
            .text("")
            .binary("")
            .frame(TEXT_BEGIN, "")
            .frame(MORE, "")
            .frame(LAST, "")
            .frame(BINARY_BEGIN, "")
            .frame(MORE, "x")
            .frame(LAST, ""),
        &[text(""), binary(""), text(""), binary("x")],
    );
}

#[test]
fn f7_a_server_refuses_what_is_not_masked_and_a_client_what_is() {
    let error = Event::Error(ConnectionError::Protocol(ProtocolError::WrongMasking));
    for first in [TEXT, BINARY, PING, PONG, CLOSE] {
        for payload in ["", "hello"] {
            for (side, other) in [(Side::Client, Side::Server), (Side::Server, Side::Client)] {
                for split in SPLITS {
                    let mut connection = side.open(Config::server());
                    let wire = script().frame(first, payload).wire(other);
                    let seen = feed(&mut connection, START, &wire, split);
                    same(&seen, core::slice::from_ref(&error));
                    assert_eq!(frames(&mut connection, START)[0].1[..2], 1002_u16.to_be_bytes());
                }
            }
        }
    }
}

#[test]
fn f7_a_peer_may_mask_with_zeros() {
    let mut connection = server(Config::server());
    let seen = hear(&mut connection, START, b"\x81\x85\0\0\0\0Hello");
    assert_eq!(seen, [text("Hello")]);
}

#[test]
fn f7_a_client_masks_every_frame_afresh_and_a_server_none() {
    for side in SIDES {
        let mut connection = side.open(Config::client());
        connection.send(Message::from("")).unwrap();
        connection.send(Message::from("text")).unwrap();
        connection.send(Message::from(pattern(70_000))).unwrap();
        connection.ping(b"").unwrap();
        hear(&mut connection, START, &script().ping("again").wire(side));
        let mut wire = output(&mut connection, START);
        connection.close(START, CloseCode::NORMAL, "bye").unwrap();
        wire.extend(output(&mut connection, START));
        let (mut keys, mut rest) = (Vec::new(), &wire[..]);
        while let Some((header, len)) = FrameHeader::parse(rest).unwrap() {
            assert_eq!(header.mask.is_some(), side == Side::Client);
            keys.extend(header.mask.map(|mask| mask.0));
            rest = &rest[len + header.payload_len as usize..];
        }
        assert_eq!(parse(&wire).len(), 7, "of the long message there are two");
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), if side == Side::Client { 7 } else { 0 }, "a key was used twice");
    }
}

#[test]
fn f9_nothing_is_parsed_after_a_fault_and_all_before_it_is_delivered() {
    fails(
        Config::server(),
        &script()
            .text("1")
            .binary("2")
            .ping("3")
            .frame(0x83, "bad")
            .text("4")
            .ping("5")
            .close(1000, ""),
        &[text("1"), binary("2"), ping(b"3")],
        ProtocolError::ReservedOpcode,
    );
}

#[test]
fn f9_a_message_found_before_the_fault_may_be_taken_after_it() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.receive(START, &script().text("good").frame(0x83, "").wire(side));
        assert!(connection.poll_ready());
        connection.receive(START, &[0; 100]);
        assert_eq!(connection.event(), Some(text("good")));
        assert_eq!(events(&mut connection).len(), 1);
        let mut connection = side.open(Config::server());
        connection.receive(START, &script().text("good").text("lost").wire(side));
        assert!(connection.poll_ready());
        connection.abort();
        assert_eq!(connection.event(), Some(text("good")));
        assert_eq!(closed(events(&mut connection)).initiator, Initiator::Local);
        over(&mut connection);
    }
}

#[test]
fn f10_reserved_bits_need_an_extension() {
    for bits in [0x40, 0x20, 0x10, 0x70] {
        for first in [TEXT, BINARY, PING, PONG, CLOSE] {
            let set = script().text("a").frame(first | bits, "");
            fails(Config::server(), &set, &[text("a")], ProtocolError::ReservedBits);
        }
        let on_continuation = script().frame(TEXT_BEGIN, "a").frame(LAST | bits, "b");
        fails(Config::server(), &on_continuation, &[], ProtocolError::ReservedBits);
    }
}

#[test]
fn s5_2_reserved_opcodes_are_refused() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        fails(
            Config::server(),
            &script().frame(0x80 | opcode, ""),
            &[],
            ProtocolError::ReservedOpcode,
        );
    }
}

#[test]
fn s5_2_a_length_that_could_be_shorter_or_is_out_of_range_is_refused() {
    let cases: [(&[u8], _); 3] = [
        (&[BINARY, 126, 0, 125], ProtocolError::NonMinimalLength),
        (&[BINARY, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], ProtocolError::NonMinimalLength),
        (&[BINARY, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], ProtocolError::LengthOutOfRange),
    ];
    for (wire, error) in cases {
        fails(Config::server(), &script().raw(wire), &[], error);
    }
}

#[test]
fn memory_may_be_given_back_while_a_frame_waits() {
    for len in [0, 1, STAGED, STAGED + 1, 30_000] {
        for side in SIDES {
            let mut connection = side.open(Config::server());
            let payload = pattern(len);
            // So that the staging area is large when the header arrives, and small afterwards.
            for _ in 0..8 {
                hear(&mut connection, START, &script().binary(pattern(60_000)).wire(side));
            }
            let wire = script().binary(&payload).wire(side);
            let (head, rest) = wire.split_at(wire.len() - len);
            let mut seen = hear(&mut connection, START, head);
            for chunk in rest.chunks(1000) {
                connection.release_buffers();
                seen.extend(hear(&mut connection, START, chunk));
            }
            same(&seen, &[binary(&payload)]);
        }
    }
}

#[test]
fn a_frame_that_waits_has_room_even_if_the_staging_area_comes_back_smaller() {
    // Only what followed the opening handshake makes a staging area larger than reads have earned.
    for side in SIDES {
        let payload = pattern(30_000);
        let wire = script().binary(pattern(70_000)).binary(&payload).wire(side);
        let (arrived, rest) = wire.split_at(wire.len() - payload.len());
        let mut connection =
            Connection::from_upgraded(side.role(), Config::server(), START, arrived);
        same(&events(&mut connection), &[binary(pattern(70_000))]);
        connection.release_buffers();
        same(&hear(&mut connection, START, rest), &[binary(&payload)]);
    }
}

#[test]
fn a_frame_that_waits_has_room_also_in_a_stage_that_is_shorter_than_what_followed_the_handshake() {
    for side in SIDES {
        for (before, len) in [(10_000, 5_000), (40_000, 9_000), (60_000, 25_000)] {
            let config = Config { receive_buffer: 4_096, ..Config::server() };
            let (first, second) = (pattern(before), pattern(len));
            let wire = script().binary(&first).binary(&second).wire(side);
            let (arrived, mut rest) = wire.split_at(wire.len() - len + 100);
            let mut connection = Connection::from_upgraded(side.role(), config, START, arrived);
            same(&events(&mut connection), &[binary(&first)]);
            let mut stage = crate::buffer::Stage::new();
            let mut seen = Vec::new();
            while !rest.is_empty() {
                connection.lend(&mut stage);
                let n = connection.receive(START, rest);
                assert!(n > 0, "{before}, {len}: {} bytes to come, and no room", rest.len());
                rest = &rest[n..];
                seen.extend(events(&mut connection));
                connection.reclaim(&mut stage);
            }
            same(&seen, &[binary(&second)]);
        }
    }
}

#[test]
fn a10_a_staging_area_that_grew_for_one_frame_shrinks_again() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        let many = script().binary(pattern(1_000)).wire(side).repeat(400);
        for _ in 0..20 {
            hear(&mut connection, START, &many);
        }
        let wire = script().binary(pattern(60_000)).wire(side);
        let (begin, rest) = wire.split_at(100);
        hear(&mut connection, START, begin);
        same(&hear(&mut connection, START, rest), &[binary(pattern(60_000))]);
        assert!(connection.buffer_capacity() > 100_000);
        for _ in 0..2_000 {
            hear(&mut connection, START, &script().binary("a").wire(side));
        }
        assert!(connection.buffer_capacity() <= 4_096, "{}", connection.buffer_capacity());
    }
}

#[test]
fn short_payloads_are_staged_with_what_follows_and_long_ones_are_placed_directly() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        hear(&mut connection, START, &header_to(side, BINARY, STAGED as u64));
        assert!(connection.recv_buffer().len() > STAGED, "the next frame comes with the same read");
        let mut connection = side.open(Config::server());
        hear(&mut connection, START, &header_to(side, BINARY, STAGED as u64 + 1));
        assert_eq!(connection.recv_buffer().len(), STAGED + 1, "and not a byte of the next frame");
    }
}

#[test]
fn s5_4_a_long_fragmented_message_is_received_around_pings() {
    let parts = [pattern(100_000), pattern(3), pattern(0), pattern(50_000), pattern(2_500)];
    let mut long = script().frame(BINARY_BEGIN, &parts[0]);
    for part in &parts[1..] {
        long = long.ping("here").frame(MORE, part).pong("there");
    }
    let mut expected = Vec::new();
    for _ in &parts[1..] {
        expected.extend([ping(b"here"), unsolicited(b"there")]);
    }
    expected.extend([binary(parts.concat()), text("after")]);
    receives(Config::server(), &long.frame(LAST, "").text("after"), &expected);
}

#[test]
fn bytes_behind_the_opening_handshake_are_frames() {
    for side in SIDES {
        let session = script()
            .text("first")
            .binary(pattern(70_000))
            .ping("p")
            .binary(pattern(2_000))
            .text("z");
        let wire = session.wire(side);
        let expected =
            [text("first"), binary(pattern(70_000)), ping(b"p"), binary(pattern(2_000)), text("z")];
        for cut in (0..wire.len()).step_by(997).chain([1, 2, 5, wire.len()]) {
            let mut connection =
                Connection::from_upgraded(side.role(), Config::server(), START, &wire[..cut]);
            let mut seen = events(&mut connection);
            seen.extend(hear(&mut connection, START, &wire[cut..]));
            same(&seen, &expected);
        }
    }
}

#[test]
fn bytes_reported_but_never_offered_room_do_not_exist() {
    for side in SIDES {
        let mut connection = side.open(Config::server());
        connection.received(START, 100);
        assert!(events(&mut connection).is_empty(), "there was no buffer to fill");
        let room = connection.recv_buffer().len();
        assert!(room > 0);
        connection.received_eof(START);
        assert!(connection.recv_buffer().is_empty(), "the stream has ended");
        connection.received(START, room);
        assert_eq!(connection.receive(START, b"more"), 0);
        broken(events(&mut connection), ConnectionError::UnexpectedEof);
    }
}
