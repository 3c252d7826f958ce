//! Codecs side by side, in one process: CPU time without sockets, as Markdown.
//!
//! `codec [--quick] [--rounds N] [--only ROW]... [--among CONTENDER]... [--list]`

mod contest;
mod markdown;
mod measure;
mod peers;
mod pipe;
mod rows;
mod wire;

use std::env;
use std::process::ExitCode;

use crate::markdown::Outcome;
use crate::measure::{Plan, measure};
use crate::rows::ROWS;

const USAGE: &str =
    "usage: codec [--quick] [--rounds N] [--only ROW]... [--among CONTENDER]... [--list]";

struct Options {
    plan: Plan,
    /// The rows, by the beginnings of their keys; none: all.
    only: Vec<String>,
    /// The contenders, by the beginnings of their names; none: all.
    among: Vec<String>,
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
    compare(&options);
    ExitCode::SUCCESS
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let plan = Plan { rounds: 21, slice_ns: 4e6 };
    let mut options = Options { plan, only: Vec::new(), among: Vec::new() };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--quick" => options.plan = Plan { rounds: 5, slice_ns: 1e6 },
            "--rounds" => {
                let rounds = value()?;
                let count = rounds.parse().ok().filter(|&count| count > 0);
                options.plan.rounds =
                    count.ok_or_else(|| format!("{rounds} is not a number of rounds"))?;
            }
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

fn compare(options: &Options) {
    // sockudo-ws sets timers, which only a runtime has; nothing is run on it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime without threads needs nothing");
    let _context = runtime.enter();

    println!("{}", markdown::head(options.plan));
    let mut outcomes = Vec::new();
    for row in ROWS.iter().filter(|row| is_chosen(row.key, &options.only)) {
        let mut contenders = (row.contenders)();
        contenders.retain(|it| is_chosen(it.name, &options.among));
        if contenders.is_empty() {
            continue;
        }
        let timings = measure(&mut contenders, options.plan);
        let outcome = Outcome::new(row.title, &contenders, &timings);
        println!("{}", outcome.table());
        outcomes.push(outcome);
    }
    println!("{}", markdown::summary(&outcomes));
}

fn is_chosen(name: &str, beginnings: &[String]) -> bool {
    beginnings.is_empty() || beginnings.iter().any(|beginning| name.starts_with(beginning))
}
