//! Two ends of a long connection that send each other numbered messages and write down what became of
//! them, for `tests/network/run.sh`, which does things to the network between them.
//!
//! Each keeps a [journal](journal::Journal), line by line, that outlives being killed. A server that is
//! started again goes on where its journals say that it was.

mod args;
mod client;
mod flow;
mod journal;
mod serve;

use std::process::ExitCode;

use longwire_tests::runtime::{Runtime, Smol, Tokio};

use args::{Args, Command, USAGE};

fn main() -> ExitCode {
    let args = match args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(error) => {
            eprint!("exchange: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let result = if args.smol { run::<Smol>(&args) } else { run::<Tokio>(&args) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("exchange: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run<R: Runtime>(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    R::block_on(async {
        match &args.command {
            Command::Serve { listen } => serve::serve::<R>(args, listen).await,
            Command::Client { url } => client::client::<R>(args, url).await,
        }
    })
}
