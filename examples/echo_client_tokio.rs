//! An echo client on tokio: sends the lines of its standard input, prints what comes back.
//!
//! `cargo run --example echo_client_tokio -- ws://127.0.0.1:9001`

use std::error::Error;
use std::io::BufRead as _;

use longwire_tokio::{CloseCode, Event, Message, connect};
use tokio::sync::mpsc;

/// Two ends that only send fill both directions and stop: echoes are taken before more is sent.
const IN_FLIGHT: u32 = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: echo_client_tokio URL < LINES")?;
    let (mut websocket, _response) = connect(&url).await?;
    let mut lines = lines();
    let (mut more, mut awaited) = (true, 0);
    loop {
        if !more && awaited == 0 {
            websocket.close(CloseCode::NORMAL, "done")?;
        }
        // While it waits for a line it also answers pings, and learns if the connection is lost:
        // `next` may be dropped at any time and loses nothing.
        tokio::select! {
            line = lines.recv(), if more && awaited < IN_FLIGHT => {
                // No more is either the end of the input, or of the connection: `Closed` follows.
                let Some(line) = line else { more = false; continue };
                more = websocket.feed(Message::from(line)).await.is_ok();
                awaited += u32::from(more);
            }
            event = websocket.next() => match event {
                Some(Event::Message(message)) => {
                    println!("{}", message.as_text().unwrap_or("(not text)"));
                    awaited = awaited.saturating_sub(1);
                }
                Some(Event::Closed(closed)) => {
                    return closed.error.map_or(Ok(()), |error| Err(error.into()));
                }
                Some(_) => {}
                None => return Ok(()),
            },
        }
    }
}

/// Standard input blocks, so a thread of its own reads it.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut lines = std::io::stdin().lock().lines().map_while(Result::ok);
        lines.try_for_each(|line| sender.blocking_send(line))
    });
    receiver
}
