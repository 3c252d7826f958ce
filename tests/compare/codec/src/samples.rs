//! What several processes measured, together.

use std::env;
use std::process::{Command, Stdio};

use crate::markdown::Standing;
use crate::measure::{Contender, Plan, Rank, Timing};

const RANKS: [(Rank, &str); 3] =
    [(Rank::Yardstick, "yardstick"), (Rank::Longwire, "longwire"), (Rank::Peer, "peer")];

/// What a process says of a contender.
pub fn line(contender: &Contender, samples: &[f64]) -> String {
    let rank = RANKS.iter().find(|(rank, _)| *rank == contender.rank).map_or("", |(_, name)| name);
    let writes = contender.writes.map_or(String::new(), |writes| writes.to_string());
    let samples: Vec<String> = samples.iter().map(f64::to_string).collect();
    format!("{rank}\t{}\t{writes}\t{}", contender.name, samples.join(" "))
}

/// One contender, in all processes.
struct Entry {
    name: String,
    rank: Rank,
    writes: Option<f64>,
    samples: Vec<f64>,
}

fn parse(line: &str) -> Option<Entry> {
    let mut fields = line.split('\t');
    let rank = fields.next()?;
    let (rank, _) = *RANKS.iter().find(|(_, name)| *name == rank)?;
    let name = fields.next()?.to_owned();
    let writes = match fields.next()? {
        "" => None,
        writes => Some(writes.parse().ok()?),
    };
    let samples: Option<Vec<f64>> =
        fields.next()?.split(' ').map(|sample| sample.parse().ok()).collect();
    Some(Entry { name, rank, writes, samples: samples? })
}

/// Has the row measured in processes that follow one another.
pub fn of_processes(key: &str, plan: Plan, among: &[String]) -> Result<Vec<Standing>, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let mut entries: Vec<Entry> = Vec::new();
    for _ in 0..plan.processes {
        let mut command = Command::new(&program);
        command.args(["--rounds", &plan.rounds.to_string()]);
        command.args(["--slice", &plan.slice_ns.to_string(), "--sample", key]);
        among.iter().for_each(|name| _ = command.args(["--among", name]));
        let output =
            command.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("{key}: {}", output.status));
        }
        let text = String::from_utf8(output.stdout).map_err(|error| error.to_string())?;
        for line in text.lines() {
            let entry = parse(line).ok_or_else(|| format!("{key}: not a sample: {line}"))?;
            match entries.iter_mut().find(|it| it.name == entry.name) {
                Some(before) => before.samples.extend(entry.samples),
                None => entries.push(entry),
            }
        }
    }
    let standing = |it: Entry| Standing {
        name: it.name,
        rank: it.rank,
        timing: Timing::of(it.samples),
        writes: it.writes,
    };
    Ok(entries.into_iter().map(standing).collect())
}
