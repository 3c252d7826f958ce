//! The report.

use std::fs;

use compare_deflate::contest::Rank;
use compare_deflate::row::{Row, Work};

use crate::crew::{Contender, Libraries, Memory};
use crate::measure::{Plan, Timing};

/// A row's result, yardsticks first, then from the fastest on.
pub struct Outcome {
    row: Row,
    standings: Vec<(Contender, Timing)>,
}

impl Outcome {
    pub fn new(row: Row, contenders: Vec<Contender>, timings: Vec<Timing>) -> Self {
        let mut standings: Vec<_> = contenders.into_iter().zip(timings).collect();
        standings.sort_by(|(a, a_timing), (b, b_timing)| {
            let is_peer = |it: &Contender| it.rank != Rank::Yardstick;
            is_peer(a).cmp(&is_peer(b)).then(a_timing.best.total_cmp(&b_timing.best))
        });
        Self { row, standings }
    }

    /// The fastest of that rank, among those who do the same work.
    fn best(&self, rank: Rank) -> Option<&(Contender, Timing)> {
        self.standings.iter().find(|(it, _)| it.rank == rank && self.is_level(it))
    }

    fn is_level(&self, contender: &Contender) -> bool {
        match self.row.work {
            Work::Compress { level } => contender.level == level,
            Work::Decompress => true,
        }
    }

    pub fn table(&self) -> String {
        let best_peer = self.best(Rank::Peer).map(|(_, timing)| timing.best);
        let longwire = self.best(Rank::Longwire).map(|(_, timing)| timing.best);
        let mut table = format!(
            "## {}\n\n\
            | | | best, ns | median, ns | to the best peer | to Longwire | wire, bytes | of the message |\n\
            |---:|---|---:|---:|---:|---:|---:|---:|\n",
            self.row.title()
        );
        let mut rank = 0;
        for (it, timing) in &self.standings {
            let is_placed = it.rank != Rank::Yardstick && self.is_level(it);
            rank += usize::from(is_placed);
            let place = if is_placed { rank.to_string() } else { String::new() };
            let mut name = emphasis(&it.name, it.rank);
            let (mut to_peer, mut to_longwire) =
                (ratio(timing.best, best_peer), ratio(timing.best, longwire));
            if !self.is_level(it) {
                name += &format!(", level {}", it.level);
                (to_peer, to_longwire) = (String::new(), String::new());
            }
            let wire = it.wire as f64 / it.units as f64;
            table += &format!(
                "| {place} | {name} | {} | {} | {to_peer} | {to_longwire} | {wire:.1} | {:.1} % |\n",
                ns(timing.best),
                ns(timing.median),
                100.0 * wire / self.row.len as f64,
            );
        }
        table
    }
}

/// What was measured, how, and on what.
pub fn head(plan: Plan) -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "# permessage-deflate, in process\n\n\
        - Machine: {count} x {}; load {} at the start. Built by {}.\n\
        - CPU nanoseconds of one thread a message, as a server, no sockets and no runtime: best and \
        median of {} interleaved rounds of {} ms or one pass over the messages. Ratios below 1.15 \
        mean nothing.\n\
        - Messages are chat-like JSON, each another one, more of them than a window holds. Windows of \
        15 bits, thresholds off: everything is compressed. What is decompressed was compressed \
        by zlib-rs at level 6, the same for all, and comes in reads of up to 64 KiB; what is sent is \
        flushed message by message.\n\
        - In italics: a header, a mask, the check of the text and that library, nothing else. Every \
        contender's result is checked before it is timed.\n",
        model.trim_start_matches([' ', '\t', ':']),
        load.split(' ').next().unwrap_or("unknown"),
        env!("RUSTC_VERSION"),
        plan.rounds,
        plan.slice_ns / 1e6,
    )
}

pub fn libraries(libraries: &[Libraries]) -> String {
    let mut text =
        "## What each was built with (`cargo tree`, features in brackets)\n\n".to_owned();
    for Libraries { worker, packages } in libraries {
        text += &format!("- `deflate-{worker}`: {}\n", packages.join("; "));
    }
    text
}

pub fn summary(outcomes: &[Outcome]) -> String {
    let mut table = "## Summary (best, ns a message; bytes on the wire)\n\n\
        | | best yardstick | Longwire | best peer | | Longwire to it | wire | Longwire's wire | smallest of a peer |\n\
        |---|---:|---:|---:|---|---:|---:|---:|---:|\n"
        .to_owned();
    let wire = |it: &Contender| format!("{:.1}", it.wire as f64 / it.units as f64);
    for outcome in outcomes {
        let Some((peer, timing)) = outcome.best(Rank::Peer) else { continue };
        let best = |rank| outcome.best(rank).map_or("-".to_owned(), |(_, timing)| ns(timing.best));
        let longwire = outcome.best(Rank::Longwire);
        let smallest = outcome
            .standings
            .iter()
            .map(|(it, _)| it)
            .filter(|it| it.rank == Rank::Peer && outcome.is_level(it))
            .min_by_key(|it| it.wire);
        table += &format!(
            "| {} | {} | **{}** | {} | {} | {} | {} | {} | {} |\n",
            outcome.row.title(),
            best(Rank::Yardstick),
            best(Rank::Longwire),
            ns(timing.best),
            peer.name,
            longwire.map_or(String::new(), |(_, it)| ratio(it.best, Some(timing.best))),
            wire(peer),
            longwire.map_or(String::new(), |(it, _)| wire(it)),
            smallest.map_or(String::new(), wire),
        );
    }
    table
}

pub fn memory(memory: &[Memory]) -> String {
    let mut table = "## Memory a connection: live bytes on the heap\n\n\
        What the allocator was asked for, 200 connections, the transport left out; after a message \
        of 1 KiB each way.\n\n\
        | | new, takeover | after, takeover | new, no takeover | after, no takeover |\n\
        |---|---:|---:|---:|---:|\n"
        .to_owned();
    let mut names: Vec<&str> = memory.iter().map(|it| it.name.as_str()).collect();
    names.dedup();
    for name in names {
        let of = |takeover| memory.iter().find(|it| it.name == name && it.takeover == takeover);
        let cells = |it: Option<&Memory>| {
            it.map_or("| - | - ".to_owned(), |it| format!("| {} | {} ", it.new, it.used))
        };
        let rank = of(true).or(of(false)).map_or(Rank::Peer, |it| it.rank);
        table += &format!("| {} {}{}|\n", emphasis(name, rank), cells(of(true)), cells(of(false)));
    }
    table
}

fn emphasis(name: &str, rank: Rank) -> String {
    match rank {
        Rank::Yardstick => format!("_{name}_"),
        Rank::Longwire => format!("**{name}**"),
        Rank::Peer => name.to_owned(),
    }
}

fn ns(ns: f64) -> String {
    if ns < 100.0 { format!("{ns:.1}") } else { format!("{ns:.0}") }
}

fn ratio(ns: f64, to: Option<f64>) -> String {
    to.map_or(String::new(), |to| format!("{:.2}", ns / to))
}
