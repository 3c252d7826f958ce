use alloc::vec;
use alloc::vec::Vec;

use super::super::{Compressor, Deflate};
use super::*;

fn window(bits: u8) -> WindowBits {
    WindowBits::new(bits).unwrap()
}

fn each(test: impl Fn(u8, bool)) {
    for (bits, takeover) in [(8, true), (12, true), (13, true), (15, true), (9, false), (15, false)]
    {
        test(bits, takeover);
    }
}

/// The message of a payload that arrives in parts of `step` bytes.
fn read(
    decompressor: &mut Decompressor,
    payload: &[u8],
    step: usize,
    limit: usize,
) -> Result<Vec<u8>, DecompressError> {
    let mut out = Vec::new();
    for part in payload.chunks(step) {
        decompressor.push(part, &mut out, limit)?;
        assert!(out.len() <= limit);
    }
    decompressor.finish(&mut out)?;
    Ok(out)
}

const HELLO: [u8; 7] = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
/// Section 7.2.3.4, in a block marked as last, but for the byte behind it.
const LAST_HELLO: [u8; 7] = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn section_7_2_3_examples() {
    each(|bits, takeover| {
        for step in 1..8 {
            let mut decompressor = Decompressor::new(window(bits), takeover);
            let examples: [&[u8]; 6] = [
                &HELLO,
                // 7.2.3.3: stored.
                &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
                // 7.2.3.4: marked as last.
                &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
                // 7.2.3.5: two blocks.
                &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
                // D1: without the last byte.
                &LAST_HELLO,
                &HELLO,
            ];
            for payload in examples {
                let message = read(&mut decompressor, payload, step, 5);
                assert_eq!(message.as_deref(), Ok(&b"Hello"[..]), "{payload:x?} by {step}");
                assert_eq!(read(&mut decompressor, &[0], step, 0).as_deref(), Ok(&b""[..]));
            }
            // 7.2.3.2: refers to the message before.
            let again = read(&mut decompressor, &[0xf2, 0x00, 0x11, 0x00, 0x00], step, 5);
            if takeover {
                assert_eq!(again.unwrap(), b"Hello");
            } else {
                assert_eq!(again, Err(DecompressError::Corrupt));
            }
        }
    });
}

#[test]
fn d1_what_follows_a_last_block_is_read() {
    each(|bits, takeover| {
        for step in [1, 2, 3, 100] {
            let mut decompressor = Decompressor::new(window(bits), takeover);
            // "Hello" in a last block, then a block that repeats it: length 5, distance 5.
            let payload = [&LAST_HELLO[..], &[0x02, 0x13, 0x00, 0x00]].concat();
            let message = read(&mut decompressor, &payload, step, 100);
            assert_eq!(message.unwrap(), b"HelloHello", "{bits} {takeover} {step}");
            // Two last blocks of nothing, one stored, then nothing, and a message after that.
            let empty = [0x03, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0xff, 0xff];
            assert_eq!(read(&mut decompressor, &empty, step, 0).unwrap(), b"");
            // A stored last block whose rest is the tail.
            let stored = [&HELLO[..], &[0x00, 0x00, 0xff, 0xff, 0x01]].concat();
            assert_eq!(read(&mut decompressor, &stored, step, 5).unwrap(), b"Hello");
            assert_eq!(read(&mut decompressor, &HELLO, step, 5).unwrap(), b"Hello");
        }
    });
}

#[test]
fn d1_what_ended_with_a_last_block_is_referred_to() {
    for bits in 8..=15 {
        let stored = [&HELLO[..], &[0x00, 0x00, 0xff, 0xff, 0x01]].concat();
        for payload in [&LAST_HELLO[..], &stored] {
            let mut decompressor = Decompressor::new(window(bits), true);
            assert_eq!(read(&mut decompressor, payload, 2, 5).unwrap(), b"Hello");
            let again = read(&mut decompressor, &[0xf2, 0x00, 0x11, 0x00, 0x00], 2, 5);
            assert_eq!(again.unwrap(), b"Hello");
        }
    }
}

