use super::*;
use crate::buffer::assembly::CLAIM;
use crate::buffer::recycled;

const MIN_SIZE: usize = super::MIN_SIZE as usize;

fn fill(inbox: &mut Inbox, n: usize) -> usize {
    let spare = inbox.spare();
    let n = n.min(spare.len());
    spare[..n].fill(7);
    inbox.advance(n)
}

#[test]
fn the_staging_area_follows_what_arrives_and_comes_back() {
    let mut inbox = Inbox::new(64 << 10, &[]);
    assert_eq!(inbox.capacity(), 0, "nothing is held before the first read");
    for _ in 0..10 {
        while fill(&mut inbox, usize::MAX) > 0 {}
        inbox.take(usize::MAX);
    }
    assert_eq!(inbox.spare().len(), 64 << 10);
    for _ in 0..10 * usize::from(SPARSE_READS) {
        fill(&mut inbox, 20);
        inbox.take(20);
    }
    assert_eq!(inbox.spare().len(), MIN_SIZE, "a spike gives its memory back");
    inbox.release();
    assert_eq!(inbox.capacity(), 0);
}

#[test]
fn a_full_staging_area_offers_no_room_and_loses_nothing() {
    let mut inbox = Inbox::new(MIN_SIZE, &[]);
    while fill(&mut inbox, 1000) > 0 {}
    assert_eq!(inbox.unread().len(), MIN_SIZE);
    inbox.release();
    assert_eq!(inbox.unread().len(), MIN_SIZE, "unread bytes are not released");
    inbox.take(MIN_SIZE / 2);
    assert_eq!(inbox.spare().len(), MIN_SIZE / 2);
}

#[test]
fn a_small_limit_holds_in_a_lent_stage_too_and_never_ends_receiving() {
    let mut inbox = Inbox::new(MIN_SIZE, &[]);
    let mut stage = Stage::new();
    inbox.lend(&mut stage);
    for _ in 0..100 {
        while fill(&mut inbox, 1_000) > 0 {}
        assert!(inbox.unread().len() <= MIN_SIZE);
        inbox.take(MIN_SIZE - 10);
        assert!(!inbox.spare().is_empty(), "there is room again");
    }
    inbox.reclaim(&mut stage);
    assert_eq!(inbox.capacity(), inbox.unread().len());
}

#[test]
fn f1_memory_is_granted_as_the_peer_earns_it() {
    let mut inbox = Inbox::new(MIN_SIZE, &[]);
    fill(&mut inbox, 100);
    inbox.direct(1 << 40);
    inbox.spare();
    assert!(inbox.claimed() <= (CLAIM + 1) * 100 + GRANT + page::LEN);
    assert!(inbox.capacity() <= MIN_SIZE + 2 * GRANT, "not what the header says");
    let mut arrived = 100;
    for _ in 0..100 {
        arrived += fill(&mut inbox, 10_000);
        inbox.spare();
        let touched = inbox.message.held();
        assert!(touched <= 2 * arrived + GRANT, "{touched} held after {arrived} arrived");
        let claimed = inbox.claimed();
        assert!(claimed <= (CLAIM + 1) * arrived + GRANT, "{claimed} after {arrived}");
    }
}

#[test]
fn a_message_holds_at_most_twice_its_size() {
    for fragments in [&[70_000_usize][..], &[1 << 20], &[100_000; 30], &[9, 200_000, 1, 5]] {
        let inbox = assembled(fragments);
        let len = inbox.message_len();
        assert_eq!(len, fragments.iter().sum::<usize>());
        assert!(inbox.claimed() <= 2 * len);
    }
}

/// The message of these fragments, each byte of which is other than the one before.
fn assembled(fragments: &[usize]) -> Inbox {
    let mut inbox = Inbox::new(MIN_SIZE, &[]);
    let mut next = 0_u8;
    for len in fragments {
        let mut n = 3;
        inbox.spare();
        let mut write = |inbox: &mut Inbox, n: usize| {
            let room = inbox.spare();
            let n = room.len().min(n);
            for byte in room.iter_mut().take(n) {
                *byte = next;
                next = next.wrapping_add(1);
            }
            inbox.advance(n);
        };
        n = n.min(*len);
        write(&mut inbox, n);
        inbox.direct(*len);
        while inbox.outstanding() > 0 {
            write(&mut inbox, usize::MAX);
        }
    }
    inbox
}

