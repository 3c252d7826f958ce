//! A worker is a process that holds some of the contenders, for that what one of them asks of a
//! library would change it for the others. It does what it is told on its standard input:
//!
//! ```text
//! row KEY            NAME TAB RANK TAB LEVEL TAB UNITS TAB WIRE BYTES, a line a contender, and an empty line
//! time I REPEATS     the nanoseconds of CPU time that contender I needed
//! ```

use std::io::{self, BufRead, Write};

use rustix::time::{ClockId, clock_gettime};

use crate::contest::{Contender, Peer, contender};
use crate::row::Row;

/// Serves until its input ends.
///
/// # Panics
///
/// If it is told what it does not understand, or a contender does its work wrong.
pub fn serve(peers: &[Peer]) {
    let mut contenders: Vec<Contender> = Vec::new();
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line.expect("standard input can be read");
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["row", key] => {
                let row: Row = key.parse().expect("a row");
                contenders.clear();
                contenders.extend(peers.iter().filter_map(|peer| contender(peer, row)));
                for Contender { name, rank, level, units, wire, .. } in &contenders {
                    writeln!(output, "{name}\t{rank:?}\t{level}\t{units}\t{wire}")
                        .expect("the driver reads");
                }
                writeln!(output).expect("the driver reads");
            }
            ["time", i, repeats] => {
                let i: usize = i.parse().expect("a contender's number");
                let repeats: usize = repeats.parse().expect("a number");
                writeln!(output, "{}", time(&mut contenders[i], repeats))
                    .expect("the driver reads");
            }
            _ => panic!("not understood: {line}"),
        }
        output.flush().expect("the driver reads");
    }
}

fn time(contender: &mut Contender, repeats: usize) -> u64 {
    let start = thread_ns();
    for _ in 0..repeats {
        (contender.run)();
    }
    thread_ns() - start
}

fn thread_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
