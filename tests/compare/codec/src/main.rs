//! Codecs side by side, in one process: CPU time without sockets, as Markdown.
//!
//! `codec [--quick] [--processes N] [--rounds N] [--only ROW]... [--among CONTENDER]... [--list]`
//!
//! `codec --sample ROW [--rounds N] [--slice NS] [--among CONTENDER]...` is what each of the processes does.

mod contest;
mod markdown;
mod measure;
mod peers;
mod pipe;
mod rows;
mod samples;
mod wire;

use std::env;
use std::process::ExitCode;

use crate::markdown::Outcome;
use crate::measure::{Plan, measure};
use crate::rows::ROWS;

const USAGE: &str = "usage: codec [--quick] [--processes N] [--rounds N] [--only ROW]... \
    [--among CONTENDER]... [--list]";

struct Options {
    plan: Plan,
    /// The rows, by the beginnings of their keys; none: all.
    only: Vec<String>,
    /// The contenders, by the beginnings of their names; none: all.
    among: Vec<String>,
    /// What one of several processes does: the row of that key, and its samples printed.
    sample: Option<String>,
}

fn main() -> ExitCode {
    if env::args().any(|arg| arg == "--list") {
        ROWS.iter().for_each(|row| println!("{:22} {}", row.key, row.title));
        return ExitCode::SUCCESS;
    }
    let options = match parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let done = match &options.sample {
        Some(key) => sample(key, &options),
        None => compare(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("codec: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let plan = Plan { processes: 5, rounds: 7, slice_ns: 4e6 };
    let mut options = Options { plan, only: Vec::new(), among: Vec::new(), sample: None };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--quick" => options.plan = Plan { processes: 1, rounds: 5, slice_ns: 1e6 },
            "--processes" => options.plan.processes = count(&value()?)?,
            "--rounds" => options.plan.rounds = count(&value()?)?,
            "--slice" => options.plan.slice_ns = count(&value()?)? as f64,
            "--sample" => options.sample = Some(value()?),
            "--only" => {
                let key = value()?;
                if !ROWS.iter().any(|row| row.key.starts_with(&key)) {
                    return Err(format!("no row begins with {key}: see --list"));
                }
                options.only.push(key);
            }
            "--among" => options.among.push(value()?),
            _ => return Err(format!("{arg} is not an option")),
        }
    }
    Ok(options)
}

fn count(value: &str) -> Result<usize, String> {
    let count = value.parse().ok().filter(|&count| count > 0);
    count.ok_or_else(|| format!("{value} is not a number from 1 on"))
}

fn compare(options: &Options) -> Result<(), String> {
    println!("{}", markdown::head(options.plan));
    let mut outcomes = Vec::new();
    for row in ROWS.iter().filter(|row| is_chosen(row.key, &options.only)) {
        let standings = samples::of_processes(row.key, options.plan, &options.among)?;
        if standings.is_empty() {
            continue;
        }
        let outcome = Outcome::new(row.title, standings);
        println!("{}", outcome.table());
        outcomes.push(outcome);
    }
    println!("{}", markdown::summary(&outcomes));
    Ok(())
}

/// Measures one row in this process.
fn sample(key: &str, options: &Options) -> Result<(), String> {
    // sockudo-ws sets timers, which only a runtime has; nothing is run on it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime without threads needs nothing");
    let _context = runtime.enter();

    let row = ROWS
        .iter()
        .find(|row| row.key == key)
        .ok_or_else(|| format!("no row is called {key}: see --list"))?;
    let mut contenders = (row.contenders)();
    contenders.retain(|it| is_chosen(it.name, &options.among));
    let samples = measure(&mut contenders, options.plan);
    for (contender, samples) in contenders.iter().zip(samples) {
        println!("{}", samples::line(contender, &samples));
    }
    Ok(())
}

fn is_chosen(name: &str, beginnings: &[String]) -> bool {
    beginnings.is_empty() || beginnings.iter().any(|beginning| name.starts_with(beginning))
}
