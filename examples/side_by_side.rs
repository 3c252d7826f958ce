//! The same program on tokio and on smol.
//!
//! `cargo run --example side_by_side -- --runtime tokio` (or `smol`)
//!
//! [`play`] and what it calls are written once, over whatever transport and timer there is. The
//! two modules at the end start it: they are the same lines twice, and differ in two `use`s.

use std::error::Error;
use std::future::Future;

use futures_util::future::try_join;
use longwire::driver::{Timer, Transport, WebSocket};
use longwire::{CloseCode, Closed, Event, Message};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let closed = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--runtime", "tokio"] => tokio::runtime::Runtime::new()?.block_on(on_tokio::program())?,
        ["--runtime", "smol"] => smol::block_on(on_smol::program())?,
        _ => return Err("usage: side_by_side --runtime tokio|smol".into()),
    };
    println!("{} {:?}, clean: {}", closed.code, closed.reason, closed.clean);
    Ok(())
}

/// Lets a server and a client play against each other until the server has enough.
async fn play<T: Transport, C: Timer>(
    server: impl Future<Output = Outcome<WebSocket<T, C>>>,
    client: impl Future<Output = Outcome<WebSocket<T, C>>>,
) -> Outcome<Closed> {
    let server = async { rally(server.await?, Some("ping 1")).await };
    let client = async { rally(client.await?, None).await };
    Ok(try_join(server, client).await?.1)
}

/// Returns every ball with a number one higher; after ten, has had enough.
async fn rally<T: Transport, C: Timer>(
    mut websocket: WebSocket<T, C>,
    serve: Option<&str>,
) -> Outcome<Closed> {
    if let Some(serve) = serve {
        websocket.feed(Message::from(serve)).await.map_err(|error| error.kind())?;
    }
    while let Some(event) = websocket.next().await {
        if let Event::Closed(closed) = event {
            return Ok(*closed);
        }
        let Event::Message(Message::Text(ball)) = event else { continue };
        println!("{ball}");
        match ball.split_once(' ').and_then(|(_, number)| number.parse::<u32>().ok()) {
            Some(10) => websocket.close(CloseCode::NORMAL, "enough")?,
            Some(n) => {
                let word = if n % 2 == 0 { "ping" } else { "pong" };
                websocket.feed(Message::from(format!("{word} {}", n + 1))).await?;
            }
            None => websocket.close(CloseCode::UNSUPPORTED_DATA, "that is no ball")?,
        }
    }
    Err("the connection had been over before".into())
}

mod on_tokio {
    use longwire_tokio::{accept, connect};
    use tokio::net::TcpListener;

    pub(super) async fn program() -> super::Outcome<longwire::Closed> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/", listener.local_addr()?);
        let server = async { Ok(accept(listener.accept().await?.0).await?) };
        let client = async { Ok(connect(&url).await?.0) };
        super::play(server, client).await
    }
}

mod on_smol {
    use longwire_smol::{accept, connect};
    use smol::net::TcpListener;

    pub(super) async fn program() -> super::Outcome<longwire::Closed> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("ws://{}/", listener.local_addr()?);
        let server = async { Ok(accept(listener.accept().await?.0).await?) };
        let client = async { Ok(connect(&url).await?.0) };
        super::play(server, client).await
    }
}
