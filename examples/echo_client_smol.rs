//! An echo client on smol: sends the lines of its standard input, prints what comes back.
//!
//! `cargo run --example echo_client_smol -- ws://127.0.0.1:9001`

use std::error::Error;

use longwire_smol::{CloseCode, Event, Message, connect};
use smol::Unblock;
use smol::future::{or, pending};
use smol::io::{AsyncBufReadExt as _, BufReader};
use smol::stream::StreamExt as _;

/// Two ends that only send fill both directions and stop: echoes are taken before more is sent.
const IN_FLIGHT: u32 = 64;

enum First {
    Line(Option<std::io::Result<String>>),
    Event(Option<Event<'static>>),
}

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: echo_client_smol URL < LINES")?;
    smol::block_on(call(&url))
}

async fn call(url: &str) -> Result<(), Box<dyn Error>> {
    let (mut websocket, _response) = connect(url).await?;
    let mut lines = BufReader::new(Unblock::new(std::io::stdin())).lines();
    let (mut more, mut awaited) = (true, 0);
    loop {
        if !more && awaited == 0 {
            websocket.close(CloseCode::NORMAL, "done")?;
        }
        let line = async {
            let wanted = more && awaited < IN_FLIGHT;
            First::Line(if wanted { lines.next().await } else { pending().await })
        };
        // While it waits, pings are answered. It may be dropped at any time and loses nothing.
        let event = async { First::Event(websocket.next().await.map(Event::into_owned)) };
        let first = or(event, line).await;
        match first {
            First::Line(Some(Ok(line))) => {
                more = websocket.feed(Message::from(line)).await.is_ok();
                awaited += u32::from(more);
            }
            First::Line(Some(Err(_)) | None) => more = false,
            First::Event(Some(Event::Message(message))) => {
                println!("{}", message.as_text().unwrap_or("(not text)"));
                awaited = awaited.saturating_sub(1);
            }
            First::Event(Some(Event::Closed(closed))) => {
                return closed.error.map_or(Ok(()), |error| Err(error.into()));
            }
            First::Event(None) => return Ok(()),
            First::Event(Some(_)) => {}
        }
    }
}