#[test]
fn a_message_is_the_same_wherever_it_begins_in_its_memory() {
    for fragments in [&[1_000_usize][..], &[1 << 20], &[300_000, 7, 200_000], &[9, 200_000, 1]] {
        let len: usize = fragments.iter().sum();
        let expected: Vec<u8> = (0..len).map(|n| n as u8).collect();
        let mut inbox = assembled(fragments);
        assert_eq!(inbox.message_len(), len);
        assert!(inbox.message_mut() == expected);
        assert!(assembled(fragments).take_message() == expected);
        assert!(inbox.lend_message() == expected);
        assert_eq!(inbox.message_len(), 0);
    }
}

#[test]
fn a_long_message_is_received_at_its_place_in_a_page_and_stays_there() {
    let fragments = [&[recycled::MIN_LEN][..], &[16_384], &[70_000], &[128 << 10], &[1_151_000]];
    for fragments in fragments.into_iter().chain([&[40 << 20][..], &[9, 200_000]]) {
        let len: usize = fragments.iter().sum();
        // Without memory that was used before, and, if it is not too long to be kept, with.
        let mut place = None;
        for is_used in [false, true] {
            let mut inbox = assembled(fragments);
            assert_eq!(page::before(page::PAYLOAD, inbox.message_mut()), 0, "{len}");
            assert!(inbox.claimed() <= 2 * len, "{len}");
            let message = inbox.take_message();
            if is_used && cfg!(feature = "std") && len <= 4 << 20 {
                assert_eq!(place, Some(message.as_ptr()), "{len}");
            }
            place = Some(message.as_ptr());
        }
    }
}

#[test]
fn what_is_received_directly_but_not_long_takes_its_size() {
    for len in [2_035, 4_000, recycled::MIN_LEN - 1] {
        let mut inbox = assembled(&[len]);
        assert_eq!(inbox.claimed(), len);
        assert_eq!(inbox.take_message().len(), len);
    }
}

#[test]
fn every_grant_is_worth_a_read() {
    let lengths = [1_100_000, 1_151_000, 1_300_000, 3 << 20];
    for (staged, len) in [3, 1_000, MIN_SIZE - 14].map(|n| lengths.map(|len| (n, len))).concat() {
        let mut inbox = Inbox::new(MIN_SIZE, &[]);
        fill(&mut inbox, staged);
        inbox.direct(len);
        let claimed = inbox.claimed();
        assert!(claimed <= (CLAIM + 1) * staged + GRANT + page::LEN, "{claimed} for {staged}");
        inbox.spare();
        assert_eq!(inbox.claimed(), claimed, "that was claimed at once");
        while inbox.outstanding() > 0 {
            let least = inbox.outstanding().min(GRANT);
            let room = inbox.spare().len();
            assert!(room >= least, "{room} of {least}");
            inbox.advance(room);
        }
        let capacity = inbox.claimed();
        assert!(capacity <= len + 2 * page::LEN, "{capacity} for {len}, {staged} of it staged");
    }
}

#[cfg(feature = "std")]
#[test]
fn a_message_that_moves_is_whole_and_at_its_place() {
    let place = |used: &mut Vec<*const u8>, len| {
        let buffer = vec![9; len + page::LEN];
        used.push(buffer.as_ptr());
        recycled::put(buffer, true);
    };
    let mut inbox = assembled(&[10_000]);
    let mut expected: Vec<u8> = (0..10_000_usize).map(|n| n as u8).collect();
    let mut used = Vec::new();
    place(&mut used, 60_000);
    // By short fragments, and then by a long one.
    for n in [3_000; 2] {
        let fragment = vec![n as u8; n];
        inbox.spare()[..n].copy_from_slice(&fragment);
        inbox.advance(n);
        let (unread, end) = inbox.place(n);
        end[..n].copy_from_slice(unread);
        inbox.placed(n, n);
        expected.extend(fragment);
        assert!(inbox.message_mut() == expected);
        assert!(inbox.claimed() <= 2 * (expected.len() + page::LEN));
    }
    let kept = recycled::thread::kept();
    inbox.direct(40_000);
    while inbox.outstanding() > 0 {
        let room = inbox.spare();
        room.fill(5);
        let n = room.len();
        inbox.advance(n);
    }
    expected.extend([5; 40_000]);
    assert!(used.contains(&inbox.message.memory().as_ptr()), "in the one that was long enough");
    assert_eq!(recycled::thread::kept(), kept, "where it was is there for another");
    assert_eq!(page::before(page::PAYLOAD, inbox.message_mut()), 0);
    assert!(inbox.take_message() == expected);
}

