//! `testee connect` and `testee autobahn`.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::error::Error;

use futures_util::future::{Either, select};
use longwire::error::TimeoutKind;
use longwire::handshake::Request;
use longwire::{CloseCode, Closed, Config, ConnectionError, Event};
use longwire_tests::runtime::{Runtime, WebSocket};

use crate::args::Args;
use crate::echo::echo;

/// How long nothing may move, so that 20 seconds are never exceeded.
const PATIENCE: Duration = Duration::from_secs(18);
const TICK: Duration = Duration::from_secs(1);

pub(crate) async fn connect<R: Runtime>(args: &Args, url: &str) -> Result<(), Box<dyn Error>> {
    let mut websocket = open::<R>(args, url).await?;
    let closed = echo_to_the_end::<R>(&mut websocket).await?;
    if closed.clean { Ok(()) } else { Err(describe(&closed).into()) }
}

pub(crate) async fn autobahn<R: Runtime>(
    args: &Args,
    url: &str,
    agent: &str,
) -> Result<(), Box<dyn Error>> {
    let url = url.trim_end_matches('/');
    let agent = percent_encoded(agent);
    let count_url = format!("{url}/getCaseCount");
    let cases =
        match select(pin!(case_count::<R>(args, &count_url)), pin!(R::sleep(PATIENCE))).await {
            Either::Left((count, _)) => count?,
            Either::Right(_) => return Err(Stuck.into()),
        };
    for case in 1..=cases {
        let mut websocket =
            open::<R>(args, &format!("{url}/runCase?case={case}&agent={agent}")).await?;
        // How a case ends is the suite's to judge; but it has to end.
        if let Err(error) = echo_to_the_end::<R>(&mut websocket).await {
            eprintln!("testee: case {case}: {error}");
        }
    }
    let mut websocket = open::<R>(args, &format!("{url}/updateReports?agent={agent}")).await?;
    echo_to_the_end::<R>(&mut websocket).await?;
    Ok(())
}

/// `name` as the value of a query (RFC 3986 section 3.4).
fn percent_encoded(name: &str) -> String {
    let encode = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
            char::from(byte).into()
        }
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}

async fn case_count<R: Runtime>(args: &Args, url: &str) -> Result<u32, Box<dyn Error>> {
    let mut websocket = open::<R>(args, url).await?;
    let mut count = None;
    while let Some(event) = websocket.next().await {
        if let Event::Message(message) = event {
            count = message.as_text().and_then(|n| n.parse().ok());
            websocket.close(CloseCode::NORMAL, "")?;
        }
    }
    count.ok_or_else(|| "getCaseCount was not answered with a number".into())
}

async fn open<R: Runtime>(args: &Args, url: &str) -> Result<WebSocket<R>, Box<dyn Error>> {
    let mut config = Config::client().with_message_limit(args.limit);
    config.write_stall = PATIENCE;
    let mut request = Request::parse(url)?;
    if let Some(deflate) = args.deflate {
        request = request.deflate(deflate);
    }
    let (websocket, _) = R::connect(&request, config).await?;
    Ok(websocket)
}

/// Echoes until the connection ends, or nothing moves any more.
async fn echo_to_the_end<R: Runtime>(websocket: &mut WebSocket<R>) -> Result<Closed, Stuck> {
    let mut idle = Duration::ZERO;
    let mut before = standing::<R>(websocket);
    loop {
        match event_or::<R>(websocket, R::sleep(TICK)).await {
            Woken::Event => {
                idle = Duration::ZERO;
                if let Some(end) = echo::<R>(websocket).await {
                    return end.ok_or(Stuck);
                }
            }
            Woken::Other => {
                let now = standing::<R>(websocket);
                idle = if now == before { idle + TICK } else { Duration::ZERO };
                before = now;
                if idle >= PATIENCE {
                    return Err(Stuck);
                }
            }
        }
    }
}

/// What was waited for.
enum Woken {
    /// There is an event to take.
    Event,
    /// What else was waited for has come.
    Other,
}

/// Waits for an event or for `other`; the event stays in the connection.
async fn event_or<R: Runtime>(
    websocket: &mut WebSocket<R>,
    other: impl Future<Output = ()>,
) -> Woken {
    let mut other = pin!(other);
    poll_fn(|cx| match websocket.poll_ready(cx) {
        Poll::Ready(()) => Poll::Ready(Woken::Event),
        Poll::Pending => other.as_mut().poll(cx).map(|()| Woken::Other),
    })
    .await
}

/// What changes when bytes move, in or out, without an event.
fn standing<R: Runtime>(websocket: &WebSocket<R>) -> (usize, usize) {
    (websocket.endpoint().buffered(), websocket.endpoint().buffer_capacity())
}

/// Nothing moved for too long.
#[derive(Debug)]
struct Stuck;

impl core::fmt::Display for Stuck {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "no progress for {} seconds", PATIENCE.as_secs())
    }
}

impl Error for Stuck {}

/// How a connection ended that did not end well.
fn describe(closed: &Closed) -> String {
    match (closed.error, &closed.received) {
        (Some(ConnectionError::Timeout(TimeoutKind::WriteStalled)), _) => Stuck.to_string(),
        (Some(error), _) => error.to_string(),
        (None, Some(close)) => format!("closed with {}, but not in order", close.code),
        (None, None) => "closed without a closing handshake".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::percent_encoded;

    #[test]
    fn a_name_is_the_value_of_a_query_whatever_is_in_it() {
        assert_eq!(percent_encoded("longwire-tokio_0.1~x"), "longwire-tokio_0.1~x");
        assert_eq!(percent_encoded("a b/c&d=é%"), "a%20b%2Fc%26d%3D%C3%A9%25");
    }
}
