//! A long connection at both ends: who comes back says who it is, and gets what was sent meanwhile.
//!
//! `cargo run --example both_ends`

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex};

use longwire_tokio::session::{Delivery, Event, Failure, Next, SendOptions, State};
use longwire_tokio::{Client, CloseCode, Message, SessionConfig, accept, adopting, line};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", listener.local_addr()?);
    tokio::spawn(serve(listener));

    let config = SessionConfig::DEFAULT.with_hold_until_ready();
    let (ann, mut events, driving) = line(&url, config)?.share();
    tokio::spawn(driving);
    ann.post(Message::from("I am here"), Delivery::Received)?;
    while let Some(event) = events.next().await {
        match event {
            Event::Opened(opened) => {
                println!("connected, attempt {}", opened.attempt);
                // On this connection, and before what waits; the next connection begins with its own.
                ann.post(Message::from("login ann"), SendOptions::default().first())?;
                ann.ready();
            }
            Event::Message(message) => {
                println!("received: {}", message.as_text().unwrap_or("(not text)"));
                match message.as_text() {
                    Some("one") => ann.suspend(),
                    Some("three") => ann.close(CloseCode::NORMAL, "")?,
                    _ => {}
                }
            }
            Event::Closed(closed) if closed.next == Next::Suspended => ann.resume(),
            Event::Stopped(stopped) => println!("{stopped}"),
            Event::Settled(_) | Event::Connecting(_) | Event::Closed(_) | Event::Error(_) | _ => {}
        }
    }
    Ok(())
}

/// One session a member, however many connections it takes.
type Members = Arc<Mutex<BTreeMap<String, Client>>>;

async fn serve(listener: TcpListener) {
    let members = Members::default();
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(enter(stream, Arc::clone(&members)));
    }
}

/// Leads a connection to the session of whoever it is. None: it did not say so.
async fn enter(stream: TcpStream, members: Members) -> Option<()> {
    let mut websocket = accept(stream).await.ok()?;
    let Some(longwire_tokio::Event::Message(message)) = websocket.next().await else { return None };
    let name = message.as_text()?.strip_prefix("login ")?.to_owned();
    let mut members = members.lock().ok()?;
    members.retain(|_, session| session.state() != State::Stopped);
    members.entry(name).or_insert_with(welcome).adopt(websocket).then_some(())
}

/// A session that waits for its first connection, and says something to whoever is behind it.
fn welcome() -> Client {
    let (session, mut events, driving) = adopting(SessionConfig::DEFAULT).share();
    tokio::spawn(driving);
    let talk = session.clone();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            let said: &[&str] = if let Event::Message(_) = event {
                &["one"]
            } else if is_away(&event) {
                // This waits for the next connection.
                &["two", "three"]
            } else {
                &[]
            };
            for text in said {
                let _ = talk.post(Message::from(*text), Delivery::Received);
            }
        }
    });
    session
}

fn is_away(event: &Event<'_>) -> bool {
    matches!(event, Event::Closed(closed)
        if matches!(&closed.failure, Failure::Closed(end) if end.code == CloseCode::GOING_AWAY))
}