#[test]
fn a_stage_of_its_own_is_not_taken_for_a_lent_one() {
    let mut inbox = Inbox::new(1 << 20, &[]);
    let mut stage = Stage::new();
    inbox.lend(&mut stage);
    for _ in 0..8 {
        while fill(&mut inbox, usize::MAX) > 0 {}
        let unread = inbox.unread().len();
        inbox.take(unread - 100);
        inbox.expect(unread);
    }
    assert!(inbox.capacity() > Stage::LEN, "it has grown: {}", inbox.capacity());
    inbox.reclaim(&mut stage);
    assert!(stage.bytes.is_empty(), "a stage has its length, not {}", stage.bytes.len());
    assert_eq!(inbox.unread().len(), 100);
}

#[test]
fn a_lent_stage_is_received_into_from_its_place_in_a_page() {
    let mut inbox = Inbox::new(64 << 10, &[]);
    let mut stage = Stage::new();
    for unread in [0, 100] {
        inbox.lend(&mut stage);
        assert_eq!(page::before(page::STAGE, inbox.unread()), 0, "where {unread} bytes were moved");
        assert!(inbox.unread().len() == unread && inbox.unread().iter().all(|byte| *byte == 7));
        inbox.take(unread);
        for n in [5_000, 60_000] {
            let spare = inbox.spare();
            assert_eq!((page::before(page::STAGE, spare), spare.len()), (0, 64 << 10));
            spare[..n].fill(7);
            inbox.advance(n);
            if n == 60_000 {
                inbox.take(40_000);
                let spare = inbox.spare();
                assert_eq!((spare.len(), inbox.unread().len()), ((64 << 10) - 20_000, 20_000));
                assert_eq!(page::before(page::STAGE, inbox.unread()), 0, "moved to the front");
                assert!(inbox.unread().iter().all(|byte| *byte == 7));
                inbox.take(19_900);
            } else {
                inbox.take(n);
            }
        }
        inbox.reclaim(&mut stage);
        assert_eq!(inbox.unread(), [7; 100]);
    }
}

#[cfg(feature = "std")]
#[test]
fn a_message_that_was_lent_leaves_its_memory_for_the_next() {
    for len in [16_000, 160_000] {
        let used = vec![9; 2 * len];
        let place = used.as_ptr();
        recycled::put(used, true);
        let mut inbox = assembled(&[len]);
        let expected: Vec<u8> = (0..len).map(|n| n as u8).collect();
        assert!(inbox.lend_message() == expected);
        assert!(recycled::take(len).is_empty(), "it is lent");
        inbox.end_loan();
        assert_eq!(inbox.capacity(), inbox.stage.capacity());
        let again = recycled::take(len);
        assert_eq!((again.as_ptr(), again.len()), (place, 2 * len));
        inbox.end_loan();
        assert!(recycled::take(len).is_empty(), "once");
    }
}

#[test]
fn what_is_assembled_behind_a_loan_or_a_failure_is_not_given_away() {
    let mut inbox = assembled(&[160_000]);
    assert_eq!(inbox.lend_message().len(), 160_000);
    inbox.discard();
    inbox.spare()[..2].copy_from_slice(b"ab");
    inbox.advance(2);
    inbox.append(2);
    inbox.end_loan();
    assert_eq!(inbox.message_mut(), b"ab");
}