#[test]
fn d2_output_that_fills_the_room_is_not_all() {
    each(|bits, takeover| {
        let mut compressor = Compressor::new(window(bits), takeover, &Deflate::DEFAULT);
        for len in (60_000..62_000).step_by(397) {
            let message = vec![b'x'; len];
            let payload = compressor.message(&message, false).unwrap();
            let mut decompressor = Decompressor::new(window(bits), false);
            if takeover {
                compressor.forget();
            }
            assert!(read(&mut decompressor, &payload, 1, len).unwrap() == message);
        }
    });
}

#[test]
fn d1_a_million_last_blocks_are_not_a_million_windows() {
    each(|bits, takeover| {
        let mut decompressor = Decompressor::new(window(bits), takeover);
        let mut compressor = Compressor::new(window(bits), takeover, &Deflate::DEFAULT);
        let mut payload = compressor.message(&vec![b'x'; 40_000], true).unwrap();
        payload.extend_from_slice(&TAIL);
        payload.extend_from_slice(&[0x03, 0x00].repeat(100_000));
        let mut out = Vec::new();
        decompressor.push(&payload, &mut out, 40_000).unwrap();
        assert!(decompressor.credit < window(bits).bytes() + 32);
        decompressor.finish(&mut out).unwrap();
        assert_eq!(out.len(), 40_000);
    });
}

#[test]
fn d1_a_payload_of_no_bytes_is_a_message_of_none() {
    each(|bits, takeover| {
        let mut decompressor = Decompressor::new(window(bits), takeover);
        assert_eq!(read(&mut decompressor, &[], 1, 0).unwrap(), b"");
        assert_eq!(read(&mut decompressor, &HELLO, 1, 5).unwrap(), b"Hello");
    });
}

#[test]
fn d2_what_ends_within_a_block_is_corrupt() {
    let deflate = Deflate::DEFAULT;
    let mut text: Vec<u8> = (0..300_u16).map(|n| b'a' + (n % 97 * n % 23) as u8).collect();
    text.extend_from_within(20..120);
    each(|bits, takeover| {
        let payload = Compressor::new(window(bits), false, &deflate).message(&text, true).unwrap();
        let stored = [&[0x00, 0x2c, 0x01, 0xd3, 0xfe], &text[..300], &[0x00]].concat();
        for payload in [&payload[..], &stored, &HELLO] {
            let mut whole = Decompressor::new(window(bits), takeover);
            let whole = read(&mut whole, payload, 7, 1000).unwrap();
            // A stored block's first byte is also an empty message.
            for cut in 2..payload.len() {
                let mut decompressor = Decompressor::new(window(bits), takeover);
                let result = read(&mut decompressor, &payload[..cut], 7, 1000);
                match result {
                    Err(error) => assert_eq!(error, DecompressError::Corrupt),
                    // Within a block's code lengths a state that is kept cannot tell.
                    Ok(part) => {
                        assert!(takeover && bits > 12 && part.is_empty(), "{cut} of {whole:x?}");
                        let next = read(&mut decompressor, payload, 7, 1000);
                        assert_ne!(next.as_ref(), Ok(&whole), "{cut}");
                    }
                }
            }
        }
    });
}

#[test]
fn d3_the_limit_is_exact() {
    let deflate = Deflate::DEFAULT;
    each(|bits, takeover| {
        for len in [1, 255, 256, 257, 1000, 65_536, 70_001] {
            let message: Vec<u8> = (0..len).map(|at: usize| (at / 9 % 7) as u8).collect();
            let payload =
                Compressor::new(window(bits), takeover, &deflate).message(&message, true).unwrap();
            for step in [1, 1000, 100_000] {
                let new = || Decompressor::new(window(bits), takeover);
                assert_eq!(read(&mut new(), &payload, step, len).unwrap(), message);
                let short = read(&mut new(), &payload, step, len - 1);
                assert_eq!(short, Err(DecompressError::TooBig), "{len} {step}");
            }
        }
    });
}

