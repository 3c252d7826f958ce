//! One scenario, run so many times, for a program that counts instructions.
//!
//! `tests/instructions/run.sh` runs this under Valgrind: `instructions --list` names the scenarios
//! with their iterations, the operations of an iteration, and what an operation is; `instructions
//! SCENARIO ITERATIONS` runs one. Without either, as `cargo test --benches` has it, every scenario is
//! run once and verified.

mod scenarios;

use std::env;

use scenarios::ALL;

fn main() {
    let (options, names): (Vec<_>, Vec<_>) =
        env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let has = |name: &str| options.iter().any(|option| option == name);
    match &names[..] {
        _ if has("--list") => list(),
        _ if has("--bench") && !has("--test") => {
            println!("instructions are counted by tests/instructions/run.sh");
        }
        [name, iterations] if options.is_empty() => {
            let scenario = ALL.iter().find(|scenario| scenario.name == name);
            let iterations = iterations.parse().expect("a number of iterations");
            scenario.expect("a scenario that --list names").prepare().run(iterations);
        }
        _ => scenarios::verify_all(),
    }
}

fn list() {
    for scenario in ALL {
        println!(
            "{} {} {} {}",
            scenario.name, scenario.iterations, scenario.operations, scenario.operation
        );
    }
}