#[cfg(feature = "std")]
#[test]
fn a_message_in_short_fragments_grows_in_memory_that_was_used_before() {
    const FRAGMENT: usize = 3_000;
    // One that is hardly longer than what has to be moved is left where it is.
    recycled::put(vec![9; 140_000], true);
    let used = vec![9; 300_000];
    let place = used.as_ptr();
    recycled::put(used, true);
    let mut inbox = Inbox::new(MIN_SIZE, &[]);
    let (mut expected, mut moved_at) = (Vec::new(), None);
    while expected.len() < 290_000 {
        let fragment: Vec<u8> = (0..FRAGMENT).map(|n| (n + expected.len() / 7) as u8).collect();
        inbox.spare()[..FRAGMENT].copy_from_slice(&fragment);
        inbox.advance(FRAGMENT);
        let (unread, end) = inbox.place(FRAGMENT);
        end[..FRAGMENT].copy_from_slice(unread);
        inbox.placed(FRAGMENT, FRAGMENT);
        if inbox.message.memory().as_ptr() == place {
            moved_at.get_or_insert(expected.len());
        }
        expected.extend(fragment);
        assert!(inbox.claimed() <= 2 * expected.len() + GRANT, "as it is earned");
    }
    assert!((150_000..200_000).contains(&moved_at.expect("it was moved")));
    assert_eq!(inbox.message.memory().as_ptr(), place);
    assert!(!recycled::take(150_000).is_empty(), "and where it was is there for another");
    assert!(inbox.take_message() == expected);
}

#[test]
fn what_is_moved_out_of_a_stage_goes_where_the_last_one_was_if_that_is_about_as_long() {
    let mut inbox = Inbox::new(64 << 10, &[]);
    let mut stage = Stage::new();
    let mut place = core::ptr::null();
    for (n, is_same) in [(100, false), (100, true), (60, true), (40, false), (4_000, false)] {
        inbox.lend(&mut stage);
        inbox.spare()[..n].fill(n as u8);
        inbox.advance(n);
        inbox.reclaim(&mut stage);
        assert!(inbox.unread().len() == n && inbox.unread().iter().all(|byte| *byte == n as u8));
        assert!(inbox.capacity() <= 2 * n, "{} for {n}", inbox.capacity());
        assert!(!is_same || inbox.unread().as_ptr() == place, "{n}");
        place = inbox.unread().as_ptr();
        inbox.take(n);
    }
    inbox.lend(&mut stage);
    inbox.reclaim(&mut stage);
    assert_eq!(inbox.capacity(), 0);
    assert!(stage.spare.capacity() >= 4_000 && stage.spare.capacity() <= COPY_OUT);
    let mut alone = Inbox::new(64 << 10, &[]);
    for _ in 0..3 {
        while fill(&mut alone, usize::MAX) > 0 {}
        alone.take(usize::MAX);
    }
    assert!(alone.capacity() > COPY_OUT, "a staging area of its own");
    alone.lend(&mut stage);
    assert!(stage.spare.capacity() <= COPY_OUT, "is not kept for that");
}

#[test]
fn behind_a_long_message_little_is_read_until_more_is_there() {
    let mut inbox = Inbox::new(64 << 10, &[]);
    let mut stage = Stage::new();
    for _ in 0..3 {
        inbox.lend(&mut stage);
        assert_eq!(inbox.spare().len(), 64 << 10);
        fill(&mut inbox, usize::MAX);
        inbox.direct(1 << 20);
        while inbox.outstanding() > 0 {
            fill(&mut inbox, usize::MAX);
        }
        inbox.take_message();
        assert_eq!(inbox.spare().len(), MIN_SIZE, "another long one would have to be moved");
        fill(&mut inbox, 100);
        inbox.take(60);
        assert_eq!(inbox.spare().len(), MIN_SIZE);
        assert_eq!(inbox.advance(usize::MAX), MIN_SIZE, "and no more counts than was asked for");
        inbox.take(MIN_SIZE + 40);
        inbox.reclaim(&mut stage);
    }
    fill(&mut inbox, 1_000);
    inbox.direct(GRANT);
    while inbox.outstanding() > 0 {
        fill(&mut inbox, usize::MAX);
    }
    assert!(inbox.spare().len() > MIN_SIZE, "a frame that is not long is read with what follows");
}

#[test]
fn advancing_past_the_spare_room_is_clamped() {
    let mut inbox = Inbox::new(MIN_SIZE, &[]);
    let room = inbox.spare().len();
    assert_eq!(inbox.advance(usize::MAX), room);
    assert_eq!(inbox.unread().len(), room);
    inbox.take(room);
    inbox.direct(10);
    assert_eq!(inbox.spare().len(), 10);
    assert_eq!(inbox.advance(usize::MAX), 10);
}
