//! An echo server on smol: every message goes back as it came.
//!
//! `cargo run --example echo_server_smol [-- 127.0.0.1:9001]`

use std::error::Error;
use std::time::Duration;

use longwire::SendError;
use longwire_smol::{Event, accept};
use smol::net::{TcpListener, TcpStream};

fn main() -> Result<(), Box<dyn Error>> {
    smol::block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => smol::spawn(async move {
                if let Err(error) = echo(stream).await {
                    eprintln!("{peer}: {error}");
                }
            })
            .detach(),
            // Out of file descriptors, as a rule: some are about to be freed.
            Err(error) => {
                eprintln!("accept: {error}");
                smol::Timer::after(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn echo(stream: TcpStream) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut websocket = accept(stream).await?;
    while let Some((event, mut sender)) = websocket.next_with_sender().await {
        if let Event::Message(message) = event {
            // Answered while it is lent, which saves a copy. If that is refused because the
            // connection is closing, `Closed` is about to say so.
            if let Err(SendError::Full(message)) = sender.send(message) {
                // The peer sends and does not read: keep the message, and wait until it does.
                let message = message.into_owned();
                let _ = websocket.feed(message).await;
            }
        } else if let Event::Closed(closed) = event {
            // Comes exactly once, and last. Pings have been answered without us.
            println!("closed: {} {}", closed.code, closed.reason);
        }
    }
    Ok(())
}
