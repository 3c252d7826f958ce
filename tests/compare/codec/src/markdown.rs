//! The report.

use std::fs;

use crate::measure::{Plan, Rank, Timing};

/// A contender's result.
pub struct Standing {
    pub name: String,
    pub rank: Rank,
    pub timing: Timing,
    /// Writes a message.
    pub writes: Option<f64>,
}

/// A row's result.
pub struct Outcome {
    title: &'static str,
    standings: Vec<Standing>,
}

impl Outcome {
    pub fn new(title: &'static str, mut standings: Vec<Standing>) -> Self {
        let place = |it: &Standing| (it.rank != Rank::Yardstick, it.timing.best);
        standings
            .sort_by(|a, b| place(a).0.cmp(&place(b).0).then(place(a).1.total_cmp(&place(b).1)));
        Self { title, standings }
    }

    fn best(&self, rank: Rank) -> Option<&Standing> {
        self.standings.iter().find(|it| it.rank == rank)
    }

    /// The best yardstick of that name, whatever follows it.
    fn yardstick(&self, name: &str) -> Option<&Standing> {
        self.standings.iter().find(|it| it.rank == Rank::Yardstick && it.name.starts_with(name))
    }

    pub fn table(&self) -> String {
        let has_writes = self.standings.iter().any(|it| it.writes.is_some());
        let best_peer = self.best(Rank::Peer).map(|it| it.timing.best);
        let longwire = self.best(Rank::Longwire).map(|it| it.timing.best);
        let mut table = format!("## {}\n\n", self.title);
        table += "| | best, ns | median, ns | to the best peer | to Longwire |";
        table += if has_writes { " writes a message |\n" } else { "\n" };
        table += "|---|---:|---:|---:|---:|";
        table += if has_writes { "---:|\n" } else { "\n" };
        for it in &self.standings {
            let Timing { best, median } = it.timing;
            let name = match it.rank {
                Rank::Yardstick => format!("_{}_", it.name),
                Rank::Longwire => format!("**{}**", it.name),
                Rank::Peer => it.name.clone(),
            };
            table += &format!(
                "| {name} | {} | {} | {} | {} |",
                ns(best),
                ns(median),
                ratio(best, best_peer),
                ratio(best, longwire),
            );
            if has_writes {
                let writes = it.writes.map_or(String::new(), |writes| format!("{writes:.3}"));
                table += &format!(" {writes} |");
            }
            table.push('\n');
        }
        table
    }
}

/// What was measured, how, and on what.
pub fn head(plan: Plan) -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    let level = if cfg!(target_feature = "avx512f") {
        "AVX-512"
    } else if cfg!(target_feature = "avx2") {
        "AVX2"
    } else {
        "the baseline"
    };
    format!(
        "# Codecs, in process\n\n\
        - Machine: {count} x {}, Linux {}, {}; load {load} at the start.\n\
        - Built for {level} of {} by {}.\n\
        - Peers: {}.\n\
        - CPU nanoseconds of one thread a message, no sockets and no runtime: best and median of {} \
        interleaved rounds of {} ms in each of {} processes. Ratios below 1.15 mean nothing.\n\
        - `floor` is header, mask and UTF-8 by hand (`wide vectors`: not \
        only those it was built for), `memcpy` the bare copy of the same bytes. \
        Every contender's result is checked before it is timed. A write costs nothing here and \
        more than all the rest in an application: read the writes a message first. \
        websocket-sans-io validates nothing; fastwebsockets checks less than the others.\n",
        model.trim_start_matches([' ', '\t', ':']),
        kernel.trim(),
        std::env::consts::ARCH,
        std::env::consts::ARCH,
        env!("RUSTC_VERSION"),
        env!("PEER_VERSIONS"),
        plan.rounds,
        plan.slice_ns / 1e6,
        plan.processes,
    )
}

pub fn summary(outcomes: &[Outcome]) -> String {
    let mut table = "## Summary (best, ns a message)\n\n\
        | | memcpy | floor | Longwire | best peer | | Longwire to it |\n\
        |---|---:|---:|---:|---:|---|---:|\n"
        .to_owned();
    for outcome in outcomes {
        let Some(peer) = outcome.best(Rank::Peer) else { continue };
        let best = |it: Option<&Standing>| it.map_or(String::new(), |it| ns(it.timing.best));
        let longwire = outcome.best(Rank::Longwire);
        let to_peer =
            longwire.map_or(String::new(), |it| ratio(it.timing.best, Some(peer.timing.best)));
        table += &format!(
            "| {} | {} | {} | **{}** | {} | {} | {to_peer} |\n",
            outcome.title,
            best(outcome.yardstick("memcpy")),
            best(outcome.yardstick("floor")),
            best(longwire),
            best(Some(peer)),
            peer.name,
        );
    }
    table
}

fn ns(ns: f64) -> String {
    if ns < 100.0 { format!("{ns:.1}") } else { format!("{ns:.0}") }
}

fn ratio(ns: f64, to: Option<f64>) -> String {
    to.map_or(String::new(), |to| format!("{:.2}", ns / to))
}
