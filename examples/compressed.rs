//! Compression: agreed on by a server and two clients, chosen for each message.
//!
//! `cargo run --example compressed`
//!
//! The server tells both clients the same news, compressed once, and each of them a secret, not
//! compressed. What arrived is printed, and what it took on the wire.

use std::error::Error;

use longwire::handshake::Acceptance;
use longwire_tokio::{
    Answer, Compress, Config, Deflate, Event, Message, PreparedMessage, Request, WebSocket,
    accept_over, connect_over,
};
use tokio::io::DuplexStream;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let (mut members, mut clients) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let (member, client) = open().await?;
        members.push(member);
        clients.push(client);
    }

    let text = "The tunnel is behind us, and the line still holds. ".repeat(40);
    let news = PreparedMessage::compressed_by(&Message::from(&*text), &Deflate::SHARED);
    for (n, member) in members.iter_mut().enumerate() {
        member.feed_prepared(&news).await.map_err(|error| error.kind())?;
        println!("news: {} bytes wait", member.endpoint().buffered());
        member.flush().await?;
        let secret = format!("token {n}: {}", "0123456789abcdef".repeat(100));
        member.feed_with(Message::from(secret), Compress::Never).await.map_err(|e| e.kind())?;
        println!("secret: {} bytes wait", member.endpoint().buffered());
        member.flush().await?;
    }
    for client in &mut clients {
        for _ in 0..2 {
            let Some(Event::Message(message)) = client.next().await else {
                return Err("two messages were sent".into());
            };
            println!("received {} bytes", message.len());
        }
    }
    Ok(())
}

/// Both ends of a connection that compresses.
async fn open() -> Outcome<(WebSocket<DuplexStream>, WebSocket<DuplexStream>)> {
    let (near, far) = tokio::io::duplex(64 << 10);
    // A client offers it, a server accepts it. Without either call there is none.
    let request = Request::parse("ws://localhost/")?.deflate(Deflate::DEFAULT);
    let acceptance = Acceptance::new().deflate(Deflate::SHARED);
    let server = accept_over(near, Config::server(), |_| Answer::Accept(acceptance));
    let client = connect_over(far, &request, Config::client());
    let (server, client) = tokio::join!(server, client);
    Ok((server?, client?.0))
}
