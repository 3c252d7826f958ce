//! The program under conformance test: an echo, as a server and as a client, on either runtime.
//!
//! Its flags, output and exit codes are a contract with the programs that drive it.

mod args;
mod client;
mod echo;
mod serve;
mod session;

use std::process::ExitCode;

use longwire_tests::runtime::{Runtime, Smol, Tokio};

use args::{Args, Command, Invocation, USAGE};

fn main() -> ExitCode {
    match args::parse(std::env::args().skip(1)) {
        Ok(Invocation::Help) => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Ok(Invocation::Run(args)) => match args.runtime {
            args::RuntimeName::Tokio => run::<Tokio>(&args),
            args::RuntimeName::Smol => run::<Smol>(&args),
        },
        Err(error) => {
            eprint!("testee: {error}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run<R: Runtime>(args: &Args) -> ExitCode {
    let result = R::block_on(async {
        match &args.command {
            Command::Serve(options) => serve::serve::<R>(args, options).await,
            Command::Connect { url } => client::connect::<R>(args, url).await,
            Command::Session(options) => session::session::<R>(args, options).await,
            Command::Autobahn { url, agent } => client::autobahn::<R>(args, url, agent).await,
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("testee: {error}");
            ExitCode::FAILURE
        }
    }
}
