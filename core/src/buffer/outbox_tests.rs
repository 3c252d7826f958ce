use alloc::vec::Vec;

use super::*;

#[test]
fn a4_any_short_write_leaves_the_rest_in_order() {
    let mut whole = Vec::new();
    let build = |whole: &mut Vec<u8>| {
        let mut outbox = Outbox::default();
        for i in 0..9u8 {
            if i % 3 == 2 {
                let segment = Bytes::from(alloc::vec![i; 7]);
                whole.extend_from_slice(&segment);
                outbox.push(segment.clone());
                let first = FrameHeader {
                    fin: i == 5,
                    rsv1: true,
                    opcode: Opcode::Text,
                    mask: None,
                    payload_len: 7,
                };
                let len = usize::from(i);
                outbox.frames_shared(first, len, segment);
                for n in 0..7_u8.div_ceil(i) {
                    let left = 7 - n * i;
                    let fin = if i == 5 && left <= i { 0x80 } else { 0 };
                    whole.extend([fin | if n == 0 { 0x41 } else { 0 }, left.min(i)]);
                    whole.extend(alloc::vec![i; left.min(i).into()]);
                }
            } else {
                outbox.copy(&[i; 5]);
                whole.extend_from_slice(&[i; 5]);
            }
        }
        outbox
    };
    let total = build(&mut whole).remaining();
    for step in 1..=total {
        let mut expected = Vec::new();
        let mut outbox = build(&mut expected);
        let mut got = Vec::new();
        while outbox.has_remaining() {
            let mut left = step.min(outbox.remaining());
            #[cfg(feature = "std")]
            {
                let mut peek = Vec::new();
                let mut slices = [IoSlice::new(&[]); 32];
                assert_eq!(outbox.chunks_vectored(&mut slices[..1]), 1);
                assert_eq!(&*slices[0], outbox.chunk());
                let n = outbox.chunks_vectored(&mut slices);
                for slice in &slices[..n] {
                    peek.extend_from_slice(slice);
                }
                assert_eq!(peek.len(), outbox.remaining());
            }
            while left > 0 {
                let n = left.min(outbox.chunk().len());
                got.extend_from_slice(&outbox.chunk()[..n]);
                outbox.advance(n);
                left -= n;
            }
        }
        assert_eq!(got, expected, "step {step}");
        assert_eq!(outbox.transmitted(), outbox.queued());
    }
}

#[cfg(feature = "std")]
#[test]
fn one_write_is_given_what_is_next_in_up_to_64_slices() {
    let header = FrameHeader {
        fin: true,
        rsv1: false,
        opcode: Opcode::Binary,
        mask: None,
        payload_len: 700,
    };
    let shared = Bytes::from(alloc::vec![1; 700]);
    // How many slices an outbox of these makes: copied, frames that share one payload.
    for (copied, frames, expected) in [
        (0, &[][..], 1),
        (3, &[], 1),
        (0, &[1], 2),
        (3, &[1], 3),
        (3, &[1, 1], 5),
        (0, &[7], 14),
        (3, &[7], 15),
        (3, &[7, 1, 7], 31),
        (3, &[1; 8], 17),
        (3, &[1; 9], 19),
        (0, &[70], 64),
        (3, &[1; 32], 64),
    ] {
        let mut outbox = Outbox::default();
        for frames in frames {
            outbox.frames_shared(header, 700 / frames, shared.clone());
        }
        outbox.copy(&b"end"[..copied]);
        let mut whole = Vec::new();
        let seen: Vec<u8> = outbox.gather(|slices| {
            assert_eq!(slices.len(), expected, "{copied} {frames:?}");
            slices.iter().flat_map(|slice| slice.iter().copied()).collect()
        });
        let remaining = outbox.remaining();
        while outbox.has_remaining() {
            whole.extend_from_slice(outbox.chunk());
            outbox.advance(outbox.chunk().len());
        }
        assert!(whole.starts_with(&seen), "{copied} {frames:?}");
        assert!(seen.len() == remaining || expected == 64);
    }
}

#[test]
fn the_last_frames_are_taken_back_that_begin_behind_the_mark() {
    let begins = |n: usize| 6 + 12 * n;
    for (len, mark) in (1..=53_u8).flat_map(|len| (0..80).map(move |mark| (len, mark))) {
        for sent in 0..begins(usize::from(len).div_ceil(10)).min(30) {
            let mut outbox = Outbox::default();
            let payload: Vec<u8> = (0..len).collect();
            outbox.copy(b"before");
            let opcode = Opcode::Binary;
            let first =
                FrameHeader { fin: true, rsv1: false, opcode, mask: None, payload_len: len.into() };
            outbox.frames_shared(first, 10, payload.clone().into());
            let queued = outbox.queued();
            // No frame goes whose turn has come.
            let stays = |n: &usize| *n == 0 || begins(*n) < sent + mark.max(1);
            let frames: Vec<_> = payload.chunks(10).collect();
            let stay = (0..frames.len()).filter(stays).count();
            let mut expected = b"before".to_vec();
            for (n, frame) in frames.iter().enumerate().take(stay) {
                let fin = if n + 1 == frames.len() { 0x80 } else { 0 };
                expected.extend([fin | if n == 0 { 2 } else { 0 }, frame.len() as u8]);
                expected.extend(*frame);
            }
            if sent >= expected.len() {
                continue;
            }
            outbox.advance(sent);
            assert_eq!(outbox.can_take_back(mark), stay < frames.len());
            let taken = outbox.take_back(mark).unwrap_or_default();
            assert_eq!(taken, frames[stay..].concat(), "{len} {mark} {sent}");
            assert_eq!(queued - outbox.queued(), (taken.len() + 2 * (frames.len() - stay)) as u64);
            assert_eq!(outbox.remaining(), expected.len() - sent);
            outbox.copy(b"behind");
            assert!(outbox.take_back(0).is_none(), "something is behind");
            expected.extend(b"behind");
            assert_eq!(outbox.copy_to_bytes(outbox.remaining()), expected[sent..]);
        }
    }
}

#[test]
fn a_long_run_is_given_back_when_transmitted() {
    let mut outbox = Outbox::default();
    outbox.copy(&[0; 4 * KEEP]);
    outbox.advance(usize::MAX);
    assert_eq!((outbox.remaining(), outbox.capacity()), (0, 0));
}

#[test]
fn clearing_keeps_the_count_of_what_left() {
    let mut outbox = Outbox::default();
    outbox.copy(&[1; 10]);
    outbox.advance(4);
    outbox.clear();
    assert_eq!((outbox.queued(), outbox.transmitted(), outbox.remaining()), (4, 4, 0));
}
