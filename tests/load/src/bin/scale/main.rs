//! `scale`: what a server's work costs as it grows, from one byte to 64 MiB, from one connection to
//! twenty thousand. Says whether Longwire's cost grows faster than the work, and draws it.
#![forbid(unsafe_code)]

mod axis;
mod growth;
mod measure;
mod options;
mod plot;
mod series;
mod servers;
mod svg;
mod sweep;
mod table;

use std::error::Error;
use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use growth::Growth;
use measure::{Effort, measure};
use options::Options;
use series::Series;
use servers::{Servers, is_ours};
use sweep::{Sweep, Work};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("scale: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing grows faster than its work.
fn run() -> Result<bool, Box<dyn Error>> {
    let Some(options) = Options::parse(std::env::args().skip(1))? else {
        print!("{}", options::USAGE);
        return Ok(true);
    };
    let servers = Servers::new(&options.program)?;
    let effort = Effort {
        time: Duration::from_millis(if options.quick { 20 } else { 100 }),
        warmup: Duration::from_millis(if options.quick { 10 } else { 30 }),
        messages_to_room: if options.quick { 6 } else { 10 },
    };
    if let Err(error) = pin() {
        eprintln!("scale: client and servers go wherever the kernel puts them: {error}");
    }
    let begun = Instant::now();
    let mut well = true;
    for work in Work::ALL.into_iter().filter(|work| options.wants(*work)) {
        let sweep = Sweep::new(work, options.quick);
        let (all, growths) = sweep_through(&sweep, &servers, effort)?;
        println!("{}", table::markdown(&sweep, &all, &growths));
        for growth in growths.iter().filter(|growth| growth.is_too_much()) {
            eprintln!("scale: grows faster than its work: {}", growth.say(sweep.amount_in));
            well = false;
        }
        if let Some(folder) = &options.out {
            fs::create_dir_all(folder)?;
            let path = folder.join(work.name()).with_extension("svg");
            fs::write(&path, plot::draw(&sweep, &all))
                .map_err(|error| format!("writing {}: {error}", path.display()))?;
        }
        eprintln!("{:6.0} s  {} done", begun.elapsed().as_secs_f64(), work.name());
    }
    Ok(well)
}

/// Measures everything in turn, round by round. A point that seems to have grown too much is
/// measured again before it is believed: something else may have run just then.
fn sweep_through(
    sweep: &Sweep,
    servers: &Servers,
    effort: Effort,
) -> Result<(Vec<Series>, Vec<Growth>), Box<dyn Error>> {
    let mut all: Vec<_> = servers
        .with_mode(sweep.work.mode())
        .into_iter()
        .map(|name| Series::new(name, &sweep.amounts))
        .collect();
    for _ in 0..ROUNDS {
        for x in &sweep.amounts {
            let mut failed = Vec::new();
            for series in &mut all {
                if let Err(error) = point(sweep, servers, effort, series, *x) {
                    if is_ours(series.server) {
                        return Err(error);
                    }
                    eprintln!("scale: a peer is left out: {error}");
                    failed.push(series.server);
                }
            }
            all.retain(|series| !failed.contains(&series.server));
        }
    }
    let mut growths = look(sweep, &all)?;
    for _ in 0..RETRIES {
        let doubted: Vec<_> = growths.iter().filter(|growth| growth.is_too_much()).collect();
        if doubted.is_empty() {
            break;
        }
        for growth in doubted {
            for series in all.iter_mut().filter(|series| series.server == growth.server) {
                point(sweep, servers, effort, series, growth.worst.0)?;
            }
        }
        growths = look(sweep, &all)?;
    }
    Ok((all, growths))
}

fn point(
    sweep: &Sweep,
    servers: &Servers,
    effort: Effort,
    series: &mut Series,
    x: u64,
) -> Result<(), Box<dyn Error>> {
    let sample = measure(servers, series.server, sweep.work, x, effort)
        .map_err(|error| format!("{}, {} {x}: {error}", series.server, sweep.amount))?;
    series.add(x, sample);
    Ok(())
}

/// Every limit against every curve of ours.
fn look(sweep: &Sweep, all: &[Series]) -> Result<Vec<Growth>, String> {
    let ours = all.iter().filter(|series| is_ours(series.server));
    ours.flat_map(|series| sweep.limits.iter().map(move |limit| limit.look(series))).collect()
}

/// Binds this process, and so every server it starts, to one processor: they take turns there, and
/// whatever else runs matters least.
fn pin() -> Result<(), String> {
    let last = std::thread::available_parallelism().map_or(1, usize::from) - 1;
    let status = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid"])
        .args([last.to_string(), std::process::id().to_string()])
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("taskset: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("taskset: {status}")) }
}

const ROUNDS: u32 = 3;
const RETRIES: u32 = 3;
