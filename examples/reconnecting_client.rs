//! The smallest chat client that stays up: sends the lines of its standard input, prints what comes.
//!
//! `cargo run --example reconnecting_client -- ws://127.0.0.1:9001`
//!
//! While the server is away, what is typed waits; when it is back, what it has not confirmed is sent again.

use std::error::Error;
use std::io::BufRead as _;
use std::time::Duration;

use longwire_tokio::session::{Delivery, Event, Stopped};
use longwire_tokio::{CloseCode, Message, SessionConfig, line};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: reconnecting_client URL < LINES")?;
    let (client, mut events, driving) = line(&url, SessionConfig::DEFAULT)?.share();
    tokio::spawn(driving);
    // Standard input blocks, so a thread of its own reads it: handles may be used from anywhere.
    std::thread::spawn(move || {
        for text in std::io::stdin().lock().lines().map_while(Result::ok) {
            if let Err(error) = client.post(Message::from(text), Delivery::Received) {
                eprintln!("not sent: {error}");
            }
        }
        // The end of the input: closes once every message has its outcome.
        client.finish(CloseCode::NORMAL, "", Duration::from_secs(60))
    });
    while let Some(event) = events.next().await {
        match event {
            Event::Opened(opened) => eprintln!("connected, {} to send", opened.queued),
            Event::Message(message) => println!("{}", message.as_text().unwrap_or("(not text)")),
            Event::Settled(settled) => eprintln!("{}: {}", settled.id, settled.outcome),
            Event::Closed(closed) => eprintln!("{}: {:?}", closed.failure, closed.next),
            Event::Stopped(Stopped::Closed) => return Ok(()),
            Event::Stopped(stopped) => return Err(stopped.to_string().into()),
            Event::Connecting(_) | Event::Piece(_) | Event::Pong(_) | Event::Repeated(_) => {}
            Event::Error(_) | _ => {}
        }
    }
    Err("nobody drives the session any more".into())
}
