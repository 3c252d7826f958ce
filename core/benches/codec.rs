//! What Longwire's work costs, in CPU time of the thread that does it.
//!
//! `cargo bench -p longwire --bench codec [-- PART_OF_A_NAME...]` prints a Markdown table; with
//! `--features simd`, of what that makes of it. The rounds
//! of all scenarios are interleaved, so that a disturbance hits all of them; the best round is the
//! figure to compare, and a median far from it says that there was one. Without `--bench`, as
//! `cargo test --benches` has it, every scenario is run once and verified.

mod scenarios;

use std::env;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use scenarios::{ALL, Prepared};

const ROUNDS: usize = 21;

/// Long against what a look at the clock costs, short against what disturbs.
const ROUND: Duration = Duration::from_millis(4);

/// CPU time of this thread.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("the clock began at zero")
}

fn time(prepared: &mut Prepared, iterations: u64) -> Duration {
    let start = now();
    prepared.run(iterations);
    now().saturating_sub(start)
}

/// How many iterations take a round.
fn calibrate(prepared: &mut Prepared) -> u64 {
    let mut iterations = prepared.scenario.iterations;
    while time(prepared, iterations) < ROUND {
        iterations *= 2;
    }
    iterations
}

fn main() {
    let (options, names): (Vec<_>, Vec<_>) =
        env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let has = |name: &str| options.iter().any(|option| option == name);
    if has("--test") || !has("--bench") {
        scenarios::verify_all();
        return;
    }
    let wanted = |name: &str| names.is_empty() || names.iter().any(|part| name.contains(part));
    let mut chosen: Vec<_> = ALL
        .iter()
        .filter(|scenario| wanted(scenario.name))
        .map(|scenario| {
            let mut prepared = scenario.prepare();
            let iterations = calibrate(&mut prepared);
            (prepared, iterations, Vec::with_capacity(ROUNDS))
        })
        .collect();
    assert!(!chosen.is_empty(), "no scenario has any of {names:?} in its name");
    for _ in 0..ROUNDS {
        for (prepared, iterations, rounds) in &mut chosen {
            rounds.push(time(prepared, *iterations));
        }
    }
    let utf8 = if cfg!(feature = "simd") { "simdutf8" } else { "std" };
    println!("CPU time, {ROUNDS} interleaved rounds of {ROUND:?} and more, UTF-8 by {utf8}\n");
    println!("| scenario | operation | best, ns | median, ns |");
    println!("|---|---|---:|---:|");
    for (prepared, iterations, mut rounds) in chosen {
        rounds.sort();
        let scenario = prepared.scenario;
        let operations = (iterations * scenario.operations) as f64;
        let nanoseconds = |round: usize| rounds[round].as_nanos() as f64 / operations;
        println!(
            "| {} | {} | {:.1} | {:.1} |",
            scenario.name,
            scenario.operation,
            nanoseconds(0),
            nanoseconds(ROUNDS / 2),
        );
    }
}
