//! What it costs to copy where source and destination begin a few bytes apart in their pages.
//!
//! `cargo bench -p longwire-tests --bench places` prints a Markdown table of the copies that a program makes
//! itself, and of those that the kernel makes when it writes to a socket and reads from one. Longwire
//! gives its buffers places that are far from those which cost most (docs/adr/0011-memory-and-moves.md).

use std::env;
use std::hint::black_box;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

const LEN: usize = 16 * 1024;
const PAGE: usize = 4096;

/// A header as that of a server's frame: the payload is as far into the kernel's page.
const HEADER: usize = 4;

const DISTANCES: [isize; 12] = [-64, -16, -4, 0, 1, 4, 12, 16, 28, 32, 64, 2048];

const ROUNDS: usize = 7;

/// CPU time of this thread.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("the clock began at zero")
}

/// The best of the rounds, in nanoseconds a copy.
fn best(copies: u32, mut round: impl FnMut() -> Duration) -> u128 {
    let times = (0..ROUNDS).map(|_| round());
    times.min().expect("there are some").as_nanos() / u128::from(copies)
}

/// Memory, and where in it the first byte is that is `place` bytes into a page.
fn memory(place: usize) -> (Vec<u8>, usize) {
    let memory = vec![1; LEN + PAGE];
    let start = place.wrapping_sub(memory.as_ptr().addr()) % PAGE;
    (memory, start)
}

fn copying(distance: isize, copies: u32) -> u128 {
    let (from, at) = memory(PAGE / 2);
    let (mut to, place) = memory((PAGE / 2).wrapping_add_signed(distance) % PAGE);
    best(copies, || {
        let start = now();
        for _ in 0..copies {
            black_box(&mut to[place..place + LEN]).copy_from_slice(black_box(&from[at..at + LEN]));
        }
        now() - start
    })
}

fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let writer = TcpStream::connect(listener.local_addr()?)?;
    let (reader, _) = listener.accept()?;
    writer.set_nodelay(true)?;
    Ok((writer, reader))
}

/// The kernel's memory of what is written begins with a page, as nothing is under way: `at` is our payload's
/// place, and `to` that of what is read.
fn by_socket(at: usize, to: usize, copies: u32) -> io::Result<(u128, u128)> {
    let (mut writer, mut reader) = connected()?;
    let (from, start) = memory(at);
    let (mut buffer, place) = memory(to);
    let payload = &from[start..start + LEN];
    let (mut writing, mut reading) = (u128::MAX, u128::MAX);
    for _ in 0..ROUNDS {
        let (mut written, mut read) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..copies {
            let start = now();
            let slices = [IoSlice::new(&[0; HEADER]), IoSlice::new(payload)];
            assert_eq!(writer.write_vectored(&slices)?, HEADER + LEN, "the socket takes all of it");
            let middle = now();
            reader.read_exact(&mut [0; HEADER])?;
            reader.read_exact(&mut buffer[place..place + LEN])?;
            written += middle - start;
            read += now() - middle;
        }
        writing = writing.min(written.as_nanos() / u128::from(copies));
        reading = reading.min(read.as_nanos() / u128::from(copies));
    }
    Ok((writing, reading))
}

fn main() -> io::Result<()> {
    let copies = if env::args().any(|argument| argument == "--bench") { 1_000 } else { 1 };
    println!(
        "16 KiB, ns of CPU time a copy, by how much farther into its page the destination begins:\n"
    );
    println!("| bytes farther | copy | write to a socket | read from a socket |");
    println!("|---:|---:|---:|---:|");
    for distance in DISTANCES {
        let into_page = |place: isize| place.rem_euclid(PAGE as isize).unsigned_abs();
        let far = PAGE / 2;
        let (writing, _) = by_socket(into_page(HEADER as isize - distance), far, copies)?;
        let (_, reading) = by_socket(far, into_page(HEADER as isize + distance), copies)?;
        let copying = copying(distance, copies);
        println!("| {distance} | {copying} | {writing} | {reading} |");
    }
    Ok(())
}
