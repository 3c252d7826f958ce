//! permessage-deflate side by side: CPU time, bytes on the wire, memory, as Markdown.
//!
//! `deflate [--quick] [--rounds N] [--only ROW]... [--list]`
//!
//! It holds no contender. They are in the programs beside it, which it makes take turns.

mod crew;
mod markdown;
mod measure;

use std::env;
use std::process::ExitCode;

use compare_deflate::row::rows;

use crate::crew::Crew;
use crate::markdown::Outcome;
use crate::measure::{Plan, measure};

const USAGE: &str = "usage: deflate [--quick] [--rounds N] [--only ROW]... [--list]";

struct Options {
    plan: Plan,
    /// The rows, by the beginnings of their keys; none: all, and the memory.
    only: Vec<String>,
}

fn main() -> ExitCode {
    if env::args().any(|arg| arg == "--list") {
        rows().iter().for_each(|row| println!("{:28} {}", row.to_string(), row.title()));
        return ExitCode::SUCCESS;
    }
    let outcome = parse(env::args().skip(1)).and_then(|options| compare(&options));
    if let Err(error) = outcome {
        eprintln!("{error}\n{USAGE}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { plan: Plan { rounds: 21, slice_ns: 4e6 }, only: Vec::new() };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--quick" => options.plan = Plan { rounds: 5, slice_ns: 2e6 },
            "--rounds" => {
                let rounds = value()?;
                let count = rounds.parse().ok().filter(|&count| count > 0);
                options.plan.rounds =
                    count.ok_or_else(|| format!("{rounds} is not a number of rounds"))?;
            }
            "--only" => {
                let key = value()?;
                if !rows().iter().any(|row| row.to_string().starts_with(&key)) {
                    return Err(format!("no row begins with {key}: see --list"));
                }
                options.only.push(key);
            }
            _ => return Err(format!("{arg} is not an option")),
        }
    }
    Ok(options)
}

fn compare(options: &Options) -> Result<(), String> {
    let mut crew = Crew::start()?;
    println!("{}", markdown::head(options.plan));
    println!("{}", markdown::libraries(&crew.libraries()));
    let mut outcomes = Vec::new();
    for row in rows() {
        let key = row.to_string();
        if !options.only.is_empty() && !options.only.iter().any(|only| key.starts_with(only)) {
            continue;
        }
        let contenders = crew.row(row)?;
        let timings = measure(&mut crew, &contenders, options.plan)?;
        let outcome = Outcome::new(row, contenders, timings);
        println!("{}", outcome.table());
        outcomes.push(outcome);
    }
    println!("{}", markdown::summary(&outcomes));
    if options.only.is_empty() {
        println!("{}", markdown::memory(&crew.memory()?));
    }
    Ok(())
}
