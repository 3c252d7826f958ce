//! The opening handshake at both ends: a server that looks at each request before it answers, and what
//! becomes of four of them.
//!
//! `cargo run --example opening`

use std::error::Error;

use longwire::handshake::{Acceptance, OriginPolicy};
use longwire_tokio::{
    Config, ConnectError, Event, Message, Request, Response, connect_with, receive_request,
};
use tokio::net::{TcpListener, TcpStream};

/// What the server speaks, best first.
const VERSIONS: [&str; 2] = ["chat.v2", "chat.v1"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            tokio::spawn(async move {
                if let Err(error) = serve(stream).await {
                    eprintln!("{peer}: {error}");
                }
            });
        }
    });

    let stranger = Request::parse(&format!("ws://{address}/chat"))?;
    let member = stranger
        .clone()
        .header("Authorization", "Bearer ann-7d1c")?
        .subprotocol("chat.v1")?
        .subprotocol("chat.v2")?;
    let page = member.clone().header("Origin", "https://elsewhere.example")?;
    let lost = Request::parse(&format!("ws://{address}/cat"))?;
    for (who, request) in
        [("lost", lost), ("a stranger", stranger), ("another's page", page), ("a member", member)]
    {
        match connect_with(&request, Config::client().with_heartbeat()).await {
            Ok((mut websocket, response)) => {
                let version = response.headers().get_str("Sec-WebSocket-Protocol");
                println!("{who}: {} {}", response.status(), version.unwrap_or("(no subprotocol)"));
                if let Some(Event::Message(message)) = websocket.next().await {
                    println!("{who}: {}", message.as_text().unwrap_or("(not text)"));
                }
            }
            // The server's answer, its headers and its body, if there was one.
            Err(ConnectError::Handshake(error, Some(response))) => {
                println!("{who}: {} {error}", response.status());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn serve(stream: TcpStream) -> Result<(), Box<dyn Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let accept = receive_request(stream, Config::server().with_heartbeat()).await?;
    let (incoming, request) = (accept.incoming(), accept.incoming().request());
    if request.path() != "/chat" {
        return Err(accept.reject(Response::new(404)?.body("There is /chat.\n")).await.into());
    }
    // A page cannot set this header: it would have a cookie, or say who it is in its first message.
    let Some(name) = member(request.headers().get_str("Authorization")).await else {
        let answer = Response::new(401)?.header("WWW-Authenticate", "Bearer")?;
        return Err(accept.reject(answer).await.into());
    };
    let version = incoming.select_subprotocol(&VERSIONS);
    let pages = OriginPolicy::List(vec!["https://chat.example".into()]);
    let mut acceptance = Acceptance::new().origin(pages);
    for version in VERSIONS {
        acceptance = acceptance.subprotocol(version)?;
    }
    let mut websocket = accept.accept(acceptance).await?;
    let welcome = format!("welcome, {name}, to {}", version.unwrap_or("chat"));
    websocket.feed(Message::from(welcome)).await.map_err(|error| error.kind())?;
    while websocket.next().await.is_some() {}
    Ok(())
}

/// Whose token it is. It may take as long as it has to: nothing is answered before.
async fn member(authorization: Option<&str>) -> Option<&'static str> {
    tokio::task::yield_now().await;
    (authorization? == "Bearer ann-7d1c").then_some("ann")
}
