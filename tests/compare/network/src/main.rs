//! The comparison over sockets: the same work through every server, in one run, as Markdown.
//!
//! `cargo build --release && target/release/network`, in `tests/compare`. `--help` has the options.
#![forbid(unsafe_code)]

mod calls;
mod machine;
mod options;
mod rows;
mod servers;
mod table;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use machine::Placement;
use options::Options;
use rows::{Row, Scale};
use servers::{Program, Servers};
use table::Table;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("network: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every cell has a figure.
fn run() -> Result<bool, Box<dyn Error>> {
    let options = match Options::parse(std::env::args().skip(1))? {
        Some(options) => options,
        None => {
            print!("{}", options::USAGE);
            return Ok(true);
        }
    };
    let scale = if options.quick { Scale::quick() } else { Scale::full() };
    let rows: Vec<Row> =
        rows::all(scale).into_iter().filter(|row| options.wants_row(row.name)).collect();
    if options.list {
        rows.iter().for_each(|row| println!("{:18} {}", row.name, row.title));
        return Ok(true);
    }
    if rows.is_empty() {
        return Err("no row is called that; network --list has the names".into());
    }
    let servers = Servers::new(options.program.clone())?;
    let programs: Vec<Program> =
        servers.list()?.into_iter().filter(|it| options.wants_server(&it.name)).collect();
    if programs.is_empty() {
        return Err("no server is called that; server --list has the names".into());
    }
    let placement = Placement::new(options.pin);
    print!("{}", machine::describe(&options, &placement));
    let begun = Instant::now();
    let mut complete = true;
    for row in &rows {
        let table = measure(row, &programs, &servers, scale, options.rounds, &placement);
        complete &= table.is_complete();
        println!("{}", table.markdown());
        eprintln!("{:6.0} s  {} done", begun.elapsed().as_secs_f64(), row.name);
    }
    Ok(complete)
}

/// All servers take turns, so that what disturbs the machine disturbs all of them.
fn measure<'a>(
    row: &'a Row,
    programs: &[Program],
    servers: &Servers,
    scale: Scale,
    rounds: u32,
    placement: &Placement,
) -> Table<'a> {
    let mut table = Table::new(row);
    if let Some(reason) = row.unavailable() {
        table.skip(reason);
        return table;
    }
    let turns = row.turns(rounds);
    for turn in 1..=turns {
        for program in programs.iter().filter(|program| row.concerns(program)) {
            eprintln!("          {} turn {turn} of {turns}: {}", row.name, program.name);
            let samples = servers.start(program, row.mode(), row.heartbeat()).and_then(|running| {
                placement.place(running.pid())?;
                row.measure(running.server(program)?, scale, rounds)
            });
            match samples {
                Ok(samples) => table.add(&program.name, samples),
                Err(error) => {
                    eprintln!("          {}: {error}", program.name);
                    table.fail(&program.name, &error.to_string());
                }
            }
        }
    }
    table
}
