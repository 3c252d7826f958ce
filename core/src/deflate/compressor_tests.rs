use alloc::vec;
use alloc::vec::Vec;

use super::super::Decompressor;
use super::*;

fn compressor(bits: u8, takeover: bool) -> Compressor {
    Compressor::new(window(bits), takeover, &Deflate::DEFAULT)
}

fn window(bits: u8) -> WindowBits {
    WindowBits::new(bits).unwrap()
}

fn text(len: usize, seed: usize) -> Vec<u8> {
    let words =
        ["hello ", "there, ", "the ", "meeting ", "is ", "at ", "noon. ", "thanks ", "again "];
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut out = Vec::new();
    while out.len() < len {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.extend_from_slice(words[(state >> 33) % words.len()].as_bytes());
    }
    out.truncate(len);
    out
}

fn noise(len: usize, seed: usize) -> Vec<u8> {
    let mut state = seed.wrapping_add(1);
    (0..len)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

fn read(peer: &mut Decompressor, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    peer.push(payload, &mut out, usize::MAX).unwrap();
    peer.finish(&mut out).unwrap();
    out
}

#[test]
fn d1_an_empty_message_is_one_byte() {
    let mut compressor = compressor(15, true);
    assert_eq!(compressor.message(b"", true).unwrap(), [0]);
    assert_eq!(compressor.message(b"", false), None);
    assert_eq!(compressor.fragment(b"", true), [0]);
    let mut peer = Decompressor::new(window(15), true);
    assert_eq!(read(&mut peer, &[0]), b"");
}

#[test]
fn section_7_2_3_2_messages_share_the_window() {
    let mut compressor = compressor(15, true);
    let first = compressor.message(b"Hello", true).unwrap();
    assert_eq!(first, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    assert_eq!(compressor.message(b"Hello", true).unwrap(), [0xf2, 0x00, 0x11, 0x00, 0x00]);
}

#[test]
fn d4_without_takeover_messages_do_not_share_it() {
    for bits in 8..=15 {
        let mut compressor = compressor(bits, false);
        let first = compressor.message(&text(600, 1), false).unwrap();
        assert_eq!(compressor.message(&text(600, 1), false).unwrap(), first);
        assert_eq!(compressor.memory(), 0);
    }
}

#[test]
fn d7_a_message_that_would_grow_leaves_no_trace() {
    for bits in 8..=15 {
        for takeover in [false, true] {
            let mut disturbed = compressor(bits, takeover);
            let mut quiet = compressor(bits, takeover);
            let mut peer = Decompressor::new(window(bits), takeover);
            for at in 0..12 {
                let message = text(700 + at * 13, at);
                for len in [1, 5, 100, 3000] {
                    assert_eq!(disturbed.message(&noise(len, at), false), None);
                }
                let payload = disturbed.message(&message, false).unwrap();
                let expected = quiet.message(&message, false).unwrap();
                // Of candidates as good, a state that was filled may look at another.
                assert!(payload.len().abs_diff(expected.len()) <= 2, "{bits} {takeover}");
                assert_eq!(read(&mut peer, &payload), message);
            }
        }
    }
}

#[test]
fn d7_a_state_that_was_stopped_has_all_its_room_again() {
    // With the least room there is for output, and messages that use all of it.
    for memory_level in [1, 5, 9] {
        for level in [1, 2, 6, 9] {
            let deflate = Deflate { level, memory_level, ..Deflate::DEFAULT };
            let mut compressor = Compressor::new(window(15), false, &deflate);
            for len in [300, 40_000] {
                assert_eq!(compressor.message(&noise(len, len), false), None);
                let forced = compressor.message(&noise(len, len), true).unwrap();
                assert_eq!(
                    read(&mut Decompressor::new(window(15), false), &forced),
                    noise(len, len)
                );
            }
        }
    }
}

#[test]
fn level_0_keeps_nothing() {
    let deflate = Deflate { level: 0, ..Deflate::DEFAULT };
    let mut compressor = Compressor::new(window(15), true, &deflate);
    assert_eq!(compressor.message(&text(4000, 1), false), None);
    assert_eq!(compressor.message(b"Hi", true).unwrap(), [0, 2, 0, 0xfd, 0xff, b'H', b'i', 0]);
    assert_eq!(compressor.memory(), 0);
}

#[test]
fn d7_what_is_as_long_is_not_shorter() {
    let mut compressor = compressor(15, false);
    let mut seen = [false; 2];
    for len in 1..400 {
        // Few letters at random: hardly worth compressing.
        let payload: Vec<u8> = noise(len, len).iter().map(|byte| byte & 0x7f).collect();
        let forced = compressor.message(&payload, true).unwrap();
        let worth = compressor.message(&payload, false);
        assert_eq!(worth.is_some(), forced.len() < payload.len(), "{len}");
        seen[usize::from(worth.is_some())] = true;
    }
    assert_eq!(seen, [true; 2]);
}

#[test]
fn d2_fragments_can_be_read_as_they_come() {
    for (bits, takeover) in [(8, true), (12, false), (15, false), (15, true)] {
        let mut compressor = compressor(bits, takeover);
        let mut peer = Decompressor::new(window(bits), takeover);
        for at in 0..10 {
            let message = text(5000, at);
            let mut out = Vec::new();
            let (mut seen, mut parts) = (0, message.chunks(700 + at * 97).peekable());
            while let Some(part) = parts.next() {
                let last = parts.peek().is_none() && at % 2 == 0;
                peer.push(&compressor.fragment(part, last), &mut out, usize::MAX).unwrap();
                assert_eq!(compressor.fragment(b"", false), b"");
                seen += part.len();
                assert_eq!(out.len(), seen);
            }
            if at % 2 == 1 {
                assert_eq!(compressor.fragment(b"", true), [0]);
                peer.push(&[0], &mut out, usize::MAX).unwrap();
            }
            peer.finish(&mut out).unwrap();
            assert_eq!(out, message);
            assert_eq!(compressor.memory() > 0, takeover);
        }
    }
}

#[test]
fn a_forgotten_context_is_not_referred_to() {
    for bits in [9, 15] {
        let mut compressor = compressor(bits, true);
        let first = compressor.message(&text(400, 1), false).unwrap();
        let again = compressor.message(&text(400, 1), false).unwrap();
        compressor.forget();
        assert_eq!(compressor.memory(), 0);
        assert_eq!(compressor.message(&text(400, 1), false).unwrap(), first);
        assert!(again.len() < first.len());
    }
}

#[test]
fn every_level_and_memory_level_is_read_back() {
    for level in [0, 1, 2, 5, 6, 7, 9, 255] {
        for memory_level in [0, 1, 8, 9, 255] {
            let deflate = Deflate { level, memory_level, ..Deflate::DEFAULT };
            let mut compressor = Compressor::new(window(10), true, &deflate);
            let mut peer = Decompressor::new(window(10), true);
            for (at, len) in [3, 300, 70_000, 900].into_iter().enumerate() {
                let message = text(len, at);
                let payload = compressor.message(&message, true).unwrap();
                assert_eq!(read(&mut peer, &payload), message, "{level} {memory_level}");
            }
        }
    }
}

#[test]
fn what_is_stored_is_read_back_and_referred_to() {
    let mut compressor = compressor(15, true);
    let mut peer = Decompressor::new(window(15), true);
    let message = noise(150_000, 1);
    let payload = compressor.store(&message, true);
    assert_eq!(read(&mut peer, &payload), message);
    let again = compressor.message(&message[140_000..], false).unwrap();
    assert!(again.len() < 200);
    assert_eq!(read(&mut peer, &again), &message[140_000..]);
}

#[test]
fn d8_small_windows_are_all_that_is_kept() {
    for (bits, most) in [(8, 256), (9, 512), (12, 4096), (13, 350_000), (15, 450_000)] {
        let mut compressor = compressor(bits, true);
        assert_eq!(compressor.memory(), 0);
        for at in 0..20 {
            let _ = compressor.message(&text(3000, at), false).unwrap();
        }
        assert!((most / 2..=most).contains(&compressor.memory()), "{}", compressor.memory());
    }
}

#[test]
fn a_payload_takes_no_more_memory_than_twice_its_length() {
    let mut compressor = compressor(15, false);
    let payload = compressor.message(&vec![b'a'; 1 << 20], false).unwrap();
    assert!(payload.len() < 1100);
    assert!(payload.capacity() <= 4096);
    let payload = compressor.message(&text(1 << 20, 1), false).unwrap();
    assert!(payload.capacity() <= 2 * payload.len());
}

#[test]
fn contexts_move_between_threads() {
    fn assert_send<T: Send + Sync>() {}
    assert_send::<Compressor>();
    assert_send::<Decompressor>();
}
