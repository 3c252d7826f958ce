//! Instant messaging in the browser: rooms, names, history, and a page that survives the network.
//!
//! `cargo run --release --example chat [-- --listen 127.0.0.1:8080] [--runtime tokio|smol]`
//!
//! One port serves the page and upgrades `/ws`. What is said is decided in [`room`], which knows
//! neither sockets nor clocks; what a message looks like in [`protocol`]; who is connected in
//! [`members`]. The two runtimes differ in how they listen and spawn, and in nothing else.

mod members;
mod pages;
mod protocol;
mod room;

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use longwire::driver::{Timer, Transport, WebSocket};
use longwire::{Config, Event, Message};

use members::Members;
use protocol::Refusal;

const USAGE: &str = "usage: chat [--listen ADDRESS:PORT] [--runtime tokio|smol]";

fn main() -> Result<(), Box<dyn Error>> {
    let mut listen: SocketAddr = ([127, 0, 0, 1], 8080).into();
    let mut runtime = String::from("tokio");
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match (arg.as_str(), args.next()) {
            ("--listen", Some(value)) => {
                listen = value.parse().map_err(|e| format!("{value}: {e}\n{USAGE}"))?
            }
            ("--runtime", Some(value)) => runtime = value,
            _ => return Err(USAGE.into()),
        }
    }
    match runtime.as_str() {
        "tokio" => tokio::runtime::Runtime::new()?.block_on(on_tokio(listen)),
        "smol" => smol::block_on(on_smol(listen)),
        other => Err(format!("no runtime is called {other}\n{USAGE}").into()),
    }
}

/// A text of 4,000 characters, escaped and wrapped, fits; more is not a chat message.
fn config() -> Config {
    Config::server().with_heartbeat().with_message_limit(64 << 10)
}

async fn on_tokio(listen: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    println!("open http://{}", listener.local_addr()?);
    let members = Arc::new(Members::default());
    loop {
        let members = Arc::clone(&members);
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve(
                longwire_tokio::accept_with(stream, config(), pages::answer),
                members,
            ))),
            // Out of file descriptors, as a rule: some are about to be freed.
            Err(error) => {
                eprintln!("accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn on_smol(listen: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = smol::net::TcpListener::bind(listen).await?;
    println!("open http://{}", listener.local_addr()?);
    let members = Arc::new(Members::default());
    loop {
        let members = Arc::clone(&members);
        match listener.accept().await {
            Ok((stream, _)) => smol::spawn(serve(
                longwire_smol::accept_with(stream, config(), pages::answer),
                members,
            ))
            .detach(),
            Err(error) => {
                eprintln!("accept: {error}");
                smol::Timer::after(Duration::from_millis(100)).await;
            }
        }
    }
}

/// One visitor: a page fetched, or a member from joining to leaving.
async fn serve<T, C, E>(
    accept: impl Future<Output = Result<WebSocket<T, C>, E>>,
    members: Arc<Members>,
) where
    T: Transport + Send + 'static,
    T::Error: Send,
    C: Timer + Send + 'static,
{
    // A request that was not upgraded has been answered: with a page, or with what was wrong.
    let Ok(websocket) = accept.await else { return };
    let (sender, mut receiver) = websocket.split();
    let member = members.enter(Box::new(sender.clone()));
    while let Some(event) = receiver.next().await {
        match event {
            Event::Message(Message::Text(text)) => members.receive(member, &text),
            Event::Message(Message::Binary(_)) => {
                let refusal = Refusal::new("this chat takes text messages only").encode();
                // A full queue is dealt with where the rooms deliver; a closed one is news to come.
                let _ = sender.try_send(Message::from(refusal));
            }
            // Dead or disorderly: gone from the room at once, whatever its socket still does.
            Event::Error(_) => members.leave(member),
            Event::Piece(_) | Event::Ping(_) | Event::Pong(_) | Event::Closed(_) | _ => {}
        }
    }
    members.leave(member);
}
