//! A client for a terminal, or a pipe, that stays connected and says what became of every message.
//!
//! `cargo run --release --example client -- ws://127.0.0.1:9001` (`--help` lists the options)
//!
//! The session does the work; [`conversation`] hands it what is typed, and shows what it says. What is decided on the way is
//! decided by functions that do nothing else: the command line in [`options`], what is typed in [`command`] and [`editor`],
//! the status line in [`status`], words in [`report`] and [`json`].

mod command;
mod conversation;
mod editor;
mod input;
mod json;
mod options;
mod report;
mod screen;
mod status;
mod terminal;
mod text;

use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use longwire::driver::{Client, Events, Timer, Transport};
use longwire_smol as on_smol;
use longwire_tokio as on_tokio;

use conversation::{Conversation, Progress};
use options::{Asked, Options, Runtime, USAGE};
use screen::{Output, Screen};

fn main() -> ExitCode {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(Asked::Run(options)) => *options,
        Ok(Asked::Help) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("client: {why}\ntry: client --help");
            return ExitCode::from(2);
        }
    };
    let result = match options.runtime {
        Runtime::Tokio => match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime.block_on(tokio_session(options)),
            Err(error) => Err(error),
        },
        Runtime::Smol => smol::block_on(smol_session(options)),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody reads what is shown any more, as a rule.
            eprintln!("client: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn tokio_session(options: Options) -> io::Result<bool> {
    let request = options.request.clone();
    // Asked at each attempt: a token could be fetched here.
    let connect = move |_| {
        let request = request.clone();
        async move { Ok((on_tokio::dial(&request).await?, request)) }
    };
    let (client, events, driving) = on_tokio::line_over(connect, options.config.clone()).share();
    tokio::spawn(driving);
    converse(client, events, on_tokio::Timer::default(), options).await
}

async fn smol_session(options: Options) -> io::Result<bool> {
    let request = options.request.clone();
    let connect = move |_| {
        let request = request.clone();
        async move { Ok((on_smol::dial(&request).await?, request)) }
    };
    let (client, events, driving) = on_smol::line_over(connect, options.config.clone()).share();
    smol::spawn(driving).detach();
    converse(client, events, on_smol::Timer::default(), options).await
}

/// Talks by a session, of whatever runtime.
async fn converse<T: Transport, C: Timer>(
    client: Client<T, C>,
    events: Events<T, C>,
    timer: C,
    options: Options,
) -> io::Result<bool> {
    let somebody_types = io::stdin().is_terminal();
    let color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let screen = (somebody_types && io::stdout().is_terminal() && !options.json)
        .then(|| Screen::open(color))
        .flatten();
    let output = match screen {
        Some(screen) => Output::Screen(screen),
        None if options.json => Output::Json,
        None => Output::Plain { quiet: options.quiet },
    };
    let input = input::read(matches!(output, Output::Screen(_)));
    let conversation = Conversation {
        client,
        events,
        timer,
        input,
        interrupts: input::interrupts(),
        output,
        commands: somebody_types || options.commands,
        options,
        progress: Progress::default(),
    };
    conversation.run().await
}