#[test]
fn d3_a_bomb_is_not_granted_more_than_the_limit() {
    // 16 MiB of nothing, about 1,000 to 1.
    let bomb = Compressor::new(window(15), false, &Deflate::DEFAULT)
        .message(&vec![0; 16 << 20], false)
        .unwrap();
    assert!(bomb.len() < 17_000);
    each(|bits, takeover| {
        for limit in [0, 1, 1000, 65_536, 1 << 20] {
            for step in [1, 97, 20_000] {
                let mut decompressor = Decompressor::new(window(bits), takeover);
                let mut out = Vec::new();
                let failed = bomb
                    .chunks(step)
                    .map(|part| decompressor.push(part, &mut out, limit))
                    .find(Result::is_err);
                assert_eq!(failed, Some(Err(DecompressError::TooBig)));
                assert!(out.len() <= limit);
                assert!(out.capacity() <= limit, "{} of {limit}", out.capacity());
            }
        }
    });
}

#[test]
fn d3_earlier_parts_count() {
    let mut decompressor = Decompressor::new(window(15), true);
    let mut out = b"from before".to_vec();
    let result = decompressor.push(&HELLO, &mut out, 15);
    assert_eq!(result, Err(DecompressError::TooBig));
    let mut decompressor = Decompressor::new(window(15), true);
    let mut out = b"from before".to_vec();
    decompressor.push(&HELLO, &mut out, 16).unwrap();
    decompressor.finish(&mut out).unwrap();
    assert_eq!(out, b"from beforeHello");
    // What is there already may be too much.
    let mut out = b"from before".to_vec();
    assert_eq!(decompressor.push(&HELLO, &mut out, 3), Err(DecompressError::TooBig));
}

#[test]
fn memory_that_was_used_before_holds_the_same_message() {
    let message: Vec<u8> = (0..70_000_usize).map(|at| (at * at / 100 % 251) as u8).collect();
    each(|bits, takeover| {
        let mut compressor = Compressor::new(window(bits), takeover, &Deflate::DEFAULT);
        let mut decompressor = Decompressor::new(window(bits), takeover);
        for used in [0, 1, 3_000, 69_999, 70_000, 140_000] {
            let payload = compressor.message(&message, true).unwrap();
            let (mut memory, mut len) = (vec![0xa5; used], 0);
            for part in payload.chunks(5_000) {
                decompressor.push_into(part, &mut memory, &mut len, 70_000).unwrap();
                assert!(memory[..len] == message[..len], "{used}");
            }
            decompressor.finish_in(&mut memory, len).unwrap();
            assert!(memory[..len] == message, "{used}");
            assert!(memory.capacity() <= 2 * len);
        }
    });
}

#[test]
fn d1_garbage_ends() {
    each(|bits, takeover| {
        let garbage: [&[u8]; 6] = [
            &[0xff],
            &[0x07],
            b"\x00\x05\x00\x05\x00",
            // A distance beyond what there is.
            &[0x02, 0x13, 0x00, 0x00],
            &[&HELLO[..], &TAIL, &[0xff; 9]].concat(),
            &[&LAST_HELLO[..], &[0xde, 0xad, 0xbe, 0xef]].concat(),
        ];
        for payload in garbage {
            for step in [1, 3, 100] {
                let mut decompressor = Decompressor::new(window(bits), takeover);
                let result = read(&mut decompressor, payload, step, 1000);
                assert_eq!(result, Err(DecompressError::Corrupt), "{payload:x?}");
                assert_eq!(decompressor.memory(), 0);
            }
        }
    });
}

#[test]
fn d8_memory_is_what_comes_out_and_what_is_agreed() {
    for (bits, takeover, kept) in
        [(15, false, 0), (9, false, 0), (9, true, 512), (12, true, 4096), (15, true, 50_000)]
    {
        let deflate = Deflate::DEFAULT;
        let mut compressor = Compressor::new(window(bits), takeover, &deflate);
        let mut decompressor = Decompressor::new(window(bits), takeover);
        assert_eq!(decompressor.memory(), 0);
        for len in [100, 5000, 100_000, 1 << 20] {
            for pattern in [3, 251] {
                let message: Vec<u8> =
                    (0..len).map(|at: usize| (at * at / 100 % pattern) as u8).collect();
                let payload = compressor.message(&message, true).unwrap();
                let back = read(&mut decompressor, &payload, 64 << 10, 1 << 24).unwrap();
                assert!(back == message);
                assert!(back.capacity() <= 4096.max(2 * len), "{} of {len}", back.capacity());
                assert!(decompressor.memory() <= kept, "{}", decompressor.memory());
            }
        }
    }
}
